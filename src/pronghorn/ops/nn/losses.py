"""Cross-entropies, encodings of classes, and what compares predictions with targets."""

from __future__ import annotations

from typing import Any

from pronghorn import config
from pronghorn.engine.graph import dtypes
from pronghorn.engine.graph import primitives as P
from pronghorn.engine.graph.dim import comparable
from pronghorn.engine.graph.tensor import Tensor
from pronghorn.ops import _broadcast as B
from pronghorn.ops._symbolic import symbolic_aware
from pronghorn.ops.nn.activations import log_softmax, softplus_of_minus_abs, where_positive
from pronghorn.ops.numpy.arithmetic import square, subtract
from pronghorn.ops.numpy.reductions import mean
from pronghorn.ops.numpy.unary import log10


@symbolic_aware
def one_hot(x: Any, num_classes: int, axis: int = -1, dtype: Any = None, sparse: bool = False) -> Tensor:
    """A vector for each index: 1 at the index, 0 elsewhere; all zeros for an index out of range.

    Args:
        x: integers.
        num_classes: the vectors' length.
        axis: where their axis goes.
        dtype: element type; the default float type if None.
        sparse: accepted as in Keras; the result is the same, in a dense array.

    >>> one_hot([0, 2], 3).numpy()
    array([[1., 0., 0.],
           [0., 0., 1.]], dtype=float32)
    """
    x = B.convert(x)
    if dtypes.is_float(x.dtype) or x.dtype == "bool":
        x = B.cast(x, "int32")
    rank = x.ndim + 1
    place = B.axis_of(axis, rank)
    shape = (*x.shape[:place], int(num_classes), *x.shape[place:])
    wide = P.broadcast_in_dim(x, shape=shape, dims=tuple(i for i in range(rank) if i != place))
    return P.cast(P.eq(wide, P.iota(shape=shape, dtype=x.dtype, axis=place)), dtype=B.standardize_dtype(dtype))


@symbolic_aware
def multi_hot(
    inputs: Any, num_classes: int | None = None, axis: int = -1, dtype: Any = None, sparse: bool = False, **kwargs: Any
) -> Tensor:
    """One vector for each set of indices: 1 at the indices, 0 elsewhere.

    Args:
        inputs: integers ``[..., n]``; the last axis holds a set.
        num_classes: the vectors' length.
        axis: where their axis goes.
        dtype: element type; the default float type if None.
        sparse: accepted as in Keras; the result is the same, in a dense array.

    >>> multi_hot([[0, 2], [1, 1]], 3).numpy()
    array([[1., 0., 1.],
           [0., 1., 0.]], dtype=float32)
    """
    num_classes = kwargs.pop("num_tokens", None) if num_classes is None else num_classes
    if num_classes is None or kwargs:
        raise ValueError(f"multi_hot: num_classes must be given, and nothing else by name; got {sorted(kwargs)}.")
    x = B.convert(inputs)
    over = 1 if x.ndim > 1 else 0
    encoded = one_hot(x, num_classes, axis=axis, dtype=dtype)
    if x.ndim == 0:
        return encoded
    return P.reduce_max(encoded, axes=(over,)) if encoded.dtype != "bool" else P.reduce_or(encoded, axes=(over,))


def _epsilon_clipped(x: Tensor) -> Tensor:
    epsilon = config.epsilon()
    return P.min(P.max(x, B.full_like(x, epsilon)), B.full_like(x, 1 - epsilon))


def _check_shapes(name: str, target: Tensor, output: Tensor) -> None:
    same = target.ndim == output.ndim and all(a == b for a, b in zip(target.shape, output.shape) if comparable(a, b))
    if not same:
        raise ValueError(
            f"{name}: target and output differ in shape, {target.shape} and {output.shape}; give them the same."
        )


@symbolic_aware
def binary_crossentropy(target: Any, output: Any, from_logits: bool = False) -> Tensor:
    """``-(t log(p) + (1 - t) log(1 - p))``, element by element.

    Args:
        target: the true values, between 0 and 1.
        output: probabilities, or logits of the same shape.
        from_logits: whether ``output`` holds logits.

    >>> binary_crossentropy([1.0], [0.5]).numpy()
    array([0.6931472], dtype=float32)
    """
    dtype = B.float_dtype(B.weak_name(target), B.weak_name(output))
    t, x = B.cast(target, dtype), B.cast(output, dtype)
    _check_shapes("binary_crossentropy", t, x)
    t, x = B.broadcast(t, x)
    if from_logits:
        # Not softplus(x) - t * x: of two large numbers nothing would be left where the answer is right and sure. It is
        # t softplus(-x) + (1 - t) softplus(x), of which both have the last term.
        wrong = where_positive(x, P.mul(P.sub(B.full_like(t, 1), t), x), P.neg(P.mul(t, x)))
        return P.add(wrong, softplus_of_minus_abs(x))
    p, one = _epsilon_clipped(x), B.full_like(x, 1)
    likelihood = P.add(P.mul(t, P.log(p)), P.mul(P.sub(one, t), P.log(P.sub(one, p))))
    return P.neg(likelihood)


