"""`TensorSpec` and its like: what an element of a data set is like."""

from __future__ import annotations

import dataclasses
import math
from typing import Any

from pronghorn._wording import counted
from pronghorn.data.element_types import dtype_name, type_of


class TensorShape(tuple[Any, ...]):
    """A shape that answers as TensorFlow's do; None stands for extents that vary.

    >>> TensorShape([None, 3]).as_list(), TensorShape((2, 3)).num_elements()
    ([None, 3], 6)
    """

    def __new__(cls, dims: Any = ()) -> TensorShape:
        if dims is None or isinstance(dims, UnknownShape):
            return super().__new__(UnknownShape)
        return super().__new__(cls, (dims,) if isinstance(dims, int) else tuple(dims))

    def as_list(self) -> list[Any]:
        """Return the extents as a list.

        Raises:
            ValueError: for a shape whose number of axes is not known.
        """
        return list(self)

    @property
    def rank(self) -> int | None:
        """The number of axes; None where it is not known."""
        return len(self)

    @property
    def ndims(self) -> int | None:
        """The number of axes; None where it is not known."""
        return self.rank

    @property
    def dims(self) -> list[Any] | None:
        """The extents as a list; None where their number is not known."""
        return None if self.rank is None else list(self)

    def is_fully_defined(self) -> bool:
        """Return whether no extent varies."""
        return None not in self

    def num_elements(self) -> int | None:
        """Return the number of elements, or None where it varies."""
        return math.prod(self) if self.is_fully_defined() else None

    def concatenate(self, other: Any) -> TensorShape:
        """Return a shape with more axes."""
        return TensorShape((*self, *other))

    def is_compatible_with(self, other: Any) -> bool:
        """Return whether one array can have both shapes."""
        other = TensorShape(other)
        if self.rank is None or other.rank is None:
            return True
        return len(self) == len(other) and all(
            mine in (None, theirs) or theirs is None for mine, theirs in zip(self, other)
        )

    def merge_with(self, other: Any) -> TensorShape:
        """Return what is known from both shapes.

        Raises:
            ValueError: if no array can have both.
        """
        self.assert_is_compatible_with(other)
        other = TensorShape(other)
        if self.rank is None or other.rank is None:
            return other if self.rank is None else self
        return TensorShape(theirs if mine is None else mine for mine, theirs in zip(self, other))

    def most_specific_compatible_shape(self, other: Any) -> TensorShape:
        """Return a shape that arrays of both shapes have: what differs varies."""
        other = TensorShape(other)
        if self.rank is None or self.rank != other.rank:
            return TensorShape(None)
        return TensorShape(mine if mine == theirs else None for mine, theirs in zip(self, other))

    def is_subtype_of(self, other: Any) -> bool:
        """Return whether each array of this shape has the other, too."""
        other = TensorShape(other)
        if other.rank is None:
            return True
        return self.rank == other.rank and all(theirs in (None, mine) for mine, theirs in zip(self, other))

    def with_rank(self, rank: int) -> TensorShape:
        """Return the shape, which must have so many axes.

        Raises:
            ValueError: if it has another number.
        """
        return self.merge_with(TensorShape([None] * int(rank)))

    def with_rank_at_least(self, rank: int) -> TensorShape:
        """Return the shape, which must have at least so many axes.

        Raises:
            ValueError: if it has fewer.
        """
        if self.rank is not None and self.rank < rank:
            raise ValueError(
                f"The shape {tuple(self)} should have at least {counted(rank, 'axis', 'axes')}; it has {self.rank}."
            )
        return self

    def with_rank_at_most(self, rank: int) -> TensorShape:
        """Return the shape, which must have at most so many axes.

        Raises:
            ValueError: if it has more.
        """
        if self.rank is not None and self.rank > rank:
            raise ValueError(
                f"The shape {tuple(self)} should have at most {counted(rank, 'axis', 'axes')}; it has {self.rank}."
            )
        return self

    def assert_has_rank(self, rank: int) -> None:
        """Check the number of axes.

        Raises:
            ValueError: if it is another, or not known.
        """
        if self.rank != rank:
            raise ValueError(f"The shape {self} should have {counted(rank, 'axis', 'axes')}; it has {self.rank}.")

    def assert_same_rank(self, other: Any) -> None:
        """Check that two shapes can have the same number of axes.

        Raises:
            ValueError: if they have different ones.
        """
        other = TensorShape(other)
        if None not in (self.rank, other.rank) and self.rank != other.rank:
            raise ValueError(f"The shapes {self} and {other} should have the same number of axes.")

    def assert_is_compatible_with(self, other: Any) -> None:
        """Check that one array can have both shapes.

        Raises:
            ValueError: if it cannot.
        """
        if not self.is_compatible_with(other):
            raise ValueError(f"No array has both the shape {self} and the shape {TensorShape(other)}.")

    def assert_is_fully_defined(self) -> None:
        """Check that no extent varies.

        Raises:
            ValueError: if one does.
        """
        if not self.is_fully_defined():
            raise ValueError(f"All extents of the shape {self} should be known.")

    def __getitem__(self, key: Any) -> Any:
        found = super().__getitem__(key)
        return TensorShape(found) if isinstance(key, slice) else found

    def __add__(self, other: Any) -> TensorShape:  # type: ignore[override]
        return self.concatenate(other)

    def __radd__(self, other: Any) -> TensorShape:
        return TensorShape(other).concatenate(self)

    def __eq__(self, other: Any) -> bool:
        return tuple.__eq__(self, tuple(other) if isinstance(other, list) else other) is True

    def __ne__(self, other: Any) -> bool:
        return not self == other

    __hash__ = tuple.__hash__


