"""Filters with taps of zero, beside large inputs: each result against its own sum of absolute products."""

from __future__ import annotations

import itertools

import numpy as np
import pytest

import pronghorn
from pronghorn import config, layers, ops

CASES = [  # taps, strides, padding, inputs
    (3, 1, "same", (2, 17, 18, 32)),
    (3, 2, "same", (2, 29, 28, 32)),
    (4, 1, "same", (2, 17, 18, 32)),
    (5, 1, "same", (2, 17, 18, 32)),
    (5, 2, "same", (2, 29, 31, 32)),
    (4, 1, "causal", (3, 50, 64)),
    (5, 1, "causal", (3, 51, 64)),
    (3, 1, "same", (9, 7, 7, 64)),
]


@pytest.fixture
def threads():
    before = config.get_num_threads()
    yield (1, 2, 3)
    config.set_num_threads(before)


def plain_sums(x, k, stride, padding):
    """In float64, by NumPy alone: Pronghorn's own ops would run the code that is tested."""
    x, k = x.astype("float64"), k.astype("float64")
    around = [(0, 0)]
    for size, taps in zip(x.shape[1:-1], k.shape, strict=False):
        total = max((-(-size // stride) - 1) * stride + taps - size, 0)
        around.append((taps - 1, 0) if padding == "causal" else (total // 2, total - total // 2))
    x = np.pad(x, [*around, (0, 0)])
    extents = [(size - taps) // stride + 1 for size, taps in zip(x.shape[1:-1], k.shape, strict=False)]
    total = np.zeros((len(x), *extents, k.shape[-1]))
    for tap in itertools.product(*map(range, k.shape[:-2])):
        where = [slice(at, at + (n - 1) * stride + 1, stride) for at, n in zip(tap, extents, strict=True)]
        total += x[(slice(None), *where)] @ k[tap]
    return total


@pytest.mark.parametrize(("taps", "stride", "padding", "shape"), CASES)
def test_each_result_is_exact_on_any_number_of_threads(threads, taps, stride, padding, shape):
    rng = np.random.default_rng(0)
    kernel = rng.standard_normal((taps,) * (len(shape) - 2) + (shape[-1], 64)).astype("float32")
    kernel[rng.random(kernel.shape) < 0.2] = 0
    x = rng.standard_normal(shape).astype("float32")
    x[rng.random(shape) < 0.01] = 1e8
    call = pronghorn.jit(lambda x, k: ops.conv(x, k, strides=stride, padding=padding))
    results = []
    for count in threads:
        config.set_num_threads(count)
        results.append(np.asarray(call(x, kernel)))
    for other in results[1:]:
        np.testing.assert_array_equal(results[0], other)
    errors = np.abs(results[0] - plain_sums(x, kernel, stride, padding))
    assert (errors <= 3e-6 * plain_sums(np.abs(x), np.abs(kernel), stride, padding)).all()


class Masked(layers.Conv2D):
    """A filter that reads nothing below its centre, nor right of it."""

    def call(self, inputs):
        mask = np.ones((3, 3, 1, 1), "float32")
        mask[2] = mask[1, 2] = 0
        return ops.conv(inputs, self.kernel * mask, padding="same")


def test_a_masked_layer_and_its_gradient_by_the_input():
    model = pronghorn.Sequential([pronghorn.Input((16, 16, 32)), Masked(32, 3)])
    before = np.random.default_rng(0).standard_normal((2, 16, 16, 32)).astype("float32")
    after = before.copy()
    after[:, 9:] = 1e6
    past = [np.asarray(model.predict_on_batch(x))[:, :9] for x in (before, after)]
    np.testing.assert_array_equal(*past)

    def gradient(weights):
        x = pronghorn.Variable(before)
        with pronghorn.GradientTape() as tape:
            loss = ops.sum(weights * model(x))
        return np.asarray(tape.gradient(loss, x))

    late = before.copy()
    late[:, :8] = 1e6  # of earlier results, which later inputs never reach
    np.testing.assert_array_equal(gradient(before)[:, 8:], gradient(late)[:, 8:])
