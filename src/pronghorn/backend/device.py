"""`keras.device`: there is one device, the CPU."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator

from pronghorn.graph.user_code import warn


@contextlib.contextmanager
def device(device_name: str) -> Iterator[None]:
    """Run what is inside on a device; Pronghorn has the CPU only, so this checks the name and changes nothing.

    Args:
        device_name: such as `"cpu:0"`.

    >>> with device("cpu:0"):
    ...     pass
    """
    if not isinstance(device_name, str):
        raise ValueError(f"device: expected a name such as 'cpu:0', got {device_name!r}.")
    if not device_name.lower().lstrip("/").startswith("cpu"):
        warn(f"device: {device_name!r} is not there; Pronghorn computes on the CPU.")
    yield
