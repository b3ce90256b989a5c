"""Calls of reductions, scans and orders along axes."""

from __future__ import annotations

from typing import Any

import numpy as np
from hypothesis import strategies as st

from strategies.ops_common import (
    Call,
    apart,
    axes,
    axis,
    covers,
    dtype,
    floats,
    halves,
    integers,
    maybe_empty,
    numbers,
    optional,
    pick,
    shape,
    some_axes,
)


@covers("sum prod mean std var logsumexp ptp max min amax amin")
def reduction(draw: Any, name: str) -> Call:
    extents = maybe_empty(draw) if name in ("sum", "prod", "mean") else shape(draw)
    kind = dtype(draw) if name not in ("logsumexp", "ptp") else "float32"
    x = (
        numbers(draw, extents, kind)
        if kind != "float32" or name in ("sum", "mean", "logsumexp")
        else apart(draw, extents)
    )
    if name == "prod":
        x = numbers(draw, extents, kind, 0.5, 1.5)
    kwargs = {"axis": axes(draw, len(extents)), "keepdims": draw(st.booleans())}
    if name in ("max", "min") and kind == "float32" and draw(st.booleans()):
        kwargs["initial"] = draw(st.floats(-0.5, 0.5, width=16)) + 0.0101
    if name in ("std", "var") and kind == "float32":
        x = floats(draw, extents) + np.arange(x.size, dtype="float32").reshape(extents) * np.float32(0.1)
    # At one element the slope of a standard deviation is that of a root at zero.
    return Call(name, (x,), kwargs, gradient=kind == "float32" and name != "std")


@covers("all any count_nonzero")
def truth(draw: Any, name: str) -> Call:
    extents = maybe_empty(draw)
    kwargs = {"axis": axes(draw, len(extents))}
    if name != "count_nonzero":
        kwargs["keepdims"] = draw(st.booleans())
    return Call(name, (integers(draw, extents, 0, 2, pick(draw, "bool", "int32", "float32")),), kwargs, gradient=False)


@covers("argmax argmin nanargmax nanargmin")
def position(draw: Any, name: str) -> Call:
    extents = shape(draw)
    x = halves(draw, extents) if draw(st.booleans()) else integers(draw, extents)
    if name.startswith("nan") and x.dtype == np.float32:
        x = np.where(x > 1.5, np.float32("nan"), x)
    where = axis(draw, len(extents)) if extents and draw(st.booleans()) else None
    return Call(name, (x,), {"axis": where, "keepdims": draw(st.booleans())}, gradient=False)


def _holes(draw: Any, x: np.ndarray) -> np.ndarray:
    return np.where(floats(draw, x.shape, 0, 1) > 0.7, np.float32("nan"), x)


@covers("nansum nanprod nanmean nanmax nanmin nanvar nanstd nanmedian")
def without_nan(draw: Any, name: str) -> Call:
    extents = shape(draw, int(name == "nanmedian"))  # Keras keeps a dimension that a number has not
    x = apart(draw, extents) if name in ("nanmax", "nanmin", "nanmedian") else floats(draw, extents, 0.5, 1.5)
    kwargs = {"axis": axes(draw, len(extents)), "keepdims": draw(st.booleans())}
    # Where all or all but one are NaN the derivative of JAX is NaN by its formula.
    return Call(name, (_holes(draw, x),), kwargs, gradient=name in ("nansum", "nanprod"))


@covers("cumsum cumprod nancumsum nancumprod")
def cumulative(draw: Any, name: str) -> Call:
    extents = shape(draw, 0 if name.startswith("nan") else 1)
    kind = dtype(draw) if not name.startswith("nan") else "float32"
    x = numbers(draw, extents, kind, 0.5, 1.5)
    where = axis(draw, len(extents)) if extents and draw(st.booleans()) else None
    kwargs = {"axis": where} | (
        optional(draw, {"dtype": st.sampled_from(("float32", "int32"))}) if kind != "float32" else {}
    )
    return Call(name, (_holes(draw, x) if name.startswith("nan") else x,), kwargs, gradient=kind == "float32")


