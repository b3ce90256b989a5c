"""More of `tf.nn`: losses, moments and the normalization of older networks, for `pronghorn run`."""

from __future__ import annotations

from typing import Any

import numpy as np

from pronghorn import ops
from pronghorn_tensorflow.rows.sparse import SparseTensor, to_dense


def compute_average_loss(per_example_loss: Any, sample_weight: Any = None, global_batch_size: Any = None) -> Any:
    """`tf.nn.compute_average_loss`: the sum over the size of the batch."""
    loss = ops.convert_to_tensor(per_example_loss)
    if sample_weight is not None:
        loss = loss * ops.cast(sample_weight, loss.dtype)
    count = ops.shape(loss)[0] if global_batch_size is None else global_batch_size
    return ops.sum(loss) / ops.cast(count, loss.dtype)


def scale_regularization_loss(regularization_loss: Any) -> Any:
    """`tf.nn.scale_regularization_loss`: the sum; there is one replica."""
    return ops.sum(regularization_loss)


def ctc_loss(
    labels: Any,
    logits: Any,
    label_length: Any,
    logit_length: Any,
    logits_time_major: bool = True,
    unique: Any = None,
    blank_index: Any = None,
    name: str | None = None,
) -> Any:
    """`tf.nn.ctc_loss`: of each row of labels, which may be sparse."""
    logits = ops.convert_to_tensor(logits)
    if isinstance(labels, SparseTensor):
        label_length = np.bincount(labels.indices[:, 0], minlength=labels.shape[0]).astype("int32")
        labels = to_dense(labels)
    if logits_time_major:
        logits = ops.swapaxes(logits, 0, 1)
    blank = 0 if blank_index is None else int(blank_index)
    blank = logits.shape[-1] + blank if blank < 0 else blank
    return ops.ctc_loss(labels, logits, label_length, logit_length, mask_index=blank)


def log_poisson_loss(targets: Any, log_input: Any, compute_full_loss: bool = False, name: str | None = None) -> Any:
    """`tf.nn.log_poisson_loss`."""
    targets, log_input = ops.convert_to_tensor(targets), ops.convert_to_tensor(log_input)
    loss = ops.exp(log_input) - log_input * targets
    if compute_full_loss:
        safe = ops.where(targets <= 1, ops.ones_like(targets), targets)
        stirling = targets * ops.log(safe) - targets + 0.5 * ops.log(6.283185307179586 * safe)
        loss = loss + ops.where((targets >= 0) & (targets <= 1), ops.zeros_like(targets), stirling)
    return loss


def weighted_cross_entropy_with_logits(labels: Any, logits: Any, pos_weight: Any, name: str | None = None) -> Any:
    """`tf.nn.weighted_cross_entropy_with_logits`."""
    labels, logits = ops.convert_to_tensor(labels), ops.convert_to_tensor(logits)
    weight = 1 + (pos_weight - 1) * labels
    return (1 - labels) * logits + weight * ops.softplus(-logits)


def normalize_moments(counts: Any, mean_ss: Any, variance_ss: Any, shift: Any, name: str | None = None) -> Any:
    """`tf.nn.normalize_moments`: the mean and variance of sums."""
    share = 1.0 / ops.convert_to_tensor(counts)
    offset = ops.convert_to_tensor(mean_ss) * share
    mean = offset if shift is None else offset + shift
    return mean, variance_ss * share - ops.square(offset)


def weighted_moments(x: Any, axes: Any, frequency_weights: Any, keepdims: bool = False, name: str | None = None) -> Any:
    """`tf.nn.weighted_moments`."""
    x = ops.convert_to_tensor(x)
    weights = ops.broadcast_to(ops.cast(frequency_weights, x.dtype), x.shape)
    total = ops.sum(weights, axis=axes, keepdims=True)
    mean = ops.sum(weights * x, axis=axes, keepdims=True) / total
    variance = ops.sum(weights * ops.square(x - mean), axis=axes, keepdims=True) / total
    return (mean, variance) if keepdims else (ops.squeeze(mean, axes), ops.squeeze(variance, axes))


def local_response_normalization(
    input: Any, depth_radius: int = 5, bias: float = 1, alpha: float = 1, beta: float = 0.5, name: str | None = None
) -> Any:
    """`tf.nn.local_response_normalization`: over neighbouring channels."""
    x = ops.convert_to_tensor(input)
    depth, radius = x.shape[-1], int(depth_radius)
    squares = ops.pad(ops.square(x), [(0, 0)] * (x.ndim - 1) + [(radius, radius)])
    total = sum(squares[..., i : i + depth] for i in range(2 * radius + 1))
    return x / ops.power(bias + alpha * total, beta)
