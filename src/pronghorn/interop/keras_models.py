"""Models of ours as models of the real Keras, and the other way round, by the file format that both read."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import keras

from pronghorn import saving
from pronghorn.layers.layer import Layer
from pronghorn.serialization.objects import serialize_keras_object

_FILE = "model.keras"


def to_keras(model: Any, custom_objects: Mapping[str, Any] | None, compile: bool) -> Any:
    """See `pronghorn.interop.to_keras`."""
    if not isinstance(model, Layer):
        raise TypeError(f"to_keras takes a model of Pronghorn's, got {_kind(model)}.")
    if not model.built:
        raise ValueError(
            f"to_keras: the model {model.name!r} has no weights yet. Call it on data first, or build() it."
        )
    known = _known_in_keras(model, dict(custom_objects or {}))
    with tempfile.TemporaryDirectory(prefix="interop-") as folder:
        path = Path(folder) / _FILE
        saving.save_model(model, path)
        try:
            return keras.saving.load_model(path, custom_objects=known, compile=compile, safe_mode=False)
        except Exception as error:
            reason = str(error).strip().rpartition("\n\n")[2]
            raise ValueError(
                f"to_keras: Keras {keras.__version__} on {keras.backend.backend()} does not take the model "
                f"{model.name!r} ({type(error).__name__}: {reason[:500]}). Functions and classes of your own go into "
                "custom_objects, as Keras is to have them."
            ) from error


def from_keras(model: Any, custom_objects: Mapping[str, Any] | None, compile: bool) -> Any:
    """See `pronghorn.interop.from_keras`."""
    if not isinstance(model, keras.Model):
        raise TypeError(f"from_keras takes a model of Keras {keras.__version__}, got {_kind(model)}.")
    if not model.built:
        raise ValueError(f"from_keras: the model {model.name!r} has no weights yet. Call it on data first.")
    with tempfile.TemporaryDirectory(prefix="interop-") as folder:
        path = Path(folder) / _FILE
        model.save(path)
        try:
            return saving.load_model(path, dict(custom_objects or {}), compile=compile, safe_mode=False)
        except TypeError as error:
            raise TypeError(
                f"from_keras: the model {model.name!r} has what is not Keras's own. {error} What is passed has to be "
                "written with pronghorn.layers and pronghorn.ops."
            ) from error


def _kind(x: Any) -> str:
    return f"a {type(x).__module__}.{type(x).__qualname__}"


def _known_in_keras(model: Any, custom_objects: dict[str, Any]) -> dict[str, Any]:
    """The custom objects also by their registered names.

    Raises:
        TypeError: the model has a class that is neither Keras's nor among them.
    """
    missing: dict[str, None] = {}
    for config in _objects_in(serialize_keras_object(model)):
        name, registered = config["class_name"], config.get("registered_name") or config["class_name"]
        if name in custom_objects:
            custom_objects.setdefault(registered, custom_objects[name])
        elif keras.saving.get_registered_object(registered, custom_objects) is None:
            missing[name] = None
    if missing:
        names = ", ".join(missing)
        example = ", ".join(f"{name!r}: ..." for name in missing)
        raise TypeError(
            f"to_keras: the model {model.name!r} has classes of your own that Keras does not know: {names}. Pass "
            f"custom_objects={{{example}}}, with classes over keras.layers of the same configuration, or register them "
            "with keras.saving.register_keras_serializable()."
        )
    return custom_objects


def _objects_in(config: Any) -> Iterator[dict[str, Any]]:
    """The configurations, at any depth, of objects whose classes are not Keras's."""
    if isinstance(config, dict):
        name, module = config.get("class_name"), config.get("module", "")
        is_object = isinstance(name, str) and isinstance(config.get("config"), dict) and not name.startswith("__")
        if is_object and not (isinstance(module, str) and module.partition(".")[0] in ("keras", "builtins", "")):
            yield config
        for value in config.values():
            yield from _objects_in(value)
    elif isinstance(config, (list, tuple)):
        for value in config:
            yield from _objects_in(value)
