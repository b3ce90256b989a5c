"""Images sampled at computed places: affine and perspective transforms, values at coordinates."""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from typing import Any

from pronghorn.engine.graph import dtypes
from pronghorn.engine.graph import primitives as P
from pronghorn.engine.graph.dim import Extent
from pronghorn.engine.graph.tensor import Tensor
from pronghorn.ops import _broadcast as B
from pronghorn.ops._symbolic import symbolic_aware
from pronghorn.ops.image._layout import batch_of
from pronghorn.ops.linalg import solve
from pronghorn.ops.numpy.arithmetic import mod
from pronghorn.ops.numpy.joining import stack
from pronghorn.ops.numpy.shaping import part

_FILL_MODES = ("constant", "nearest", "wrap", "mirror", "reflect")
ORDERS = {"nearest": 0, "bilinear": 1}


# -- gathering --------------------------------------------------------------------------------------------------------
def _placed(index: Tensor, size: Extent, mode: str) -> tuple[Tensor, Tensor | None]:
    """Indices brought into an axis of ``size``, and, for "constant", whether they were in it."""
    extent = B.broadcast_to(B.convert(B.extent_scalar(size, "int32"), "int32"), index.shape)
    zero, one = B.zeros_like(index), B.full_like(index, 1)
    last = P.sub(extent, one)
    if mode == "wrap":
        return mod(index, extent), None
    if mode == "mirror":  # d c b | a b c d | c b a
        period = P.max(P.mul(last, B.full_like(index, 2)), one)
        inside = mod(index, period)
        return P.min(P.select(P.gt(inside, last), P.sub(period, inside), inside), last), None
    if mode == "reflect":  # d c b a | a b c d | d c b a
        period = P.mul(extent, B.full_like(index, 2))
        inside = mod(index, period)
        return P.select(P.gt(inside, last), P.sub(P.sub(period, one), inside), inside), None
    kept = P.min(P.max(index, zero), last)
    return kept, P.and_(P.ge(index, zero), P.le(index, last)) if mode == "constant" else None


def _corners(coordinate: Tensor, order: int) -> list[tuple[Tensor, Tensor | None]]:
    """The indices around a coordinate, each with its weight."""
    if order == 0:
        half = B.full_like(coordinate, 0.5)  # halves go away from zero
        away = P.floor(P.add(P.abs(coordinate), half))
        rounded = P.select(P.lt(coordinate, B.zeros_like(coordinate)), P.neg(away), away)
        return [(P.cast(rounded, dtype="int32"), None)]
    below = P.floor(coordinate)
    upper = P.sub(coordinate, below)
    index = P.cast(below, dtype="int32")
    one = B.full_like(index, 1)
    return [(index, P.sub(B.full_like(upper, 1), upper)), (P.add(index, one), upper)]


def _sample(
    flat: Tensor, base: Tensor | None, sizes: Sequence[Extent], coordinates: Sequence[Tensor], order: int, mode: str,
    fill: Any,
) -> Tensor:  # fmt: skip
    """Rows of ``flat`` interpolated at coordinates.

    Args:
        flat: ``[pixels, *rest]``.
        base: the first pixel of the image that each place belongs to, or None.
        sizes: the image's extents.
        coordinates: one array of places for each of them.
        order: 0 for the nearest pixel, 1 for linear interpolation.
        mode: what lies outside.
        fill: the value there for "constant".
    """
    rest = flat.shape[1:]
    axes = [_corners(c, order) for c in coordinates]
    total = None
    for corner in itertools.product(*axes):
        row, valid, weight = base, None, None
        for (index, share), size in zip(corner, sizes):
            index, inside = _placed(index, size, mode)
            row = index if row is None else P.add(_times_extent(row, size), index)
            valid = inside if valid is None or inside is None else P.and_(valid, inside)
            weight = share if weight is None else P.mul(weight, share)
        value = P.take(flat, row, axis=0)
        dims = tuple(range(row.ndim))

        def wide(t: Tensor, shape: Any = value.shape, dims: Any = dims) -> Tensor:
            return P.broadcast_in_dim(t, shape=shape, dims=dims) if rest else t

        if valid is not None:
            value = P.select(wide(valid), value, B.broadcast_to(B.cast(fill, value.dtype), value.shape))
        if weight is not None:
            value = P.mul(value, wide(B.cast(weight, value.dtype)))
        total = value if total is None else P.add(total, value)
    return total


def _times_extent(row: Tensor, size: Extent) -> Tensor:
    return P.mul(row, B.broadcast_to(B.convert(B.extent_scalar(size, "int32"), "int32"), row.shape))


def _check_mode(name: str, mode: str) -> None:
    if mode not in _FILL_MODES:
        raise ValueError(f"{name}: fill_mode={mode!r}; it must be one of {', '.join(_FILL_MODES)}.")


