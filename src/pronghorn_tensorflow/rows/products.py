"""Products of sparse matrices, or of batches of them, as `tensorflow.python.ops.linalg.sparse.sparse` has them."""

from __future__ import annotations

from typing import Any

from pronghorn import ops
from pronghorn_tensorflow.rows.sparse import SparseTensor, from_dense, sparse_dense_matmul, to_dense


class CSRSparseMatrix:
    """A sparse matrix, or a batch of them.

    Args:
        value: a `SparseTensor` or an array of two or three axes.

    Raises:
        ValueError: it has other axes.
    """

    def __init__(self, value: Any) -> None:
        self._value = value if isinstance(value, SparseTensor) else from_dense(value)
        if len(self._value.shape) not in (2, 3):
            raise ValueError(f"CSRSparseMatrix: a matrix or a batch of them, got the shape {self._value.shape}.")

    @property
    def shape(self) -> Any:
        """The extents."""
        return self._value.get_shape()

    @property
    def dtype(self) -> Any:
        """The type of the values."""
        return self._value.dtype

    def to_sparse_tensor(self) -> SparseTensor:
        """Return it as a `SparseTensor`."""
        return self._value

    def to_dense(self) -> Any:
        """Return it as a tensor with all zeros."""
        return to_dense(self._value)


def matmul(a: Any, b: Any, name: str | None = None) -> Any:
    """`sparse.matmul`: the product of two arrays, sparse where both are.

    >>> eye = SparseTensor([[0, 0], [1, 1]], [1.0, 2.0], [2, 2])
    >>> matmul(CSRSparseMatrix(eye), [[1.0], [3.0]]).tolist()
    [[1.0], [6.0]]
    >>> matmul(CSRSparseMatrix(eye), CSRSparseMatrix(eye)).to_dense().tolist()
    [[1.0, 0.0], [0.0, 4.0]]
    """
    first, second = isinstance(a, CSRSparseMatrix), isinstance(b, CSRSparseMatrix)
    if first and not second and len(a.shape) == 2:
        return sparse_dense_matmul(a.to_sparse_tensor(), b)
    product = ops.matmul(a.to_dense() if first else a, b.to_dense() if second else b)
    return CSRSparseMatrix(product) if first and second else product
