"""Between our classes and the module names that configurations use (Keras's), without ever importing by name."""

from __future__ import annotations

import inspect
import sys
from typing import Any

import pronghorn
from pronghorn._lazy import bound
from pronghorn.engine.graph.user_code import defined_in, is_own

# Where a configuration may find a class, and under which module name it is written. Nothing else is ever looked up:
# a file that names another module names no class of ours.
_NAMESPACES = (
    "layers",
    "initializers",
    "regularizers",
    "constraints",
    "losses",
    "metrics",
    "optimizers.schedules",
    "optimizers",
    "models",
    "random",
    "dtype_policies",
    "callbacks",
    "activations",
    "quantizers",
    "distillation",
)
_AT_ROOT = ("Model", "Sequential", "DTypePolicy", "DTypePolicyMap", "FloatDTypePolicy", "Variable")
# Spelled as modules in Keras's files although they are not public there.
_PRIVATE = {"Functional": "keras.src.models.functional", "FunctionOperation": "keras.src.ops.operation"}
# Layers of one network only. Others may call a layer of theirs the same, so the module has to fit, too.
_OF_NETWORKS = {
    "CustomScaleLayer": "keras.src.applications.inception_resnet_v2",
    "LayerScale": "keras.src.applications.convnext",
}


# Libraries of Keras's makers, whose classes Keras finds by their modules, registered or not.
_COMPANIONS = ("keras_cv", "keras_hub", "keras_nlp")

# Classes that are public under another name than their own.
EXPORTED_AS = {"GroupedQueryAttention": "GroupQueryAttention"}


def namespace(path: str) -> Any:
    """The public module or object of a path below `pronghorn`, such as ``"optimizers.schedules"``; None without one.

    Rooms below ask here for what rooms above define: by the names that users know, at the time of the call.

    >>> namespace("layers.Dense").__name__
    'Dense'
    """
    found: Any = pronghorn
    for part in path.split("."):
        found = getattr(found, part, None)
        if found is None:
            return None
    return found


def module_of(cls: type) -> str | None:
    """The module name that a configuration gives for a class; None where it has no module to import."""
    if not is_own(cls):
        module = defined_in(cls)
        return None if module in ("", "__main__") else module
    name = cls.__name__
    if name in _PRIVATE:
        return _PRIVATE[name]
    if name in _OF_NETWORKS and _network_class(_OF_NETWORKS[name], name) is cls:
        return _OF_NETWORKS[name]
    if name in _AT_ROOT:
        return "keras"
    folder = defined_in(cls).split(".")[1]
    candidates = sorted(_NAMESPACES, key=lambda n: n.split(".")[0] != folder)
    for path in candidates:
        if bound(namespace(path), EXPORTED_AS.get(name, name)) is cls:
            return f"keras.{path}"
    return None


def find_class(module: str | None, name: str) -> type | None:
    """Our class of that name, or None.

    Args:
        module: the configuration's module, such as ``"keras.layers"``; also ``"keras.src..."`` and ``"pronghorn..."``.
        name: the class's name.
    """
    if module is None and not name.startswith("_"):  # configurations of Keras 2 name only the class
        found = bound(namespace("layers"), name)
        return found if inspect.isclass(found) and is_own(found) else None
    if not module or module.split(".")[0] not in ("keras", "pronghorn", "tf_keras") or name.startswith("_"):
        return None
    if name in _PRIVATE:
        return _private_class(name)
    if _OF_NETWORKS.get(name) == module:
        return _network_class(module, name)
    parts = [p for p in module.split(".")[1:] if p != "src"]
    if parts[:1] == ["backend"]:  # what a backend has in a way of its own, such as Keras's optimizers on PyTorch
        parts = parts[2:]
    paths = [".".join(parts)] if ".".join(parts) in _NAMESPACES else []
    paths += [n for n in _NAMESPACES if parts and n.split(".")[0] == parts[0] and n not in paths]
    paths += [""] if name in _AT_ROOT or not parts else []
    for path in paths:
        found = bound(namespace(path), EXPORTED_AS.get(name, name)) if path else _at_root(name)
        if inspect.isclass(found) and is_own(found):
            return found
    return None


def is_of_companion(module: Any) -> bool:
    """Whether what a configuration says is its module is one of KerasHub, KerasNLP or KerasCV."""
    return isinstance(module, str) and module.partition(".")[0] in _COMPANIONS


def find_in_companion(module: str | None, name: str) -> type | None:
    """The class of that name in KerasHub, KerasNLP or KerasCV, which need not be registered; None where there is none.

    The module has been imported by the program: no file has it imported.

    Args:
        module: the configuration's module.
        name: the class's name.
    """
    found = vars(sys.modules[str(module)]).get(name) if is_of_companion(module) and module in sys.modules else None
    if inspect.isclass(found) and any(is_own(base) for base in found.__mro__):
        return found if hasattr(found, "from_config") else None
    return None


def _at_root(name: str) -> Any:
    return getattr(pronghorn, name, None) if name in _AT_ROOT else None


def _private_class(name: str) -> type:
    return namespace("models.Functional" if name == "Functional" else "ops.FunctionOperation")


def _network_class(module: str, name: str) -> type:
    return getattr(namespace(module.removeprefix("keras.src.")), name)


# Functions in these namespaces that make objects and do not calculate.
_NO_CALCULATION = ("get", "serialize", "deserialize")


def find_function(name: str) -> Any:
    """Our public function of that name that calculates (an activation, loss, metric or op), or None."""
    if name.startswith("_") or name in _NO_CALCULATION:
        return None
    for path in ("activations", "losses", "metrics", "ops"):
        found = getattr(namespace(path), name, None)
        # Not what a namespace has for itself, such as the function that fills it.
        if inspect.isfunction(found) and defined_in(found).startswith(f"pronghorn.{path}."):
            return found
    return None
