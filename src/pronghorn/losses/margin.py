"""Loss functions that ask for a margin: the hinges and the circle loss."""

from __future__ import annotations

from typing import Any

from pronghorn import ops
from pronghorn.engine.graph.tensor import Tensor
from pronghorn.losses.regression import as_pair
from pronghorn.utils.masking import set_mask


def _signed_labels(y_true: Tensor) -> Tensor:
    """Labels as -1 and 1: if all are 0 or 1, the zeros become -1."""
    binary = ops.all(ops.logical_or(y_true == 0, y_true == 1))
    return ops.where(binary, 2.0 * y_true - 1.0, y_true)


def hinge(y_true: Any, y_pred: Any) -> Tensor:
    """The mean of `max(1 - y_true * y_pred, 0)` over the last axis; labels are -1 and 1, or 0 and 1.

    >>> hinge([[1.0, -1.0]], [[0.5, -2.0]]).numpy()
    array([0.25], dtype=float32)
    """
    y_true, y_pred = as_pair(y_true, y_pred)
    return ops.mean(ops.maximum(1.0 - _signed_labels(y_true) * y_pred, 0.0), axis=-1)


def squared_hinge(y_true: Any, y_pred: Any) -> Tensor:
    """The mean of `max(1 - y_true * y_pred, 0)**2` over the last axis; labels are -1 and 1, or 0 and 1.

    Args:
        y_true: the targets, shape `(batch, ..., n)`.
        y_pred: the predictions, of the same shape or one that can be broadcast to it.

    Returns:
        Shape `(batch, ...)`.

    Raises:
        ValueError: if the shapes cannot be broadcast together.

    >>> squared_hinge([[1.0, -1.0]], [[0.5, -2.0]]).numpy()
    array([0.125], dtype=float32)
    """
    y_true, y_pred = as_pair(y_true, y_pred)
    return ops.mean(ops.square(ops.maximum(1.0 - _signed_labels(y_true) * y_pred, 0.0)), axis=-1)


def categorical_hinge(y_true: Any, y_pred: Any) -> Tensor:
    """`max(largest wrong score - right score + 1, 0)` for one-hot labels.

    >>> categorical_hinge([[0.0, 1.0]], [[0.6, 0.4]]).numpy()
    array([1.2], dtype=float32)
    """
    y_true, y_pred = as_pair(y_true, y_pred)
    right = ops.sum(y_true * y_pred, axis=-1)
    wrong = ops.max((1.0 - y_true) * y_pred, axis=-1)
    return ops.maximum(wrong - right + 1.0, 0.0)


def circle(
    y_true: Any,
    y_pred: Any,
    ref_labels: Any = None,
    ref_embeddings: Any = None,
    remove_diagonal: bool = True,
    gamma: float = 80,
    margin: float = 0.4,
) -> Tensor:
    """The circle loss (arXiv 2002.10857) of embeddings of length one.

    Args:
        y_true: class numbers, shape `(batch,)` or `(batch, 1)`.
        y_pred: embeddings, shape `(batch, d)`.
        ref_labels: class numbers of other embeddings to compare with; those of the batch by default.
        ref_embeddings: those embeddings.
        remove_diagonal: whether a sample is not compared with itself.
        gamma: the scale.
        margin: how strict it is, 0 to 1.

    Returns:
        One value a sample, shape `(batch,)`.

    Example:

    >>> circle([0, 1, 0], [[1.0, 0.0], [0.0, 1.0], [1.0, 0.0]]).shape
    (3,)
    """
    y_pred = ops.convert_to_tensor(y_pred, dtype="float32")
    y_true = ops.convert_to_tensor(y_true, dtype="float32")
    own = ref_embeddings is None
    reference = y_pred if own else ops.convert_to_tensor(ref_embeddings, dtype=y_pred.dtype)
    labels = y_true if ref_labels is None else ops.convert_to_tensor(ref_labels, dtype=y_true.dtype)
    same = ops.reshape(y_true, (-1, 1)) == ops.reshape(labels, (1, -1))
    other = ops.logical_not(same)
    similarity = ops.minimum(ops.matmul(y_pred, ops.transpose(reference)), 1.0)
    if remove_diagonal:
        rows = ops.expand_dims(ops.cumsum(ops.ones_like(similarity[:, 0], dtype="int32")), 1)
        columns = ops.expand_dims(ops.cumsum(ops.ones_like(similarity[0, :], dtype="int32")), 0)
        same = ops.logical_and(same, rows != columns)
    pull = ops.maximum(1.0 + margin - similarity, 0.0) * (1.0 - margin - similarity)
    push = ops.maximum(similarity + margin, 0.0) * (similarity - margin)
    values = ops.softplus(_masked_logsumexp(gamma * pull, same) + _masked_logsumexp(gamma * push, other))
    set_mask(values, ops.any(same, axis=1))  # a sample without another of its class says nothing
    return values


def _masked_logsumexp(x: Tensor, mask: Tensor) -> Tensor:
    """`log(sum(exp(x)))` over the entries of each row where the mask is true; -inf becomes a large negative number."""
    lowest = -1e9
    return ops.logsumexp(ops.where(mask, x, ops.full_like(x, lowest)), axis=1)
