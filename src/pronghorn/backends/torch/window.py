"""Window reductions and their gradients: PyTorch's pooling where it means the same, else one pass a tap."""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from typing import Any

import torch

from pronghorn.backends.torch.registry import formulas, implement, implements, moved, signed, widened, widened8

Ints = tuple[int, ...]
Pairs = tuple[tuple[int, int], ...]


def is_plain(x: torch.Tensor) -> bool:
    """Whether a tensor has values that may be looked at: no stand-in with which PyTorch traces."""
    return type(x) is torch.Tensor or type(x) is torch.nn.Parameter


def _images(x: torch.Tensor, window: Ints, strides: Ints, padding: Pairs, dilation: Ints) -> dict[str, Any] | None:
    """The arguments of PyTorch's pooling of images ``[n, h, w, c]``; None where it has no such pooling."""
    flat = (
        x.ndim == 4 and window[0] == window[3] == strides[0] == strides[3] == 1 and padding[0] == padding[3] == (0, 0)
    )
    if not flat or x.dtype not in (torch.float32, torch.float64) or x.numel() == 0 or not is_plain(x):
        return None
    if any(lo != hi or not 0 <= lo <= k // 2 for (lo, hi), k in zip(padding[1:3], window[1:3])):
        return None
    return {
        "kernel_size": window[1:3],
        "stride": strides[1:3],
        "padding": [lo for lo, _ in padding[1:3]],
        "dilation": dilation[1:3],
    }


def max_and_place(x: torch.Tensor, **how: Any) -> tuple[torch.Tensor, torch.Tensor]:
    """`window_max` and `window_argmax` at once, by PyTorch's own."""
    if (pooling := _images(x, **how)) is not None:
        best, flat = torch.nn.functional.max_pool2d_with_indices(x.movedim(-1, 1), **pooling)
        # PyTorch takes the last NaN of several, we the first.
        if not torch.isnan(best).any():
            return best.movedim(1, -1), _in_window(flat.movedim(1, -1), x.shape[2], how)
    return formulas.window_max(x, **how), formulas.window_argmax(x, **how)


def _in_window(flat: torch.Tensor, width: int, how: dict[str, Any]) -> torch.Tensor:
    """Positions in an image as positions in their windows."""
    place = flat.to(torch.int32)
    row = torch.div(place, width, rounding_mode="floor")
    column = place - row * width
    at = []
    for axis, place in ((1, row), (2, column)):
        stride, (low, _), step = how["strides"][axis], how["padding"][axis], how["dilation"][axis]
        starts = torch.arange(place.shape[axis], dtype=torch.int32, device=place.device) * stride - low
        at.append(place - starts.view([-1 if i == axis else 1 for i in range(4)]))
        if step != 1:
            at[-1] = torch.div(at[-1], step, rounding_mode="floor")
    return at[0] * how["window"][2] + at[1]


@implements
@widened8
def window_max(x: torch.Tensor, **how: Any) -> torch.Tensor:
    """The maximum of each window, NaN if there is one; of padding alone, the least value of the type."""
    if (pooling := _images(x, **how)) is not None:
        return torch.nn.functional.max_pool2d(x.movedim(-1, 1), **pooling).movedim(1, -1)
    return formulas.window_max(x, **how)


@implements
@widened8
def window_argmax(x: torch.Tensor, **how: Any) -> torch.Tensor:
    """The position in its window of each window's first maximum or first NaN; padding is never chosen."""
    return max_and_place(x, **how)[1] if _images(x, **how) is not None else formulas.window_argmax(x, **how)


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


implement({"window_sum": formulas.window_sum}.items())
