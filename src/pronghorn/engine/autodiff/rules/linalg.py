"""Derivatives of matrix factorisations (Giles 2008, "Collected matrix derivative results"; Seeger et al. 2017,
arXiv 1710.08717), for real matrices."""

from __future__ import annotations

from pronghorn.engine.autodiff.registry import Context, DifferentiationError, Gradients, vjp
from pronghorn.engine.autodiff.rules.common import filled, full, restore, zeros_like
from pronghorn.engine.graph import dtypes
from pronghorn.engine.graph import primitives as P
from pronghorn.engine.graph.dim import Extent
from pronghorn.engine.graph.ir import Aval
from pronghorn.engine.graph.tensor import Tensor
from pronghorn.engine.graph.trace import trace_body


def _matmul(x: Tensor, y: Tensor) -> Tensor:
    batch = tuple(range(x.ndim - 2))
    return P.dot_general(x, y, contract=((x.ndim - 1,), (y.ndim - 2,)), batch=(batch, batch))


def _t(x: Tensor) -> Tensor:
    return P.transpose(x, perm=(*range(x.ndim - 2), x.ndim - 1, x.ndim - 2))


def _row_minus_column(x: Tensor) -> Tensor:
    rows, columns = (P.iota(shape=x.shape, dtype="int32", axis=x.ndim - i) for i in (2, 1))
    return P.sub(rows, columns)


def _lower(x: Tensor, strictly: bool = False) -> Tensor:
    return P.select(P.ge(_row_minus_column(x), 1 if strictly else 0), x, zeros_like(x))


def _upper(x: Tensor, strictly: bool = False) -> Tensor:
    return P.select(P.le(_row_minus_column(x), -1 if strictly else 0), x, zeros_like(x))


def _with_diagonal(x: Tensor, diagonal: Tensor) -> Tensor:
    """``x`` plus the matrix with that diagonal."""
    on = P.eq(_row_minus_column(x), 0)
    return P.add(x, P.select(on, _columns(diagonal, x), zeros_like(x)))


def _columns(scales: Tensor, like: Tensor) -> Tensor:
    """One number a column, repeated down the rows of ``like``."""
    return restore(scales, (like.ndim - 2,), like.shape)


def _rows(scales: Tensor, like: Tensor) -> Tensor:
    """One number a row, repeated along the columns of ``like``."""
    return restore(scales, (like.ndim - 1,), like.shape)


def _solve(a: Tensor, b: Tensor, *, lower: bool, transpose: bool = False) -> Tensor:
    return P.triangular_solve(a, b, lower=lower, transpose=transpose)


def _symmetric(x: Tensor) -> Tensor:
    return P.mul(P.add(x, _t(x)), 0.5)


def _real_only(name: str, ctx: Context) -> None:
    if ctx.inputs[0].dtype in dtypes.COMPLEX:
        raise DifferentiationError(f"{name}: the gradient of a complex matrix's factorisation is not available.")


@vjp("cholesky")
def cholesky(ctx: Context, g: Tensor) -> Gradients:
    _real_only("cholesky", ctx)
    (lower,) = ctx.outputs
    inner = _lower(_matmul(_t(lower), g))
    halved = P.select(P.eq(_row_minus_column(inner), 0), P.mul(inner, 0.5), inner)
    half_way = _solve(lower, halved, lower=True, transpose=True)  # L^-T phi
    return (_symmetric(_t(_solve(lower, _t(half_way), lower=True, transpose=True))),)


@vjp("triangular_solve")
def triangular_solve(ctx: Context, g: Tensor) -> Gradients:
    a, _ = ctx.inputs
    lower, transpose = ctx.params["lower"], ctx.params["transpose"]
    gb = _solve(a, g, lower=lower, transpose=not transpose)
    if not ctx.needs[0]:
        return None, gb
    solution = ctx.outputs[0]
    ga = _matmul(solution, _t(gb)) if transpose else _matmul(gb, _t(solution))
    return P.neg(_lower(ga) if lower else _upper(ga)), gb


