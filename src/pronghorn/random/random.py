"""Random arrays. Bits come from one primitive; what they become is arithmetic."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from pronghorn import config, ops
from pronghorn.engine.backends.foreign_calls import on_its_engine
from pronghorn.engine.graph import dtypes
from pronghorn.engine.graph import primitives as P
from pronghorn.engine.graph.dim import Shape
from pronghorn.engine.graph.tensor import Tensor, as_tensor
from pronghorn.random.drawing import drawn
from pronghorn.random.seed_generator import draw_seed

# How many random bits a float type takes: as many as its significand holds, so that no value rounds up to one.
_BITS = {"float16": 11, "bfloat16": 8, "float32": 24, "float8_e4m3fn": 4, "float8_e5m2": 3}


def unit_uniform(key: Tensor, shape: Shape, dtype: str, open_at_zero: bool = False) -> Tensor:
    """Floats in [0, 1), or in (0, 1) with ``open_at_zero``: odd multiples of half a step."""
    half = 0.5 if open_at_zero else 0.0
    if dtype == "float64":
        words = P.random_bits(key, shape=(2, *shape))
        high, low = (P.cast(_row(words, i), dtype="float64") for i in (0, 1))
        # 53 bits: 32 of one word and the rest of the other.
        rest = 20 if open_at_zero else 21
        fraction = P.floor(P.mul(low, 2.0 ** (rest - 32)))
        return P.mul(P.add(P.add(P.mul(high, 2.0**rest), fraction), half), 2.0 ** -(32 + rest))
    bits = _BITS[dtype] - open_at_zero
    words = P.shift_right(P.random_bits(key, shape=shape), 32 - bits)
    # The words are below 2**31 now; as int32 they convert to float in one instruction.
    number = P.cast(P.bitcast(words, dtype="int32"), dtype="float32" if dtype != "float64" else dtype)
    if open_at_zero:
        number = P.add(number, half)
    number = P.mul(number, 2.0**-bits)
    return number if dtype == "float32" else P.cast(number, dtype=dtype)


def _row(x: Tensor, index: int) -> Tensor:
    part = P.slice(x, start=(index, *(0 for _ in x.shape[1:])), limit=(index + 1, *x.shape[1:]), stride=(1,) * x.ndim)
    return P.reshape(part, shape=x.shape[1:])


def _float_dtype(dtype: Any, name: str) -> str:
    dtype = config.floatx() if dtype is None else dtypes.name_of(dtype)
    if not dtypes.is_float(dtype):
        raise ValueError(f"random.{name}: the `dtype` must be a float type, such as 'float32', got dtype={dtype!r}.")
    return dtype


def _shape(shape: Any, name: str) -> Shape:
    if isinstance(shape, (int, np.integer)):
        return (int(shape),)
    if isinstance(shape, Tensor):
        shape = shape.numpy()
    extents = tuple(int(d) if isinstance(d, (np.integer, Tensor)) else d for d in shape)
    if any(d is None for d in extents):
        raise ValueError(f"random.{name}: every extent of `shape` must be known, got shape={extents}.")
    return extents


def _is_scalar(x: Any, value: float) -> bool:
    return isinstance(x, (int, float)) and x == value


@on_its_engine
def normal(shape: Any, mean: Any = 0.0, stddev: Any = 1.0, dtype: Any = None, seed: Any = None) -> Tensor:
    """Numbers of the normal distribution.

    Args:
        shape: the shape of the result.
        mean: the mean.
        stddev: the standard deviation.
        dtype: a float type; the default one if None.
        seed: an integer for the same numbers at every call, a `SeedGenerator`, or None for the global one.

    >>> normal((2, 3), seed=1).shape
    (2, 3)
    """
    dtype = _float_dtype(dtype, "normal")
    mean, stddev = (None if _is_scalar(x, usual) else x for x, usual in ((mean, 0.0), (stddev, 1.0)))
    return drawn(_normal, draw_seed(seed), _shape(shape, "normal"), dtype, mean, stddev)


def _normal(key: Tensor, shape: Shape, dtype: str, mean: Any, stddev: Any) -> Tensor:
    u = unit_uniform(key, shape, _work_type(dtype), open_at_zero=True)
    x = P.mul(P.erfinv(P.sub(P.mul(u, 2.0), 1.0)), math.sqrt(2.0))
    if stddev is not None:
        x = x * stddev
    if mean is not None:
        x = x + mean
    return ops.cast(x, dtype)


def _work_type(dtype: str) -> str:
    """The type in which numbers of a type are made."""
    return dtype if dtype == "float64" else "float32"


@on_its_engine
def truncated_normal(shape: Any, mean: Any = 0.0, stddev: Any = 1.0, dtype: Any = None, seed: Any = None) -> Tensor:
    """Numbers of the normal distribution that are within two standard deviations of the mean.

    Usual for initial weights, of which none should be far larger than the others. The standard deviation of what comes
    out is 0.88 times ``stddev``. See `normal` for the arguments.

    >>> x = truncated_normal((1000,), stddev=0.5, seed=0).numpy()
    >>> bool(abs(x).max() <= 1.0)
    True
    """
    dtype = _float_dtype(dtype, "truncated_normal")
    return drawn(_truncated_normal, draw_seed(seed), _shape(shape, "truncated_normal"), dtype, mean, stddev)


def _truncated_normal(key: Tensor, shape: Shape, dtype: str, mean: Any, stddev: Any) -> Tensor:
    u = unit_uniform(key, shape, _work_type(dtype), open_at_zero=True)
    edge = math.erf(math.sqrt(2.0))  # the share within two standard deviations
    x = P.mul(P.erfinv(P.mul(P.sub(P.mul(u, 2.0), 1.0), edge)), math.sqrt(2.0))
    x = P.max(P.min(x, 2.0), -2.0)
    return ops.cast(x * stddev + mean, dtype)


@on_its_engine
def uniform(shape: Any, minval: Any = 0.0, maxval: Any = 1.0, dtype: Any = None, seed: Any = None) -> Tensor:
    """Numbers that are equally likely between ``minval`` and ``maxval`` (excluded).

    See `normal` for the other arguments.

    >>> x = uniform((100,), 2.0, 3.0, seed=1).numpy()
    >>> bool(x.min() >= 2.0 and x.max() < 3.0)
    True
    """
    dtype = _float_dtype(dtype, "uniform")
    key, shape = draw_seed(seed), _shape(shape, "uniform")
    if _is_scalar(minval, 0.0) and _is_scalar(maxval, 1.0):
        return drawn(unit_uniform, key, shape, dtype)
    if isinstance(minval, (int, float)) and isinstance(maxval, (int, float)):
        return drawn(_between, key, shape, dtype, float(minval), float(maxval) - float(minval))

    low, high = ops.cast(minval, dtype), ops.cast(maxval, dtype)
    return _between(key, shape, dtype, low, high - low)


def _between(key: Tensor, shape: Shape, dtype: str, low: Any, span: Any) -> Tensor:
    return unit_uniform(key, shape, dtype) * ops.cast(span, dtype) + ops.cast(low, dtype)


@on_its_engine
def randint(shape: Any, minval: Any, maxval: Any, dtype: Any = "int32", seed: Any = None) -> Tensor:
    """Integers that are equally likely from ``minval`` to ``maxval`` (excluded).

    Args:
        shape: the shape of the result.
        minval: the least value.
        maxval: one more than the greatest.
        dtype: an integer type.
        seed: see `normal`.

    Raises:
        ValueError: for a type that is no integer type.

    Example:

    >>> x = randint((100,), 0, 6, seed=0).numpy()
    >>> int(x.min()), int(x.max())
    (0, 5)
    """
    dtype = dtypes.name_of(dtype or "int32")
    if not dtypes.is_integer(dtype):
        raise ValueError(f"random.randint: the `dtype` must be an integer type, such as 'int32', got dtype={dtype!r}.")
    shape = _shape(shape, "randint")
    key = draw_seed(seed)
    if isinstance(minval, (int, np.integer)) and isinstance(maxval, (int, np.integer)):
        span = max(int(maxval) - int(minval), 1)
        if span <= 2**31:
            drawn = P.rem(P.random_bits(key, shape=shape), span)
            wide = P.cast(drawn, dtype="int64")
        else:
            words = P.random_bits(key, shape=(2, *shape))
            high, low = (P.cast(_row(words, i), dtype="int64") for i in (0, 1))
            drawn = P.or_(P.shift_left(P.and_(high, 0x7FFFFFFF), 32), low)
            wide = P.rem(drawn, min(span, 2**63 - 1))
        return P.cast(P.add(wide, int(minval)), dtype=dtype)
    low, high = ops.cast(minval, "float64"), ops.cast(maxval, "float64")
    u = unit_uniform(key, shape, "float64")
    return ops.cast(ops.floor(low + u * (high - low)), dtype)


@on_its_engine
def categorical(logits: Any, num_samples: int, dtype: Any = "int32", seed: Any = None) -> Tensor:
    """Indices drawn with the probabilities ``softmax(logits)``.

    Args:
        logits: ``[batch, classes]``.
        num_samples: how many to draw for each row.
        dtype: the type of the result.
        seed: see `normal`.

    Returns:
        ``[batch, num_samples]``.

    Example:

    >>> categorical([[0.0, 100.0], [100.0, 0.0]], 3, seed=0).numpy()
    array([[1, 1, 1],
           [0, 0, 0]], dtype=int32)
    """
    logits = ops.convert_to_tensor(logits)
    if len(logits.shape) != 2:
        raise ValueError(
            f"random.categorical: `logits` must have the shape [batch, classes], got shape {tuple(logits.shape)}."
        )
    if not dtypes.is_float(logits.dtype):
        logits = ops.cast(logits, config.floatx())
    work = logits.dtype if logits.dtype == "float64" else "float32"
    batch, classes = logits.shape
    u = unit_uniform(draw_seed(seed), (batch, num_samples, classes), work, open_at_zero=True)
    gumbel = P.neg(P.log(P.neg(P.log(u))))
    scores = ops.cast(ops.expand_dims(logits, 1), work) + gumbel
    return ops.cast(ops.argmax(scores, axis=-1), dtypes.name_of(dtype))


@on_its_engine
def dropout(inputs: Any, rate: float, noise_shape: Any = None, seed: Any = None) -> Tensor:
    """``inputs`` with a share ``rate`` of its elements at zero and the others scaled to keep the sum.

    Args:
        inputs: an array.
        rate: between 0 and 1.
        noise_shape: the shape of what is drawn; axes of extent one are dropped as a whole, None stands for the
            extent of ``inputs``.
        seed: see `normal`.

    Example:

    >>> x = dropout([1.0, 1.0, 1.0, 1.0], 0.5, seed=0).numpy()
    >>> set(x.tolist()) <= {0.0, 2.0}
    True
    """
    inputs = ops.convert_to_tensor(inputs)
    shape = tuple(inputs.shape)
    if noise_shape is not None:
        shape = tuple(n if d is None else d for d, n in zip(_noise_extents(noise_shape), inputs.shape))
    bits = P.random_bits(draw_seed(seed), shape=shape)
    kept = P.ge(bits, min(round(float(rate) * 2**32), 2**32 - 1))
    if shape != tuple(inputs.shape):
        kept = ops.broadcast_to(kept, inputs.shape)
    scale = 1.0 / (1.0 - float(rate)) if rate < 1 else 0.0
    return P.select(kept, P.mul(inputs, scale), 0.0)


def _noise_extents(noise_shape: Any) -> list[Any]:
    return [int(d) if isinstance(d, (np.integer, Tensor)) else d for d in noise_shape]


@on_its_engine
def shuffle(x: Any, axis: int = 0, seed: Any = None) -> Tensor:
    """``x`` with its entries along ``axis`` in random order.

    >>> sorted(shuffle([1, 2, 3], seed=0).numpy().tolist())
    [1, 2, 3]
    """
    x = ops.convert_to_tensor(x)
    axis = axis % x.ndim
    return P.take(x, permutation(x.shape[axis], seed), axis=axis)


@on_its_engine
def permutation(count: Any, seed: Any = None) -> Tensor:
    """The integers below ``count`` in random order, int32."""
    bits = P.random_bits(draw_seed(seed), shape=(count,))
    order = P.iota(shape=(count,), dtype="int32", axis=0)
    return P.sort(bits, order, axis=0, num_keys=1)[1]


__all__ = [
    "as_tensor",
    "categorical",
    "dropout",
    "normal",
    "permutation",
    "randint",
    "shuffle",
    "truncated_normal",
    "uniform",
    "unit_uniform",
]
