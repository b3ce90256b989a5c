"""Blocks of images: to and from depth, to and from columns; and complex numbers from polar coordinates."""

from __future__ import annotations

from typing import Any

import numpy as np

from pronghorn.engine.graph import primitives as P
from pronghorn.engine.graph.dim import comparable
from pronghorn.engine.graph.tensor import Tensor
from pronghorn.ops import _broadcast as B
from pronghorn.ops._symbolic import symbolic_aware
from pronghorn.ops.nn.geometry import channels_first, from_channels_last, to_channels_last


@symbolic_aware
def depth_to_space(x: Any, block_size: int, data_format: str = "channels_last") -> Tensor:
    """Channels laid out as blocks of pixels.

    Args:
        x: ``[n, h, w, c]``; ``[n, c, h, w]`` for "channels_first".
        block_size: the blocks' side ``b``.
        data_format: "channels_last" or "channels_first".

    Returns:
        ``[n, h * b, w * b, c / b**2]``.

    Example:

    >>> depth_to_space([[[[1, 2, 3, 4]]]], 2).numpy()[0, :, :, 0]
    array([[1, 2],
           [3, 4]], dtype=int32)
    """
    x, first, block = _image("depth_to_space", x, block_size, data_format)
    x = to_channels_last(x, first)
    n, h, w, c = x.shape
    if c % (block * block):
        raise ValueError(f"depth_to_space: {c} channels do not divide into blocks of {block} x {block}.")
    depth = c // (block * block)
    # channels first keeps depth as the slowest of the three, channels last as the fastest
    split = (n, h, w, depth, block, block) if first else (n, h, w, block, block, depth)
    order = (0, 1, 4, 2, 5, 3) if first else (0, 1, 3, 2, 4, 5)
    x = P.transpose(P.reshape(x, shape=split), perm=order)
    return from_channels_last(P.reshape(x, shape=(n, h * block, w * block, depth)), first)


