"""`StatelessScope` in functions that JAX traces: the variables have JAX's values inside, and their own afterwards."""

import numpy as np
import pytest

import pronghorn as keras
from pronghorn import layers, ops
from pronghorn.backend.scopes import in_stateless_scope

jax = pytest.importorskip("jax")


def network():
    keras.utils.set_random_seed(3)
    return keras.Sequential([keras.Input((3,)), layers.Dense(4), layers.BatchNormalization(), layers.Dense(1)])


def loss_and_state(model, metric, x):
    """A function of all values, as a training loop for JAX has it."""

    def function(trainable, others, counts):
        variables = [*model.trainable_variables, *model.non_trainable_variables, *metric.variables]
        with keras.StatelessScope(zip(variables, [*trainable, *others, *counts])) as scope:
            assert in_stateless_scope()
            loss = ops.mean(ops.square(model(x, training=True) - 1.0))
            metric.update_state(loss)
            inside = scope.get_current_value(metric.variables[1])
        assert not in_stateless_scope()
        return loss, ([scope.get_current_value(v) for v in variables[len(trainable) :]], inside)

    return function


@pytest.mark.slow  # JAX compiles for long
def test_gradients_and_new_values_are_those_of_stateless_call():
    model, metric = network(), keras.metrics.Mean()
    x = np.random.default_rng(0).normal(size=(8, 3)).astype("float32")
    before = [v.numpy() for v in (*model.variables, *metric.variables)]
    state = [[v.numpy() for v in group] for group in (model.trainable_variables, model.non_trainable_variables)]
    counts = [v.numpy() for v in metric.variables]

    def expected(trainable):
        outputs, others = model.stateless_call(trainable, state[1], x, training=True)
        return ops.mean(ops.square(outputs - 1.0)), others

    run = jax.jit(jax.value_and_grad(loss_and_state(model, metric, x), has_aux=True))
    (loss, (others, inside)), gradients = run(*state, counts)
    (same_loss, same_others), same_gradients = jax.value_and_grad(expected, has_aux=True)(state[0])
    np.testing.assert_allclose(loss, same_loss, rtol=1e-6)
    for got, wanted in zip((*gradients, *others[:2]), (*same_gradients, *same_others), strict=True):
        np.testing.assert_allclose(got, wanted, rtol=1e-4, atol=1e-6)
    np.testing.assert_allclose(others[2:], [loss, 1.0], rtol=1e-6)
    assert inside == 1.0
    for variable, array in zip((*model.variables, *metric.variables), before, strict=True):
        np.testing.assert_array_equal(variable.numpy(), array)


def test_an_error_inside_leaves_the_values_of_before():
    variable = keras.Variable(np.ones(2, "float32"))

    def function(value):
        with keras.StatelessScope([(variable, value), (variable, value * 2)]):
            raise KeyError("inside")

    with pytest.raises(KeyError, match="inside"):
        jax.jit(function)(np.zeros(2, "float32"))
    np.testing.assert_array_equal(variable.numpy(), [1.0, 1.0])
    assert not in_stateless_scope()


def test_another_shape_is_refused():
    variable = keras.Variable(np.ones(2, "float32"), name="scale")
    with pytest.raises(ValueError, match=r"'scale' has shape \(2,\).*shape \(3,\)"):
        jax.jit(lambda value: keras.StatelessScope([(variable, value)]))(np.zeros(3, "float32"))


def test_other_variables_are_not_assigned_while_jax_traces():
    variable, other = keras.Variable(np.ones(2, "float32")), keras.metrics.Sum()

    def function(value):
        with keras.StatelessScope([(variable, value)]):
            other.update_state(value)

    with pytest.raises(RuntimeError, match="stateless_call"):
        jax.jit(function)(np.zeros(2, "float32"))
    assert other.result() == 0.0


def test_of_two_values_of_a_variable_the_last_counts():
    variable = keras.Variable(np.ones(2, "float32"))

    def function(value):
        with keras.StatelessScope([(variable, value), (variable, value * 2)]) as scope:
            inside = scope.get_current_value(variable)
        return inside, scope.get_current_value(variable)

    for got in jax.jit(function)(np.full(2, 3.0, "float32")):
        np.testing.assert_array_equal(got, [6.0, 6.0])
    np.testing.assert_array_equal(variable.numpy(), [1.0, 1.0])
