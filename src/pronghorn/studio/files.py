"""A model's or a weights file, looked at without making a model or running anything in it."""

from __future__ import annotations

import contextlib
import itertools
import tempfile
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import h5py
import numpy as np

from pronghorn.saving import archive
from pronghorn.saving.inspection import FileFacts, LayerFacts, inspect_file, layer_entries
from pronghorn.saving.safetensors_store import SafetensorsReader
from pronghorn.saving.weights_store import array_of, member_of

BINS = 40
_MOST_NUMBERS = 2_000_000  # of an array that a histogram counts
_MOST_ARRAYS = 500


@dataclass(frozen=True)
class FileView:
    """What is in a file.

    Attributes:
        path: where it is.
        name: what the page calls it.
        facts: what `pronghorn inspect` says.
        arrows: from which layer to which values go, as far as the file says.
        folder: what holds a copy of the file, if it was sent by the page.
    """

    path: str
    name: str
    facts: FileFacts
    arrows: tuple[tuple[str, str], ...] = ()
    folder: Any = field(default=None, repr=False, compare=False)

    def shown(self) -> dict[str, Any]:
        """It for the page."""
        facts = self.facts
        return {
            "name": self.name,
            "format": facts.format,
            "nbytes": facts.nbytes,
            "facts": [list(pair) for pair in facts.facts],
            "parameters": facts.parameters,
            "optimizer": sum(array.size for array in facts.optimizer),
            "layers": [
                {
                    "name": layer.name,
                    "kind": layer.kind,
                    "settings": layer.settings,
                    "parameters": layer.parameters,
                    "arrays": [
                        {"name": a.name, "shape": list(a.shape), "dtype": a.dtype} for a in layer.arrays[:_MOST_ARRAYS]
                    ],
                }
                for layer in facts.layers[:2000]
            ],
            "arrows": [list(arrow) for arrow in self.arrows],
            "is_model": any(layer.kind for layer in facts.layers),
        }


def view_file(path: str, name: str | None = None) -> FileView:
    """Look at a file.

    Args:
        path: of a ``.keras``, ``.h5``, ``.hdf5``, ``.weights.h5``, ``.weights.json`` or ``.safetensors`` file.
        name: what the page calls it.

    Raises:
        OSError: if it cannot be read.
        ValueError: if it is no such file, or damaged.
    """
    facts = inspect_file(path)
    facts.layers = _by_names(facts.layers)
    return FileView(path, name or Path(path).name, facts, tuple(_arrows(facts)))


def _by_names(layers: list[LayerFacts]) -> list[LayerFacts]:
    """Arrays of which a file does not say whose they are, by the first part of their names: ``block.0.conv.weight``."""
    if len(layers) != 1 or layers[0].kind or not any("." in array.name for array in layers[0].arrays):
        return layers
    found: dict[str, LayerFacts] = {}
    for array in layers[0].arrays:
        owner, _, name = array.name.rpartition(".")
        layer = found.setdefault(owner, LayerFacts(owner or layers[0].name))
        layer.arrays.append(replace(array, name=name))
    return list(found.values())


def _arrows(facts: FileFacts) -> list[tuple[str, str]]:
    names = [layer.name for layer in facts.layers if layer.kind]
    entries = layer_entries(facts.config)
    if not any(entry.get("inbound_nodes") for entry in entries):
        return list(itertools.pairwise(names))
    known, found = set(names), []
    for layer, entry in zip(facts.layers, entries):  # one is made of the other
        sources = _mentioned(entry.get("inbound_nodes"), known)
        found += [(source, layer.name) for source in sources if source != layer.name]
    return list(dict.fromkeys(found))


def _mentioned(value: Any, known: set[str], depth: int = 0) -> list[str]:
    """The layers that a call's configuration, of Keras 3 or 2, takes values from."""
    if depth > 50:
        return []
    if isinstance(value, dict):
        history = value.get("keras_history")
        if isinstance(history, list) and history and isinstance(history[0], str):
            return [history[0]] if history[0] in known else []
        return [name for part in value.values() for name in _mentioned(part, known, depth + 1)]
    if isinstance(value, list):
        if value and isinstance(value[0], str):  # Keras 2: [layer, call, output, arguments]
            return [value[0]] if value[0] in known else []
        return [name for part in value for name in _mentioned(part, known, depth + 1)]
    return []


def histograms(view: FileView, layer: str) -> list[dict[str, Any]]:
    """Histograms of the arrays of a layer.

    Raises:
        ValueError: if the file has no such layer.
    """
    found = next((one for one in view.facts.layers if one.name == layer), None)
    if found is None:
        raise ValueError(f"The file has no layer {layer!r}.")
    shown = []
    with _opened(view.path, view.facts.path) as read:
        for array in found.arrays[:20]:
            tried = map(read, _places(found.path or found.name, array.name))
            values = next((values for values in tried if values is not None), None)
            if values is not None:
                shown.append({"name": array.name, "shape": list(array.shape), **histogram(values)})
    return shown


def histogram(values: np.ndarray, bins: int = BINS) -> dict[str, Any]:
    """How often values occur, with their mean and spread; NaN and infinities are counted apart.

    >>> histogram(np.array([0.0, 1.0]), bins=2)["counts"]
    [1, 1]
    """
    flat = np.asarray(values, np.float64).ravel()
    flat = flat[:: max(1, len(flat) // _MOST_NUMBERS)]
    finite = flat[np.isfinite(flat)]
    if not len(finite):
        return {"counts": [], "edges": [], "mean": None, "std": None, "odd": len(flat)}
    counts, edges = np.histogram(finite, bins)
    return {
        "counts": counts.tolist(),
        "edges": [float(f"{edge:.6g}") for edge in edges],
        "mean": float(f"{finite.mean():.6g}"),
        "std": float(f"{finite.std():.6g}"),
        "odd": int(len(flat) - len(finite)),
    }


@contextlib.contextmanager
def _opened(path: str, shown: str) -> Iterator[Callable[[str], np.ndarray | None]]:
    """A file, as what gives the array at a place in it, or None if there is none."""
    place = Path(path)
    with archive.reading(shown), contextlib.ExitStack() as stack:
        if place.suffix == ".keras" and place.is_file():
            scratch = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="studio-")))
            archive.unpack(place, scratch, shown)
            place = scratch / archive.WEIGHTS
        if place.suffix == ".safetensors":
            reader = stack.enter_context(SafetensorsReader(place, shown))
            names = {array[0] for array in reader.arrays()}
            yield lambda name: reader.read(name) if name in names else None
        elif place.suffix in (".h5", ".hdf5"):
            file = stack.enter_context(h5py.File(place, "r"))
            yield lambda name: _from_hdf5(file, name, shown)
        else:
            yield lambda name: None


def _from_hdf5(file: h5py.File, name: str, shown: str) -> np.ndarray | None:
    found: Any = file
    for part in name.split("/"):
        found = member_of(found, part, shown) if isinstance(found, h5py.Group) else None
    return array_of(found, shown) if isinstance(found, h5py.Dataset) else None


def _places(owner: str, name: str) -> list[str]:
    parts = name.split("/")
    inside = "/".join([owner, *parts[:-1], "vars", parts[-1]] if owner else [*parts[:-1], "vars", parts[-1]])
    return [
        inside,
        name,
        f"{owner}.{name}",
        f"model_weights/{owner}/{name}" if owner else f"model_weights/{name}",
        f"{owner}/{name}",
    ]