@symbolic_aware
def map_coordinates(
    inputs: Any, coordinates: Any, order: int, fill_mode: str = "constant", fill_value: Any = 0
) -> Tensor:
    """An array at coordinates between its elements.

    Args:
        inputs: the array, with ``r`` axes.
        coordinates: ``[r, ...]``, one row of places for each axis.
        order: 0 for the nearest element, 1 for linear interpolation.
        fill_mode: what lies outside: "constant", "nearest", "wrap", "mirror" (the edge not repeated) or "reflect".
        fill_value: the value there for "constant".

    >>> map_coordinates([10.0, 20.0], [[0.5]], 1).numpy()
    array([15.], dtype=float32)
    """
    _check_mode("map_coordinates", fill_mode)
    if order not in (0, 1):
        raise ValueError(f"map_coordinates: order must be 0 or 1, got {order!r}.")
    x, places = B.convert(inputs), B.to_float(coordinates)
    if places.ndim < 2 or places.shape[0] != x.ndim:
        raise ValueError(
            f"map_coordinates: `coordinates` has a row for each axis of `inputs`, here {x.ndim} rows, and at least one "
            f"axis of places after that; got shape {places.shape}."
        )
    dtype = x.dtype
    whole = not dtypes.is_float(dtype)
    inner = B.to_float(x) if whole and order == 1 else x
    axes = [P.reshape(part(places, 0, i, i + 1), shape=places.shape[1:]) for i in range(x.ndim)]
    flat = P.reshape(inner, shape=(x.size,))
    out = _sample(flat, None, x.shape, axes, order, fill_mode, fill_value)
    if whole and order == 1:
        return B.cast(P.round(out), dtype)
    return out


# -- transforms of images ---------------------------------------------------------------------------------------------
def sample_images(x: Tensor, rows: Tensor, columns: Tensor, order: int, mode: str, fill: Any) -> Tensor:
    """``[n, h, w, c]`` images at the places ``[n, *out]`` of each."""
    n, h, w, c = x.shape
    pixels = P.iota(shape=(n,), dtype="int32", axis=0)
    base = P.broadcast_in_dim(pixels, shape=rows.shape, dims=(0,))
    flat = P.reshape(x, shape=(n * h * w, c))
    return _sample(flat, base, (h, w), (rows, columns), order, mode, fill)


def grid(shape: Sequence[Extent], dtype: str) -> tuple[Tensor, Tensor]:
    """Row and column of each pixel, as floats ``[n, h, w]``."""
    row, column = (P.cast(P.iota(shape=tuple(shape), dtype="int32", axis=a), dtype=dtype) for a in (1, 2))
    return row, column


def prepared(name: str, images: Any, interpolation: str, fill_mode: str, data_format: Any) -> tuple[Tensor, Any, str]:
    if interpolation not in ORDERS:
        raise ValueError(f"{name}: interpolation={interpolation!r}; it must be 'nearest' or 'bilinear'.")
    _check_mode(name, fill_mode)
    x, layout = batch_of(name, images, data_format)
    dtype = x.dtype
    return B.cast(x, dtype if dtype in ("float32", "float64") else "float32"), layout, dtype


def finished(x: Tensor, layout: Any, dtype: str) -> Tensor:
    if x.dtype != dtype and not dtypes.is_float(dtype):
        x = P.round(x)
    return layout.restore(B.cast(x, dtype))


def _column(v: Tensor, i: int, shape: Sequence[Extent]) -> Tensor:
    """Column ``i`` of ``[n, k]``, repeated over ``[n, h, w]``."""
    rows = P.reshape(part(v, 1, i, i + 1), shape=(v.shape[0],))
    rows = B.broadcast_to(rows, (shape[0],))
    return P.broadcast_in_dim(rows, shape=tuple(shape), dims=(0,))


