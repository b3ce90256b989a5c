"""Objects to plain data (`serialize_keras_object`) and back (`deserialize_keras_object`)."""

from __future__ import annotations

import functools
import inspect
import sys
import threading
import types
from collections.abc import Callable
from typing import Any

import numpy as np

from pronghorn.engine.graph import dtypes
from pronghorn.engine.graph.foreign import without_framework
from pronghorn.engine.graph.messages import short_messages
from pronghorn.engine.graph.tensor import Tensor
from pronghorn.engine.graph.user_code import defined_in
from pronghorn.serialization import budget, keras_operations, public_names, python_code, sharing
from pronghorn.serialization.registration import (
    CustomObjectScope,
    find_by_own_name,
    get_registered_name,
    get_registered_object,
    is_registered,
)

PLAIN = (str, int, float, bool, type(None))
_LIBRARIES = ("jaxlib", "tensorflow", "torch")  # whose arrays are kept as ours are


def is_serializable(obj: Any) -> bool:
    """Whether `serialize_keras_object` knows what to do with a leaf."""
    if isinstance(obj, (*PLAIN, np.generic)) or value_config.dispatch(type(obj)) is not _NOT_A_VALUE:
        return True
    return inspect.isfunction(obj) or inspect.isclass(obj) or hasattr(obj, "get_config") or obj in (int, float, bool)


def serialize_keras_object(obj: Any) -> Any:
    """Plain data (dicts, lists, strings, numbers) that describes ``obj``.

    Args:
        obj: a layer, loss, initializer, ..., a function, an array, or nested containers of these.

    Raises:
        ValueError: for an object that has no ``get_config`` and is nothing else that is known.

    Example:

    >>> from pronghorn import initializers
    >>> serialize_keras_object(initializers.Zeros())["class_name"]
    'Zeros'
    """
    if isinstance(obj, (list, tuple)) and not hasattr(obj, "_fields"):
        items = [serialize_keras_object(x) for x in obj]
        return tuple(items) if isinstance(obj, tuple) else items
    if isinstance(obj, dict):
        return {k: serialize_keras_object(v) for k, v in obj.items()}
    if isinstance(obj, np.generic):
        return obj.item()
    if isinstance(obj, PLAIN):
        return obj
    special = _special(obj)
    if special is not None:
        return special
    if inspect.isfunction(obj) or inspect.isbuiltin(obj):
        return _function_config(obj)
    if inspect.isclass(obj):
        return _class_config(obj)
    if not hasattr(obj, "get_config"):
        raise ValueError(
            f"serialize_keras_object: do not know how to save {obj!r} of type {type(obj).__name__}. Give its class a "
            "get_config() method that returns the constructor's arguments."
        )
    return _object_config(obj)


@functools.singledispatch
def value_config(obj: Any) -> Any:
    """Plain data for a value: an array, bytes, a slice; None for what is described by ``get_config`` or a name.

    Kinds of values are registered where they are defined: ``@value_config.register``.

    >>> value_config(b"ab")
    {'class_name': '__bytes__', 'config': {'value': 'ab'}}
    """
    return None


_NOT_A_VALUE = value_config.dispatch(object)


@value_config.register
def _(obj: Tensor) -> dict[str, Any]:
    return tagged("tensor", value=obj.numpy().tolist(), dtype=obj.dtype)


@value_config.register
def _(obj: np.ndarray) -> dict[str, Any]:
    return tagged("numpy", value=obj.tolist(), dtype=obj.dtype.name)


@value_config.register
def _(obj: bytes) -> dict[str, Any]:
    return tagged("bytes", value=obj.decode("utf-8"))


@value_config.register
def _(obj: slice) -> dict[str, Any]:
    return tagged("slice", **{name: serialize_keras_object(getattr(obj, name)) for name in ("start", "stop", "step")})


@value_config.register
def _(obj: types.EllipsisType) -> dict[str, Any]:
    return tagged("ellipsis")


