"""Names of Keras's that Pronghorn does not have: there to be found, and to say what to use instead."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NoReturn


def absent_function(name: str, instead: str) -> Callable[..., NoReturn]:
    """Return a function that raises NotImplementedError with a sentence on what to use instead."""

    def function(*args: Any, **kwargs: Any) -> NoReturn:
        raise NotImplementedError(f"{name} is not part of Pronghorn: {instead}.")

    function.__name__ = function.__qualname__ = name
    function.__doc__ = f"Not there: {instead}.\n\nRaises:\n    NotImplementedError: always."
    function.__absent__ = instead  # type: ignore[attr-defined]
    return function


def absent_class(name: str, instead: str, module: str, base: type = object) -> type:
    """Return a class that cannot be made: its constructor raises NotImplementedError."""

    def init(self: Any, *args: Any, **kwargs: Any) -> NoReturn:
        raise NotImplementedError(f"{name} is not part of Pronghorn: {instead}.")

    doc = f"Not there: {instead}.\n\nRaises:\n    NotImplementedError: always."
    return type(name, (base,), {"__init__": init, "__doc__": doc, "__module__": module, "__absent__": instead})


def instead_of(value: Any) -> str | None:
    """Return what to use instead of something that is not there; None for what is.

    >>> instead_of(absent_function("fly", "walk")), instead_of(print)
    ('walk', None)
    """
    own = getattr(value, "__dict__", {})
    return own.get("__absent__")
