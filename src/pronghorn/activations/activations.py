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
    """``x`` where it is positive, else ``negative_slope * x``.

    Unlike `relu` it has a gradient for negative inputs too, so that no unit is dead for good (Maas et al. 2013).

    Args:
        x: an array of any shape.
        negative_slope: the slope below zero.

    >>> leaky_relu([-1.0, 2.0], negative_slope=0.1).numpy().round(2)
    array([-0.1,  2. ], dtype=float32)
    """
    return ops.leaky_relu(x, negative_slope=negative_slope)


def relu6(x: Any) -> Any:
    """``min(max(x, 0), 6)``: `relu` that ends at 6.

    For networks that are to compute with few bits, since the range of the values is known (Howard et al. 2017).

    Args:
        x: an array of any shape.

    >>> relu6([-1.0, 2.0, 9.0]).tolist()
    [0.0, 2.0, 6.0]
    """
    return ops.relu6(x)


def softmax(x: Any, axis: Any = -1) -> Any:
    """``exp(x) / sum(exp(x))`` along ``axis``: positive numbers that sum to one.

    For the last layer of a classifier with one class of several, whose probabilities they are, before the losses
    `categorical_crossentropy` and `sparse_categorical_crossentropy`.

    Args:
        x: an array of any shape with one axis at least.
        axis: an axis, or several.

    >>> softmax([[0.0, 0.0]]).tolist()
    [[0.5, 0.5]]
    """
    return ops.softmax(x, axis=axis)


def log_softmax(x: Any, axis: Any = -1) -> Any:
    """The logarithm of `softmax`, ``x - log(sum(exp(x)))``, computed so that nothing overflows.

    For losses that take logarithms of probabilities.

    Args:
        x: an array of any shape with one axis at least.
        axis: an axis, or several.

    >>> log_softmax([[0.0, 0.0]]).numpy().round(4)
    array([[-0.6931, -0.6931]], dtype=float32)
    """
    return ops.log_softmax(x, axis=axis)


def sparsemax(x: Any, axis: int = -1) -> Any:
    """The nearest point of the simplex along ``axis``: like `softmax`, with zeros (Martins and Astudillo 2016).

    For attention, or classes, of which most are to get exactly nothing.

    Args:
        x: an array.
        axis: along which the results sum to one.

    >>> sparsemax([[2.0, 1.5, -1.0]]).tolist()
    [[0.75, 0.25, 0.0]]
    """
    return ops.sparsemax(x, axis)


def elu(x: Any, alpha: float = 1.0) -> Any:
    """``x`` where it is positive, else ``alpha * (exp(x) - 1)``.

    Smooth, and its means are nearer to zero than those of `relu`, which can make training faster (Clevert et al. 2015).

    Args:
        x: an array of any shape.
        alpha: minus what it goes to far below zero.

    >>> elu([-1.0, 2.0]).numpy().round(3)
    array([-0.632,  2.   ], dtype=float32)
    """
    return ops.elu(x, alpha=alpha)


def selu(x: Any) -> Any:
    """The scaled `elu`, ``1.0507 * elu(x, alpha=1.6733)``, of self-normalizing networks (Klambauer et al. 2017).

    Means and variances stay near 0 and 1 from layer to layer, without normalization layers, where the kernels start as
    `LecunNormal` and dropout is `AlphaDropout`.

    Args:
        x: an array of any shape.

    >>> selu([-1.0, 2.0]).numpy().round(3)
    array([-1.111,  2.101], dtype=float32)
    """
    return ops.selu(x)


def celu(x: Any, alpha: float = 1.0) -> Any:
    """``max(x, 0) + min(0, alpha * (exp(x / alpha) - 1))``: an `elu` whose slope is continuous for every ``alpha``.

    Args:
        x: an array of any shape.
        alpha: minus what it goes to far below zero (Barron 2017).

    >>> celu([-1.0, 2.0]).numpy().round(3)
    array([-0.632,  2.   ], dtype=float32)
    """
    return ops.celu(x, alpha=alpha)


