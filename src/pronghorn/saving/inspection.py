"""What is in a model's or a weights file, read without building anything: `inspect_file`."""

from __future__ import annotations

import os
import re
import tempfile
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import h5py
import numpy as np

from pronghorn.saving import archive, shards
from pronghorn.saving.legacy.h5_files import LegacyFile
from pronghorn.saving.legacy.zip_files import is_keras_2
from pronghorn.saving.safetensors_store import SafetensorsReader
from pronghorn.saving.weights_store import WeightsReader, array_info, everything
from pronghorn.utils.naming import to_snake_case


@dataclass
class ArrayFacts:
    """An array in a file."""

    name: str
    shape: tuple[int, ...]
    dtype: str

    @property
    def size(self) -> int:
        """How many numbers it has."""
        return int(np.prod(self.shape, dtype=np.int64))


@dataclass
class LayerFacts:
    """A layer, or another object that has weights in a file.

    Attributes:
        name: of the layer.
        kind: its class; empty where the file holds weights only.
        path: where its weights are in the file.
        arrays: its weights, those of its layers included.
        settings: a few words on how it was made.
        layers: the layers of a model that is a layer, with their own weights.
    """

    name: str
    kind: str = ""
    path: str = ""
    arrays: list[ArrayFacts] = field(default_factory=list)
    settings: str = ""
    layers: list[LayerFacts] = field(default_factory=list)

    @property
    def parameters(self) -> int:
        """How many numbers its weights have."""
        return sum(array.size for array in self.arrays)


@dataclass
class FileFacts:
    """What a file says of itself.

    Attributes:
        path: of the file.
        format: what kind of file it is.
        nbytes: its size, with that of the files that it names.
        facts: pairs of a title and what the file says: versions, date, model, optimizer, loss, ...
        layers: the layers, in the order of the file.
        optimizer: the arrays of the optimizer's state.
        config: the model's configuration; empty where the file holds weights only.
    """

    path: str
    format: str
    nbytes: int
    facts: list[tuple[str, str]] = field(default_factory=list)
    layers: list[LayerFacts] = field(default_factory=list)
    optimizer: list[ArrayFacts] = field(default_factory=list)
    config: dict[str, Any] = field(default_factory=dict, repr=False)

    @property
    def parameters(self) -> int:
        """How many numbers the model's weights have."""
        return sum(layer.parameters for layer in self.layers)


def inspect_file(path: str | os.PathLike[str]) -> FileFacts:
    """Return what is in a file, without building a model.

    Args:
        path: a ``.keras``, ``.weights.h5``, ``.weights.json``, ``.safetensors``, ``.h5`` or ``.hdf5`` file.

    Raises:
        FileNotFoundError: if it is not there.
        ValueError: if it is none of these, or damaged.

    >>> import tempfile, pronghorn as keras
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     keras.Sequential([keras.Input((2,)), keras.layers.Dense(3)]).save(f"{folder}/m.keras")
    ...     facts = inspect_file(f"{folder}/m.keras")
    >>> facts.parameters, [layer.kind for layer in facts.layers]
    (9, ['InputLayer', 'Dense'])
    """
    place, shown = Path(path), os.fspath(path)
    if not place.exists():
        raise FileNotFoundError(f"There is no file {shown!r}.")
    with archive.reading(shown):
        return _inspect(place, shown)


def _inspect(place: Path, shown: str) -> FileFacts:
    if place.is_dir() or place.suffix == ".keras":
        return _keras_file(place, shown)
    facts = FileFacts(shown, "", place.stat().st_size)
    if place.name.endswith(shards.INDEX_SUFFIX):
        return _several_files(place, facts)
    if place.suffix == ".safetensors":
        facts.format = "safetensors"
        with SafetensorsReader(place, shown) as reader:
            _add_arrays(facts, [ArrayFacts(n, s, d) for n, s, d in reader.arrays()])
        return facts
    if place.suffix in (".h5", ".hdf5"):
        with WeightsReader(place, shown) as reader:
            legacy = reader.is_legacy()
        return _legacy_file(place, facts) if legacy else _weights_file(place, facts)
    raise ValueError(
        f"{shown!r} is no file of a model by its name; they end in .keras, .weights.h5, .weights.json, .safetensors, "
        ".h5 or .hdf5."
    )


