"""Models and weights in the HDF5 files of Keras 2, which Keras 3 still reads and writes.

The configuration and the compile arguments are JSON in attributes; the weights of each layer are in a group, in the
order of the list of names beside them. Everything is read as in `weights_store`: with no trust in the file.
"""

from __future__ import annotations

import inspect
import json
import os
import tempfile
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import h5py
import numpy as np

from pronghorn._wording import counted
from pronghorn.engine.graph.user_code import warn
from pronghorn.losses.registry import ALL_LOSSES
from pronghorn.saving.archive import LAYOUT, limited_to
from pronghorn.saving.disk import new_hdf5
from pronghorn.saving.legacy import cudnn
from pronghorn.saving.legacy.configs import modernise
from pronghorn.saving.legacy.optimizers import read_optimizer, training_arguments, write_optimizer
from pronghorn.saving.state import write_assets
from pronghorn.saving.weights_store import WriteGroup, array_info, array_of, attribute, member_of, total_bytes
from pronghorn.serialization.objects import deserialize_keras_object, serialize_keras_object

_MAX_JSON = 1 << 28
_CHUNK = 60_000  # bytes of an attribute; HDF5 allows 64 kB


class LegacyFile:
    """An HDF5 file of Keras 2 that may come from anywhere.

    Args:
        path: the file.
        shown: what messages call it.

    Raises:
        ValueError: if it is no HDF5 file.
    """

    def __init__(self, path: str | os.PathLike[str], shown: str) -> None:
        self.shown = shown
        try:
            self._file = h5py.File(path, "r")
        except OSError as error:
            raise ValueError(f"{shown} is not in the HDF5 format, or is damaged ({error}).") from None

    def __enter__(self) -> LegacyFile:
        return self

    def __exit__(self, *error: object) -> None:
        self._file.close()

    def json(self, name: str) -> Any:
        """An attribute of the file that holds JSON; None where there is none.

        Raises:
            ValueError: if it is damaged.
        """
        value = attribute(self._file, name, self.shown)
        if value is None:
            return None
        text = value.decode("utf-8", "replace") if isinstance(value, bytes) else value
        if not isinstance(text, str) or len(text) > _MAX_JSON:
            raise ValueError(f"{self.shown}: its {name} is not text.")
        try:
            return json.loads(text)
        except (ValueError, RecursionError) as error:
            raise ValueError(f"{self.shown}: its {name} cannot be read ({error}).") from None

    def layers(self) -> list[tuple[str, list[np.ndarray]]]:
        """The name and the weights of each layer that has any, in order.

        Raises:
            ValueError: if the file holds no weights, or is not to be trusted.
        """
        group = self._weights()
        found = []
        for name in _names(group, "layer_names", self.shown):
            arrays = self.arrays(self._group(group, name))
            if arrays:
                found.append((name, arrays))
        top = member_of(group, "top_level_model_weights", self.shown)
        if isinstance(top, h5py.Group) and (arrays := self.arrays(top)):
            found.append(("", arrays))
        return found

    def nbytes(self) -> int:
        """The size of all arrays.

        Raises:
            ValueError: if one is not to be trusted.
        """
        return total_bytes(self._file, self.shown)

    def shapes(self) -> list[tuple[str, list[tuple[str, tuple[int, ...], str]]]]:
        """The layers, and of each of their weights the name, the shape and the type; nothing is read."""
        group = self._weights()
        names = _names(group, "layer_names", self.shown)
        return [(name, self._shapes_in(self._group(group, name))) for name in names]

    def optimizer_shapes(self) -> list[tuple[str, tuple[int, ...], str]]:
        """The same of the optimizer's state."""
        group = member_of(self._file, "optimizer_weights", self.shown)
        return self._shapes_in(group) if isinstance(group, h5py.Group) else []

    def _shapes_in(self, group: h5py.Group) -> list[tuple[str, tuple[int, ...], str]]:
        names = _names(group, "weight_names", self.shown)
        return [(name, *array_info(self._dataset(group, name))) for name in names]

    def versions(self) -> list[tuple[str, str]]:
        """Pairs of a title and what the file says: who wrote it."""
        titles = {"keras_version": "Keras version", "backend": "written by"}
        group = self._file if "keras_version" in self._file.attrs else self._weights()
        found = [(title, attribute(group, key, self.shown)) for key, title in titles.items() if key in group.attrs]
        return [(title, v.decode("utf-8", "replace") if isinstance(v, bytes) else str(v)[:80]) for title, v in found]

    def optimizer(self) -> tuple[list[str], list[np.ndarray]]:
        """The names and the values of the optimizer's state; empty where there is none."""
        group = member_of(self._file, "optimizer_weights", self.shown)
        if not isinstance(group, h5py.Group):
            return [], []
        return _names(group, "weight_names", self.shown), self.arrays(group)

    def arrays(self, group: h5py.Group) -> list[np.ndarray]:
        """The arrays that a group lists."""
        return [self._array(group, name) for name in _names(group, "weight_names", self.shown)]

    def _weights(self) -> h5py.Group:
        group = self._file
        return self._group(group, "model_weights") if "model_weights" in group else group

    def _array(self, group: h5py.Group, path: str) -> np.ndarray:
        return array_of(self._dataset(group, path), self.shown)

    def _dataset(self, group: h5py.Group, path: str) -> h5py.Dataset:
        return self._listed(group, path, h5py.Dataset)

    def _group(self, group: h5py.Group, path: str) -> h5py.Group:
        return self._listed(group, path, h5py.Group)

    def _listed(self, group: h5py.Group, path: str, kind: type) -> Any:
        """What a list of names says is below a group."""
        found: Any = group
        for part in path.split("/"):
            found = member_of(found, part, self.shown) if isinstance(found, h5py.Group) else None
        if not isinstance(found, kind):
            raise ValueError(f"{self.shown}: {group.name} lists {path!r}, which is not there; the file is damaged.")
        return found


