"""The kinds of arguments that a `tf.function` was called with: those that it is saved for."""

from __future__ import annotations

from collections.abc import Hashable, Iterator
from typing import Any

import numpy as np

from pronghorn import tree
from pronghorn.data.element_types import dtype_name
from pronghorn.data.tensor_spec import TensorSpec
from pronghorn.engine.graph.active import current_trace
from pronghorn.engine.graph.tensor import Tensor

_MOST = 32
_PLAIN = (bool, int, float, str, bytes, type(None))
_ARRAYS = (Tensor, np.ndarray, np.generic, TensorSpec)


class Kinds:
    """Arguments, with descriptions in the places of tensors; nothing that was given is kept alive.

    >>> kinds = Kinds()
    >>> kinds.note((np.zeros((2, 3), "float32"), True), {})
    >>> [(args[0].shape.as_list(), args[1]) for args, _ in kinds]
    [([2, 3], True)]
    """

    def __init__(self) -> None:
        self._found: dict[Hashable, tuple[tuple[Any, ...], dict[str, Any]]] = {}

    def note(self, args: tuple[Any, ...], kwargs: dict[str, Any]) -> None:
        """Remember a call's arguments, where they are tensors, numbers and texts."""
        if len(self._found) >= _MOST or current_trace() is not None:
            return
        leaves = args if not kwargs and not any(map(tree.is_nested, args)) else tree.flatten((args, kwargs))
        key: list[Any] = [tree.is_nested(x) for x in args] + sorted(kwargs)
        for x in leaves:
            if isinstance(x, _ARRAYS):
                key.append((x.dtype, str(x.shape)))
            elif type(x) in _PLAIN:
                key.append((type(x), x))
            else:
                return
        if tuple(key) not in self._found:
            self._found[tuple(key)] = tree.map_structure(_described, (args, kwargs))

    def __iter__(self) -> Iterator[tuple[tuple[Any, ...], dict[str, Any]]]:
        return iter(list(self._found.values()))


def _described(x: Any) -> Any:
    return TensorSpec(x.shape, dtype_name(x.dtype), getattr(x, "name", None)) if isinstance(x, _ARRAYS) else x
