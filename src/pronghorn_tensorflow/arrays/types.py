"""What TensorFlow's functions take and give around tensors and their types, for `pronghorn run`."""

from __future__ import annotations

import enum
from typing import Any

from pronghorn.data.element_types import DType, dtype_name, type_of


def as_dtype(type_value: Any) -> DType:
    """`tf.as_dtype`.

    >>> as_dtype(int).is_integer
    True
    """
    return type_of(dtype_name(type_value))


class Reference:
    """What `tensor.ref()` returns: equal for the same tensor alone, so that it may be a key."""

    __slots__ = ("_tensor",)

    def __init__(self, tensor: Any) -> None:
        self._tensor = tensor

    def deref(self) -> Any:
        """Return the tensor."""
        return self._tensor

    def __eq__(self, other: Any) -> bool:
        return isinstance(other, Reference) and self._tensor is other._tensor

    def __hash__(self) -> int:
        return id(self._tensor)


class VariableAggregation(enum.StrEnum):
    """`tf.VariableAggregation`: accepted, and of no meaning with one copy of each variable."""

    NONE, SUM, MEAN, ONLY_FIRST_REPLICA = "none", "sum", "mean", "only_first_replica"


class VariableSynchronization(enum.StrEnum):
    """`tf.VariableSynchronization`: accepted, and of no meaning with one copy of each variable."""

    AUTO, NONE, ON_WRITE, ON_READ = "auto", "none", "on_write", "on_read"


class IndexedSlices:
    """`tf.IndexedSlices`: some rows of an array, and which they are. Gradients here are always whole arrays.

    Args:
        values: the rows.
        indices: which they are.
        dense_shape: the extents of the array.
    """

    def __init__(self, values: Any, indices: Any, dense_shape: Any = None) -> None:
        self.values, self.indices, self.dense_shape = values, indices, dense_shape

    def __repr__(self) -> str:
        return f"IndexedSlices(indices={self.indices!r}, values={self.values!r}, dense_shape={self.dense_shape!r})"
