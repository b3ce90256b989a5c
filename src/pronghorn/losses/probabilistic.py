"""Loss functions for probabilities and logits."""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any

from pronghorn import config, ops
from pronghorn.engine.graph import dtypes
from pronghorn.engine.graph.tensor import Tensor
from pronghorn.losses.regression import as_pair
from pronghorn.utils.masking import set_mask


def _check_axis(function: str, axis: Any) -> None:
    if isinstance(axis, bool):
        raise ValueError(f"{function}: `axis` must be an integer, got {axis!r}.")


def _smooth_binary(y_true: Tensor, label_smoothing: float) -> Tensor:
    return y_true * (1.0 - label_smoothing) + 0.5 * label_smoothing if label_smoothing else y_true


def _smooth_classes(y_true: Tensor, label_smoothing: float, axis: int) -> Tensor:
    if not label_smoothing:
        return y_true
    return y_true * (1.0 - label_smoothing) + label_smoothing / float(y_true.shape[axis])


def kl_divergence(y_true: Any, y_pred: Any) -> Tensor:
    """The sum of `y_true * log(y_true / y_pred)` over the last axis.

    Args:
        y_true: the targets, shape `(batch, ..., n)`.
        y_pred: the predictions, of the same shape or one that can be broadcast to it.

    Returns:
        Shape `(batch, ...)`.

    Raises:
        ValueError: if the shapes cannot be broadcast together.

    >>> kl_divergence([[0.5, 0.5]], [[0.5, 0.5]]).numpy()
    array([0.], dtype=float32)
    """
    y_true, y_pred = as_pair(y_true, y_pred)
    y_true = ops.clip(y_true, config.epsilon(), 1.0)
    y_pred = ops.clip(y_pred, config.epsilon(), 1.0)
    return ops.sum(y_true * ops.log(y_true / y_pred), axis=-1)


def poisson(y_true: Any, y_pred: Any) -> Tensor:
    """The mean of `y_pred - y_true * log(y_pred)` over the last axis.

    Args:
        y_true: the targets, shape `(batch, ..., n)`.
        y_pred: the predictions, of the same shape or one that can be broadcast to it.

    Returns:
        Shape `(batch, ...)`.

    Raises:
        ValueError: if the shapes cannot be broadcast together.

    >>> poisson([[1.0]], [[1.0]]).numpy().round(3)
    array([1.], dtype=float32)
    """
    y_true, y_pred = as_pair(y_true, y_pred)
    return ops.mean(y_pred - y_true * ops.log(y_pred + config.epsilon()), axis=-1)


def categorical_crossentropy(
    y_true: Any, y_pred: Any, from_logits: bool = False, label_smoothing: float = 0.0, axis: int = -1
) -> Tensor:
    """Minus the log of the probability of the right class, for one-hot labels.

    Args:
        y_true: one-hot rows or distributions, shape `(batch, ..., classes)`.
        y_pred: probabilities, or logits, of the same shape.
        from_logits: whether `y_pred` is logits.
        label_smoothing: share, 0 to 1, of each label that is spread over all classes.
        axis: the axis of the classes.

    Returns:
        Shape `(batch, ...)`.

    >>> categorical_crossentropy([[0.0, 1.0]], [[0.5, 0.5]]).numpy()
    array([0.6931472], dtype=float32)
    """
    _check_axis("categorical_crossentropy", axis)
    y_true, y_pred = _float_pair(y_true, y_pred)
    y_true = _smooth_classes(y_true, label_smoothing, axis)
    return ops.categorical_crossentropy(y_true, y_pred, from_logits=from_logits, axis=axis)


def _float_pair(y_true: Any, y_pred: Any) -> tuple[Tensor, Tensor]:
    y_pred = ops.convert_to_tensor(y_pred)
    if not dtypes.is_float(y_pred.dtype):
        y_pred = ops.cast(y_pred, config.floatx())
    return ops.convert_to_tensor(y_true, dtype=y_pred.dtype), y_pred


