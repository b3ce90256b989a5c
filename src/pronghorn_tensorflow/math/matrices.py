"""`tf.linalg` where its arguments, their order or its results are not those of `pronghorn.ops`, for `pronghorn run`."""

from __future__ import annotations

import math
from typing import Any, NamedTuple

import numpy as np

from pronghorn import ops
from pronghorn_tensorflow.math.basic import turned

# -- decompositions ---------------------------------------------------------------------------------------------------


class Qr(NamedTuple):
    """What `tf.linalg.qr` returns."""

    q: Any
    r: Any


class Lu(NamedTuple):
    """What `tf.linalg.lu` returns: both triangles in one, and from which row of the matrix each of their rows is."""

    lu: Any
    p: Any


def svd(tensor: Any, full_matrices: bool = False, compute_uv: bool = True, name: str | None = None) -> Any:
    """`tf.linalg.svd`: first the singular values, then `u` and `v`, which is not transposed.

    >>> s, u, v = svd([[0.0, 2.0], [1.0, 0.0]])
    >>> s.tolist(), ops.matmul(u * s, ops.transpose(v)).numpy().round(4).tolist()
    ([2.0, 1.0], [[0.0, 2.0], [1.0, 0.0]])
    """
    if not compute_uv:
        return ops.svd(tensor, compute_uv=False)
    u, s, adjoint = ops.svd(tensor, full_matrices=full_matrices)
    return s, u, turned(adjoint, False, True)


def qr(input: Any, full_matrices: bool = False, name: str | None = None) -> Qr:
    """`tf.linalg.qr`."""
    return Qr(*ops.qr(input, mode="complete" if full_matrices else "reduced"))


def eigvals(tensor: Any, name: str | None = None) -> Any:
    """`tf.linalg.eigvals`."""
    return ops.eig(tensor)[0]


def _order_of(swaps: Any, rows: int) -> Any:
    """Which row each row came from, when row after row has been swapped with these."""
    places = ops.arange(rows)
    order = ops.broadcast_to(places, (*swaps.shape[:-1], rows))
    for row in range(swaps.shape[-1]):
        other = swaps[..., row : row + 1]
        theirs = ops.take_along_axis(order, other, axis=-1)
        order = ops.where(places == row, theirs, ops.where(places == other, order[..., row : row + 1], order))
    return order


def lu(input: Any, output_idx_type: Any = "int32", name: str | None = None) -> Lu:
    """`tf.linalg.lu`: with the order of the rows, not the swaps that lead to it.

    >>> lu([[0.0, 1.0], [2.0, 3.0]]).p.tolist()
    [1, 0]

    Raises:
        ValueError: for a matrix that is known and has no inverse.
    """
    _check_invertible(input, "lu", also_numbers=False)
    factors, swaps = ops.lu_factor(input)
    return Lu(factors, ops.cast(_order_of(swaps, factors.shape[-2]), output_idx_type))


def _rows(x: Any, order: Any) -> Any:
    """The rows of matrices in another order, which may be one for each matrix."""
    return ops.take_along_axis(x, ops.broadcast_to(ops.expand_dims(order, -1), x.shape), axis=-2)


def _below(factors: Any) -> Any:
    """The lower triangle of `lu`, whose diagonal of ones is not kept."""
    return ops.tril(factors, -1) + ops.eye(factors.shape[-1], dtype=factors.dtype)


def lu_solve(lower_upper: Any, perm: Any, rhs: Any, validate_args: bool = False, name: str | None = None) -> Any:
    """`tf.linalg.lu_solve`."""
    factors, rhs = ops.convert_to_tensor(lower_upper), ops.convert_to_tensor(rhs)
    found = ops.linalg.solve_triangular(_below(factors), _rows(rhs, ops.convert_to_tensor(perm)), lower=True)
    return ops.linalg.solve_triangular(ops.triu(factors), found)


