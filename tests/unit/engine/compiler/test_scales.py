"""Scales of channels become a part of the weights before them, wherever nobody needs what stands between."""

import numpy as np
import pytest

from pronghorn import ops
from pronghorn.engine.backends.numpy import run
from pronghorn.engine.compiler.scales import merge_scales
from pronghorn.engine.compiler.simplify import simplify
from pronghorn.engine.graph.dim import Dim
from pronghorn.engine.graph.ir import Aval
from pronghorn.engine.graph.trace import trace

ROWS = Dim.symbol("batch")
RNG = np.random.default_rng(0)


def merged(function, *shapes, rows=3):
    """How many multiplications of the results' size stay, of a function of x and weights; results are compared."""
    avals = [Aval((ROWS, *shapes[0]), "float32"), *(Aval(shape, "float32") for shape in shapes[1:])]
    graph = simplify(trace(function, avals).graph)
    changed = simplify(merge_scales(graph, graph.inputs[1:]))
    arrays = [RNG.normal(size=(rows, *shapes[0])), *(RNG.normal(size=shape) for shape in shapes[1:])]
    arrays = [array.astype("float32") for array in arrays]
    for got, want in zip(run(changed, arrays), run(graph, arrays), strict=True):
        np.testing.assert_allclose(got, want, rtol=1e-4, atol=1e-5)
    large = [n for n in changed.nodes if n.prim.name in ("mul", "div") and isinstance(n.outputs[0].shape[:1][0], Dim)]
    return len(large)


def normalized(y, scale, shift):
    return ops.batch_normalization(y, shift, ops.square(scale), axis=-1, offset=shift, scale=scale)


def test_a_dense_layer():
    assert merged(lambda x, w, b, s, t: [ops.relu(normalized(x @ w + b, s, t))], (6,), (6, 5), (5,), (5,), (5,)) == 0


@pytest.mark.parametrize("rows", [0, 1, 4])
def test_any_number_of_rows(rows):
    assert merged(lambda x, w, s: [x @ w * s], (6,), (6, 5), (5,), rows=rows) == 0


def test_a_convolution():
    def step(x, w, b, s, t):
        return [normalized(ops.conv(x, w, strides=2, padding="same") + b, s, t)]

    assert merged(step, (7, 9, 4), (3, 3, 4, 5), (5,), (5,), (5,)) == 0


def test_a_convolution_in_groups():
    assert merged(lambda x, w, s, t: [normalized(ops.conv(x, w), s, t)], (7, 9, 4), (3, 3, 2, 6), (6,), (6,)) == 0


def test_a_depthwise_convolution():
    def step(x, w, s, t):
        return [normalized(ops.depthwise_conv(x, w), s, t)]

    assert merged(step, (7, 9, 4), (3, 3, 4, 2), (8,), (8,)) == 0


def test_a_transposed_convolution():
    def step(x, w, s, t):
        return [normalized(ops.conv_transpose(x, w, strides=2), s, t)]

    assert merged(step, (5, 5, 4), (3, 3, 6, 4), (6,), (6,)) == 0


def test_each_way_to_scale_and_shift():
    def step(x, w, s, t):
        return [((t + s * (x @ w)) / s - t) * 0.5 + 1.0]

    assert merged(step, (6,), (6, 5), (5,), (5,)) == 0


def test_what_divides_or_is_taken_from_stays():
    def step(x, w, s):
        return [s / (x @ w), s - (x @ w)]

    assert merged(step, (6,), (6, 5), (5,)) == 1


def test_values_that_others_need_stay():
    def step(x, w, s):
        y = x @ w
        return [y * s, ops.relu(y)]

    assert merged(step, (6,), (6, 5), (5,)) == 1
    assert merged(lambda x, w, s: [x @ w, (x @ w) * s], (6,), (6, 5), (5,)) == 1


def test_scales_along_other_axes_and_of_the_data_stay():
    assert merged(lambda x, w, s: [(x @ w) * ops.reshape(s, (4, 1))], (4, 6), (6, 5), (4,)) == 1
    assert merged(lambda x, w: [(x @ w) * ops.sum(x, -1, keepdims=True)], (6,), (6, 5)) == 1
    assert merged(lambda x, w: [(x @ w) * (x @ w)], (6,), (6, 5)) == 1


def test_what_stands_behind_an_activation_stays():
    assert merged(lambda x, w, s: [ops.relu(x @ w) * s], (6,), (6, 5), (5,)) == 1
