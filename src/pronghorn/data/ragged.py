"""`RaggedTensor`: rows of different lengths."""

from __future__ import annotations

import itertools
import math
from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np

from pronghorn import ops
from pronghorn._wording import counted
from pronghorn.data.element import Text, as_element, as_text
from pronghorn.data.element_types import dtype_name, type_of
from pronghorn.data.names import NamesNearest
from pronghorn.data.row_parts import check_rowids, depth_of, flat, joined, lengths_without, places_of, with_last
from pronghorn.data.tensor_spec import TensorShape
from pronghorn.engine.graph.strings import holds_text
from pronghorn.engine.graph.tensor import OPERATORS, Tensor


class RaggedTensor(NamesNearest):
    """Rows of different lengths: the rows one after the other, and where each ends.

    Args:
        values: what is in the rows: an array, a `Text`, or a `RaggedTensor` where rows have rows.
        row_splits: `[rows + 1]`: row `i` is `values[row_splits[i]:row_splits[i + 1]]`.

    >>> rows = RaggedTensor.from_row_lengths([1, 2, 3], [2, 0, 1])
    >>> rows.to_list(), rows.to_tensor().tolist()
    ([[1, 2], [], [3]], [[1, 2], [0, 0], [3, 0]])
    """

    def __init__(self, values: Any, row_splits: Any) -> None:
        self.values = values_of(values)
        self.splits = places_of(row_splits)
        if self.splits.ndim != 1 or not len(self.splits) or self.splits[0] != 0:
            raise ValueError(f"RaggedTensor: row_splits must be a vector that begins with 0; got {row_splits!r}.")
        if self.splits[-1] != len(self.values) or (np.diff(self.splits) < 0).any():
            raise ValueError(
                f"RaggedTensor: row_splits must increase up to the number of values, {len(self.values)}; got "
                f"{self.splits.tolist()}."
            )

    # -- making one ---------------------------------------------------------------------------------------------------
    @classmethod
    def from_row_splits(cls, values: Any, row_splits: Any, name: Any = None, validate: bool = True) -> RaggedTensor:
        """Return rows by where they end."""
        return cls(values, row_splits)

    @classmethod
    def from_row_lengths(cls, values: Any, row_lengths: Any, name: Any = None, validate: bool = True) -> RaggedTensor:
        """Return rows by their lengths."""
        lengths = places_of(row_lengths)
        return cls(values, np.concatenate([[0], np.cumsum(lengths)]).astype(lengths.dtype))

    @classmethod
    def from_row_starts(cls, values: Any, row_starts: Any, name: Any = None, validate: bool = True) -> RaggedTensor:
        """Return rows by where they begin."""
        values = values_of(values)
        return cls(values, [*np.asarray(row_starts).tolist(), len(values)])

    @classmethod
    def from_row_limits(cls, values: Any, row_limits: Any, name: Any = None, validate: bool = True) -> RaggedTensor:
        """Return rows by where they end, without the leading 0."""
        return cls(values, [0, *np.asarray(row_limits).tolist()])

    @classmethod
    def from_value_rowids(
        cls, values: Any, value_rowids: Any, nrows: Any = None, name: Any = None, validate: bool = True
    ) -> RaggedTensor:
        """Return rows by the row of each value.

        Raises:
            ValueError: if the values do not stand in the order of their rows, or a row is none of `nrows`.
        """
        values, rows = values_of(values), places_of(value_rowids)
        if validate:
            check_rowids(rows, len(values), None if nrows is None else int(nrows))
        return cls.from_row_lengths(values, np.bincount(rows, minlength=int(nrows or 0)).astype(rows.dtype))

    @classmethod
    def from_uniform_row_length(cls, values: Any, uniform_row_length: int, **ignored: Any) -> RaggedTensor:
        """Return rows of one length."""
        values = values_of(values)
        return cls(values, np.arange(0, len(values) + 1, int(uniform_row_length)))

    @classmethod
    def from_nested_row_splits(cls, flat_values: Any, nested_row_splits: Sequence[Any], **ignored: Any) -> Any:
        """Return rows of rows, by the splits from the outermost on."""
        for splits in reversed(list(nested_row_splits)):
            flat_values = cls(flat_values, splits)
        return flat_values

    @classmethod
    def from_nested_row_lengths(cls, flat_values: Any, nested_row_lengths: Sequence[Any], **ignored: Any) -> Any:
        """Return rows of rows, by the lengths from the outermost on."""
        for lengths in reversed(list(nested_row_lengths)):
            flat_values = cls.from_row_lengths(flat_values, lengths)
        return flat_values

    @classmethod
    def from_tensor(
        cls,
        tensor: Any,
        lengths: Any = None,
        padding: Any = None,
        ragged_rank: int = 1,
        name: Any = None,
        row_splits_dtype: Any = "int64",
    ) -> RaggedTensor:
        """Return the rows of an array, cut to lengths, or without what pads them at their ends.

        Raises:
            ValueError: for another `ragged_rank`.
        """
        if ragged_rank != 1:
            raise ValueError(f"RaggedTensor.from_tensor: ragged_rank={ragged_rank!r}; rows of an array have rank 1.")
        array = np.asarray(values_of(tensor))
        if padding is not None:
            lengths = lengths_without(array, padding)
        if lengths is None:
            lengths = np.full(array.shape[0], array.shape[1], "int64")
        lengths = np.minimum(np.asarray(lengths, "int64"), array.shape[1])
        flat = array[np.arange(array.shape[1]) < lengths[:, None]]
        return cls.from_row_lengths(flat, lengths).with_row_splits_dtype(row_splits_dtype)

    @classmethod
    def of(cls, rows: Any, dtype: Any = None, depth: int | None = None) -> Any:
        """Return nested lists; what is one array of numbers in each innermost row stays so."""
        rows = rows.tolist() if isinstance(rows, np.ndarray) else rows
        depth = max(depth_of(rows) - 1, 0) if depth is None else depth
        splits = []
        for _ in range(depth):
            splits.append([0, *itertools.accumulate(len(row) for row in rows)])
            rows = [entry for row in rows for entry in row]
        return cls.from_nested_row_splits(flat(rows, dtype), splits)

    @classmethod
    def from_nested_value_rowids(
        cls, flat_values: Any, nested_value_rowids: Sequence[Any], nested_nrows: Any = None, **ignored: Any
    ) -> Any:
        """Return rows of rows, by the row of each value, from the outermost on."""
        counts = [None] * len(nested_value_rowids) if nested_nrows is None else nested_nrows
        for rows, count in reversed(list(zip(nested_value_rowids, counts))):
            flat_values = cls.from_value_rowids(flat_values, rows, count)
        return flat_values

    @classmethod
    def from_sparse(cls, st_input: Any, name: Any = None, row_splits_dtype: Any = None) -> RaggedTensor:
        """Return the values of a sparse array of two axes; each row's must stand at its beginning.

        Raises:
            ValueError: if they do not.
        """
        rows, columns = np.asarray(st_input.indices).reshape(-1, 2).T
        lengths = np.bincount(rows, minlength=int(st_input.dense_shape[0]))
        if not np.array_equal(columns, joined([np.arange(length) for length in lengths])):
            raise ValueError("RaggedTensor.from_sparse: between the values of a row, or before them, some are missing.")
        return cls.from_row_lengths(st_input.values, lengths).with_row_splits_dtype(row_splits_dtype or "int64")

    # -- what it is ---------------------------------------------------------------------------------------------------
    @property
    def flat_values(self) -> Any:
        """The innermost values, in order."""
        return self.values.flat_values if isinstance(self.values, RaggedTensor) else self.values

    @property
    def row_splits(self) -> Any:
        """Where the rows end, as a tensor."""
        return ops.convert_to_tensor(self.splits)

    def with_row_splits_dtype(self, dtype: Any) -> RaggedTensor:
        """Return the same rows, whose splits and lengths are int32 or int64.

        Raises:
            ValueError: for another type.
        """
        if dtype_name(dtype) not in ("int32", "int64"):
            raise ValueError(f"RaggedTensor: row_splits are int32 or int64; got {dtype!r}.")
        inner = self.values.with_row_splits_dtype(dtype) if isinstance(self.values, RaggedTensor) else self.values
        return RaggedTensor(inner, self.splits.astype(dtype_name(dtype)))

    @property
    def nested_splits(self) -> tuple[np.ndarray, ...]:
        """The splits, from the outermost on."""
        inner = self.values.nested_splits if isinstance(self.values, RaggedTensor) else ()
        return (self.splits, *inner)

    @property
    def nested_row_splits(self) -> tuple[Any, ...]:
        """The splits as tensors, from the outermost on."""
        return tuple(map(ops.convert_to_tensor, self.nested_splits))

    @property
    def ragged_rank(self) -> int:
        """How many axes vary."""
        return len(self.nested_splits)

    @property
    def dtype(self) -> str:
        """The type of the values; `"string"` for text."""
        flat = self.flat_values
        return type_of("string") if isinstance(flat, Text) else flat.dtype

    @property
    def shape(self) -> TensorShape:
        """The extents; None for those that vary."""
        return TensorShape((len(self), None, *self.values.shape[1:]))

    @property
    def ndim(self) -> int:
        """The number of axes."""
        return len(self.shape)

    def get_shape(self) -> TensorShape:
        """Return the shape."""
        return self.shape

    @property
    def uniform_row_length(self) -> None:
        """None: the rows may differ in length."""

    def nested_value_rowids(self, name: Any = None) -> tuple[Any, ...]:
        """Return the row of each value, from the outermost on."""
        inner = self.values.nested_value_rowids() if isinstance(self.values, RaggedTensor) else ()
        return (self.value_rowids(), *inner)

    def nrows(self, out_type: Any = None, name: Any = None) -> Any:
        """Return the number of rows, as an array without axes."""
        return ops.convert_to_tensor(np.asarray(len(self)), dtype=dtype_name(out_type or self.splits.dtype))

    def row_lengths(self, axis: int = 1, name: Any = None) -> Any:
        """Return the lengths of the rows, or of the rows in rows."""
        if axis > 1:
            return RaggedTensor(self.values.row_lengths(axis - 1), self.splits)
        return ops.convert_to_tensor(np.diff(self.splits))

    def nested_row_lengths(self, name: Any = None) -> tuple[Any, ...]:
        """Return the lengths of the rows, from the outermost on."""
        return tuple(ops.convert_to_tensor(np.diff(splits)) for splits in self.nested_splits)

    def row_starts(self, name: Any = None) -> Any:
        """Return where the rows begin."""
        return ops.convert_to_tensor(self.splits[:-1])

    def row_limits(self, name: Any = None) -> Any:
        """Return where the rows end."""
        return ops.convert_to_tensor(self.splits[1:])

    def value_rowids(self, name: Any = None) -> Any:
        """Return the row of each value."""
        return ops.convert_to_tensor(self._rows().astype(self.splits.dtype))

    def _rows(self) -> np.ndarray:
        return np.repeat(np.arange(len(self)), np.diff(self.splits))

    def bounding_shape(self, axis: Any = None, out_type: Any = None, name: Any = None) -> Any:
        """Return the shape of `to_tensor()`."""
        inner = self.values.bounding_shape().tolist() if isinstance(self.values, RaggedTensor) else self.values.shape
        shape = (len(self), int(np.diff(self.splits).max(initial=0)), *inner[1:])
        found = np.asarray(shape, "int64")
        return ops.convert_to_tensor(
            found if axis is None else found[np.asarray(axis)], dtype=dtype_name(out_type or self.splits.dtype)
        )

    def with_values(self, new_values: Any) -> RaggedTensor:
        """Return the same rows of other values."""
        return RaggedTensor(new_values, self.splits)

    def with_flat_values(self, new_values: Any) -> RaggedTensor:
        """Return the same rows, with other values in the innermost."""
        inner = self.values.with_flat_values(new_values) if isinstance(self.values, RaggedTensor) else new_values
        return RaggedTensor(inner, self.splits)

    def mapped(self, fn: Any) -> RaggedTensor:
        """Return rows of what a function gives for the values."""
        return self.with_flat_values(fn(self.flat_values))

    def same_rows(self, other: Any) -> bool:
        """Whether these are rows of the same lengths."""
        splits = self.nested_splits
        return (
            isinstance(other, RaggedTensor)
            and len(other.nested_splits) == len(splits)
            and all(map(np.array_equal, other.nested_splits, splits))
        )

    def merge_dims(self, outer_axis: int, inner_axis: int) -> Any:
        """Return the array with axes `outer_axis` to `inner_axis` as one; negative axes count from the last.

        Raises:
            ValueError: if one is no axis, or the outer one comes behind the inner one.
        """
        outer, inner = (axis + self.ndim if axis < 0 else axis for axis in (outer_axis, inner_axis))
        if not 0 <= outer <= inner < self.ndim:
            raise ValueError(
                f"merge_dims: outer_axis={outer_axis} and inner_axis={inner_axis} of shape {self.shape}; both must be "
                f"from {-self.ndim} to {self.ndim - 1}, the outer one first."
            )
        return self if outer == inner else _merged(self, outer, inner)

    # -- reading it ---------------------------------------------------------------------------------------------------
    def __len__(self) -> int:
        return len(self.splits) - 1

    def __iter__(self) -> Iterator[Any]:
        return (self[i] for i in range(len(self)))

    def __getitem__(self, key: Any) -> Any:
        key = self._spelled_out(key if isinstance(key, tuple) else (key,))
        first, rest = key[0], key[1:]
        if first is None:
            return _expanded(self[rest] if rest else self, 0)
        if isinstance(first, slice):
            chosen = self if first == slice(None) else self.take(np.arange(len(self))[first])
            return chosen._each_row(rest) if rest else chosen
        index = int(first)
        if not -len(self) <= index < len(self):
            raise IndexError(f"RaggedTensor: row {index} of {counted(len(self), 'row')}.")
        index %= len(self)
        row = self.values[int(self.splits[index]) : int(self.splits[index + 1])]
        return row[rest] if rest else row

    def _spelled_out(self, key: tuple[Any, ...]) -> tuple[Any, ...]:
        """A key with a slice for each axis that an ellipsis stands for."""
        places = [place for place, part in enumerate(key) if part is Ellipsis]
        if not places:
            return key or (slice(None),)
        missing = self.ndim - sum(part is not None and part is not Ellipsis for part in key)
        others = [part for part in key[places[0] + 1 :] if part is not Ellipsis]
        return (*key[: places[0]], *[slice(None)] * missing, *others)

    def _each_row(self, key: tuple[Any, ...]) -> Any:
        """What a key gives for each row: a slice cuts the rows, a number takes one entry of each."""
        first, rest = key[0], key[1:]
        if first is None:
            return _expanded(self._each_row(rest) if rest else self, 1)
        starts, lengths = self.splits[:-1], np.diff(self.splits)
        if not isinstance(first, slice):
            index = int(first)
            if (lengths < (index + 1 if index >= 0 else -index)).any():
                raise IndexError(f"RaggedTensor: not all rows have an entry {index}.")
            found = taken(self.values, starts + (index if index >= 0 else lengths + index))
            return found[(slice(None), *rest)] if rest else found
        places = [np.arange(length)[first] + start for start, length in zip(starts, lengths)]
        rows = taken(self.values, joined(places))
        return RaggedTensor.from_row_lengths(
            rows[(slice(None), *rest)] if rest else rows, self._splits([len(place) for place in places])
        )

    def _splits(self, places: Any) -> np.ndarray:
        """Places or lengths, of the type that the splits of these rows have."""
        return np.asarray(places, self.splits.dtype)

    def take(self, indices: Any) -> RaggedTensor:
        """Return the rows of these numbers."""
        indices = np.asarray(indices, "int64")
        lengths = np.diff(self.splits)[indices]
        starts = self.splits[:-1][indices]
        places = [np.arange(start, start + length) for start, length in zip(starts, lengths)]
        return RaggedTensor.from_row_lengths(taken(self.values, joined(places)), lengths)

    def to_list(self) -> list[Any]:
        """Return nested lists."""
        inner = self.values.to_list() if isinstance(self.values, RaggedTensor) else np.asarray(self.values).tolist()
        return [inner[start:end] for start, end in itertools.pairwise(self.splits)]

    def numpy(self) -> np.ndarray:
        """Return an array of the rows' arrays, or a plain array where all are equally long."""
        rows = [row.numpy() for row in self]
        if len({np.shape(row) for row in rows}) == 1:
            return np.stack(rows)
        is_even = bool(rows) and len({len(row) for row in rows}) == 1  # what is in the rows differs
        found = np.empty((len(rows), len(rows[0])) if is_even else len(rows), object)
        for i, row in enumerate(rows):
            found[i] = [*row] if is_even else row
        return found

    def to_tensor(self, default_value: Any = None, shape: Any = None, name: Any = None) -> Any:
        """Return an array, with a value behind the rows that are shorter than others.

        Args:
            default_value: the value, by default 0 or an empty string.
            shape: the extents of the result; None for those that follow. Rows that are longer are cut.
            name: ignored.
        """
        wanted = list(shape) if shape is not None else [None] * self.ndim
        inner = self.values
        if isinstance(inner, RaggedTensor):
            inner = inner.to_tensor(default_value, [None, *wanted[2:]])
        rows = len(self) if wanted[0] is None else int(wanted[0])
        lengths = np.diff(self.splits)
        width = int(lengths.max(initial=0)) if wanted[1] is None else int(wanted[1])
        nothing = len(inner)
        places = np.full((max(rows, len(self)), width), nothing, "int64")
        columns = np.arange(width)
        at = columns + self.splits[:-1, None]
        places[: len(self)] = np.where(columns < lengths[:, None], at, nothing)
        return taken(with_last(inner, default_value), places[:rows])

    def _map(self, op: Any, args: Any, kwargs: Any) -> RaggedTensor:
        """Rows of what a function gives for the values of these and others."""

        def flat(x: Any) -> Any:
            if isinstance(x, RaggedTensor):
                if not self.same_rows(x):
                    raise ValueError(f"RaggedTensors whose rows differ in length: {self.shape} and {x.shape}.")
                return x.flat_values
            return self._of_each_value(x) if self._has_entry_each(x) else x

        return self.with_flat_values(op(*map(flat, args), **{key: flat(value) for key, value in kwargs.items()}))

    @property
    def _count(self) -> Any:
        """How many rows there are."""
        return len(self)

    def _has_entry_each(self, x: Any) -> bool:
        """Whether this is an array with an entry for each row."""
        shape = tuple(x.shape) if isinstance(x, Tensor | np.ndarray) else ()
        return self.ragged_rank == 1 and len(shape) == self.ndim and shape[:2] == (self._count, 1)

    def beside(self, x: Any) -> Any:
        """An operand of arithmetic, broadcast: what an array has for each of the values; anything else as it is.

        Raises:
            ValueError: for an array that is not broadcast to these rows.
        """
        if isinstance(x, list) and x and isinstance(x[0], list):
            x = as_text(x) if holds_text(x) else values_of(x)
        own = self.ndim - 1 - self.ragged_rank
        is_value = not isinstance(x, Tensor | np.ndarray) or len(x.shape) <= own
        return x if is_value else self._of_each_value(x)

    def _of_each_value(self, x: Any) -> Any:
        """What an array that is broadcast to these rows has for each of the values."""
        shape = (*[1] * (self.ndim - len(x.shape)), *x.shape)
        rank = self.ragged_rank + 1
        counts = [np.diff(splits) for splits in self.nested_splits]
        fits = shape[0] in (1, len(self)) and len(shape) == self.ndim
        if not fits or any(n != 1 and (count != n).any() for n, count in zip(shape[1:rank], counts)):
            raise self._not_beside(x)
        places = [np.minimum(axis, extent - 1) for axis, extent in zip(self._coordinates(), shape)]
        flat = (int(np.prod(shape[:rank], dtype=int)), *shape[rank:])
        x = values_of(np.reshape(np.asarray(x), flat) if isinstance(x, np.ndarray) else ops.reshape(x, flat))
        return taken(x, np.ravel_multi_index(places, shape[:rank])) if flat[0] else x

    def _coordinates(self) -> list[np.ndarray]:
        """The places of all values along the axes that vary, and the first."""
        rows = self._rows()
        along = np.arange(len(rows)) - self.splits[rows]
        if not isinstance(self.values, RaggedTensor):
            return [rows, along]
        outer, *inner = self.values._coordinates()
        return [rows[outer], along[outer], *inner]

    def _not_beside(self, x: Any) -> ValueError:
        return ValueError(
            f"Rows of different lengths, of shape {self.shape}, meet an array of shape {tuple(x.shape)}. It may "
            f"have the shape of a value, {tuple(self.shape[1 + self.ragged_rank :])}, or an entry for each row, as "
            "one of shape (rows, 1) has for rows of numbers."
        )

    def __repr__(self) -> str:
        return f"<tf.RaggedTensor {written(self)}>"

    def __bool__(self) -> bool:
        raise ValueError("A RaggedTensor has no truth of its own; use tf.reduce_any or tf.reduce_all.")

    __hash__ = object.__hash__


