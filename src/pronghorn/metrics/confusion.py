"""Counts of true and false positives and negatives at many thresholds, in ops."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np

from pronghorn import config, ops
from pronghorn.engine.graph import dtypes
from pronghorn.engine.graph.tensor import Tensor
from pronghorn.losses.reduction import same_rank
from pronghorn.utils.arguments import is_number

#: What scores outside of the top k become: below every threshold.
LOWEST = -1e10


class Counts(NamedTuple):
    """Weighted numbers of samples, one a threshold, shape `(thresholds,)` or `(thresholds, labels)`."""

    true_positives: Tensor
    false_positives: Tensor
    true_negatives: Tensor
    false_negatives: Tensor


def check_thresholds(owner: str, thresholds: Any, default: float) -> list[float]:
    """Thresholds as a list; `default` for None.

    Raises:
        ValueError: if one lies outside of `[0, 1]`.
    """
    if thresholds is None:
        return [default]
    found = list(thresholds) if isinstance(thresholds, list | tuple | np.ndarray) else [thresholds]
    outside = [t for t in found if not is_number(t) or not 0 <= t <= 1]
    if outside:
        raise ValueError(f"{owner}: thresholds lie between 0 and 1; got {outside}.")
    return found


def is_evenly_spaced(thresholds: Sequence[float]) -> bool:
    """Whether the thresholds are `0, 1/n, 2/n, ..., 1`, which allows counting by buckets."""
    if len(thresholds) < 3:
        return False
    even = np.arange(len(thresholds), dtype="float32") / (len(thresholds) - 1)
    return bool(np.allclose(np.asarray(thresholds, "float32"), even, atol=config.epsilon()))


def keep_top_k(scores: Tensor, k: int) -> Tensor:
    """Scores with all but the `k` largest along the last axis set to `LOWEST`."""
    _, best = ops.top_k(scores, k, sorted=False)
    kept = ops.max(ops.one_hot(best, scores.shape[-1], dtype="int32"), axis=-2)
    return ops.where(ops.cast(kept, "bool"), scores, ops.full_like(scores, LOWEST))


def confusion_counts(
    y_true: Any,
    y_pred: Any,
    thresholds: Sequence[float],
    sample_weight: Any = None,
    top_k: int | None = None,
    class_id: int | None = None,
    multi_label: bool = False,
    label_weights: Any = None,
    evenly_spaced: bool = False,
) -> Counts:
    """Count true and false positives and negatives.

    Args:
        y_true: labels 0 and 1.
        y_pred: scores; a score above a threshold is a positive.
        thresholds: see above.
        sample_weight: weights that broadcast against `y_pred`.
        top_k: only the so many largest scores of a sample can be positives.
        class_id: the one entry of the last axis that counts.
        multi_label: whether to count each entry of the last axis by itself.
        label_weights: a weight for each entry of the last axis.
        evenly_spaced: see `is_evenly_spaced`.
    """
    y_pred = ops.convert_to_tensor(y_pred)
    if not dtypes.is_float(y_pred.dtype):
        y_pred = ops.cast(y_pred, config.floatx())
    y_true = ops.cast(ops.convert_to_tensor(y_true), y_pred.dtype)
    y_true, y_pred = same_rank(y_true, y_pred)
    if top_k is not None:
        y_pred = keep_top_k(y_pred, top_k)
    if class_id is not None:
        if len(y_pred.shape) < 2:
            raise ValueError(
                f"class_id={class_id} picks a column of y_pred, which needs an axis of classes after that of samples; "
                f"its shape is {tuple(y_pred.shape)}. Leave class_id out for a single score a sample."
            )
        y_true, y_pred = y_true[..., class_id], y_pred[..., class_id]
    weight = _weights(y_pred, sample_weight, label_weights)
    labels = y_pred.shape[-1] if multi_label else 1
    columns = [ops.reshape(x, (-1, labels)) for x in (y_pred, y_true, weight)]
    count = _count_in_buckets if evenly_spaced else _count_by_comparing
    result = count(*columns, thresholds)
    return result if multi_label else Counts(*(ops.squeeze(x, -1) for x in result))


def _weights(y_pred: Tensor, sample_weight: Any, label_weights: Any) -> Tensor:
    weight = ops.ones_like(y_pred)
    if sample_weight is not None:
        given = ops.cast(ops.convert_to_tensor(sample_weight), y_pred.dtype)
        given, _ = same_rank(given, y_pred, expand_vectors=False)
        while len(given.shape) < len(y_pred.shape):
            given = ops.expand_dims(given, -1)
        weight = weight * given
    if label_weights is not None:
        weight = weight * ops.cast(ops.convert_to_tensor(label_weights), y_pred.dtype)
    return weight


def _count_by_comparing(scores: Tensor, labels: Tensor, weights: Tensor, thresholds: Sequence[float]) -> Counts:
    """Compare each score, `(samples, labels)`, with each threshold."""
    limits = ops.reshape(ops.convert_to_tensor(thresholds, dtype=scores.dtype), (-1, 1, 1))
    positive = ops.cast(ops.expand_dims(scores, 0) > limits, scores.dtype)
    true = ops.expand_dims(ops.cast(ops.cast(labels, "bool"), scores.dtype), 0)
    weights = ops.expand_dims(weights, 0)
    products = (
        true * positive,
        (1.0 - true) * positive,
        (1.0 - true) * (1.0 - positive),
        true * (1.0 - positive),
    )
    return Counts(*(ops.sum(product * weights, axis=1) for product in products))


def _count_in_buckets(scores: Tensor, labels: Tensor, weights: Tensor, thresholds: Sequence[float]) -> Counts:
    """Sort each score into the bucket below the first threshold that it does not pass, then sum from above."""
    number = len(thresholds)
    width = scores.shape[-1]
    true = ops.cast(ops.cast(labels, "bool"), scores.dtype)
    # In the first bucket are the scores of zero, too, which pass that threshold only where it is below zero, as AUC's.
    passing = weights if thresholds[0] < 0 else ops.where(scores <= 0.0, ops.zeros_like(weights), weights)
    bucket = ops.ceil(ops.clip(scores, 0.0, 1.0) * (number - 1)) - 1.0
    bucket = ops.cast(ops.maximum(bucket, 0.0), "int32")
    bucket = ops.reshape(bucket * width + ops.arange(width, dtype="int32"), (-1,))

    def passed(amount: Tensor) -> Tensor:
        inside = ops.segment_sum(ops.reshape(amount, (-1,)), bucket, num_segments=number * width)
        inside = ops.reshape(inside, (number, width))
        return ops.flip(ops.cumsum(ops.flip(inside, axis=0), axis=0), axis=0)

    true_positives, false_positives = passed(true * passing), passed((1.0 - true) * passing)
    positives = ops.sum(true * weights, axis=0, keepdims=True)
    negatives = ops.sum((1.0 - true) * weights, axis=0, keepdims=True)
    return Counts(true_positives, false_positives, negatives - false_positives, positives - true_positives)
