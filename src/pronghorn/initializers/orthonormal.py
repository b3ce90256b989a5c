"""Columns made orthonormal: the Q of the one QR factorisation whose R has a positive diagonal."""

from __future__ import annotations

import numpy as np

from pronghorn import ops
from pronghorn.engine.graph.active import current_trace
from pronghorn.engine.graph.tensor import Tensor, tensor_of

_SMALL = 64


def orthonormal_columns(x: Tensor) -> Tensor:
    """Q of a matrix ``[m, n]`` of random numbers, ``m >= n``; of normal ones, uniform over all orthogonal matrices.

    By the Cholesky factor of ``x' x``, in float64: two matrix products, where Householder's way goes column by column.
    Rounding errors grow with the square of the condition number; that is below 40 where there are twice as many rows
    as columns, and after a first round it is near 1. What Cholesky refuses goes Householder's way.
    """
    rows, columns = x.shape
    if columns >= _SMALL and current_trace() is None:
        try:
            return tensor_of(_by_cholesky(x.numpy(), rounds=1 if rows >= 2 * columns else 2))
        except np.linalg.LinAlgError:
            pass
    q, r = ops.qr(x)
    return q * ops.sign(ops.diagonal(r))


def _by_cholesky(x: np.ndarray, rounds: int) -> np.ndarray:
    q = np.ascontiguousarray(x.T, np.float64)  # so that the sums run along rows of memory
    for _ in range(rounds):
        q = _inverse(np.linalg.cholesky(q @ q.T)) @ q
    return q.T.astype(x.dtype)


def _inverse(lower: np.ndarray) -> np.ndarray:
    """The inverse of a lower triangular matrix, by halves."""
    n = len(lower)
    if n <= _SMALL:
        return np.linalg.inv(lower)
    half = n // 2
    out = np.zeros_like(lower)
    first = out[:half, :half] = _inverse(lower[:half, :half])
    last = out[half:, half:] = _inverse(lower[half:, half:])
    out[half:, :half] = -(last @ (lower[half:, :half] @ first))
    return out
