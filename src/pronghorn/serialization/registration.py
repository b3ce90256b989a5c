"""Which class or function a name in a configuration stands for: registered and scoped custom objects."""

from __future__ import annotations

import inspect
import threading
from collections.abc import Callable
from typing import Any, TypeVar

T = TypeVar("T")

_custom_objects: dict[str, Any] = {}
_custom_names: dict[Any, str] = {}


class _Scoped(threading.local):
    def __init__(self) -> None:
        self.objects: dict[str, Any] = {}


_scoped = _Scoped()


class CustomObjectScope:
    """A context in which names stand for the given classes and functions.

    Args:
        custom_objects: names and what they stand for.

    Example:

    >>> def double(x): return 2 * x
    >>> with CustomObjectScope({"double": double}):
    ...     get_registered_object("double") is double
    True
    """

    def __init__(self, custom_objects: dict[str, Any] | None) -> None:
        self.custom_objects = dict(custom_objects or {})
        self._outer: list[dict[str, Any]] = []

    def __enter__(self) -> CustomObjectScope:
        self._outer.append(_scoped.objects)
        _scoped.objects = {**_scoped.objects, **self.custom_objects}
        return self

    def __exit__(self, *error: object) -> None:
        _scoped.objects = self._outer.pop()


def get_custom_objects() -> dict[str, Any]:
    """The names that hold everywhere and what they stand for; the dict itself, which may be changed.

    >>> "Mine" in get_custom_objects()
    False
    """
    return _custom_objects


def scoped_custom_objects() -> dict[str, Any]:
    """The names of the open `CustomObjectScope` contexts."""
    return _scoped.objects


def register_keras_serializable(package: str = "Custom", name: str | None = None) -> Callable[[T], T]:
    """Register the decorated class or function, so that saved configurations find it.

    Args:
        package: the first part of its name, before ``>``.
        name: the second part; the object's own name if None.

    Raises:
        ValueError: for a class without a ``get_config`` method.

    Example:

    >>> @register_keras_serializable(package="mine")
    ... def triple(x):
    ...     return 3 * x
    >>> get_registered_name(triple)
    'mine>triple'
    """

    def register(thing: T) -> T:
        if inspect.isclass(thing) and not hasattr(thing, "get_config"):
            raise ValueError(
                f"register_keras_serializable: {thing.__name__} has no get_config() method, so a file could not say "
                "how to make it again. Write one that returns the constructor's arguments."
            )
        registered = f"{package}>{name or thing.__name__}"  # type: ignore[attr-defined]
        _custom_objects[registered] = thing
        _custom_names[thing] = registered
        return thing

    return register


def get_registered_name(obj: Any) -> str:
    """The name under which ``obj`` is registered, its own name if it is not.

    >>> from pronghorn import layers
    >>> from pronghorn.saving import register_keras_serializable
    >>> @register_keras_serializable("mine")
    ... class Bend(layers.Layer):
    ...     pass
    >>> get_registered_name(Bend)
    'mine>Bend'
    """
    try:
        return _custom_names.get(obj) or obj.__name__
    except TypeError:  # not hashable
        return obj.__name__


def is_registered(obj: Any) -> bool:
    """Whether ``obj`` was given to `register_keras_serializable`."""
    return obj in _custom_names


def find_by_own_name(name: str) -> Any:
    """What is registered, in whatever package, under a name; older files give a function's own name only.

    Args:
        name: the part after ``>``.
    """
    found = [thing for registered, thing in _custom_objects.items() if registered.endswith(f">{name}")]
    return found[0] if len(found) == 1 and ">" not in name else None


def get_registered_object(
    name: str, custom_objects: dict[str, Any] | None = None, module_objects: dict[str, Any] | None = None
) -> Any:
    """What ``name`` stands for, or None.

    Args:
        name: a registered name or the name of a scoped object.
        custom_objects: looked in after the open scopes and the registered objects.
        module_objects: looked in last.

    Example:

    >>> from pronghorn import layers
    >>> from pronghorn.saving import register_keras_serializable
    >>> @register_keras_serializable("mine")
    ... class Curve(layers.Layer):
    ...     pass
    >>> get_registered_object("mine>Curve") is Curve
    True
    """
    for table in (_scoped.objects, _custom_objects, custom_objects, module_objects):
        if table and name in table:
            return table[name]
    return None
