"""Gradients where a function has none: those that Keras has on JAX."""

from __future__ import annotations

import numpy as np
import pytest

import pronghorn as keras
from pronghorn import ops
from pronghorn.ops import gradients as api

NAN, INF = float("nan"), float("inf")


def _gradients(function, *arrays, compiled):
    arrays = [np.array(a, "float32") for a in arrays]
    gradient = api.grad(lambda *xs: ops.sum(function(*xs)), argnums=tuple(range(len(arrays))))
    return [np.asarray(g) for g in (keras.jit(gradient) if compiled else gradient)(*arrays)]


@pytest.mark.parametrize("compiled", [False, True])
@pytest.mark.parametrize(
    ("function", "points", "expected"),
    [
        (ops.abs, [0.0, -0.0, 2.0, -2.0, INF, -INF, NAN], [1, 1, 1, -1, 1, -1, -1]),
        (ops.leaky_relu, [0.0, -0.0, 2.0, -2.0, NAN], [1, 1, 1, 0.2, 0.2]),
        (ops.hard_tanh, [1.0, -1.0, 2.0, -2.0, 0.5, NAN], [1, 1, 0, 0, 1, 1]),
        (keras.regularizers.L1(0.5), [0.0, -1.0, 1.0], [0.5, -0.5, 0.5]),
        (lambda x: ops.norm(x, ord=1), [0.0, 0.0], [1, 1]),
    ],
)
def test_of_one_operand(function, points, expected, compiled):
    (found,) = _gradients(function, points, compiled=compiled)
    np.testing.assert_allclose(found, expected, rtol=1e-6)


@pytest.mark.parametrize("compiled", [False, True])
@pytest.mark.parametrize(
    ("function", "expected"),
    [
        (ops.fmax, ([0, 0, 1, 0], [1, 1, 0, 1])),
        (ops.fmin, ([0, 1, 0, 0], [1, 0, 1, 1])),
        (ops.maximum, ([0.5, 0, 1, 0.5], [0.5, 1, 0, 0.5])),
        (ops.logaddexp, ([0.5, 0.2689414, 0.7310586, 0.5], [0.5, 0.7310586, 0.2689414, 0.5])),
        (ops.logaddexp2, ([0.5, 1 / 3, 2 / 3, 0.5], [0.5, 2 / 3, 1 / 3, 0.5])),
    ],
)
def test_of_two_operands(function, expected, compiled):
    found = _gradients(function, [0.0, 0.0, 1.0, 1.0], [0.0, 1.0, 0.0, 1.0], compiled=compiled)
    np.testing.assert_allclose(found, expected, rtol=1e-5)


def test_hypot_at_zero():
    np.testing.assert_allclose(_gradients(ops.hypot, [0.0], [0.0], compiled=False), [[0.5], [0.5]])


@pytest.mark.parametrize(
    ("loss", "of_truth", "of_prediction"),
    [
        (keras.losses.MeanAbsoluteError(), 0.25, -0.25),
        (keras.losses.MeanAbsolutePercentageError(), 12.5, -12.5),
    ],
)
def test_of_losses_at_equality(loss, of_truth, of_prediction):
    y = [[2.0, 2.0], [2.0, 2.0]]
    found = _gradients(loss, y, y, compiled=True)
    np.testing.assert_allclose(found[0], np.full((2, 2), of_truth), rtol=1e-6)
    np.testing.assert_allclose(found[1], np.full((2, 2), of_prediction), rtol=1e-6)
