"""Extremes and sorting of complex numbers, which libraries have no order for: by real parts first, as NumPy has it.

NaN in either part is NaN. `also_of_complex_numbers` puts them into an engine's table, in front of its own functions.
"""

from __future__ import annotations

import functools
from collections.abc import Callable, MutableMapping
from typing import Any

import numpy as np

from pronghorn.engine.backends.formulas import Formulas
from pronghorn.engine.graph import dtypes

Function = Callable[..., Any]

_BEYOND = {"max": -np.inf, "min": np.inf}
"""What an extreme leaves alone."""


def also_of_complex_numbers(table: MutableMapping[str, Function], formulas: Formulas) -> None:
    """Have a table's extremes, their positions and its `sort` take complex numbers."""
    of_complex: dict[str, Function] = {}
    for name in ("max", "min"):
        of_complex[f"cum{name}"] = functools.partial(_running, formulas, name)
        of_complex[f"reduce_{name}"] = functools.partial(_extreme, formulas, name)
        of_complex[f"arg{name}"] = functools.partial(_position, formulas, name)
    for name, fn in of_complex.items():
        table[name] = _either(formulas, fn, table[name])
    table["sort"] = functools.partial(_sorted, formulas, table["sort"])


def _either(formulas: Formulas, of_complex: Function, of_others: Function) -> Function:
    def call(x: Any, *rest: Any, **how: Any) -> Any:
        is_complex = formulas.dtype_of(x) in dtypes.COMPLEX and 0 not in formulas.shape_of(x)
        return (of_complex if is_complex else of_others)(x, *rest, **how)

    return call


def _running(formulas: Formulas, name: str, x: Any, *, axis: int, reverse: bool) -> Any:
    is_further = formulas.gt if name == "max" else formulas.lt

    def combine(x: Any, y: Any) -> Any:
        is_first = formulas.or_(is_further(x, y), formulas.ne(x, x))
        return formulas.select(formulas.ne(y, y), y, formulas.select(is_first, x, y))

    return formulas.running(x, axis, reverse, combine, _BEYOND[name])


def _extreme(formulas: Formulas, name: str, x: Any, *, axes: tuple[int, ...]) -> Any:
    reduce, real, imag = getattr(formulas, f"reduce_{name}"), formulas.real(x), formulas.imag(x)
    first = reduce(real, axes=axes)
    of_first = formulas.eq(real, _along(formulas, first, x, axes))
    second = reduce(formulas.select(of_first, imag, formulas.like(imag, _BEYOND[name])), axes=axes)
    whole = reduce(imag, axes=axes)  # NaN if one is
    return formulas.complex(first, formulas.select(formulas.eq(whole, whole), second, whole))


def _position(formulas: Formulas, name: str, x: Any, *, axis: int) -> Any:
    found = formulas.eq(x, _along(formulas, _extreme(formulas, name, x, axes=(axis,)), x, (axis,)))
    return formulas.argmax(formulas.cast(formulas.or_(found, formulas.ne(x, x)), dtype="int32"), axis=axis)


def _along(formulas: Formulas, reduced: Any, x: Any, axes: tuple[int, ...]) -> Any:
    """A reduction's result, repeated along the axes over which it was taken."""
    shape = formulas.shape_of(x)
    return formulas.broadcast_in_dim(reduced, shape=shape, dims=tuple(i for i in range(len(shape)) if i not in axes))


def _sorted(formulas: Formulas, sort: Function, *xs: Any, axis: int, num_keys: int) -> tuple[Any, ...]:
    if not any(formulas.dtype_of(x) in dtypes.COMPLEX for x in xs[:num_keys]):
        return tuple(sort(*xs, axis=axis, num_keys=num_keys))
    keys: list[Any] = []
    for x in xs[:num_keys]:
        if formulas.dtype_of(x) in dtypes.COMPLEX:
            keys += [formulas.cast(formulas.ne(x, x), dtype="int32"), formulas.real(x), formulas.imag(x)]
        else:
            keys.append(x)
    return tuple(sort(*keys, *xs, axis=axis, num_keys=len(keys))[len(keys) :])
