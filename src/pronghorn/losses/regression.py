"""Loss functions for numbers. Each takes `(batch, ..., d)` and gives `(batch, ...)`, the mean over the last axis."""

from __future__ import annotations

import math
from typing import Any

from pronghorn import config, ops
from pronghorn.engine.backends.foreign_calls import on_its_engine
from pronghorn.engine.graph import dtypes
from pronghorn.engine.graph.tensor import Tensor
from pronghorn.losses.reduction import same_rank


@on_its_engine
def as_pair(y_true: Any, y_pred: Any) -> tuple[Tensor, Tensor]:
    """Targets and predictions as tensors of one floating type and of one rank.

    Whole numbers as predictions are taken as numbers of the default float type.
    """
    y_pred = ops.convert_to_tensor(y_pred)
    if not dtypes.is_float(y_pred.dtype):
        y_pred = ops.cast(y_pred, config.floatx())
    y_true = ops.convert_to_tensor(y_true, dtype=y_pred.dtype)
    return same_rank(y_true, y_pred)


def mean_squared_error(y_true: Any, y_pred: Any) -> Tensor:
    """The mean of `(y_true - y_pred)**2` over the last axis.

    Args:
        y_true: the targets, shape `(batch, ..., n)`.
        y_pred: the predictions, of the same shape or one that can be broadcast to it.

    Returns:
        Shape `(batch, ...)`.

    Raises:
        ValueError: if the shapes cannot be broadcast together.

    >>> mean_squared_error([[1.0, 2.0]], [[2.0, 4.0]]).numpy()
    array([2.5], dtype=float32)
    """
    y_true, y_pred = as_pair(y_true, y_pred)
    return ops.mean(ops.square(y_true - y_pred), axis=-1)


def mean_absolute_error(y_true: Any, y_pred: Any) -> Tensor:
    """The mean of `|y_true - y_pred|` over the last axis.

    Args:
        y_true: the targets, shape `(batch, ..., n)`.
        y_pred: the predictions, of the same shape or one that can be broadcast to it.

    Returns:
        Shape `(batch, ...)`.

    Raises:
        ValueError: if the shapes cannot be broadcast together.

    >>> mean_absolute_error([[1.0, 2.0]], [[2.0, 4.0]]).numpy()
    array([1.5], dtype=float32)
    """
    y_true, y_pred = as_pair(y_true, y_pred)
    return ops.mean(ops.abs(y_true - y_pred), axis=-1)


def mean_absolute_percentage_error(y_true: Any, y_pred: Any) -> Tensor:
    """100 times the mean of `|y_true - y_pred| / |y_true|` over the last axis.

    Args:
        y_true: the targets, shape `(batch, ..., n)`.
        y_pred: the predictions, of the same shape or one that can be broadcast to it.

    Returns:
        Shape `(batch, ...)`.

    Raises:
        ValueError: if the shapes cannot be broadcast together.

    >>> mean_absolute_percentage_error([[1.0, 2.0]], [[2.0, 4.0]]).numpy()
    array([100.], dtype=float32)
    """
    y_true, y_pred = as_pair(y_true, y_pred)
    share = ops.abs((y_true - y_pred) / ops.maximum(ops.abs(y_true), config.epsilon()))
    return 100.0 * ops.mean(share, axis=-1)


def mean_squared_logarithmic_error(y_true: Any, y_pred: Any) -> Tensor:
    """The mean of `(log(y_true + 1) - log(y_pred + 1))**2` over the last axis; negative numbers count as zero.

    >>> mean_squared_logarithmic_error([[0.0]], [[0.0]]).numpy()
    array([0.], dtype=float32)
    """
    y_true, y_pred = as_pair(y_true, y_pred)
    floor = config.epsilon()
    log_true = ops.log(ops.maximum(y_true, floor) + 1.0)
    log_pred = ops.log(ops.maximum(y_pred, floor) + 1.0)
    return ops.mean(ops.square(log_true - log_pred), axis=-1)


def cosine_similarity(y_true: Any, y_pred: Any, axis: int = -1) -> Tensor:
    """Minus the cosine of the angle between the two, -1 (the same direction) to 1.

    >>> cosine_similarity([[1.0, 0.0]], [[3.0, 0.0]]).numpy()
    array([-1.], dtype=float32)
    """
    y_true, y_pred = as_pair(y_true, y_pred)
    return -ops.sum(ops.normalize(y_true, axis=axis) * ops.normalize(y_pred, axis=axis), axis=axis)


def huber(y_true: Any, y_pred: Any, delta: float = 1.0) -> Tensor:
    """The mean of the Huber loss over the last axis: quadratic to `delta`, linear beyond.

    >>> huber([[0.0, 0.0]], [[1.0, 3.0]]).numpy()
    array([1.5], dtype=float32)
    """
    y_true, y_pred = as_pair(y_true, y_pred)
    distance = ops.abs(y_pred - y_true)
    quadratic = 0.5 * ops.square(distance)
    linear = delta * distance - 0.5 * delta * delta
    return ops.mean(ops.where(distance <= delta, quadratic, linear), axis=-1)


def log_cosh(y_true: Any, y_pred: Any) -> Tensor:
    """The mean of `log(cosh(y_pred - y_true))` over the last axis.

    Args:
        y_true: the targets, shape `(batch, ..., n)`.
        y_pred: the predictions, of the same shape or one that can be broadcast to it.

    Returns:
        Shape `(batch, ...)`.

    Raises:
        ValueError: if the shapes cannot be broadcast together.

    >>> log_cosh([[1.0]], [[1.0]]).numpy()
    array([0.], dtype=float32)
    """
    y_true, y_pred = as_pair(y_true, y_pred)
    x = y_pred - y_true
    # cosh overflows for large x; this form does not
    return ops.mean(x + ops.softplus(-2.0 * x) - math.log(2.0), axis=-1)
