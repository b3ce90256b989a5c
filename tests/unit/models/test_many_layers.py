"""What is done for a model grows as its layers do, counted in calls of functions."""

import sys

import pytest

import pronghorn as ph


def dense(number):
    return ph.layers.Dense(1, name=f"part{number}", kernel_initializer="zeros")


def sequential(count):
    return ph.Sequential([ph.Input((2,)), *map(dense, range(count))])


def added(count):
    model = ph.Sequential([ph.Input((2,))])
    for number in range(count):
        model.add(dense(number))
    return model


def functional(count):
    x = inputs = ph.Input((2,))
    for number in range(count):
        x = dense(number)(x)
    return ph.Model(inputs, x)


def saved(model, folder):
    model.save(folder / "m.keras")
    ph.models.load_model(folder / "m.keras")


def popped(model, folder):
    for _ in range(len(model.layers) - 1):
        model.pop(rebuild=False)


ACTIONS = {
    "configuration": lambda model, folder: type(model).from_config(model.get_config()),
    "json": lambda model, folder: ph.models.model_from_json(model.to_json()),
    "summary": lambda model, folder: model.summary(print_fn=lambda text: None),
    "clone": lambda model, folder: ph.models.clone_model(model),
    "weights": lambda model, folder: model.set_weights(model.get_weights()),
    "save": saved,
}


def calls_of(function, *arguments):
    count = 0

    def note(frame, event, argument):
        nonlocal count
        count += event == "call"

    sys.setprofile(note)
    try:
        function(*arguments)
    finally:
        sys.setprofile(None)
    return count


def check_linear(calls, least=100):
    """Whether twice as many layers more are twice as many calls more; of a quadratic part they are four times."""
    few, some, many = (calls(count) for count in (least, 2 * least, 4 * least))
    assert (many - some) / (some - few) < 2.1, (few, some, many)


@pytest.mark.parametrize("make", [sequential, added, functional])
def test_making(make):
    make(2)
    check_linear(lambda count: calls_of(make, count))


@pytest.mark.parametrize("make", [sequential, functional])
@pytest.mark.parametrize("action", ACTIONS)
def test_using(make, action, tmp_path):
    ACTIONS[action](make(2), tmp_path)
    check_linear(lambda count: calls_of(ACTIONS[action], make(count), tmp_path), least=25 if action == "save" else 100)


def test_popping(tmp_path):
    popped(sequential(2), tmp_path)
    check_linear(lambda count: calls_of(popped, sequential(count), tmp_path))


def test_a_name_is_taken_until_its_layer_has_another():
    model = ph.Sequential([dense(0), dense(1)])
    with pytest.raises(ValueError, match="unique names"):
        model.add(dense(1))
    model.pop()
    model.add(dense(1))
    model.layers[1].name = "other"
    model.add(dense(1))
    model.pop()
    model.pop()
    model.add(dense(1))
    assert [layer.name for layer in model.layers] == ["part0", "part1"]
