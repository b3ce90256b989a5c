"""Python functions as text: what a `Lambda` layer with a lambda in it needs, and what safe mode refuses."""

from __future__ import annotations

import base64
import marshal
import types
from collections.abc import Callable
from typing import Any

from pronghorn import config


def dump(fn: Callable[..., Any]) -> dict[str, Any]:
    """The code, defaults and closure of a function as plain data."""
    closure = None if fn.__closure__ is None else tuple(c.cell_contents for c in fn.__closure__)
    return {
        "code": base64.b64encode(marshal.dumps(fn.__code__)).decode("ascii"),
        "defaults": fn.__defaults__,
        "closure": closure,
    }


def load(value: Any, safe_mode: bool = True) -> Callable[..., Any]:
    """The function that `dump` described.

    Raises:
        ValueError: in safe mode, since running a file's code is for trusted files only.
    """
    if safe_mode and not config.is_unsafe_deserialization_enabled():
        raise ValueError(
            "The configuration carries a Python lambda, of a Lambda layer for example: loading it means arbitrary code "
            "execution. If you trust where the file comes from, load with safe_mode=False, or call "
            "config.enable_unsafe_deserialization() first. Better: save a named, registered function instead."
        )
    if isinstance(value, (list, tuple)):
        value = dict(zip(("code", "defaults", "closure"), value))
    code = marshal.loads(base64.b64decode(value["code"]))
    defaults = None if value["defaults"] is None else tuple(value["defaults"])
    closure = None if value["closure"] is None else tuple(types.CellType(c) for c in value["closure"])
    return types.FunctionType(code, globals(), code.co_name, defaults, closure)