def _names(group: h5py.Group, name: str, shown: str) -> list[str]:
    """A list of names in an attribute, or, where it is long, in several that are numbered."""
    if name in group.attrs:
        values = [attribute(group, name, shown)]
    else:
        values = []
        while f"{name}{len(values)}" in group.attrs:
            values.append(attribute(group, f"{name}{len(values)}", shown))
    if not values:
        raise ValueError(f"{shown} has no {name}; it is no file with a model's weights, or it is damaged.")
    names = [entry for value in values for entry in np.ravel(np.asarray(value, dtype=object))]
    texts = [entry.decode("utf-8", "replace") if isinstance(entry, bytes) else entry for entry in names]
    if not all(isinstance(text, str) for text in texts):
        raise ValueError(f"{shown}: its {name} is no list of names.")
    return texts


# -- reading ----------------------------------------------------------------------------------------------------------
def load_model(path: str | os.PathLike[str], shown: str, custom_objects: Any, compile: bool, safe_mode: bool) -> Any:
    """The model in a file.

    Args:
        path: of the file.
        shown: what messages call it.
        custom_objects: the user's classes and functions by name.
        compile: whether to compile it as it was.
        safe_mode: whether to refuse Python code in the file.

    Raises:
        ValueError: if the file holds no model, is damaged, or holds what it must not.
    """
    with LegacyFile(path, shown) as file, limited_to(file.nbytes()):
        config = file.json("model_config")
        if config is None:
            raise ValueError(
                f"{shown} holds no model, only weights perhaps: it has no model_config. Build the model and call its "
                "load_weights()."
            )
        model = deserialize_keras_object(_modern(config, shown), custom_objects, safe_mode=safe_mode)
        if not getattr(model, "_is_model", False):
            raise ValueError(f"{shown} describes {type(model).__name__}, which is no model.")
        assign_weights(model, file)
        training = file.json("training_config") if compile else None
        if training is not None:
            _compile(model, training, file, custom_objects)
    return model


def _modern(config: Any, shown: str) -> dict[str, Any]:
    try:
        return modernise(config)
    except (KeyError, TypeError, IndexError, AttributeError) as error:
        raise ValueError(f"{shown}: its model_config is not what Keras writes ({error!r}).") from None


def _compile(model: Any, training: dict[str, Any], file: LegacyFile, custom_objects: Any) -> None:
    try:
        arguments = training_arguments(training, model, custom_objects)
    except (KeyError, TypeError, ValueError) as error:
        warn(f"{file.shown}: the model was not compiled as it was ({error}). Call compile().")
        return
    model.compile(**arguments)
    names, values = file.optimizer()
    if model.optimizer is not None:
        model.optimizer.build(model.trainable_variables)
        if names and not read_optimizer(model.optimizer, names, values):
            warn(f"{file.shown}: the state of its optimizer is of another kind; the optimizer starts afresh.")


def load_weights(model: Any, path: str | os.PathLike[str], shown: str, by_name: bool, skip_mismatch: bool) -> None:
    """Set a model's weights from a file; if they do not fit, nothing is changed.

    Args:
        model: a built model.
        path: of the file.
        shown: what messages call it.
        by_name: whether to go by the layers' names, and not by their order.
        skip_mismatch: whether weights of other shapes, and layers with another number of them, stay as they are, with
            a warning.

    Raises:
        ValueError: if they do not fit.
    """
    with LegacyFile(path, shown) as file:
        assign_weights(model, file, by_name, skip_mismatch)


