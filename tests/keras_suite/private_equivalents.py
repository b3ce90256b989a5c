"""Private names of Keras's that have an equivalent of ours, so that the tests that use them run.

Only what does the same, in the same words of arguments, belongs here: a test that is run with it tests Pronghorn.
"""

from __future__ import annotations

import contextlib
import io
import os
import wave
from collections.abc import Iterator
from typing import Any

import data_adapters
import numpy as np

from pronghorn import distribution, saving
from pronghorn.distribution.base import Distribution
from pronghorn.initializers.random import compute_fans
from pronghorn.layers.rnn.conv_lstm import ConvLSTM1D, ConvLSTM2D, ConvLSTM3D, ConvLSTMCell
from pronghorn.layers.rnn.dropout_cell import DropoutRNNCell
from pronghorn.layers.tracking import TrackedDict, TrackedList, TrackedOrderedDict, TrackedSet
from pronghorn.models.quantizing import is_meant
from pronghorn.ops.nn.convolution import transposed_axis
from pronghorn.quantizers.configs import resolved
from pronghorn.quantizers.groups import dequantize_with_sz_map
from pronghorn.random import seed_generator
from pronghorn.regularizers import OrthogonalRegularizer
from pronghorn.saving import archive
from pronghorn.symbolic.infer import infer_spec
from pronghorn.symbolic.keras_tensor import standardize_shape
from pronghorn.trainers.compile_loss import CompileLoss
from pronghorn.trainers.compile_metrics import CompileMetrics
from pronghorn.trainers.data_adapters.adapter import class_weights
from pronghorn.utils import archives, files, naming
from pronghorn.utils.autocast import AutocastScope
from pronghorn.utils.masking import get_mask, set_mask


def _compute_output_spec(fn: Any, *arguments: Any, **options: Any) -> Any:
    return infer_spec(fn, arguments, options)


def _penalty_factor(value: Any, name: str) -> float:
    """What regularizers make of their arguments."""
    try:
        return OrthogonalRegularizer(factor=value).factor
    except ValueError as error:
        raise ValueError(str(error).replace("factor", name)) from error


def _transposed_axes(
    input_shape: Any, kernel_shape: Any, strides: Any, padding: str, output_padding: Any, dilation_rate: Any
) -> list[tuple[int, int, int]]:
    """For each axis of a transposed convolution: the output extent, and the zeros before and after the inputs."""
    space, kernel = input_shape[1:-1], kernel_shape[:-2]
    each = [x if isinstance(x, (list, tuple)) else (x,) * len(space) for x in (strides, dilation_rate, output_padding)]
    found = []
    for size, k, stride, dilation, extra in zip(space, kernel, *each):
        out, (low, _) = transposed_axis(size, k, stride, dilation, extra, padding)
        reach = (k - 1) * dilation
        before = reach - low
        found.append((out, before, out - (size - 1) * stride + reach - 1 - before))
    return found


def _transposed_output_shape(
    input_shape: Any,
    kernel_shape: Any,
    filters: int,
    strides: Any,
    padding: str,
    output_padding: Any,
    data_format: str,
    dilation_rate: Any,
) -> list[int]:
    if data_format == "channels_first":
        input_shape = (input_shape[0], *input_shape[2:], input_shape[1])
    axes = _transposed_axes(input_shape, kernel_shape, strides, padding, output_padding, dilation_rate)
    space = [out for out, _, _ in axes]
    batch = input_shape[0]
    return [batch, filters, *space] if data_format == "channels_first" else [batch, *space, filters]


def _transposed_padding(**arguments: Any) -> list[tuple[int, int]]:
    return [(before, after) for _, before, after in _transposed_axes(**arguments)]


def _extract_archive(file_path: Any, path: Any = ".", archive_format: Any = "auto") -> bool:
    """What `utils.get_file` does with a file that it has; whether it was an archive."""
    kind = archives.archive_format_of(file_path, archive_format)
    if kind is not None:
        archives.extract(file_path, path, kind)
    return kind is not None


