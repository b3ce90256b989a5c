"""Primitives that create arrays or move elements, and gather and scatter."""

from __future__ import annotations

import numpy as np
import torch

from pronghorn.engine.backends.torch.registry import (
    TYPES,
    device,
    formulas,
    from_numpy,
    implements,
    is_plain,
    moved,
    ordered,
    signed,
    widened,
)
from pronghorn.engine.graph import dtypes

Ints = tuple[int, ...]

_FILLED = frozenset({torch.float32, torch.float64, torch.float16, torch.bfloat16, torch.int32, torch.int64, torch.bool})


@implements
def constant(*, value: np.ndarray) -> torch.Tensor:
    if torch.compiler.is_exporting() and np.ndim(value) == 0 and TYPES[dtypes.name_of(value.dtype)] in _FILLED:
        # A number in the program, which a loop's body can hold, where a tensor lies beside it.
        return torch.full((), value.item(), dtype=TYPES[dtypes.name_of(value.dtype)], device=device())
    return from_numpy(np.asarray(value)).to(device())


@implements
def iota(*, shape: Ints, dtype: str, axis: int) -> torch.Tensor:
    counts = torch.arange(shape[axis], device=device())
    counts = formulas.cast(counts, dtype=dtype)
    return counts.view([-1 if i == axis else 1 for i in range(len(shape))]).expand(shape)


@implements
def extent(*, dim: int) -> torch.Tensor:
    return torch.tensor(dim, dtype=torch.int32, device=device())


@implements
def broadcast_in_dim(x: torch.Tensor, *, shape: Ints, dims: Ints) -> torch.Tensor:
    if len(dims) != len(shape):
        placed = [1] * len(shape)
        for axis, size in zip(dims, x.shape):
            placed[axis] = size
        x = x.reshape(placed)
    return x.expand(shape)


@implements
def reshape(x: torch.Tensor, *, shape: Ints) -> torch.Tensor:
    return x.reshape(shape)


@implements
def transpose(x: torch.Tensor, *, perm: Ints) -> torch.Tensor:
    return x.permute(perm)


@implements
@moved
def reverse(x: torch.Tensor, *, axes: Ints) -> torch.Tensor:
    return torch.flip(x, axes)


@implements
def slice_(x: torch.Tensor, *, start: Ints, limit: Ints, stride: Ints) -> torch.Tensor:
    return x[tuple(map(slice, start, limit, stride))]


@implements
@moved
def pad(x: torch.Tensor, fill: torch.Tensor, *, low: Ints, high: Ints, interior: Ints) -> torch.Tensor:
    spread = [size + (size - 1) * hole for size, hole in zip(x.shape, interior)]
    if x.numel() == 0:
        return fill.expand([size + lo + hi for size, lo, hi in zip(spread, low, high)]).clone()
    if not any(interior) and (whole := _cut(x, low, high)) is not None:
        return whole
    grown = [max(lo, 0) + size + max(hi, 0) for size, lo, hi in zip(spread, low, high)]
    out = fill.expand(grown).clone(memory_format=torch.contiguous_format)
    places = (slice(max(lo, 0), max(lo, 0) + size, hole + 1) for lo, size, hole in zip(low, spread, interior))
    out[tuple(places)] = x
    return out[tuple(slice(max(-lo, 0), size - max(-hi, 0)) for size, lo, hi in zip(grown, low, high))]


def _cut(x: torch.Tensor, low: Ints, high: Ints) -> torch.Tensor | None:
    """``x`` without some elements at its ends; None where elements are added."""
    if any(lo > 0 or hi > 0 for lo, hi in zip(low, high)):
        return None
    return x[tuple(slice(-lo, size + hi) for size, lo, hi in zip(x.shape, low, high))]


@implements
@moved
def concatenate(*xs: torch.Tensor, axis: int) -> torch.Tensor:
    return torch.cat(xs, axis)


def _part(x: torch.Tensor, starts: tuple[torch.Tensor, ...], sizes: Ints) -> tuple[slice, ...]:
    """The slices of ``sizes`` at ``starts``, moved inside of ``x`` where they would reach outside."""
    clamped = (min(max(int(at), 0), extent - size) for at, size, extent in zip(starts, sizes, x.shape))
    return tuple(slice(at, at + size) for at, size in zip(clamped, sizes))


