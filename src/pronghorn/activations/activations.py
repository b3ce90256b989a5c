"""The activation functions. Each takes an array and gives one of the same shape, unless it says otherwise."""

from __future__ import annotations

from typing import Any

from pronghorn import ops
from pronghorn.symbolic.keras_tensor import is_keras_tensor


def relu(x: Any, negative_slope: float = 0.0, max_value: float | None = None, threshold: float = 0.0) -> Any:
    """``x`` where it is above ``threshold``, else ``negative_slope * (x - threshold)``; at most ``max_value``.

    >>> relu([-1.0, 2.0]).tolist(), relu([-1.0, 2.0], negative_slope=0.5, max_value=1.0).tolist()
    ([0.0, 2.0], [-0.5, 1.0])
    """
    if negative_slope == 0.0 and threshold == 0.0:
        if max_value == 6:
            return ops.relu6(x)
        positive = ops.relu(x)
        return positive if max_value is None else ops.minimum(positive, max_value)
    if max_value is None and threshold == 0.0:
        return ops.leaky_relu(x, negative_slope=negative_slope)
    x = ops.convert_to_tensor(x) if not _symbolic(x) else x
    above = x if max_value is None else ops.minimum(x, max_value)
    if not negative_slope:  # times which an infinity or a NaN would be NaN
        return ops.where(ops.greater(x, threshold), above, ops.zeros_like(x))
    distance = x - threshold
    not_below = ops.stop_gradient(distance)  # 0 or NaN, without a gradient as in Keras
    return ops.where(
        ops.greater(x, threshold), above, ops.where(ops.less(x, threshold), distance * negative_slope, not_below)
    )


def _symbolic(x: Any) -> bool:
    return is_keras_tensor(x)


def leaky_relu(x: Any, negative_slope: float = 0.2) -> Any:
    """``x`` where it is positive, else ``negative_slope * x``."""
    return ops.leaky_relu(x, negative_slope=negative_slope)


def relu6(x: Any) -> Any:
    """``min(max(x, 0), 6)``."""
    return ops.relu6(x)


def softmax(x: Any, axis: Any = -1) -> Any:
    """Positive numbers that sum to one along ``axis`` (an axis or several).

    >>> softmax([[0.0, 0.0]]).tolist()
    [[0.5, 0.5]]
    """
    return ops.softmax(x, axis=axis)


def log_softmax(x: Any, axis: Any = -1) -> Any:
    """The logarithm of `softmax`, computed stably."""
    return ops.log_softmax(x, axis=axis)


def sparsemax(x: Any, axis: int = -1) -> Any:
    """The nearest point of the simplex along ``axis``: like softmax, with zeros."""
    return ops.sparsemax(x, axis)


def elu(x: Any, alpha: float = 1.0) -> Any:
    """``x`` where it is positive, else ``alpha * (exp(x) - 1)``."""
    return ops.elu(x, alpha=alpha)


def selu(x: Any) -> Any:
    """The scaled `elu` of self-normalizing networks."""
    return ops.selu(x)


def celu(x: Any, alpha: float = 1.0) -> Any:
    """``max(x, 0) + min(0, alpha * (exp(x / alpha) - 1))``."""
    return ops.celu(x, alpha=alpha)


def gelu(x: Any, approximate: bool = False) -> Any:
    """``x`` times the normal distribution function at ``x``.

    Args:
        x: an array.
        approximate: whether to use the formula with tanh.
    """
    return ops.gelu(x, approximate=approximate)


def glu(x: Any, axis: int = -1) -> Any:
    """``a * sigmoid(b)`` for the two halves ``a`` and ``b`` of ``x`` along ``axis``."""
    return ops.glu(x, axis=axis)


def silu(x: Any) -> Any:
    """``x * sigmoid(x)``; also called swish."""
    return ops.silu(x)


swish = silu


def hard_silu(x: Any) -> Any:
    """``x * hard_sigmoid(x)``; also called hard swish."""
    return ops.hard_silu(x)


hard_swish = hard_silu


def sigmoid(x: Any) -> Any:
    """``1 / (1 + exp(-x))``."""
    return ops.sigmoid(x)


def hard_sigmoid(x: Any) -> Any:
    """``x / 6 + 1/2``, kept between 0 and 1."""
    return ops.hard_sigmoid(x)


def sparse_sigmoid(x: Any) -> Any:
    """``(x + 1) / 2``, kept between 0 and 1."""
    return ops.sparse_sigmoid(x)


def log_sigmoid(x: Any) -> Any:
    """The logarithm of `sigmoid`, computed stably."""
    return ops.log_sigmoid(x)


def tanh(x: Any) -> Any:
    """The hyperbolic tangent."""
    return ops.tanh(x)


def hard_tanh(x: Any) -> Any:
    """``x``, kept between -1 and 1."""
    return ops.hard_tanh(x)


def tanh_shrink(x: Any) -> Any:
    """``x - tanh(x)``."""
    return ops.tanh_shrink(x)


def hard_shrink(x: Any, threshold: float = 0.5) -> Any:
    """``x`` where it is farther from zero than ``threshold``, else 0."""
    return ops.hard_shrink(x, threshold=threshold)


def soft_shrink(x: Any, threshold: float = 0.5) -> Any:
    """``x`` moved by ``threshold`` towards zero, 0 where it would cross it."""
    return ops.soft_shrink(x, threshold=threshold)


def threshold(x: Any, threshold: float, default_value: float) -> Any:
    """``x`` where it is above ``threshold``, else ``default_value``."""
    return ops.threshold(x, threshold, default_value)


def softplus(x: Any) -> Any:
    """``log(1 + exp(x))``."""
    return ops.softplus(x)


def sparse_plus(x: Any) -> Any:
    """A quadratic between 0 (below -1) and ``x`` (above 1)."""
    return ops.sparse_plus(x)


def squareplus(x: Any, b: float = 4) -> Any:
    """``(x + sqrt(x**2 + b)) / 2``."""
    return ops.squareplus(x, b=b)


def softsign(x: Any) -> Any:
    """``x / (1 + |x|)``."""
    return ops.softsign(x)


def mish(x: Any) -> Any:
    """``x * tanh(softplus(x))``."""
    return x * ops.tanh(ops.softplus(x)) if hasattr(x, "shape") else mish(ops.convert_to_tensor(x))


def exponential(x: Any) -> Any:
    """``exp(x)``."""
    return ops.exp(x)


def linear(x: Any) -> Any:
    """``x`` as it is."""
    return x
