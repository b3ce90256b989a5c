"""`PaddedRows`: rows of different lengths in one array, as layers and compiled steps have them."""

from __future__ import annotations

from typing import Any, NoReturn

import numpy as np

from pronghorn import ops
from pronghorn.data.element_types import dtype_name
from pronghorn.data.ragged import RaggedTensor, taken
from pronghorn.data.tensor_spec import TensorShape
from pronghorn.engine.graph import dtypes
from pronghorn.engine.graph.tensor import Tensor


class PaddedRows(RaggedTensor):
    """Rows of different lengths as an array of the longest's length, and how long each is.

    A compiled step has its arrays so, since it knows extents and no values. Behind the end of a row stands its last
    value once more, or, of an empty one, another row's: what a function makes of these has no meaning, but is finite
    where it is for the data. So are its gradients there, of which zero times infinity would spoil all.

    Args:
        padded: `[rows, longest, ...]`.
        lengths: `[rows]`, integers.

    >>> rows = PaddedRows.of(RaggedTensor.of([[1, 2], [3]]))
    >>> rows.mapped(lambda x: x * 10).flattened().to_list()
    [[10, 20], [30]]
    """

    def __init__(self, padded: Any, lengths: Any) -> None:
        self.padded, self.lengths = padded, lengths

    @classmethod
    def of(cls, rows: RaggedTensor) -> PaddedRows:
        """Return the same rows so.

        Raises:
            ValueError: where rows have rows, or hold strings.
        """
        if isinstance(rows, PaddedRows):
            return rows
        if rows.ragged_rank > 1 or rows.dtype == "string":
            what = "strings" if rows.dtype == "string" else "rows in rows"
            raise ValueError(
                f"A RaggedTensor of shape {rows.shape} of {what} goes into no model or layer as it is. "
                + (
                    "Make numbers of them first, with StringLookup or TextVectorization in the map of a data set."
                    if rows.dtype == "string"
                    else "Make an array of it first, with x.to_tensor()."
                )
            )
        lengths, values = np.diff(rows.splits), rows.flat_values
        columns = np.minimum(np.arange(lengths.max(initial=0)), np.maximum(lengths[:, None] - 1, 0))
        places = np.minimum(columns + rows.splits[:-1, None], len(values) - 1)
        return cls(taken(values, places), ops.convert_to_tensor(lengths.astype("int32")))

    def flattened(self) -> RaggedTensor:
        """Return a `RaggedTensor` of the values one after the other, which have to be known."""
        inside = np.asarray(self.mask)
        values = ops.reshape(self.padded, (inside.size, *self.padded.shape[2:]))
        places = np.flatnonzero(inside).astype("int32")
        return RaggedTensor.from_row_lengths(ops.take(values, places, axis=0), np.asarray(self.lengths, "int64"))

    # -- what it is ---------------------------------------------------------------------------------------------------
    @property
    def mask(self) -> Any:
        """Which places of the array are in rows: `[rows, longest]`."""
        return ops.arange(self.padded.shape[1], dtype="int32") < ops.expand_dims(self.lengths, 1)

    @property
    def dtype(self) -> str:
        """The type of the values."""
        return self.padded.dtype

    @property
    def shape(self) -> TensorShape:
        """The extents; None for that which varies."""
        return TensorShape((self.padded.shape[0], None, *self.padded.shape[2:]))

    @property
    def ragged_rank(self) -> int:
        """One: rows have no rows."""
        return 1

    @property
    def _count(self) -> Any:
        return self.lengths.shape[0]

    def row_lengths(self, axis: int = 1, name: Any = None) -> Any:
        """Return the lengths of the rows."""
        return ops.cast(self.lengths, "int64")

    def nrows(self, out_type: Any = None, name: Any = None) -> Any:
        """Return the number of rows, as an array without axes."""
        return ops.sum(ops.ones_like(self.lengths, dtype=dtype_name(out_type or "int64")))

    def to_tensor(self, default_value: Any = None, shape: Any = None, name: Any = None) -> Any:
        """Return an array, with a value behind the rows' ends. See `RaggedTensor.to_tensor`."""
        fill = 0 if default_value is None else default_value
        found = self.filled(fill)
        wanted, width = None if shape is None else list(shape)[1], found.shape[1]
        if wanted is None or wanted == width:
            return found
        if wanted < width:
            return found[:, :wanted]
        rest = [(0, 0)] * (len(found.shape) - 2)
        return ops.pad(found, [(0, 0), (0, wanted - width), *rest], constant_values=fill)

    def filled(self, value: Any) -> Any:
        """Return the array with a value behind the rows' ends."""
        return ops.where(self._of_each(self.mask), self.padded, ops.cast(value, self.dtype))

    def _of_each(self, x: Any) -> Any:
        """A number a place, with as many axes as the array has."""
        for _ in range(len(self.padded.shape) - 2):
            x = ops.expand_dims(x, -1)
        return x

    # -- computing ----------------------------------------------------------------------------------------------------
    def mapped(self, fn: Any) -> PaddedRows:
        """Return rows of what a function gives for the values, which must not depend on each other."""
        return PaddedRows(fn(self.padded), self.lengths)

    def same_rows(self, other: Any) -> bool:
        """Whether these are rows of the same lengths, as far as can be told."""
        return isinstance(other, PaddedRows) and other.lengths is self.lengths

    def _map(self, op: Any, args: Any, kwargs: Any) -> PaddedRows:
        def padded(x: Any) -> Any:
            if isinstance(x, RaggedTensor):
                if not self.same_rows(x):
                    raise ValueError(_OTHER_ROWS)
                return x.padded
            return x  # also an array with an entry for each row, which is broadcast as it is

        return PaddedRows(op(*map(padded, args), **{k: padded(v) for k, v in kwargs.items()}), self.lengths)

    def beside(self, x: Any) -> Any:
        """An operand of arithmetic, which is broadcast as it is. See `RaggedTensor.beside`."""
        x = ops.convert_to_tensor(x) if isinstance(x, list) and x and isinstance(x[0], list) else x
        own = self.ndim - 1 - self.ragged_rank
        is_strange = isinstance(x, Tensor | np.ndarray) and not self._has_entry_each(x)
        if is_strange and any(extent != 1 for extent in x.shape[: max(len(x.shape) - own, 0)]):
            raise self._not_beside(x)
        return x

    def reduced(self, name: str, keepdims: bool = False) -> Any:
        """Return the `"sum"`, `"mean"`, `"max"`, `"min"`, `"prod"`, `"any"` or `"all"` of each row."""
        neutral: Any = {"prod": 1, "all": True}.get(name, 0)
        if name in ("max", "min"):
            neutral = dtypes.limits(self.dtype)[name == "min"]
        if name != "mean":
            return getattr(ops, name)(self.filled(neutral), axis=1, keepdims=keepdims)
        total = ops.sum(self.filled(0), axis=1, keepdims=True)
        found = total / ops.cast(self._of_each(ops.expand_dims(self.lengths, 1)), total.dtype)
        return found if keepdims else ops.squeeze(found, axis=1)

    # -- what there is not --------------------------------------------------------------------------------------------
    @property
    def values(self) -> NoReturn:  # type: ignore[override]
        """Not there."""
        raise _unknown("its values one after the other")

    @property
    def splits(self) -> NoReturn:  # type: ignore[override]
        """Not there."""
        raise _unknown("where its rows end among the values")

    @property
    def nested_splits(self) -> NoReturn:  # type: ignore[override]
        """Not there."""
        raise _unknown("where its rows end among the values")

    def __len__(self) -> int:
        raise _unknown("len()")

    def __getitem__(self, key: Any) -> Any:
        raise _unknown("parts of it")

    def __repr__(self) -> str:
        return f"<PaddedRows shape={self.shape}, dtype={self.dtype}>"


_OTHER_ROWS = (
    "Rows of different lengths of two inputs meet; whether they are equally long is not known while a step is "
    "compiled. Make arrays of both first, with x.to_tensor()."
)


def _unknown(what: str) -> ValueError:
    return ValueError(
        f"A RaggedTensor in a step that is being compiled does not tell {what}. It has x.to_tensor(), x.row_lengths(), "
        "arithmetic of its values and reductions along its rows (axis=1); compile(run_eagerly=True) runs such steps op "
        "by op, where all of it is known."
    )