@value_config.register
def _(obj: np.dtype) -> str:
    return obj.name


def _special(obj: Any) -> Any:
    """Plain data for a value, arrays of other libraries included; None for another object."""
    found = value_config(obj)
    if found is None and defined_in(type(obj)).partition(".")[0] in _LIBRARIES and hasattr(obj, "__array__"):
        array = np.asarray(without_framework(obj))
        return tagged("tensor", value=array.tolist(), dtype=array.dtype.name)
    return found


def tagged(tag: str, **config: Any) -> dict[str, Any]:
    """An entry of a kind of its own.

    >>> tagged("bytes", value="ab")
    {'class_name': '__bytes__', 'config': {'value': 'ab'}}
    """
    return {"class_name": f"__{tag}__", "config": config}


def _function_config(fn: Callable[..., Any]) -> dict[str, Any]:
    if fn.__name__ == "<lambda>":
        parts = python_code.dump(fn)  # Keras's Lambda layer reads them by name, its other readers as one list
        return tagged("lambda", value=list(parts.values()), **parts)
    name = get_registered_name(fn) if is_registered(fn) else fn.__name__
    return {"module": "builtins", "class_name": "function", "config": name, "registered_name": "function"}


def _class_config(cls: type) -> dict[str, Any]:
    return {"module": "builtins", "class_name": "type", "config": cls.__name__, "registered_name": "type"}


def _object_config(obj: Any) -> dict[str, Any]:
    cls = type(obj)
    module = public_names.module_of(cls)
    registered = None if _is_public(module) else get_registered_name(cls)
    result = {
        "module": module,
        "class_name": public_names.EXPORTED_AS.get(cls.__name__, cls.__name__) if _is_public(module) else cls.__name__,
        "config": _plain_config(obj),
        "registered_name": registered,
    }
    for name in ("build_config", "compile_config"):
        getter = getattr(obj, f"get_{name}", None)
        extra = getter() if getter is not None else None
        if extra is not None:
            result[name] = serialize_keras_object(extra)
    if getattr(obj, "exact_convolutions", False) is True:  # beside the configuration, where Keras does not look
        result["exact_convolutions"] = True
    sharing.mark(obj, result)
    return result


def _is_public(module: str | None) -> bool:
    return module is not None and module.split(".")[0] == "keras" and not module.startswith("keras.src.")


def _plain_config(obj: Any) -> dict[str, Any]:
    config = obj.get_config()
    if not isinstance(config, dict):
        raise TypeError(
            f"get_config() of {obj!r} must return a dict of constructor arguments, got {config!r} of type "
            f"{type(config).__name__}."
        )
    return {k: serialize_keras_object(v) for k, v in config.items()}


@short_messages
def deserialize_keras_object(
    config: Any, custom_objects: dict[str, Any] | None = None, safe_mode: bool = True, **kwargs: Any
) -> Any:
    """The object that `serialize_keras_object` described.

    Classes and functions are looked for among ``custom_objects``, those registered with
    `register_keras_serializable`, and Pronghorn's own; nothing is ever imported because a configuration says so.

    Args:
        config: plain data.
        custom_objects: names and the classes or functions they stand for.
        safe_mode: refuse Python code in configurations (lambdas).
        kwargs: ``module_objects``: names known to the caller; ``printable_module_name``: what they are called.

    Raises:
        TypeError: for a class or function that is not known.
        ValueError: for Python code in safe mode.

    Example:

    >>> from pronghorn import initializers
    >>> deserialize_keras_object(serialize_keras_object(initializers.Constant(3.0))).value
    3.0
    """
    module_objects = kwargs.pop("module_objects", None)
    if config is None:
        return None
    if isinstance(config, str):
        named = get_registered_object(config, custom_objects, module_objects)
        if named is not None:
            return named() if inspect.isclass(named) and module_objects is not None else named
        if module_objects is not None and isinstance(config, str):
            raise ValueError(f"Unknown name {config!r}: it is none of {', '.join(sorted(module_objects))}.")
        return config
    if custom_objects is None:
        return _deserialize(config, safe_mode, module_objects)
    with CustomObjectScope(custom_objects):
        return _deserialize(config, safe_mode, module_objects)


