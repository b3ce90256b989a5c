"""Losses and their weights, nested as a model's outputs are."""

from collections import namedtuple

import numpy as np
import pytest

import pronghorn as keras
from pronghorn import layers, ops, tree
from pronghorn.trainers.loss_terms import UnknownOutputError, loss_terms, shown_names

Pair = namedtuple("Pair", ["p", "q"])
X = np.random.default_rng(0).random((8, 3)).astype("float32")
Y = np.random.default_rng(1).random((8, 1)).astype("float32")


def make(structure):
    """A model with outputs y1, y2 and y3, as many as the structure has leaves."""
    x = keras.Input((3,))
    names = iter(["y1", "y2", "y3"])
    return keras.Model(x, tree.map_structure(lambda _: layers.Dense(1, name=next(names))(x), structure))


def logs_of(structure, loss, **arguments):
    model = make(structure)
    model.compile("sgd", loss, **arguments)
    history = model.fit(X, tree.map_structure(lambda _: Y, structure), verbose=0, batch_size=8)
    return {name: values[0] for name, values in history.history.items()}


def logs_of_same(structure, loss):
    """`logs_of` with the same weights each time."""
    keras.utils.set_random_seed(0)
    return logs_of(structure, loss)


def pairs(spec, y_pred, names=("a", "b", "c")):
    return [(term.path, term.loss) for term in loss_terms(spec, y_pred, names)]


def squares(y_true, y_pred):
    """A loss of all outputs that it is the place of."""
    tree.assert_same_structure(y_true, y_pred)
    return sum(ops.mean(ops.square(t - p)) for t, p in zip(tree.flatten(y_true), tree.flatten(y_pred)))


def test_which_loss_is_for_which_output():
    assert pairs("mse", [0, 0]) == [((0,), "mse"), ((1,), "mse")]
    assert pairs({"b": "mse", "a": None}, [0, 0], ("a", "b")) == [((1,), "mse"), ((0,), None)]
    assert pairs({"b": "mse"}, {"a": 0, "b": 0}, ("a", "b")) == [(("b",), "mse")]
    assert pairs({"u": "mse", "v": ["mae", "mse"]}, {"u": 0, "v": (0, 0)}) == [
        (("u",), "mse"),
        (("v", 0), "mae"),
        (("v", 1), "mse"),
    ]
    assert pairs(["mse", ["mae", "mse"]], [0, 0]) == [((0,), "mse"), ((1,), "mae"), ((1,), "mse")]  # two for one
    assert pairs(["mse", ("mae", None)], (0, 0)) == [((), "mse"), ((0,), "mae"), ((1,), None)]  # for all, for single
    assert pairs(["mse", "mae", "mse"], [0, [0, 0]]) == [((0,), "mse"), ((1, 0), "mae"), ((1, 1), "mse")]
    assert pairs(Pair("mse", "mae"), Pair(0, 0)) == [((0,), "mse"), ((1,), "mae")]


@pytest.mark.parametrize(
    ("structure", "loss", "names"),
    [
        ([0, 0], ["mse", "mae"], ["y1_loss", "y2_loss"]),
        ((0, 0), [squares, (squares, squares)], ["y1_loss", "y1_y2_loss", "y2_loss"]),
        ({"u": 0, "v": 0}, [squares, {"u": "mse"}], ["u_loss", "u_v_loss"]),
        (Pair(0, 0), [squares, Pair("mse", "mae")], ["y1_loss", "y1_y2_loss", "y2_loss"]),
        ({"u": (0, 0), "v": 0}, {"u": [squares, (None, "mse")], "v": "mae"}, ["u/y2_loss", "u_loss", "v_loss"]),
        ([0, [0, 0]], "mse", ["1/y2_loss", "1/y3_loss", "y1_loss"]),
        ([0, 0], [None, "mse"], []),
    ],
)
def test_names_in_logs_and_the_sum(structure, loss, names):
    logs = logs_of(structure, loss)
    assert sorted(logs) == sorted(["loss", *names])
    if names:
        assert logs["loss"] == pytest.approx(sum(logs[name] for name in names), rel=1e-5)


def test_of_losses_of_one_name_the_last_is_shown():
    """Several losses of one output: all of them are summed, and logs have the last."""
    mse, mae, both = (logs_of_same([0, 0], ["mse", loss]) for loss in ("mse", "mae", ["mse", "mae"]))
    assert both["y2_loss"] == mae["y2_loss"]
    assert both["loss"] == pytest.approx(mse["loss"] + mae["y2_loss"], rel=1e-5)
    assert logs_of_same(0, ["mse", "mae"])["y1_loss"] == logs_of_same(0, "mae")["loss"]


