"""`tf.keras.backend`: the functions that custom losses of older scripts use, on `pronghorn.ops`.

TensorFlow's Keras still has them. Their defaults differ here and there from those of the ops of the same name.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from pronghorn import activations, ops, random
from pronghorn.backend import floatx
from pronghorn.variables import Variable
from pronghorn_tensorflow.arrays.shapes import shape as shape
from pronghorn_tensorflow.math import basic as arithmetic

#: Those that are ops; another name after a colon.
OPS = (
    "abs all any arange cast cos dot equal exp greater greater_equal less less_equal log map_fn:map max maximum "
    "min minimum ndim not_equal one_hot "
    "permute_dimensions:transpose pow:power prod repeat_elements:repeat reshape round sign sin squeeze stack std "
    "stop_gradient sum tile transpose var binary_crossentropy categorical_crossentropy "
    "ones_like zeros_like eval:convert_to_numpy get_value:convert_to_numpy"
)


def argmax(x: Any, axis: int = -1) -> Any:
    return ops.cast(ops.argmax(x, axis=axis), "int64")


def argmin(x: Any, axis: int = -1) -> Any:
    return ops.cast(ops.argmin(x, axis=axis), "int64")


def batch_flatten(x: Any) -> Any:
    return ops.reshape(x, (ops.shape(x)[0], -1))


def cast_to_floatx(x: Any) -> Any:
    return np.asarray(x, dtype=floatx()) if isinstance(x, np.ndarray) else ops.cast(x, floatx())


def clip(x: Any, min_value: Any, max_value: Any) -> Any:
    """As TensorFlow's: the least value counts where it is the greater of the two."""
    if isinstance(min_value, int | float) and isinstance(max_value, int | float):
        max_value = max(min_value, max_value)
    return ops.clip(x, min_value, max_value)


def concatenate(tensors: Any, axis: int = -1) -> Any:
    return ops.concatenate(tensors, axis=axis)


def constant(value: Any, dtype: Any = None, shape: Any = None, name: str | None = None) -> Any:
    array = ops.convert_to_tensor(value, dtype=dtype or floatx())
    return array if shape is None else ops.broadcast_to(array, shape)


def count_params(x: Any) -> int:
    return int(np.prod(x.shape))


def cumprod(x: Any, axis: int = 0) -> Any:
    return ops.cumprod(x, axis=axis)


def cumsum(x: Any, axis: int = 0) -> Any:
    return ops.cumsum(x, axis=axis)


def dropout(x: Any, level: float, noise_shape: Any = None, seed: int | None = None) -> Any:
    return random.dropout(x, level, noise_shape=noise_shape, seed=seed)


def dtype(x: Any) -> str:
    return x.dtype


def elu(x: Any, alpha: float = 1.0) -> Any:
    return activations.elu(x, alpha=alpha)


def expand_dims(x: Any, axis: int = -1) -> Any:
    return ops.expand_dims(x, axis)


def flatten(x: Any) -> Any:
    return ops.reshape(x, (-1,))


def gather(reference: Any, indices: Any) -> Any:
    return ops.take(reference, indices, axis=0)


def int_shape(x: Any) -> tuple[int | None, ...]:
    return tuple(d if isinstance(d, int) else None for d in x.shape)


def l2_normalize(x: Any, axis: int | None = None) -> Any:
    return ops.normalize(x, axis=axis, order=2)


def mean(x: Any, axis: Any = None, keepdims: bool = False) -> Any:
    """As TensorFlow's: of integers an integer, of booleans a share."""
    x = ops.convert_to_tensor(x)
    return arithmetic.reduce_mean(ops.cast(x, floatx()) if x.dtype == "bool" else x, axis=axis, keepdims=keepdims)


def ones(shape: Any, dtype: Any = None, name: str | None = None) -> Any:
    return ops.ones(shape, dtype=dtype or floatx())