def _deserialize(config: Any, safe_mode: bool, module_objects: dict[str, Any] | None = None) -> Any:
    # What is inside goes through the public function: libraries put one of their own in its place, which knows more.
    if isinstance(config, (list, tuple)):
        return type(config)(deserialize_keras_object(x, safe_mode=safe_mode) for x in config)
    if isinstance(config, PLAIN):
        found = get_registered_object(config) if isinstance(config, str) else None
        return config if found is None else found
    if not isinstance(config, dict):
        raise TypeError(
            f"deserialize_keras_object: got {config!r} of type {type(config).__name__}; expected plain data."
        )
    if "class_name" not in config or "config" not in config:
        return {k: deserialize_keras_object(v, safe_mode=safe_mode) for k, v in config.items()}
    name = config["class_name"]
    inner = config["config"] if config["config"] is not None else {}
    if isinstance(name, str) and name.startswith("__") and name.endswith("__"):
        return _from_tag(name, inner, safe_mode)
    # Classes that `exec` defined without a module are of "builtins", too; theirs is a dict.
    if name == "function" or (config.get("module") == "builtins" and not isinstance(inner, dict)):
        return _find_function(inner, config)
    budget.count_object()
    instance = sharing.find(config)
    if instance is None:
        instance = _make(config, name, inner, safe_mode, module_objects)
        sharing.remember(config, instance)
    return instance


def _from_tag(tag: str, config: dict[str, Any], safe_mode: bool) -> Any:
    if tag == "__keras_tensor__":
        tensor = public_names.namespace("KerasTensor")(config["shape"], dtype=config["dtype"])
        tensor._pre_serialization_keras_history = config["keras_history"]
        return tensor
    if tag == "__tensor__":
        return public_names.namespace("ops").convert_to_tensor(_array(config))
    if tag == "__numpy__":
        return _array(config)
    if tag == "__bytes__":
        return config["value"].encode("utf-8")
    if tag == "__slice__":
        return slice(*(_deserialize(config[k], safe_mode) for k in ("start", "stop", "step")))
    if tag == "__ellipsis__":
        return Ellipsis
    if tag == "__lambda__":
        return python_code.load(config.get("value", config), safe_mode)
    raise TypeError(f"deserialize_keras_object: {tag!r} is no kind of value that a configuration can hold.")


def _array(config: dict[str, Any]) -> np.ndarray:
    """The array of a tag. Its type is one of numbers or text: NumPy's others are as large as their names say.

    Raises:
        ValueError: for another type.
    """
    name = config["dtype"]
    if isinstance(name, str) and name.startswith("str"):
        return np.array(config["value"], dtype=str)
    if name not in dtypes.ALL:
        raise ValueError(f"deserialize_keras_object: an array in a configuration holds numbers or text, not {name!r}.")
    return np.array(config["value"], dtype=dtypes.to_numpy(name))


def _find_function(name: Any, config: dict[str, Any]) -> Any:
    if not isinstance(name, str):
        raise TypeError(f"deserialize_keras_object: the 'config' of a function is its name, a string; got {name!r}.")
    if config["class_name"] == "type":
        builtin = {"int": int, "float": float, "bool": bool, "str": str}.get(name)
        found = builtin or get_registered_object(name)
    else:
        found = get_registered_object(config.get("registered_name") or "") or get_registered_object(name)
        if found is None:
            found = public_names.find_function(name)
            if found is not None:
                _check_registered_name(name, config.get("registered_name"))
        found = found or find_by_own_name(name)
        if inspect.isclass(found):
            raise TypeError(f"deserialize_keras_object: {name!r} was saved as a function, but it is a class.")
    if found is None:
        raise _unknown(config["class_name"], name, config)
    return found


