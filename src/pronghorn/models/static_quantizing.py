"""`Model.quantize` to integers whose scales are settled beforehand, by looking at what layers get for some data."""

from __future__ import annotations

import contextlib
import functools
import math
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np

from pronghorn import ops, tree
from pronghorn.engine.runtime.host import host_target
from pronghorn.layers.quantization.fake_int8 import FakeInt8
from pronghorn.layers.quantization.quantizable import QuantizableProduct
from pronghorn.layers.quantization.requests import check
from pronghorn.layers.quantization.static_int8 import StaticInt8
from pronghorn.models.filters import is_meant
from pronghorn.quantizers.ranges import Seen
from pronghorn.quantizers.report import QuantizationReport
from pronghorn.quantizers.static import StaticInt8QuantizationConfig
from pronghorn.trainers.data_adapters import make_adapter
from pronghorn.trainers.trainer import Trainer
from pronghorn.utils.data_tuple import unpack_x_y_sample_weight

#: Sums of fewer products, and fewer outputs, take no less time in integers than in floats. What multiplies pairs of
#: integers is little faster than floats, so that incomplete vectors count.
LEAST_SUMMED, LEAST_OUTPUTS, LEAST_OUTPUTS_OF_PAIRS = 32, 8, 32

Look = Callable[[Any, Any, Any], None]


def quantize_statically(
    model: Any, config: StaticInt8QuantizationConfig, filters: Any, type_check: bool
) -> tuple[set[int], dict[int, str], dict[int, float]]:
    """Quantize the layers of a model, given inputs of it; or let them round numbers as if they were.

    Returns:
        The identities of the layers that were quantized; why others that could be stay in floats; and how much the
        outputs of each change, as a share of their size.

    Raises:
        ValueError: for data that is missing, empty, not finite or all zeros. The model stays as it was.
    """
    found = [layer for layer in model._flatten_layers() if _can_be(layer) and is_meant(layer, filters)]
    found = [layer for layer in found if not layer._is_quantized and not (type_check and layer._is_of_a_subclass())]
    reasons = {id(layer): reason for layer in found if (reason := _reason(layer)) is not None}
    wanted = [layer for layer in found if id(layer) not in reasons]
    for layer in wanted:
        check(layer, config.mode)
        _check_kernel(layer)
    batches = _batches(config)
    seen = {id(layer): Seen() for layer in wanted}
    with _looking(model, wanted, lambda layer, inputs, outputs: seen[id(layer)].update(_numbers(layer, inputs))):
        for batch in batches:
            model(batch, training=False)
    reasons |= {key: QuantizationReport.SKIP_UNSEEN for key, values in seen.items() if not np.isfinite(values.most)}
    wanted = [layer for layer in wanted if id(layer) not in reasons]
    ranges = {id(layer): config.range_of(seen[id(layer)]) for layer in wanted}
    values = {id(layer): _values(layer, ranges[id(layer)]) for layer in wanted}
    errors = _errors(model, wanted, values, batches[0])
    for key, error in errors.items():
        if not error <= config.max_error:
            reasons[key] = QuantizationReport.SKIP_ERROR
    quantized = [layer for layer in wanted if id(layer) not in reasons]
    if config.mode == FakeInt8.name:
        values = {key: dict(zip(FakeInt8.inputs, ends)) for key, ends in ranges.items()}
    _settle(quantized, config, values, type_check)
    return {id(layer) for layer in quantized}, reasons, errors


def convert_prepared(model: Any, config: StaticInt8QuantizationConfig) -> set[int]:
    """Put integers in the place of weights of layers that round numbers as if they had them.

    Returns:
        The identities of the layers.

    Raises:
        ValueError: if a kernel is not finite. The model stays as it was.
    """
    layers = [layer for layer in model._flatten_layers() if is_prepared(layer)]
    for layer in layers:
        _check_kernel(layer)
    values = {id(layer): _values(layer, layer._scheme().range_of(layer)) for layer in layers}
    for layer in layers:
        layer._undo_quantization()
    _settle(layers, config, values, False)
    return set(values)


def is_prepared(layer: Any) -> bool:
    """Whether a layer rounds numbers as if they were integers."""
    return layer.built and getattr(layer, "quantization_mode", None) == FakeInt8.name


def _settle(layers: list[Any], config: Any, values: dict[int, dict[str, Any]], type_check: bool) -> None:
    kept = type(config).from_config(config.get_config())
    kept.found = values
    for layer in layers:
        layer.quantize(config.mode, config=kept, type_check=type_check)
    kept.found = {}


def _can_be(layer: Any) -> bool:
    return isinstance(layer, QuantizableProduct) and StaticInt8.name in layer._quantization_modes and layer.built


