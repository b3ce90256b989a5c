"""`Model.quantize`: which layers of a model are quantized, and the report of that."""

from __future__ import annotations

import math
from collections.abc import Collection, Iterator, Mapping
from types import MappingProxyType
from typing import Any

from pronghorn._wording import counted
from pronghorn.engine.graph import dtypes
from pronghorn.engine.graph.user_code import warn
from pronghorn.layers.core.input_layer import InputLayer
from pronghorn.models.calibrating import calibrate_layers
from pronghorn.models.filters import check_filters, is_meant
from pronghorn.models.static_quantizing import convert_prepared, is_prepared, quantize_statically
from pronghorn.quantizers.calibrated import CalibratedConfig
from pronghorn.quantizers.configs import resolved
from pronghorn.quantizers.report import QuantizationReport
from pronghorn.quantizers.static import StaticInt8QuantizationConfig
from pronghorn.trainers.trainer import Trainer


def quantize_layers(model: Any, mode: str, config: Any, filters: Any, type_check: bool) -> QuantizationReport:
    """Quantize the layers of a model that can be.

    Args:
        model: a built model.
        mode: the name of a mode.
        config: the configuration of the mode.
        filters: which layers; see `Model.quantize`.
        type_check: whether subclasses of layers are left out.

    Raises:
        ValueError: if `filters` is nothing that tells layers apart.
    """
    check_filters(filters)
    config = resolved(mode, config)
    if isinstance(config, CalibratedConfig):
        quantized, inside = calibrate_layers(model, config, filters, type_check)
        return _report(model, config.mode, filters, quantized, inside)
    if isinstance(config, StaticInt8QuantizationConfig):
        if config.calibration is None and any(map(is_prepared, model._flatten_layers())):
            return _report(model, config.mode, None, convert_prepared(model, config))
        done, reasons, errors = quantize_statically(model, config, filters, type_check)
        return _report(model, config.mode, filters, done, reasons=reasons, errors=errors)
    quantized, left = set(), False
    for layer in _layers_of(model):
        if not is_meant(layer, filters) or layer._is_quantized:
            continue
        try:
            layer.quantize(config.mode, type_check=type_check, config=config)
            quantized.add(id(layer))
        except NotImplementedError:
            left = left or bool(layer.weights and not any(layer._layers))
    report = _report(model, config.mode, filters, quantized)
    if left:  # some with weights
        warn(f"{report.summary_warning()}")
    return report


def _layers_of(model: Any) -> Iterator[Any]:
    """The layers of a model and those in them, but for models and inputs."""
    return (layer for layer in model._flatten_layers() if not isinstance(layer, Trainer | InputLayer))


def _place(layer: Any) -> str:
    """The path of a layer; its name where it has none of its own, as layers without weights."""
    path = layer.path or ""
    return path if path.rpartition("/")[2] == layer.name else layer.name


def _report(
    model: Any,
    mode: str,
    filters: Any,
    quantized: Collection[int],
    inside: Collection[int] | None = None,
    reasons: Mapping[int, str] = MappingProxyType({}),
    errors: Mapping[int, float] = MappingProxyType({}),
) -> QuantizationReport:
    """What was done, given the identities of the layers that were quantized, and of those of a structure."""
    report = QuantizationReport(mode)
    for layer in _layers_of(model):
        path = _place(layer)
        if id(layer) in errors:
            report.errors[path] = errors[id(layer)]
        if id(layer) in quantized:
            report.add_quantized(path, layer.quantization_mode, layer._own_policy().name)
        elif inside is not None and id(layer) not in inside:
            report.add_skipped(path, report.SKIP_OUTSIDE_STRUCTURE)
        elif id(layer) in reasons:
            report.add_skipped(path, reasons[id(layer)])
        elif not is_meant(layer, filters):
            report.add_skipped(path, report.SKIP_FILTERED)
        elif layer._is_quantized:
            report.add_skipped(path, report.SKIP_ALREADY_QUANTIZED)
        else:
            report.add_skipped(path, report.SKIP_NO_SUPPORT)
    return report


def quantization_summary(model: Any) -> str:
    """Which layers of a model are quantized, and what their weights take in memory."""
    lines, taken, before = [], 0, 0
    for layer in _layers_of(model):
        count, variables = _in_few_bits(layer)
        if count:
            size = sum(math.prod(one.shape) * dtypes.itemsize(dtypes.name_of(one.dtype)) for one in variables)
            name = layer._own_policy().name
            lines.append(
                f"  {_place(layer)}: {name}, {counted(count, 'weight')} in {counted(size, 'byte')} with their scales"
            )
            taken, before = taken + size, before + 4 * count
    if not lines:
        return f"Model {model.name!r} has no quantized layers."
    end = f"In all {counted(taken, 'byte')}; as float32 it would be {before:,}, {before / taken:.2f} times as many."
    return "\n".join([f"Quantized layers of model {model.name!r}", *lines, end])


def _in_few_bits(layer: Any) -> tuple[int, list[Any]]:
    """How many weights of a layer are quantized, and the variables that hold them."""
    if layer.quantization_mode is None or not layer.weights:
        return 0, []
    known = getattr(layer, "_quantized_weights", ())
    if not known:  # a layer of a class of the user's
        largest = max(layer.weights, key=lambda variable: math.prod(variable.shape))
        return math.prod(largest.shape), [largest]
    places = [place for place in layer._places_in_files() if place != "bias"]
    return sum(math.prod(weight.shape) for weight in known), [getattr(layer, place) for place in places]
