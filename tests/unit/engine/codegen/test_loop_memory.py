"""Where what a loop carries lies: in place, from its start to its end, where nobody else looks at it."""

import numpy as np
import pytest

from pronghorn import ops
from pronghorn.engine.backends.llvm import Executable
from pronghorn.engine.backends.llvm.build import build
from pronghorn.engine.backends.numpy import run
from pronghorn.engine.graph.dim import Dim
from pronghorn.engine.graph.ir import Aval
from pronghorn.engine.graph.trace import trace
from pronghorn.engine.runtime.host import named_target

STEPS = Dim.symbol("steps")
SHAPES = ((STEPS, 40, 8), (STEPS, 40, 300))


def _added(total, x, y):
    return total + ops.matmul(ops.transpose(x), y)


def _sums(x, y, start):
    """Sums over the steps of products, as of a layer's gradient."""
    return ops.scan(lambda total, xy: (_added(total, *xy), None), start, (x, y))[0]


def _zeros():
    return ops.zeros((8, 300))


def _made(x):
    return ops.exp(ops.sum(x, axis=(0, 1)))[:, None] * ops.ones((8, 300))


def _twice(x, y):
    return [_sums(x, y, _sums(x, y, _zeros()))]


def _start_is_read_again(x, y):
    start = _made(x)
    return [_sums(x, y, start), start]


def _start_is_read_in_the_loop(x, y):
    start = ops.sin(_made(x))
    return [ops.scan(lambda total, xy: (_added(total, *xy) - start, None), start, (x, y))[0]]


def _two_of_one_start(x, y):
    start = _made(x)

    def step(carry, xy):
        first, second = carry
        return (_added(first, *xy), 0.5 * second - ops.sum(xy[0])), None

    return list(ops.scan(step, (start, start), (x, y))[0])


def _they_change_places(x, y):
    def step(carry, xy):
        first, second = carry
        return (second + 1, _added(first, *xy)), None

    return list(ops.scan(step, (_zeros(), _made(x)), (x, y))[0])


def _old_is_read_behind(x, y):
    def step(total, xy):
        new = _added(total, *xy)
        return new, ops.sum(new * ops.cumsum(total, axis=1))

    return list(ops.scan(step, _made(x), (x, y)))


def _neighbours_are_read(x, y):
    return [ops.scan(lambda total, xy: (_added(ops.flip(total, 1), *xy), None), _made(x), (x, y))[0]]


def _a_loop_in_a_loop(x, y):
    def outer(total, xy):
        inner = _sums(xy[0][None], xy[1][None], ops.tanh(total))
        return total - _sums(xy[0][None], xy[1][None], inner), ops.sum(inner)

    return list(ops.scan(outer, _zeros(), (x, y)))


def _states(x, y, start, **options):
    """What is carried, after the last step, after each and before each."""

    def step(total, xy):
        new = 0.5 * ops.tanh(_added(total, *xy)) + ops.roll(total, 1, axis=0)
        return new, (new, total)

    last, (after, before) = ops.scan(step, start, (x, y), **options)
    return last, after, before


def _states_are_kept(x, y):
    last, after, before = _states(x, y, _made(x))
    return [last, ops.cumsum(after, axis=0), ops.matmul(before, ops.transpose(y, (0, 2, 1)))]


def _states_are_kept_backwards(x, y):
    last, after, before = _states(x, y, _made(x), reverse=True)
    return [last, ops.cumsum(after, axis=0), ops.matmul(before, ops.transpose(y, (0, 2, 1)))]


def _states_before_are_kept(x, y):
    _, _, before = _states(x, y, _made(x))
    return [ops.cumsum(before, axis=0)]


def _states_after_are_kept(x, y):
    _, after, _ = _states(x, y, _made(x), reverse=True)
    return [ops.cumsum(after, axis=0)]


def _states_are_results(x, y):
    return list(_states(x, y, _made(x)))


def _a_state_is_a_result(x, y):
    last, after, before = _states(x, y, _made(x))
    return [after, ops.cumsum(before, axis=0), last]


def _states_start_a_loop(x, y):
    """Which could go on in their memory, if others did not lie there."""
    _, after, before = _states(x, y, _made(x))

    def step(carry, xy):
        v, count = carry
        return (ops.tanh(v) + ops.max(_added(0.0, *xy)), count + 1), None

    last, _ = ops.scan(step, (after, ops.zeros(())), (x, y))[0]
    return [ops.cumsum(last, axis=0), ops.cumsum(before + ops.sum(last), axis=0)]


def _states_are_carried(x, y):
    """By a loop around, whose next step reads them while it makes others."""

    def outer(states, xy):
        def step(total, z):
            new = 0.5 * ops.tanh(_added(total, *xy)) + z
            return new, (new, total)

        _, (after, before) = ops.scan(step, states[0], states)
        return after, ops.sum(ops.cumsum(before, axis=0) - after * ops.flip(states, 0))

    return list(ops.scan(outer, ops.ones((3, 8, 300)), (x, y)))


def _states_of_a_branch(x, y):
    def arm(reverse):
        def of():
            last, after, before = _states(x, y, _made(x), reverse=reverse)
            return after, ops.cumsum(before, axis=0), last

        return of

    return list(ops.cond(ops.sum(x) > 0, arm(False), arm(True)))


CASES = [
    _states_are_kept,
    _states_are_kept_backwards,
    _states_before_are_kept,
    _states_after_are_kept,
    _states_are_results,
    _a_state_is_a_result,
    _states_start_a_loop,
    _states_are_carried,
    _states_of_a_branch,
    _twice,
    _start_is_read_again,
    _start_is_read_in_the_loop,
    _two_of_one_start,
    _they_change_places,
    _old_is_read_behind,
    _neighbours_are_read,
    _a_loop_in_a_loop,
]


@pytest.mark.parametrize("fn", CASES)
def test_values_are_those_of_copies(fn):
    traced = trace(fn, [Aval(shape, "float32") for shape in SHAPES])
    executable, rng = Executable(traced), np.random.default_rng(0)
    for steps in (0, 1, 2, 5):
        arrays = [rng.uniform(-0.3, 0.3, (steps, *shape[1:])).astype("float32") for shape in SHAPES]
        for got, expected in zip(executable(*arrays), run(traced.graph, arrays), strict=True):
            np.testing.assert_allclose(got, expected, rtol=1e-4, atol=1e-4)


@pytest.mark.parametrize(
    ("fn", "copies"),
    [
        (_twice, 1),
        (_start_is_read_again, 1),
        (_they_change_places, 4),
        (_states_are_kept, 2),  # into the array of the states, and out of it
        (_states_are_kept_backwards, 2),
        (_states_are_results, 4),  # which have memory of their own
    ],
)
def test_what_is_carried_is_copied_only_where_it_has_to_be(fn, copies):
    """A result of the whole program has memory of its own, into which its start is copied. (Adding 1 counts, too.)"""

    def sizes(values):
        return [v.shape for v in values]

    traced = trace(fn, [Aval(shape, "float32") for shape in SHAPES])
    launches = build(traced, (), named_target("avx512"), False).emitted.launches
    found = [v for v in launches if v.label.endswith("_loops") and sizes(v.reads) == sizes(v.writes) == [(8, 300)]]
    assert len(found) == copies
