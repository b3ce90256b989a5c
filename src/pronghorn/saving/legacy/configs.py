"""Configurations as Keras 2 wrote them, made into those of Keras 3."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from pronghorn.saving.legacy.functions import operation_entry

# Namespaces of the objects that a layer's configuration holds, by the end of the argument's name.
_BY_ENDING = {
    "_initializer": "keras.initializers",
    "_regularizer": "keras.regularizers",
    "_constraint": "keras.constraints",
}
_WRAPPED = ("layer", "forward_layer", "backward_layer", "cell")
_MODELS = ("Sequential", "Functional", "Model")
_RENAMED = {"CuDNNLSTM": "LSTM", "CuDNNGRU": "GRU", "BatchNormalizationV1": "BatchNormalization"}

# Arguments that are no longer there: what they said is now always so, or had no effect.
_GONE_EVERYWHERE = ("batch_size", "autocast")
_GONE = {
    "Embedding": ("input_length",),
    "DepthwiseConv1D": ("groups", "filters", "kernel_initializer", "kernel_regularizer", "kernel_constraint"),
    "DepthwiseConv2D": ("groups", "filters", "kernel_initializer", "kernel_regularizer", "kernel_constraint"),
    "SeparableConv1D": ("groups", "kernel_initializer", "kernel_regularizer", "kernel_constraint"),
    "SeparableConv2D": ("groups", "kernel_initializer", "kernel_regularizer", "kernel_constraint"),
    "Conv1DTranspose": ("groups",),
    "Conv2DTranspose": ("groups",),
    "Conv3DTranspose": ("groups",),
    "SimpleRNN": ("time_major", "implementation", "zero_output_for_mask"),
    "LSTM": ("time_major", "implementation", "zero_output_for_mask"),
    "GRU": ("time_major", "implementation", "zero_output_for_mask"),
    "SimpleRNNCell": ("implementation",),
    "LSTMCell": ("implementation",),
    "GRUCell": ("implementation",),
    "RNN": ("time_major", "zero_output_for_mask"),
    "ConvLSTM1D": ("time_major", "implementation"),
    "ConvLSTM2D": ("time_major", "implementation"),
    "ConvLSTM3D": ("time_major", "implementation"),
    "MultiHeadAttention": ("query_shape", "key_shape", "value_shape", "softmax_robust_masking"),
    "Bidirectional": ("zero_output_for_mask",),
    "BatchNormalization": ("fused", "virtual_batch_size", "adjustment"),
    "Normalization": ("input_mean", "input_variance"),
}


def is_keras_2(config: Any) -> bool:
    """Whether a model's configuration was written by Keras 2, or by Keras 3 into an HDF5 file: it names no modules.

    >>> is_keras_2({"class_name": "Sequential", "config": {}})
    True
    """
    return isinstance(config, dict) and "class_name" in config and "module" not in config


def modernise(config: dict[str, Any]) -> dict[str, Any]:
    """A model, layer or another object of Keras 2 as `deserialize_keras_object` takes it.

    Args:
        config: ``{"class_name": ..., "config": ...}``; it is not changed.

    Raises:
        ValueError: for what is no such configuration.

    >>> modernise({"class_name": "Dense", "config": {"units": 2, "name": "d"}})["module"]
    'keras.layers'
    """
    name, inner = config.get("class_name"), config.get("config")
    if not isinstance(name, str):
        raise ValueError(f"A configuration of Keras 2 has a class_name, a string; got {name!r}.")
    if isinstance(inner, list) and name == "Sequential":  # Keras 1 and early Keras 2
        inner = {"name": None, "layers": inner}
    if not isinstance(inner, dict):
        raise ValueError(f"The configuration of {name!r} must be a dict, got {inner!r}.")
    name, registered = _class_name(name)
    if name == "Sequential":
        return _entry("keras", name, _sequential(inner))
    if name in ("Functional", "Model") and "layers" in inner:
        return _entry("keras.src.models.functional", "Functional", _functional(inner))
    if _is_own(config):
        return {**config, "config": _layer(name, inner)}
    if config.get("module") or registered:
        if not registered:  # built when called: Keras 2 notes one shape also for layers that are built with several
            config = {key: value for key, value in config.items() if key != "build_config"}
        return {**config, "config": _layer(name, inner), "class_name": name, "registered_name": registered}
    return _entry("keras.layers", name, _layer(name, inner))


def _is_own(config: dict[str, Any]) -> bool:
    """Whether a configuration from a ``.keras`` file is that of a user's class: the library's name their modules."""
    return config.get("module") is None and isinstance(config.get("registered_name"), str)


def _entry(module: str, name: str, config: dict[str, Any]) -> dict[str, Any]:
    return {"module": module, "class_name": name, "config": config, "registered_name": None}


def _class_name(name: str) -> tuple[str, str | None]:
    """A class's name, and the name that it was registered under if it is the user's (``"package>Class"``)."""
    package, _, own = name.rpartition(">")
    return (own, name) if package else (_RENAMED.get(name, name), None)


def _sequential(config: dict[str, Any]) -> dict[str, Any]:
    layers = [modernise(layer) for layer in config["layers"]]
    shape, dtype = _input_of(config["layers"][0]) if config["layers"] else (None, None)
    if layers and layers[0]["class_name"] != "InputLayer" and shape is not None:
        name = f"{layers[0]['config'].get('name', 'layer')}_input"
        layers.insert(0, _entry("keras.layers", "InputLayer", {"batch_shape": shape, "dtype": dtype, "name": name}))
    return {**_kept(config, ("name", "trainable")), "layers": layers}


def _input_of(layer: dict[str, Any]) -> tuple[Any, str]:
    """The shape that a model's first layer was told of its input, or None; and the type."""
    config = layer.get("config") or {}
    if layer.get("class_name") in _MODELS:
        return None, "float32"
    dtype = "int32" if layer.get("class_name") == "Embedding" else _dtype(config.get("dtype"))
    return config.get("batch_input_shape"), dtype if isinstance(dtype, str) else "float32"


