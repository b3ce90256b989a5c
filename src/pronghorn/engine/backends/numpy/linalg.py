"""Matrix factorisations, from NumPy's LAPACK or written out. Failures give NaN, as a compiled step cannot raise."""

from __future__ import annotations

import math
from collections.abc import Callable

import numpy as np

from pronghorn.engine.backends.numpy.registry import implements, widened

_COMPLEX_OF = {np.dtype(np.float32): np.complex64, np.dtype(np.float64): np.complex128}


def _each_matrix(fn: Callable[[np.ndarray], np.ndarray], x: np.ndarray) -> np.ndarray:
    """``fn`` of each matrix of a batch, NaN for those that it refuses."""
    out = np.empty_like(x)
    for index in np.ndindex(x.shape[:-2]):
        try:
            out[index] = fn(x[index])
        except np.linalg.LinAlgError:
            out[index] = np.nan
    return out


@implements("cholesky")
@widened
def cholesky(x: np.ndarray) -> np.ndarray:
    """The lower factor; only the lower triangle of ``x`` is read. NaN where ``x`` is not positive definite."""
    try:
        return np.linalg.cholesky(x)
    except np.linalg.LinAlgError:
        return _each_matrix(np.linalg.cholesky, x)


@implements("triangular_solve")
@widened
def triangular_solve(a: np.ndarray, b: np.ndarray, *, lower: bool, transpose: bool) -> np.ndarray:
    """``t^-1 b`` with ``t`` the named triangle of ``a``, transposed if asked, by substitution row by row."""
    if transpose:
        a = a.swapaxes(-1, -2)
    out = b.copy()
    n = a.shape[-1]
    for i in range(n) if lower != transpose else range(n - 1, -1, -1):
        done = slice(0, i) if lower != transpose else slice(i + 1, n)
        rest = b[..., i, :] - np.matmul(a[..., i, None, done], out[..., done, :])[..., 0, :]
        out[..., i, :] = rest / a[..., i, i, None]
    return out


@implements("lu")
@widened
def lu(x: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Both factors in one matrix, and LAPACK's pivots: at step ``i``, row ``i`` was swapped with row ``pivots[i]``."""
    m, n = x.shape[-2:]
    a = x.reshape(math.prod(x.shape[:-2]), m, n).copy()
    each = np.arange(a.shape[0])
    pivots = np.zeros((a.shape[0], min(m, n)), np.int32)
    for k in range(min(m, n)):
        row = k + np.argmax(np.abs(a[:, k:, k]), axis=1)
        pivots[:, k] = row
        a[each, k], a[each, row] = a[each, row], a[each, k].copy()
        pivot = a[:, k, k]
        # A column of zeros stays as it is: the matrix is singular, the factors still multiply to it.
        a[:, k + 1 :, k] /= np.where(pivot == 0, 1, pivot)[:, None]
        a[:, k + 1 :, k + 1 :] -= a[:, k + 1 :, k, None] * a[:, None, k, k + 1 :]
    return a.reshape(x.shape), pivots.reshape(*x.shape[:-2], min(m, n))


@implements("qr")
@widened
def qr(x: np.ndarray, *, mode: str) -> tuple[np.ndarray, np.ndarray]:
    q, r = np.linalg.qr(x, mode)
    return q, r


@implements("svd")
@widened
def svd(x: np.ndarray, *, full_matrices: bool, compute_uv: bool) -> tuple[np.ndarray, ...]:
    """``(u, s, vh)``, or ``(s,)`` without ``compute_uv``; singular values descend."""
    result = np.linalg.svd(x, full_matrices, compute_uv)
    return (result[0], result[1], result[2]) if compute_uv else (result,)


@implements("eigh")
@widened
def eigh(x: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Ascending eigenvalues and the eigenvectors in columns; only the lower triangle of ``x`` is read."""
    values, vectors = np.linalg.eigh(x)
    return values, vectors


@implements("eig")
def eig(x: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Complex eigenvalues in LAPACK's order, and the eigenvectors in columns."""
    dtype = _COMPLEX_OF.get(x.dtype, x.dtype)
    values, vectors = np.linalg.eig(x)
    return values.astype(dtype), vectors.astype(dtype)
