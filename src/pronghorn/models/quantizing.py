"""`Model.quantize`: which layers of a model are quantized."""

from __future__ import annotations

from typing import Any

from pronghorn.graph.user_code import warn
from pronghorn.models.calibrating import calibrate_layers
from pronghorn.models.filters import is_meant
from pronghorn.quantizers.calibrated import CalibratedConfig
from pronghorn.quantizers.configs import resolved
from pronghorn.utils.arguments import shown


def quantize_layers(model: Any, mode: str, config: Any, filters: Any, type_check: bool) -> bool:
    """Quantize the layers of a model that have no layers inside; whether there was one that could be.

    Args:
        model: a built model.
        mode: the name of a mode.
        config: the configuration of the mode.
        filters: which layers; see `Model.quantize`.
        type_check: whether subclasses of layers are left out.

    Raises:
        ValueError: if `filters` is nothing that tells layers apart.
    """
    if not (filters is None or isinstance(filters, str | list | tuple) or callable(filters)):
        raise ValueError(
            "quantize: filters tells layers apart by a regular expression for their names, several of them, or a "
            f"function of a layer; got {shown(filters)} of type {type(filters).__name__}."
        )
    config = resolved(mode, config)
    if isinstance(config, CalibratedConfig):
        return calibrate_layers(model, config, filters, type_check)
    some = False
    for layer in model._flatten_layers():
        if any(layer._layers) or not is_meant(layer, filters):
            continue
        try:
            layer.quantize(config.mode, type_check=type_check, config=config)
            some = True
        except NotImplementedError as error:
            if layer.weights:
                warn(f"{error} Its weights stay as they are.")
    return some
