"""TensorFlow functions whose arguments differ from those of `pronghorn.ops`, for `pronghorn run`."""

from __future__ import annotations

import contextlib
import enum
import logging
import math
from collections.abc import Callable, Iterator
from typing import Any, NamedTuple

import numpy as np

import pronghorn
from pronghorn import ops
from pronghorn.calls import step
from pronghorn.data import Dataset
from pronghorn.data.dataset import INFINITE_CARDINALITY as INFINITE_CARDINALITY
from pronghorn.data.dataset import UNKNOWN_CARDINALITY as UNKNOWN_CARDINALITY
from pronghorn.data.element import Text, as_plain, as_text, encoded
from pronghorn.engine.graph.active import TraceError, current_trace, eager
from pronghorn.engine.graph.strings import holds_text
from pronghorn_tensorflow.arrays.basic import gather
from pronghorn_tensorflow.program.errors import FailedPreconditionError


class UnconnectedGradients(enum.Enum):
    """`tf.UnconnectedGradients`: what `GradientTape.gradient` gives for a source that does not matter."""

    NONE = "none"
    ZERO = "zero"


def constant(value: Any, dtype: Any = None, shape: Any = None, name: str | None = None) -> Any:
    """`tf.constant`; strings become a `Text`, which layers for text take.

    >>> constant([["a"], ["b"]]).shape
    (2, 1)
    """
    if dtype == "string" or holds_text(value):
        if isinstance(value, np.ndarray) and type(value) is not Text:  # an array or variable, which may change
            value = np.array(value)
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


def zeros(shape: Any, dtype: Any = "float32", name: str | None = None, layout: Any = None) -> Any:
    """`tf.zeros`; strings are empty.

    >>> zeros((2,), "string").tolist()
    [b'', b'']
    """
    return constant("", shape=np.asarray(shape, int).tolist()) if dtype == "string" else ops.zeros(shape, dtype=dtype)


def fill(dims: Any, value: Any, name: str | None = None, layout: Any = None) -> Any:
    """`tf.fill`."""
    return ops.full(dims, value, dtype=ops.convert_to_tensor(value).dtype)


def sigmoid_cross_entropy_with_logits(labels: Any, logits: Any, name: str | None = None) -> Any:
    """`tf.nn.sigmoid_cross_entropy_with_logits`."""
    return ops.binary_crossentropy(labels, logits, from_logits=True)


def softmax_cross_entropy_with_logits(labels: Any, logits: Any, axis: int = -1, name: str | None = None) -> Any:
    """`tf.nn.softmax_cross_entropy_with_logits`."""
    return ops.categorical_crossentropy(labels, logits, from_logits=True, axis=axis)


def sparse_softmax_cross_entropy_with_logits(labels: Any, logits: Any, name: str | None = None) -> Any:
    """`tf.nn.sparse_softmax_cross_entropy_with_logits`."""
    return ops.sparse_categorical_crossentropy(labels, logits, from_logits=True)


def embedding_lookup(params: Any, ids: Any, max_norm: float | None = None, name: str | None = None) -> Any:
    """`tf.nn.embedding_lookup`; rows that are longer than `max_norm` are made as long."""
    found = gather(params, ids)
    if max_norm is None:
        return found
    length = ops.norm(found, axis=-1, keepdims=True)
    return found * ops.where(length > max_norm, max_norm / length, ops.ones_like(length))


def squared_difference(x: Any, y: Any, name: str | None = None) -> Any:
    """`tf.math.squared_difference`."""
    return ops.square(ops.subtract(x, y))


class Device(NamedTuple):
    """`tf.config.PhysicalDevice` and `LogicalDevice`."""

    name: str
    device_type: str


def list_physical_devices(device_type: str | None = None) -> list[Device]:
    """`tf.config.list_physical_devices`: one processor, no GPUs."""
    return [Device("/physical_device:CPU:0", "CPU")] if device_type in (None, "CPU") else []


def list_logical_devices(device_type: str | None = None) -> list[Device]:
    """`tf.config.list_logical_devices`: one processor, no GPUs."""
    return [Device("/device:CPU:0", "CPU")] if device_type in (None, "CPU") else []