def lu_matrix_inverse(lower_upper: Any, perm: Any, validate_args: bool = False, name: str | None = None) -> Any:
    """`tf.linalg.lu_matrix_inverse`."""
    factors = ops.convert_to_tensor(lower_upper)
    one = ops.broadcast_to(ops.eye(factors.shape[-1], dtype=factors.dtype), factors.shape)
    return lu_solve(factors, perm, one)


def lu_reconstruct(lower_upper: Any, perm: Any, validate_args: bool = False, name: str | None = None) -> Any:
    """`tf.linalg.lu_reconstruct`: the matrix from its `tf.linalg.lu`, square here."""
    factors = ops.convert_to_tensor(lower_upper)
    return _rows(ops.matmul(_below(factors), ops.triu(factors)), ops.argsort(perm, axis=-1))


# -- systems of equations ---------------------------------------------------------------------------------------------


def solve(matrix: Any, rhs: Any, adjoint: bool = False, name: str | None = None) -> Any:
    """`tf.linalg.solve`.

    Raises:
        ValueError: for a matrix that is known and has no inverse.
    """
    matrix = turned(matrix, False, adjoint)
    _check_invertible(matrix, "solve")
    return ops.linalg.solve(matrix, rhs)


def inv(input: Any, adjoint: bool = False, name: str | None = None) -> Any:
    """`tf.linalg.inv`.

    >>> inv([[2.0, 0.0], [0.0, 4.0]]).tolist()
    [[0.5, 0.0], [0.0, 0.25]]

    Raises:
        ValueError: for a matrix that is known and has no inverse.
    """
    input = turned(input, False, adjoint)
    _check_invertible(input, "inv")
    return ops.inv(input)


def _check_invertible(matrix: Any, function: str, also_numbers: bool = True) -> None:
    """Refuse matrices whose values are known and of which elimination leaves a pivot that is 0, or no number."""
    known = getattr(ops.convert_to_tensor(matrix), "data", None)
    if not isinstance(known, np.ndarray) or not known.size or known.ndim < 2 or known.shape[-1] != known.shape[-2]:
        return
    factors = np.asarray(ops.lu_factor(ops.convert_to_tensor(known, dtype=known.dtype.name))[0])
    pivots = np.abs(np.diagonal(factors, axis1=-2, axis2=-1)).reshape(-1, known.shape[-1])
    wrong = np.flatnonzero(~(pivots > 0 if also_numbers else pivots != 0).all(axis=-1))
    if wrong.size:
        which = "" if known.ndim == 2 else f" {np.unravel_index(wrong[0], known.shape[:-2])} of shape {known.shape}"
        raise ValueError(
            f"tf.linalg.{function}: matrix{which} has no inverse: its rows depend on one another, or have values that "
            "are no numbers. tf.linalg.pinv or tf.linalg.lstsq take such matrices."
        )


def lstsq(matrix: Any, rhs: Any, l2_regularizer: float = 0.0, fast: bool = True, name: str | None = None) -> Any:
    """`tf.linalg.lstsq`: the least squares, with a weight on the size of the answer in the fast way only."""
    a, b = ops.convert_to_tensor(matrix), ops.convert_to_tensor(rhs)
    if not fast or (not l2_regularizer and a.ndim == 2):
        return ops.lstsq(a, b)
    adjoint = turned(a, False, True)
    wide = a.shape[-2] < a.shape[-1]
    square = ops.matmul(a, adjoint) if wide else ops.matmul(adjoint, a)
    square = square + l2_regularizer * ops.eye(square.shape[-1], dtype=square.dtype)
    if wide:
        return ops.matmul(adjoint, ops.linalg.solve(square, b))
    return ops.linalg.solve(square, ops.matmul(adjoint, b))


def matvec(a: Any, b: Any, transpose_a: bool = False, adjoint_a: bool = False, **ignored: Any) -> Any:
    """`tf.linalg.matvec`."""
    return ops.squeeze(ops.matmul(turned(a, transpose_a, adjoint_a), ops.expand_dims(b, -1)), -1)