def sparse_categorical_crossentropy(
    y_true: Any,
    y_pred: Any,
    from_logits: bool = False,
    ignore_class: int | None = None,
    axis: int = -1,
    label_smoothing: float = 0.0,
) -> Tensor:
    """Minus the log of the probability of the right class, for class numbers.

    Args:
        y_true: class numbers, shape `(batch, ...)` or `(batch, ..., 1)`.
        y_pred: probabilities, or logits, shape `(batch, ..., classes)`.
        from_logits: whether `y_pred` is logits.
        ignore_class: a class number that does not count, such as -1 for unlabelled pixels.
        axis: the axis of the classes.
        label_smoothing: share, 0 to 1, of each label that is spread over all classes.

    Returns:
        Shape `(batch, ...)`.

    >>> sparse_categorical_crossentropy([1], [[0.5, 0.5]]).numpy()
    array([0.6931472], dtype=float32)
    """
    if len(ops.shape(y_true)) == len(ops.shape(y_pred)) and ops.shape(y_true)[-1] == 1:
        y_true = ops.squeeze(ops.convert_to_tensor(y_true), -1)
    if label_smoothing:
        of_rows = functools.partial(categorical_crossentropy, label_smoothing=label_smoothing)
        return _of_one_hot(of_rows, y_true, y_pred, from_logits, ignore_class, axis)
    if ignore_class is None:
        return ops.sparse_categorical_crossentropy(y_true, y_pred, from_logits=from_logits, axis=axis)
    y_pred = ops.convert_to_tensor(y_pred)
    y_true = ops.convert_to_tensor(y_true)
    counts, y_true, y_pred = _without_ignored(y_true, y_pred, ignore_class, axis)
    values = ops.sparse_categorical_crossentropy(y_true, y_pred, from_logits=from_logits, axis=axis)
    values = ops.where(counts, values, ops.zeros_like(values))
    set_mask(values, counts)
    return values


def _without_ignored(y_true: Tensor, y_pred: Tensor, ignore_class: int, axis: int) -> tuple[Tensor, Tensor, Tensor]:
    """Which positions count, and labels and predictions that are zeros at the others.

    Predictions there may be anything: the derivative at a NaN or at zero probabilities is NaN, also times 0.
    """
    counts = y_true != ops.cast(ignore_class, y_true.dtype)
    everywhere = ops.expand_dims(counts, axis)
    return (
        counts,
        ops.where(counts, y_true, ops.zeros_like(y_true)),
        ops.where(everywhere, y_pred, ops.zeros_like(y_pred)),
    )


def _of_one_hot(
    loss: Callable[..., Tensor], y_true: Any, y_pred: Any, from_logits: bool, ignore_class: int | None, axis: int
) -> Tensor:
    """A loss of one-hot rows, for class numbers, of which one may not count."""
    y_true, y_pred = ops.convert_to_tensor(y_true), ops.convert_to_tensor(y_pred)
    if y_true.ndim == y_pred.ndim and y_true.shape[-1] == 1:
        y_true = ops.squeeze(y_true, -1)
    counts = None
    if ignore_class is not None:
        counts, y_true, y_pred = _without_ignored(y_true, y_pred, ignore_class, axis)
    rows = ops.one_hot(ops.cast(y_true, "int32"), y_pred.shape[axis], axis=axis, dtype=y_pred.dtype)
    values = loss(rows, y_pred, from_logits=from_logits, axis=axis)
    if counts is not None:
        values = ops.where(counts, values, ops.zeros_like(values))
        set_mask(values, counts)
    return values