@pytest.mark.parametrize("nested", [False, True])
def test_a_layer_called_twice_gives_two_outputs_of_one_name(nested):
    x = keras.Input((3,))
    layer = layers.Dense(1, name="d")
    outputs = [layer(x), layer(x * 2), layers.Dense(1, name="e")(x)]
    targets = [Y, Y, Y]
    if nested:
        outputs, targets = [outputs[2], outputs[:2]], [Y, [Y, Y]]
    model = keras.Model(x, outputs)
    model.compile("sgd", "mse")
    logs = model.evaluate(X, targets, verbose=0, return_dict=True)
    once, twice, other = (np.mean((m(X) - Y) ** 2) for m in (layer, lambda x: layer(2 * x), model.get_layer("e")))
    shown = "1/d_loss" if nested else "d_loss"
    assert logs == pytest.approx({"loss": once + twice + other, shown: twice, "e_loss": other}, rel=1e-5)
    names = ["loss", "e_loss", shown, shown] if nested else ["loss", shown, shown, "e_loss"]
    assert model.metrics_names == names
    assert model.evaluate(X, targets, verbose=0) == [logs[name] for name in names]
    assert model.test_on_batch(X, targets) == pytest.approx([logs[name] for name in names], rel=1e-5)


def test_several_losses_of_one_output_add_up():
    keras.utils.set_random_seed(0)
    both = logs_of(0, ["mse", "mae"])["loss"]
    keras.utils.set_random_seed(0)
    first = logs_of(0, "mse")["loss"]
    keras.utils.set_random_seed(0)
    assert both == pytest.approx(first + logs_of(0, "mae")["loss"], rel=1e-5)


@pytest.mark.parametrize(
    "weights", [[1.0, 2.0], {"y1": 1.0, "y2": 2.0}, (1.0, 2.0), {"y2": 2.0}], ids=["list", "dict", "tuple", "part"]
)
def test_weights_as_the_losses_or_as_the_outputs(weights):
    logs = logs_of([0, 0], ["mse", "mae"], loss_weights=weights)
    assert logs["loss"] == pytest.approx(logs["y1_loss"] + 2 * logs["y2_loss"], rel=1e-5)


def test_weights_of_nested_losses():
    logs = logs_of((0, 0), [squares, ("mse", None)], loss_weights=[0.5, (3.0, 1.0)])
    assert logs["loss"] == pytest.approx(0.5 * logs["y1_y2_loss"] + 3 * logs["y1_loss"], rel=1e-5)


def test_outputs_without_names_are_called_after_their_losses():
    y_pred = [0, [0, 0]]
    names = ["output_0", "output_1", "output_2"]
    assert shown_names(loss_terms(["mse", "mae", "mae"], y_pred, names), y_pred, names, None) == [
        "mse",
        "1/mae",
        "1/mae_1",
    ]


@pytest.mark.parametrize(
    ("structure", "loss", "weights", "error", "said"),
    [
        ({"u": 0, "v": 0}, {"u": "mse", "w": "mse"}, None, KeyError, "'w'. The outputs there are 'u', 'v'"),
        ([0, 0], {"y1": "mse", "y9": "mse"}, None, ValueError, "'y9', which name no output. Expected keys"),
        ({"u": 0, "v": 0}, {"u": {"k": "mse"}}, None, KeyError, "at 'u'.* the model has a single output"),
        ([0, 0], ["mse", "mse", "mse"], None, ValueError, "3 entries, but the outputs there are 2"),
        ([0, 0], ["mse", "mse"], [1.0, 2.0, 3.0], ValueError, "one entry for each of the 2 losses"),
        ([0, 0], {"y1": 3}, None, ValueError, "3"),
    ],
)
def test_what_does_not_fit(structure, loss, weights, error, said):
    with pytest.raises(error, match=said):
        logs_of(structure, loss, loss_weights=weights)


def test_an_unknown_output_is_readable_and_both_kinds_of_error():
    error = UnknownOutputError("a sentence")
    assert str(error) == "a sentence"
    assert isinstance(error, KeyError)
    assert isinstance(error, ValueError)


def test_models_return_the_containers_they_were_made_with():
    for structure in ([0, 0], (0, 0), {"u": 0, "v": (0, 0)}, Pair(0, 0)):
        model = make(structure)
        assert type(model.output) is type(structure)
        assert type(model.predict(X, verbose=0)) is type(structure)


def test_a_dict_of_losses_names_every_output_of_a_list():
    with pytest.raises(ValueError, match="`loss` has the keys 'y1', and none for 'y2'.*None is one for an output"):
        logs_of([0, 0], {"y1": "mse"})
    assert list(logs_of([0, 0], {"y1": "mse", "y2": None})) == ["loss"]