def written(rows: Any) -> str:
    """Return rows as text, numbers as short as their type allows, long rows cut off as NumPy does.

    >>> written(RaggedTensor.of([[0.1, 2], [3]]))
    '[[0.1, 2.0], [3.0]]'
    """
    if isinstance(rows, RaggedTensor):
        return written(rows.numpy())
    if not isinstance(rows, np.ndarray):
        return repr(rows) if isinstance(rows, str | bytes) else str(rows)
    if not rows.size:
        return str(rows.tolist())  # NumPy writes [] for any number of empty rows
    with np.printoptions(formatter={"all": written}):
        return np.array2string(rows, separator=", ")


def values_of(values: Any) -> Any:
    """Return an array's values as a `Text`, a tensor, or the `RaggedTensor` that they are."""
    if isinstance(values, RaggedTensor | Text | Tensor):
        return values
    if not isinstance(values, np.ndarray):
        return flat(values, None) if isinstance(values, list | tuple) else ops.convert_to_tensor(values)
    element = as_element(values)
    return element if isinstance(element, Text) else ops.convert_to_tensor(values, dtype=values.dtype.name)


def taken(values: Any, places: np.ndarray) -> Any:
    """Return the rows of an array, a `Text` or a `RaggedTensor` at places."""
    if isinstance(values, RaggedTensor):
        return values.take(places)
    return values[places] if isinstance(values, Text) else ops.take(values, places.astype("int32"), axis=0)