class UnknownShape(TensorShape):
    """A shape of which not even the number of axes is known: `TensorShape(None)`.

    >>> TensorShape(None).rank, TensorShape(None).is_compatible_with([2, 3])
    (None, True)
    """

    @property
    def rank(self) -> None:
        """None."""

    def as_list(self) -> list[Any]:
        """Raise a ValueError, as there is no list of the extents."""
        raise ValueError("as_list: the number of axes of this shape is not known.")

    def is_fully_defined(self) -> bool:
        """Return False."""
        return False

    def concatenate(self, other: Any) -> TensorShape:
        """Return a shape of which nothing is known either."""
        return self

    def __getitem__(self, key: Any) -> Any:
        return self if isinstance(key, slice) else None

    def __len__(self) -> int:
        raise ValueError("len: the number of axes of this shape is not known.")

    def __iter__(self) -> Any:
        raise ValueError("The number of axes of this shape is not known.")

    def __bool__(self) -> bool:
        return False

    def __eq__(self, other: Any) -> bool:
        return isinstance(other, UnknownShape)

    def __repr__(self) -> str:
        return "<unknown>"

    __hash__ = tuple.__hash__


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
        object.__setattr__(self, "shape", _known(self.shape))
        object.__setattr__(self, "dtype", type_of(dtype_name(self.dtype)))

    @classmethod
    def from_tensor(cls, tensor: Any, name: str | None = None) -> TensorSpec:
        """Return what describes an array."""
        return cls(tensor.shape, tensor.dtype, name)

    @classmethod
    def from_spec(cls, spec: Any, name: str | None = None) -> TensorSpec:
        """Return the same description with another name."""
        return cls(spec.shape, spec.dtype, name or spec.name)

    def is_compatible_with(self, spec_or_value: Any) -> bool:
        """Return whether an array, or one that a description describes, can be one of these."""
        if not hasattr(spec_or_value, "shape"):
            return False
        same = dtype_name(spec_or_value.dtype) == self.dtype
        return same and TensorShape(self.shape).is_compatible_with(spec_or_value.shape)

    def most_specific_compatible_type(self, other: TensorSpec) -> TensorSpec:
        """Return what describes the arrays of both descriptions.

        Raises:
            ValueError: if they are of different types.
        """
        if self.dtype != other.dtype:
            raise ValueError(f"No description fits both {self} and {other}.")
        return TensorSpec(TensorShape(self.shape).most_specific_compatible_shape(other.shape), self.dtype, self.name)


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
        object.__setattr__(self, "shape", _known(self.shape))
        if self.shape is not None and self.ragged_rank is None:
            object.__setattr__(self, "ragged_rank", len(self.shape) - 1)
        object.__setattr__(self, "dtype", type_of(dtype_name(self.dtype)))


@dataclasses.dataclass(frozen=True)
class SparseTensorSpec:
    """The shape and the type of an array that is mostly empty.

    Attributes:
        shape: the extents; None for those that vary.
        dtype: the name of the type.

    >>> SparseTensorSpec([None, 3], "int32").shape
    (None, 3)
    """

    shape: Any = None
    dtype: Any = "float32"

    def __post_init__(self) -> None:
        object.__setattr__(self, "shape", _known(self.shape))
        object.__setattr__(self, "dtype", type_of(dtype_name(self.dtype)))


def _known(shape: Any) -> TensorShape | None:
    """A shape; None where the number of axes is not known."""
    shape = TensorShape(shape)
    return None if shape.rank is None else shape