def _kept(config: dict[str, Any], names: tuple[str, ...]) -> dict[str, Any]:
    return {name: config[name] for name in names if config.get(name) is not None}


# -- layers -----------------------------------------------------------------------------------------------------------
def _layer(name: str, config: dict[str, Any]) -> dict[str, Any]:
    new: dict[str, Any] = {}
    for key, value in config.items():
        if key not in _GONE_EVERYWHERE and key not in _GONE.get(name, ()):
            new[key] = _argument(key, value)
    if name == "InputLayer":
        new["batch_shape"] = new.pop("batch_input_shape", new.get("batch_shape"))
    new.pop("batch_input_shape", None)
    if "dtype" in new:
        new["dtype"] = _dtype(new["dtype"])
    change = _CHANGES.get(name)
    return change(new) if change is not None else new


def _argument(key: str, value: Any) -> Any:
    if isinstance(value, list) and key == "cells":
        return [modernise(cell) for cell in value]
    if not isinstance(value, dict) or "class_name" not in value:
        return value
    if key in _WRAPPED:
        return modernise(value)
    module = next((m for ending, m in _BY_ENDING.items() if key.endswith(ending)), None)
    if module is None or value.get("module"):
        return value
    inner = {k: v for k, v in (value.get("config") or {}).items() if k != "dtype"}
    return _entry(module, value["class_name"], inner)


def _dtype(dtype: Any) -> Any:
    """A dtype, or the name in the configuration of a policy."""
    if isinstance(dtype, dict) and dtype.get("class_name") in ("Policy", "PolicyV1"):
        return (dtype.get("config") or {}).get("name", "float32")
    return dtype


def _one_axis(config: dict[str, Any]) -> dict[str, Any]:
    axis = config.get("axis")
    return {**config, "axis": axis[0]} if isinstance(axis, list) and len(axis) == 1 else config


def _leaky_relu(config: dict[str, Any]) -> dict[str, Any]:
    slope = config.pop("alpha", None)
    return config if slope is None else {**config, "negative_slope": _number(slope)}


def _numbers(config: dict[str, Any]) -> dict[str, Any]:
    return {key: _number(value) for key, value in config.items()}


def _number(value: Any) -> Any:
    """A number, where it was written as an array of one."""
    return value["value"] if isinstance(value, dict) and value.get("type") == "ndarray" else value


_CHANGES: dict[str, Callable[[dict[str, Any]], dict[str, Any]]] = {
    "BatchNormalization": _one_axis,
    "LayerNormalization": _one_axis,
    "LeakyReLU": _leaky_relu,
    "ReLU": _numbers,
    "ELU": _numbers,
}