def gelu(x: Any, approximate: bool = False) -> Any:
    """``x`` times the normal distribution function at ``x``; the usual choice in transformers.

    See Hendrycks and Gimpel 2016, arXiv:1606.08415.

    Args:
        x: an array of any shape.
        approximate: whether to use ``0.5 * x * (1 + tanh(sqrt(2 / pi) * (x + 0.044715 * x**3)))``, as GPT-2 does.

    >>> gelu([-1.0, 0.0, 1.0]).numpy().round(3)
    array([-0.159,  0.   ,  0.841], dtype=float32)
    """
    return ops.gelu(x, approximate=approximate)


def glu(x: Any, axis: int = -1) -> Any:
    """``a * sigmoid(b)`` for the two halves ``a`` and ``b`` of ``x`` along ``axis``, half as long.

    For gates: one half says how much of the other goes on (Dauphin et al. 2016).

    Args:
        x: an array with an even extent along ``axis``.
        axis: which axis is halved.

    >>> glu([3.0, 0.0]).tolist()
    [1.5]
    """
    return ops.glu(x, axis=axis)


def silu(x: Any) -> Any:
    """``x * sigmoid(x)``, also called swish: smooth, a little below zero for small negative inputs.

    Common in EfficientNet and in language models (Ramachandran et al. 2017).

    Args:
        x: an array of any shape.

    >>> silu([-1.0, 0.0, 1.0]).numpy().round(3)
    array([-0.269,  0.   ,  0.731], dtype=float32)
    """
    return ops.silu(x)


swish = silu


def hard_silu(x: Any) -> Any:
    """``x * hard_sigmoid(x)``, also called hard swish: `silu` without an exponential (MobileNetV3, Howard et al. 2019).

    Args:
        x: an array of any shape.

    >>> hard_silu([-4.0, 0.0, 4.0]).tolist()
    [-0.0, 0.0, 4.0]
    """
    return ops.hard_silu(x)


hard_swish = hard_silu


def sigmoid(x: Any) -> Any:
    """``1 / (1 + exp(-x))``: between 0 and 1.

    For gates, and for the last layer where each output is the probability of a yes, before the loss
    `binary_crossentropy`. Far from zero its gradient vanishes; within networks `relu` and its like learn faster.

    Args:
        x: an array of any shape.

    >>> sigmoid([0.0, 2.0]).numpy().round(3)
    array([0.5  , 0.881], dtype=float32)
    """
    return ops.sigmoid(x)


def hard_sigmoid(x: Any) -> Any:
    """``x / 6 + 1/2``, kept between 0 and 1: `sigmoid` without an exponential.

    Args:
        x: an array of any shape.

    >>> hard_sigmoid([-4.0, 0.0, 4.0]).tolist()
    [0.0, 0.5, 1.0]
    """
    return ops.hard_sigmoid(x)


def sparse_sigmoid(x: Any) -> Any:
    """``(x + 1) / 2``, kept between 0 and 1: a `sigmoid` that reaches both.

    Args:
        x: an array of any shape.

    >>> sparse_sigmoid([-2.0, 0.0, 2.0]).tolist()
    [0.0, 0.5, 1.0]
    """
    return ops.sparse_sigmoid(x)


def log_sigmoid(x: Any) -> Any:
    """The logarithm of `sigmoid`, ``-log(1 + exp(-x))``, computed so that nothing overflows.

    Args:
        x: an array of any shape.

    >>> log_sigmoid([0.0]).numpy().round(4)
    array([-0.6931], dtype=float32)
    """
    return ops.log_sigmoid(x)


def tanh(x: Any) -> Any:
    """The hyperbolic tangent, ``(exp(x) - exp(-x)) / (exp(x) + exp(-x))``: between -1 and 1, and odd.

    For outputs between -1 and 1, and inside recurrent layers, which use it by default.

    Args:
        x: an array of any shape.

    >>> tanh([0.0, 1.0]).numpy().round(3)
    array([0.   , 0.762], dtype=float32)
    """
    return ops.tanh(x)


def hard_tanh(x: Any) -> Any:
    """``x``, kept between -1 and 1: `tanh` without an exponential.

    Args:
        x: an array of any shape.

    >>> hard_tanh([-3.0, 0.5, 3.0]).tolist()
    [-1.0, 0.5, 1.0]
    """
    return ops.hard_tanh(x)


