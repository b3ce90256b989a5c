"""While shapes and types are asked for and nothing will run: extents that depend on values get symbols of their own."""

from __future__ import annotations

import contextlib
import contextvars
import itertools
from collections.abc import Iterator, Mapping
from typing import Any

from pronghorn.engine.graph.dim import Dim, Extent, substitute


class _Description:
    """The extents that depend on values, met so far: the first is ``unknown0``, and so on."""

    def __init__(self, known: Mapping[str, Extent]) -> None:
        self.known, self.numbers = known, itertools.count()


_DESCRIPTION: contextvars.ContextVar[_Description | None] = contextvars.ContextVar("description", default=None)


@contextlib.contextmanager
def describing(known: Mapping[str, Extent]) -> Iterator[None]:
    """While only shapes and types of results are asked for: there will be no values, and nothing will run.

    Args:
        known: what is known, from describing the same before, about extents that depend on values.
    """
    token = _DESCRIPTION.set(_Description(known))
    try:
        yield
    finally:
        _DESCRIPTION.reset(token)


def is_described(x: Any) -> bool:
    """Whether ``x`` stands for an array of which only the shape and the type will ever be known.

    An op whose result's extents depend on values then gives a result with `unknown_extent`; elsewhere it has to refuse.
    """
    return _DESCRIPTION.get() is not None and getattr(x, "is_traced", False)


def unknown_extent() -> Extent:
    """An extent that nobody knows before the values are there; each is another one."""
    description = _DESCRIPTION.get()
    if description is None:
        raise RuntimeError("Only symbolic tensors have extents that nobody knows.")
    name = f"unknown{next(description.numbers)}"
    return substitute(Dim.symbol(name), description.known)