# -- the kinds of files -----------------------------------------------------------------------------------------------
def _keras_file(place: Path, shown: str) -> FileFacts:
    if place.is_dir():
        if not (place / archive.CONFIG).is_file() or not (place / archive.WEIGHTS).is_file():
            raise ValueError(f"The folder {shown!r} holds no model: it has no {archive.CONFIG} and {archive.WEIGHTS}.")
        size = sum(file.stat().st_size for file in place.rglob("*") if file.is_file())
        return _folder(place, FileFacts(shown, "a folder of Keras 3", size))
    with tempfile.TemporaryDirectory(prefix="inspecting-") as scratch:
        archive.unpack(place, Path(scratch), shown)
        return _folder(Path(scratch), FileFacts(shown, "Keras 3 model", place.stat().st_size))


def _folder(folder: Path, facts: FileFacts) -> FileFacts:
    config = archive.read_config(folder, facts.path)
    if is_keras_2(folder):
        facts.format = facts.format.replace("Keras 3", "Keras 2")
    facts.facts += _said(archive.read_metadata(folder))
    _describe_model(facts, config, config.get("compile_config"))
    facts.layers = [_layer(entry, _DEEPEST) for entry in layer_entries(config)]
    with h5py.File(folder / archive.WEIGHTS, "r") as file:
        _add_arrays(facts, _arrays(file, facts.path))
    assets = sorted(file.relative_to(folder).as_posix() for file in (folder / archive.ASSETS).rglob("*.*"))
    if assets:
        facts.facts.append(("assets", ", ".join(assets[:5]) + (" ..." if len(assets) > 5 else "")))
    return facts


def _said(said: dict[str, Any]) -> list[tuple[str, str]]:
    titles = {"keras_version": "Keras version", "pronghorn_version": "written by Pronghorn", "date_saved": "saved"}
    return [(titles.get(key, key), str(value).replace("@", " ")[:80]) for key, value in said.items()]


def _legacy_file(place: Path, facts: FileFacts) -> FileFacts:
    with LegacyFile(place, facts.path) as file:
        config = file.json("model_config")
        facts.format = "Keras 2 weights (HDF5)" if config is None else "Keras 2 model (HDF5)"
        facts.facts += file.versions()
        if isinstance(config, dict):
            _describe_model(facts, config, file.json("training_config"))
            facts.layers = [_layer(entry) for entry in layer_entries(config)]
        by_name = {layer.name: layer for layer in facts.layers}
        for name, arrays in file.shapes():
            layer = by_name.get(name)
            if layer is None:
                layer = by_name[name] = LayerFacts(name)
                facts.layers.append(layer)
            layer.arrays = [ArrayFacts(*array) for array in arrays]
        facts.optimizer = [ArrayFacts(*array) for array in file.optimizer_shapes()]
    return facts


def _weights_file(place: Path, facts: FileFacts) -> FileFacts:
    facts.format = "Keras 3 weights (HDF5)"
    with h5py.File(place, "r") as file:
        _add_arrays(facts, _arrays(file, facts.path))
    return facts


def _several_files(place: Path, facts: FileFacts) -> FileFacts:
    names = shards.files_of(place, facts.path)
    facts.format = f"Keras 3 weights in {len(names)} files"
    arrays = []
    for name in names:
        file = place.with_name(name)
        if not file.is_file():
            raise ValueError(f"{facts.path}: its file {name!r} is not beside it.")
        facts.nbytes += file.stat().st_size
        with WeightsReader(file, name), h5py.File(file, "r") as opened:
            arrays += _arrays(opened, name)
    _add_arrays(facts, arrays)
    return facts


# -- their parts ------------------------------------------------------------------------------------------------------
def _arrays(file: h5py.File, shown: str) -> list[ArrayFacts]:
    """All arrays of a file, by their paths."""
    found = everything(file, shown)
    return [ArrayFacts(path, *array_info(data)) for path, data in found if isinstance(data, h5py.Dataset)]


def _add_arrays(facts: FileFacts, arrays: list[ArrayFacts]) -> None:
    """Give arrays to the layers that they belong to; a layer's are below ``layers/<its name in the file>``."""
    owners = _owners(facts.layers)
    for array in sorted(arrays, key=_in_order):
        place, _, name = array.name.rpartition("/vars/")
        parts = place.split("/") if place else []
        if parts[:1] == ["optimizer"]:
            facts.optimizer.append(array)
            continue
        top = "/".join(parts[:2]) if parts[:1] == ["layers"] else "/".join(parts[:1])
        owner = owners.get(top)
        if owner is None:
            owner = owners[top] = LayerFacts(top.rpartition("/")[2] or "the model itself", path=top)
            facts.layers.append(owner)
        owner.path = owner.path or top
        for depth in range(4, len(parts) + 1, 2):  # layers within the layer, outermost first
            path = "/".join(parts[:depth])
            inner = owners.get(path)
            if inner is None:
                break
            inner.path = path
            inner.arrays.append(ArrayFacts("/".join([*parts[depth:], name]), array.shape, array.dtype))
        below = "/".join(part for part in [*parts[len(top.split("/")) if top else 0 :], name] if part)
        owner.arrays.append(ArrayFacts(below or array.name, array.shape, array.dtype))


