"""Reductions, cumulative operations and sorting."""

from __future__ import annotations

from typing import Any

import torch

from pronghorn.engine.backends.formulas import greatest, least
from pronghorn.engine.backends.torch.registry import (
    FLOAT8,
    NAMES,
    Function,
    implement,
    implements,
    indexed,
    moved,
    ordered,
    signed,
    widened,
)
from pronghorn.engine.graph import dtypes

Ints = tuple[int, ...]


@implements
@widened
@signed
def reduce_sum(x: torch.Tensor, *, axes: Ints) -> torch.Tensor:
    return torch.sum(x, axes, dtype=x.dtype) if axes else x


@implements
@widened
@signed
def reduce_prod(x: torch.Tensor, *, axes: Ints) -> torch.Tensor:
    for axis in sorted(axes, reverse=True):
        x = torch.prod(x, axis, dtype=x.dtype)
    return x


def _extreme(fn: Function, edge: Function) -> Function:
    """The extremes over axes; of nothing, the type's own."""

    def extreme(x: torch.Tensor, *, axes: Ints) -> torch.Tensor:
        if not axes:
            return x
        if all(x.shape[a] for a in axes):
            return fn(x, axes)
        shape = [n for i, n in enumerate(x.shape) if i not in axes]
        return x.new_full(shape, edge(dtypes.to_numpy(NAMES[x.dtype])))

    wide = widened(ordered(extreme))

    def of_type(x: torch.Tensor, *, axes: Ints) -> torch.Tensor:
        # Extremes of unsigned integers in int64 would be those of int64.
        return (widened(extreme) if x.numel() == 0 else wide)(x, axes=axes)

    return of_type


implement({"reduce_max": _extreme(torch.amax, least), "reduce_min": _extreme(torch.amin, greatest)}.items())


def _bits(fn: Function, boolean: Function, neutral: int) -> Function:
    """A bitwise reduction, by halves: PyTorch has it for bools alone."""

    def halved(x: torch.Tensor, axis: int) -> torch.Tensor:
        while (size := x.shape[axis]) > 1:
            half = size // 2
            both = fn(x.narrow(axis, 0, half), x.narrow(axis, half, half))
            x = torch.cat([both, x.narrow(axis, 2 * half, 1)], axis) if size % 2 else both
        if x.shape[axis] == 0:
            return x.new_full([n for i, n in enumerate(x.shape) if i != axis], neutral)
        return x.select(axis, 0)

    @signed
    def reduce(x: torch.Tensor, *, axes: Ints) -> torch.Tensor:
        for axis in sorted(axes, reverse=True):
            x = boolean(x, axis) if x.dtype is torch.bool else halved(x, axis)
        return x

    return reduce


implement(
    {
        "reduce_and": _bits(torch.bitwise_and, torch.all, -1),
        "reduce_or": _bits(torch.bitwise_or, torch.any, 0),
    }.items()
)


def _arg(fn: Function) -> Function:
    def arg(x: torch.Tensor, *, axis: int) -> torch.Tensor:
        if x.numel() == 0:
            return x.new_zeros([n for i, n in enumerate(x.shape) if i != axis], dtype=torch.int32)
        return fn(x.to(torch.uint8) if x.dtype is torch.bool else x, axis).to(torch.int32)

    return widened(indexed(arg))


implement({"argmax": _arg(torch.argmax), "argmin": _arg(torch.argmin)}.items())


def _cumulative(fn: Function, of_type: Function) -> Function:
    def cumulative(x: torch.Tensor, *, axis: int, reverse: bool) -> torch.Tensor:
        if reverse:
            return torch.flip(fn(torch.flip(x, (axis,)), axis), (axis,))
        return fn(x, axis)

    return widened(of_type(cumulative))


implement(
    {
        "cumsum": _cumulative(lambda x, axis: torch.cumsum(x, axis, dtype=x.dtype), signed),
        "cumprod": _cumulative(lambda x, axis: torch.cumprod(x, axis, dtype=x.dtype), signed),
        "cummax": _cumulative(lambda x, axis: torch.cummax(x, axis)[0], ordered),
        "cummin": _cumulative(lambda x, axis: torch.cummin(x, axis)[0], ordered),
    }.items()
)


@indexed
def _order(x: torch.Tensor, *, axis: int) -> torch.Tensor:
    return torch.argsort(x.float() if x.dtype in FLOAT8 else x, dim=axis, stable=True)


@moved
def _taken(x: torch.Tensor, *, order: torch.Tensor, axis: int) -> torch.Tensor:
    return torch.gather(x, axis, order)


def _keys(xs: tuple[torch.Tensor, ...]) -> list[torch.Tensor]:
    """What is sorted by, the first first: a complex number by its two parts, where NaN in either comes last."""
    keys: list[torch.Tensor] = []
    for x in xs:
        keys += [torch.isnan(x), x.real, x.imag] if x.is_complex() else [x]
    return keys


@implements
def sort(*xs: torch.Tensor, axis: int, num_keys: int) -> tuple[torch.Tensor, ...]:
    order: Any = None
    for key in reversed(_keys(xs[:num_keys])):
        step = _order(key if order is None else _taken(key, order=order, axis=axis), axis=axis)
        order = step if order is None else torch.gather(order, axis, step)
    return tuple(_taken(x, order=order, axis=axis) for x in xs)