def _merged(values: Any, outer: int, inner: int) -> Any:
    """Rows, or an array, with several axes as one."""
    if not isinstance(values, RaggedTensor):
        shape = tuple(values.shape)
        shape = (*shape[:outer], math.prod(shape[outer : inner + 1]), *shape[inner + 1 :])
        return values.reshape(shape) if isinstance(values, Text) else ops.reshape(values, shape)
    within = values.values
    if outer > 1:
        return values.with_values(_merged(within, outer - 1, inner - 1))
    merged = within if inner == 1 else _merged(within, 0, inner - 1)
    return merged if outer == 0 else RaggedTensor(merged, _ends(within, inner - 1)[values.splits])


def _ends(values: Any, axis: int) -> np.ndarray:
    """How many entries there are before each row, and in all, once the axes up to this one are one."""
    if not isinstance(values, RaggedTensor):
        return np.arange(len(values) + 1) * math.prod(values.shape[1 : axis + 1])
    return values.splits if axis == 1 else _ends(values.values, axis - 1)[values.splits]


def _expanded(values: Any, axis: int) -> Any:
    """Rows or an array with one more axis, in front of the first or behind it."""
    if isinstance(values, RaggedTensor):
        return RaggedTensor(values, values._splits(np.arange(len(values) + 1) if axis else [0, len(values)]))
    return as_text(np.expand_dims(values, axis)) if isinstance(values, Text) else ops.expand_dims(values, axis)


