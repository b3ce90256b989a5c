"""Eight-bit floats with a scale that follows the largest sizes of recent steps."""

from __future__ import annotations

from typing import Any

import ml_dtypes

from pronghorn import ops


def largest_of(dtype: str) -> float:
    """The largest number of a type of eight-bit floats.

    >>> largest_of("float8_e4m3fn")
    448.0
    """
    return float(ml_dtypes.finfo(dtype).max)


def compute_float8_scale(amax: Any, scale: Any, dtype_max: Any, margin: int = 0) -> Any:
    """The scale by which the largest size becomes the largest number of a type; the one before if there is none yet.

    The scale divides: numbers become ``x / scale``.

    Args:
        amax: the largest size.
        scale: the scale before, kept where ``amax`` is 0 or not finite.
        dtype_max: the largest number of the type.
        margin: the scale leaves room for a factor ``2 ** margin``.

    Example:

    >>> float(compute_float8_scale(896.0, 1.0, 448.0)), float(compute_float8_scale(0.0, 3.0, 448.0))
    (2.0, 3.0)
    """
    amax = ops.convert_to_tensor(amax)
    fits = ops.reciprocal(ops.divide(dtype_max, amax) / 2**margin)
    return ops.where(ops.isfinite(amax) & (amax > 0), fits, scale)


def compute_float8_amax_history(x: Any, amax_history: Any) -> Any:
    """The largest sizes of recent steps, a ring in which the newest comes first and replaces the oldest.

    Args:
        x: the array of this step.
        amax_history: the largest sizes so far.

    Example:

    >>> compute_float8_amax_history(ops.array([1.0, -5.0]), ops.array([3.0, 2.0, 1.0])).tolist()
    [5.0, 1.0, 3.0]
    """
    newest = ops.cast(ops.max(ops.abs(x)), amax_history.dtype)
    older = ops.roll(amax_history, shift=-1)
    return ops.concatenate([ops.reshape(newest, (1,)), older[1:]])


def quantize_and_dequantize(inputs: Any, scale: Any, quantized_dtype: str, compute_dtype: str) -> Any:
    """Numbers as the eight-bit floats next to them, times the scale.

    Args:
        inputs: floats.
        scale: they are divided by it before, and multiplied after.
        quantized_dtype: the type of eight bits.
        compute_dtype: the type of the result.

    Example:

    >>> quantize_and_dequantize(ops.array([1.05, 1000.0]), 1.0, "float8_e4m3fn", "float32").tolist()
    [1.0, 448.0]
    """
    scale, most = ops.cast(scale, compute_dtype), ops.cast(largest_of(quantized_dtype), compute_dtype)
    small = ops.cast(ops.clip(ops.divide(inputs, scale), -most, most), quantized_dtype)
    return ops.multiply(ops.cast(small, compute_dtype), scale)
