"""From one value per sample to what a loss returns: ranks, masks, sample weights, reduction."""

from __future__ import annotations

from typing import Any

from pronghorn import config, ops
from pronghorn._lazy import nearest_clause
from pronghorn.engine.graph import primitives as P
from pronghorn.engine.graph.dim import Extent, is_static, product
from pronghorn.engine.graph.tensor import Tensor

#: What `reduction` may be.
REDUCTIONS = ("sum_over_batch_size", "sum", "mean", "mean_with_sample_weight", "none", None)


def standardize_reduction(reduction: str | None) -> str | None:
    """Return a checked reduction.

    Raises:
        ValueError: if it is none of `REDUCTIONS`.
    """
    if reduction in REDUCTIONS:
        return reduction
    known = [r for r in REDUCTIONS if r is not None]
    raise ValueError(
        f"Invalid value for argument `reduction`: {reduction!r}; it must be one of {', '.join(map(repr, known))} "
        f"or None{nearest_clause(str(reduction), known)}."
    )


def count(shape: tuple[Extent, ...], dtype: str) -> Any:
    """The number of elements of a shape as a scalar: a Python float, or a tensor where an extent is symbolic."""
    if is_static(shape):
        return float(product(shape))
    return P.cast(P.extent(dim=product(shape)), dtype=dtype)


def same_rank(x: Tensor, y: Tensor, expand_vectors: bool = True) -> tuple[Tensor, Tensor]:
    """Drop or add a last axis of extent 1 where the ranks of two tensors differ by one.

    A vector against a column becomes a column, if `expand_vectors`; in all other cases the extra axis is dropped.

    >>> x, y = same_rank(ops.ones((4, 3, 1)), ops.ones((4, 3)))
    >>> x.shape, y.shape
    ((4, 3), (4, 3))
    """
    surplus = len(x.shape) - len(y.shape)
    if surplus == 1 and x.shape[-1] == 1:
        if len(y.shape) == 1 and expand_vectors:
            return x, ops.expand_dims(y, -1)
        return ops.squeeze(x, -1), y
    if surplus == -1 and y.shape[-1] == 1:
        if len(x.shape) == 1 and expand_vectors:
            return ops.expand_dims(x, -1), y
        return x, ops.squeeze(y, -1)
    return x, y


def weights_with_mask(sample_weight: Tensor | None, mask: Tensor | None, dtype: str, reduction: str | None) -> Any:
    """Fold a mask into the sample weights.

    A mean is over the unmasked entries only, so their weights grow by the share of entries that the mask removes.
    """
    if mask is None:
        return sample_weight
    mask = ops.cast(mask, dtype)
    if reduction in ("mean", "sum_over_batch_size"):
        total = count(mask.shape, dtype)
        mask = mask * (total / (ops.sum(mask) + config.epsilon()))
    if sample_weight is None:
        return mask
    sample_weight, mask = same_rank(ops.cast(sample_weight, dtype), mask)
    return sample_weight * mask


def reduce_values(values: Tensor, sample_weight: Tensor | None, reduction: str | None) -> Tensor:
    """Reduce values that are already weighted; `sample_weight` is needed for "mean_with_sample_weight" only."""
    if reduction in (None, "none") or values.shape in ((), (0,)):
        return values
    total = ops.sum(values)
    if reduction in ("mean", "sum_over_batch_size"):
        return total / count(values.shape, total.dtype)
    if reduction == "mean_with_sample_weight":
        if sample_weight is None:
            return total / count(values.shape, total.dtype)
        return ops.divide_no_nan(total, ops.sum(sample_weight))
    return total


def reduce_weighted_values(
    values: Any,
    reduction: str | None = "sum_over_batch_size",
    sample_weight: Any = None,
    mask: Any = None,
    dtype: str | None = None,
) -> Tensor:
    """Weight and reduce the values of the samples.

    Args:
        values: shape `(batch, ...)`.
        reduction: one of `REDUCTIONS`.
        sample_weight: broadcast against `values`.
        mask: true for what counts; it may be a shape that broadcasts against `values`.
        dtype: the type of the result; that of `values` by default.
    """
    reduction = standardize_reduction(reduction)
    values = ops.convert_to_tensor(values, dtype=dtype)
    factors = (None if x is None else ops.convert_to_tensor(x, dtype=values.dtype) for x in (sample_weight, mask))
    weight = weights_with_mask(*factors, values.dtype, reduction)
    if weight is None:
        return reduce_values(values, None, reduction)
    values, weight = same_rank(values, ops.cast(weight, values.dtype))
    return reduce_values(values * weight, weight, reduction)
