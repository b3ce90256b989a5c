"""Linear algebra, over the factorisations that are primitives."""

from __future__ import annotations

import builtins
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from pronghorn import tree
from pronghorn.engine.autodiff.backward import backward
from pronghorn.engine.graph import dtypes
from pronghorn.engine.graph import primitives as P
from pronghorn.engine.graph.active import current_trace
from pronghorn.engine.graph.tensor import Tensor, aval_of
from pronghorn.engine.graph.trace import inline, trace
from pronghorn.ops import _broadcast as B
from pronghorn.ops._symbolic import symbolic_aware
from pronghorn.ops.numpy.contraction import matmul
from pronghorn.ops.numpy.indexing import diagonal, place_diagonal
from pronghorn.ops.numpy.shaping import permute
from pronghorn.ops.numpy.unary import conjugate
from pronghorn.utils.arguments import is_integer


def _matrices(name: str, x: Any, square: bool = False) -> Tensor:
    x = B.to_float(x)
    if x.ndim < 2 or (square and x.shape[-1] != x.shape[-2]):
        same = " and its last two extents equal" if square else ""
        wanted = "square matrices [..., n, n]" if square else "matrices [..., m, n]"
        raise ValueError(f"{name}: {wanted} are needed. Input should have rank >= 2{same}. Received: shape {x.shape}.")
    return x


def _transposed(x: Tensor) -> Tensor:
    return permute(x, [*range(x.ndim - 2), x.ndim - 1, x.ndim - 2])


def _adjoint(x: Tensor) -> Tensor:
    return conjugate(_transposed(x))


# -- factorisations ---------------------------------------------------------------------------------------------------
@symbolic_aware
def cholesky(x: Any, upper: bool = False) -> Tensor:
    """The triangular factor of positive definite matrices: ``L`` with ``x = L L^T``, or ``U`` with ``x = U^T U``.

    >>> cholesky([[4.0, 2.0], [2.0, 5.0]]).numpy()
    array([[2., 0.],
           [1., 2.]], dtype=float32)
    """
    lower = P.cholesky(_matrices("cholesky", x, square=True))
    if not lower.is_traced and not np.isfinite(lower.numpy()).all():
        raise ValueError("cholesky: the matrices must be symmetric and positive definite; at least one of them is not.")
    return _adjoint(lower) if upper else lower


@symbolic_aware
def cholesky_inverse(x: Any, upper: bool = False) -> Tensor:
    """The inverse of the matrices of which ``x`` is the factor that `cholesky` gives.

    >>> cholesky_inverse([[2.0, 0.0], [0.0, 4.0]]).numpy()
    array([[0.25  , 0.    ],
           [0.    , 0.0625]], dtype=float32)
    """
    factor = _matrices("cholesky_inverse", x, square=True)
    lower = _adjoint(factor) if upper else factor
    inverse = P.triangular_solve(lower, _identity_like(lower), lower=True, transpose=False)
    return matmul(_adjoint(inverse), inverse)


def _identity_like(x: Tensor) -> Tensor:
    return place_diagonal(B.full(x.shape[:-1], 1, x.dtype))


@symbolic_aware
def qr(x: Any, mode: str = "reduced") -> tuple[Tensor, Tensor]:
    """``(q, r)`` with ``x = q r``, the columns of ``q`` orthonormal and ``r`` upper triangular.

    Args:
        x: ``[..., m, n]``.
        mode: "reduced" (``q`` is ``[..., m, min(m, n)]``) or "complete" (``[..., m, m]``).

    Example:

    >>> q, r = qr([[3.0, 1.0], [4.0, 2.0]])
    >>> (q @ r).numpy().round(4)
    array([[3., 1.],
           [4., 2.]], dtype=float32)
    """
    if mode not in ("reduced", "complete"):
        raise ValueError(f"qr: mode={mode!r}. Expected one of {{'reduced', 'complete'}}.")
    return tuple(P.qr(_matrices("qr", x), mode=mode))  # type: ignore[return-value]


