"""Rows of different lengths in one array, as layers and compiled steps have them."""

from __future__ import annotations

import numpy as np
import pytest

import pronghorn
from pronghorn import ops
from pronghorn.data import RaggedTensor
from pronghorn.data.padded_rows import PaddedRows

ROWS = [[1.0, -2.0, 3.0], [], [4.0]]


def rows_of(entries=ROWS):
    """Rows behind whose ends stand numbers that mean nothing."""
    rows = PaddedRows.of(RaggedTensor.of(entries))
    return PaddedRows(ops.where(rows.mask, rows.padded, 99.0), rows.lengths)


def test_and_back():
    rows = rows_of()
    assert rows.flattened().to_list() == ROWS and rows.flattened().dtype == "float32"
    assert rows.row_lengths().tolist() == [3, 0, 1] and rows.nrows().item() == 3
    assert tuple(rows.shape) == (3, None) and rows.ndim == 2 and rows.ragged_rank == 1
    vectors = PaddedRows.of(RaggedTensor.from_row_lengths(np.arange(6.0).reshape(3, 2), [2, 1]))
    assert vectors.flattened().to_list() == [[[0, 1], [2, 3]], [[4, 5]]] and tuple(vectors.shape) == (2, None, 2)


@pytest.mark.parametrize("entries", [[], [[]], [[], []], [[1.0]]])
def test_of_nothing(entries):
    rows = PaddedRows.of(RaggedTensor.of(entries, depth=1))
    assert rows.flattened().to_list() == entries and len(rows.reduced("sum").tolist()) == len(entries)


def test_to_tensor():
    rows = rows_of()
    assert rows.to_tensor().tolist() == [[1, -2, 3], [0, 0, 0], [4, 0, 0]]
    assert rows.to_tensor(-1, shape=(None, 4)).tolist() == [[1, -2, 3, -1], [-1] * 4, [4, -1, -1, -1]]
    assert rows.to_tensor(shape=(None, 2)).tolist() == [[1, -2], [0, 0], [4, 0]]


@pytest.mark.parametrize("name", ["sum", "mean", "max", "min", "prod"])
def test_reductions(name):
    found = rows_of().reduced(name).tolist()
    least = float(np.finfo("float32").min)
    wanted = {
        "sum": [2, 0, 4],
        "mean": [pytest.approx(2 / 3), pytest.approx(np.nan, nan_ok=True), 4],
        "max": [3, least, 4],
        "min": [-2, -least, 4],
        "prod": [-6, 1, 4],
    }
    assert found == wanted[name]
    assert rows_of().reduced(name, keepdims=True).shape == (3, 1)


def test_behind_the_end_of_a_row_stand_values_of_the_data():
    padded = PaddedRows.of(RaggedTensor.of(ROWS)).padded
    assert padded.tolist() == [[1, -2, 3], [4, 4, 4], [4, 4, 4]]
    assert PaddedRows.of(RaggedTensor.of([[5], [], [6, 7], []])).padded.tolist() == [[5, 5], [6, 6], [6, 7], [7, 7]]


@pytest.mark.parametrize("kind", [RaggedTensor, PaddedRows])
def test_arrays_beside_rows(kind):
    vectors = RaggedTensor.from_row_lengths(np.arange(8.0).reshape(4, 2), [1, 3])
    rows = PaddedRows.of(vectors) if kind is PaddedRows else vectors

    def product(x):
        found = rows * ops.convert_to_tensor(np.asarray(x, "float64"))
        return (found.flattened() if kind is PaddedRows else found).to_list()

    assert product([1, 10]) == product([[1, 10]]) == [[[0, 10]], [[2, 30], [4, 50], [6, 70]]]
    assert product([[[1]], [[10]]]) == [[[0, 1]], [[20, 30], [40, 50], [60, 70]]]
    for other in (np.ones((2, 2)), np.ones((2, 1)), np.ones((2, 3, 2))):
        with pytest.raises(ValueError, match=r"meet an array of shape \(2, .*shape of a value, \(2,\)"):
            product(other)


def test_of_conditions():
    rows = rows_of()
    assert (rows > 0).reduced("any").tolist() == [True, False, True]
    assert (rows > 0).reduced("all").tolist() == [False, True, True]


def test_arithmetic():
    rows = rows_of()
    assert (2 * rows + rows).flattened().to_list() == [[3, -6, 9], [], [12]]
    assert (rows + ops.array([[10.0], [20.0], [30.0]])).flattened().to_list() == [[11, 8, 13], [], [34]]
    with pytest.raises(ValueError, match=r"two inputs meet.*to_tensor"):
        rows + rows_of()


@pytest.mark.parametrize(
    "use",
    [
        len,
        lambda x: x.values,
        lambda x: x.splits,
        lambda x: x.flat_values,
        lambda x: x[0],
        lambda x: x.row_splits,
        list,
    ],
)
def test_what_a_compiled_step_does_not_know(use):
    with pytest.raises(ValueError, match=r"being compiled.*to_tensor\(\).*run_eagerly=True"):
        use(rows_of())


def test_what_there_is_not():
    with pytest.raises(ValueError, match="rows in rows"):
        PaddedRows.of(RaggedTensor.of([[[1], [2, 3]]]))
    with pytest.raises(ValueError, match=r"strings.*StringLookup"):
        PaddedRows.of(RaggedTensor.of([["a"], []]))


def test_in_a_compiled_function():
    @pronghorn.jit
    def mean(padded, lengths):
        return (PaddedRows(padded, lengths) * 2.0).reduced("mean")

    rows = rows_of()
    np.testing.assert_array_equal(mean(rows.padded, rows.lengths).numpy(), (rows * 2.0).reduced("mean").numpy())