# -- diagonals --------------------------------------------------------------------------------------------------------


def trace(x: Any, name: str | None = None) -> Any:
    """`tf.linalg.trace`, of each matrix.

    >>> trace([[[1, 2], [3, 4]], [[5, 6], [7, 8]]]).tolist()
    [5, 13]
    """
    return ops.trace(x, axis1=-2, axis2=-1)


def _one_diagonal(function: str, k: Any) -> int:
    if not isinstance(k, int):
        raise ValueError(f"tf.linalg.{function}: k={k!r}; one diagonal, an integer, is there.")
    return k


def _extents(length: int, k: int, rows: int, columns: int) -> tuple[int, int]:
    """How many rows and columns there are, where they are not given (-1): a square, or the least that will do."""
    if rows < 0 and columns < 0:
        return length + abs(k), length + abs(k)
    rows = length + max(-k, 0) if rows < 0 else rows
    columns = length + max(k, 0) if columns < 0 else columns
    fitting = max(0, min(rows + min(k, 0), columns - max(k, 0)))
    if length != fitting:
        raise ValueError(
            f"tf.linalg.diag: diagonal has {length} elements, and diagonal {k} of {rows} rows and {columns} columns "
            f"has {fitting}."
        )
    return rows, columns


def diag(
    diagonal: Any,
    name: str = "diag",
    k: int = 0,
    num_rows: int = -1,
    num_cols: int = -1,
    padding_value: Any = 0,
    align: str = "RIGHT_LEFT",
) -> Any:
    """`tf.linalg.diag`: a matrix for each vector.

    >>> diag([[1, 2], [3, 4]]).tolist()
    [[[1, 0], [0, 2]], [[3, 0], [0, 4]]]

    Raises:
        ValueError: where several diagonals are asked for, or the vectors have another length.
    """
    x, k = ops.convert_to_tensor(diagonal), _one_diagonal("diag", k)
    rows, columns = _extents(x.shape[-1], k, int(num_rows), int(num_cols))
    if not x.shape[-1]:
        return ops.full((*x.shape[:-1], rows, columns), padding_value, dtype=x.dtype)
    row, column = ops.expand_dims(ops.arange(rows), -1), ops.arange(columns)
    place = ops.clip(ops.minimum(row, column), 0, x.shape[-1] - 1)
    spread = ops.reshape(ops.take(x, ops.reshape(place, (-1,)), axis=-1), (*x.shape[:-1], rows, columns))
    return ops.where(column - row == k, spread, ops.cast(padding_value, x.dtype))


def set_diag(input: Any, diagonal: Any, name: str = "set_diag", k: int = 0, align: str = "RIGHT_LEFT") -> Any:
    """`tf.linalg.set_diag`, of one diagonal."""
    x, k = ops.convert_to_tensor(input), _one_diagonal("set_diag", k)
    rows, columns = x.shape[-2:]
    on = ops.eye(rows, columns, k=k, dtype="bool")
    return ops.where(on, diag(diagonal, k=k, num_rows=rows, num_cols=columns), x)


def tensor_diag(diagonal: Any, name: str | None = None) -> Any:
    """`tf.linalg.tensor_diag`: with every axis twice."""
    x = ops.convert_to_tensor(diagonal)
    return ops.reshape(diag(ops.reshape(x, (-1,))), (*x.shape, *x.shape))


def tensor_diag_part(input: Any, name: str | None = None) -> Any:
    """`tf.linalg.tensor_diag_part`: of an array whose axes are there twice.

    Raises:
        ValueError: if they are not.
    """
    x = ops.convert_to_tensor(input)
    half = x.shape[: x.ndim // 2]
    if x.ndim % 2 or tuple(x.shape) != (*half, *half):
        raise ValueError(
            f"tf.linalg.tensor_diag_part: the axes must be there twice, as in (2, 3, 2, 3); got {x.shape}."
        )
    count = math.prod(half)
    return ops.reshape(ops.diagonal(ops.reshape(x, (count, count))), half)
