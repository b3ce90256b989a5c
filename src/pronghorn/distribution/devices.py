"""The devices that computation can be distributed over."""

from __future__ import annotations

from pronghorn.engine.backends import choice
from pronghorn.placement.processes import processes

_TYPES = ("cpu", "gpu", "tpu")


def list_devices(device_type: str | None = None) -> list[str]:
    """Return the names of the devices of all processes, of one type.

    Pronghorn's own engine has one device a process, all of its cores; other engines have what their library has.

    Args:
        device_type: `"cpu"`, `"gpu"` or `"tpu"`; by default what the engine computes on.

    Returns:
        Names such as `"cpu:0"`, in the order of their numbers.

    Raises:
        ValueError: for another type.

    >>> list_devices(), list_devices("gpu")
    (['cpu:0'], [])
    """
    if device_type is not None and str(device_type).lower() not in _TYPES:
        raise ValueError(f"list_devices: device_type must be one of {', '.join(_TYPES)}; got {device_type!r}.")
    engine = choice.current_engine()
    names = [f"cpu:{i}" for i in range(processes().count)] if engine is None else list(engine.devices())
    if device_type is None:
        kinds = {name.partition(":")[0] for name in names}
        device_type = next((kind for kind in ("gpu", "tpu", "cpu") if kind in kinds), "cpu")
    return [name for name in names if name.startswith(f"{str(device_type).lower()}:")]


def get_device_count(device_type: str | None = None) -> int:
    """Return how many devices of a type there are; see `list_devices`.

    >>> get_device_count()
    1
    """
    return len(list_devices(device_type))
