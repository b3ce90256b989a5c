"""Batches to predict that are run together."""

from __future__ import annotations

import gc
import weakref

import numpy as np
import pytest

from pronghorn.calls.batch import Batch
from pronghorn.calls.grouping import LARGE, joined, regrouped
from pronghorn.trainers.data_adapters.arrays import ArrayAdapter


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


def test_large_outputs_are_let_go_as_they_are_joined():
    rows = LARGE // 4 // 2 + 1
    parts = [{"a": np.full((rows, 1), i, "float32"), "b": "text"} for i in range(3)]
    held = [weakref.ref(part["a"]) for part in parts]
    result = joined(parts)
    gc.collect()
    assert parts == [] and all(ref() is None for ref in held)
    assert result["b"] == "text"
    np.testing.assert_array_equal(result["a"], np.repeat(np.float32([[0], [1], [2]]), rows, axis=0))


@pytest.mark.parametrize("rows", [1, LARGE])
def test_outputs_of_two_types_are_joined_as_numpy_does(rows):
    a, b = np.zeros((rows, 1), "int8"), np.ones((2, 1), "float32")
    result = joined([a, b])
    assert result.dtype == np.concatenate([a, b]).dtype
    assert result.shape == (rows + 2, 1)


def test_outputs_that_do_not_fit_are_an_error():
    with pytest.raises(ValueError):
        joined([np.zeros((1, 2)), np.zeros((1, 3))])
    with pytest.raises(ValueError):
        joined([np.float32(1), np.float32(2)])


def test_one_output_is_given_as_it_is():
    array = np.zeros(3)
    assert joined([array]) is array