def tanh_shrink(x: Any) -> Any:
    """``x - tanh(x)``: near zero almost nothing, far from it almost ``x``.

    Args:
        x: an array of any shape.

    >>> tanh_shrink([0.0, 3.0]).numpy().round(3)
    array([0.   , 2.005], dtype=float32)
    """
    return ops.tanh_shrink(x)


def hard_shrink(x: Any, threshold: float = 0.5) -> Any:
    """``x`` where it is farther from zero than ``threshold``, else 0: for sparse codes.

    Args:
        x: an array of any shape.
        threshold: not negative.

    >>> hard_shrink([-0.3, 0.5, 0.8]).numpy().round(1)
    array([0. , 0. , 0.8], dtype=float32)
    """
    return ops.hard_shrink(x, threshold=threshold)


def soft_shrink(x: Any, threshold: float = 0.5) -> Any:
    """``x`` moved by ``threshold`` towards zero, and 0 where it would cross it: for sparse codes.

    Args:
        x: an array of any shape.
        threshold: not negative.

    >>> soft_shrink([-0.3, 0.5, 2.0]).tolist()
    [0.0, 0.0, 1.5]
    """
    return ops.soft_shrink(x, threshold=threshold)


def threshold(x: Any, threshold: float, default_value: float) -> Any:
    """``x`` where it is above ``threshold``, else ``default_value``.

    Args:
        x: an array of any shape.
        threshold: what has to be exceeded.
        default_value: what stands in place of the rest.

    >>> threshold([0.5, 2.0], 1.0, -1.0).tolist()
    [-1.0, 2.0]
    """
    return ops.threshold(x, threshold, default_value)


def softplus(x: Any) -> Any:
    """``log(1 + exp(x))``: positive, a smooth `relu`.

    For outputs that must be positive, such as deviations and rates.

    Args:
        x: an array of any shape.

    >>> softplus([0.0, 20.0]).numpy().round(4)
    array([ 0.6931, 20.    ], dtype=float32)
    """
    return ops.softplus(x)


def sparse_plus(x: Any) -> Any:
    """0 below -1, ``x`` above 1, and ``(x + 1)**2 / 4`` between: a smooth `relu` with true zeros.

    Args:
        x: an array of any shape.

    >>> sparse_plus([-2.0, 0.0, 2.0]).tolist()
    [0.0, 0.25, 2.0]
    """
    return ops.sparse_plus(x)


def squareplus(x: Any, b: float = 4) -> Any:
    """``(x + sqrt(x**2 + b)) / 2``: positive, a smooth `relu` without an exponential (Barron 2021).

    Args:
        x: an array of any shape.
        b: how round the bend is; 0 gives `relu`.

    >>> squareplus([0.0, 3.0], b=16).tolist()
    [2.0, 4.0]
    """
    return ops.squareplus(x, b=b)


def softsign(x: Any) -> Any:
    """``x / (1 + |x|)``: between -1 and 1; it goes there more slowly than `tanh`.

    Args:
        x: an array of any shape.

    >>> softsign([-1.0, 0.0, 3.0]).tolist()
    [-0.5, 0.0, 0.75]
    """
    return ops.softsign(x)


def mish(x: Any) -> Any:
    """``x * tanh(softplus(x))``: smooth, a little below zero for small negative inputs (Misra 2019).

    Args:
        x: an array of any shape.

    >>> mish([-1.0, 0.0, 1.0]).numpy().round(3)
    array([-0.303,  0.   ,  0.865], dtype=float32)
    """
    return x * ops.tanh(ops.softplus(x)) if hasattr(x, "shape") else mish(ops.convert_to_tensor(x))


def exponential(x: Any) -> Any:
    """``exp(x)``: for outputs that are positive and of very different sizes, such as rates of a Poisson loss.

    Args:
        x: an array of any shape.

    >>> exponential([0.0, 1.0]).numpy().round(3)
    array([1.   , 2.718], dtype=float32)
    """
    return ops.exp(x)


def linear(x: Any) -> Any:
    """``x`` as it is: what a layer without an activation does.

    For outputs that may be any number, as in a regression, and for logits.

    Args:
        x: anything.

    >>> linear(3.0)
    3.0
    """
    return x
