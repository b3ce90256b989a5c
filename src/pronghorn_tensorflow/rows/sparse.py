"""`tf.SparseTensor` and `tf.sparse`, as examples and graphs need them, for `pronghorn run`."""

from __future__ import annotations

import functools
from collections.abc import Sequence
from typing import Any

import numpy as np

from pronghorn import ops
from pronghorn.data.element import Text, as_text
from pronghorn.data.element_types import type_of
from pronghorn.data.ragged import values_of
from pronghorn.data.tensor_spec import TensorShape
from pronghorn_tensorflow.printing.tensors import shown_tensor
from pronghorn_tensorflow.program.functions import constant


class SparseTensor:
    """`tf.SparseTensor`: the places of values in an array that is else empty.

    Args:
        indices: ``[count, axes]``, int64.
        values: ``[count]``.
        dense_shape: the extents.
    """

    def __init__(self, indices: Any, values: Any, dense_shape: Any) -> None:
        self.dense_shape = np.asarray(dense_shape, "int64")
        self.indices = np.asarray(indices, "int64").reshape(-1, len(self.dense_shape))
        self.values = values_of(values)
        if len(self.values) != len(self.indices):
            raise ValueError(f"SparseTensor: {len(self.indices)} indices for {len(self.values)} values.")

    @property
    def shape(self) -> tuple[int, ...]:
        """The extents."""
        return tuple(self.dense_shape.tolist())

    @property
    def dtype(self) -> str:
        """The type of the values."""
        return type_of("string") if isinstance(self.values, Text) else self.values.dtype

    def get_shape(self) -> TensorShape:
        """Return the extents."""
        return TensorShape(self.shape)

    def with_values(self, new_values: Any) -> SparseTensor:
        """Return other values in the same places."""
        return SparseTensor(self.indices, new_values, self.dense_shape)

    def row(self, index: int) -> SparseTensor:
        """Return one of the rows, as data sets read them."""
        indices, values, starts = self._in_rows
        inside = slice(int(starts[index]), int(starts[index + 1]))
        return SparseTensor(indices[inside, 1:], values[inside], self.dense_shape[1:])

    def cut(self, count: int) -> SparseTensor:
        """Return the first rows."""
        indices, values, starts = self._in_rows
        return SparseTensor(indices[: starts[count]], values[: starts[count]], [count, *self.dense_shape[1:]])

    @functools.cached_property
    def _in_rows(self) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """The indices and the values in the order of rows, and where each row begins and the last ends."""
        order = np.lexsort(self.indices.T[::-1])
        indices = self.indices[order]
        starts = np.searchsorted(indices[:, 0], np.arange(self.shape[0] + 1))
        return indices, np.asarray(self.values)[order], starts

    @staticmethod
    def stacked(parts: Sequence[SparseTensor]) -> SparseTensor:
        """Return arrays as the rows of one, whose extents are the largest of theirs."""
        numbers = np.repeat(np.arange(len(parts)), [len(part.indices) for part in parts])
        indices = np.concatenate([part.indices for part in parts])
        values = np.concatenate([np.asarray(part.values) for part in parts])
        shape = [len(parts), *np.max([part.dense_shape for part in parts], axis=0)]
        return SparseTensor(np.column_stack([numbers, indices]), values, shape)

    def __mul__(self, other: Any) -> SparseTensor:
        return self.with_values(self.values * self._there(other))

    def __truediv__(self, other: Any) -> SparseTensor:
        return self.with_values(self.values / self._there(other))

    def _there(self, other: Any) -> Any:
        """A number, or what an array that broadcasts to this has in the places."""
        other = ops.cast(other, self.values.dtype)
        return ops.broadcast_to(other, self.shape)[tuple(self.indices.astype("int32").T)] if other.shape else other

    def __repr__(self) -> str:
        parts = ((name, shown_tensor(getattr(self, name))) for name in ("indices", "values", "dense_shape"))
        return f"SparseTensor({', '.join(f'{name}={text}' for name, text in parts)})"


def to_dense(sp_input: Any, default_value: Any = None, **ignored: Any) -> Any:
    """`tf.sparse.to_dense`.

    >>> to_dense(SparseTensor([[0, 1]], [5], [2, 2])).tolist()
    [[0, 5], [0, 0]]
    """
    if not isinstance(sp_input, SparseTensor):
        return sp_input
    places = tuple(sp_input.indices.T)
    if isinstance(sp_input.values, Text):
        found = np.full(sp_input.shape, as_text("" if default_value is None else default_value).item(), object)
        found[places] = np.asarray(sp_input.values)
        return as_text(found)
    if default_value is None or default_value == 0:
        return ops.scatter(sp_input.indices, sp_input.values, sp_input.shape)
    base = ops.full(sp_input.shape, default_value, dtype=sp_input.values.dtype)
    return ops.scatter_update(base, sp_input.indices, sp_input.values)


def from_dense(tensor: Any, name: str | None = None) -> SparseTensor:
    """`tf.sparse.from_dense`: what is not zero."""
    array = np.asarray(tensor if hasattr(tensor, "dtype") else constant(tensor))
    places = np.argwhere(array != (b"" if array.dtype == object else 0))
    return SparseTensor(places, array[tuple(places.T)], array.shape)


def reorder(sp_input: SparseTensor, name: str | None = None) -> SparseTensor:
    """`tf.sparse.reorder`: in the order of rows."""
    order = np.lexsort(sp_input.indices.T[::-1])
    values = sp_input.values[order] if isinstance(sp_input.values, Text) else ops.take(sp_input.values, order, axis=0)
    return SparseTensor(sp_input.indices[order], values, sp_input.dense_shape)


def sparse_reorder(
    input_indices: Any, input_values: Any, input_shape: Any, name: str | None = None
) -> tuple[np.ndarray, Any]:
    """`gen_sparse_ops.sparse_reorder`: indices and values in the order of rows.

    >>> indices, values = sparse_reorder([[1, 0], [0, 1]], [5, 6], [2, 2])
    >>> indices.tolist(), values.tolist()
    ([[0, 1], [1, 0]], [6, 5])
    """
    ordered = reorder(SparseTensor(input_indices, input_values, input_shape))
    return ordered.indices, ordered.values


def sparse_dense_matmul(
    sp_a: SparseTensor, b: Any, adjoint_a: bool = False, adjoint_b: bool = False, name: str | None = None
) -> Any:
    """`tf.sparse.sparse_dense_matmul`.

    >>> sparse_dense_matmul(SparseTensor([[0, 1]], [2.0], [2, 2]), [[1.0], [3.0]]).tolist()
    [[6.0], [0.0]]
    """
    b = ops.convert_to_tensor(b)
    b = ops.transpose(b) if adjoint_b else b
    rows, columns = sp_a.indices.T.astype("int32") if not adjoint_a else sp_a.indices.T[::-1].astype("int32")
    count = sp_a.shape[1] if adjoint_a else sp_a.shape[0]
    parts = ops.take(b, columns, axis=0) * ops.expand_dims(ops.cast(sp_a.values, b.dtype), -1)
    return ops.segment_sum(parts, rows, count)


def reduce_sum(
    sp_input: SparseTensor,
    axis: Any = None,
    keepdims: bool = False,
    output_is_sparse: bool = False,
    name: str | None = None,
) -> Any:
    """`tf.sparse.reduce_sum`."""
    found = ops.sum(to_dense(sp_input), axis=axis, keepdims=keepdims)
    return from_dense(found) if output_is_sparse else found
