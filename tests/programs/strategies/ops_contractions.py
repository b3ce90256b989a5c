"""Calls of products, linear algebra and transforms."""

from __future__ import annotations

from typing import Any

import numpy as np
from hypothesis import strategies as st

from strategies.ops_common import (
    Call,
    axis,
    broadcast_pair,
    covers,
    dtype,
    floats,
    generator,
    numbers,
    optional,
    pick,
    shape,
)


def _extent(draw: Any) -> int:
    return draw(st.integers(1, 5))


@covers("matmul dot inner outer vdot kron cross tensordot")
def product(draw: Any, name: str) -> Call:
    n, kind = _extent(draw), dtype(draw, "int32", "uint8")
    if name == "matmul":
        batch = broadcast_pair(draw, 2)
        first = pick(draw, (n,), (*batch[0], _extent(draw), n))
        second = pick(draw, (n,), (*batch[1], n, _extent(draw)))
    elif name == "dot":
        first = pick(draw, (), (n,), (*shape(draw, 1, 2), n))
        second = pick(draw, (), (n,), (*shape(draw, 0, 1), n, _extent(draw)))
    elif name == "inner":
        first, second = (*shape(draw, 0, 2), n), (*shape(draw, 0, 2), n)
    elif name == "vdot":
        first = second = shape(draw, 1, 2)
    elif name == "cross":
        first, second = ((*s, 3) for s in broadcast_pair(draw, 2))
    elif name == "tensordot":
        return _tensordot(draw, kind)
    else:
        first, second = shape(draw, 0 if name == "outer" else 1, 2), shape(draw, 0 if name == "outer" else 1, 2)
    return Call(name, (numbers(draw, first, kind), numbers(draw, second, kind)), gradient=kind == "float32")


def _tensordot(draw: Any, kind: str) -> Call:
    common = shape(draw, 0, 2)
    first, second = shape(draw, 0, 2), shape(draw, 0, 2)
    x, y = numbers(draw, (*first, *common), kind), numbers(draw, (*common, *second), kind)
    if draw(st.booleans()) or not common:
        return Call("tensordot", (x, y), {"axes": len(common)}, kind == "float32")
    left, right = tuple(range(len(first), x.ndim)), tuple(range(len(common)))
    return Call("tensordot", (x, y), {"axes": (left, right)}, kind == "float32")


EQUATIONS = (
    "ij,jk->ik", "ij,kj->ik", "bij,bjk->bik", "ij->ji", "ij->", "ij->j", "ij,ij->", "i,j->ij", "ij,jk,kl->il",
    "ii->i", "ii", "abc,cd->abd", "bhqd,bhkd->bhqk", "ij,jk", "i,i", "abc,ad->bcd", "aij,bij->ab",
    "...ij,...jk->...ik", "...i,i->...", "b...,b->...",
)  # fmt: skip


@covers("einsum")
def einsum(draw: Any, name: str) -> Call:
    equation = pick(draw, *EQUATIONS)
    extents = {letter: _extent(draw) for letter in "abcdhijklq"}
    dots = shape(draw, 0, 2)
    operands = []
    for term in equation.split("->")[0].split(","):
        letters = term.replace("...", ".")
        form = [n for letter in letters for n in (dots if letter == "." else (extents[letter],))]
        operands.append(floats(draw, form))
    return Call(name, (equation, *operands))


def positive(draw: Any, batch: tuple[int, ...], n: int) -> np.ndarray:
    """Symmetric matrices with eigenvalues well above zero and apart."""
    rng = generator(draw)
    q = np.linalg.qr(rng.normal(size=(*batch, n, n)))[0]
    values = 1.0 + np.arange(n) * 0.7
    return ((q * values) @ np.swapaxes(q, -1, -2)).astype("float32")


def general(draw: Any, batch: tuple[int, ...], rows: int, columns: int) -> np.ndarray:
    """Matrices with singular values of like size, and apart."""
    rng = generator(draw)
    n = min(rows, columns)
    u = np.linalg.qr(rng.normal(size=(*batch, rows, rows)))[0][..., :n]
    v = np.linalg.qr(rng.normal(size=(*batch, columns, columns)))[0][..., :n]
    return ((u * (1.0 + np.arange(n) * 0.6)) @ np.swapaxes(v, -1, -2)).astype("float32")


@covers("cholesky cholesky_inverse inv det logdet slogdet")
def of_square(draw: Any, name: str) -> Call:
    batch, n = shape(draw, 0, 2, (1, 3)), draw(st.integers(1, 4))
    x = positive(draw, batch if name != "cholesky_inverse" else (), n)
    kwargs = optional(draw, {"upper": st.booleans()}) if name.startswith("cholesky") else {}
    if name == "cholesky_inverse":
        factor = np.linalg.cholesky(x).astype("float32")
        x = np.swapaxes(factor, -1, -2).copy() if kwargs.get("upper") else factor
    elif name != "cholesky" and name != "logdet":
        x = general(draw, batch, n, n)
    return Call(name, (x,), kwargs, tolerance=2e-5)


