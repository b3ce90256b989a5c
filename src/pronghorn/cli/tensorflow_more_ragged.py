"""More of `tf.ragged`: rows by the numbers of their segments, for `pronghorn run`."""

from __future__ import annotations

from typing import Any

import numpy as np

from pronghorn import ops
from pronghorn.data.ragged import RaggedTensor, taken, values_of
from pronghorn.data.tensor_spec import dtype_name


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
