"""Loss functions for overlap, as segmentation uses them."""

from __future__ import annotations

from typing import Any

from pronghorn import config, ops
from pronghorn.engine.graph.tensor import Tensor


def _pair(y_true: Any, y_pred: Any) -> tuple[Tensor, Tensor]:
    y_pred = ops.convert_to_tensor(y_pred)
    return ops.cast(ops.convert_to_tensor(y_true), y_pred.dtype), y_pred


def dice(y_true: Any, y_pred: Any, axis: Any = None) -> Tensor:
    """One minus the Dice coefficient, twice the overlap by the sum of the sizes.

    Args:
        y_true: masks.
        y_pred: predicted masks of the same shape.
        axis: the axes that are counted together; all by default.

    >>> float(dice([[1.0, 0.0]], [[1.0, 0.0]])) < 1e-6
    True
    """
    y_true, y_pred = _pair(y_true, y_pred)
    overlap = ops.sum(y_true * y_pred, axis=axis)
    sizes = ops.sum(y_true, axis=axis) + ops.sum(y_pred, axis=axis)
    return 1.0 - 2.0 * overlap / (sizes + config.epsilon())


def tversky(y_true: Any, y_pred: Any, alpha: float = 0.5, beta: float = 0.5, axis: Any = None) -> Tensor:
    """One minus the Tversky index: like `dice`, with false positives and negatives weighted apart (arXiv 1706.05721).

    Args:
        y_true: masks.
        y_pred: predicted masks of the same shape.
        alpha: weight of false positives.
        beta: weight of false negatives.
        axis: the axes that are counted together; all by default.

    Example:

    >>> round(float(tversky([[1.0, 1.0, 0.0]], [[1.0, 0.0, 0.0]], alpha=0.3, beta=0.7)), 4)
    0.4118
    """
    y_true, y_pred = _pair(y_true, y_pred)
    overlap = ops.sum(y_true * y_pred, axis=axis)
    false_positives = ops.sum((1.0 - y_true) * y_pred, axis=axis)
    false_negatives = ops.sum(y_true * (1.0 - y_pred), axis=axis)
    return 1.0 - overlap / (overlap + alpha * false_positives + beta * false_negatives + config.epsilon())