@covers("median quantile percentile nanquantile nanpercentile")
def order_statistics(draw: Any, name: str) -> Call:
    extents = shape(draw, 1)
    x = apart(draw, extents)
    if name.startswith("nan"):
        x = _holes(draw, x)
    kwargs = {"axis": axes(draw, len(extents)), "keepdims": draw(st.booleans())}
    gradient = not name.startswith("nan")
    if name == "median":
        return Call(name, (x,), kwargs)
    scale = 100 if "percentile" in name else 1
    q = draw(st.sampled_from((0.0, 0.2, 0.35, 1.0))) * scale if draw(st.booleans()) else None
    q = floats(draw, shape(draw, 1, 1), 0.05, 0.95) * np.float32(scale) if q is None else q
    kwargs |= {"q": q, "method": pick(draw, "linear", "lower", "higher", "midpoint", "nearest")}
    return Call(name, (x,), kwargs, gradient)


@covers("average")
def average(draw: Any, name: str) -> Call:
    extents = shape(draw, 1)
    where = pick(draw, None, axis(draw, len(extents)))
    weights = floats(draw, extents if where is None or draw(st.booleans()) else (extents[where],), 0.2, 2)
    x = numbers(draw, extents, dtype(draw, "int32"))
    return Call(name, (x, where, weights) if draw(st.integers(0, 3)) else (x, where), gradient=x.dtype == np.float32)


@covers("moments")
def moments(draw: Any, name: str) -> Call:
    extents = shape(draw, 1)
    return Call(
        name, (floats(draw, extents),), {"axes": some_axes(draw, len(extents)), "keepdims": draw(st.booleans())}
    )


@covers("sort argsort argpartition")
def orders(draw: Any, name: str) -> Call:
    extents = shape(draw, 1)
    where = axis(draw, len(extents))
    if name == "argpartition":
        # Only which comes at the kth place is said, and on which side the others are: with two all is said.
        x = apart(draw, (*extents[:-1], 2))
        return Call(name, (x,), {"kth": draw(st.integers(0, 1)), "axis": -1}, gradient=False)
    x = apart(draw, extents) if draw(st.booleans()) else integers(draw, extents, dtype=pick(draw, "int32", "uint8"))
    return Call(name, (x,), {"axis": where}, gradient=name == "sort" and x.dtype == np.float32)


@covers("top_k")
def top_k(draw: Any, name: str) -> Call:
    extents = shape(draw, 1)
    x = apart(draw, extents) if draw(st.booleans()) else integers(draw, extents)
    return Call(name, (x,), {"k": draw(st.integers(1, extents[-1]))}, gradient=x.dtype == np.float32)


@covers("diff")
def diff(draw: Any, name: str) -> Call:
    extents = shape(draw, 1)
    where = axis(draw, len(extents))
    x = numbers(draw, extents, dtype(draw, "int32"))
    n = draw(st.integers(0, 2))
    return Call(name, (x,), {"n": min(n, extents[where]), "axis": where}, gradient=x.dtype == np.float32)


@covers("trapezoid")
def trapezoid(draw: Any, name: str) -> Call:
    extents = shape(draw, 1, 3, (2, 5))
    where = axis(draw, len(extents))
    if draw(st.booleans()):
        return Call(name, (floats(draw, extents),), {"axis": where, "dx": draw(st.floats(0.1, 2))})
    return Call(name, (floats(draw, extents), np.sort(floats(draw, (extents[where],)))), {"axis": where})


@covers("segment_sum segment_max segment_min segment_prod")
def segments(draw: Any, name: str) -> Call:
    rows = draw(st.integers(1, 6))
    data = apart(draw, (rows, *shape(draw, 0, 2)))
    count = draw(st.integers(1, 5))
    ids = integers(draw, (rows,), 0, count)
    in_order = draw(st.booleans())
    ids = np.sort(ids) if in_order else ids
    # For max, min and prod of no rows at all Keras gives what JAX does: infinity, one.
    return Call(name, (data, ids), {"num_segments": count, "sorted": in_order}, gradient=name != "segment_prod")
