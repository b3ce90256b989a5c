"""Layers that compute nothing but what their inputs, settings and variables say, so that a call can be kept."""

from __future__ import annotations

from collections.abc import Hashable
from typing import Any

from pronghorn import config
from pronghorn.engine.graph.user_code import is_own
from pronghorn.engine.graph.variable import overlays
from pronghorn.layers import call as calls
from pronghorn.layers.versions import version_of
from pronghorn.placement.active import distribution as in_force
from pronghorn.utils.autocast import autocast_scope


def is_own_code(layer: Any) -> bool:
    """Whether a layer runs no code of a user's that does more than compute, and adds nothing to the loss."""
    return is_own(type(layer)) and "call" not in vars(layer) and layer.activity_regularizer is None


def state_of_call(layer: Any) -> Hashable | None:
    """What a call of a layer depends on besides its arguments; None where that cannot be told."""
    if overlays.stack or calls.current_call_context() is not None or autocast_scope() is not None or not layer.built:
        return None
    if not all(
        is_own_code(x) and not x._losses and (not x._looks_at_values or hasattr(x, "_check_indices"))
        for x in layer._flatten_layers()
    ):
        return None
    return in_force(), version_of(layer), config.floatx(), config.image_data_format()
