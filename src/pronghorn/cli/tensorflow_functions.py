"""TensorFlow functions whose arguments differ from those of `pronghorn.ops`, for `pronghorn run`."""

from __future__ import annotations

import enum
from collections.abc import Callable
from typing import Any

import numpy as np

import pronghorn
from pronghorn import ops
from pronghorn._absent import absent_class
from pronghorn.data.element import as_text
from pronghorn.graph.active import TraceError, current_trace
from pronghorn.graph.strings import holds_text
from pronghorn.trainers import jit


class UnconnectedGradients(enum.Enum):
    """`tf.UnconnectedGradients`: what `GradientTape.gradient` gives for a source that does not matter."""

    NONE = "none"
    ZERO = "zero"


SparseTensor = absent_class("SparseTensor", "use a dense array", __name__)
SparseTensor.__doc__ = "`tf.SparseTensor`: nothing is one, which is what libraries ask that take such."


def function(func: Callable[..., Any] | None = None, **options: Any) -> Any:
    """`tf.function`: `pronghorn.jit`; its options have no meaning here."""
    return pronghorn.jit if func is None else pronghorn.jit(func)


def tf_print(*values: Any, end: str = "\n", output_stream: Any = None, **ignored: Any) -> None:
    """`tf.print`: prints values, so that what uses it is not compiled.

    Raises:
        TraceError: where there are none, inside of what is being compiled.
    """
    if current_trace() is not None:
        raise TraceError("tf.print shows values, and there are none while a function is compiled.")
    shown = (value.numpy() if hasattr(value, "numpy") else value for value in values)
    print(*shown, end=end, file=output_stream if hasattr(output_stream, "write") else None)


def Variable(
    initial_value: Any, trainable: bool = True, dtype: Any = None, name: str | None = None, **ignored: Any
) -> Any:
    """`tf.Variable`: a Pronghorn variable with this value."""
    value = initial_value() if callable(initial_value) else initial_value
    if dtype is None and isinstance(value, float | list):
        dtype = "float32" if np.asarray(value).dtype == np.float64 else None
    value = constant(value, dtype)
    return pronghorn.Variable(value, trainable=trainable, dtype=value.dtype, name=name)


def constant(value: Any, dtype: Any = None, shape: Any = None, name: str | None = None) -> Any:
    """`tf.constant`; strings become a `Text`, which layers for text take.

    >>> constant([["a"], ["b"]]).shape
    (2, 1)
    """
    if dtype == "string" or holds_text(value):
        return as_text(value) if shape is None else as_text(np.broadcast_to(np.asarray(as_text(value)), shape))
    if dtype is None and isinstance(value, complex):
        dtype = "complex128"
    tensor = ops.convert_to_tensor(value, dtype)
    if shape is None:
        return tensor
    return ops.reshape(tensor, shape) if tensor.size > 1 else ops.broadcast_to(ops.reshape(tensor, ()), shape)


def convert_to_tensor(value: Any, dtype: Any = None, dtype_hint: Any = None, name: str | None = None) -> Any:
    """`tf.convert_to_tensor`; see `constant`."""
    return constant(value, dtype)


def fill(dims: Any, value: Any) -> Any:
    """`tf.fill`."""
    return ops.full(dims, value, dtype=ops.convert_to_tensor(value).dtype)


def assert_equal(x: Any, y: Any, message: str = "") -> None:
    """`tf.assert_equal`, for values that are known."""
    if not np.array_equal(np.asarray(x), np.asarray(y)):
        raise ValueError(message or f"assert_equal: {x} and {y} differ.")


def sigmoid_cross_entropy_with_logits(labels: Any, logits: Any) -> Any:
    """`tf.nn.sigmoid_cross_entropy_with_logits`."""
    return ops.binary_crossentropy(labels, logits, from_logits=True)


def softmax_cross_entropy_with_logits(labels: Any, logits: Any, axis: int = -1) -> Any:
    """`tf.nn.softmax_cross_entropy_with_logits`."""
    return ops.categorical_crossentropy(labels, logits, from_logits=True, axis=axis)


def sparse_softmax_cross_entropy_with_logits(labels: Any, logits: Any) -> Any:
    """`tf.nn.sparse_softmax_cross_entropy_with_logits`."""
    return ops.sparse_categorical_crossentropy(labels, logits, from_logits=True)


def embedding_lookup(params: Any, ids: Any) -> Any:
    """`tf.nn.embedding_lookup`."""
    return ops.take(params, ids, axis=0)


def squared_difference(x: Any, y: Any) -> Any:
    """`tf.math.squared_difference`."""
    return ops.square(ops.subtract(x, y))


def list_physical_devices(device_type: str | None = None) -> list[Any]:
    """`tf.config.list_physical_devices`: no GPUs."""
    return []


def no_gpu(*ignored: Any, **ignored_too: Any) -> bool:
    """`tf.test.is_gpu_available`: False."""
    return False


def run_functions_eagerly(run_eagerly: bool) -> None:
    """`tf.config.run_functions_eagerly`."""
    jit.run_functions_eagerly(run_eagerly)


def executing_eagerly() -> bool:
    """`tf.executing_eagerly`: whether values are known, which they are outside a compiled step."""
    return current_trace() is None


def nothing(*ignored: Any, **ignored_too: Any) -> None:
    """For settings of TensorFlow that mean nothing here."""
