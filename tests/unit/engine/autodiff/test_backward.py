"""Differentiating the graph that is being traced."""

import numpy as np
import pytest

from pronghorn.engine.autodiff.backward import backward, value_and_grad
from pronghorn.engine.autodiff.registry import DifferentiationError
from pronghorn.engine.backends.numpy import run
from pronghorn.engine.graph import primitives as P
from pronghorn.engine.graph.active import TraceError
from pronghorn.engine.graph.ir import Aval
from pronghorn.engine.graph.tensor import Tensor
from pronghorn.engine.graph.trace import trace

VECTOR = Aval((3,), "float32")


def names(fn, *avals):
    return [n.prim.name for n in trace(fn, avals).graph.nodes]


def test_only_what_is_between_is_differentiated():
    def fn(x, w):
        data = P.exp(P.sin(x))  # does not depend on w
        y = P.mul(data, w)
        P.cos(w)  # nothing depends on it
        return backward([y], None, [w])

    assert names(fn, VECTOR, VECTOR) == ["sin", "exp", "mul", "cos", "constant", "broadcast_in_dim", "mul"]


def test_unwanted_cotangents_of_expensive_operands_are_not_computed():
    how = {"strides": (1, 1), "padding": ((0, 0), (0, 0)), "dilation": (1, 1), "groups": 1}

    def fn(x, w):
        return backward([P.conv(x, w, **how)], None, [w])

    found = names(fn, Aval((1, 4, 4, 1), "float32"), Aval((2, 2, 1, 1), "float32"))
    assert "conv_filter_grad" in found and "conv_input_grad" not in found


def test_unconnected_is_none():
    def fn(x, y):
        found = backward([P.mul(x, x)], None, [x, y])
        assert found[1] is None
        return found[:1]

    trace(fn, [VECTOR, VECTOR])


def test_nothing_flows_through_stop_gradient_or_integers():
    def fn(x):
        stopped = P.stop_gradient(P.mul(x, x))
        index = P.cast(P.cast(x, dtype="int32"), dtype="float32")
        assert backward([stopped], None, [x]) == [None]
        assert backward([index], None, [x]) == [None]
        return backward([P.mul(stopped, x)], None, [x])

    (found,) = run(trace(fn, [VECTOR]).graph, [np.float32([1, 2, 3])])
    assert found.tolist() == [1, 4, 9]


def test_leaves_end_the_way_back():
    def fn(x):
        y = P.mul(x, x)
        z = P.mul(y, x)
        return [*backward([z], None, [x, y], leaves=[y])]

    gx, gy = run(trace(fn, [VECTOR]).graph, [np.float32([1, 2, 3])])
    assert gx.tolist() == [1, 4, 9]
    assert gy.tolist() == [1, 2, 3]


def test_value_and_grad():
    def fn(x):
        (value, more), grads = value_and_grad(lambda x: (P.reduce_sum(P.mul(x, x), axes=(0,)), "more"), [x])
        assert more == "more"
        return [value, *grads]

    value, gradient = run(trace(fn, [VECTOR]).graph, [np.float32([1, 2, 3])])
    assert (value, gradient.tolist()) == (14, [2, 4, 6])


def test_mistakes_are_named():
    with pytest.raises(TraceError, match="GradientTape"):
        backward([Tensor(np.float32(1))], None, [Tensor(np.float32(1))])
    with pytest.raises(DifferentiationError, match=r"scalar, got shape \(3,\)"):
        trace(lambda x: value_and_grad(lambda x: P.mul(x, x), [x])[1], [VECTOR])