def no_gpu(*ignored: Any, **ignored_too: Any) -> bool:
    """`tf.test.is_gpu_available`: False."""
    return False


def run_functions_eagerly(run_eagerly: bool) -> None:
    """`tf.config.run_functions_eagerly`."""
    step.run_functions_eagerly(run_eagerly)


def executing_eagerly() -> bool:
    """`tf.executing_eagerly`: whether values are known, which they are outside a compiled step."""
    return current_trace() is None


def nothing(*ignored: Any, **ignored_too: Any) -> None:
    """For settings of TensorFlow that mean nothing here."""


def always(*ignored: Any, **ignored_too: Any) -> bool:
    """For what holds whether it is asked for or not: one seed gives the same numbers."""
    return True


# -- what means little here -------------------------------------------------------------------------------------------
def no_name(*ignored: Any, **ignored_too: Any) -> str:
    """For names of what there is not: an empty string."""
    return ""


def as_it_is(func: Any = None) -> Any:
    """`tf.autograph.experimental.do_not_convert`: the function."""
    return as_it_is if func is None else func


def functions_run_eagerly() -> bool:
    """`tf.config.functions_run_eagerly`."""
    return step.runs_eagerly()


def get_build_info() -> dict[str, Any]:
    """`tf.sysconfig.get_build_info`."""
    return {"is_cuda_build": False, "is_rocm_build": False, "is_tensorrt_build": False}


def get_logger() -> logging.Logger:
    """`tf.get_logger`."""
    return logging.getLogger("tensorflow")


debug, error, info, log, warning = (
    getattr(get_logger(), name) for name in ("debug", "error", "info", "log", "warning")
)
fatal, warn = error, warning


@contextlib.contextmanager
def silence() -> Iterator[None]:
    """`tensorflow.python.util.deprecation.silence`: nothing here is about to go."""
    yield


@contextlib.contextmanager
def any_scope(*ignored: Any, **ignored_too: Any) -> Iterator[None]:
    """For scopes of TensorFlow that mean nothing here, such as `ops.colocate_with`."""
    yield


def smart_constant_value(pred: Any) -> bool | None:
    """`smart_cond.smart_constant_value`: a condition that is known, or None.

    >>> smart_constant_value(1), smart_constant_value(constant(False))
    (True, False)
    """
    try:
        return bool(pred)
    except (TypeError, TraceError):  # a tensor in a trace, or one of a model's
        return None


def smart_cond(pred: Any, true_fn: Callable[[], Any], false_fn: Callable[[], Any], name: str | None = None) -> Any:
    """`smart_cond.smart_cond`: one of two functions where the condition is known, else `tf.cond` of both.

    >>> smart_cond(0, lambda: "yes", lambda: "no")
    'no'
    """
    known = smart_constant_value(pred)
    if known is None:
        return ops.cond(pred, true_fn, false_fn)
    return true_fn() if known else false_fn()


@contextlib.contextmanager
def control_dependencies(control_inputs: Any = None) -> Iterator[None]:
    """`tf.control_dependencies`: what is written first happens first here."""
    yield


@contextlib.contextmanager
def init_scope() -> Iterator[None]:
    """`tf.init_scope`: what is in it is not compiled."""
    with eager():
        yield


def group(*inputs: Any, name: str | None = None) -> None:
    """`tf.group`: what was to happen has happened."""


def identity_n(input: Any, name: str | None = None) -> list[Any]:
    """`tf.identity_n`."""
    return [ops.convert_to_tensor(x) for x in input]


def recompute_grad(f: Callable[..., Any]) -> Callable[..., Any]:
    """`tf.recompute_grad`: `pronghorn.remat`."""
    return pronghorn.remat(f)  # type: ignore[attr-defined,no-any-return]


def as_bytes(bytes_or_text: Any, encoding: str = "utf-8") -> bytes:
    """`tf.compat.as_bytes`."""
    return encoded(as_plain(bytes_or_text))


def as_str(bytes_or_text: Any, encoding: str = "utf-8") -> str:
    """`tf.compat.as_text`."""
    return encoded(as_plain(bytes_or_text)).decode(encoding)


