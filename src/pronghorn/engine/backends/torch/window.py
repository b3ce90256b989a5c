"""Window reductions and their gradients: PyTorch's pooling where it means the same, else one pass a tap."""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from typing import Any, NamedTuple

import torch

from pronghorn.engine.backends.torch.registry import (
    formulas,
    implement,
    implements,
    is_plain,
    moved,
    signed,
    widened,
    widened8,
)

Ints = tuple[int, ...]
Pairs = tuple[tuple[int, int], ...]


class Pooling(NamedTuple):
    """Arguments of PyTorch's pooling of images, and the padding ``(low, high)`` of rows and columns in front of it."""

    arguments: dict[str, Any]
    outer: Pairs


def pooling_of_images(shape: Ints, window: Ints, strides: Ints, padding: Pairs, dilation: Ints) -> Pooling | None:
    """PyTorch's pooling of images ``[n, h, w, c]`` for a window; None where it has none."""
    if len(shape) != 4 or any((window[i], strides[i], padding[i]) != (1, 1, (0, 0)) for i in (0, 3)) or 0 in shape:
        return None
    pads, sizes = padding[1:3], window[1:3]
    if any(n < 0 for pad in pads for n in pad):
        return None
    is_inner = all(lo == hi <= k // 2 for (lo, hi), k in zip(pads, sizes))
    inner, outer = ([lo for lo, _ in pads], ((0, 0), (0, 0))) if is_inner else ([0, 0], tuple(pads))
    return Pooling({"kernel_size": sizes, "stride": strides[1:3], "padding": inner, "dilation": dilation[1:3]}, outer)


def _pooling(x: torch.Tensor, how: dict[str, Any]) -> Pooling | None:
    return pooling_of_images(tuple(x.shape), **how) if x.dtype in (torch.float32, torch.float64) else None


def _image(x: torch.Tensor, outer: Pairs) -> torch.Tensor:
    """``[n, h, w, c]`` as ``[n, c, h, w]``, padded with what no maximum takes."""
    image = x.movedim(-1, 1)
    if not any(n for pad in outer for n in pad):
        return image
    return torch.nn.functional.pad(image, (*outer[1], *outer[0]), value=-torch.inf)


def max_and_index(x: torch.Tensor, **how: Any) -> tuple[torch.Tensor, torch.Tensor]:
    """`window_max`, and where PyTorch has found each maximum, which `unpool_at_index` takes."""
    arguments, outer = _pooling(x, how)  # type: ignore[misc]
    image = _image(x, outer)
    best, index = torch.nn.functional.max_pool2d_with_indices(image, **arguments)
    # Of NaNs PyTorch takes the last, we the first; and of nothing but -inf it may take padding.
    if is_plain(best) and not (best > -torch.inf).all():
        index = _index(formulas.window_argmax(x, **how), image.shape[3], arguments).movedim(-1, 1)
    return best.movedim(1, -1), index


def _index(places: torch.Tensor, width: int, arguments: dict[str, Any]) -> torch.Tensor:
    """Positions in windows as positions in an image."""
    columns = arguments["kernel_size"][1]
    row = torch.div(places, columns, rounding_mode="floor")
    at = []
    for axis, inside in ((0, row), (1, places - row * columns)):
        starts = torch.arange(places.shape[axis + 1], device=places.device)
        starts = starts * arguments["stride"][axis] - arguments["padding"][axis]
        at.append(inside * arguments["dilation"][axis] + starts.view(-1, *[1] * (2 - axis)))
    return at[0] * width + at[1]


def unpool_at_index(g: torch.Tensor, index: torch.Tensor, *, input_shape: Ints, **how: Any) -> torch.Tensor:
    """`unpool` for positions from `max_and_index`."""
    arguments, outer = pooling_of_images(input_shape, **how)  # type: ignore[misc]
    n, *spatial, channels = input_shape
    whole = [size + lo + hi for size, (lo, hi) in zip(spatial, outer)]
    image = g.new_empty((n, *whole, channels)).movedim(-1, 1)
    out = torch.ops.aten.max_pool2d_with_indices_backward(
        g.movedim(-1, 1), image, *map(list, arguments.values()), False, index
    )
    return _unpadded(out.movedim(1, -1), ((0, 0), *outer, (0, 0)))


@implements
@widened8
def window_max(x: torch.Tensor, **how: Any) -> torch.Tensor:
    """The maximum of each window, NaN if there is one; of padding alone, the least value of the type."""
    if (pooling := _pooling(x, how)) is not None:
        return torch.nn.functional.max_pool2d(_image(x, pooling.outer), **pooling.arguments).movedim(1, -1)
    return formulas.window_max(x, **how)


def _places(window: Ints, out: Ints, strides: Ints, dilation: Ints) -> Iterator[tuple[slice, ...]]:
    """For each tap of a window: what it reads of the padded input, for all outputs."""
    for tap in itertools.product(*map(range, window)):
        starts = [t * d for t, d in zip(tap, dilation)]
        yield tuple(slice(at, at + (n - 1) * s + 1, s) if n else slice(0, 0) for at, n, s in zip(starts, out, strides))


def _unpadded(x: torch.Tensor, padding: Pairs) -> torch.Tensor:
    return formulas.padded(x, [(-lo, -hi) for lo, hi in padding])


@implements
@widened
@signed
def window_sum_grad(g: torch.Tensor, *, input_shape: Ints, **how: Any) -> torch.Tensor:
    """The transpose of `window_sum`, axis by axis: each element gets the sum of its windows' gradients."""
    padding = how["padding"]
    for axis, (size, stride, step) in enumerate(zip(how["window"], how["strides"], how["dilation"])):
        if size == 1 and stride == 1:
            continue
        shape = list(g.shape)
        shape[axis] = input_shape[axis] + sum(padding[axis])
        total = g.new_zeros(shape)
        for (place,) in _places((size,), (g.shape[axis],), (stride,), (step,)):
            total[(*[slice(None)] * axis, place)] += g
        g = total
    return _unpadded(g, padding)


@implements
@widened
@signed
def unpool(g: torch.Tensor, argmax: torch.Tensor, *, input_shape: Ints, **how: Any) -> torch.Tensor:
    """Add each window's ``g`` to the element at its position ``argmax``."""
    window, padding = how["window"], how["padding"]
    total = g.new_zeros([n + lo + hi for n, (lo, hi) in zip(input_shape, padding)])
    zero = g.new_zeros(())
    for index, place in enumerate(_places(window, tuple(g.shape), how["strides"], how["dilation"])):
        total[place] += torch.where(argmax == index, g, zero)
    return _unpadded(total, padding)


@implements
@moved
def pool_gather(x: torch.Tensor, argmax: torch.Tensor, **how: Any) -> torch.Tensor:
    """Each window's element at its position ``argmax``; 0 where that is padding."""
    x = formulas.padded(x, how["padding"])
    out = x.new_zeros(tuple(argmax.shape))
    for index, place in enumerate(_places(how["window"], tuple(argmax.shape), how["strides"], how["dilation"])):
        out = torch.where(argmax == index, x[place], out)
    return out


implement({"window_sum": formulas.window_sum, "window_argmax": widened8(formulas.window_argmax)}.items())