@covers("solve solve_triangular lstsq")
def equations(draw: Any, name: str) -> Call:
    batch, n = shape(draw, 0, 2, (1, 3)), draw(st.integers(1, 4))
    right = (n, draw(st.integers(1, 3)))
    if name == "solve":
        return Call(name, (general(draw, batch, n, n), floats(draw, (*batch, *right))), tolerance=2e-5)
    if name == "solve_triangular":
        lower = draw(st.booleans())
        factor = np.linalg.cholesky(positive(draw, batch, n))
        factor = factor if lower else np.swapaxes(factor, -1, -2)
        return Call(name, (factor.astype("float32"), floats(draw, (*batch, *right))), {"lower": lower}, tolerance=2e-5)
    rows = n + draw(st.integers(0, 3))
    b = floats(draw, (rows,) if draw(st.booleans()) else (rows, 2))
    return Call(name, (general(draw, (), rows, n), b), gradient=False, tolerance=5e-5)


@covers("eigh svd pinv matrix_rank lu_factor")
def factors(draw: Any, name: str) -> Call:
    batch = shape(draw, 0, 1, (1, 3))
    if name == "eigh":
        return Call(name, (positive(draw, batch, draw(st.integers(1, 4))),), gradient=False, tolerance=2e-5)
    rows, columns = draw(st.integers(1, 4)), draw(st.integers(1, 4))
    x = general(draw, batch if name != "pinv" else (), rows, columns)
    if name == "svd":
        return Call(name, (x,), {"compute_uv": False}, tolerance=2e-5)
    if name == "lu_factor":
        return Call(name, (general(draw, batch, rows, rows),), gradient=False)
    if name == "matrix_rank" and draw(st.booleans()):
        x[..., 0, :] = x[..., -1, :]
    return Call(name, (x,), gradient=False, tolerance=2e-5)


@covers("norm")
def norm(draw: Any, name: str) -> Call:
    extents = shape(draw, 1, 3)
    keepdims = draw(st.booleans())
    if len(extents) >= 2 and draw(st.booleans()):
        order = pick(draw, None, "fro", "nuc", 1, -1, 2, -2, np.inf, -np.inf)
        where = tuple(draw(st.permutations(range(len(extents))))[:2])
        smooth = order in (None, "fro")
        return Call(
            name,
            (floats(draw, extents, 0.5, 2),),
            {"ord": order, "axis": where, "keepdims": keepdims},
            smooth,
            tolerance=2e-5,
        )
    order = pick(draw, None, 0, 1, 2, 3, 1.5, np.inf, -np.inf)
    kwargs = {"ord": order, "axis": axis(draw, len(extents)), "keepdims": keepdims}
    return Call(name, (floats(draw, extents, 0.5, 2),), kwargs)


@covers("normalize")
def normalize(draw: Any, name: str) -> Call:
    extents = shape(draw, 1, 3)
    kwargs = {"axis": axis(draw, len(extents)), "order": pick(draw, 1, 2, 3, 1.5)}
    return Call(
        name, (floats(draw, extents, 0.5, 2),), kwargs | optional(draw, {"epsilon": st.sampled_from((1e-3, 0.1))})
    )


@covers("fft fft2 ifft2 rfft irfft")
def fourier(draw: Any, name: str) -> Call:
    batch, n = shape(draw, 0, 2), draw(st.integers(1, 13))
    if name == "rfft":
        length = pick(draw, None, n, n + 3, max(1, n - 2))
        return Call(name, (floats(draw, (*batch, n)), length))
    extents = (*batch, draw(st.integers(1, 5)), n) if name.endswith("2") else (*batch, n + (name == "irfft"))
    pair = (floats(draw, extents), floats(draw, extents))
    if name == "irfft":
        return Call(name, (pair, pick(draw, None, 2 * n, 2 * n + 1, n + 2)))
    return Call(name, (pair,))


@covers("stft istft")
def short_time_fourier(draw: Any, name: str) -> Call:
    size = draw(st.sampled_from((8, 16)))
    length = draw(st.integers(size // 2, size))
    stride = draw(st.integers(1, length // 2))
    kwargs = {"window": pick(draw, "hamming", None, *("hann",) * (name == "stft")), "center": draw(st.booleans())}
    if name == "stft":
        x = floats(draw, (*shape(draw, 0, 1), size + draw(st.integers(0, 20))))
        return Call(name, (x, length, stride, size), kwargs)
    # Of fewer pieces than overlap in one place, JAX's result is shorter than that of Keras's other backends.
    stride = size // draw(st.sampled_from((2, 4)))
    kwargs |= {"length": pick(draw, None, length + stride)}
    extents = (*shape(draw, 0, 1), draw(st.integers(4, 7)), size // 2 + 1)
    return Call(name, ((floats(draw, extents), floats(draw, extents)), length, stride, size), kwargs, tolerance=3e-5)


@covers("correlate corrcoef cdist psnr")
def likeness(draw: Any, name: str) -> Call:
    if name == "correlate":
        first, second = floats(draw, shape(draw, 1, 1, (1, 8))), floats(draw, shape(draw, 1, 1, (1, 8)))
        return Call(name, (first, second), {"mode": pick(draw, "valid", "same", "full")})
    if name == "corrcoef":
        return Call(name, (floats(draw, (draw(st.integers(2, 4)), draw(st.integers(3, 7)))),))
    n = _extent(draw)
    if name == "cdist":
        # Not where two rows are the same: JAX's slope there is NaN.
        return Call(name, (floats(draw, (_extent(draw), n)), floats(draw, (_extent(draw), n), 3, 5)))
    extents = shape(draw, 1)
    return Call(name, (floats(draw, extents), floats(draw, extents)), {"max_val": draw(st.floats(0.5, 3))})
