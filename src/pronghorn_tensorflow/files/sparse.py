"""Sparse tensors as strings: `tf.io.serialize_sparse` and its like, for `pronghorn run`."""

from __future__ import annotations

from typing import Any

import numpy as np

from pronghorn.data.element import Text, as_text, text_of
from pronghorn.data.element_types import dtype_name
from pronghorn_tensorflow.files.io import parse_tensor, serialize_tensor
from pronghorn_tensorflow.rows.sparse import SparseTensor


def serialize_sparse(sp_input: SparseTensor, out_type: Any = "string", name: str | None = None) -> Text:
    """`tf.io.serialize_sparse`: the messages of the indices, of the values and of the extents, string `[3]`.

    >>> serialize_sparse(SparseTensor([[1]], [2.0], [3])).shape
    (3,)
    """
    return text_of(_messages("serialize_sparse", sp_input, out_type), (3,))


def serialize_many_sparse(sp_input: SparseTensor, out_type: Any = "string", name: str | None = None) -> Text:
    """`tf.io.serialize_many_sparse`: the messages of each row, string `[rows, 3]`.

    Raises:
        ValueError: where a row has no axis.
    """
    if isinstance(sp_input, SparseTensor) and len(sp_input.shape) < 2:
        raise ValueError(
            f"tf.io.serialize_many_sparse: the sparse tensor must have two axes or more; got shape {sp_input.shape}."
        )
    rows = [sp_input.row(i) for i in range(sp_input.shape[0])]
    found = [message for row in rows for message in _messages("serialize_many_sparse", row, out_type)]
    return text_of(found, (len(rows), 3))


def _messages(who: str, sparse: SparseTensor, out_type: Any) -> list[bytes]:
    if not isinstance(sparse, SparseTensor):
        raise TypeError(f"tf.io.{who} takes a tf.sparse.SparseTensor; got {sparse!r}. tf.sparse.from_dense makes one.")
    if dtype_name(out_type) != "string":
        raise ValueError(f"tf.io.{who}: out_type={out_type}; only tf.string can be written here.")
    return [serialize_tensor(part).item() for part in (sparse.indices, sparse.values, sparse.dense_shape)]


def deserialize_many_sparse(
    serialized_sparse: Any, dtype: Any, rank: int | None = None, name: str | None = None
) -> SparseTensor:
    """`tf.io.deserialize_many_sparse`: of string `[rows, 3]`; the extents of rows are the largest of theirs.

    >>> row = serialize_sparse(SparseTensor([[1]], [2.0], [3]))
    >>> deserialize_many_sparse([row.tolist()], "float32").shape
    (1, 3)

    Args:
        rank: how many axes each has.

    Raises:
        ValueError: for strings of another shape, other data, or tensors of another type or rank.
    """
    strings = as_text(serialized_sparse)
    if strings.ndim != 2 or strings.shape[1] != 3 or not strings.size:
        raise ValueError(
            "tf.io.deserialize_many_sparse: the strings must have shape [rows, 3], with one row or more, as "
            f"tf.io.serialize_many_sparse gives them; got shape {tuple(strings.shape)}."
        )
    parts = [_read(row, dtype) for row in strings.tolist()]
    ranks = {len(part.shape) for part in parts}
    if len(ranks | ({rank} - {None})) > 1:
        wanted = "" if rank is None else f", and rank={rank}"
        raise ValueError(f"tf.io.deserialize_many_sparse: the rows have {sorted(ranks)} axes{wanted}; all must agree.")
    return SparseTensor.stacked(parts)


def _read(row: list[bytes], dtype: Any) -> SparseTensor:
    kinds = ("int64", dtype, "int64")
    places, values, extents = (parse_tensor(text_of([data], ()), kind) for data, kind in zip(row, kinds))
    shapes = [tuple(np.shape(part)) for part in (places, values, extents)]
    if not (len(shapes[1]) == len(shapes[2]) == 1 and shapes[0] == shapes[1] + shapes[2]):
        raise ValueError(
            f"tf.io.deserialize_many_sparse: indices of shape {shapes[0]}, values of shape {shapes[1]} and extents of "
            f"shape {shapes[2]} are no sparse tensor."
        )
    indices, shape = np.asarray(places), np.asarray(extents)
    if ((indices < 0) | (indices >= shape)).any():
        raise ValueError(f"tf.io.deserialize_many_sparse: an index is not within the extents {shape.tolist()}.")
    return SparseTensor(indices, values, shape)