def map_flat_values(op: Any, *args: Any, **kwargs: Any) -> Any:
    """Return rows of what a function gives for the values of rows, as `tf.ragged.map_flat_values` does.

    Arrays beside them with one column, or one entry a row, are repeated along the rows.

    Raises:
        ValueError: for rows of different lengths.
    """
    return next(x for x in (*args, *kwargs.values()) if isinstance(x, RaggedTensor))._map(op, args, kwargs)


def elementwise(op: Any, *args: Any, **kwargs: Any) -> Any:
    """Return rows of what an elementwise function gives for rows and what is broadcast to them.

    >>> elementwise(ops.add, RaggedTensor.of([[1], [2, 3]]), [[10], [20]]).to_list()
    [[11], [22, 23]]

    Raises:
        ValueError: for rows of different lengths, or an array that is not broadcast to them.
    """
    rows = next(x for x in (*args, *kwargs.values()) if isinstance(x, RaggedTensor))
    return rows._map(op, [*map(rows.beside, args)], {name: rows.beside(value) for name, value in kwargs.items()})


def _operator(name: str, method: Any) -> Any:
    def of_values(x: Any, *rest: Any) -> Any:
        return getattr(x, name)(*rest) if isinstance(x, Text) else method(x, *rest)

    def operator(self: RaggedTensor, *others: Any) -> Any:
        return elementwise(of_values, self, *others)

    return operator


for _name, _method in OPERATORS.items():
    setattr(RaggedTensor, _name, _operator(_name, _method))