def assign_weights(model: Any, file: LegacyFile, by_name: bool = False, skip_mismatch: bool = False) -> None:
    """Set a model's weights from an open file; see `load_weights`."""
    stored = file.layers()
    own = [(layer.name, ordered(layer)) for layer in model.layers if ordered(layer)]
    top = _top_level(model)
    if top:
        own.append(("", top))
    matches = _by_name(own, stored, file.shown) if by_name else _by_order(own, stored, file.shown)
    pairs: list[tuple[Any, np.ndarray]] = []
    named = {layer.name: layer for layer in model.layers}
    for name, variables, arrays in matches:
        fitting, wrong = _compare(name, variables, arrays, named.get(name))
        if wrong and not skip_mismatch:
            raise ValueError(
                f"{file.shown} does not fit the model, so nothing was changed: {wrong[0]} If the model is meant to "
                "differ from the file, pass skip_mismatch=True."
            )
        for sentence in wrong:
            warn(f"{file.shown}: not loaded: {sentence}")
        pairs += fitting
    for variable, array in pairs:
        variable.assign(array)


_Owned = Sequence[tuple[str, list[Any]]]
_Stored = Sequence[tuple[str, list[np.ndarray]]]
_Matches = list[tuple[str, list[Any], list[np.ndarray]]]


def _by_name(own: _Owned, stored: _Stored, shown: str) -> _Matches:
    named = dict(own)
    matches = [(name, named[name], arrays) for name, arrays in stored if name in named]
    if own and not matches:
        warn(
            f"{shown}: nothing was loaded: no layer of the file ({_some([n for n, _ in stored])}) has the name of one "
            f"of the model's ({_some([n for n, _ in own])})."
        )
    return matches


def _by_order(own: _Owned, stored: _Stored, shown: str) -> _Matches:
    if len(own) != len(stored):
        ours, theirs = {name for name, _ in own}, {name for name, _ in stored}
        raise ValueError(
            f"{shown} has {counted(len(stored), 'layer')} with weights, but the model has {len(own)}, so nothing "
            "was changed. "
            f"Only in the file: {_some([n for n, _ in stored if n not in ours])}; only in the model: "
            f"{_some([n for n, _ in own if n not in theirs])}. To load the layers that have the same names, pass "
            "by_name=True."
        )
    return [(name, variables, arrays) for (name, variables), (_, arrays) in zip(own, stored)]


def _some(names: list[str]) -> str:
    """The first names of a list, which a file may have made long."""
    return ", ".join(name[:100] for name in names[:20]) + (", ..." if len(names) > 20 else "") or "none"


def ordered(layer: Any) -> list[Any]:
    """A layer's variables in the order of the files: what is trained first."""
    return [*layer.trainable_weights, *layer.non_trainable_weights]


def _top_level(model: Any) -> list[Any]:
    below = {id(v) for layer in model.layers for v in layer.weights}
    return [v for v in ordered(model) if id(v) not in below]


def _compare(
    name: str, variables: Sequence[Any], arrays: Sequence[np.ndarray], layer: Any
) -> tuple[list[tuple[Any, np.ndarray]], list[str]]:
    """The variables of a layer with the arrays that fit them, and a sentence on each that does not."""
    if len(variables) != len(arrays):
        return [], [f"the layer {name!r} has {counted(len(variables), 'weight')}, the file has {len(arrays)} for it."]
    if layer is not None:
        try:
            arrays = cudnn.converted(layer, variables, arrays)
        except ValueError as error:
            return [], [str(error)]
    fitting, wrong = [], []
    for variable, array in zip(variables, arrays):
        if tuple(variable.shape) == array.shape:
            fitting.append((variable, array))
        else:
            wrong.append(f"{variable.path!r} has the shape {tuple(variable.shape)}, the file's array {array.shape}.")
    return fitting, wrong


# -- writing ----------------------------------------------------------------------------------------------------------
def save_model(model: Any, path: str | os.PathLike[str], include_optimizer: bool = True) -> None:
    """Write a model into a new file.

    Args:
        model: a Sequential or functional model.
        path: of the file.
        include_optimizer: whether to write the state of the optimizer.

    Raises:
        NotImplementedError: for a model of another kind.
    """
    if not getattr(model, "_is_graph_of_layers", False):
        raise NotImplementedError(
            f"save_model: the HDF5 format of Keras 2 holds Sequential and functional models; {type(model).__name__} "
            "has a call() of its own. Save it as '.keras'."
        )
    config = _plain(serialize_keras_object(model))
    _warn_of_assets(model)
    with new_hdf5(path) as file:
        _stamp(file)
        file.attrs["model_config"] = json.dumps(config)
        _write_layers(model, file.create_group("model_weights"))
        if getattr(model, "compiled", False) and model.optimizer is not None:
            training = dict(model.get_compile_config())
            training["loss"] = _whole_names(training.get("loss"))
            optimizer = training.pop("optimizer", None)
            training["optimizer_config"] = {k: optimizer[k] for k in ("class_name", "config")}
            file.attrs["training_config"] = json.dumps(training)
            if include_optimizer:
                write_optimizer(model.optimizer, file.create_group("optimizer_weights"), _write_arrays)


