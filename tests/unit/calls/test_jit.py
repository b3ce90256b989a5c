"""Functions compiled with `jit`: they do what the plain function does."""

from __future__ import annotations

import warnings

import numpy as np
import pytest

import pronghorn
from pronghorn import layers, ops
from pronghorn.calls.step import run_functions_eagerly
from pronghorn_tensorflow.printing.print import tf_print
from pronghorn_tensorflow.program.compiled import function

RNG = np.random.default_rng(0)
ROWS = RNG.normal(size=(12, 3)).astype("float32")
LABELS = (ROWS.sum(axis=1, keepdims=True) > 0).astype("float32")


@pytest.fixture(autouse=True)
def no_warnings():
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        yield


def training(wrap):
    """A loop by hand of a few steps; the losses and the weights at its end."""
    pronghorn.utils.set_random_seed(1)
    model = pronghorn.Sequential([layers.Dense(4, activation="tanh"), layers.Dense(1)])  # built in the first step
    optimizer = pronghorn.optimizers.Adam(0.05)
    mean = pronghorn.metrics.Mean()

    @wrap
    def step(x, y):
        with pronghorn.GradientTape() as tape:
            loss = ops.mean(pronghorn.losses.binary_crossentropy(y, model(x, training=True), from_logits=True))
        gradients = tape.gradient(loss, model.trainable_variables)
        optimizer.apply_gradients(zip(gradients, model.trainable_variables))
        mean.update_state(loss)
        return loss

    losses = [float(step(x, y)) for x, y in ((ROWS, LABELS), (ROWS[:5], LABELS[:5])) * 4]
    return losses, [weight.numpy() for weight in model.weights], float(mean.result())


def test_a_training_step_is_what_it_is_eagerly():
    plain, compiled = training(lambda function: function), training(pronghorn.jit)
    np.testing.assert_allclose(compiled[0], plain[0], rtol=1e-5)
    for ours, theirs in zip(compiled[1], plain[1]):
        np.testing.assert_allclose(ours, theirs, rtol=1e-4, atol=1e-6)
    np.testing.assert_allclose(compiled[2], plain[2], rtol=1e-5)


def test_it_is_traced_once_for_any_number_of_rows():
    traced = []

    @pronghorn.jit
    def double(x):
        traced.append(x.shape)
        return x * 2.0

    for count in (12, 7, 3):
        np.testing.assert_array_equal(np.asarray(double(ROWS[:count])), ROWS[:count] * 2)
    assert len(traced) == 1
    double(ROWS.astype("float16"))
    assert len(traced) > 1


def test_results_of_earlier_calls_stay():
    double = pronghorn.jit(lambda x: x * 2.0)
    first = double(ROWS)
    double(ROWS + 1.0)
    np.testing.assert_array_equal(first.numpy(), ROWS * 2)


def test_structures_go_in_and_come_out():
    @pronghorn.jit
    def both(pair, scale=1.0, *, words):
        return {"sum": pair["a"] + pair["b"][0] * scale, "words": words, "none": None}

    for scale in (1.0, 3.0):
        result = both({"a": ROWS, "b": [ops.ones((12, 3))]}, scale, words="some")
        np.testing.assert_allclose(result["sum"].numpy(), ROWS + scale, rtol=1e-6)
        assert result["words"] == "some" and result["none"] is None
        assert ops.is_tensor(result["sum"])


def test_methods_and_decorators_with_options():
    class Scale:
        def __init__(self, factor):
            self.factor = factor

        @function(jit_compile=True)
        def __call__(self, x):
            return x * self.factor

        @function
        def twice(self, x):
            return self(x) * 2.0

    np.testing.assert_allclose(Scale(3.0)(ROWS).numpy(), ROWS * 3, rtol=1e-6)
    np.testing.assert_allclose(Scale(5.0).twice(ROWS).numpy(), ROWS * 10, rtol=1e-6)


def test_a_tape_around_it_sees_what_it_does():
    square = pronghorn.jit(lambda x: ops.sum(x * x))
    x = ops.convert_to_tensor(ROWS)
    square(x)
    with pronghorn.GradientTape() as tape:
        tape.watch(x)
        y = square(x)
    np.testing.assert_allclose(tape.gradient(y, x).numpy(), 2 * ROWS, rtol=1e-6)


def test_what_asks_for_values_runs_as_it_is_with_a_warning():
    @pronghorn.jit
    def clip(x):
        return x * 0.5 if ops.sum(x) > 0 else x

    with pytest.warns(UserWarning, match="clip cannot be compiled"):
        np.testing.assert_allclose(clip(np.ones((2, 2), "float32")).numpy(), 0.5)
    np.testing.assert_allclose(clip(-np.ones((2, 2), "float32")).numpy(), -1.0)


@pytest.mark.parametrize("counters", [ops.arange(3), ops.array([[0], [1], [2]]), ops.array([True, False])])
def test_loops_over_known_integers_know_their_counters(counters):
    @pronghorn.jit
    def total(x):
        return sum(x[:, int(i.item())] for i in counters)

    expected = sum(ROWS[:, int(i.item())] for i in np.asarray(counters))
    np.testing.assert_allclose(total(ROWS).numpy(), expected, rtol=1e-6)


def test_tf_print_prints_values_every_time(capsys):
    @function
    def show(x):
        tf_print("sum", ops.sum(x))
        return x

    with pytest.warns(UserWarning, match=r"tf\.print"):
        show(np.ones(2, "float32"))
    show(np.ones(3, "float32"))
    assert capsys.readouterr().err == "sum 2\nsum 3\n"


def test_its_own_errors_come_through():
    @pronghorn.jit
    def wrong(x):
        return ops.reshape(x, (5, 5))

    with pytest.raises(ValueError, match="reshape"):
        wrong(ROWS)
    assert wrong(np.ones((5, 5), "float32")).shape == (5, 5)  # for which it is right, compiled


def test_numbers_that_change_in_every_call_do_not_compile_for_ever():
    traced = []

    @pronghorn.jit
    def shift(x, by):
        traced.append(by)
        return x + by

    for by in range(40):
        np.testing.assert_allclose(shift(ROWS[0], by).numpy(), ROWS[0] + by)
    assert len(set(traced)) == 40  # the later ones run as they are


def test_functions_can_be_run_eagerly():
    seen = []
    function = pronghorn.jit(lambda x: seen.append(type(x)) or x)
    run_functions_eagerly(True)
    try:
        function(ROWS)
        function(ROWS)
        assert len(seen) == 2
    finally:
        run_functions_eagerly(False)


def test_what_is_no_function():
    with pytest.raises(TypeError, match="jit: expected a function"):
        pronghorn.jit(3)


class _Counted:
    """Equal to others by a number, and so without a hash."""

    def __init__(self, number):
        self.number = number

    def __eq__(self, other):
        return self.number == other.number


def test_an_object_without_a_hash_is_not_taken_for_one_that_is_gone():
    scaled = pronghorn.jit(lambda x, by: x * float(by.number))
    x = np.ones(2, "float32")
    assert [float(scaled(x, _Counted(number))[0]) for number in range(1, 8)] == list(range(1, 8))


def test_zeros_of_both_signs_are_two_constants():
    scaled = pronghorn.jit(lambda x, by: x * by)
    x = np.ones(2, "float32")
    assert not np.signbit(scaled(x, 0.0)).any()
    assert np.signbit(scaled(x, -0.0)).all()