@symbolic_aware
def space_to_depth(x: Any, block_size: int, data_format: str = "channels_last") -> Tensor:
    """Blocks of pixels laid out as channels: the inverse of `depth_to_space`.

    >>> space_to_depth([[[[1], [2]], [[3], [4]]]], 2).numpy()
    array([[[[1, 2, 3, 4]]]], dtype=int32)
    """
    x, first, block = _image("space_to_depth", x, block_size, data_format)
    x = to_channels_last(x, first)
    n, h, w, c = x.shape
    for name, size in (("height", h), ("width", w)):
        if comparable(size) and size % block != 0:
            raise ValueError(f"space_to_depth: the {name} {size} does not divide by block_size={block}.")
    split = P.reshape(x, shape=(n, h // block, block, w // block, block, c))
    order = (0, 1, 3, 5, 2, 4) if first else (0, 1, 3, 2, 4, 5)
    x = P.transpose(split, perm=order)
    return from_channels_last(P.reshape(x, shape=(n, h // block, w // block, c * block * block)), first)


def _image(name: str, x: Any, block_size: int, data_format: str) -> tuple[Tensor, bool, int]:
    x = B.convert(x)
    if x.ndim != 4:
        raise ValueError(f"{name}: a batch of images with 4 axes is needed, got shape {x.shape}.")
    if not isinstance(block_size, (int, np.integer)) or block_size < 2:
        raise ValueError(f"{name}: `block_size` must be at least 2, and an integer; got {block_size!r}.")
    return x, channels_first(data_format), int(block_size)


def _two(value: Any, name: str) -> tuple[int, int]:
    pair = tuple(value) if isinstance(value, (tuple, list)) else (value, value)
    if len(pair) != 2:
        raise ValueError(f"{name} must be one number, or two; got {value!r}.")
    return int(pair[0]), int(pair[1])


@symbolic_aware
def unfold(x: Any, kernel_size: Any, dilation: Any = 1, padding: Any = 0, stride: Any = 1) -> Tensor:
    """Windows of images as columns.

    Args:
        x: ``[n, c, h, w]``.
        kernel_size: the window's extents.
        dilation: step between a window's elements.
        padding: zeros added on each side.
        stride: step between windows.

    Returns:
        ``[n, c * kh * kw, windows]``.

    >>> import numpy as np
    >>> unfold(np.ones((1, 2, 4, 4), "float32"), 2, stride=2).shape
    (1, 8, 4)
    """
    x = B.convert(x)
    if x.ndim != 4:
        raise ValueError(f"unfold: images [n, c, h, w] are needed, got shape {x.shape}.")
    k, d, p, s = (
        _two(kernel_size, "kernel_size"), _two(dilation, "dilation"), _two(padding, "padding"), _two(stride, "stride")
    )  # fmt: skip
    wide = P.pad(x, B.full((), 0, x.dtype), low=(0, 0, *p), high=(0, 0, *p), interior=(0,) * 4)
    n, c, h, w = wide.shape
    out = tuple((size - ((kk - 1) * dd + 1)) // ss + 1 for size, kk, dd, ss in zip((h, w), k, d, s))
    taps = []
    for i in range(k[0]):
        for j in range(k[1]):
            start = (0, 0, i * d[0], j * d[1])
            limit = (n, c, start[2] + (out[0] - 1) * s[0] + 1, start[3] + (out[1] - 1) * s[1] + 1)
            tap = P.slice(wide, start=start, limit=limit, stride=(1, 1, *s))
            taps.append(P.reshape(tap, shape=(n, c, 1, out[0] * out[1])))
    return P.reshape(P.concatenate(*taps, axis=2), shape=(n, c * k[0] * k[1], out[0] * out[1]))


@symbolic_aware
def fold(x: Any, output_size: Any, kernel_size: Any, dilation: Any = 1, padding: Any = 0, stride: Any = 1) -> Tensor:
    """Columns added up to images: each column is a window, as `unfold` with the same arguments makes them.

    Args:
        x: ``[n, c * kh * kw, windows]``.
        output_size: the images' extents.
        kernel_size: see `unfold`.
        dilation: see `unfold`.
        padding: see `unfold`.
        stride: see `unfold`.

    Returns:
        ``[n, c, *output_size]``.

    Example:

    >>> from pronghorn import ops
    >>> patches = ops.unfold(ops.ones((1, 1, 4, 4)), 2, stride=2)
    >>> fold(patches, (4, 4), 2, stride=2).shape
    (1, 1, 4, 4)
    """
    x = B.convert(x)
    if x.ndim != 3:
        raise ValueError(f"fold: columns [n, c * kh * kw, windows] are needed, a 3D array; got shape {x.shape}.")
    size, k, d, p, s = (
        _two(output_size, "output_size"), _two(kernel_size, "kernel_size"), _two(dilation, "dilation"),
        _two(padding, "padding"), _two(stride, "stride"),
    )  # fmt: skip
    wide = tuple(n + 2 * pp for n, pp in zip(size, p))
    out = tuple((n - ((kk - 1) * dd + 1)) // ss + 1 for n, kk, dd, ss in zip(wide, k, d, s))
    n, rows, windows = x.shape
    if rows % (k[0] * k[1]) or windows != out[0] * out[1]:
        raise ValueError(
            f"fold: {rows} rows and {windows} windows do not fit; a kernel {k} over {size} makes {out[0] * out[1]} "
            f"windows with a multiple of {k[0] * k[1]} rows."
        )
    c = rows // (k[0] * k[1])
    blocks = P.reshape(x, shape=(n, c, k[0], k[1], *out))
    zero = B.full((), 0, x.dtype)
    total = None
    for i in range(k[0]):
        for j in range(k[1]):
            tap = P.slice(blocks, start=(0, 0, i, j, 0, 0), limit=(n, c, i + 1, j + 1, *out), stride=(1,) * 6)
            tap = P.reshape(tap, shape=(n, c, *out))
            low = (i * d[0], j * d[1])
            high = tuple(w - lo - (o - 1) * ss - 1 for w, lo, o, ss in zip(wide, low, out, s))
            placed = P.pad(tap, zero, low=(0, 0, *low), high=(0, 0, *high), interior=(0, 0, s[0] - 1, s[1] - 1))
            total = placed if total is None else P.add(total, placed)
    limit = (n, c, p[0] + size[0], p[1] + size[1])
    return P.slice(total, start=(0, 0, *p), limit=limit, stride=(1,) * 4)


@symbolic_aware
def polar(abs_: Any, angle: Any) -> Tensor:
    """The complex numbers with these absolute values and angles.

    >>> polar([2.0], [0.0]).numpy()
    array([2.+0.j], dtype=complex64)
    """
    dtype = B.float_dtype(B.weak_name(abs_), B.weak_name(angle))
    r, a = B.operands(abs_, angle, dtype=dtype if dtype in ("float32", "float64") else "float32")
    return P.complex(P.mul(r, P.cos(a)), P.mul(r, P.sin(a)))
