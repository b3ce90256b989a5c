"""Activation functions."""

from __future__ import annotations

import math
from typing import Any

from pronghorn import config
from pronghorn.engine.graph import dtypes
from pronghorn.engine.graph import primitives as P
from pronghorn.engine.graph.dim import comparable
from pronghorn.engine.graph.tensor import Tensor
from pronghorn.engine.graph.user_code import warn
from pronghorn.ops import _broadcast as B
from pronghorn.ops._short_ways import by_shapes
from pronghorn.ops._symbolic import symbolic_aware
from pronghorn.ops.numpy.shaping import part


def where_positive(x: Tensor, yes: Tensor, no: Tensor) -> Tensor:
    """A choice by the sign of ``x``; at 0 it takes ``no``, and so does the gradient."""
    return P.select(P.gt(x, B.zeros_like(x)), yes, no)


def _numeric(x: Any) -> Tensor:
    x = B.convert(x)
    return P.cast(x, dtype="int32") if x.dtype == "bool" else x


# -- piecewise linear -------------------------------------------------------------------------------------------------
@by_shapes
def relu(x: Any) -> Tensor:
    """``max(x, 0)``, NaN where ``x`` is NaN; the gradient at 0 is 0.

    >>> relu([-1.0, 2.0]).numpy()
    array([0., 2.], dtype=float32)
    """
    x = _numeric(x)
    zero = B.zeros_like(x)
    return P.select(P.le(x, zero), zero, x)


@symbolic_aware
def relu6(x: Any) -> Tensor:
    """``min(max(x, 0), 6)``.

    >>> relu6([-1.0, 2.0, 8.0]).numpy()
    array([0., 2., 6.], dtype=float32)
    """
    x = B.to_float(x)
    return _between(x, 0.0, 6.0)


def _between(x: Tensor, low: float, high: float) -> Tensor:
    """``x`` kept between two numbers, with gradient 1 between them and 0 at and beyond them, and for NaN."""
    lower, upper = B.full_like(x, low), B.full_like(x, high)
    not_above = P.select(P.ne(x, x), P.stop_gradient(x), lower)
    return P.select(P.gt(x, lower), P.select(P.lt(x, upper), x, upper), not_above)


@symbolic_aware
def leaky_relu(x: Any, negative_slope: float = 0.2) -> Tensor:
    """``x`` where it is positive, else ``negative_slope * x``.

    >>> leaky_relu([-1.0, 2.0]).numpy()
    array([-0.2,  2. ], dtype=float32)
    """
    x = B.to_float(x)
    return P.select(P.ge(x, B.zeros_like(x)), x, P.mul(x, B.full_like(x, negative_slope)))  # gradient 1 at 0


@symbolic_aware
def hard_sigmoid(x: Any) -> Tensor:
    """``x / 6 + 1/2``, kept between 0 and 1.

    >>> hard_sigmoid([-4.0, 0.0, 4.0]).numpy()
    array([0. , 0.5, 1. ], dtype=float32)
    """
    x = B.to_float(x)
    line = P.add(P.mul(x, B.full_like(x, 1 / 6)), B.full_like(x, 0.5))
    return _between(line, 0.0, 1.0)


@symbolic_aware
def hard_silu(x: Any) -> Tensor:
    """``x`` times its `hard_sigmoid`.

    >>> hard_silu([-1.0, 1.0, 4.0]).numpy().round(4)
    array([-0.3333,  0.6667,  4.    ], dtype=float32)
    """
    x = B.to_float(x)
    return P.mul(x, hard_sigmoid(x))


@symbolic_aware
def hard_swish(x: Any) -> Tensor:
    """The same as `hard_silu`.

    >>> hard_swish([-1.0, 1.0, 4.0]).numpy().round(4)
    array([-0.3333,  0.6667,  4.    ], dtype=float32)
    """
    x = B.to_float(x)
    return P.mul(x, hard_sigmoid(x))


@symbolic_aware
def hard_tanh(x: Any) -> Tensor:
    """``x`` kept between -1 and 1.

    >>> hard_tanh([-4.0, 0.5, 4.0]).numpy()
    array([-1. ,  0.5,  1. ], dtype=float32)
    """
    x = _numeric(x)
    if x.dtype in dtypes.UNSIGNED:
        return P.min(x, B.full_like(x, 1))
    low, high = B.full_like(x, -1), B.full_like(x, 1)
    return P.select(P.gt(x, high), high, P.select(P.lt(x, low), low, x))  # gradient 1 at both ends


