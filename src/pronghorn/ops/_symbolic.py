"""What lets every op be applied to symbolic tensors as well as to arrays.

`pronghorn.layers.Input` gives a KerasTensor, which has a shape and a type but no values. An op that meets one among its
arguments becomes a node of the model that is being described.
"""

from __future__ import annotations

import functools
from collections.abc import Callable, Iterator
from typing import Any, TypeVar

import numpy as np

from pronghorn.engine.backends.foreign_calls import as_it_is, on_its_engine
from pronghorn.engine.graph.active import state
from pronghorn.engine.graph.messages import short_messages
from pronghorn.engine.graph.tensor import Tensor, may_change, tensor_of
from pronghorn.ops.function_operation import FunctionOperation
from pronghorn.symbolic.keras_tensor import KerasTensor

F = TypeVar("F", bound=Callable[..., Any])


#: Arguments that are neither symbolic nor another library's, nor memory that their owner may write into.
_PLAIN = Tensor, int, float


def symbolic_aware(fn: F) -> F:
    """Make ``fn`` describe its result where one of its arguments, at any depth, is a KerasTensor.

    Where one is an array of another library, it runs on the engine of that library. What it gives shares no memory with
    NumPy's arrays that it is given: their owner may write into them again."""

    @functools.wraps(fn)
    def op(*args: Any, **kwargs: Any) -> Any:
        return applied(op, compute, args, kwargs)

    compute = on_its_engine(fn)
    return as_it_is(op)  # type: ignore[return-value]


def applied(op: Callable[..., Any], compute: Callable[..., Any], args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
    """What an op of `symbolic_aware` gives; ``compute`` gives it for arrays."""
    for x in args:
        if not isinstance(x, _PLAIN):
            break
    else:
        if not kwargs:  # most calls that are made op by op
            return compute(*args)
    if _describes(args) or (kwargs and _describes(kwargs)):
        return describe(op, op.__name__, args, kwargs)
    found = compute(*args, **kwargs)
    if state.traces or not (arrays := [*_arrays(args), *_arrays(kwargs)]):
        return found
    return _apart(found, arrays)


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


def _arrays(nest: Any) -> Iterator[np.ndarray]:
    """NumPy's arrays among arguments, at any depth, into which somebody may write."""
    for item in nest.values() if isinstance(nest, dict) else nest:
        if isinstance(item, np.ndarray):
            if may_change(item):
                yield item
        elif isinstance(item, (list, tuple)) and item and not isinstance(item[0], (int, float)):
            yield from _arrays(item)


def _apart(found: Any, arrays: list[np.ndarray]) -> Any:
    """A result, with copies in place of what are views of arrays."""
    if isinstance(found, Tensor):
        is_view = isinstance(found.data, np.ndarray) and any(np.may_share_memory(found.data, x) for x in arrays)
        return tensor_of(found.data.copy()) if is_view else found
    if isinstance(found, (list, tuple)):
        parts = [_apart(part, arrays) for part in found]
        return type(found)(*parts) if hasattr(found, "_fields") else type(found)(parts)
    return found
