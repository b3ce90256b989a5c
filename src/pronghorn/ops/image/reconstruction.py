"""Images put together from their patches."""

from __future__ import annotations

import math
from typing import Any

from pronghorn.engine.graph import primitives as P
from pronghorn.engine.graph.dim import Extent, comparable
from pronghorn.engine.graph.tensor import Tensor
from pronghorn.ops._symbolic import symbolic_aware
from pronghorn.ops.image._layout import batch_of
from pronghorn.ops.nn.geometry import per_axis


@symbolic_aware
def reconstruct_patches(
    patches: Any,
    size: Any,
    output_size: Any,
    strides: Any = None,
    padding: str = "valid",
    data_format: str | None = None,
) -> Tensor:
    """Images, or volumes, from patches that lie side by side: what `extract_patches` took apart.

    Args:
        patches: ``(rows, columns, window * channels)``, or a batch of them; of volumes, layers before the rows.
        size: the windows' extents: one number, or two, or three for volumes.
        output_size: the images' extents, two or three. Of `padding="valid"`, as many pixels as the patches have; of
            "same", the extents of what was taken apart, whose border of zeros is cut off again.
        strides: step between windows, which must be ``size``, the default.
        padding: "valid" or "same", as the patches were made.
        data_format: "channels_last" or "channels_first"; the configured one by default.

    Returns:
        ``(height, width, channels)``, with a batch axis if ``patches`` has one.

    Raises:
        NotImplementedError: for patches that overlap.
        TypeError, ValueError: where extents do not go together.

    >>> import numpy as np
    >>> from pronghorn.ops.image import extract_patches
    >>> images = np.random.rand(2, 20, 20, 3).astype("float32")
    >>> bool((reconstruct_patches(extract_patches(images, 5), 5, (20, 20)).numpy() == images).all())
    True
    """
    name = "reconstruct_patches"
    rank = _rank(size)
    window = per_axis(size, rank, name, "size")
    target = _target(output_size, rank)
    steps = window if strides is None else per_axis(strides, rank, name, "strides")
    if tuple(steps) != tuple(window):
        raise NotImplementedError(
            f"{name}: only patches that lie side by side are put together, strides={strides} must be size={size}."
        )
    if padding not in ("valid", "same"):
        raise ValueError(f"{name}: padding must be 'valid' or 'same', got {padding!r}.")
    x, layout = batch_of(name, patches, data_format, spatial=rank)
    pixels = math.prod(window)
    if comparable(x.shape[-1]) and x.shape[-1] % pixels:
        raise ValueError(
            f"{name}: a patch of {x.shape[-1]} numbers is not a window of {window} with whole channels; was it made "
            "with this size?"
        )
    grid, channels = x.shape[1:-1], x.shape[-1] // pixels
    cuts = [_cut(axis, *extents, padding) for axis, extents in enumerate(zip(grid, window, target))]
    x = P.reshape(x, shape=(x.shape[0], *grid, *window, channels))
    order = [axis for pair in zip(range(1, rank + 1), range(rank + 1, 2 * rank + 1)) for axis in pair]
    x = P.transpose(x, perm=(0, *order, 2 * rank + 1))
    x = P.reshape(x, shape=(x.shape[0], *(n * k for n, k in zip(grid, window)), channels))
    limit = (x.shape[0], *(low + n for low, n in zip(cuts, target)), channels)
    return layout.restore(P.slice(x, start=(0, *cuts, 0), limit=limit, stride=(1,) * (rank + 2)))


def _rank(size: Any) -> int:
    if not isinstance(size, tuple | list):
        return 2
    if len(size) not in (2, 3):
        raise ValueError(f"reconstruct_patches: `size` is one number, or two, or three for volumes; got {size!r}.")
    return len(size)


def _target(output_size: Any, rank: int) -> tuple[int, ...]:
    if not isinstance(output_size, tuple | list):
        raise TypeError(f"reconstruct_patches: `output_size` must be a tuple or a list; got {output_size!r}.")
    if len(output_size) != rank:
        raise ValueError(f"reconstruct_patches: `output_size` must have {rank} extents; got {output_size!r}.")
    return tuple(int(n) for n in output_size)


def _cut(axis: int, count: Extent, window: int, target: int, padding: str) -> Extent:
    """How many pixels before the image are not part of it."""
    if not comparable(count):
        if padding == "same":
            raise ValueError("reconstruct_patches: with padding='same' the number of patches must be known.")
        return 0
    whole = count * window
    if padding == "valid" and whole != target:
        raise ValueError(
            f"reconstruct_patches: {count} patches of {window} pixels are {whole}, and `output_size` says {target} for "
            f"axis {axis}; with padding='valid' they must be the same."
        )
    if not whole - window < target <= whole:
        raise ValueError(
            f"reconstruct_patches: {count} patches of {window} pixels come from {whole - window + 1} to {whole}; "
            f"`output_size` says {target} for axis {axis}."
        )
    return (whole - target) // 2