def _indices(x: torch.Tensor, starts: tuple[torch.Tensor, ...], sizes: Ints) -> list[torch.Tensor]:
    """The same as positions along each axis, of a tensor that has no values yet."""
    return [
        torch.arange(size, device=x.device) + at.to(torch.int64).clamp(0, extent - size)
        for at, size, extent in zip(starts, sizes, x.shape)
    ]


@moved
def _put(x: torch.Tensor, update: torch.Tensor, *, places: tuple[torch.Tensor, ...]) -> torch.Tensor:
    return torch.index_put(x, places, update)


@implements
def dynamic_slice(x: torch.Tensor, *starts: torch.Tensor, sizes: Ints) -> torch.Tensor:
    if not is_plain(x):
        for axis, places in enumerate(_indices(x, starts, sizes)):
            x = _select(x, axis=axis, index=places)
        return x
    return x[_part(x, starts, sizes)]


@implements
def dynamic_update_slice(x: torch.Tensor, update: torch.Tensor, *starts: torch.Tensor) -> torch.Tensor:
    if not is_plain(x):
        places = _indices(x, starts, tuple(update.shape))
        return _put(x, update, places=torch.meshgrid(*places, indexing="ij")) if places else update
    out = x.clone()
    out[_part(x, starts, tuple(update.shape))] = update
    return out


# -- indexing ---------------------------------------------------------------------------------------------------------
def _rows(indices: torch.Tensor) -> torch.Tensor:
    """Indices as PyTorch takes them: of one axis, in int64. (Beyond int64, they are outside anyway.)"""
    flat = indices.reshape(-1)
    if flat.dtype is torch.uint64:
        top = torch.iinfo(torch.int64).max
        signs = flat.view(torch.int64)
        return torch.where(signs < 0, top, signs)
    return flat.to(torch.int64)


@implements
def take(x: torch.Tensor, indices: torch.Tensor, *, axis: int) -> torch.Tensor:
    shape = (*x.shape[:axis], *indices.shape, *x.shape[axis + 1 :])
    if x.shape[axis] == 0:
        return x.new_zeros(shape)
    at = _rows(indices).clamp(0, x.shape[axis] - 1)
    return _select(x, axis=axis, index=at).reshape(shape)


@moved
def _select(x: torch.Tensor, *, axis: int, index: torch.Tensor) -> torch.Tensor:
    return torch.index_select(x, axis, index)


_REDUCE = {"max": "amax", "min": "amin", "mul": "prod"}


@implements
def scatter(x: torch.Tensor, indices: torch.Tensor, updates: torch.Tensor, *, mode: str) -> torch.Tensor:
    if x.dtype is torch.bool:
        return scatter(x.to(torch.uint8), indices, updates.to(torch.uint8), mode=mode) != 0
    at, size = _rows(indices), x.shape[0]
    at = torch.where((at < 0) | (at >= size), size, at)
    return _SCATTERS[mode](x, updates, at=at, mode=mode)


@widened
def _scatter(x: torch.Tensor, updates: torch.Tensor, *, at: torch.Tensor, mode: str) -> torch.Tensor:
    size = x.shape[0]
    rows = updates.reshape(at.numel(), *x.shape[1:])
    # One more row takes what is outside.
    out = torch.cat([x, x.new_zeros(1, *x.shape[1:])])
    if mode == "set":
        return _set(out, at, rows)[:size]
    if mode == "add" and not x.is_complex():
        where = at.view(-1, *[1] * (x.ndim - 1)).expand(rows.shape)
        return out.scatter_add_(0, where, rows)[:size]
    if mode == "add":
        return out.index_add_(0, at, rows)[:size]
    where = at.view(-1, *[1] * (x.ndim - 1)).expand(rows.shape)
    return out.scatter_reduce_(0, where, rows, _REDUCE[mode])[:size]


_SCATTERS = {
    "set": moved(_scatter),
    "add": signed(_scatter),
    "mul": signed(_scatter),
    "max": ordered(_scatter),
    "min": ordered(_scatter),
}


def _set(out: torch.Tensor, at: torch.Tensor, rows: torch.Tensor) -> torch.Tensor:
    """Rows replaced, of several writes to a row the last one (PyTorch leaves open which)."""
    order = torch.arange(at.numel(), device=at.device)
    last = torch.full(out.shape[:1], -1, device=at.device).scatter_reduce_(0, at, order, "amax")
    written = last >= 0
    if not at.numel():
        return out
    new = torch.index_select(rows, 0, last.clamp(min=0))
    return torch.where(written.view(-1, *[1] * (out.ndim - 1)), new, out)
