"""What loops carry and update in one place: scatters of the new rows, where the array lies, to the same bits."""

import numpy as np
import pytest

from pronghorn import ops
from pronghorn.engine.backends.llvm import Executable
from pronghorn.engine.backends.numpy import run
from pronghorn.engine.compiler.kernels import root_of
from pronghorn.engine.compiler.outputs import change_rows_in_place, place_outputs
from pronghorn.engine.compiler.stages import lower, rewrite
from pronghorn.engine.compiler.updates import update_in_place
from pronghorn.engine.graph.dim import Dim
from pronghorn.engine.graph.ir import Aval
from pronghorn.engine.graph.trace import trace
from pronghorn.engine.graph.verify import verify
from pronghorn.engine.runtime.host import host_target
from pronghorn.variables import Variable

BATCH = Dim.symbol("batch")
SHAPE = (2, 2, 6, 3)  # layers, keys and values, positions, numbers


@pytest.fixture(autouse=True)
def guarded(monkeypatch):
    """Kernels run on arrays between forbidden pages; nothing comes from the cache."""
    monkeypatch.setenv("PRONGHORN_DEBUG", "poison,verify")
    monkeypatch.setenv("PRONGHORN_CACHE", "0")


def rows_of(cache, i, scale=1.0):
    batch = ops.shape(cache)[0]
    return ops.ones((batch, 1, 3)) * ops.cast(i + 1, "float32") * scale


def written(cache, i, new, axis=1):
    return ops.slice_update(cache, [0] * axis + [i] + [0] * (cache.ndim - axis - 1), new)


def layers(cache, i):
    """As language models do it: each layer cuts its keys and values out, and all are joined again."""
    x, parts = rows_of(cache, i), []
    for layer in range(2):
        own = cache[:, layer]
        keys, values = written(own[:, 0], i, x), written(own[:, 1], i, x + 1.0)
        x = x + ops.sum(keys * values, axis=1, keepdims=True) * 0.125
        parts.append(ops.stack((keys, values), axis=1))
    return ops.stack(parts, axis=1)


def along_one_axis(cache, i):
    halves = [written(cache[:, :, :, at : at + 3], i, ops.ones((ops.shape(cache)[0], 2, 2, 1, 3)), 3) for at in (0, 3)]
    return ops.concatenate(halves, axis=3)


def whole(cache, i):
    return written(cache, i, ops.ones((ops.shape(cache)[0], 2, 2, 1, 3)) * ops.cast(i, "float32"), 3)


def twice(cache, i):
    row = ops.ones((ops.shape(cache)[0], 2, 2, 1, 3))
    return written(written(cache, i, row, 3), 5 - i, row + ops.cast(i, "float32"), 3)


def one_number(cache, i):
    return ops.slice_update(cache, [0, 1, i % 2, i, 2], ops.reshape(ops.cast(i, "float32"), (1,) * 5))


def out_of_range(cache, i):
    return written(cache, i * 3, ops.ones((ops.shape(cache)[0], 2, 2, 1, 3)), 3)


def from_the_end(cache, i):
    return written(cache, -1 - i, ops.ones((ops.shape(cache)[0], 2, 2, 1, 3)), 3)


def of_what_it_holds(cache, i):
    """The new row is the sum of those that are there."""
    return written(cache, i, ops.sum(cache, axis=3, keepdims=True) * 0.25, 3)


IN_PLACE = [layers, along_one_axis, whole, twice, one_number, out_of_range, from_the_end, of_what_it_holds]


def reads_the_old_part_later(cache, i):
    new = whole(cache, i)
    return new + 0.0 * ops.sum(cache - new)


def in_another_order(cache, i):
    parts = [written(cache[:, layer, 0], i, rows_of(cache, i)) for layer in (1, 0)]
    rest = [cache[:, layer, 1] for layer in (0, 1)]
    return ops.stack([ops.stack(pair, axis=1) for pair in zip(parts, rest)], axis=1)


def twice_the_same(cache, i):
    part = written(cache[:, 0], i, ops.ones((ops.shape(cache)[0], 2, 1, 3)), 2)
    return ops.stack([part, part], axis=1)


def one_part_as_another(cache, i):
    first = written(cache[:, 0], i, ops.ones((ops.shape(cache)[0], 2, 1, 3)), 2)
    second = written(cache[:, 1], i, first[:, :, :1] + cache[:, 0, :, :1], 2)
    return ops.stack([first, second], axis=1)


OTHERS = [reads_the_old_part_later, in_another_order, twice_the_same, one_part_as_another]


def while_of(change):
    def function(cache, count):
        found = ops.while_loop(lambda c, i: i < count, lambda c, i: (change(c, i), i + 1), (cache, 0))
        return [found[0]]

    return function


def scan_of(change):
    def function(cache, count):
        step = lambda carry, _: ((change(*carry), carry[1] + 1), None)  # noqa: E731
        return [ops.scan(step, (cache, ops.convert_to_tensor(0)), length=4)[0][0] + 0.0 * ops.cast(count, "float32")]

    return function


def traced(function):
    avals = [Aval((BATCH, *SHAPE), "float32"), Aval((), "int32")]
    return trace(lambda *x: [ops.convert_to_tensor(r) for r in function(*x)], avals, hints={"batch": 3})