def _warn_of_assets(model: Any) -> None:
    """Say what the model has beside its weights and its configuration, since the format has no place for it."""
    with tempfile.TemporaryDirectory(prefix="saving-") as scratch:
        lost = write_assets(model, Path(scratch))
    if lost:
        kinds = {getattr(obj, "name", ""): type(obj).__name__ for obj in reversed(lost)}  # the outer of two of one name
        names = ", ".join(f"{name!r} ({kind})" for name, kind in kinds.items())
        warn(
            "save_model: the HDF5 format of Keras 2 has no place for vocabularies that layers have learned, so the "
            f"saved model is without those of {names}. Save it as '.keras', or make the layers with "
            "vocabulary=layer.get_vocabulary(), which is saved with their arguments."
        )


def save_weights(model: Any, path: str | os.PathLike[str]) -> None:
    """Write a model's weights into a new file.

    Args:
        model: a built model.
        path: of the file.
    """
    with new_hdf5(path) as file:
        _write_layers(model, file)


def _plain(data: dict[str, Any]) -> dict[str, Any]:
    """The class and the configuration of a model and its layers, without modules, which these files do not name."""
    inner = dict(data["config"])
    if isinstance(inner.get("layers"), (list, tuple)):
        inner["layers"] = [
            {**_plain(layer), **{k: layer[k] for k in ("name", "inbound_nodes") if k in layer}}
            for layer in inner["layers"]
        ]
    registered = data.get("registered_name")
    own = registered if registered and ">" in registered else data["class_name"]
    return {"class_name": own, "config": inner}


def _whole_names(loss: Any) -> Any:
    """Losses, given by names, in full: of a short name such as "mse" Keras takes its own files to be damaged."""
    if isinstance(loss, list | tuple):
        return [_whole_names(one) for one in loss]
    if isinstance(loss, dict) and "class_name" not in loss:
        return {key: _whole_names(one) for key, one in loss.items()}
    function = ALL_LOSSES.get(loss) if isinstance(loss, str) else None
    return function.__name__ if inspect.isfunction(function) else loss


def _stamp(group: h5py.Group) -> None:
    group.attrs["keras_version"] = LAYOUT
    group.attrs["backend"] = "pronghorn"


def _write_layers(model: Any, group: h5py.Group) -> None:
    _stamp(group)
    _write_names(group, "layer_names", [layer.name for layer in model.layers])
    for layer in model.layers:
        variables = ordered(layer)
        names = _unique(_weight_name(layer, v) for v in variables)
        _write_arrays(group.create_group(layer.name), names, [v.numpy() for v in variables])
    top = _top_level(model)
    names = _unique(v.path for v in top)
    _write_arrays(group.create_group("top_level_model_weights"), names, [v.numpy() for v in top])


def _weight_name(layer: Any, variable: Any) -> str:
    start = variable.path.find(f"{layer.name}/")
    return variable.path[start:] if start >= 0 else f"{layer.name}/{variable.name}"


def _unique(names: Iterator[str]) -> list[str]:
    found: dict[str, int] = {}
    result = []
    for name in names:
        count = found[name] = found.get(name, -1) + 1
        result.append(f"{name}_{count}" if count else name)
    return result


def _write_arrays(group: h5py.Group, names: Sequence[str], arrays: Sequence[np.ndarray]) -> None:
    _write_names(group, "weight_names", names)
    written = WriteGroup(group)
    for name, array in zip(names, arrays):
        written[name] = array


def _write_names(group: h5py.Group, name: str, values: Sequence[str]) -> None:
    """A list of names as an attribute, or as several where it is too long for one."""
    encoded = [value.encode("utf-8") for value in values]
    chunks: list[list[bytes]] = [[]]
    for value in encoded:
        longest = max([len(value), *map(len, chunks[-1])])
        if chunks[-1] and longest * (len(chunks[-1]) + 1) > _CHUNK:
            chunks.append([])
        chunks[-1].append(value)
    for number, chunk in enumerate(chunks):
        group.attrs[name if len(chunks) == 1 else f"{name}{number}"] = np.array(chunk) if chunk else np.array([], "S1")