@symbolic_aware
def svd(x: Any, full_matrices: bool = True, compute_uv: bool = True) -> Any:
    """``(u, s, vh)`` with ``x = u diag(s) vh``, or ``s`` alone; the singular values ``s`` descend.

    Args:
        x: ``[..., m, n]``.
        full_matrices: whether ``u`` and ``vh`` are square.
        compute_uv: whether they are computed at all.

    >>> svd([[3.0, 0.0], [0.0, 4.0]], compute_uv=False).numpy()
    array([4., 3.], dtype=float32)
    """
    out = P.svd(_matrices("svd", x), full_matrices=bool(full_matrices), compute_uv=bool(compute_uv))
    return tuple(out) if compute_uv else out[0]


@symbolic_aware
def eigh(x: Any) -> tuple[Tensor, Tensor]:
    """The ascending eigenvalues, and the eigenvectors in columns, of symmetric matrices.

    >>> values, vectors = eigh([[2.0, 1.0], [1.0, 2.0]])
    >>> values.numpy().round(4)
    array([1., 3.], dtype=float32)
    """
    return tuple(P.eigh(_matrices("eigh", x, square=True)))  # type: ignore[return-value]


@symbolic_aware
def eig(x: Any) -> tuple[Tensor, Tensor]:
    """The complex eigenvalues, and the eigenvectors in columns, of square matrices.

    >>> values, vectors = eig([[2.0, 0.0], [0.0, 3.0]])
    >>> values.numpy()
    array([2.+0.j, 3.+0.j], dtype=complex64)
    """
    return tuple(P.eig(_matrices("eig", x, square=True)))  # type: ignore[return-value]


@symbolic_aware
def lu_factor(x: Any) -> tuple[Tensor, Tensor]:
    """``L`` (without its ones) and ``U`` in one matrix, and the int32 pivots: row ``i`` was swapped with ``pivots[i]``.

    Args:
        x: ``[..., m, n]``. There is a gradient for square matrices only.

    >>> lu_factor([[0.0, 1.0], [2.0, 3.0]])[1].numpy()
    array([1, 1], dtype=int32)
    """
    return tuple(P.lu(_matrices("lu_factor", x)))  # type: ignore[return-value]


# -- systems of equations ---------------------------------------------------------------------------------------------
@symbolic_aware
def solve_triangular(a: Any, b: Any, lower: bool = False) -> Tensor:
    """``x`` with ``a x = b``, of which only one triangle of ``a`` is read.

    Args:
        a: ``[..., n, n]``.
        b: ``[..., n, k]``, or ``[..., n]``.
        lower: whether ``a`` is lower triangular.

    Example:

    >>> solve_triangular([[2.0, 1.0], [0.0, 4.0]], [[4.0], [8.0]]).numpy()
    array([[1.],
           [2.]], dtype=float32)
    """
    a, b, vector = _system("solve_triangular", a, b)
    x = P.triangular_solve(a, b, lower=bool(lower), transpose=False)
    return P.reshape(x, shape=x.shape[:-1]) if vector else x


@symbolic_aware
def solve(a: Any, b: Any) -> Tensor:
    """``x`` with ``a x = b``.

    Args:
        a: ``[..., n, n]``.
        b: ``[..., n, k]``, or ``[..., n]``.

    >>> solve([[2.0, 0.0], [0.0, 4.0]], [2.0, 2.0]).numpy()
    array([1. , 0.5], dtype=float32)
    """
    a, b, vector = _system("solve", a, b)
    x = _solve(a, b)
    return P.reshape(x, shape=x.shape[:-1]) if vector else x


def _solve(a: Tensor, b: Tensor) -> Tensor:
    """By QR: as stable as it gets, and differentiable."""
    q, r = P.qr(a, mode="reduced")
    return P.triangular_solve(r, matmul(_adjoint(q), b), lower=False, transpose=False)


