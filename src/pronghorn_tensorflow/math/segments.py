"""TensorFlow's functions of segments, over `pronghorn.ops`, for `pronghorn run`."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from pronghorn import ops
from pronghorn.engine.graph import dtypes
from pronghorn_tensorflow.math.basic import in_empty_segments, unsorted_segment_mean


def _count(segment_ids: Any) -> int:
    ids = np.asarray(segment_ids)
    if (ids[1:] < ids[:-1]).any():
        raise ValueError(f"tf.math.segment_sum and its like: segment_ids must not decrease, got {ids.tolist()[:20]}.")
    return int(ids[-1]) + 1 if ids.size else 0


def _ordered(op: Callable[..., Any]) -> Callable[..., Any]:
    """A function of segments in order, of which the last number says how many there are."""
    return lambda data, segment_ids, name=None: op(data, segment_ids, _count(segment_ids))


def _or_zero(op: Callable[..., Any]) -> Callable[..., Any]:
    """A function of segments in order that is 0 where there are no elements."""
    return _ordered(lambda data, ids, count: in_empty_segments(op(data, ids, count), ids, 0))


segment_max = _or_zero(ops.segment_max)
segment_mean = _ordered(unsorted_segment_mean)
segment_min = _or_zero(ops.segment_min)
segment_prod = _ordered(ops.segment_prod)
segment_sum = _ordered(ops.segment_sum)


def unsorted_segment_min(data: Any, segment_ids: Any, num_segments: Any, name: str | None = None) -> Any:
    """`tf.math.unsorted_segment_min`; a segment without elements is the greatest number of the type."""
    found = ops.segment_min(data, segment_ids, num_segments)
    return in_empty_segments(found, segment_ids, dtypes.limits(found.dtype)[1])


def unsorted_segment_prod(data: Any, segment_ids: Any, num_segments: Any, name: str | None = None) -> Any:
    """`tf.math.unsorted_segment_prod`."""
    return ops.segment_prod(data, segment_ids, num_segments)


def unsorted_segment_sqrt_n(data: Any, segment_ids: Any, num_segments: Any, name: str | None = None) -> Any:
    """`tf.math.unsorted_segment_sqrt_n`: sums over the square roots of the counts."""
    data = ops.convert_to_tensor(data)
    count = ops.segment_sum(ops.ones_like(data), segment_ids, num_segments)
    return ops.segment_sum(data, segment_ids, num_segments) / ops.sqrt(ops.maximum(count, 1))
