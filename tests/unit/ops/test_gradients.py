"""value_and_grad and grad."""

import numpy as np
import pytest

import pronghorn
from pronghorn.engine.autodiff.registry import DifferentiationError
from pronghorn.engine.backends.numpy import run
from pronghorn.engine.graph import primitives as P
from pronghorn.engine.graph.ir import Aval
from pronghorn.engine.graph.trace import trace
from pronghorn.ops.gradients import grad, value_and_grad
from pronghorn.variables import Variable


def square_sum(x):
    return P.reduce_sum(P.mul(x, x), axes=(0,))


def test_is_public():
    assert pronghorn.value_and_grad is value_and_grad


def test_variables():
    v, unused = Variable(np.float32([1, 2])), Variable(np.float32([5]))

    def loss(scale):
        return P.mul(square_sum(v.value), scale)

    value, (gv, gu) = value_and_grad(loss, [v, unused])(np.float32(3))
    assert float(value) == 15
    assert gv.numpy().tolist() == [6, 12]
    assert gu.numpy().tolist() == [0]


def test_frozen_variables_count_when_they_are_named():
    v = Variable(np.float32(3), trainable=False)
    assert float(grad(lambda: P.mul(v.value, v.value), v)()) == 6


def test_arguments_and_structures():
    def loss(params, x):
        return P.reduce_sum(P.add(P.mul(params["w"], x), params["b"][0]), axes=(0,))

    params = {"w": np.float32([1, 2]), "b": [np.float32([3, 4])]}
    gradients = grad(loss)(params, np.float32([5, 6]))
    assert gradients["w"].numpy().tolist() == [5, 6]
    assert gradients["b"][0].numpy().tolist() == [1, 1]
    gw, gx = grad(lambda w, x: P.mul(w, x), argnums=(0, 1))(2.0, 5.0)
    assert (float(gw), float(gx)) == (5, 2)


def test_the_same_array_twice():
    x = P.constant(value=np.float32(3))
    gradients = grad(lambda a, b: P.mul(a, P.mul(b, b)), argnums=(0, 1))(x, x)
    assert [float(g) for g in gradients] == [9, 18]

    def traced(x):
        return grad(lambda a, b: P.mul(a, P.mul(b, b)), argnums=(0, 1))(x, x)

    assert run(trace(traced, [Aval((), "float32")]).graph, [np.float32(3)]) == [9, 18]


def test_aux():
    (value, aux), gradient = value_and_grad(lambda x: (P.mul(x, x), "more"), has_aux=True)(4.0)
    assert (float(value), aux, float(gradient)) == (16, "more", 8)
    assert grad(lambda x: (P.mul(x, x), "more"), has_aux=True)(4.0)[1] == "more"


def test_nests():
    assert float(grad(grad(lambda x: P.mul(P.mul(x, x), x)))(2.0)) == 12


def test_inside_of_a_traced_function():
    v = Variable(np.float32([1, 2]))

    def step(x):
        value, gradient = value_and_grad(lambda: square_sum(P.mul(v.value, x)), v)()
        v.assign(P.sub(v.value, gradient))
        return [value]

    traced = trace(step, [Aval((2,), "float32")])
    value, updated = run(traced.graph, [np.float32([1, 2]), np.float32([1, 2])])
    assert traced.updated == [v]
    assert value == 17
    assert updated.tolist() == [-1, -14]


def test_mistakes_are_named():
    with pytest.raises(TypeError, match="must be a function, got int"):
        value_and_grad(3)
    with pytest.raises(TypeError, match="variables holds a ndarray; pass Variables"):
        value_and_grad(square_sum, np.zeros(2))
    with pytest.raises(DifferentiationError, match=r"must return a scalar, got shape \(2,\)"):
        grad(lambda x: P.mul(x, x))(np.float32([1, 2]))
    with pytest.raises(ValueError, match="argnums=3 but the function got 1"):
        grad(square_sum, argnums=3)(np.float32([1, 2]))


def spread(x, weights):
    """Of which the first derivative is ``2 / n * weights * (x - mean)``, the mean's own part being zero."""
    mean, variance = pronghorn.ops.moments(x, axes=(0,))
    return pronghorn.ops.sum(variance * weights)


def test_gradients_of_a_variance_are_right_in_every_order():
    rng = np.random.default_rng(0)
    x, weights = rng.standard_normal((5, 3)), rng.standard_normal(3)
    x, weights = pronghorn.ops.cast(x, "float64"), pronghorn.ops.cast(weights, "float64")
    first = grad(spread)(x, weights)
    apart = x.numpy() - x.numpy().mean(0)
    np.testing.assert_allclose(first.numpy(), 2 / 5 * weights.numpy() * apart, rtol=1e-12)
    cubes = grad(lambda x: pronghorn.ops.sum(grad(spread)(x, weights) ** 3))(x)
    inner = 3 * (2 / 5 * weights.numpy() * apart) ** 2 * 2 / 5 * weights.numpy()
    np.testing.assert_allclose(cubes.numpy(), inner - inner.mean(0), rtol=1e-10, atol=1e-14)


@pytest.mark.parametrize("number", [np.nan, np.inf, -np.inf, 3e38, -0.0])
def test_variances_of_odd_numbers(number):
    x = np.array([[number, 1], [number, 2], [number, 4]], "float32")
    with np.errstate(all="ignore"):
        mean = np.add.reduce(x, 0) / np.float32(3)
        want = np.add.reduce((x - mean) ** 2, 0) / np.float32(3)
    np.testing.assert_allclose(pronghorn.ops.moments(x, axes=(0,))[1].numpy(), want, rtol=1e-6)
    np.testing.assert_allclose(pronghorn.ops.var(x, axis=0).numpy(), want, rtol=1e-6)
    assert np.isfinite(grad(spread)(x, np.ones(2, "float32")).numpy()[:, 1]).all()
