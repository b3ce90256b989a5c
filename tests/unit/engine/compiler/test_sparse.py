"""Sums of a few rows in a large array: same bits, and only where the array is read element by element."""

import numpy as np
import pytest

from pronghorn.engine.backends.llvm import Executable
from pronghorn.engine.backends.llvm.build import build
from pronghorn.engine.backends.numpy import run
from pronghorn.engine.compiler.sparse import sparse_sums
from pronghorn.engine.compiler.stages import rewrite
from pronghorn.engine.graph import primitives as P
from pronghorn.engine.graph.dim import Dim
from pronghorn.engine.graph.ir import Aval
from pronghorn.engine.graph.trace import trace
from pronghorn.engine.graph.verify import verify
from pronghorn.engine.runtime.host import host_target
from pronghorn.variables import Variable

ROWS, WIDTH = 2000, 40
COUNT = 50


def traced(then, rows=ROWS, row=(WIDTH,), count=COUNT, dtype="float32", index="int32", mode="add", start=0.0):
    def fn(indices, updates):
        x = P.broadcast_in_dim(np.asarray(start).astype("float32"), shape=(rows, *row), dims=())
        return [then(P.scatter(P.cast(x, dtype=dtype), indices, updates, mode=mode))]

    return trace(fn, [Aval((count,), index), Aval((count, *row), dtype)])


def doubled(x):
    return P.add(x, x)


def is_sparse(t):
    graph = rewrite(t.graph, host_target(), check=True)
    sums = [n for n in graph.nodes if n.prim is P.scatter and n.params["mode"] == "add"]
    return all(n.outputs[0].shape[0] != ROWS for n in sums)


def arguments(count=COUNT, low=0, high=ROWS, row=(WIDTH,), index="int32"):
    rng = np.random.default_rng(0)
    indices = rng.integers(low, high, count).astype(index)
    indices[: count // 2] = indices[count // 2 : 2 * (count // 2)]  # some rows get several updates
    return indices, rng.normal(size=(count, *row)).astype("float32")


@pytest.mark.parametrize("row", [(WIDTH,), (8, 5), (33,)], ids=str)
@pytest.mark.parametrize("index", ["int32", "int64", "uint8"])
@pytest.mark.parametrize("range_", [(0, ROWS), (-3, ROWS + 3), (7, 8)], ids=str)
def test_the_same_bits(row, index, range_):
    low, high = (max(0, range_[0]), min(200, range_[1])) if index == "uint8" else range_
    t = traced(doubled, row=row, index=index)
    given = arguments(low=low, high=high, row=row, index=index)
    expected = run(t.graph, given)[0]
    assert is_sparse(t)
    verify(sparse_sums(t.graph))
    np.testing.assert_array_equal(run(sparse_sums(t.graph), given)[0], expected)
    np.testing.assert_array_equal(Executable(t)(*given)[0], expected)


@pytest.mark.parametrize("count", [0, 1, 20])
def test_any_number_of_updates(count):
    t = traced(doubled, count=Dim.symbol("batch"))
    given = arguments(count)
    assert is_sparse(t)
    np.testing.assert_array_equal(Executable(t)(*given)[0], run(t.graph, given)[0])


def test_low_precision():
    t = traced(doubled, rows=8000, dtype="bfloat16")
    indices, updates = arguments(high=8000)
    given = indices, np.asarray(P.cast(updates, dtype="bfloat16").numpy())
    expected = run(t.graph, given)[0]
    assert expected.shape == (8000, WIDTH)
    np.testing.assert_allclose(Executable(t)(*given)[0].astype("f"), expected.astype("f"), rtol=0.02, atol=0.02)


@pytest.mark.parametrize(
    "t",
    [
        traced(lambda x: x),  # it is a result itself
        traced(lambda x: P.transpose(x, perm=(1, 0))),
        traced(lambda x: P.dot_general(x, x, contract=((1,), (1,)), batch=((), ()))),
        traced(doubled, count=ROWS),  # not few
        traced(doubled, row=(4,)),  # short rows
        traced(doubled, mode="max"),
        traced(doubled, start=1.0),
        traced(doubled, start=-0.0),
    ],
    ids=["result", "moved", "operand", "many", "short", "maximum", "ones", "negative zeros"],
)
def test_others_stay_as_they_are(t):
    graph = sparse_sums(t.graph)
    assert [n.prim.name for n in graph.nodes] == [n.prim.name for n in t.graph.nodes]


def descent(steps=1, count=COUNT, index="int32", then=lambda x: x):
    """A table less a multiple of its sparse gradient, as a variable that is updated."""
    table = Variable(np.random.default_rng(1).normal(size=(ROWS, WIDTH)).astype("float32"))

    def fn(indices, updates, rate):
        zeros = P.broadcast_in_dim(np.float32(0), shape=(ROWS, WIDTH), dims=())
        change = P.scatter(zeros, indices, updates, mode="add")
        for _ in range(steps):
            change = P.mul(change, P.broadcast_in_dim(rate, shape=(ROWS, WIDTH), dims=()))
        table.assign(P.sub(then(table.tensor), change))
        return [rate]

    return table, trace(fn, [Aval((count,), index), Aval((count, WIDTH), "float32"), Aval((), "float32")])


@pytest.mark.parametrize("index", ["int32", "int64", "uint8"])
@pytest.mark.parametrize(("count", "range_"), [(0, (0, 1)), (1, (0, 9)), (COUNT, (-3, ROWS + 3)), (COUNT, (7, 8))])
@pytest.mark.parametrize("steps", [1, 2])
def test_rows_that_change_are_changed_in_place(index, count, range_, steps):
    low, high = (max(0, range_[0]), min(200, range_[1])) if index == "uint8" else range_
    table, t = descent(steps, count, index)
    given = [*arguments(count, low, high, index=index), np.float32(0.3)]
    old = table.numpy().copy()
    _, expected = run(t.graph, [*given, old])
    graph = rewrite(t.graph, host_target(), check=True)
    [changed] = [n for n in graph.nodes if n.prim is P.scatter and n.params["mode"] == "set"]
    assert changed.inputs[0] in graph.inputs and changed.outputs[0] in graph.outputs
    np.testing.assert_array_equal(run(sparse_sums(t.graph), [*given, old])[1], expected)
    assert build(t, (), host_target(), False).plan.memory.layout({})[1] < old.nbytes / 4
    Executable(t)(*given)
    np.testing.assert_array_equal(table.numpy(), expected)


def test_rows_of_something_else_are_all_made():
    """What is changed is not the variable's old value, so that all rows of the new one have to be written."""
    table, t = descent(then=lambda x: P.mul(x, P.broadcast_in_dim(np.float32(0.5), shape=(ROWS, WIDTH), dims=())))
    assert not [n for n in rewrite(t.graph, host_target()).nodes if n.params.get("mode") == "set"]
    given = [*arguments(), np.float32(0.3)]
    _, expected = run(t.graph, [*given, table.numpy().copy()])
    Executable(t)(*given)
    np.testing.assert_array_equal(table.numpy(), expected)