def _system(name: str, a: Any, b: Any) -> tuple[Tensor, Tensor, bool]:
    dtype = B.float_dtype(B.weak_name(a), B.weak_name(b))
    a, b = B.cast(a, dtype), B.cast(b, dtype)
    a = _matrices(name, a, square=True)
    vector = b.ndim == a.ndim - 1
    if vector:
        b = P.reshape(b, shape=(*b.shape, 1))
    if b.ndim < 2 or b.shape[-2] != a.shape[-1]:
        raise ValueError(f"{name}: a {a.shape} and b {b.shape} do not fit; b needs {a.shape[-1]} rows.")
    lead = B.broadcast_shapes(a.shape[:-2], b.shape[:-2])
    return B.broadcast_to(a, (*lead, *a.shape[-2:])), B.broadcast_to(b, (*lead, *b.shape[-2:])), vector


@symbolic_aware
def inv(x: Any) -> Tensor:
    """The inverse of square matrices.

    >>> inv([[2.0, 0.0], [0.0, 4.0]]).numpy()
    array([[0.5 , 0.  ],
           [0.  , 0.25]], dtype=float32)
    """
    x = _matrices("inv", x, square=True)
    return _solve(x, _identity_like(x))


@symbolic_aware
def lstsq(a: Any, b: Any, rcond: float | None = None) -> Tensor:
    """The ``x`` for which ``a x`` is nearest to ``b``; of several, the shortest.

    Args:
        a: ``[m, n]``.
        b: ``[m, k]``, or ``[m]``.
        rcond: singular values below this share of the greatest count as zero.

    Example:

    >>> lstsq([[1.0, 0.0], [1.0, 1.0], [1.0, 2.0]], [1.0, 3.0, 5.0]).numpy().round(4)
    array([1., 2.], dtype=float32)
    """
    dtype = B.float_dtype(B.weak_name(a), B.weak_name(b))
    a, b = B.cast(a, dtype), B.cast(b, dtype)
    if a.ndim != 2 or b.ndim not in (1, 2) or a.shape[0] != b.shape[0]:
        raise ValueError(f"lstsq: a must be [m, n] and b [m] or [m, k], got shapes {a.shape} and {b.shape}.")
    return matmul(_pseudo_inverse(a, rcond), b)


@symbolic_aware
def pinv(x: Any, rcond: float | None = None) -> Tensor:
    """The Moore-Penrose pseudo-inverse: ``[..., m, n]`` to ``[..., n, m]``.

    Args:
        x: the matrices.
        rcond: singular values below this share of the greatest count as zero.

    Example:

    >>> pinv([[2.0, 0.0], [0.0, 4.0]]).numpy()
    array([[0.5 , 0.  ],
           [0.  , 0.25]], dtype=float32)
    """
    return _pseudo_inverse(_matrices("pinv", x), rcond)


def _pseudo_inverse(x: Tensor, rcond: Any) -> Tensor:
    u, s, vh = P.svd(x, full_matrices=False, compute_uv=True)
    if rcond is None:
        rcond = 10.0 * max(int(n) for n in x.shape[-2:]) * float(np.finfo(dtypes.to_numpy(s.dtype)).eps)
    top = B.keep_dims(P.reduce_max(s, axes=(s.ndim - 1,)), (s.ndim - 1,), s.ndim)
    cut = P.mul(*B.broadcast(top, B.cast(rcond, s.dtype)))
    kept = P.gt(s, B.broadcast_to(cut, s.shape))
    inverse = P.select(kept, P.div(B.full_like(s, 1), P.select(kept, s, B.full_like(s, 1))), B.zeros_like(s))
    scaled = P.mul(_adjoint(vh), B.broadcast_to(_row(B.cast(inverse, x.dtype)), _adjoint(vh).shape))
    return matmul(scaled, _adjoint(u))


def _row(x: Tensor) -> Tensor:
    return P.reshape(x, shape=(*x.shape[:-1], 1, x.shape[-1]))


