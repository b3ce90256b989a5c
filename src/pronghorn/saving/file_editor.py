"""`KerasFileEditor`: look at and change the weights in a file, object by object, without building a model."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from pronghorn.saving import archive, state
from pronghorn.saving.weights_store import WeightsReader, WeightsWriter
from pronghorn.utils import io
from pronghorn.utils.replacing import replacing

Weights = dict[str, Any]


class KerasFileEditor:
    """Shows, compares and changes the weights in a ``.keras`` or ``.weights.h5`` file.

    Objects are called by their paths in the file (``"/layers/dense"``) or, where only one has it, by the last part.

    Args:
        filepath: the file. It is not changed; `save` writes another.

    Attributes:
        weights_dict: the objects and their weights, as nested dicts.
        metadata: what a ``.keras`` file says of itself; empty for weights alone.

    Raises:
        ValueError: for another kind of file, or a damaged one.

    Example:

    >>> import tempfile, pronghorn as keras
    >>> model = keras.Sequential([keras.Input((2,)), keras.layers.Dense(1)])
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     model.save_weights(f"{folder}/m.weights.h5")
    ...     editor = KerasFileEditor(f"{folder}/m.weights.h5")
    ...     editor.rename_object("dense", "head")
    ...     editor.summary()
    Weights in m.weights.h5
      layers
        head
          0  2x1  float32
          1  1    float32
    """

    def __init__(self, filepath: str | os.PathLike[str]) -> None:
        self.filepath = os.fspath(filepath)
        self.metadata: dict[str, Any] = {}
        path = Path(filepath)
        with archive.reading(self.filepath):
            if path.suffix == ".keras":
                with tempfile.TemporaryDirectory(prefix="editing-") as scratch:
                    archive.unpack(path, Path(scratch), self.filepath)
                    self.metadata = archive.read_metadata(Path(scratch))
                    self.weights_dict = _read(Path(scratch) / archive.WEIGHTS, self.filepath)
            elif path.name.endswith(".weights.h5"):
                self.weights_dict = _read(path, self.filepath)
            else:
                raise ValueError(
                    f"KerasFileEditor: Invalid filename: expected a file ending in `.keras` or `.weights.h5`, got "
                    f"{self.filepath!r}."
                )

    # -- looking ----------------------------------------------------------------------------------------------------
    def summary(self) -> None:
        """Print the objects and their weights."""
        io.write(f"Weights in {os.path.basename(self.filepath)}\n")
        for key, value in self.metadata.items():
            io.write(f"  {key}: {value}\n")
        self._print(self.weights_dict, 1)

    def _print(self, weights: Mapping[str, Any], depth: int) -> None:
        shapes = {key: _shape(value) for key, value in weights.items() if not isinstance(value, dict)}
        width = max(map(len, shapes.values()), default=0)
        for key, value in weights.items():
            told = "" if isinstance(value, dict) else f"  {shapes[key]:{width}}  {value.dtype}"
            io.write(f"{'  ' * depth}{key}{told}\n")
            if isinstance(value, dict):
                self._print(value, depth + 1)

    def compare(self, reference_model: Any) -> dict[str, Any]:
        """Compare the file with a model, and print where they differ.

        Args:
            reference_model: a built model.

        Returns:
            ``{"status": "success" or "error", "error_count": ..., "match_count": ...}``.
        """
        with tempfile.TemporaryDirectory(prefix="comparing-") as scratch:
            path = Path(scratch) / "model.weights.h5"
            with WeightsWriter(path) as writer:
                state.write_weights(reference_model, writer)
            expected = _flat(_read(path, "the model"))
        found = _flat(self.weights_dict)
        errors = [f"{owner} is in the model only" for owner in _owners(expected) if owner not in _owners(found)]
        errors += [f"{owner} is in the file only" for owner in _owners(found) if owner not in _owners(expected)]
        for one, other, where in ((expected, found, "model"), (found, expected, "file")):
            shared = [path for path in one if path not in other and path.rpartition("/")[0] in _owners(other)]
            errors += [f"{path} is in the {where} only ({_shape(one[path])})" for path in shared]
        both = [path for path in expected if path in found]
        errors += [
            f"{path} has the shape {_shape(found[path])} in the file and {_shape(expected[path])} in the model"
            for path in both
            if found[path].shape != expected[path].shape
        ]
        for error in errors:
            io.write(f"  {error}\n")
        matches = sum(found[path].shape == expected[path].shape for path in both)
        io.write(f"{matches} arrays match, {len(errors)} differ.\n")
        return {"status": "error" if errors else "success", "error_count": len(errors), "match_count": matches}

    # -- changing ---------------------------------------------------------------------------------------------------
    def rename_object(self, object_name: str, new_name: str) -> None:
        """Give an object another name.

        Args:
            object_name: its path or name.
            new_name: the new last part of its path.

        Raises:
            ValueError: if there is no such object, or another has the new name.
        """
        group, name = self._find(object_name)
        new = new_name.strip("/").rpartition("/")[2]
        if new in group:
            raise ValueError(
                f"KerasFileEditor: {object_name!r} cannot become {new!r}: there is such an object beside it."
            )
        entries = [(new if key == name else key, value) for key, value in group.items()]
        group.clear()
        group.update(entries)

    def delete_object(self, object_name: str) -> None:
        """Remove an object and all its weights.

        Raises:
            ValueError: if there is no such object.
        """
        group, name = self._find(object_name)
        del group[name]

    def add_object(self, object_path: str, weights: Mapping[str, Any]) -> None:
        """Add an object.

        Args:
            object_path: its path, such as ``"/layers/head"``.
            weights: its arrays by name (``"0"``, ``"1"``, ...); or objects inside it.

        Raises:
            ValueError: if the path is no path, or the weights are no arrays.
        """
        parts = _parts(object_path)
        group: Weights = self.weights_dict
        for part in parts[:-1]:
            group = group.setdefault(part, {})
            if not isinstance(group, dict):
                raise ValueError(f"KerasFileEditor: {object_path!r} leads through {part!r}, which is an array.")
        if parts[-1] in group:
            raise ValueError(f"KerasFileEditor: {object_path!r} is there already; see add_weights.")
        group[parts[-1]] = _checked(weights)

    def delete_weight(self, object_name: str, weight_name: str) -> None:
        """Remove an array of an object.

        Raises:
            ValueError: if there is no such object or array.
        """
        found = self._object(object_name)
        if weight_name not in found:
            raise ValueError(
                f"KerasFileEditor: Weight {weight_name!r} not found in {object_name!r}, which has "
                f"{', '.join(found) or 'nothing'}."
            )
        del found[weight_name]

    def add_weights(self, object_name: str, weights: Mapping[str, Any]) -> None:
        """Give an object more arrays.

        Args:
            object_name: its path or name.
            weights: arrays by name.

        Raises:
            ValueError: if there is no such object, or the weights are no arrays.
        """
        self._object(object_name).update(_checked(weights))

    # -- writing ----------------------------------------------------------------------------------------------------
    def save(self, filepath: str | os.PathLike[str]) -> None:
        """Write the weights into a new file.

        Args:
            filepath: ends with ``.weights.h5``.

        Raises:
            ValueError: for another ending.
        """
        path = Path(filepath)
        if not path.name.endswith(".weights.h5"):
            raise ValueError(f"KerasFileEditor: `filepath` must end in `.weights.h5`, got {str(path)!r}.")
        with (
            archive.explained(path, "KerasFileEditor"),
            replacing(path) as fresh,
            WeightsWriter(fresh) as writer,
        ):
            _write(writer, self.weights_dict, "")

    def resave_weights(self, filepath: str | os.PathLike[str]) -> None:
        """Write the weights into a new file; see `save`."""
        self.save(filepath)

    # -- finding ----------------------------------------------------------------------------------------------------
    def _object(self, name: str) -> Weights:
        group, last = self._find(name)
        return group[last]

    def _find(self, name: str) -> tuple[Weights, str]:
        """The dict that holds an object, and its key there."""
        if name.startswith("/") or "/" in name.strip("/"):
            *way, last = _parts(name)
            group: Any = self.weights_dict
            for part in way:
                group = group.get(part) if isinstance(group, dict) else None
            if not isinstance(group, dict) or not isinstance(group.get(last), dict):
                raise ValueError(f"KerasFileEditor: there is no object {name!r}; see summary().")
            return group, last
        found = list(_named(self.weights_dict, name, ""))
        if not found:
            raise ValueError(f"KerasFileEditor: there is no object called {name!r}; see summary().")
        if len(found) > 1:
            paths = ", ".join(path for path, _ in found)
            raise ValueError(f"KerasFileEditor: {name!r} occurs more than once ({paths}); pass the whole path.")
        return found[0][1], name


def _named(weights: Weights, name: str, path: str) -> Any:
    for key, value in weights.items():
        if isinstance(value, dict):
            if key == name:
                yield f"{path}/{key}", weights
            yield from _named(value, name, f"{path}/{key}")


def _parts(path: str) -> list[str]:
    parts = path.strip("/").split("/")
    if not all(parts) or "vars" in parts or ".." in parts:
        raise ValueError(f"KerasFileEditor: {path!r} is no path of an object, such as '/layers/dense'.")
    return parts


def _checked(weights: Any) -> Weights:
    if not isinstance(weights, Mapping):
        raise ValueError(f"KerasFileEditor: `weights` maps names to arrays, as a dict; got {weights!r}.")
    found: Weights = {}
    for key, value in weights.items():
        found[key] = _checked(value) if isinstance(value, Mapping) else np.asarray(value)
        if not isinstance(key, str) or (not isinstance(found[key], dict) and found[key].dtype == object):
            raise ValueError(f"KerasFileEditor: {key!r}: {value!r} is no array of numbers with a name.")
    return found


def _shape(value: Any) -> str:
    return "x".join(map(str, np.shape(value))) or "scalar"


def _owners(flat: dict[str, Any]) -> list[str]:
    """The paths of the objects that have arrays."""
    return list(dict.fromkeys(path.rpartition("/")[0] for path in flat))


def _flat(weights: Weights, path: str = "") -> dict[str, Any]:
    found: dict[str, Any] = {}
    for key, value in weights.items():
        inner = f"{path}/{key}"
        found.update(_flat(value, inner) if isinstance(value, dict) else {inner: value})
    return found


def _read(path: Path, shown: str) -> Weights:
    found: Weights = {}
    with WeightsReader(path, shown) as reader:
        for name in reader.objects():
            stored = reader.get(name)
            if not len(stored):
                continue
            group = found
            for part in name.split("/") if name else ():
                group = group.setdefault(part, {})
            group.update({key: stored[key] for key in sorted(stored, key=lambda k: (len(k), k))})
    return found


def _write(writer: WeightsWriter, weights: Weights, path: str) -> None:
    arrays = {key: value for key, value in weights.items() if not isinstance(value, dict)}
    if arrays:
        group = writer.make(path)
        for key, value in arrays.items():
            group[key] = value
    for key, value in weights.items():
        if isinstance(value, dict):
            _write(writer, value, f"{path}/{key}" if path else key)
