"""What lets every op be applied to symbolic tensors as well as to arrays.

`pronghorn.layers.Input` gives a KerasTensor, which has a shape and a type but no values. An op that meets one among its
arguments becomes a node of the model that is being described.
"""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any, TypeVar

from pronghorn.backends.foreign_calls import as_it_is, on_its_engine
from pronghorn.graph.messages import short_messages
from pronghorn.ops.function_operation import FunctionOperation
from pronghorn.symbolic.keras_tensor import KerasTensor

F = TypeVar("F", bound=Callable[..., Any])


def symbolic_aware(fn: F) -> F:
    """Make ``fn`` describe its result where one of its arguments, at any depth, is a KerasTensor.

    Where one is an array of another library, it runs on the engine of that library."""

    @functools.wraps(fn)
    def op(*args: Any, **kwargs: Any) -> Any:
        if _describes(args) or (kwargs and _describes(kwargs)):
            return describe(op, fn.__name__, args, kwargs)
        return compute(*args, **kwargs)

    compute = on_its_engine(fn)
    return as_it_is(op)  # type: ignore[return-value]


@short_messages
def describe(op: Callable[..., Any], name: str, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
    """What ``op`` gives for KerasTensors, as a node of the model that they are parts of."""
    return FunctionOperation(op, name=name)(*args, **kwargs)


def _describes(nest: Any) -> bool:
    if isinstance(nest, dict):
        nest = nest.values()
    for item in nest:
        if isinstance(item, KerasTensor):
            return True
        if isinstance(item, (list, tuple, dict)) and item and _describes(item):
            return True
    return False
