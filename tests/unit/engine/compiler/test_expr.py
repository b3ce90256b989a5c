"""Index arithmetic, the indices of reshapes, and the merging of loops, against NumPy."""

import itertools

import numpy as np
import pytest

from pronghorn.engine.codegen.cutting import merge_loops
from pronghorn.engine.compiler.expr import Index, LoopVar, Quotient, Remainder, substitute_index
from pronghorn.engine.compiler.virtual import linear, reshape_index
from pronghorn.engine.graph.dim import Dim

I, J = LoopVar("i", 4), LoopVar("j", 6)


def value(index, at):
    """An index as a number, for given loop variables."""
    total = index.const
    for term, c in index.terms.items():
        if isinstance(term, Quotient):
            total += c * (value(term.index, at) // term.divisor)
        elif isinstance(term, Remainder):
            total += c * (value(term.index, at) % term.divisor)
        else:
            total += c * at[term]
    return total


def test_indices_add_and_scale():
    index = (Index.of(I) * 6 + Index.of(J) + 3) - Index.of(J)
    assert index == Index(3, {I: 6})
    assert Index.of(I) - I == Index()
    assert (Index.of(I) * 0).terms == {}


@pytest.mark.parametrize("divisor", [1, 2, 3, 4, 6, 12, 24])
def test_quotients_and_remainders(divisor):
    index = Index.of(I) * 6 + J
    for i, j in itertools.product(range(4), range(6)):
        at = {I: i, J: j}
        assert value(index.floor_div(divisor), at) == (6 * i + j) // divisor
        assert value(index.mod(divisor), at) == (6 * i + j) % divisor


def test_what_is_known_needs_no_division():
    index = Index.of(I) * 6 + J
    assert index.floor_div(6) == Index.of(I) and index.mod(6) == Index.of(J)
    assert not (Index.of(J) + 6 * 5).floor_div(6).terms  # 30 .. 35
    batch = Dim.symbol("batch")
    row = LoopVar("r", batch)
    assert (Index.of(row) * 6 + J).floor_div(6) == Index.of(row)
    assert (Index.of(I) * batch + row).mod(batch) == Index.of(row)


def test_axes_without_elements():
    assert Index.of(I).floor_div(0) == Index() and Index.of(I).mod(0) == Index()


def test_coefficients():
    index = Index.of(I) * 6 + Index.of(Quotient(Index.of(J), 4))
    assert index.coefficient(I) == 6
    assert index.coefficient(J) is None
    assert Index.of(J).coefficient(I) == 0


def test_substitution():
    index = Index.of(Quotient(Index.of(I) * 6 + J, 4)) + I
    moved = substitute_index(index, {J: Index.of(J) + 2})
    for i, j in itertools.product(range(4), range(4)):
        assert value(moved, {I: i, J: j}) == value(index, {I: i, J: j + 2})


SHAPES = [((4, 6), (24,)), ((24,), (4, 6)), ((4, 6), (6, 4)), ((2, 3, 4), (6, 4)), ((4, 1, 6), (4, 6)),
          ((4, 6), (1, 2, 2, 6, 1)), ((2, 12), (3, 8)), ((1,), ()), ((), (1, 1)), ((5, 4, 6), (5, 3, 8))]  # fmt: skip


@pytest.mark.parametrize(("shape", "source"), SHAPES)
def test_reshape_indices(shape, source):
    vars = [LoopVar(f"i{a}", n) for a, n in enumerate(shape)]
    inner = reshape_index(tuple(map(Index.of, vars)), shape, source)
    assert inner is not None
    numbers = np.arange(int(np.prod(shape))).reshape(source)
    for at in np.ndindex(*shape):
        where = tuple(value(i, dict(zip(vars, at))) for i in inner)
        assert numbers[where] == (np.ravel_multi_index(at, shape) if shape else 0)


def test_reshapes_of_a_symbolic_batch_keep_its_axis():
    batch = Dim.symbol("batch")
    row, i = LoopVar("r", batch), LoopVar("i", 12)
    first, *rest = reshape_index((Index.of(row), Index.of(i)), (batch, 12), (batch, 3, 4))
    assert first == Index.of(row) and len(rest) == 2
    (flat,) = reshape_index((Index.of(row), Index.of(i)), (batch, 12), (batch * 12,))
    assert flat == Index.of(row) * 12 + i


def test_adjacent_loops_merge():
    k = LoopVar("k", 5)
    contiguous = linear((Index.of(I), Index.of(J), Index.of(k)), (4, 6, 5))
    (loop,) = merge_loops([I, J, k], [contiguous])
    assert loop.extent == 120 and loop.zero == (I, J)


def test_loops_that_an_access_walks_differently_stay_apart():
    rows = linear((Index.of(I), Index.of(J)), (4, 6))
    columns = linear((Index.of(J), Index.of(I)), (6, 4))
    assert [loop.extent for loop in merge_loops([I, J], [rows, columns])] == [4, 6]
    halved = Index.of(Quotient(Index.of(J), 2))
    assert [loop.extent for loop in merge_loops([I, J], [rows, halved])] == [4, 6]


def test_loops_of_one_iteration_vanish():
    one = LoopVar("one", 1)
    assert [loop.var for loop in merge_loops([one, J], [Index.of(J)])] == [J]
    assert len(merge_loops([one], [Index()])) == 1
