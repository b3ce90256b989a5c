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

#: Those that are ops; another name after a colon.
OPS = (
    "abs all any arange cast clip cos dot equal exp greater greater_equal less less_equal log map_fn:map max maximum "
    "mean min minimum ndim not_equal one_hot "
    "permute_dimensions:transpose pow:power prod repeat_elements:repeat reshape round shape sign sin squeeze stack std "
    "stop_gradient sum tile transpose var binary_crossentropy categorical_crossentropy sparse_categorical_crossentropy "
    "ones_like zeros_like eval:convert_to_numpy get_value:convert_to_numpy"
)


def argmax(x: Any, axis: int = -1) -> Any:
    return ops.argmax(x, axis=axis)


def argmin(x: Any, axis: int = -1) -> Any:
    return ops.argmin(x, axis=axis)


def batch_flatten(x: Any) -> Any:
    return ops.reshape(x, (ops.shape(x)[0], -1))


def cast_to_floatx(x: Any) -> Any:
    return np.asarray(x, dtype=floatx()) if isinstance(x, np.ndarray) else ops.cast(x, floatx())


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


def sqrt(x: Any) -> Any:
    return ops.sqrt(ops.maximum(x, 0.0))


def square(x: Any) -> Any:
    return ops.square(x)


def switch(condition: Any, then_expression: Any, else_expression: Any) -> Any:
    if callable(then_expression):
        return ops.cond(condition, then_expression, else_expression)
    condition = ops.cast(condition, "bool")
    while len(condition.shape) < len(then_expression.shape):
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


#: Those that are activations.
hard_sigmoid: Callable[..., Any] = activations.hard_sigmoid
sigmoid: Callable[..., Any] = activations.sigmoid
softmax: Callable[..., Any] = activations.softmax
softplus: Callable[..., Any] = activations.softplus
softsign: Callable[..., Any] = activations.softsign
tanh: Callable[..., Any] = activations.tanh
