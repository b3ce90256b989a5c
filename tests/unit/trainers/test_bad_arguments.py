"""Arguments of `compile`, `fit` and their relatives, and data that does not fit: what the errors and warnings say."""

from __future__ import annotations

import numpy as np
import pytest

import pronghorn
from pronghorn import layers


def forever(x, y):
    while True:
        yield x, y


CASES = {
    "fit": {
        "a misspelt name": ({"epoch": 3}, "no argument 'epoch'; nearest: epochs"),
        "verbose": ({"verbose": "loud"}, "`verbose`.*'auto'.*'loud'"),
        "negative epochs": ({"epochs": -1}, "epochs must be an integer that is not negative, got -1"),
        "negative steps": ({"steps_per_epoch": -1}, "steps_per_epoch=-1"),
        "no steps": ({"steps_per_epoch": 0}, "steps_per_epoch must be an integer of 1 or more, got 0.*Leave it out"),
        "empty batches": ({"batch_size": 0}, "^batch_size must be an integer of 1 or more, got 0"),
        "empty batches of a validation": ({"validation_batch_size": 0}, "^validation_batch_size must be .*1 or more"),
        "half a step": ({"validation_steps": 0.5}, "validation_steps=0.5"),
        "frequency": ({"validation_freq": 0}, "validation_freq.*1 or more"),
        "classes by name": ({"class_weight": {"cat": 1.0}}, "class numbers.*'cat': 1.0"),
        "weights by name": ({"class_weight": {0: "much"}}, "class numbers.*0: 'much'"),
        "callbacks": ({"callbacks": "early"}, "Callback objects.*'early'"),
    },
    "evaluate": {"verbose": ({"verbose": "loud"}, "`verbose`"), "steps": ({"steps": -2}, "steps=-2")},
    "predict": {"verbose": ({"verbose": "loud"}, "`verbose`"), "steps": ({"steps": -2}, "steps=-2")},
    "compile": {"a misspelt name": ({"metric": ["mae"]}, "no argument 'metric'; nearest: metrics")},
}


@pytest.mark.parametrize(("method", "name"), [(method, name) for method in CASES for name in CASES[method]])
def test_arguments(make_model, data, method, name):
    arguments, message = CASES[method][name]
    model = make_model()
    with pytest.raises((ValueError, TypeError), match=message) as caught:
        getattr(model, method)(*{"compile": (), "predict": data[:1]}.get(method, data), **arguments)
    assert "\n" not in str(caught.value)


def test_validation(make_model, data):
    x, y = data
    model = make_model()
    with pytest.raises(ValueError, match=r"validation_data must be a tuple \(x, y\).*\(50, 6\)"):
        model.fit(x, y, validation_data=x, verbose=0)
    with pytest.raises(ValueError, match="only supported for arrays.*generator.*validation_data"):
        model.fit(forever(x, y), validation_split=0.5, steps_per_epoch=1, verbose=0)


def test_class_numbers_with_fractions(make_model, data):
    x, y = data
    with pytest.raises(ValueError, match=r"class numbers, 0 to 2.*\.5 is among them.*mean_squared_error"):
        make_model().fit(x, y + 0.5, verbose=0)
    make_model().fit(x, y.astype("float32"), verbose=0)


def test_infinite_values(make_model, data):
    x, y = data
    x = x.copy()
    x[2, 1] = np.inf
    with pytest.warns(UserWarning, match=r"`x` holds infinite values, the first at index \(2, 1\)") as caught:
        make_model().fit(x, y, verbose=0)
    assert caught[0].filename == __file__


@pytest.mark.parametrize("samples", [3, 5])
def test_batches_of_different_lengths(make_model, data, samples):
    x, y = data
    message = rf"different numbers of samples, 4, {samples} in turn"
    for batches in ([(x[:4], y[:samples])], [(x[:4], y[:4]), (x[:4], y[:samples])]):
        with pytest.raises(ValueError, match=message):
            make_model().fit(iter(batches), verbose=0)
    with pytest.raises(ValueError, match=message):
        make_model().train_on_batch(x[:4], y[:samples])


def test_a_generator_makes_its_own_batches(make_model, data):
    with pytest.warns(UserWarning, match="generator.*batch_size=7 has no effect"):
        make_model().fit(forever(*data), batch_size=7, steps_per_epoch=1, verbose=0)


def test_a_generator_that_ends_early(make_model, data):
    x, y = data
    with pytest.warns(UserWarning, match="data ended after 1 of 3 steps") as caught:
        make_model().fit(iter([(x, y)]), steps_per_epoch=3, verbose=0)
    ours = [warning for warning in caught if "data ended" in str(warning.message)]  # garbage may warn at any time
    assert [warning.filename for warning in ours] == [__file__]


def test_functions_of_other_arguments(make_model, data):
    with pytest.raises(TypeError, match=r"loss '<lambda>' must be a function of \(y_true, y_pred\).*\(y\)"):
        make_model(lambda y: y).fit(*data, verbose=0)
    with pytest.raises(TypeError, match=r"metric 'far' must be a function of \(y_true, y_pred\)"):
        make_model(metrics=[far]).fit(*data, verbose=0)
    make_model(lambda y_true, y_pred, scale=1.0: scale * pronghorn.losses.mean_squared_error(y_true, y_pred))


def far(y_true):
    return y_true


def test_weights_of_a_model_that_has_none_yet(tmp_path):
    model = pronghorn.Sequential([layers.Dense(2)], name="net")
    with pytest.raises(ValueError, match="'net' has not yet been built"):
        model.save_weights(tmp_path / "net.weights.h5")


def test_the_first_batch_of_a_generator_is_checked_before_training(make_model, data):
    x, y = data
    model = make_model()
    before = model.get_weights()
    for labels, message in ((y + 1, "class number 3"), (np.eye(3)[y], "one-hot")):
        with pytest.raises(ValueError, match=message):
            model.fit(iter([(x, labels)]), verbose=0)
    for now, then in zip(model.get_weights(), before):
        np.testing.assert_array_equal(now, then)
    assert len(model.fit(iter([(x, y)] * 2), verbose=0).history["loss"]) == 1


def test_a_validation_generator_that_is_used_up_after_an_epoch(make_model, data):
    x, y = data
    batches = ((x[i : i + 8], y[i : i + 8]) for i in (0, 8))
    with pytest.raises(ValueError, match="gives its batches once.*validation_steps"):
        make_model().fit(x, y, validation_data=batches, epochs=3, verbose=0)
