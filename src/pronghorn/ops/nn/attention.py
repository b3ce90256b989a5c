"""Scaled dot-product attention."""

from __future__ import annotations

import math
from typing import Any

from pronghorn.engine.graph import primitives as P
from pronghorn.engine.graph.tensor import Tensor
from pronghorn.ops import _broadcast as B
from pronghorn.ops._symbolic import symbolic_aware
from pronghorn.ops.nn.activations import softmax_over


@symbolic_aware
def dot_product_attention(
    query: Any,
    key: Any,
    value: Any,
    bias: Any = None,
    mask: Any = None,
    scale: float | None = None,
    is_causal: bool = False,
    flash_attention: bool | None = None,
    attn_logits_soft_cap: float | None = None,
) -> Tensor:
    """Means of the values, weighted by how well their keys fit the queries.

    Args:
        query: ``[batch, targets, heads, size]``.
        key: ``[batch, sources, key heads, size]``; each key head serves ``heads / key heads`` query heads.
        value: ``[batch, sources, key heads, size]``.
        bias: added to the logits; broadcast to ``[batch, heads, targets, sources]``.
        mask: where it is false, a source does not count; broadcast like ``bias``.
        scale: the factor of the logits; ``1 / sqrt(size)`` by default.
        is_causal: whether a target sees only the sources up to its own place.
        flash_attention: accepted for compatibility; the compiler fuses where it can.
        attn_logits_soft_cap: if given, logits are kept within it by ``cap * tanh(logits / cap)``.

    Returns:
        ``[batch, targets, heads, size]``.

    >>> import numpy as np
    >>> x = np.ones((1, 3, 2, 4), "float32")
    >>> dot_product_attention(x, x, x).shape
    (1, 3, 2, 4)
    """
    dtype = B.float_dtype(*map(B.weak_name, (query, key, value)))
    q, k, v = (B.cast(t, dtype) for t in (query, key, value))
    for name, t in (("query", q), ("key", k), ("value", v)):
        if t.ndim != 4:
            raise ValueError(
                f"dot_product_attention: {name} must have the axes [batch, sequence, heads, size], got shape {t.shape}."
            )
    k, v = (_for_heads(t, q.shape[2]) for t in (k, v))
    factor = 1 / math.sqrt(int(q.shape[-1])) if scale is None else scale
    if dtype in ("float16", "bfloat16"):  # logits have too few digits there, or are too large
        q, k = P.cast(q, dtype="float32"), P.cast(k, dtype="float32")
    logits = P.dot_general(q, k, contract=((3,), (3,)), batch=((0, 2), (0, 2)))  # batch, heads, targets, sources
    logits = P.mul(logits, B.broadcast_to(B.cast(factor, logits.dtype), logits.shape))
    if bias is not None:
        logits = P.add(logits, B.broadcast_to(B.cast(bias, logits.dtype), logits.shape))
    if attn_logits_soft_cap is not None:
        cap = float(attn_logits_soft_cap)
        logits = P.mul(P.tanh(P.div(logits, B.full_like(logits, cap))), B.full_like(logits, cap))
    seen = _visible(mask, is_causal, logits)
    if seen is not None:
        logits = P.select(seen, logits, B.full_like(logits, -0.7 * 3.4028235e38))
    weights = B.cast(softmax_over(logits, (3,)), dtype)
    out = P.dot_general(weights, v, contract=((3,), (1,)), batch=((0, 1), (0, 2)))  # batch, heads, targets, size
    return P.transpose(out, perm=(0, 2, 1, 3))


def _for_heads(x: Tensor, heads: Any) -> Tensor:
    """Key heads repeated for the query heads that they serve."""
    own = x.shape[2]
    if own == heads:
        return x
    if heads % own:
        raise ValueError(f"dot_product_attention: {heads} query heads do not divide into {own} key heads.")
    batch, length, _, size = x.shape
    wide = P.broadcast_in_dim(x, shape=(batch, length, own, heads // own, size), dims=(0, 1, 2, 4))
    return P.reshape(wide, shape=(batch, length, heads, size))


def _visible(mask: Any, is_causal: bool, logits: Tensor) -> Tensor | None:
    seen = None
    if mask is not None:
        mask = B.cast(mask, "bool")
        if mask.ndim != 4:
            raise ValueError(
                f"dot_product_attention: mask must broadcast to [batch, heads, targets, sources], got {mask.shape}."
            )
        seen = B.broadcast_to(mask, logits.shape)
    if is_causal:
        shape = logits.shape[-2:]
        rows, columns = (P.iota(shape=shape, dtype="int32", axis=a) for a in (0, 1))
        causal = B.broadcast_to(P.ge(rows, columns), logits.shape)
        seen = causal if seen is None else P.and_(seen, causal)
    return seen
