"""Kernels that differ in nothing but their arrays share their code, and no others do."""

import numpy as np
import pytest

from pronghorn import ops
from pronghorn.calls.jit import jit
from pronghorn.engine.backends.llvm.build import build
from pronghorn.engine.codegen.signature import Signature
from pronghorn.engine.compiler.expr import Apply, Const, Index, Load, LoopVar
from pronghorn.engine.compiler.kernels import LoopKernel, Store
from pronghorn.engine.graph.dim import Dim
from pronghorn.engine.graph.ir import Aval, Graph, Value
from pronghorn.engine.graph.trace import trace
from pronghorn.engine.runtime.host import host_target

GRAPH = Graph()


def _array(*shape):
    return Value(Aval(shape, "float32"), GRAPH)


def _kernel(shape=(8,), number=2.0, offset=0, name="mul", twice=False, arrays=None):
    """``y = x * number``, or what the arguments say instead."""
    x, y = arrays or (_array(*shape), _array(*shape))
    vars = (LoopVar("i0", shape[0]),)
    load = Load(x, Index.of(vars[0]) + offset)
    other = Load(x, Index.of(vars[0])) if twice else Const(number, "float32")
    kernel = LoopKernel(vars=vars, stores=[Store(y, Apply(name, (load, other), "float32", {}))])
    kernel.reads, kernel.writes = {x}, {y}
    return kernel


def _key(kernel, root=lambda value: value):
    return Signature(kernel, root).key


def test_other_arrays_are_the_same_code():
    assert _key(_kernel()) == _key(_kernel())


def test_other_symbols_are_the_same_code():
    batch, rows = Dim.symbol("batch"), Dim.symbol("rows")
    assert _key(_kernel((batch,))) == _key(_kernel((rows,)))
    assert _key(_kernel((batch,))) != _key(_kernel((2 * batch,)))
    assert _key(_kernel((batch // 3,))) != _key(_kernel((batch // 2,)))


@pytest.mark.parametrize(
    "other",
    [
        _kernel(number=3.0),
        _kernel(number=2),
        _kernel(offset=1),
        _kernel(name="add"),
        _kernel((9,)),
        _kernel((Dim.symbol("batch"),)),
        _kernel(twice=True),
    ],
)
def test_what_the_code_depends_on_is_told_apart(other):
    assert _key(_kernel()) != _key(other)


def test_zeros_of_both_signs_are_told_apart():
    assert _key(_kernel(number=0.0)) != _key(_kernel(number=-0.0))


def test_arrays_in_one_memory_are_told_from_two():
    x, y = arrays = _array(8), _array(8)
    assert _key(_kernel(arrays=arrays)) != _key(_kernel(arrays=arrays), lambda value: x)


def _layers(count):
    def fn(x, *weights):
        for k in range(count):
            x = ops.tanh(ops.matmul(x, weights[k]))
        return [x]

    batch = Dim.symbol("batch")
    return build(trace(fn, [Aval((batch, 8), "float32"), *[Aval((8, 8), "float32")] * count]), (), host_target(), False)


def test_a_deep_model_has_the_code_of_a_shallow_one():
    shallow, deep = _layers(3), _layers(60)
    functions = [{launch.function for launch in built.emitted.launches} for built in (shallow, deep)]
    assert functions[0] == functions[1]
    assert len(deep.emitted.launches) >= 60
    assert len(deep.text) < len(shallow.text) + 60 * 100  # a list of numbers is all that grows


def test_arrays_of_extents_of_their_own_share_code():
    def fn(*xs):
        return [ops.sin(x) * 2 for x in xs]

    avals = [Aval((Dim.symbol(f"n{k}"), 3), "float32") for k in range(20)]
    built = build(trace(fn, avals), (), host_target(), False)
    assert len({launch.function for launch in built.emitted.launches}) == 1


def test_shared_code_computes_each_array():
    xs = [np.arange(3 * (k % 4 + 1), dtype="float32").reshape(-1, 3) + k for k in range(12)]
    results = jit(lambda xs: [ops.sin(x) * 2 for x in xs])(xs)
    for x, result in zip(xs, results):
        np.testing.assert_allclose(result, np.sin(x) * 2, rtol=1e-5, atol=1e-6)
