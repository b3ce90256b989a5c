"""Mixed precision: the scope in which variables show themselves in a layer's compute type."""

from __future__ import annotations

import threading


class _Current(threading.local):
    def __init__(self) -> None:
        self.scope: AutocastScope | None = None


_current = _Current()


def autocast_dtype() -> str | None:
    """The float type that variables are read in now, or None where they are read as they are stored."""
    return None if _current.scope is None else _current.scope.dtype


def autocast_scope() -> AutocastScope | None:
    """The scope that this is in, if any; it may be one in which variables are read as they are stored."""
    return _current.scope


class AutocastScope:
    """Read float variables in ``dtype`` inside this context; None: as they are stored.

    Example:

    >>> with AutocastScope("bfloat16"):
    ...     autocast_dtype()
    'bfloat16'
    """

    def __init__(self, dtype: str | None) -> None:
        self.dtype = dtype
        self._outer: list[AutocastScope | None] = []

    def __enter__(self) -> AutocastScope:
        self._outer.append(_current.scope)
        _current.scope = self
        return self

    def __exit__(self, *error: object) -> None:
        _current.scope = self._outer.pop()
