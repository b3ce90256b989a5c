"""From which call on models are compiled: the estimates, and that a trained model is from the first."""

import numpy as np
import pytest

import pronghorn as keras
from pronghorn import layers
from pronghorn.calls import worth
from pronghorn.calls.batch import as_batch
from pronghorn.calls.step import StepFunction


def data(*shape):
    return np.random.default_rng(0).normal(size=shape).astype("float32")


def graph_of(model, x):
    return StepFunction(model, "model").graph(as_batch(x))


def dense(units=3, depth=1):
    return keras.Sequential([keras.Input((4,)), *(layers.Dense(units) for _ in range(depth))])


def recurrent(steps):
    return keras.Sequential([keras.Input((steps, 4)), layers.Bidirectional(layers.GRU(8))])


def convolutional(depth):
    return keras.Sequential([keras.Input((16, 16, 3)), *(layers.Conv2D(3, 3, padding="same") for _ in range(depth))])


def test_what_takes_longer_op_by_op_runs_so_fewer_times():
    counts = [worth.calls_op_by_op(graph_of(recurrent(steps), data(1, steps, 4))) for steps in (2, 32, 128)]
    assert counts[0] == worth.MOST_OP_BY_OP > counts[1] > counts[2] >= 1
    wide = keras.Sequential([keras.Input((2048,)), layers.Dense(2048), layers.Dense(2048)])
    counts = [worth.calls_op_by_op(graph_of(wide, data(rows, 2048))) for rows in (1, 64, 512)]
    assert counts[0] == worth.MOST_OP_BY_OP > counts[1] > counts[2] >= 1


def test_loops_count_as_often_as_they_run():
    times = [worth.op_by_op(graph_of(recurrent(steps), data(1, steps, 4))) for steps in (20, 40)]
    assert 1.7 < times[1] / times[0] < 2.0


def test_convolutions_that_are_alike_are_compiled_once():
    one, two, three = (worth.compiling(graph_of(convolutional(depth), data(1, 16, 16, 3))) for depth in (1, 2, 3))
    assert two - one == pytest.approx(three - two)
    other = keras.Sequential([keras.Input((16, 16, 3)), layers.Conv2D(3, 3, padding="same"), layers.Conv2D(3, 5)])
    assert worth.compiling(graph_of(other, data(1, 16, 16, 3))) > 1.2 * two


def test_an_empty_graph_and_an_empty_batch():
    assert (
        worth.calls_op_by_op(graph_of(keras.Sequential([keras.Input((4,)), layers.Flatten()]), data(1, 4)))
        == worth.MOST_OP_BY_OP
    )
    assert worth.calls_op_by_op(graph_of(dense(), data(0, 4))) == worth.MOST_OP_BY_OP


def compiled_from(model, x, most=2 * worth.MOST_OP_BY_OP):
    """The number of the first call that is compiled, counted from 1."""
    for number in range(1, most):
        model(x)
        if model._compiled_calls.of_now().steps:
            return number
    return None


def test_the_first_calls_run_op_by_op():
    assert compiled_from(dense(), data(2, 4)) == worth.MOST_OP_BY_OP + 1
    model = recurrent(64)
    count = worth.calls_op_by_op(graph_of(model, data(2, 64, 4)))
    assert compiled_from(model, data(2, 64, 4)) == count + 1 <= worth.MOST_OP_BY_OP


def fitted(model):
    model.compile("sgd", "mse")
    model.fit(data(4, 4), data(4, 3), verbose=0)


def evaluated(model):
    model.compile("sgd", "mse")
    model.evaluate(data(4, 4), data(4, 3), verbose=0)


@pytest.mark.parametrize("use", [fitted, evaluated, lambda model: model.predict(data(4, 4), verbose=0)])
def test_a_model_that_was_compiled_runs_so_from_the_first_call_on(use):
    model = dense()
    use(model)
    assert compiled_from(model, data(2, 4)) == 1
    np.testing.assert_array_equal(model(data(2, 4)), model.predict(data(2, 4), verbose=0))


def test_a_model_whose_steps_run_eagerly_was_not_compiled():
    model = dense()
    model.compile("sgd", "mse", run_eagerly=True)
    model.fit(data(4, 4), data(4, 3), verbose=0)
    model.run_eagerly = False
    assert compiled_from(model, data(2, 4)) == worth.MOST_OP_BY_OP + 1


def test_lengths_of_a_compiled_model_are_not_compiled_one_by_one():
    model = keras.Sequential([keras.Input((None, 4)), layers.Dense(3)])
    model.predict(data(2, 5, 4), verbose=0)
    for length in range(1, 3 * worth.MOST_OP_BY_OP):
        assert model(data(1, length, 4)).shape == (1, length, 3)
    kept = model._compiled_calls.of_now()
    programs = [p for family in kept._families.values() for v in family.step._variants.values() for p in v.programs()]
    assert len(programs) == 1
