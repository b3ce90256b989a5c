"""Where what a loop carries lies: in place, from its start to its end, where nobody else looks at it."""

import numpy as np
import pytest

from pronghorn import ops
from pronghorn.backends.llvm import Executable
from pronghorn.backends.llvm.build import build
from pronghorn.backends.numpy import run
from pronghorn.graph.dim import Dim
from pronghorn.graph.ir import Aval
from pronghorn.graph.trace import trace
from pronghorn.runtime.host import named_target

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


CASES = [
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


@pytest.mark.parametrize(("fn", "copies"), [(_twice, 1), (_start_is_read_again, 1), (_they_change_places, 4)])
def test_what_is_carried_is_copied_only_where_it_has_to_be(fn, copies):
    """A result of the whole program has memory of its own, into which its start is copied. (Adding 1 counts, too.)"""

    def sizes(values):
        return [v.shape for v in values]

    traced = trace(fn, [Aval(shape, "float32") for shape in SHAPES])
    launches = build(traced, (), named_target("avx512"), False).emitted.launches
    found = [v for v in launches if v.label.endswith("_loops") and sizes(v.reads) == sizes(v.writes) == [(8, 300)]]
    assert len(found) == copies
