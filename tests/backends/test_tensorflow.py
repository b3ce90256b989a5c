"""What is special to TensorFlow: steps with convolutions run in pieces."""

import numpy as np
import pytest
from cases import tolerance

from pronghorn.engine.backends import engine as engines
from pronghorn.engine.backends.numpy import IMPLEMENTATIONS, run
from pronghorn.engine.graph import primitives as P
from pronghorn.engine.graph.ir import Aval
from pronghorn.engine.graph.trace import trace

pytestmark = pytest.mark.skipif(not engines.is_installed("tensorflow"), reason="tensorflow is not installed")

RNG = np.random.default_rng(0)
IMAGE = {"strides": (1, 1), "padding": ((1, 1), (1, 1)), "dilation": (1, 1), "groups": 1}


@pytest.fixture
def tf_engine():
    return engines.engine("tensorflow")


def two_convolutions():
    """A graph of two convolutions in a row and one beside them, with what stands before, between and behind them."""

    def fn(x, w):
        scaled = P.mul(x, 0.5)
        first = P.conv(scaled, w, **IMAGE)
        second = P.conv(P.max(first, 0.0), w, **IMAGE)
        beside = P.conv(x, w, **IMAGE)
        threes = P.broadcast_in_dim(P.constant(value=np.float32(3)), shape=(2, 5, 5, 4), dims=())
        return [P.add(P.mul(second, scaled), beside), first, x, threes, threes, P.mul(threes, first)]

    return trace(fn, [Aval((2, 5, 5, 4), "float32"), Aval((3, 3, 4, 4), "float32")]).graph


def test_pieces_hold_all_nodes_and_run_in_order(tf_engine):
    from pronghorn.engine.backends.tensorflow import pieces

    graph = two_convolutions()
    found = pieces.split(graph)
    assert [p.is_apart for p in found] == [False, True, False, True, False, False]
    known = set(graph.inputs)
    for piece in found:
        assert known.issuperset(piece.inputs)
        assert known.isdisjoint(piece.outputs)
        known.update(piece.outputs)
        names = {n.prim.name for n in piece.graph.nodes}
        assert names == {"conv"} if piece.is_apart else "conv" not in names
    assert known.issuperset(graph.outputs)
    assert sum(n.prim.name == "conv" for p in found for n in p.graph.nodes) == 3


def test_pieces_give_what_the_graph_gives(tf_engine):
    graph = two_convolutions()
    arrays = [RNG.random((2, 5, 5, 4), "float32"), RNG.random((3, 3, 4, 4), "float32")]
    step = tf_engine.compile(lambda arguments, read, updated: (tf_engine.run(graph, arguments), []))
    got, _ = step([tf_engine.from_numpy(a) for a in arrays], [], [])
    for g, expected in zip(got, run(graph, arrays), strict=True):
        np.testing.assert_allclose(tf_engine.to_numpy(g), expected, rtol=1e-5, atol=1e-5)


def test_a_pools_gradient_stands_in_another_piece_than_the_positions_of_its_maxima(tf_engine):
    from pronghorn.engine.backends.tensorflow import pieces

    how = {"window": (1, 3, 3, 1), "strides": (1, 2, 2, 1), "padding": ((0, 0),) * 4, "dilation": (1, 1, 1, 1)}

    def fn(x, w, g):
        places = P.window_argmax(P.conv(x, w, **IMAGE), **how)
        return [P.unpool(g, places, input_shape=(2, 5, 5, 4), **how)]

    shapes = [(2, 5, 5, 4), (3, 3, 4, 4), (2, 2, 2, 4)]
    graph = trace(fn, [Aval(shape, "float32") for shape in shapes]).graph
    names = [{n.prim.name for n in piece.graph.nodes} for piece in pieces.split(graph)]
    assert names == [{"conv"}, {"window_argmax"}, {"unpool"}]


@pytest.mark.parametrize("groups", [1, 4])
@pytest.mark.parametrize("stride", [1, 2, 3])
@pytest.mark.parametrize(
    ("extent", "padding"),
    [(n, p) for n in (1, 2, 5, 6) for p in ((0, 0), (1, 1), (0, 1), (1, 0), (2, 1)) if n + sum(p) >= 3],
)
def test_borders_are_tensorflows_own_where_they_can_be(tf_engine, padding, extent, stride, groups):
    how = {"strides": (stride,) * 2, "padding": (padding,) * 2, "dilation": (1, 1), "groups": groups}
    x = RNG.random((2, extent, extent, 4), "float32")
    w = RNG.random((3, 3, 4 // groups, 8), "float32")
    out = IMPLEMENTATIONS["conv"](x, w, **how)
    g = RNG.random(out.shape, "float32")
    for name, operands, more in (
        ("conv", (x, w), {}),
        ("conv_input_grad", (g, w), {"input_shape": x.shape}),
        ("conv_filter_grad", (x, g), {"kernel_shape": w.shape}),
    ):
        got = tf_engine.table[name](*(tf_engine.from_numpy(a) for a in operands), **more, **how)
        expected = IMPLEMENTATIONS[name](*operands, **more, **how)
        np.testing.assert_allclose(tf_engine.to_numpy(got), expected, **tolerance("float32"), err_msg=name)


@pytest.mark.parametrize(
    ("name", "arrays", "params"),
    [
        ("nextafter", [np.float32([1, -0.0, np.inf]), np.float32([2, 1, 0])], {}),
        ("pow", [np.int32([3, -2, 0]), np.int32([4, 3, 0])], {}),
        ("lu", [RNG.random((2, 3, 3), "float32")], {}),
    ],
)
def test_what_numpy_computes_is_there_outside_of_traced_functions(tf_engine, name, arrays, params):
    got = tf_engine.table[name](*map(tf_engine.from_numpy, arrays), **params)
    expected = IMPLEMENTATIONS[name](*arrays, **params)
    for g, e in zip(got if isinstance(got, tuple) else [got], expected if isinstance(expected, tuple) else [expected]):
        np.testing.assert_allclose(tf_engine.to_numpy(g), e, **tolerance("float32"))


def test_dilated_depthwise_convolutions_do_not_ask_for_onednn(tf_engine):
    """TensorFlow's own code has none; a model exported on one processor is served on others."""
    import tensorflow as tf

    settings = {"strides": (1, 1), "padding": ((0, 0), (0, 0)), "dilation": (2, 2), "groups": 4}
    x, w = RNG.random((2, 7, 7, 4), "float32"), RNG.random((3, 3, 1, 4), "float32")
    graph = trace(lambda a, b: [P.conv(a, b, **settings)], [Aval(v.shape, "float32") for v in (x, w)]).graph
    called = tf.function(lambda a, b: tf_engine.run(graph, [a, b])).get_concrete_function(x, w)
    assert not any("Depthwise" in op.type for op in called.graph.get_operations())
    np.testing.assert_allclose(called(x, w)[0], run(graph, [x, w])[0], rtol=1e-5)
