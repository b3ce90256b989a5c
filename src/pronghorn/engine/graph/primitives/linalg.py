"""Matrix factorisations of ``[..., m, n]``; every backend calls NumPy or SciPy for them."""

from __future__ import annotations

from pronghorn.engine.graph.ir import Aval
from pronghorn.engine.graph.primitives import axes
from pronghorn.engine.graph.primitives.registry import fail, primitive

_COMPLEX_OF = {"float32": "complex64", "float64": "complex128"}
_REAL_OF = {"complex64": "float32", "complex128": "float64"}


def _square(name: str, x: Aval) -> None:
    if len(x.shape) < 2 or x.shape[-1] != x.shape[-2]:
        raise fail(name, f"needs square matrices [..., n, n], got {x}.")


@primitive("linalg", axes.matrices)
def cholesky(x: Aval) -> Aval:
    _square("cholesky", x)
    return x


@primitive("linalg", axes.triangular_solve)
def triangular_solve(a: Aval, b: Aval, *, lower: bool, transpose: bool) -> Aval:
    _square("triangular_solve", a)
    if a.shape[:-1] != b.shape[:-1] or a.dtype != b.dtype:
        raise fail("triangular_solve", f"{a} and {b} do not fit; b must be [..., n, k].")
    return b


@primitive("linalg", axes.matrices)
def lu(x: Aval) -> list[Aval]:
    if len(x.shape) < 2:
        raise fail("lu", f"needs matrices [..., m, n], got {x}.")
    *batch, m, n = x.shape
    return [x, Aval((*batch, m if m <= n else n), "int32")]


@primitive("linalg", axes.matrices)
def qr(x: Aval, *, mode: str) -> list[Aval]:
    *batch, m, n = x.shape
    k = m if mode == "complete" or m <= n else n
    return [Aval((*batch, m, k), x.dtype), Aval((*batch, k, n), x.dtype)]


@primitive("linalg", axes.matrices)
def svd(x: Aval, *, full_matrices: bool, compute_uv: bool) -> list[Aval]:
    *batch, m, n = x.shape
    k = m if m <= n else n
    s = Aval((*batch, k), _REAL_OF.get(x.dtype, x.dtype))
    if not compute_uv:
        return [s]
    mu, nv = (m, n) if full_matrices else (k, k)
    return [Aval((*batch, m, mu), x.dtype), s, Aval((*batch, nv, n), x.dtype)]


@primitive("linalg", axes.matrices)
def eigh(x: Aval) -> list[Aval]:
    _square("eigh", x)
    return [Aval(x.shape[:-1], _REAL_OF.get(x.dtype, x.dtype)), x]


@primitive("linalg", axes.matrices)
def eig(x: Aval) -> list[Aval]:
    _square("eig", x)
    dtype = _COMPLEX_OF.get(x.dtype, x.dtype)
    return [Aval(x.shape[:-1], dtype), Aval(x.shape, dtype)]
