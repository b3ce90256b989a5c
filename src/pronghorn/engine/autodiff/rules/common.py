"""Small things that many rules need, over primitives alone."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from pronghorn.engine.graph import dtypes
from pronghorn.engine.graph import primitives as P
from pronghorn.engine.graph.dim import Extent, Shape
from pronghorn.engine.graph.tensor import Tensor


def full(shape: Shape, dtype: str, value: Any) -> Tensor:
    """An array of one number."""
    scalar = P.constant(value=np.asarray(value, dtypes.to_numpy(dtype)))
    return P.broadcast_in_dim(scalar, shape=tuple(shape), dims=()) if shape else scalar


def zeros_like(tensor: Tensor) -> Tensor:
    """Zeros in the shape and type of ``tensor``."""
    return full(tensor.shape, tensor.dtype, 0)


def filled(cotangents: Sequence[Tensor | None], outputs: Sequence[Tensor]) -> list[Tensor]:
    """The cotangents, with zeros for those that are missing."""
    return [zeros_like(o) if c is None else c for c, o in zip(cotangents, outputs)]


def restore(x: Tensor, axes: Sequence[int], shape: Shape) -> Tensor:
    """Repeat ``x`` along the ``axes`` that a reduction removed from ``shape``."""
    return P.broadcast_in_dim(x, shape=tuple(shape), dims=tuple(i for i in range(len(shape)) if i not in axes))


def extent_scalar(extent: Extent, dtype: str = "int32") -> Tensor:
    """An extent as a scalar array, whether it is known now or when the graph runs."""
    if isinstance(extent, int):
        return P.constant(value=np.asarray(extent, dtypes.to_numpy(dtype)))
    scalar = P.extent(dim=extent)
    return scalar if dtype == "int32" else P.cast(scalar, dtype=dtype)


def spread(scalar: Tensor, shape: Shape) -> Tensor:
    """A scalar array repeated to ``shape``."""
    return P.broadcast_in_dim(scalar, shape=tuple(shape), dims=()) if shape else scalar


def move_axis(x: Tensor, source: int, target: int) -> Tensor:
    """``x`` with one axis at another place."""
    if source == target:
        return x
    order = [i for i in range(x.ndim) if i != source]
    order.insert(target, source)
    return P.transpose(x, perm=tuple(order))