class _Bytes(bytes):
    """What TensorFlow's functions return a string of bytes as."""

    def numpy(self) -> bytes:
        return bytes(self)


def encode_wav(audio: np.ndarray, sample_rate: int) -> _Bytes:
    """Samples from -1 to 1, of shape ``(samples, channels)``, as a file: tests write their data by it."""
    stream = io.BytesIO()
    with wave.open(stream, "wb") as out:
        out.setnchannels(audio.shape[1])
        out.setsampwidth(2)
        out.setframerate(sample_rate)
        out.writeframes((np.clip(audio, -1, 1) * 32767).astype("<i2").tobytes())
    return _Bytes(stream.getvalue())


EQUIVALENTS: dict[str, Any] = {
    "ArrayDataAdapter": data_adapters.ArrayDataAdapter,
    "GeneratorDataAdapter": data_adapters.GeneratorDataAdapter,
    "PyDatasetAdapter": data_adapters.PyDatasetAdapter,
    "TorchDataLoaderAdapter": data_adapters.TorchDataLoaderAdapter,
    "_CONFIG_FILENAME": archive.CONFIG,
    "_METADATA_FILENAME": archive.METADATA,
    "AutocastScope": AutocastScope,
    "CompileLoss": CompileLoss,
    "CompileMetrics": CompileMetrics,
    "ConvLSTM": lambda rank, **settings: (ConvLSTM1D, ConvLSTM2D, ConvLSTM3D)[rank - 1](**settings),
    "ConvLSTMCell": ConvLSTMCell,
    "Distribution": Distribution,
    "DropoutRNNCell": DropoutRNNCell,
    "auto_name": naming.auto_name,
    "TrackedDict": TrackedDict,
    "TrackedList": TrackedList,
    "TrackedOrderedDict": TrackedOrderedDict,
    "TrackedSet": TrackedSet,
    "compute_fans": compute_fans,
    "compute_conv_transpose_output_shape": _transposed_output_shape,
    "compute_conv_transpose_padding_args_for_jax": _transposed_padding,
    "class_weight_to_sample_weights": lambda y, weights: class_weights(np.asarray(y), weights),
    "compute_output_spec": _compute_output_spec,
    "extract_archive": _extract_archive,
    "dequantize_with_sz_map": dequantize_with_sz_map,
    "draw_seed": seed_generator.draw_seed,
    "make_default_seed": seed_generator.make_default_seed,
    "get_device": lambda: "cuda" if distribution.list_devices("gpu") else "cpu",  # PyTorch's, as it names it
    "get_keras_mask": get_mask,
    "in_symbolic_scope": lambda: (
        False
    ),  # a step is traced with the arguments it runs with, and never described otherwise
    "global_seed_generator": seed_generator.global_seed_generator,
    "hash_file": files.hash_file,
    "exists": os.path.exists,
    "join": os.path.join,
    "random_seed_dtype": lambda: "uint32",
    "removeprefix": str.removeprefix,
    "reset_uids": naming.reset_names,
    "removesuffix": str.removesuffix,
    "set_keras_mask": set_mask,
    "should_quantize_layer": is_meant,
    "standardize_shape": standardize_shape,
    "to_snake_case": naming.to_snake_case,
    "uniquify": naming.unique_name,
    "validate_and_resolve_config": resolved,
    "validate_float_arg": _penalty_factor,
}


@contextlib.contextmanager
def classes_of(module: Any) -> Iterator[None]:
    """Let configurations name the classes of a test file.

    Keras imports the classes of its own package by the module that a configuration names, and its test files lie in
    it. Pronghorn imports nothing because a configuration says so: in these tests they are custom objects.
    """
    name = getattr(module, "__name__", "")
    own = {key: value for key, value in vars(module).items() if isinstance(value, type) and value.__module__ == name}
    with saving.CustomObjectScope(own):
        yield
