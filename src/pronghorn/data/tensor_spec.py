"""`TensorSpec`: what an element of a data set is like."""

from __future__ import annotations

import dataclasses
from typing import Any

from pronghorn.graph import dtypes


@dataclasses.dataclass(frozen=True)
class TensorSpec:
    """The shape and the type of an array.

    Attributes:
        shape: its extents; None for those that vary.
        dtype: the name of its type.
        name: a name, or None.

    >>> TensorSpec((None, 3), "int32")
    TensorSpec(shape=(None, 3), dtype='int32', name=None)
    """

    shape: Any = None
    dtype: Any = "float32"
    name: str | None = None

    def __post_init__(self) -> None:
        shape = self.shape if self.shape is None else tuple(self.shape)
        object.__setattr__(self, "shape", shape)
        object.__setattr__(self, "dtype", dtype_name(self.dtype))


def dtype_name(dtype: Any) -> str:
    """The name of a type that was given as a name, a NumPy type or a Python one."""
    return "string" if dtype in ("string", str) else dtypes.name_of(dtype)
