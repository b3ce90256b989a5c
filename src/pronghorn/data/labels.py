"""Small numerical helpers for preparing data."""

from __future__ import annotations

from typing import Any

import numpy as np

from pronghorn import ops
from pronghorn.engine.graph.tensor import Tensor


def to_categorical(x: Any, num_classes: int | None = None) -> Any:
    """Turn class numbers into one-hot rows.

    Args:
        x: integers of any shape; a last axis of length 1 is dropped.
        num_classes: width of the rows; by default the largest number plus one.

    Returns:
        A float64 array of shape `(*x.shape, num_classes)`, or a tensor of the default float type where `x` is a
        tensor.

    Raises:
        ValueError: for a class number outside `[-num_classes, num_classes)`, or for an empty `x` without
            `num_classes`.

    >>> to_categorical([0, 2, 1], num_classes=3)
    array([[1., 0., 0.],
           [0., 0., 1.],
           [0., 1., 0.]])
    """
    if isinstance(x, Tensor):
        return _tensor_to_categorical(x, num_classes)
    labels = np.asarray(x)
    if labels.dtype == object or not (np.issubdtype(labels.dtype, np.number) or labels.dtype == bool):
        raise ValueError(
            f"to_categorical: x holds {labels.dtype} values; it needs integers. Number the classes first, "
            "for example with np.unique(x, return_inverse=True)."
        )
    labels = labels.astype("int64")
    if labels.ndim > 1 and labels.shape[-1] == 1:
        labels = labels[..., 0]
    if num_classes is None:
        if labels.size == 0:
            raise ValueError("to_categorical: x is empty; pass num_classes.")
        num_classes = int(labels.max()) + 1
    outside = (labels < -num_classes) | (labels >= num_classes)
    if outside.any():
        raise ValueError(
            f"to_categorical: class number {labels[outside].flat[0]} in x, but num_classes is {num_classes}; "
            f"the numbers must be 0 to {num_classes - 1}."
        )
    return np.eye(num_classes)[labels]


def _tensor_to_categorical(x: Any, num_classes: int | None) -> Any:
    if len(x.shape) > 1 and x.shape[-1] == 1:
        x = ops.reshape(x, x.shape[:-1])
    if num_classes is None:
        num_classes = int(ops.max(x)) + 1
    return ops.one_hot(ops.cast(x, "int32"), num_classes)


def normalize(x: Any, axis: int = -1, order: int | float = 2) -> Any:
    """Scale an array to unit norm along an axis; all-zero rows stay zero.

    Args:
        x: an array, or a tensor.
        axis: the axis of the norm.
        order: the norm's order, 1, 2, ... or `np.inf`.

    Returns:
        The scaled array, with the shape of `x`.

    >>> normalize([[3.0, 4.0], [0.0, 0.0]])
    array([[0.6, 0.8],
           [0. , 0. ]])
    """
    if isinstance(x, Tensor):
        return ops.normalize(x, axis=axis, order=order)
    values = np.asarray(x)
    norm = np.atleast_1d(np.linalg.norm(values, order, axis))
    norm[norm == 0] = 1
    return values / np.expand_dims(norm, axis)