def _log_probabilities(x: Tensor, from_logits: bool, axis: int) -> Tensor:
    """Logarithms of class probabilities that are given as logits or as (not quite normalised) probabilities."""
    if from_logits:
        return log_softmax(x, axis)
    total = B.keep_dims(P.reduce_sum(x, axes=(axis,)), (axis,), x.ndim)
    return P.log(_epsilon_clipped(P.div(x, B.broadcast_to(total, x.shape))))


@symbolic_aware
def categorical_crossentropy(target: Any, output: Any, from_logits: bool = False, axis: int = -1) -> Tensor:
    """``-sum(t log(p))`` over the classes along ``axis``.

    Args:
        target: the true probabilities of the classes, for example one-hot vectors.
        output: probabilities, or logits of the same shape.
        from_logits: whether ``output`` holds logits.
        axis: the axis of the classes, which the result lacks.

    Example:

    >>> categorical_crossentropy([[0.0, 1.0]], [[0.5, 0.5]]).numpy().round(4)
    array([0.6931], dtype=float32)
    """
    name = "categorical_crossentropy"
    dtype = B.float_dtype(B.weak_name(target), B.weak_name(output))
    t, x = B.cast(target, dtype), B.cast(output, dtype)
    if x.ndim < 1:
        raise ValueError(f"{name}: target and output need an axis of classes, got shapes {t.shape} and {x.shape}.")
    _check_shapes(name, t, x)
    t, x = B.broadcast(t, x)
    axis = B.axis_of(axis, x.ndim)
    return P.neg(P.reduce_sum(P.mul(t, _log_probabilities(x, from_logits, axis)), axes=(axis,)))


@symbolic_aware
def sparse_categorical_crossentropy(target: Any, output: Any, from_logits: bool = False, axis: int = -1) -> Tensor:
    """``-log(p)`` of the true class.

    Args:
        target: the true classes, as integers; a last axis of extent 1 is left out.
        output: probabilities, or logits, of the classes along ``axis``.
        from_logits: whether ``output`` holds logits.
        axis: the axis of the classes, which the result lacks.

    >>> sparse_categorical_crossentropy([1], [[0.25, 0.75]]).numpy().round(3)
    array([0.288], dtype=float32)
    """
    name = "sparse_categorical_crossentropy"
    x = B.to_float(output)
    t = B.cast(target, "int32")
    if x.ndim < 1:
        raise ValueError(f"{name}: output needs an axis of classes, got shape {x.shape}.")
    axis = B.axis_of(axis, x.ndim)
    if t.ndim == x.ndim and t.shape[-1] == 1:
        t = P.reshape(t, shape=t.shape[:-1])
    rest = x.shape[:axis] + x.shape[axis + 1 :]
    if t.ndim != len(rest):
        raise ValueError(
            f"{name}: target must have the shape of output without the axis of classes, {rest}; got {t.shape} for "
            f"output {x.shape}. Integer classes are needed: for one-hot targets use categorical_crossentropy."
        )
    _check_shapes(name, t, P.reduce_max(x, axes=(axis,)) if t.shape != rest else t)
    logs = _log_probabilities(x, from_logits, axis)
    dims = tuple(i for i in range(x.ndim) if i != axis)
    wide = P.broadcast_in_dim(t, shape=x.shape, dims=dims)
    is_class = P.eq(wide, P.iota(shape=x.shape, dtype="int32", axis=axis))
    return P.neg(P.reduce_sum(P.select(is_class, logs, B.zeros_like(logs)), axes=(axis,)))


@symbolic_aware
def psnr(x1: Any, x2: Any, max_val: float) -> Tensor:
    """The peak signal-to-noise ratio of two images, in decibels: ``20 log10(max_val) - 10 log10(mse)``.

    >>> round(float(psnr([[0.0, 0.5]], [[0.0, 0.6]], max_val=1.0)), 4)
    23.0103
    """
    x, y = B.to_float(x1), B.to_float(x2)
    if x.shape != y.shape:
        raise ValueError(f"psnr: both images must have one shape, got {x.shape} and {y.shape}.")
    mse = mean(square(subtract(x, y)))
    peak = log10(B.full_like(mse, max_val))
    return P.sub(P.mul(peak, 20.0), P.mul(log10(mse), 10.0))
