"""TensorFlow's arithmetic, element by element and along an axis, over `pronghorn.ops`, for `pronghorn run`."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from pronghorn import ops
from pronghorn.engine.graph import dtypes


# -- of one array or two -----------------------------------------------------------------------------------------------
def cumulative_logsumexp(
    x: Any, axis: int = 0, exclusive: bool = False, reverse: bool = False, name: str | None = None
) -> Any:
    """`tf.math.cumulative_logsumexp`."""
    x = ops.moveaxis(ops.convert_to_tensor(x), axis, 0)
    x = ops.flip(x, axis=0) if reverse else x
    found = ops.associative_scan(ops.logaddexp, x, axis=0)
    if exclusive:
        nothing = ops.full((1, *x.shape[1:]), -np.inf, dtype=x.dtype)
        found = ops.concatenate([nothing, found[:-1]], axis=0)
    return ops.moveaxis(ops.flip(found, axis=0) if reverse else found, 0, axis)


def erfcinv(x: Any, name: str | None = None) -> Any:
    """`tf.math.erfcinv`."""
    return ops.erfinv(1.0 - ops.convert_to_tensor(x))


def ndtri(x: Any, name: str | None = None) -> Any:
    """`tf.math.ndtri`: the quantile of the normal distribution."""
    return np.float32(np.sqrt(2.0)) * ops.erfinv(2.0 * ops.convert_to_tensor(x) - 1.0)


def is_non_decreasing(x: Any, name: str | None = None) -> Any:
    """`tf.math.is_non_decreasing`."""
    x = ops.reshape(ops.convert_to_tensor(x), (-1,))
    return ops.all(x[1:] >= x[:-1])


def is_strictly_increasing(x: Any, name: str | None = None) -> Any:
    """`tf.math.is_strictly_increasing`."""
    x = ops.reshape(ops.convert_to_tensor(x), (-1,))
    return ops.all(x[1:] > x[:-1])


def polyval(coeffs: Sequence[Any], x: Any, name: str | None = None) -> Any:
    """`tf.math.polyval`: of coefficients with the highest power first."""
    total: Any = 0
    for c in coeffs:
        total = total * x + c
    return ops.convert_to_tensor(total)


def reciprocal_no_nan(x: Any, name: str | None = None) -> Any:
    """`tf.math.reciprocal_no_nan`: 0 where `x` is."""
    x = ops.convert_to_tensor(x)
    return ops.divide_no_nan(ops.ones_like(x), x)


def reduce_euclidean_norm(input_tensor: Any, axis: Any = None, keepdims: bool = False, name: str | None = None) -> Any:
    """`tf.math.reduce_euclidean_norm`."""
    return ops.sqrt(ops.sum(ops.square(input_tensor), axis=axis, keepdims=keepdims))


def scalar_mul(scalar: Any, x: Any, name: str | None = None) -> Any:
    """`tf.math.scalar_mul`."""
    return ops.multiply(scalar, x)


def _no_nan(of: Callable[[Any], Any]) -> Callable[..., Any]:
    """`x` times a function of `y`, which is 0 where `x` is."""

    def function(x: Any, y: Any, name: str | None = None) -> Any:
        x, y = ops.convert_to_tensor(x), ops.convert_to_tensor(y)
        zero = ops.equal(x, 0)
        safe = ops.where(zero, ops.ones_like(y), y)
        return ops.where(zero, ops.zeros_like(x * y), x * of(safe))

    return function


xlogy = _no_nan(ops.log)
xlog1py = _no_nan(ops.log1p)
xdivy = _no_nan(lambda y: 1.0 / y)


def zero_fraction(value: Any, name: str | None = None) -> Any:
    """`tf.nn.zero_fraction`: the share of zeros."""
    return ops.mean(ops.cast(ops.equal(ops.convert_to_tensor(value), 0), "float32"))


def complex_of(real: Any, imag: Any, name: str | None = None) -> Any:
    """`tf.complex`."""
    return ops.view_as_complex(ops.stack([ops.convert_to_tensor(real), ops.convert_to_tensor(imag)], axis=-1))


def truncatediv(x: Any, y: Any, name: str | None = None) -> Any:
    """`tf.truncatediv`: integer division towards zero."""
    x, y = ops.convert_to_tensor(x), ops.convert_to_tensor(y)
    return ops.sign(x) * ops.sign(y) * ops.floor_divide(ops.abs(x), ops.abs(y))


def bitcast(input: Any, type: Any, name: str | None = None) -> Any:
    """`tf.bitcast`, between types of one size."""
    return ops.view(input, dtypes.name_of(type))


# -- bits --------------------------------------------------------------------------------------------------------------
def invert(x: Any, name: str | None = None) -> Any:
    """`tf.bitwise.invert`."""
    return ops.bitwise_not(x)