def _reason(layer: Any) -> str | None:
    """Why a layer stays in floats whatever the data; None if nothing is in the way."""
    if getattr(layer, "groups", 1) != 1 or getattr(layer, "data_format", "channels_last") == "channels_first":
        return QuantizationReport.SKIP_NO_SUPPORT
    (weight,) = layer._weights_to_quantize()
    summed = math.prod(weight.shape[axis] for axis in weight.reduced)
    outputs = math.prod(weight.shape) // max(summed, 1)
    unit = host_target().quads
    fewest = LEAST_OUTPUTS_OF_PAIRS if unit == "pmaddwd" else LEAST_OUTPUTS
    return QuantizationReport.SKIP_SLOWER if not unit or summed < LEAST_SUMMED or outputs < fewest else None


def _batches(config: StaticInt8QuantizationConfig) -> list[Any]:
    """The inputs to look at."""
    if config.calibration is None:
        raise ValueError(
            "quantize: by static_int8 the layers' inputs are looked at, but there is no data. Pass some hundred "
            "samples: quantize('int8', calibration=x)."
        )
    own_batches = not hasattr(config.calibration, "shape") and not isinstance(config.calibration, list | tuple | dict)
    adapter = make_adapter(config.calibration, batch_size=None if own_batches else config.batch_size)
    batches = [unpack_x_y_sample_weight(batch.layout.pack(batch.gather()))[0] for batch in adapter.batches()]
    arrays = [np.asarray(ops.convert_to_numpy(leaf)) for batch in batches for leaf in tree.flatten(batch)]
    if not arrays or not all(array.size for array in arrays):
        raise ValueError("quantize: the calibration data is empty. Pass some hundred samples.")
    floats = [array for array in arrays if array.dtype.kind == "f"]
    if not all(np.isfinite(array).all() for array in floats):
        raise ValueError("quantize: the calibration data has NaN or infinite numbers. Pass samples without.")
    if not any(array.any() for array in arrays if array.dtype.kind in "fiu"):
        raise ValueError(
            "quantize: the calibration data is all zeros, which tells no range. Pass samples as the model will get "
            "them."
        )
    return batches


def _numbers(layer: Any, inputs: Any) -> np.ndarray:
    x = np.asarray(ops.convert_to_numpy(inputs), np.float32)
    if not np.isfinite(x).all():
        raise ValueError(
            f"Layer {layer.name!r} ({type(layer).__name__}) got NaN or infinite inputs for the calibration data, by "
            "which it cannot be quantized. Look at the weights of the layers before it, and at the data."
        )
    return x


def _check_kernel(layer: Any) -> None:
    if not np.isfinite(ops.convert_to_numpy(layer.kernel)).all():
        raise ValueError(
            f"Layer {layer.name!r} ({type(layer).__name__}): its kernel has NaN or infinite numbers, which cannot be "
            "quantized. Load or train weights that are finite."
        )


def _values(layer: Any, ends: tuple[float, float]) -> dict[str, Any]:
    """What a layer's variables become, given the range of its inputs."""
    (weight,) = layer._weights_to_quantize()
    return layer._scheme(StaticInt8.name).values(layer, weight, *ends)


def _errors(model: Any, layers: list[Any], values: dict[int, dict[str, Any]], batch: Any) -> dict[int, float]:
    """How much the outputs of each layer change, as a share of their size, for a batch of the model's inputs."""
    errors: dict[int, float] = {}

    def compare(layer: Any, inputs: Any, outputs: Any) -> None:
        (weight,), product = layer._weights_to_quantize(), layer._product()
        scheme = layer._scheme(StaticInt8.name)
        found = scheme.product(weight, product, inputs, values[id(layer)], layer.compute_dtype)
        found = ops.convert_to_numpy(layer._finished(found, scheme.bias(layer))).astype(np.float64)
        true = ops.convert_to_numpy(outputs).astype(np.float64)
        size = float(np.linalg.norm(true))
        error = float(np.linalg.norm(found - true)) / size if size else 0.0
        errors[id(layer)] = max(error, errors.get(id(layer), 0.0))

    with _looking(model, layers, compare):
        model(batch, training=False)
    return errors


@contextlib.contextmanager
def _looking(model: Any, layers: list[Any], look: Look) -> Iterator[None]:
    """While it lasts, the model runs op by op, and ``look`` sees each call of some layers."""
    models = [layer for layer in model._flatten_layers() if isinstance(layer, Trainer)]
    before = [one._trainer_state.run_eagerly for one in models]
    with contextlib.ExitStack() as stack:
        for one in models:
            one._trainer_state.run_eagerly = True
        for layer in layers:
            stack.enter_context(_watched(layer, look))
        try:
            yield
        finally:
            for one, was in zip(models, before):
                one._trainer_state.run_eagerly = was


@contextlib.contextmanager
def _watched(layer: Any, look: Look) -> Iterator[None]:
    call = layer.call

    @functools.wraps(call)
    def watching(inputs: Any, *args: Any, **kwargs: Any) -> Any:
        outputs = call(inputs, *args, **kwargs)
        look(layer, inputs, outputs)
        return outputs

    layer.call = watching
    try:
        yield
    finally:
        del layer.call
