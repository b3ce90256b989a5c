"""Gradient clipping, all in ops, so that it compiles into the training step."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

from pronghorn import ops
from pronghorn.engine.graph.tensor import Tensor


def norm(x: Tensor) -> Tensor:
    """The Euclidean norm of all elements, a scalar."""
    return ops.sqrt(ops.sum(ops.square(x)))


def clip_by_norm(x: Any, limit: float) -> Tensor:
    """Scale a gradient down to the norm `limit` if its norm is greater.

    >>> clip_by_norm(ops.convert_to_tensor([3.0, 4.0]), 1.0).numpy()
    array([0.6, 0.8], dtype=float32)
    """
    x = ops.convert_to_tensor(x)
    return x * (limit / ops.maximum(norm(x), limit))


def clip_by_value(x: Any, limit: float) -> Tensor:
    """Limit each element to `[-limit, limit]`."""
    return ops.clip(ops.convert_to_tensor(x), -limit, limit)


def global_norm(tensors: Sequence[Any]) -> Tensor:
    """The Euclidean norm of all elements of all tensors, a scalar."""
    return ops.sqrt(sum(ops.sum(ops.square(x)) for x in tensors if x is not None))


def clip_by_global_norm(tensors: Sequence[Any], limit: float) -> list[Any]:
    """Scale all gradients down together, to the common norm `limit`, if it is greater; NaN where it is infinite."""
    together = global_norm(tensors)
    scale = limit / ops.maximum(ops.where(ops.isfinite(together), together, math.nan), limit)
    return [None if x is None else ops.convert_to_tensor(x) * scale for x in tensors]