@symbolic_aware
def hard_shrink(x: Any, threshold: float = 0.5) -> Tensor:
    """``x`` where its absolute value is above ``threshold``, else 0.

    >>> hard_shrink([-0.3, 0.3, 2.0]).numpy()
    array([0., 0., 2.], dtype=float32)
    """
    x = B.to_float(x)
    return P.select(P.gt(P.abs(x), B.full_like(x, threshold)), x, B.zeros_like(x))


@symbolic_aware
def soft_shrink(x: Any, threshold: float = 0.5) -> Tensor:
    """``x`` moved by ``threshold`` towards 0, and 0 where it would pass it.

    >>> soft_shrink([-0.3, 0.3, 2.0]).numpy()
    array([0. , 0. , 1.5], dtype=float32)
    """
    x = B.to_float(x)
    t = B.full_like(x, threshold)
    low = P.select(P.lt(x, P.neg(t)), P.add(x, t), B.zeros_like(x))
    return P.select(P.gt(x, t), P.sub(x, t), low)


@symbolic_aware
def threshold(x: Any, threshold: float, default_value: float) -> Tensor:
    """``x`` where it is above ``threshold``, else ``default_value``.

    >>> threshold([0.5, 2.0], 1.0, 0.0).numpy()
    array([0., 2.], dtype=float32)
    """
    x = B.to_float(x)
    return P.select(P.gt(x, B.full_like(x, threshold)), x, B.full_like(x, default_value))


@symbolic_aware
def sparse_plus(x: Any) -> Tensor:
    """0 below -1, ``x`` above 1, and ``(x + 1)**2 / 4`` between.

    >>> sparse_plus([-2.0, 0.0, 3.0]).numpy()
    array([0.  , 0.25, 3.  ], dtype=float32)
    """
    x = B.to_float(x)
    one = B.full_like(x, 1)
    shifted = P.add(x, one)
    middle = P.mul(P.mul(shifted, shifted), B.full_like(x, 0.25))
    return P.select(P.le(x, P.neg(one)), B.zeros_like(x), P.select(P.lt(x, one), middle, x))


@symbolic_aware
def sparse_sigmoid(x: Any) -> Tensor:
    """0 below -1, 1 above 1, and ``(x + 1) / 2`` between.

    >>> sparse_sigmoid([-2.0, 0.0, 3.0]).numpy()
    array([0. , 0.5, 1. ], dtype=float32)
    """
    x = B.to_float(x)
    raised = P.add(x, B.full_like(x, 1))
    twice = P.min(P.max(raised, B.zeros_like(x)), B.full_like(x, 2))  # at both ends half of the gradient
    return P.mul(twice, B.full_like(x, 0.5))


# -- smooth -----------------------------------------------------------------------------------------------------------
@by_shapes
def sigmoid(x: Any) -> Tensor:
    """``1 / (1 + exp(-x))``.

    >>> sigmoid(0.0).numpy()
    np.float32(0.5)
    """
    return P.logistic(B.to_float(x))


@symbolic_aware
def log_sigmoid(x: Any) -> Tensor:
    """``log(sigmoid(x))``, without overflow.

    >>> log_sigmoid([0.0, 5.0]).numpy().round(4)
    array([-0.6931, -0.0067], dtype=float32)
    """
    return P.neg(softplus(P.neg(B.to_float(x))))


@symbolic_aware
def softplus(x: Any) -> Tensor:
    """``log(1 + exp(x))``, without overflow.

    >>> softplus([0.0, 5.0]).numpy().round(4)
    array([0.6931, 5.0067], dtype=float32)
    """
    x = B.to_float(x)
    if x.dtype in dtypes.COMPLEX:
        return P.log(P.add(P.exp(x), B.full_like(x, 1)))
    positive = where_positive(x, x, P.select(P.ne(x, x), x, B.zeros_like(x)))
    return P.add(positive, softplus_of_minus_abs(x))


def softplus_of_minus_abs(x: Tensor) -> Tensor:
    """``log(1 + exp(-|x|))``, what `softplus` is besides the positive part of ``x``."""
    # a select and not P.abs: with the choice made alike here and above, the gradient at 0 is 1/2, as it should be
    return P.log1p(P.exp(where_positive(x, P.neg(x), x)))


@symbolic_aware
def softsign(x: Any) -> Tensor:
    """``x / (1 + |x|)``.

    >>> softsign([-1.0, 3.0]).numpy()
    array([-0.5 ,  0.75], dtype=float32)
    """
    x = B.to_float(x)
    return P.div(x, P.add(P.abs(x), B.full_like(P.abs(x), 1)))


@by_shapes
def silu(x: Any) -> Tensor:
    """``x * sigmoid(x)``.

    >>> silu([-1.0, 2.0]).numpy().round(4)
    array([-0.2689,  1.7616], dtype=float32)
    """
    x = B.to_float(x)
    return P.mul(x, P.logistic(x))


