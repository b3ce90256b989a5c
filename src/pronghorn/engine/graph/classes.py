"""The classes of arrays and of variables, for libraries that know objects by their very class."""

from __future__ import annotations

from collections.abc import Callable

_classes: list[type] = []
_told: list[Callable[[type], object]] = []


def tell_of_classes(register: Callable[[type], object]) -> None:
    """Call ``register`` with every class of arrays and of variables, those that come later included."""
    _told.append(register)
    for cls in _classes:
        register(cls)


def add_class(cls: type) -> None:
    """Tell of a class that there is from now on."""
    _classes.append(cls)
    for register in _told:
        register(cls)