@symbolic_aware
def affine_transform(
    images: Any,
    transform: Any,
    interpolation: str = "bilinear",
    fill_mode: str = "constant",
    fill_value: Any = 0,
    data_format: str | None = None,
) -> Tensor:
    """Images moved, turned, sheared and scaled.

    Args:
        images: an image ``(height, width, channels)`` or a batch; channels come first for "channels_first".
        transform: ``[8]`` or ``[n, 8]``: ``(a0, a1, a2, b0, b1, b2, 0, 0)``, which maps the new pixel ``(x, y)`` to
            the old place ``(a0 x + a1 y + a2, b0 x + b1 y + b2)``. No gradient flows to it.
        interpolation: "nearest" or "bilinear".
        fill_mode: what lies outside: "constant", "nearest", "wrap", "mirror" or "reflect".
        fill_value: the value there for "constant".
        data_format: "channels_last" or "channels_first"; the configured one by default.

    >>> import numpy as np
    >>> shift = [1, 0, 1, 0, 1, 0, 0, 0]
    >>> affine_transform(np.arange(3.0).reshape(1, 3, 1), shift).numpy().ravel()
    array([1., 2., 0.], dtype=float32)
    """
    x, layout, dtype = prepared("affine_transform", images, interpolation, fill_mode, data_format)
    t = P.stop_gradient(B.cast(transform, x.dtype))
    if t.ndim not in (1, 2) or t.shape[-1] != 8:
        if t.ndim not in (1, 2):
            raise ValueError(
                "affine_transform: Invalid transform rank: expected rank 1, for the shape (8,), or rank 2, for (n, 8). "
                f"Received: transform.shape={t.shape}."
            )
        raise ValueError(f"affine_transform: transform must have the shape (8,) or (n, 8), got {t.shape}.")
    t = P.reshape(t, shape=(1, 8)) if t.ndim == 1 else t
    shape = x.shape[:3]
    row, column = grid(shape, x.dtype)

    def line(first: int) -> Tensor:
        a, b, c = (_column(t, first + i, shape) for i in range(3))
        return P.add(P.add(P.mul(a, column), P.mul(b, row)), c)

    out = sample_images(x, line(3), line(0), ORDERS[interpolation], fill_mode, fill_value)
    return finished(out, layout, dtype)


@symbolic_aware
def perspective_transform(
    images: Any,
    start_points: Any,
    end_points: Any,
    interpolation: str = "bilinear",
    fill_value: Any = 0,
    data_format: str | None = None,
) -> Tensor:
    """Images seen from elsewhere: four points move to four others, straight lines stay straight.

    Args:
        images: an image ``(height, width, channels)`` or a batch; channels come first for "channels_first".
        start_points: ``[4, 2]`` or ``[n, 4, 2]``: points ``(x, y)`` of the old images.
        end_points: the points of the new images to which they go.
        interpolation: "nearest" or "bilinear".
        fill_value: the value outside.
        data_format: "channels_last" or "channels_first"; the configured one by default.

    Example:

    >>> from pronghorn import ops
    >>> corners = [[[0.0, 0.0], [0.0, 5.0], [5.0, 0.0], [5.0, 5.0]]]
    >>> perspective_transform(ops.ones((1, 6, 6, 3)), corners, corners).shape
    (1, 6, 6, 3)
    """
    name = "perspective_transform"
    x, layout, dtype = prepared(name, images, interpolation, "constant", data_format)
    start, end = (B.cast(p, x.dtype) for p in (start_points, end_points))
    for label, p in (("start_points", start), ("end_points", end)):
        if p.ndim not in (2, 3) or p.shape[-2:] != (4, 2):
            raise ValueError(f"{name}: Invalid {label} shape: expected (4, 2) or (n, 4, 2), got {p.shape}.")
    start, end = (P.reshape(p, shape=(1, 4, 2)) if p.ndim == 2 else p for p in (start, end))
    t = _perspective(start, end)
    shape = x.shape[:3]
    row, column = grid(shape, x.dtype)

    def line(first: int, constant: Tensor) -> Tensor:
        a, b = (_column(t, first + i, shape) for i in range(2))
        return P.add(P.add(P.mul(a, column), P.mul(b, row)), constant)

    depth = line(6, B.full(shape, 1, x.dtype))
    rows = P.div(line(3, _column(t, 5, shape)), depth)
    columns = P.div(line(0, _column(t, 2, shape)), depth)
    out = sample_images(x, rows, columns, ORDERS[interpolation], "constant", fill_value)
    return finished(out, layout, dtype)


def _perspective(start: Tensor, end: Tensor) -> Tensor:
    """The eight coefficients ``[n, 8]`` of the map from ``end`` to ``start``, from eight linear equations."""
    lead = B.broadcast_shapes(start.shape[:1], end.shape[:1])
    start, end = (B.broadcast_to(p, (*lead, 4, 2)) for p in (start, end))
    (u, v), (x, y) = ([P.reshape(part(p, 2, i, i + 1), shape=(*lead, 4)) for i in range(2)] for p in (start, end))
    zero, one = B.zeros_like(x), B.full_like(x, 1)
    first = stack([x, y, one, zero, zero, zero, P.neg(P.mul(x, u)), P.neg(P.mul(y, u))], axis=-1)
    second = stack([zero, zero, zero, x, y, one, P.neg(P.mul(x, v)), P.neg(P.mul(y, v))], axis=-1)
    matrix = P.concatenate(first, second, axis=1)
    return solve(matrix, P.concatenate(u, v, axis=1))
