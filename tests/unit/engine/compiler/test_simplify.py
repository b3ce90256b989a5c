"""The first stage: what is known is folded, what is not needed goes."""

import numpy as np
import pytest

from pronghorn.engine.backends.numpy import run
from pronghorn.engine.compiler.simplify import simplify
from pronghorn.engine.graph import primitives as P
from pronghorn.engine.graph.ir import Aval
from pronghorn.engine.graph.trace import trace

PRODUCT = {"contract": ((1,), (0,)), "batch": ((), ())}


def _names(graph):
    return [node.prim.name for node in graph.nodes]


@pytest.mark.parametrize("shapes", [((4, 0), (0, 3)), ((0, 5), (5, 3)), ((4, 3), (3, 0))])
def test_products_of_nothing_are_zeros(shapes):
    graph = simplify(trace(lambda x, y: [P.dot_general(x, y, **PRODUCT)], [Aval(s, "float32") for s in shapes]).graph)
    assert set(_names(graph)) <= {"constant", "broadcast_in_dim"}
    [result] = run(graph, [np.ones(s, "float32") for s in shapes])
    np.testing.assert_array_equal(result, np.ones(shapes[0]) @ np.ones(shapes[1]))


def test_nothing_is_computed_of_nothing():
    graph = simplify(trace(lambda x: [P.add(P.exp(x), x)], [Aval((2, 0), "float32")]).graph)
    assert set(_names(graph)) <= {"constant", "broadcast_in_dim"}


def test_a_sum_over_nothing_stays():
    graph = simplify(trace(lambda x: [P.reduce_prod(x, axes=(1,))], [Aval((2, 0), "float32")]).graph)
    np.testing.assert_array_equal(run(graph, [np.ones((2, 0), "float32")])[0], [1.0, 1.0])


@pytest.mark.parametrize("number", [0.75, -0.0, np.nan])
def test_a_small_array_of_one_number_is_that_number(number):
    def fn(x):
        filled = P.broadcast_in_dim(np.float32(number), shape=(8,), dims=())
        return [P.mul(x, P.add(filled, filled))]

    graph = simplify(trace(fn, [Aval((8,), "float32")]).graph)
    constants = [node.params["value"] for node in graph.nodes if node.prim is P.constant]
    assert [value.size for value in constants] == [1] and "add" not in _names(graph)
    [result] = run(graph, [np.ones(8, "float32")])
    np.testing.assert_array_equal(result, np.full(8, 2 * number, "float32"))
    np.testing.assert_array_equal(np.signbit(result), np.signbit(np.full(8, 2 * number, "float32")))


def test_equal_numbers_of_different_types_and_zeros_of_both_signs_are_not_one():
    arrays = [np.full(3, number) for number in (True, np.float32(1), np.int32(1), np.int64(1), 0.0, -0.0)]

    def fn(x):
        return [P.reshape(array, shape=(3, 1)) for array in arrays] + [x]

    graph = simplify(trace(fn, [Aval((3,), "float32")]).graph)
    for got, array in zip(run(graph, [np.ones(3, "float32")]), arrays):
        assert (got.dtype, got.tobytes()) == (array.dtype, array.tobytes())


def test_a_small_array_of_several_numbers_stays():
    graph = simplify(trace(lambda x: [P.add(x, P.neg(np.float32([0.0, -0.0])))], [Aval((2,), "float32")]).graph)
    constants = [node.params["value"] for node in graph.nodes if node.prim is P.constant]
    assert [value.shape for value in constants] == [(2,)] and "neg" not in _names(graph)
