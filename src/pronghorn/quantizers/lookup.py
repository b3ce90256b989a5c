"""Quantizers, and configurations of quantization, by their names."""

from __future__ import annotations

from typing import Any

from pronghorn.quantizers.abs_max import AbsMaxQuantizer, Quantizer
from pronghorn.quantizers.awq import AWQConfig
from pronghorn.quantizers.configs import (
    Float8QuantizationConfig,
    Int4QuantizationConfig,
    Int8QuantizationConfig,
    QuantizationConfig,
    TernaryQuantizationConfig,
)
from pronghorn.quantizers.gptq import GPTQConfig
from pronghorn.utils.registry import Registry, names_of

_registry = Registry(
    "quantizer",
    names_of(
        (
            *(Quantizer, AbsMaxQuantizer, QuantizationConfig),
            *(Int8QuantizationConfig, Int4QuantizationConfig, Float8QuantizationConfig, TernaryQuantizationConfig),
            *(GPTQConfig, AWQConfig),
        )
    ),
)


def get(identifier: Any, **kwargs: Any) -> Any:
    """A quantizer from its name, its configuration or itself; None for None.

    Args:
        identifier: the name, a configuration, a class or a quantizer.
        kwargs: arguments of the constructor, for a name or a class.

    Raises:
        ValueError: if there is none of that name, with the nearest names.

    >>> get("abs_max_quantizer", value_range=(-7, 7)).value_range
    (-7, 7)
    """
    if isinstance(identifier, str) and identifier in _registry.objects:
        identifier = _registry.objects[identifier]
    return identifier(**kwargs) if isinstance(identifier, type) else _registry.get(identifier)


def serialize(quantizer: Any) -> Any:
    """The configuration of a quantizer.

    >>> serialize(get("abs_max_quantizer"))["class_name"]
    'AbsMaxQuantizer'
    """
    return _registry.serialize(quantizer)


def deserialize(config: Any, custom_objects: Any = None) -> Any:
    """The quantizer of a configuration.

    >>> deserialize({"class_name": "AbsMaxQuantizer", "config": {"axis": [0]}}).axis
    (0,)
    """
    return _registry.deserialize(config, custom_objects)