@symbolic_aware
def swish(x: Any) -> Tensor:
    """The same as `silu`.

    >>> swish([-1.0, 2.0]).numpy().round(4)
    array([-0.2689,  1.7616], dtype=float32)
    """
    x = B.to_float(x)
    return P.mul(x, P.logistic(x))


@symbolic_aware
def gelu(x: Any, approximate: bool = True) -> Tensor:
    """``x`` times the probability that a standard normal number is below it.

    Args:
        x: the array.
        approximate: whether to take the formula with tanh instead of the exact one with erfc.

    >>> gelu(1.0, approximate=False).numpy()
    np.float32(0.8413447)
    """
    x = B.to_float(x)
    half = P.mul(x, B.full_like(x, 0.5))
    if not approximate:
        return P.mul(half, P.erfc(P.mul(x, B.full_like(x, -math.sqrt(0.5)))))
    cube = P.mul(P.mul(P.mul(x, x), x), B.full_like(x, 0.044715))
    inner = P.mul(P.add(x, cube), B.full_like(x, math.sqrt(2 / math.pi)))
    return P.mul(half, P.add(P.tanh(inner), B.full_like(x, 1)))


@symbolic_aware
def elu(x: Any, alpha: float = 1.0) -> Tensor:
    """``x`` where it is positive, else ``alpha * (exp(x) - 1)``.

    >>> elu([-1.0, 2.0]).numpy().round(4)
    array([-0.6321,  2.    ], dtype=float32)
    """
    x = B.to_float(x)
    return where_positive(x, x, P.mul(P.expm1(_negative_part(x)), B.full_like(x, alpha)))


def _negative_part(x: Tensor) -> Tensor:
    """``x`` where it is not positive: what an exponential may take without overflow in the branch not chosen."""
    return where_positive(x, B.zeros_like(x), x)


@symbolic_aware
def selu(x: Any) -> Tensor:
    """`elu` with the slope and scale that keep mean 0 and variance 1 through layers (Klambauer et al. 2017).

    >>> selu([-1.0, 2.0]).numpy().round(4)
    array([-1.1113,  2.1014], dtype=float32)
    """
    alpha, scale = 1.6732632423543772, 1.0507009873554805
    x = B.to_float(x)
    return P.mul(elu(x, alpha), B.full_like(x, scale))


@symbolic_aware
def celu(x: Any, alpha: float = 1.0) -> Tensor:
    """``x`` where it is positive, else ``alpha * (exp(x / alpha) - 1)``.

    >>> celu([-1.0, 2.0]).numpy().round(4)
    array([-0.6321,  2.    ], dtype=float32)
    """
    x = B.to_float(x)
    low = P.expm1(P.div(_negative_part(x), B.full_like(x, alpha)))
    return P.add(where_positive(x, x, B.zeros_like(x)), P.mul(low, B.full_like(x, alpha)))  # 0.0 at -0.0


@symbolic_aware
def tanh_shrink(x: Any) -> Tensor:
    """``x - tanh(x)``.

    >>> tanh_shrink([0.0, 2.0]).numpy().round(4)
    array([0.   , 1.036], dtype=float32)
    """
    x = B.to_float(x)
    return P.sub(x, P.tanh(x))


@symbolic_aware
def squareplus(x: Any, b: float = 4) -> Tensor:
    """``(x + sqrt(x**2 + b)) / 2``.

    >>> squareplus([-2.0, 0.0, 3.0]).numpy().round(4)
    array([0.4142, 1.    , 3.3028], dtype=float32)
    """
    x = B.to_float(x)
    root = P.sqrt(P.add(P.mul(x, x), B.full_like(x, b)))
    return P.mul(P.add(x, root), B.full_like(x, 0.5))


@symbolic_aware
def glu(x: Any, axis: int = -1) -> Tensor:
    """The first half of ``x`` along ``axis`` times the sigmoid of the second.

    >>> glu([1.0, 2.0, 0.0, 0.0]).numpy()
    array([0.5, 1. ], dtype=float32)
    """
    x = B.to_float(x)
    axis = B.axis_of(axis, x.ndim)
    size = x.shape[axis]
    if comparable(size) and size % 2 != 0:
        raise ValueError(f"glu: axis {axis} of {x.shape} must have an even extent.")
    half = size // 2
    return P.mul(part(x, axis, 0, half), P.logistic(part(x, axis, half, size)))


# -- over an axis -----------------------------------------------------------------------------------------------------
def _axes(axis: Any, rank: int) -> tuple[int, ...]:
    return B.axes_of(axis, rank)


