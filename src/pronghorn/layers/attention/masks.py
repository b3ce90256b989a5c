"""Masks of attention, combined."""

from __future__ import annotations

from functools import reduce
from typing import Any

from pronghorn import ops


def band_mask(queries: Any, keys: Any, causal: bool, window: int | None) -> Any:
    """``[1, T, S]``: which keys are not later than a query (``causal``), and near enough (``window``); None for all."""
    if not causal and window is None:
        return None
    i = ops.expand_dims(ops.arange(queries, dtype="int32"), 1)
    j = ops.expand_dims(ops.arange(keys, dtype="int32"), 0)
    allowed = ops.greater_equal(i, j) if causal else None
    if window is not None:
        near = ops.less(ops.abs(i - j), window)
        allowed = near if allowed is None else ops.logical_and(allowed, near)
    return ops.expand_dims(allowed, 0)


def combined_mask(
    queries: Any,
    keys: Any,
    query_mask: Any = None,
    value_mask: Any = None,
    key_mask: Any = None,
    attention_mask: Any = None,
    causal: bool = False,
    window: int | None = None,
) -> Any:
    """All masks as one that broadcasts to ``[batch, T, S]``, or None."""
    parts = []
    if query_mask is not None:
        parts.append(ops.expand_dims(ops.cast(query_mask, "bool"), -1))
    for mask in (value_mask, key_mask):
        if mask is not None:
            parts.append(ops.expand_dims(ops.cast(mask, "bool"), -2))
    band = band_mask(queries, keys, causal, window)
    if band is not None:
        parts.append(band)
    if attention_mask is not None:
        parts.append(ops.cast(attention_mask, "bool"))
    if len({len(p.shape) for p in parts}) > 1:  # a mask per head: the others are the same for all heads
        rank = max(len(p.shape) for p in parts)
        parts = [p if len(p.shape) == rank else ops.expand_dims(p, 1) for p in parts]
    return reduce(ops.logical_and, parts) if parts else None
