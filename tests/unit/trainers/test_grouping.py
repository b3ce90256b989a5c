"""Batches to predict that are run together."""

from __future__ import annotations

import numpy as np

from pronghorn.trainers.batch import Batch
from pronghorn.trainers.data_adapters.arrays import ArrayAdapter
from pronghorn.trainers.grouping import regrouped


def test_neighbouring_batches_of_arrays_are_joined_without_a_copy():
    x = np.arange(100, dtype="float32").reshape(50, 2)
    pieces = regrouped([b.kept() for b in ArrayAdapter(x, batch_size=7).batches()], 25)
    assert [piece.size for piece in pieces] == [25, 25]
    assert all(np.shares_memory(piece.arrays[0], x) for piece in pieces)
    np.testing.assert_array_equal(np.concatenate([piece.arrays[0] for piece in pieces]), x)


def test_batches_that_are_no_neighbours_are_joined_in_their_order():
    x = np.arange(100, dtype="float32").reshape(50, 2)
    batches = [b.kept() for b in ArrayAdapter(x, batch_size=7).batches()]
    for order in ([2, 1], [0, 2], [3, 3], [7]):
        (joined,) = regrouped([batches[i] for i in order], 100)
        np.testing.assert_array_equal(joined.arrays[0], np.concatenate([batches[i].arrays[0] for i in order]))


def test_batches_of_two_data_sets_are_not_taken_for_neighbours():
    x, y = np.zeros((8, 2), "float32"), np.ones((8, 2), "float32")
    first, _ = ArrayAdapter(x, batch_size=4).batches()
    _, second = ArrayAdapter(y, batch_size=4).batches()
    (joined,) = regrouped([first, second], 100)
    np.testing.assert_array_equal(joined.arrays[0], np.concatenate([x[:4], y[4:]]))


def test_what_a_generator_may_fill_anew_is_copied():
    x = np.zeros((4, 2), "float32")
    (batch,) = ArrayAdapter(x, batch_size=4).batches()
    kept = Batch(batch.layout, batch.arrays, key=batch.key).kept()
    x[:] = 1
    assert not kept.arrays[0].any()