@by_shapes
def softmax(x: Any, axis: Any = -1) -> Tensor:
    """Exponentials along ``axis`` divided by their sum: numbers between 0 and 1 that add to 1.

    Args:
        x: the array.
        axis: an axis, a tuple of some, or None for all. One that is given by itself and has one element is warned of.

    >>> softmax([0.0, 0.0]).numpy()
    array([0.5, 0.5], dtype=float32)
    """
    x = B.to_float(x)
    axes = _axes(axis, x.ndim)
    if isinstance(axis, int) and x.shape[axis] == 1:
        warn(
            f"softmax over axis {axis} of an array of shape {x.shape}: the axis has one element, so the result is all "
            "ones. For two classes and one output use a sigmoid."
        )
    return softmax_over(x, axes)


def softmax_over(x: Tensor, axes: tuple[int, ...]) -> Tensor:
    """`softmax` of floats over non-negative axes."""
    e = P.exp(_below_max(x, axes))
    total = B.keep_dims(P.reduce_sum(e, axes=axes), axes, x.ndim)
    return P.div(e, B.broadcast_to(total, x.shape))


def _below_max(x: Tensor, axes: tuple[int, ...]) -> Tensor:
    """``x`` minus its greatest value along the axes, which is taken as a constant."""
    top = P.stop_gradient(B.keep_dims(P.reduce_max(x, axes=axes), axes, x.ndim))
    return P.sub(x, B.broadcast_to(top, x.shape))


@by_shapes
def log_softmax(x: Any, axis: Any = -1) -> Tensor:
    """``log(softmax(x))``, without overflow.

    >>> log_softmax([0.0, 0.0]).numpy().round(4)
    array([-0.6931, -0.6931], dtype=float32)
    """
    x = B.to_float(x)
    axes = _axes(axis, x.ndim)
    below = _below_max(x, axes)
    total = B.keep_dims(P.log(P.reduce_sum(P.exp(below), axes=axes)), axes, x.ndim)
    return P.sub(below, B.broadcast_to(total, x.shape))


@symbolic_aware
def sparsemax(x: Any, axis: int = -1) -> Tensor:
    """The nearest point to ``x`` whose coordinates along ``axis`` are not negative and add to 1.

    >>> sparsemax([0.0, 2.0]).numpy()
    array([0., 1.], dtype=float32)
    """
    x = B.to_float(x)
    axis = B.axis_of(axis, x.ndim)
    ordered = P.neg(P.sort(P.neg(x), axis=axis, num_keys=1)[0])  # NaN last
    sums = P.cumsum(ordered, axis=axis, reverse=False)
    rank = P.add(P.cast(P.iota(shape=x.shape, dtype="int32", axis=axis), dtype=x.dtype), B.full_like(x, 1))
    inside = P.gt(P.add(P.mul(rank, ordered), B.full_like(x, 1)), sums)
    count = P.reduce_sum(P.cast(inside, dtype=x.dtype), axes=(axis,))
    total = P.reduce_sum(P.select(inside, ordered, B.zeros_like(x)), axes=(axis,))
    tau = B.keep_dims(P.div(P.sub(total, B.full_like(total, 1)), count), (axis,), x.ndim)
    return relu(P.sub(x, B.broadcast_to(tau, x.shape)))


@symbolic_aware
def normalize(x: Any, axis: Any = -1, order: float = 2, epsilon: float | None = None) -> Tensor:
    """``x`` divided by its norm of order ``order`` along ``axis``; norms below ``epsilon`` count as ``epsilon``.

    >>> normalize([[3.0, 4.0]]).numpy()
    array([[0.6, 0.8]], dtype=float32)
    """
    if not isinstance(order, int) or order < 1:
        raise ValueError(f"normalize: order must be a positive integer, got {order!r}.")
    x = B.to_float(x)
    epsilon = config.epsilon() if epsilon is None else epsilon
    axes = _axes(axis, x.ndim)
    if order == 2:
        power = P.reduce_sum(P.mul(x, x), axes=axes)
        scale = P.rsqrt(P.max(power, B.full_like(power, epsilon * epsilon)))
        return P.mul(x, B.broadcast_to(B.keep_dims(scale, axes, x.ndim), x.shape))
    size = P.abs(x)
    power = P.reduce_sum(P.pow(size, B.full_like(size, order)), axes=axes)
    norm = P.pow(power, B.full_like(power, 1 / order))
    norm = B.keep_dims(P.max(norm, B.full_like(norm, epsilon)), axes, x.ndim)
    return P.div(x, B.broadcast_to(norm, x.shape))
