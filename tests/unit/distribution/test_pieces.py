"""Cutting a batch into pieces, and summing in an order that the pieces alone decide."""

import numpy as np
import pytest

from pronghorn.distribution.pieces import TreeSum, bounds, fixed_count, share


@pytest.mark.parametrize("total", [0, 1, 7, 32, 101])
@pytest.mark.parametrize("count", [1, 3, 8])
def test_pieces_make_up_the_batch(total, count):
    edges = bounds(total, count)
    assert edges[0] == 0 and edges[-1] == total and edges == sorted(edges)
    sizes = np.diff(edges)
    assert sizes.max() - sizes.min() <= 1


def test_every_piece_has_one_process():
    for processes in (1, 2, 3, 5, 8, 11):
        assert [i for rank in range(processes) for i in share(8, processes, rank)] == list(range(8))


def test_the_number_of_pieces_depends_on_the_batch_alone():
    assert [fixed_count(n) for n in (0, 1, 15, 16, 31, 32, 64, 256, 10**6)] == [1, 1, 1, 2, 2, 4, 8, 32, 32]


@pytest.mark.parametrize("count", [1, 2, 6, 8, 13])
def test_sums_have_one_order_however_the_pieces_are_spread(count):
    terms = np.random.default_rng(0).normal(size=count).astype("float32") * 10.0 ** np.arange(count)
    alone = TreeSum(lambda a, b: np.float32(a + b))
    for i, term in enumerate(terms):
        alone.take(i, 1, term)
    for processes in (2, 3, 4, 7):
        together = TreeSum(lambda a, b: np.float32(a + b))
        for rank in range(processes):
            own = TreeSum(lambda a, b: np.float32(a + b))
            for i in share(count, processes, rank):
                own.take(i, 1, terms[i])
            for first, size, value in own.nodes:
                together.take(first, size, value)
        assert together.nodes == alone.nodes and together.result() == alone.result()