def sparse_categorical_focal_crossentropy(
    y_true: Any,
    y_pred: Any,
    alpha: Any = 0.25,
    gamma: float = 2.0,
    from_logits: bool = False,
    ignore_class: int | None = None,
    axis: int = -1,
) -> Tensor:
    """`categorical_focal_crossentropy` for class numbers (arXiv 1708.02002).

    Args:
        y_true: class numbers, shape `(batch, ...)` or `(batch, ..., 1)`.
        y_pred: probabilities, or logits, shape `(batch, ..., classes)`.
        alpha: a weight for all classes, or one for each.
        gamma: how much easy samples are discounted.
        from_logits: whether `y_pred` is logits.
        ignore_class: a class number that does not count, such as -1 for unlabelled pixels.
        axis: the axis of the classes.

    Returns:
        Shape `(batch, ...)`.

    Example:

    >>> sparse_categorical_focal_crossentropy([1], [[0.4, 0.6]]).numpy().round(4)
    array([0.0204], dtype=float32)
    """
    of_rows = functools.partial(categorical_focal_crossentropy, alpha=alpha, gamma=gamma)
    return _of_one_hot(of_rows, y_true, y_pred, from_logits, ignore_class, axis)


def binary_crossentropy(
    y_true: Any, y_pred: Any, from_logits: bool = False, label_smoothing: float = 0.0, axis: int = -1
) -> Tensor:
    """The mean over an axis of minus the log of the probability of the right answer, for labels 0 and 1.

    Args:
        y_true: labels, shape `(batch, ..., d)`.
        y_pred: probabilities, or logits, of the same shape.
        from_logits: whether `y_pred` is logits.
        label_smoothing: 0 to 1; at 1 every label is 0.5.
        axis: the axis of the mean.

    Returns:
        Shape `(batch, ...)`.

    >>> binary_crossentropy([[1.0]], [[0.5]]).numpy()
    array([0.6931472], dtype=float32)
    """
    y_true, y_pred = _float_pair(y_true, y_pred)
    y_true = _smooth_binary(y_true, label_smoothing)
    return ops.mean(ops.binary_crossentropy(y_true, y_pred, from_logits=from_logits), axis=axis)


def binary_focal_crossentropy(
    y_true: Any,
    y_pred: Any,
    apply_class_balancing: bool = False,
    alpha: float = 0.25,
    gamma: float = 2.0,
    from_logits: bool = False,
    label_smoothing: float = 0.0,
    axis: int = -1,
) -> Tensor:
    """The binary cross-entropy times `(1 - p)**gamma`, with `p` the probability of the right answer (arXiv 1708.02002).

    Args:
        y_true: labels, shape `(batch, ..., d)`.
        y_pred: probabilities, or logits, of the same shape.
        apply_class_balancing: whether class 1 is weighted by `alpha` and class 0 by `1 - alpha`.
        alpha: see above.
        gamma: how much easy samples are discounted.
        from_logits: whether `y_pred` is logits.
        label_smoothing: 0 to 1; at 1 every label is 0.5.
        axis: the axis of the mean.

    Returns:
        Shape `(batch, ...)`.

    Example:

    >>> binary_focal_crossentropy([[0.0, 1.0]], [[0.1, 0.6]]).numpy().round(4)
    array([0.0414], dtype=float32)
    """
    y_true, y_pred = _float_pair(y_true, y_pred)
    y_true = _smooth_binary(y_true, label_smoothing)
    if from_logits:
        y_pred = ops.sigmoid(y_pred)
    values = ops.binary_crossentropy(y_true, y_pred, from_logits=False)
    right = y_true * y_pred + (1.0 - y_true) * (1.0 - y_pred)
    values = ops.power(1.0 - right, gamma) * values
    if apply_class_balancing:
        values = (y_true * alpha + (1.0 - y_true) * (1.0 - alpha)) * values
    return ops.mean(values, axis=axis)