# -- functional models ------------------------------------------------------------------------------------------------
def _functional(config: dict[str, Any]) -> dict[str, Any]:
    offsets = _first_calls(config)

    def where(history: Any) -> list[Any]:
        name, call, position = history[:3]
        return [name, call - offsets.get(name, 0), position]

    def places(structure: Any) -> Any:
        if _is_history(structure):
            return where(structure)
        if isinstance(structure, dict):
            return {key: places(value) for key, value in structure.items()}
        return [places(value) for value in structure]

    layers = [_called_layer(data, where) for data in config["layers"]]
    return {
        **_kept(config, ("name", "trainable")),
        "layers": layers,
        "input_layers": places(config["input_layers"]),
        "output_layers": places(config["output_layers"]),
    }


def _called_layer(data: dict[str, Any], where: Callable[[Any], list[Any]]) -> dict[str, Any]:
    calls = data.get("inbound_nodes") or []
    if any(isinstance(call, dict) for call in calls):  # Keras 3 into an HDF5 file
        new = modernise(data) if _is_layer(data) else operation_entry(data)
        return {**new, "name": data["name"], "inbound_nodes": [_renumbered(call, where) for call in calls]}
    nodes = [_call(call, where) for call in calls]
    if data["class_name"] in ("TFOpLambda", "SlicingOpLambda"):
        return {**operation_entry(data, nodes), "name": data["name"]}
    return {**modernise(data), "name": data["name"], "inbound_nodes": nodes}


def _is_layer(data: dict[str, Any]) -> bool:
    """Whether an entry is a layer's: functions have neither a type nor anything to train."""
    config = data.get("config") or {}
    return data.get("class_name") in _MODELS or "dtype" in config or "trainable" in config


def _first_calls(config: dict[str, Any]) -> dict[str, int]:
    """By how much the calls of models inside are numbered too high: Keras 2 counted their own construction as one."""
    used: dict[str, int] = {}

    def note(structure: Any) -> None:
        if _is_history(structure):
            used[structure[0]] = max(used.get(structure[0], 0), structure[1])
        if isinstance(structure, (list, tuple, dict)):
            for value in structure.values() if isinstance(structure, dict) else structure:
                note(value)

    note([layer.get("inbound_nodes") or [] for layer in config["layers"]])
    note(config["output_layers"])
    offsets = {}
    for data in config["layers"]:
        calls = len(data.get("inbound_nodes") or [])
        if data.get("class_name") in _MODELS and used.get(data["name"], 0) >= calls > 0:
            offsets[data["name"]] = used[data["name"]] - calls + 1
    return offsets


def _call(call: Any, where: Callable[[Any], list[Any]]) -> dict[str, Any]:
    """One call: ``[[layer, call, position, keyword arguments], ...]``, or a single such entry, as arguments."""
    if _is_history(call):
        return {"args": [_tensor(where(call))], "kwargs": _keywords(call, where)}
    if isinstance(call, dict):
        raise ValueError("A layer is called on a dict of tensors; models of Keras 2 with such calls are not read.")
    tensors = [_tensor(where(entry)) for entry in call]
    return {"args": [tensors[0] if len(tensors) == 1 else tensors], "kwargs": _keywords(call[0], where)}


def _keywords(entry: Any, where: Callable[[Any], list[Any]]) -> dict[str, Any]:
    given = entry[3] if len(entry) > 3 else {}

    def value_of(value: Any) -> Any:
        if _is_history(value):
            return _tensor(where(value))
        if isinstance(value, list):
            return [value_of(v) for v in value]
        return value

    return {key: value_of(value) for key, value in given.items() if key != "name"}


def _tensor(history: list[Any]) -> dict[str, Any]:
    return {"class_name": "__keras_tensor__", "config": {"shape": [], "dtype": "float32", "keras_history": history}}


def _renumbered(data: Any, where: Callable[[Any], list[Any]]) -> Any:
    if isinstance(data, dict) and data.get("class_name") == "__keras_tensor__":
        inner = data["config"]
        return {**data, "config": {**inner, "keras_history": where(inner["keras_history"])}}
    if isinstance(data, dict):
        return {key: _renumbered(value, where) for key, value in data.items()}
    return [_renumbered(value, where) for value in data] if isinstance(data, list) else data


def _is_history(value: Any) -> bool:
    return (
        isinstance(value, (list, tuple))
        and len(value) >= 3
        and isinstance(value[0], str)
        and isinstance(value[1], int)
        and isinstance(value[2], int)
    )
