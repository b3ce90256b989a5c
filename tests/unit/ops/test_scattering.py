"""Scattering to points by several coordinates."""

import numpy as np
import pytest

import pronghorn
from pronghorn import ops


@pytest.mark.parametrize("compiled", [False, True])
@pytest.mark.parametrize("dtype", ["int32", "int64", "uint8"])
def test_points_outside_count_for_nothing(compiled, dtype):
    """As in Keras on JAX; one outside along the second axis was a point of another row."""
    points = np.array([[0, 2], [0, 5], [1, 1], [3, 0], [2, 200]], dtype)
    values = np.arange(1, 6, dtype="float32")

    def both(x, points, values):
        return ops.scatter_update(x, points, values), ops.scatter(points, values, (3, 2))

    run = pronghorn.jit(both) if compiled else both
    for found in run(np.zeros((3, 2), "float32"), points, values):
        assert found.tolist() == [[0, 0], [0, 3], [0, 0]]


def test_negative_coordinates_count_from_the_end():
    points = np.array([[0, -1], [-1, -2], [0, -3], [-4, 0]])
    found = ops.scatter_update(np.zeros((3, 2), "float32"), points, np.float32([1, 2, 3, 4]))
    assert found.tolist() == [[0, 1], [0, 0], [2, 0]]


def test_three_coordinates():
    points = np.array([[0, 1, 1], [0, 2, 0], [0, 0, 2], [1, 1, 0]])
    found = np.asarray(ops.scatter(points, np.float32([1, 2, 3, 4]), (2, 2, 2)))
    assert found.sum() == 5 and found[0, 1, 1] == 1 and found[1, 1, 0] == 4


def test_places_outside_are_the_nearest():
    x = ops.reshape(ops.arange(6.0), (2, 3))
    rows, columns = np.array([0, 1, 0, 5]), np.array([3, -1, -9, 0])

    def taken(x, rows, columns):
        return x[rows, columns]

    assert pronghorn.jit(taken)(x, rows, columns).tolist() == [2, 5, 0, 3]
    with pytest.raises(IndexError, match="out of range"):
        taken(x, ops.array(rows), ops.array(columns))


@pytest.mark.parametrize("dtype", ["int8", "uint8", "int16", "uint16", "int32", "uint32", "int64"])
def test_places_of_few_bits_reach_everywhere(dtype):
    x = np.arange(3 * 300, dtype="int32").reshape(3, 300)
    rows, columns = np.array([2], dtype), np.array([100], dtype)
    points = np.stack([rows, columns], -1)

    def found(x, rows, columns, points):
        written = ops.scatter_update(x, points, ops.array([-1]))
        return ops.convert_to_tensor(x)[rows, columns], written, ops.scatter(points, ops.array([7.0]), (3, 300))

    for read, written, alone in (
        found(x, rows, columns, points),
        pronghorn.jit(found)(*map(ops.array, (x, rows, columns, points))),
    ):
        assert np.asarray(read).tolist() == [700]
        assert np.argwhere(np.asarray(written) == -1).tolist() == [[2, 100]]
        assert np.argwhere(np.asarray(alone)).tolist() == [[2, 100]]
