"""Masks that travel with tensors: which entries count, kept beside the tensor and dropped with it."""

from __future__ import annotations

import weakref
from typing import Any

from pronghorn.engine.graph.tensor import Tensor

# By identity, since a tensor's == is elementwise. The weak reference's callback removes the entry.
_masks: dict[int, tuple[Any, Any]] = {}


def set_mask(x: Any, mask: Any) -> None:
    """Attach a mask to a tensor; None takes it away.

    >>> from pronghorn import ops
    >>> x = ops.ones((2, 3))
    >>> set_mask(x, ops.ones((2, 3), dtype="bool"))
    >>> get_mask(x).dtype
    'bool'
    """
    key = id(x)
    if mask is None:
        _masks.pop(key, None)
        return
    _masks[key] = (weakref.ref(x, lambda _: _masks.pop(key, None)), mask)


def get_mask(x: Any) -> Any:
    """Return the mask attached to a tensor, or None."""
    entry = _masks.get(id(x))
    return entry[1] if entry is not None and entry[0]() is x else None


#: The mask that layers pass along with an array, under the name that Keras's custom layers use.
keras_mask = property(get_mask, set_mask)
Tensor._keras_mask = keras_mask
