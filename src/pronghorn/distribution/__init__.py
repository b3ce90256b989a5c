"""Distribution over devices: Pronghorn runs on the cores of one machine, which is one device."""

from __future__ import annotations

from typing import Any

from pronghorn._absent import absent_class, absent_function
from pronghorn._lazy import attach
from pronghorn.backends import choice as _choice

_INSTEAD = "it runs on all cores of one machine by itself; see config.set_num_threads"

DataParallel = absent_class("DataParallel", _INSTEAD, __name__)
DeviceMesh = absent_class("DeviceMesh", _INSTEAD, __name__)
LayoutMap = absent_class("LayoutMap", _INSTEAD, __name__)
ModelParallel = absent_class("ModelParallel", _INSTEAD, __name__)
TensorLayout = absent_class("TensorLayout", _INSTEAD, __name__)
distribute_tensor = absent_function("distribute_tensor", _INSTEAD)
initialize = absent_function("distribution.initialize", _INSTEAD)


def list_devices(device_type: str | None = None) -> list[str]:
    """Return the names of the engine's devices of a type, such as `"cpu"` or `"gpu"`, or all.

    >>> list_devices(), list_devices("gpu")
    (['cpu:0'], [])
    """
    engine = _choice.current_engine()
    names = ["cpu:0"] if engine is None else engine.devices()
    return [name for name in names if device_type is None or name.startswith(f"{device_type.lower()}:")]


def get_device_count(device_type: str | None = None) -> int:
    """Return how many devices of a type there are."""
    return len(list_devices(device_type))


def distribution() -> None:
    """Return None: computation is never distributed."""
    return None


def set_distribution(value: Any) -> None:
    """Accept None, for no distribution.

    Raises:
        NotImplementedError: for anything else.
    """
    if value is not None:
        raise NotImplementedError(f"set_distribution is not part of Pronghorn: {_INSTEAD}.")


attach(__name__)