# -- numbers of a matrix ----------------------------------------------------------------------------------------------
@symbolic_aware
def det(x: Any) -> Tensor:
    """The determinant of square matrices.

    >>> det([[2.0, 1.0], [0.0, 3.0]]).numpy()
    np.float32(6.0)
    """
    packed, sign = _triangle(_matrices("det", x, square=True))
    return P.mul(P.reduce_prod(packed, axes=(packed.ndim - 1,)), B.cast(sign, packed.dtype))


def _triangle(x: Tensor) -> tuple[Tensor, Tensor]:
    """The diagonal of ``U``, and the sign of the permutation, of an LU factorisation."""
    packed, pivots = P.lu(x)
    places = P.iota(shape=pivots.shape, dtype="int32", axis=pivots.ndim - 1)
    swaps = P.reduce_sum(P.cast(P.ne(pivots, places), dtype="int32"), axes=(pivots.ndim - 1,))
    odd = P.rem(swaps, B.full_like(swaps, 2))
    sign = P.sub(B.full_like(odd, 1), P.mul(odd, B.full_like(odd, 2)))
    return diagonal(packed, 0, -2, -1), sign


@symbolic_aware
def slogdet(x: Any) -> tuple[Tensor, Tensor]:
    """The sign and the logarithm of the absolute value of the determinant.

    >>> sign, logarithm = slogdet([[0.0, 2.0], [3.0, 0.0]])
    >>> float(sign), round(float(logarithm), 4)
    (-1.0, 1.7918)
    """
    line, sign = _triangle(_matrices("slogdet", x, square=True))
    size = P.abs(line)
    axes = (line.ndim - 1,)
    signs = P.sign(line)
    return (
        P.mul(P.reduce_prod(signs, axes=axes), B.cast(sign, line.dtype)),
        P.reduce_sum(P.log(size), axes=axes),
    )


@symbolic_aware
def logdet(x: Any) -> Tensor:
    """The logarithm of the determinant of positive definite matrices.

    >>> round(float(logdet([[2.0, 0.0], [0.0, 3.0]])), 4)
    1.7918
    """
    lower = P.cholesky(_matrices("logdet", x, square=True))
    line = diagonal(lower, 0, -2, -1)
    if line.dtype in dtypes.COMPLEX:
        line = P.real(line)
    return P.mul(P.reduce_sum(P.log(line), axes=(line.ndim - 1,)), 2.0)


@symbolic_aware
def matrix_power(x: Any, n: int) -> Tensor:
    """The ``n``-th power of square matrices ``[..., m, m]``; of the inverse where ``n`` is negative.

    Raises:
        ValueError: for matrices that are not square.
        TypeError: if ``n`` is no integer.

    >>> matrix_power([[1.0, 1.0], [0.0, 1.0]], 3).tolist()
    [[1.0, 3.0], [0.0, 1.0]]
    """
    if not is_integer(n):
        raise TypeError(f"matrix_power: n={n!r} must be an integer.")
    square = _matrices("matrix_power", x, square=True)
    square = inv(square) if n < 0 else square
    left, total = abs(int(n)), None
    while left:
        if left & 1:
            total = square if total is None else matmul(total, square)
        left >>= 1
        square = matmul(square, square) if left else square
    if total is not None:
        return total
    size = square.shape[-1]
    rows, columns = (P.iota(shape=(size, size), dtype="int32", axis=axis) for axis in (0, 1))
    return B.broadcast_to(P.cast(P.eq(rows, columns), dtype=square.dtype), square.shape)