def categorical_focal_crossentropy(
    y_true: Any,
    y_pred: Any,
    alpha: Any = 0.25,
    gamma: float = 2.0,
    from_logits: bool = False,
    label_smoothing: float = 0.0,
    axis: int = -1,
) -> Tensor:
    """The categorical cross-entropy, each term times `alpha * (1 - p)**gamma` (arXiv 1708.02002).

    Args:
        y_true: one-hot rows, shape `(batch, ..., classes)`.
        y_pred: probabilities, or logits, of the same shape.
        alpha: a weight for all classes, or one for each.
        gamma: how much easy samples are discounted.
        from_logits: whether `y_pred` is logits.
        label_smoothing: share, 0 to 1, of each label that is spread over all classes.
        axis: the axis of the classes.

    Returns:
        Shape `(batch, ...)`.

    Example:

    >>> categorical_focal_crossentropy([[0.0, 1.0]], [[0.4, 0.6]]).numpy().round(4)
    array([0.0204], dtype=float32)
    """
    _check_axis("categorical_focal_crossentropy", axis)
    y_true, y_pred = _float_pair(y_true, y_pred)
    y_true = _smooth_classes(y_true, label_smoothing, axis)
    if from_logits:
        y_pred = ops.softmax(y_pred, axis=axis)
    y_pred = y_pred / ops.sum(y_pred, axis=axis, keepdims=True)
    y_pred = ops.clip(y_pred, config.epsilon(), 1.0 - config.epsilon())
    alpha = ops.convert_to_tensor(alpha, dtype=y_pred.dtype)
    values = alpha * ops.power(1.0 - y_pred, gamma) * (-y_true * ops.log(y_pred))
    return ops.sum(values, axis=axis)


def categorical_generalized_cross_entropy(y_true: Any, y_pred: Any, q: float) -> Tensor:
    """`(1 - p**q) / q`, with `p` the probability of the right class: robust to wrong labels (arXiv 1805.07836).

    Args:
        y_true: class numbers, shape `(batch,)` or `(batch, 1)`.
        y_pred: probabilities, shape `(batch, classes)`.
        q: 0 to 1, exclusive; near 0 it is the cross-entropy, near 1 the absolute error.

    Returns:
        Shape `(batch,)`.

    Example:

    >>> categorical_generalized_cross_entropy([0, 1], [[0.9, 0.1], [0.4, 0.6]], 0.5).numpy().round(4)
    array([0.1026, 0.4508], dtype=float32)
    """
    y_pred = ops.convert_to_tensor(y_pred)
    y_true = ops.cast(ops.convert_to_tensor(y_true), "int32")
    if len(y_true.shape) == len(y_pred.shape):
        y_true = ops.squeeze(y_true, -1)
    one_hot = ops.one_hot(y_true, y_pred.shape[-1], dtype=y_pred.dtype)
    right = ops.sum(one_hot * y_pred, axis=-1)
    return (1.0 - ops.power(right, q)) / q


def ctc(y_true: Any, y_pred: Any) -> Tensor:
    """The connectionist temporal classification loss, for sequences labelled without alignment.

    Args:
        y_true: class numbers, shape `(batch, max_length)`; 0 is the blank and fills up short rows.
        y_pred: logits, shape `(batch, time, classes)`.

    Returns:
        Shape `(batch,)`.

    Raises:
        ValueError: if the ranks are not 2 and 3.

    Example:

    >>> outputs = [[[0.0, 1.0, 0.0], [0.0, 0.0, 1.0], [1.0, 0.0, 0.0]]]  # three steps, three classes, 0 is none
    >>> ctc([[1, 2]], outputs).shape
    (1,)
    """
    y_true, y_pred = ops.convert_to_tensor(y_true), ops.convert_to_tensor(y_pred)
    if len(y_true.shape) != 2 or len(y_pred.shape) != 3:
        raise ValueError(
            "ctc: y_true must be (batch, max_length) and y_pred (batch, time, classes), got shapes "
            f"{tuple(y_true.shape)} and {tuple(y_pred.shape)}."
        )
    labels = ops.cast(y_true, "int32")
    label_lengths = ops.sum(ops.cast(labels != 0, "int32"), axis=-1)
    times = ops.full_like(label_lengths, y_pred.shape[1])
    return ops.ctc_loss(labels, y_pred, label_lengths, times, mask_index=0)
