"""Functions of `tf.ragged`, and others that take rows of different lengths, for `pronghorn run`."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from pronghorn import ops
from pronghorn.data.batching import ragged, stack
from pronghorn.data.element import Text, as_text
from pronghorn.data.element_types import dtype_name
from pronghorn.data.ragged import RaggedTensor, taken, values_of
from pronghorn.data.row_parts import joined
from pronghorn.data.structure import map_leaves
from pronghorn.data.tensor_spec import RaggedTensorSpec


def row_splits_to_segment_ids(splits: Any, name: str | None = None, out_type: Any = "int64") -> Any:
    """`tf.ragged.row_splits_to_segment_ids`: the row of each value.

    >>> row_splits_to_segment_ids([0, 2, 2, 3]).tolist()
    [0, 0, 2]
    """
    lengths = np.diff(np.asarray(splits))
    return ops.convert_to_tensor(np.repeat(np.arange(len(lengths)), lengths), dtype=dtype_name(out_type))


def segment_ids_to_row_splits(
    segment_ids: Any, num_segments: Any = None, out_type: Any = "int64", name: str | None = None
) -> Any:
    """`tf.ragged.segment_ids_to_row_splits`: where rows end, by the row of each value."""
    counts = np.bincount(np.asarray(segment_ids, "int64"), minlength=0 if num_segments is None else int(num_segments))
    return ops.convert_to_tensor(np.concatenate([[0], np.cumsum(counts)]), dtype=dtype_name(out_type))


def stack_dynamic_partitions(data: Any, partitions: Any, num_partitions: Any, name: str | None = None) -> RaggedTensor:
    """`tf.ragged.stack_dynamic_partitions`: the rows of each part, as rows of different lengths."""
    parts = np.asarray(partitions)
    order = np.argsort(parts, kind="stable")
    return RaggedTensor.from_row_lengths(
        taken(values_of(data), order), np.bincount(parts, minlength=int(num_partitions))
    )


def axis_of(axis: Any, rows: RaggedTensor, function: str) -> int:
    """The number of one axis, from the front.

    Raises:
        ValueError: for none or several axes, or one that is not there.
    """
    if axis is None or np.size(axis) != 1 or not -rows.ndim <= int(np.reshape(axis, ())) < rows.ndim:
        raise ValueError(
            f"tf.{function}: axis={axis!r}; a RaggedTensor of shape {rows.shape} takes one axis, from {-rows.ndim} to "
            f"{rows.ndim - 1}."
        )
    return int(np.reshape(axis, ())) % rows.ndim


# -- functions of arrays ----------------------------------------------------------------------------------------------
def tile(input: Any, multiples: Any, name: str | None = None) -> RaggedTensor:
    """`tf.tile` of rows: `multiples` has a number for each axis."""
    counts = [int(n) for n in np.asarray(multiples)]
    if len(counts) != input.ndim:
        raise ValueError(f"tf.tile: multiples={counts} must have a number for each of {input.ndim} axes.")
    inner = input.values
    if any(n != 1 for n in counts[2:]):
        inner = tile(inner, [1, *counts[2:]]) if isinstance(inner, RaggedTensor) else ops.tile(inner, [1, *counts[2:]])
    lengths = np.diff(input.splits) * counts[1]
    places = [np.tile(np.arange(a, b), counts[1]) for a, b in zip(input.splits, input.splits[1:])]
    wide = RaggedTensor.from_row_lengths(taken(inner, joined(places)), lengths)
    return wide if counts[0] == 1 else wide.take(np.tile(np.arange(len(wide)), counts[0]))


def squeeze(input: Any, axis: Any = None, name: str | None = None) -> Any:
    """`tf.squeeze` of rows, without the axis that is said.

    Raises:
        ValueError: for no axis or several, or where an extent along it is not 1.
    """
    axis = axis_of(axis, input, "squeeze")
    if axis > 1:
        inner = input.values
        if isinstance(inner, RaggedTensor):
            return input.with_values(squeeze(inner, axis - 1))
        is_text = isinstance(inner, Text)
        return input.with_values(as_text(np.squeeze(inner, axis - 1)) if is_text else ops.squeeze(inner, axis - 1))
    extents = [len(input)] if axis == 0 else np.diff(input.splits)
    if any(extent != 1 for extent in extents):
        raise ValueError(f"tf.squeeze: axis={axis} of a RaggedTensor of shape {input.shape} is not 1 everywhere.")
    return input[0] if axis == 0 else input.values


def softmax(logits: Any, axis: Any = None, name: str | None = None) -> RaggedTensor:
    """`tf.nn.softmax` along the innermost axis."""
    if axis is not None and axis_of(axis, logits, "nn.softmax") != logits.ndim - 1:
        raise ValueError(f"tf.nn.softmax: axis={axis} of a RaggedTensor; here it is along the last axis.")
    flat = logits.values
    if isinstance(flat, RaggedTensor):
        return logits.with_values(softmax(flat))
    if len(flat.shape) > 1:
        return logits.with_values(ops.softmax(flat))
    ids, count = logits._rows().astype("int32"), len(logits)
    exponentials = ops.exp(flat - ops.take(ops.segment_max(flat, ids, count), ids, axis=0))
    return logits.with_values(exponentials / ops.take(ops.segment_sum(exponentials, ids, count), ids, axis=0))


def map_fn(
    fn: Callable[[Any], Any], elems: Any, dtype: Any = None, fn_output_signature: Any = None, **ignored: Any
) -> Any:
    """`tf.map_fn`: a function of each row; its results are joined along a new first axis."""
    parts = elems if isinstance(elems, tuple | list) else (elems,)
    is_one = not isinstance(elems, tuple | list)
    rows = zip(*(iter(part) if isinstance(part, RaggedTensor) else values_of(part) for part in parts))
    results = [fn(row[0] if is_one else type(elems)(row)) for row in rows]
    signature = dtype if fn_output_signature is None else fn_output_signature
    return map_leaves(ragged if isinstance(signature, RaggedTensorSpec) else _stacked, *results)


def _stacked(*parts: Any) -> Any:
    is_text = isinstance(parts[0], Text | str | bytes | RaggedTensor)
    return stack(*parts) if is_text else ops.stack([ops.convert_to_tensor(part) for part in parts])