@symbolic_aware
def matrix_rank(x: Any, tol: Any = None) -> Tensor:
    """How many singular values are above ``tol``, as int32.

    Args:
        x: ``[..., m, n]``.
        tol: a share of the greatest singular value; by default the larger extent times the type's precision.

    Example:

    >>> int(matrix_rank([[1.0, 2.0], [2.0, 4.0]]))
    1
    """
    x = _matrices("matrix_rank", x)
    (s,) = P.svd(x, full_matrices=False, compute_uv=False)
    if tol is None:
        tol = max(int(n) for n in x.shape[-2:]) * float(np.finfo(dtypes.to_numpy(s.dtype)).eps)
    top = B.keep_dims(P.reduce_max(s, axes=(s.ndim - 1,)), (s.ndim - 1,), s.ndim)
    cut = P.mul(*B.broadcast(top, B.cast(tol, s.dtype)))
    above = P.gt(s, B.broadcast_to(cut, s.shape))
    return P.reduce_sum(P.cast(above, dtype="int32"), axes=(s.ndim - 1,))


@symbolic_aware
def norm(x: Any, ord: Any = None, axis: Any = None, keepdims: bool = False) -> Tensor:
    """A norm of vectors or matrices.

    Args:
        x: the array.
        ord: for vectors a number (2 by default), ``inf``, ``-inf`` or 0; for matrices "fro" (the default), "nuc", 1,
            -1, 2, -2, ``inf`` or ``-inf``.
        axis: the axis of the vectors, the two axes of the matrices, or None for the whole array.
        keepdims: whether the axes stay, with extent 1.

    Raises:
        ValueError: for an unknown ``ord``, or one that does not fit the number of axes.

    >>> norm([3.0, 4.0]).numpy()
    np.float32(5.0)
    """
    x = B.to_float(x)
    if axis is None:
        axes = tuple(range(x.ndim))
        if ord is None or (ord in ("fro", 2) and ord == "fro" and x.ndim == 2) or (ord == 2 and x.ndim == 1):
            return _keep(_euclidean(x, axes), axes, x.ndim, keepdims)
    else:
        axes = tuple(axis) if isinstance(axis, (tuple, list)) else (axis,)
        axes = tuple(B.axis_of(a, x.ndim) for a in axes)
    if len(axes) == 1:
        out = _vector_norm(x, ord, axes)
    elif len(axes) == 2:
        if axes[0] == axes[1]:
            raise ValueError(f"norm: the two axes of matrices must differ, got axis={axis}.")
        out = _matrix_norm(x, ord, axes)
    else:
        raise ValueError(
            f"norm: ord={ord!r} is for one axis (vectors) or two (matrices); got axis={axis} and shape {x.shape}."
        )
    return _keep(out, axes, x.ndim, keepdims)


def _keep(out: Tensor, axes: Sequence[int], rank: int, keepdims: bool) -> Tensor:
    return B.keep_dims(out, axes, rank) if keepdims else out


def _euclidean(x: Tensor, axes: tuple[int, ...]) -> Tensor:
    size = P.abs(x) if x.dtype in dtypes.COMPLEX else x
    return P.sqrt(P.reduce_sum(P.mul(size, size), axes=axes))


def _vector_norm(x: Tensor, ord: Any, axes: tuple[int, ...]) -> Tensor:
    if ord is None or ord == 2:
        return _euclidean(x, axes)
    if isinstance(ord, str):
        raise ValueError(f"norm: ord={ord!r} is for matrices; for vectors it must be a number or inf.")
    size = P.abs(x)
    if ord in (float("inf"), float("-inf")):
        return _greatest(size, axes) if ord > 0 else P.reduce_min(size, axes=axes)
    if ord == 0:
        return P.reduce_sum(P.cast(P.ne(size, B.zeros_like(size)), dtype=size.dtype), axes=axes)
    if ord == 1:
        return P.reduce_sum(size, axes=axes)
    total = P.reduce_sum(P.pow(size, B.full_like(size, ord)), axes=axes)
    return P.pow(total, B.full_like(total, 1 / ord))