def _in_order(array: ArrayFacts) -> list[tuple[int, str]]:
    """A key that sorts names with the numbers in them as numbers."""
    return [(int(part), "") if part.isdigit() else (-1, part) for part in re.split(r"(\d+)", array.name)]


def _owners(layers: list[LayerFacts], above: str = "") -> dict[str, LayerFacts]:
    """The layers, and those within them, by the paths that Keras's files give them: their classes, with a number."""
    used: dict[str, int] = {}
    found = {}
    for layer in layers:
        name = to_snake_case(layer.kind)
        count = used[name] = used.get(name, -1) + 1
        path = f"{above}layers/{name}_{count}" if count else f"{above}layers/{name}"
        found[path] = layer
        found.update(_owners(layer.layers, f"{path}/"))
    return found


def layer_entries(config: dict[str, Any]) -> list[dict[str, Any]]:
    """The configurations of the layers in a model's, which may be a stranger's and hold anything."""
    inner = config.get("config")
    layers = inner.get("layers") if isinstance(inner, dict) else None
    return [entry for entry in layers or [] if isinstance(entry, dict)] if isinstance(layers, list) else []


_TOLD = ("units", "filters", "kernel_size", "strides", "pool_size", "rate", "activation", "padding", "output_dim")
_TOLD += ("num_heads", "key_dim", "axis", "batch_shape", "batch_input_shape", "target_shape", "return_sequences")


_LONGEST = 48  # characters of a name that is shown; that of the longest of losses has 37
_DEEPEST = 8  # models in models in models: a file may have any number


def _layer(entry: dict[str, Any], depth: int = 0) -> LayerFacts:
    config = entry.get("config")
    config = config if isinstance(config, dict) else {}
    told = [f"{key}={_short(config[key])}" for key in _TOLD if config.get(key) not in (None, "linear", False)]
    inner = [_layer(below, depth - 1) for below in layer_entries(entry)] if depth else []
    return LayerFacts(str(config.get("name", "")), str(entry.get("class_name")), settings=", ".join(told), layers=inner)


def _short(value: Any) -> str:
    if isinstance(value, dict):
        value = value.get("class_name") or value.get("config")
    if isinstance(value, list):
        return "(" + ", ".join(map(_short, value[:6])) + ("," if len(value) == 1 else "") + ")"
    text = str(value)
    return text if len(text) <= _LONGEST else f"{text[: _LONGEST - 1]}…"


def _describe_model(facts: FileFacts, config: dict[str, Any], compiled: Any) -> None:
    facts.config = config
    inner = config.get("config")
    name = inner.get("name") if isinstance(inner, dict) else None
    facts.facts.append(("model", f"{_short(config.get('registered_name') or config.get('class_name'))} {name or ''}"))
    if not isinstance(compiled, dict) or not compiled:
        facts.facts.append(("compiled", "no"))
        return
    optimizer = compiled.get("optimizer") or compiled.get("optimizer_config")
    if isinstance(optimizer, dict):
        settings = optimizer.get("config") if isinstance(optimizer.get("config"), dict) else {}
        rate = settings.get("learning_rate", settings.get("lr"))
        shown = f"{rate:.6g}" if isinstance(rate, int | float) else _short(rate)
        kind = _short(optimizer.get("class_name")).rpartition(">")[2]
        facts.facts.append(("optimizer", f"{kind}, learning_rate={shown}"))
    elif optimizer:
        facts.facts.append(("optimizer", _short(optimizer)))
    for key in ("loss", "metrics"):
        if compiled.get(key):
            facts.facts.append((key, _names(compiled[key])))


def _names(spec: Any) -> str:
    if isinstance(spec, list):
        return ", ".join(map(_names, spec))
    if isinstance(spec, dict) and "class_name" in spec:
        inner = spec.get("config")
        named = inner.get("name") if isinstance(inner, dict) else inner
        return _short(named or spec["class_name"])
    if isinstance(spec, dict):
        return ", ".join(f"{_short(key)}: {_names(value)}" for key, value in spec.items())
    return _short(spec)
