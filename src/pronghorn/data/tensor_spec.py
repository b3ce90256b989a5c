"""`TensorSpec` and its like: what an element of a data set is like."""

from __future__ import annotations

import dataclasses
import math
from typing import Any

from pronghorn.graph import dtypes


class TensorShape(tuple[Any, ...]):
    """A shape that answers as TensorFlow's do; None stands for extents that vary.

    >>> TensorShape([None, 3]).as_list(), TensorShape((2, 3)).num_elements()
    ([None, 3], 6)
    """

    def __new__(cls, dims: Any = ()) -> TensorShape:
        return super().__new__(cls, (dims,) if isinstance(dims, int) else tuple(dims))

    def as_list(self) -> list[Any]:
        """Return the extents as a list."""
        return list(self)

    @property
    def rank(self) -> int:
        """The number of axes."""
        return len(self)

    ndims = rank

    @property
    def dims(self) -> list[Any]:
        """The extents as a list."""
        return list(self)

    def is_fully_defined(self) -> bool:
        """Return whether no extent varies."""
        return None not in self

    def num_elements(self) -> int | None:
        """Return the number of elements, or None where it varies."""
        return math.prod(self) if self.is_fully_defined() else None

    def concatenate(self, other: Any) -> TensorShape:
        """Return a shape with more axes."""
        return TensorShape((*self, *other))

    def __getitem__(self, key: Any) -> Any:
        found = super().__getitem__(key)
        return TensorShape(found) if isinstance(key, slice) else found

    def __add__(self, other: Any) -> TensorShape:  # type: ignore[override]
        return self.concatenate(other)


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
        shape = self.shape if self.shape is None else TensorShape(self.shape)
        object.__setattr__(self, "shape", shape)
        object.__setattr__(self, "dtype", dtype_name(self.dtype))


@dataclasses.dataclass(frozen=True)
class RaggedTensorSpec:
    """The shape and the type of rows of different lengths.

    Attributes:
        shape: the extents; None for those that vary.
        dtype: the name of the type.
        ragged_rank: how many axes vary; by default all but the first.

    >>> RaggedTensorSpec([None, None], "string").ragged_rank
    1
    """

    shape: Any = None
    dtype: Any = "float32"
    ragged_rank: int | None = None
    row_splits_dtype: Any = "int64"

    def __post_init__(self) -> None:
        if self.shape is not None:
            object.__setattr__(self, "shape", TensorShape(self.shape))
            if self.ragged_rank is None:
                object.__setattr__(self, "ragged_rank", len(self.shape) - 1)
        object.__setattr__(self, "dtype", dtype_name(self.dtype))


def dtype_name(dtype: Any) -> str:
    """The name of a type that was given as a name, a NumPy type or a Python one."""
    return "string" if dtype in ("string", str) else dtypes.name_of(dtype)
