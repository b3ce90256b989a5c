"""The stage *matrices*: quantized matrices that were cut into more axes are multiplied by whole."""

import numpy as np
import pytest

from pronghorn import layers, ops
from pronghorn.calls.jit import jit
from pronghorn.engine.backends.numpy import run
from pronghorn.engine.compiler.matrices import join_axes
from pronghorn.engine.compiler.simplify import eliminate_dead
from pronghorn.engine.graph.ir import Aval
from pronghorn.engine.graph.trace import trace
from pronghorn.engine.graph.verify import verify
from pronghorn.quantizers import Int4QuantizationConfig
from pronghorn.quantizers.packing import unpack_int4


def shapes_of_products(graph):
    return [tuple(v.shape for v in node.inputs) for node in graph.nodes if node.prim.name == "dot_general"]


def traced(equation, *shapes, dtype="int8"):
    def product(x, packed, shape):
        matrix = ops.cast(unpack_int4(packed, 2 * packed.shape[1], axis=1), "float32") * 0.5
        return ops.einsum(equation, x, ops.reshape(matrix, shape))

    x, packed, shape = shapes
    return trace(lambda a, b: [product(a, b, shape)], [Aval(x, "float32"), Aval(packed, dtype)])


@pytest.mark.parametrize(
    "equation, x, packed, shape, expected",
    [
        ("bsd,dnh->bsnh", (2, 3, 8), (8, 5), (8, 2, 5), ((2, 3, 8), (8, 10))),
        ("bsd,dnh->bsnh", (0, 3, 8), (8, 5), (8, 2, 5), ((0, 3, 8), (8, 10))),
        ("bsnh,nhd->bsd", (2, 3, 4, 2), (8, 5), (4, 2, 10), ((2, 3, 8), (8, 10))),
        ("bsd,nhd->bsnh", (2, 3, 10), (8, 5), (4, 2, 10), ((2, 3, 10), (8, 10))),
        ("bsd,dnh->nhbs", (2, 3, 8), (8, 5), (8, 2, 5), None),  # einsum may exchange the operands
    ],
)
def test_products_with_parts_of_a_matrix(equation, x, packed, shape, expected):
    before = traced(equation, x, packed, shape)
    after = eliminate_dead(join_axes(before.graph))
    verify(after)
    (found,) = shapes_of_products(after)
    assert all(len(s) <= 3 for s in found) and (expected is None or found == expected)
    rng = np.random.default_rng(0)
    arrays = [rng.integers(-5, 6, x).astype("float32"), rng.integers(-128, 128, packed).astype("int8")]
    np.testing.assert_array_equal(run(after, arrays)[0], run(before.graph, arrays)[0])


@pytest.mark.parametrize(
    "equation, x, packed, shape",
    [
        ("bshd,dnh->bsn", (2, 3, 5, 8), (8, 5), (8, 2, 5)),  # sums over a part of an axis
        ("bnsd,dnh->bsnh", (3, 2, 4, 8), (8, 5), (8, 2, 5)),  # an axis of the batch
        ("bshn,nhd->bsd", (2, 3, 2, 4), (8, 5), (4, 2, 10)),  # summed in another order
    ],
)
def test_others_are_left_alone(equation, x, packed, shape):
    before = traced(equation, x, packed, shape)
    assert shapes_of_products(join_axes(before.graph)) == shapes_of_products(before.graph)


@pytest.mark.parametrize("size", [None, 4, 128])
@pytest.mark.parametrize(
    "equation, output, x", [("bsd,dnh->bsnh", (None, 4, 8), (1, 1, 32)), ("bsnh,nhd->bsd", (None, 32), (1, 1, 4, 8))]
)
def test_layers_of_heads_in_four_bits(size, equation, output, x):
    layer = layers.EinsumDense(equation, output)
    layer.build((None, *x[1:]))
    layer.quantize("int4", config=Int4QuantizationConfig(block_size=size))
    given = np.random.default_rng(1).standard_normal(x).astype("float32")
    expected = np.asarray(layer(given))
    compiled = jit(layer)
    np.testing.assert_allclose(np.asarray(compiled(given)), expected, rtol=1e-5, atol=1e-5 * np.abs(expected).max())