@vjp("lu")
def lu(ctx: Context, g: Tensor | None, _: Tensor | None) -> Gradients:
    """With ``P A = L U``: ``dA = P^T L^-T (strictly lower(L^T dL) + upper(dU U^T)) U^-T``."""
    _real_only("lu", ctx)
    if g is None:
        return (None,)
    packed, pivots = ctx.outputs
    if packed.shape[-1] != packed.shape[-2]:
        raise NotImplementedError(f"lu: there is a gradient for square matrices only, got shape {packed.shape}.")
    identity = _with_diagonal(zeros_like(packed), full(packed.shape[:-1], packed.dtype, 1))
    unit_lower, upper = P.add(_lower(packed, strictly=True), identity), _upper(packed)
    below = _lower(_matmul(_t(unit_lower), _lower(g, strictly=True)), strictly=True)
    inner = P.add(below, _upper(_matmul(_upper(g), _t(upper))))
    left = _solve(unit_lower, inner, lower=True, transpose=True)
    both = _t(_solve(upper, _t(left), lower=False))
    return (_matmul(_t(_permutation(pivots, packed)), both),)


def _permutation(pivots: Tensor, like: Tensor) -> Tensor:
    """The matrix that swaps rows as LAPACK's pivots say: row ``i`` has its 1 at the row that ends up at ``i``."""
    index = P.iota(shape=pivots.shape, dtype="int32", axis=pivots.ndim - 1)
    batch = Aval(pivots.shape[:-1], "int32")

    def swap(order: Tensor, target: Tensor, step: Tensor) -> list[Tensor]:
        at, to = (_over_last(t, order) for t in (step, target))
        here = P.eq(P.iota(shape=order.shape, dtype="int32", axis=order.ndim - 1), at)
        there = P.eq(P.iota(shape=order.shape, dtype="int32", axis=order.ndim - 1), to)
        first, second = (_over_last(_pick(order, mask), order) for mask in (here, there))
        return [P.select(here, second, P.select(there, first, order))]

    body = trace_body(swap, [Aval(pivots.shape, "int32"), batch, batch], "swap")
    n = pivots.shape[-1]
    targets = P.transpose(pivots, perm=(pivots.ndim - 1, *range(pivots.ndim - 1)))
    steps = P.iota(shape=(n, *pivots.shape[:-1]), dtype="int32", axis=0)
    (order,) = P.scan(
        *body.captures,
        index,
        targets,
        steps,
        body=body.graph,
        num_consts=len(body.captures),
        num_carry=1,
        length=n,
        reverse=False,
    )
    columns = P.iota(shape=like.shape, dtype="int32", axis=like.ndim - 1)
    return P.cast(P.eq(_rows(order, like), columns), dtype=like.dtype)


def _over_last(x: Tensor, like: Tensor) -> Tensor:
    return restore(x, (like.ndim - 1,), like.shape)


def _pick(x: Tensor, mask: Tensor) -> Tensor:
    """The element of each row at which ``mask`` is set."""
    return P.reduce_sum(P.select(mask, x, zeros_like(x)), axes=(x.ndim - 1,))


@vjp("qr")
def qr(ctx: Context, gq: Tensor | None, gr: Tensor | None) -> Gradients:
    _real_only("qr", ctx)
    q, r = ctx.outputs
    gq, gr = filled((gq, gr), ctx.outputs)
    rows, columns = ctx.inputs[0].shape[-2:]
    if q.shape[-1] != r.shape[-1] and not (rows <= columns):
        raise DifferentiationError(
            f"qr: the complete factorisation of a tall matrix {ctx.inputs[0].shape} has no gradient; "
            "use mode='reduced'."
        )
    if rows >= columns:
        return (_qr_gradient(q, r, gq, gr),)
    # A wide matrix [X Y] = Q [U V]: X = Q U is square, and Y = Q V adds to what Q gets.
    y, gv = _right_part(ctx.inputs[0], rows), _right_part(gr, rows)
    gx = _qr_gradient(q, _left_part(r, rows), P.add(gq, _matmul(y, _t(gv))), _left_part(gr, rows))
    return (P.concatenate(gx, _matmul(q, gv), axis=gx.ndim - 1),)