def random_normal(shape: Any, mean: float = 0.0, stddev: float = 1.0, dtype: Any = None, seed: Any = None) -> Any:
    return random.normal(shape, mean=mean, stddev=stddev, dtype=dtype, seed=seed)


def random_uniform(shape: Any, minval: float = 0.0, maxval: float = 1.0, dtype: Any = None, seed: Any = None) -> Any:
    return random.uniform(shape, minval=minval, maxval=maxval, dtype=dtype, seed=seed)


def truncated_normal(shape: Any, mean: float = 0.0, stddev: float = 1.0, dtype: Any = None, seed: Any = None) -> Any:
    return random.truncated_normal(shape, mean=mean, stddev=stddev, dtype=dtype, seed=seed)


def random_bernoulli(shape: Any, p: float = 0.0, dtype: Any = None, seed: Any = None) -> Any:
    return ops.cast(random.uniform(shape, seed=seed) < p, dtype or floatx())


def relu(x: Any, alpha: float = 0.0, max_value: float | None = None, threshold: float = 0.0) -> Any:
    return activations.relu(x, negative_slope=alpha, max_value=max_value, threshold=threshold)


def repeat(x: Any, n: int) -> Any:
    return ops.repeat(ops.expand_dims(x, 1), n, axis=1)


def reverse(x: Any, axes: Any) -> Any:
    return ops.flip(x, axis=axes)


def set_value(x: Variable, value: Any) -> None:
    x.assign(value)


def sparse_categorical_crossentropy(
    target: Any, output: Any, from_logits: bool = False, axis: int = -1, ignore_class: int | None = None
) -> Any:
    """As the op, 0 where the target is the class that is ignored."""
    if ignore_class is None:
        return ops.sparse_categorical_crossentropy(target, output, from_logits=from_logits, axis=axis)
    target = ops.convert_to_tensor(target)
    counts = ops.not_equal(target, ignore_class)
    kept = ops.where(counts, target, ops.zeros_like(target))
    found = ops.sparse_categorical_crossentropy(kept, output, from_logits=from_logits, axis=axis)
    return ops.where(ops.reshape(counts, ops.shape(found)), found, ops.zeros_like(found))


def sqrt(x: Any) -> Any:
    return ops.sqrt(ops.maximum(x, 0.0))


def square(x: Any) -> Any:
    return ops.square(x)


def switch(condition: Any, then_expression: Any, else_expression: Any) -> Any:
    if callable(then_expression):
        return ops.cond(condition, then_expression, else_expression)
    condition = ops.cast(condition, "bool")
    while len(condition.shape) > 1 and len(condition.shape) < len(then_expression.shape):
        condition = ops.expand_dims(condition, -1)
    return ops.where(condition, then_expression, else_expression)


def update(x: Variable, new_x: Any) -> Any:
    return x.assign(new_x)


def update_add(x: Variable, increment: Any) -> Any:
    return x.assign_add(increment)


def update_sub(x: Variable, decrement: Any) -> Any:
    return x.assign_sub(decrement)


def variable(value: Any, dtype: Any = None, name: str | None = None, constraint: Any = None) -> Variable:
    return Variable(ops.convert_to_tensor(value, dtype=dtype or floatx()), dtype=dtype or floatx(), name=name)


def zeros(shape: Any, dtype: Any = None, name: str | None = None) -> Any:
    return ops.zeros(shape, dtype=dtype or floatx())


def hard_sigmoid(x: Any) -> Any:
    """As TensorFlow's: a fifth of `x` and a half, where the activation takes a sixth."""
    return ops.clip(ops.add(ops.multiply(x, 0.2), 0.5), 0.0, 1.0)


#: Those that are activations.
sigmoid: Callable[..., Any] = activations.sigmoid
softmax: Callable[..., Any] = activations.softmax
softplus: Callable[..., Any] = activations.softplus
softsign: Callable[..., Any] = activations.softsign
tanh: Callable[..., Any] = activations.tanh
