"""Classes that say which of their names are nearest to one that they do not have."""

from __future__ import annotations

from typing import Any

from pronghorn._lazy import nearest_clause


class _Missing(AttributeError):
    """Looks for the nearest names when it is read, since code that asks whether a name is there reads none."""

    def __init__(self, owner: type, name: str) -> None:
        super().__init__(owner, name)
        self.owner, self.wanted = owner, name

    def __str__(self) -> str:
        known = [known for known in dir(self.owner) if not known.startswith("_")]
        return f"{self.owner.__name__!r} has no attribute {self.wanted!r}{nearest_clause(self.wanted, known)}"

    def __reduce__(self) -> Any:
        return AttributeError, (str(self),)


_Missing.__module__, _Missing.__qualname__, _Missing.__name__ = "builtins", "AttributeError", "AttributeError"


class _OfClass(type):
    def __getattr__(cls, name: str) -> Any:
        raise _Missing(cls, name)


class NamesNearest(metaclass=_OfClass):
    """A class whose missing names are answered with the nearest.

    >>> class Bird(NamesNearest):
    ...     def sing(self):
    ...         return "la"
    >>> Bird().sings
    Traceback (most recent call last):
    AttributeError: 'Bird' has no attribute 'sings'; nearest: sing
    """

    def __getattr__(self, name: str) -> Any:
        raise _Missing(type(self), name)