def as_str_any(value: Any, encoding: str = "utf-8") -> str:
    """`tf.compat.as_str_any`: bytes are decoded, anything else is written as Python writes it.

    >>> as_str_any(b"a"), as_str_any(3)
    ('a', '3')
    """
    return as_str(value, encoding) if isinstance(value, bytes) else str(value)


def to_float(x: Any, name: str | None = None) -> Any:
    """`tf.compat.v1.to_float`."""
    return ops.cast(x, "float32")


def to_int32(x: Any, name: str | None = None) -> Any:
    """`tf.compat.v1.to_int32`."""
    return ops.cast(x, "int32")


def to_int64(x: Any, name: str | None = None) -> Any:
    """`tf.compat.v1.to_int64`."""
    return ops.cast(x, "int64")


# -- tf.data.experimental: the methods of data sets as functions ------------------------------------------------------
class AutoShardPolicy(enum.IntEnum):
    """`tf.data.experimental.AutoShardPolicy`."""

    OFF, AUTO, FILE, DATA, HINT = -1, 0, 1, 2, 3


def cardinality(dataset: Dataset) -> Any:
    """`tf.data.experimental.cardinality`."""
    return dataset.cardinality()


def assert_cardinality(expected_cardinality: int) -> Callable[[Dataset], Dataset]:
    """`tf.data.experimental.assert_cardinality`: says how many elements there are.

    Raises:
        FailedPreconditionError: where another number comes.
    """
    expected = int(expected_cardinality)

    def counted(dataset: Dataset) -> Iterator[Any]:
        number = 0
        for number, element in enumerate(dataset, 1):
            if number > expected >= 0:
                break
            yield element
        if expected >= 0 and number != expected:
            which = "more" if number > expected else f"{number:,}"
            raise FailedPreconditionError(
                None, None, f"assert_cardinality: {expected:,} elements were expected, and there are {which}."
            )

    length = {INFINITE_CARDINALITY: math.inf, UNKNOWN_CARDINALITY: None}.get(expected, expected)
    return lambda dataset: Dataset(lambda: counted(dataset), length)


def counter(start: int = 0, step: int = 1, dtype: Any = "int64") -> Dataset:
    """`tf.data.experimental.Counter`: numbers without end."""
    return Dataset.counter(start, step, dtype)


def _applied(method: str) -> Callable[..., Any]:
    """A function whose result `Dataset.apply` takes, which calls a method."""

    def function(*args: Any, **kwargs: Any) -> Callable[[Dataset], Any]:
        return lambda dataset: getattr(dataset, method)(*args, **kwargs)

    function.__doc__ = f"`Dataset.{method}`, for `Dataset.apply`."
    return function


bucket_by_sequence_length = _applied("bucket_by_sequence_length")
dense_to_ragged_batch = _applied("ragged_batch")
enumerate_dataset = _applied("enumerate")
group_by_window = _applied("group_by_window")
ignore_errors = _applied("ignore_errors")
scan = _applied("scan")
snapshot = _applied("snapshot")
take_while = _applied("take_while")
unbatch = _applied("unbatch")
unique = _applied("unique")
choose_from_datasets = Dataset.choose_from_datasets
sample_from_datasets = Dataset.sample_from_datasets
load = Dataset.load


def get_single_element(dataset: Dataset) -> Any:
    """`tf.data.experimental.get_single_element`."""
    return dataset.get_single_element()


def prefetch_to_device(device: Any, buffer_size: Any = None) -> Callable[[Dataset], Dataset]:
    """`tf.data.experimental.prefetch_to_device`."""
    return lambda dataset: dataset.prefetch(2)


def save(dataset: Dataset, path: Any, *args: Any, **ignored: Any) -> None:
    """`tf.data.experimental.save`."""
    dataset.save(path)


def shuffle_and_repeat(buffer_size: int, count: int | None = None, seed: Any = None) -> Callable[[Dataset], Dataset]:
    """`tf.data.experimental.shuffle_and_repeat`."""
    return lambda dataset: dataset.shuffle(buffer_size, seed).repeat(count)
