"""TensorFlow's triangular systems, determinants and norms, over `pronghorn.ops`, for `pronghorn run`."""

from __future__ import annotations

from typing import Any, NamedTuple

from pronghorn import ops
from pronghorn_tensorflow.math.basic import turned


class LogDeterminant(NamedTuple):
    """What `tf.linalg.slogdet` returns."""

    sign: Any
    log_abs_determinant: Any


def adjoint(matrix: Any, name: str | None = None) -> Any:
    """`tf.linalg.adjoint`."""
    return turned(matrix, False, True)


def matrix_transpose(a: Any, name: str | None = None, conjugate: bool = False) -> Any:
    """`tf.linalg.matrix_transpose`."""
    return turned(a, True, conjugate)


def triangular_solve(matrix: Any, rhs: Any, lower: bool = True, adjoint: bool = False, name: str | None = None) -> Any:
    """`tf.linalg.triangular_solve`."""
    matrix = ops.convert_to_tensor(matrix)
    if adjoint:
        matrix, lower = matrix_transpose(matrix), not lower
    return ops.linalg.solve_triangular(matrix, rhs, lower=lower)


def cholesky_solve(chol: Any, rhs: Any, name: str | None = None) -> Any:
    """`tf.linalg.cholesky_solve`."""
    return triangular_solve(chol, triangular_solve(chol, rhs), adjoint=True)


def slogdet(input: Any, name: str | None = None) -> LogDeterminant:
    """`tf.linalg.slogdet`."""
    return LogDeterminant(*ops.slogdet(input))


def logdet(matrix: Any, name: str | None = None) -> Any:
    """`tf.linalg.logdet`, of matrices that are positive definite."""
    return ops.slogdet(matrix)[1]


def eigvalsh(tensor: Any, name: str | None = None) -> Any:
    """`tf.linalg.eigvalsh`."""
    return ops.eigh(tensor)[0]


def cross(a: Any, b: Any, name: str | None = None) -> Any:
    """`tf.linalg.cross`."""
    return ops.cross(a, b)


def normalize(tensor: Any, ord: Any = "euclidean", axis: Any = None, name: str | None = None) -> tuple[Any, Any]:
    """`tf.linalg.normalize`: an array of length 1, and the length that it had; by the euclidean norm."""
    x = ops.convert_to_tensor(tensor)
    if ord not in ("euclidean", 2):
        raise ValueError(f"tf.linalg.normalize: ord={ord!r}; 'euclidean' is there.")
    length = ops.sqrt(ops.sum(ops.square(x), axis=axis, keepdims=True))
    return x / length, length