def _matrix_norm(x: Tensor, ord: Any, axes: tuple[int, ...]) -> Tensor:
    if ord in (None, "fro"):
        return _euclidean(x, axes)
    if ord in ("nuc", 2, -2):
        rest = [i for i in range(x.ndim) if i not in axes]
        (s,) = P.svd(permute(x, rest + list(axes)), full_matrices=False, compute_uv=False)
        last = (s.ndim - 1,)
        return _greatest(s, last) if ord == 2 else (P.reduce_sum if ord == "nuc" else P.reduce_min)(s, axes=last)
    if ord not in (1, -1, float("inf"), float("-inf")):
        raise ValueError(f"norm: ord={ord!r}; for matrices it must be 'fro', 'nuc', 1, -1, 2, -2, inf or -inf.")
    rows, columns = axes
    summed, kept = (rows, columns) if builtins.abs(ord) == 1 else (columns, rows)
    sums = P.reduce_sum(P.abs(x), axes=(summed,))
    place = kept - (1 if kept > summed else 0)
    return _greatest(sums, (place,)) if ord > 0 else P.reduce_min(sums, axes=(place,))


def _greatest(sizes: Tensor, axes: tuple[int, ...]) -> Tensor:
    """The greatest of numbers that are not negative: 0 of none."""
    found = P.reduce_max(sizes, axes=axes)
    nothing = B.zeros_like(found)
    return P.select(P.lt(found, nothing), nothing, found)


# -- derivatives ------------------------------------------------------------------------------------------------------
@symbolic_aware
def jvp(fun: Callable[..., Any], primals: Any, tangents: Any, has_aux: bool = False) -> Any:
    """A function's result, and its derivative in a direction.

    Args:
        fun: a function of arrays.
        primals: its arguments, as a tuple or list.
        tangents: the direction: one array for each argument.
        has_aux: whether ``fun`` returns a pair whose second part is passed on as it is.

    Returns:
        ``(result, derivative)``, or ``(result, derivative, aux)``.

    >>> out, slope = jvp(lambda x: x * x, (3.0,), (1.0,))
    >>> float(out), float(slope)
    (9.0, 6.0)
    """
    points = [B.to_float(t) for t in tree.flatten(primals)]
    directions = [B.cast(t, p.dtype) for t, p in zip(tree.flatten(tangents), points)]
    found: dict[str, Any] = {}

    def both(*leaves: Tensor) -> list[Tensor]:
        at, towards = leaves[: len(points)], leaves[len(points) :]
        result = fun(*tree.pack_sequence_as(primals, list(at)))
        result, aux = result if has_aux else (result, None)
        outputs = [B.convert(t) for t in tree.flatten(result)]
        extra = [B.convert(t) for t in tree.flatten(aux)] if has_aux else []
        found.update(result=result, aux=aux)
        return [*outputs, *_push_forward(outputs, list(at), list(towards)), *extra]

    leaves = [*points, *directions]
    out = both(*leaves) if current_trace() is not None else _run(both, leaves)
    count = len(tree.flatten(found["result"]))
    packed = [tree.pack_sequence_as(found["result"], out[i : i + count]) for i in (0, count)]
    if has_aux:
        packed.append(tree.pack_sequence_as(found["aux"], out[2 * count :]))
    return tuple(packed)


def _push_forward(outputs: list[Tensor], at: list[Tensor], towards: list[Tensor]) -> list[Tensor]:
    """The derivative as the transpose of the transpose: the gradient's own derivative in its cotangents."""
    weights = [B.zeros_like(t) for t in outputs]
    slopes = backward(outputs, weights, at)
    pairs = [(s, t) for s, t in zip(slopes, towards) if s is not None]
    if not pairs:
        return [B.zeros_like(t) for t in outputs]
    found = backward([s for s, _ in pairs], [t for _, t in pairs], weights)
    return [B.zeros_like(o) if f is None else f for f, o in zip(found, outputs)]


def _run(fn: Callable[..., list[Tensor]], leaves: list[Tensor]) -> list[Tensor]:
    """Trace a function and run its graph at once, primitive by primitive, so that a tape sees it."""
    traced = trace(fn, [aval_of(t) for t in leaves], "jvp")
    return inline(traced.graph, [*leaves, *(v.tensor for v in traced.variables)])[: traced.num_results]