def _make(config: dict[str, Any], name: str, inner: Any, safe_mode: bool, module_objects: dict[str, Any] | None) -> Any:
    registered = config.get("registered_name")
    if not all(isinstance(x, (str, type(None))) for x in (name, registered, config.get("module"))) or name is None:
        raise TypeError("deserialize_keras_object: class_name, registered_name and module must be strings.")
    cls = (get_registered_object(registered) if registered else None) or get_registered_object(name)
    if cls is None:
        cls = public_names.find_class(config.get("module"), name)
        if cls is not None:
            _check_registered_name(name, registered)
    cls = cls or public_names.find_in_companion(config.get("module"), name) or (module_objects or {}).get(name)
    if cls is None:
        function = keras_operations.function_of(config.get("module") or "", name)
        if function is None:
            raise _unknown("class", name, config)
        return public_names.namespace("ops.FunctionOperation").from_keras(function, inner)
    if inspect.isfunction(cls):
        return cls
    if not hasattr(cls, "from_config"):
        raise TypeError(f"deserialize_keras_object: the class {cls.__name__} has no from_config() class method.")
    if not isinstance(inner, dict):
        raise TypeError(f"deserialize_keras_object: the 'config' of {name!r} is no dict; got {inner!r}.")
    with SafeModeScope(safe_mode):
        instance = cls.from_config(inner)
        if config.get("build_config") and hasattr(instance, "build_from_config"):
            instance.build_from_config(config["build_config"])
        if config.get("compile_config") and hasattr(instance, "compile_from_config"):
            instance.compile_from_config(config["compile_config"])
        if config.get("exact_convolutions") is True and hasattr(instance, "exact_convolutions"):
            instance.exact_convolutions = True
    return instance


def _check_registered_name(name: str, registered: str | None) -> None:
    """Refuse an entry that says it is the user's and would become one of ours: it is damaged, or hides something.

    Raises:
        ValueError: if the two names differ.
    """
    if registered and registered not in (name, "function", "type"):
        raise ValueError(
            f"deserialize_keras_object: {name!r} with the registered name {registered!r} resolved to a Keras built-in, "
            "which is never registered under another name. If it is your own, pass it in custom_objects."
        )


class UnknownObjectError(TypeError):
    """A file names a class or function that is not known here.

    Attributes:
        unknown_object: its kind and name.
    """

    unknown_object = ""


def _unknown(kind: str, name: Any, config: dict[str, Any]) -> TypeError:
    module = config.get("module")
    mend = (
        "If it is your own, decorate it with @saving.register_keras_serializable() in a module that is imported "
        f"before, or pass custom_objects={{{name!r}: ...}}."
    )
    if public_names.is_of_companion(module) and module not in sys.modules:
        mend = f"Files import nothing by themselves: write `import {module}` above."
    error = UnknownObjectError(
        f"deserialize_keras_object: the {kind} {name!r} is not known (module {module!r}). {mend}"
    )
    error.unknown_object = f"{kind} {name!r}"
    return error


class _Safety(threading.local):
    def __init__(self) -> None:
        self.safe: bool | None = None


_safety = _Safety()


class SafeModeScope:
    """Whether configurations that are read inside this context may carry Python code."""

    def __init__(self, safe_mode: bool = True) -> None:
        self.safe_mode = safe_mode

    def __enter__(self) -> SafeModeScope:
        self._outer, _safety.safe = _safety.safe, self.safe_mode
        return self

    def __exit__(self, *error: object) -> None:
        _safety.safe = self._outer


def in_safe_mode() -> bool:
    """Whether Python code in the configuration that is being read must be refused; outside of loading it must."""
    return _safety.safe is not False


def safe_mode_of_loading() -> bool | None:
    """What the loading that is going on was told about Python code; None where nothing is being loaded."""
    return _safety.safe
