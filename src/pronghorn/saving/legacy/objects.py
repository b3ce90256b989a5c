"""Objects to configurations and back as Keras 2 had it: a class's name without its module, looked up in given tables.

Libraries that were written for Keras 2 keep their own objects so; files of models are read by `pronghorn.saving`.
"""

from __future__ import annotations

import inspect
from typing import Any

from pronghorn._lazy import nearest_clause
from pronghorn.serialization import registration

_PASSIVE = "__passive_serialization__"  # marks a configuration inside another, which is made into its object again


def serialize_keras_object(instance: Any) -> Any:
    """Return the configuration of an object: its class's name and its arguments, or the name of a function.

    Args:
        instance: an object with `get_config()`, a function, or None.

    Raises:
        ValueError: it has neither a `get_config()` nor a name.

    >>> from pronghorn import initializers
    >>> serialize_keras_object(initializers.Constant(2.0))
    {'class_name': 'Constant', 'config': {'value': 2.0}}
    """
    if instance is None:
        return None
    if hasattr(instance, "get_config"):
        config = {key: _passive(value) for key, value in instance.get_config().items()}
        return {"class_name": registration.get_registered_name(type(instance)), "config": config}
    if hasattr(instance, "__name__"):
        return registration.get_registered_name(instance)
    raise ValueError(
        f"serialize_keras_object: instance is {instance!r}, which has no get_config() method and no name; give its "
        "class a get_config() that returns the constructor's arguments."
    )


def _passive(value: Any) -> Any:
    if isinstance(value, str):
        return value
    try:
        entry = serialize_keras_object(value)
    except ValueError:
        return value
    return {**entry, _PASSIVE: True} if isinstance(entry, dict) else entry


def deserialize_keras_object(
    identifier: Any,
    module_objects: dict[str, Any] | None = None,
    custom_objects: dict[str, Any] | None = None,
    printable_module_name: str = "object",
) -> Any:
    """Return what a configuration of Keras 2's kind stands for.

    Args:
        identifier: `{"class_name": ..., "config": ...}`, a name, a function, or None.
        module_objects: what names stand for where nothing else says so.
        custom_objects: what names stand for first of all, also while the object is made.
        printable_module_name: what messages call the object.

    Returns:
        The object; for the name of a class one made without arguments, for another name what it stands for.

    Raises:
        ValueError: the name is not known, or `identifier` is none of these.

    >>> from pronghorn import initializers
    >>> deserialize_keras_object({"class_name": "Constant", "config": {"value": 2.0}}, vars(initializers)).value
    2.0
    """
    if identifier is None:
        return None
    tables = (custom_objects, module_objects)
    if isinstance(identifier, str):
        found = _found(identifier, tables, printable_module_name)
        return found() if inspect.isclass(found) else found
    if isinstance(identifier, dict):
        return _made(identifier, tables, printable_module_name)
    if inspect.isfunction(identifier):
        return identifier
    raise ValueError(
        f"deserialize_keras_object: identifier is {identifier!r}; it must be a configuration (a dictionary with "
        "class_name and config), a name, a function or None."
    )


def _made(identifier: dict[str, Any], tables: Any, what: str) -> Any:
    if not {"class_name", "config"} <= identifier.keys():
        raise ValueError(
            f"deserialize_keras_object: identifier is {identifier!r}; a configuration has a class_name and a config."
        )
    cls = _found(identifier["class_name"], tables, what)
    custom_objects, module_objects = tables
    config = {}
    for key, value in identifier["config"].items():
        if isinstance(value, dict) and _PASSIVE in value:
            value = deserialize_keras_object(value, module_objects, custom_objects, "config_item")
        config[key] = value
    maker = getattr(cls, "from_config", None)
    if maker is not None and "custom_objects" in inspect.signature(maker).parameters:
        return maker(config, custom_objects={**registration.get_custom_objects(), **(custom_objects or {})})
    with registration.CustomObjectScope(custom_objects):
        return maker(config) if maker is not None else cls(**config)


def _found(name: str, tables: Any, what: str) -> Any:
    custom_objects, module_objects = tables
    for table in (custom_objects, registration.scoped_custom_objects(), registration.get_custom_objects()):
        if table and name in table:
            return table[name]
    if module_objects and name in module_objects:
        return module_objects[name]
    known = {**registration.get_custom_objects(), **(module_objects or {}), **(custom_objects or {})}
    raise ValueError(
        f"deserialize_keras_object: the {what} {name!r} is not known{nearest_clause(name, known)}. Pass it in "
        "custom_objects, or open a keras.saving.CustomObjectScope around the call."
    )
