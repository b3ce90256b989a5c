"""What lets every op be applied to symbolic tensors as well as to arrays.

`pronghorn.layers.Input` gives a KerasTensor, which has a shape and a type but no values. An op that meets one among its
arguments becomes a node of the model that is being described.
"""

from __future__ import annotations

import contextlib
import contextvars
import functools
import itertools
import sys
from collections.abc import Callable, Iterator, Mapping
from typing import Any, TypeVar

from pronghorn.graph.dim import Dim, Extent, substitute


class _Description:
    """The extents that depend on values, met so far: the first is ``unknown0``, and so on."""

    def __init__(self, known: Mapping[str, Extent]) -> None:
        self.known, self.numbers = known, itertools.count()


_DESCRIPTION: contextvars.ContextVar[_Description | None] = contextvars.ContextVar("description", default=None)

F = TypeVar("F", bound=Callable[..., Any])


def symbolic_aware(fn: F) -> F:
    """Make ``fn`` describe its result where one of its arguments, at any depth, is a KerasTensor."""

    @functools.wraps(fn)
    def op(*args: Any, **kwargs: Any) -> Any:
        keras_tensor = _keras_tensor_class()
        if keras_tensor is not None and (_holds(keras_tensor, args) or (kwargs and _holds(keras_tensor, kwargs))):
            return describe(op, fn.__name__, args, kwargs)
        return fn(*args, **kwargs)

    return op  # type: ignore[return-value]


def describe(op: Callable[..., Any], name: str, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
    """What ``op`` gives for KerasTensors, as a node of the model that they are parts of."""
    from pronghorn.models.operation import FunctionOperation

    return FunctionOperation(op, name=name)(*args, **kwargs)


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


def _keras_tensor_class() -> type | None:
    """The class KerasTensor, or None while nobody has asked for it, so that there can be no instance."""
    module = sys.modules.get("pronghorn.models.keras_tensor")
    return getattr(module, "KerasTensor", None)


def _holds(cls: type, nest: Any) -> bool:
    if isinstance(nest, dict):
        nest = nest.values()
    for item in nest:
        if isinstance(item, cls):
            return True
        if isinstance(item, (list, tuple, dict)) and item and _holds(cls, item):
            return True
    return False