def check(function, counts=(0, 1, 4, 6)):
    found = traced(function)
    verify(update_in_place(found.graph))
    compiled = Executable(found)
    for batch in (1, 3):
        cache = np.random.default_rng(batch).normal(size=(batch, *SHAPE)).astype("float32")
        before = cache.copy()
        for count in counts:
            expected = run(found.graph, [cache, np.int32(count)])[0]
            np.testing.assert_allclose(compiled(cache, np.int32(count))[0], expected, rtol=2e-6, atol=1e-6)
        np.testing.assert_array_equal(cache, before)
    return found.graph


def body_of(graph):
    """The body of a graph's loop after all stages, its program, and what lies in the memory of what it carries."""
    (node,) = [n for n in rewrite(graph, host_target()).nodes if n.prim.name in ("while_loop", "scan")]
    body = node.params["body"]
    program = lower(body, host_target(), is_body=True)
    return body, program, change_rows_in_place(program, body.inputs)


def large_writes(graph):
    """The kernels of a loop that write as much as it carries, but for those that write a few rows of it."""
    body, program, over = body_of(graph)
    sizes = {np.prod([3 if isinstance(n, Dim) else n for n in SHAPE]) * 3}
    size_of = lambda v: int(np.prod([n.evaluate({"batch": 3}) if isinstance(n, Dim) else n for n in v.shape]))  # noqa: E731
    return [v for kernel in program.kernels for v in kernel.writes if v not in over and size_of(v) >= min(sizes) // 4]


@pytest.mark.parametrize("loop", [while_of, scan_of])
@pytest.mark.parametrize("change", IN_PLACE)
def test_updates_are_written_where_the_array_lies(change, loop):
    graph = check(loop(change))
    assert not large_writes(graph)
    assert not any(n.prim.name == "dynamic_update_slice" for n in body_of(graph)[0].nodes)


@pytest.mark.parametrize("loop", [while_of, scan_of])
@pytest.mark.parametrize("change", OTHERS)
def test_what_needs_old_and_new_stays_apart(change, loop):
    check(loop(change))


def test_arrays_that_are_carried_beside():
    """One that changes places with another, one that stays, and one that is returned as it was before the update."""

    def function(cache, count):
        def body(cache, other, same, last, i):
            return whole(cache, i), last + same, same, cache, i + 1

        start = (cache, cache * 2.0, cache * 3.0, cache * 4.0, 0)
        return ops.while_loop(lambda *state: state[-1] < count, body, start)[:4]

    def swapped(cache, count):
        body = lambda a, b, i: (b, written(a, i, ops.ones((ops.shape(a)[0], 2, 2, 1, 3)), 3), i + 1)  # noqa: E731
        return ops.while_loop(lambda a, b, i: i < count, body, (cache, cache * 2.0, 0))[:2]

    for given in (function, swapped):
        for which in range(2):
            check(lambda cache, count, given=given, which=which: [given(cache, count)[which]])


def test_loops_in_loops_and_branches():
    def function(cache, count):
        def body(c, i):
            inner = ops.while_loop(lambda c, k: k < i, lambda c, k: (layers(c, k), k + 1), (c, 0))[0]
            return ops.cond(i % 2 == 0, lambda: whole(inner, i), lambda: inner), i + 1

        return [ops.while_loop(lambda c, i: i < count, body, (cache, 0))[0]]

    check(function, counts=(0, 3))


def test_one_result_of_a_loop_is_the_start_of_the_next():
    def function(cache, count):
        first = while_of(whole)(cache, count)[0]
        second = while_of(layers)(first * 2.0, count)[0]
        return [second + first]

    check(function)


def test_the_stage_can_be_left_out(monkeypatch):
    monkeypatch.setenv("PRONGHORN_SKIP", "updates")
    graph = check(while_of(layers), counts=(4,))
    assert large_writes(graph)


def steps_of(change):
    """A step that changes what it is given, which its caller gives up, and one that changes a variable."""
    avals = [Aval((BATCH, *SHAPE), "float32"), Aval((), "int32")]
    given = trace(lambda c, i: [ops.convert_to_tensor(change(c, i))], avals, hints={"batch": 3})
    given.donated = {0: 0}
    variable = Variable(np.zeros((3, *SHAPE), "float32"))

    def assigns(i):
        variable.assign(change(variable.value, i))
        return [i + 1]

    return given, trace(assigns, avals[1:]), variable


@pytest.mark.parametrize("change", [*IN_PLACE, *OTHERS])
def test_a_step_updates_what_it_is_given_and_its_variables(change):
    given, assigned, variable = steps_of(change)
    compiled = Executable(given), Executable(assigned)
    for i in (0, 1, 3):
        cache = np.random.default_rng(i).normal(size=(3, *SHAPE)).astype("float32")
        expected = run(given.graph, [cache, np.int32(i)])[0]
        variable.assign(cache)
        compiled[1](np.int32(i))
        np.testing.assert_allclose(variable.numpy(), expected, rtol=2e-6, atol=1e-6)
        np.testing.assert_allclose(compiled[0](cache, np.int32(i))[0], expected, rtol=2e-6, atol=1e-6)


@pytest.mark.parametrize("change", IN_PLACE)
def test_a_step_writes_the_new_rows_alone(change):
    for found in steps_of(change)[:2]:
        places = [0] if found.donated else [None, 1]
        graph = rewrite(found.graph, host_target(), places=places)
        assert not any(n.prim.name == "dynamic_update_slice" for n in graph.nodes)
        program = lower(graph, host_target())
        olds = [None if place is None else graph.inputs[place] for place in places]
        placed, _ = place_outputs(program, olds)
        assert len(placed.kernels) == len(program.kernels)  # nothing is copied
        assert root_of(placed.graph.outputs[-1], placed.aliases) is olds[-1]
