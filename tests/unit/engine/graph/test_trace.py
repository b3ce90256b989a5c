"""Tracing: what becomes part of a graph, and what is refused."""

import gc

import numpy as np
import pytest

from pronghorn.engine.backends.interpreter import bind_extents
from pronghorn.engine.backends.numpy import run
from pronghorn.engine.graph import primitives as P
from pronghorn.engine.graph.active import TraceError, current_trace, eager, scope
from pronghorn.engine.graph.dim import Dim, ExtentsMayDiffer
from pronghorn.engine.graph.ir import Aval
from pronghorn.engine.graph.tensor import Tensor, as_tensor
from pronghorn.engine.graph.trace import abstract_eval, inline, trace, trace_body
from pronghorn.variables import Variable

SCALAR = Aval((), "float32")
VECTOR = Aval((3,), "float32")


def test_variables_become_inputs_and_outputs():
    count, weight = Variable(np.float32(0), trainable=False), Variable(np.float32([1, 2, 3]))

    def fn(x):
        y = P.mul(x, weight.value)
        count.assign(P.add(count.value, 1.0))
        count.assign(P.add(count.value, 1.0))
        return [y]

    traced = trace(fn, [VECTOR])
    assert (traced.num_args, traced.num_results) == (1, 1)
    assert (traced.variables, traced.updated) == ([weight, count], [count])
    y, new = run(traced.graph, [np.ones(3, "float32"), np.float32([1, 2, 3]), np.float32(5)])
    assert (y.tolist(), new) == ([1, 2, 3], 7)
    assert count.numpy() == 0  # tracing changes nothing


def test_an_extent_that_an_assignment_needs_is_asked_for():
    kept, unknown = Variable(np.zeros((2, 3), "float32"), name="kept"), Dim.symbol("batch")
    with pytest.raises(ExtentsMayDiffer) as question:
        abstract_eval(lambda x: [kept.assign(x).value], Aval((unknown, 3), "float32"))
    assert question.value.extents == (unknown, 2)
    for shape in ((2,), (4, 3), (3, unknown)):
        with pytest.raises((ValueError, ExtentsMayDiffer)):
            abstract_eval(lambda x: [kept.assign(x).value], Aval(shape, "float32"))


def test_no_garbage_is_collected_meanwhile():
    seen = []

    def fn(x):
        seen.append(gc.isenabled())
        return [x]

    trace(fn, [VECTOR])
    assert (seen, gc.isenabled()) == ([False], True)


def test_assignment_in_a_loop_is_refused():
    v = Variable(np.float32(0), name="counter")

    def fn(x):
        trace_body(lambda h: [v.assign(h).value], [SCALAR])
        return [x]

    with pytest.raises(TraceError, match="counter.*Carry its value"):
        trace(fn, [SCALAR])


def test_bodies_capture_what_they_use():
    v = Variable(np.float32(2))

    def fn(x, y):
        body = trace_body(lambda h: [P.add(P.mul(h, x), v.value)], [SCALAR])
        assert len(body.captures) == 2
        return P.scan(*body.captures, y, body=body.graph, num_consts=2, num_carry=1, length=3, reverse=False)

    traced = trace(fn, [SCALAR, SCALAR])
    assert traced.variables == [v]
    assert run(traced.graph, [np.float32(3), np.float32(1), np.float32(2)])[0] == 53


def test_traced_arrays_have_no_values():
    kept = []

    def fn(x):
        kept.append(x)
        for use in (float, bool, np.asarray, lambda t: t.numpy(), lambda t: t.tolist()):
            with pytest.raises(TraceError, match="not known while a function is traced"):
                use(x)
        assert x.is_traced and "traced float32[]" in repr(x)
        return [x]

    trace(fn, [SCALAR])
    with pytest.raises(TraceError, match="kept beyond"):
        P.sin(kept[0])
    with pytest.raises(TraceError, match="kept beyond"):
        trace(lambda: [P.sin(kept[0])], [])


def test_abstract_evaluation_runs_nothing():
    v = Variable(np.float32(0))

    def fn(x):
        v.assign(P.add(v.value, 1.0))
        return [P.reduce_sum(x, axes=(1,))]

    rows = Dim.symbol("batch")
    assert abstract_eval(fn, Aval((rows, 3), "float32")) == [Aval((rows,), "float32")]
    assert v.numpy() == 0
    assert current_trace() is None


def test_a_failed_trace_leaves_nothing_behind():
    with pytest.raises(ZeroDivisionError):
        trace(lambda x: [1 / 0], [SCALAR])
    assert current_trace() is None


def test_eager_islands():
    def fn(x):
        with eager():
            table = P.add(P.constant(value=np.float32([1, 2, 3])), 1.0)
            assert not table.is_traced
        return [P.add(x, table)]

    graph = trace(fn, [VECTOR]).graph
    assert [n.prim.name for n in graph.nodes] == ["constant", "add"]


def test_scopes_name_nodes():
    def fn(x):
        with scope("model"), scope("dense"):
            return [P.sin(x)]

    assert trace(fn, [SCALAR]).graph.nodes[0].scope == "model/dense"


def test_inline():
    graph = trace(lambda x, y: [P.add(x, y), P.mul(x, y)], [SCALAR, SCALAR]).graph
    assert [float(t) for t in inline(graph, [2.0, 3.0])] == [5, 6]


def test_python_scalars_take_the_type_of_the_arrays():
    x = Tensor(np.float64([1, 2]))
    assert P.add(x, 1).dtype == "float64"
    assert P.select(Tensor(np.array([True, False])), x, 0.0).dtype == "float64"
    assert (as_tensor(1).dtype, as_tensor(1.5).dtype, as_tensor(True).dtype) == ("int32", "float32", "bool")


@pytest.mark.parametrize(
    ("declared", "actual", "expected"),
    [
        ([(Dim.symbol("n"), 3)], [(5, 3)], {"n": 5}),
        ([(Dim.symbol("n") * 2 - 1,)], [(7,)], {"n": 4}),
        ([(Dim.symbol("n") * Dim.symbol("m"),), (Dim.symbol("n"),)], [(12,), (3,)], {"n": 3, "m": 4}),
        ([(Dim.symbol("n"),), (Dim.symbol("n") // 2,)], [(5,), (2,)], {"n": 5}),
    ],
)
def test_bind_extents(declared, actual, expected):
    assert bind_extents(declared, actual) == expected


@pytest.mark.parametrize(
    ("declared", "actual"),
    [
        ([(Dim.symbol("n"),), (Dim.symbol("n"),)], [(5,), (6,)]),
        ([(Dim.symbol("n") * 2,)], [(7,)]),
        ([(3,)], [(4,)]),
        ([(3,)], [(3, 1)]),
    ],
)
def test_bind_extents_refuses(declared, actual):
    with pytest.raises(ValueError, match="was expected, got"):
        bind_extents(declared, actual)


def test_extents_in_loops_are_known():
    """A body that asks for the batch size, though none of its inputs has it."""
    rows = Dim.symbol("batch")

    def fn(x):
        body = trace_body(lambda h: [P.add(h, P.cast(P.extent(dim=rows), dtype="float32"))], [SCALAR])
        zero = P.constant(value=np.float32(0))
        return P.scan(zero, body=body.graph, num_consts=0, num_carry=1, length=rows, reverse=False)

    graph = trace(fn, [Aval((rows,), "float32")]).graph
    assert run(graph, [np.zeros(4, "float32")])[0] == 16
