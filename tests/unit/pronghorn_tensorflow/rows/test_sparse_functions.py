"""`tf.sparse`'s functions of values that are known; what they give is compared in test_tensorflow_answers.py."""

import numpy as np
import pytest

from pronghorn_tensorflow.rows.sparse import SparseTensor
from pronghorn_tensorflow.rows.sparse_functions import reduce_max


@pytest.mark.parametrize(
    ("values", "dtype", "expected"),
    [
        ([2**53 + 1, -7], "int64", [2**53 + 1, 0, -7]),  # float64 would lose the last digit
        ([-np.inf, np.nan], "float32", [-np.inf, 0, np.nan]),
    ],
)
def test_reduce_max(values, dtype, expected):
    found = reduce_max(SparseTensor([[0, 1], [2, 0]], np.array(values, dtype), [3, 2]), 1)
    assert found.dtype == dtype
    np.testing.assert_array_equal(found.numpy(), np.array(expected, dtype))


def test_reduce_max_of_nothing():
    found = reduce_max(SparseTensor(np.zeros((0, 2), "int64"), np.zeros(0, "float32"), [0, 2]), 0)
    np.testing.assert_array_equal(found.numpy(), [0, 0])