def _left_part(x: Tensor, columns: Extent) -> Tensor:
    limit = (*x.shape[:-1], columns)
    return P.slice(x, start=(0,) * x.ndim, limit=limit, stride=(1,) * x.ndim)


def _right_part(x: Tensor, columns: Extent) -> Tensor:
    return P.slice(x, start=(*[0] * (x.ndim - 1), columns), limit=tuple(x.shape), stride=(1,) * x.ndim)


def _qr_gradient(q: Tensor, r: Tensor, gq: Tensor, gr: Tensor) -> Tensor:
    """``(dQ + Q sym(M)) R^-T`` with ``M = R dR^T - dQ^T Q``, its lower triangle mirrored."""
    m = P.sub(_matmul(r, _t(_upper(gr))), _matmul(_t(gq), q))
    mirrored = P.add(_lower(m), _t(_lower(m, strictly=True)))
    total = P.add(gq, _matmul(q, mirrored))
    return _t(_solve(r, _t(total), lower=False))


def _reciprocal_differences(values: Tensor, like: Tensor) -> Tensor:
    """``1 / (values[j] - values[i])``, and 0 on the diagonal."""
    difference = P.sub(_columns(values, like), _rows(values, like))
    diagonal = P.eq(_row_minus_column(like), 0)
    ones = full(like.shape, like.dtype, 1)
    return P.select(diagonal, zeros_like(like), P.div(ones, P.select(diagonal, ones, difference)))


@vjp("svd")
def svd(ctx: Context, *cotangents: Tensor | None) -> Gradients:
    _real_only("svd", ctx)
    (a,) = ctx.inputs
    if not ctx.params["compute_uv"]:
        u, _, vt = P.svd(a, full_matrices=False, compute_uv=True)
        (gs,) = filled(cotangents, ctx.outputs)
        return (_matmul(P.mul(u, _columns(gs, u)), vt),)
    u, s, vt = ctx.outputs
    if u.shape[-1] != vt.shape[-2]:
        raise DifferentiationError(
            f"svd: with full_matrices=True the factors of a matrix {a.shape} that is not square have no gradient; "
            "use full_matrices=False."
        )
    gu, gs, gvt = filled(cotangents, ctx.outputs)
    return (_svd_gradient(u, s, vt, gu, gs, gvt),)


def _svd_gradient(u: Tensor, s: Tensor, vt: Tensor, gu: Tensor, gs: Tensor, gvt: Tensor) -> Tensor:
    v, gv = _t(vt), _t(gvt)
    inner_u, inner_v = _matmul(_t(u), gu), _matmul(_t(v), gv)
    f = _reciprocal_differences(P.mul(s, s), inner_u)
    j, k = P.mul(f, inner_u), P.mul(f, inner_v)
    middle = P.add(
        P.mul(P.add(j, _t(j)), _columns(s, inner_u)),
        P.mul(P.add(k, _t(k)), _rows(s, inner_u)),
    )
    total = _matmul(_matmul(u, _with_diagonal(middle, gs)), vt)
    # What of dU and dV lies outside the spaces that U and V span
    if u.shape[-2] != u.shape[-1]:
        outside = P.sub(gu, _matmul(u, inner_u))
        total = P.add(total, _matmul(P.div(outside, _columns(s, outside)), vt))
    if v.shape[-2] != v.shape[-1]:
        outside = P.sub(gv, _matmul(v, inner_v))
        total = P.add(total, _matmul(u, _t(P.div(outside, _columns(s, outside)))))
    return total


@vjp("eigh")
def eigh(ctx: Context, gw: Tensor | None, gv: Tensor | None) -> Gradients:
    _real_only("eigh", ctx)
    w, v = ctx.outputs
    gw, gv = filled((gw, gv), ctx.outputs)
    inner = _matmul(_t(v), gv)
    inner = P.mul(inner, _reciprocal_differences(w, inner))
    return (_symmetric(_matmul(_matmul(v, _with_diagonal(inner, gw)), _t(v))),)


@vjp("eig")
def eig(ctx: Context, *cotangents: Tensor | None) -> Gradients:
    raise DifferentiationError("eig: its gradient is not available; for symmetric matrices use eigh.")
