"""`keras.device`: the CPU, or what the engine has."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator

from pronghorn.engine.backends import choice
from pronghorn.engine.graph.user_code import warn


@contextlib.contextmanager
def device(device_name: str) -> Iterator[None]:
    """Run what is inside on a device of the engine. Pronghorn's own has the CPU only.

    Args:
        device_name: such as `"cpu:0"` or `"gpu:0"`; see `distribution.list_devices`. For a device that is not there,
            there is a warning, and what is inside runs where it would without this.

    >>> with device("cpu:0"):
    ...     pass
    """
    if not isinstance(device_name, str):
        raise ValueError(f"device: expected a name such as 'cpu:0', got {device_name!r}.")
    name = device_name.lower().lstrip("/").removeprefix("device:")
    engine = choice.current_engine()
    if engine is None:
        if not name.startswith("cpu"):
            warn(f"device: {device_name!r} is not there; Pronghorn computes on the CPU.")
        yield
        return
    name = name if ":" in name else f"{name}:0"
    there = engine.devices()
    if name not in there:
        warn(f"device: {device_name!r} is not there; {engine.name} has {', '.join(there)}.")
        yield
        return
    with engine.on_device(name):
        yield
