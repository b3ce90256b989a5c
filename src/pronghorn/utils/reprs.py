"""How objects show themselves: as the call that makes them, with what differs from the defaults."""

from __future__ import annotations

import inspect
from collections.abc import Mapping
from typing import Any

_LONGEST = 60


def call_text(thing: Any, values: Mapping[str, Any]) -> str:
    """A class's name and its constructor's arguments: those without a default, and those that are not the default.

    Args:
        thing: an object.
        values: its arguments by name; what is missing is not shown.

    >>> class Scale:
    ...     def __init__(self, factor, offset=0, name=None): ...
    >>> call_text(Scale(2), {"factor": 2, "offset": 0, "name": None})
    'Scale(factor=2)'
    """
    shown = []
    for name, parameter in list(inspect.signature(type(thing).__init__).parameters.items())[1:]:
        if name not in values or parameter.kind in (parameter.VAR_KEYWORD, parameter.VAR_POSITIONAL):
            continue
        value = values[name]
        if parameter.default is parameter.empty or not _same(value, parameter.default):
            shown.append(f"{name}={_text(value)}")
    return f"{type(thing).__name__}({', '.join(shown)})"


def _same(value: Any, default: Any) -> bool:
    if type(value) is not type(default) and not (isinstance(value, int | float) and isinstance(default, int | float)):
        return False
    try:
        return bool(value == default)
    except (TypeError, ValueError):  # an array has no single truth
        return False


def _text(value: Any) -> str:
    if isinstance(value, float):
        return f"{value:.6g}"
    if callable(value) and hasattr(value, "__name__"):
        return str(value.__name__)
    text = " ".join(repr(value).split())
    if isinstance(value, Mapping) and "class_name" in value:  # the configuration of an object
        inner = value.get("config") if isinstance(value.get("config"), Mapping) else {}
        told = ", ".join(f"{name}={_text(part)}" for name, part in inner.items() if part is not None and name != "name")
        text = f"{value['class_name']}({told})"
    return text if len(text) <= _LONGEST else f"{text[: _LONGEST - 3]}..."


class ShownByConfig:
    """Base of what shows itself by its configuration."""

    def __repr__(self) -> str:
        try:
            return call_text(self, self.get_config())  # type: ignore[attr-defined]
        except Exception:  # whatever a class of the user's may do; a repr never fails
            return object.__repr__(self)
