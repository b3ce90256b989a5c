"""Weights in several HDF5 files, none larger than asked for, and a JSON file that says where each object's are.

The layout is Keras's: ``name.weights.json`` and ``name_00000.weights.h5``, ... beside it.
"""

from __future__ import annotations

import contextlib
import json
import os
import re
import secrets
from collections.abc import Iterator, Mapping, MutableMapping
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import numpy as np

from pronghorn.saving.weights_store import ReadGroup, WeightsReader, WeightsWriter, WriteGroup
from pronghorn.utils import leftovers
from pronghorn.utils.replacing import reach_disk, replacing

INDEX_SUFFIX = ".weights.json"
SHARD_SUFFIX = ".weights.h5"
_GIGABYTE = 1 << 30
_MAX_INDEX = 1 << 28


class ShardedWriter:
    """Writes arrays into new files; the last to appear is the index, so a reader finds the old weights or the new.

    Args:
        path: of the index, which ends with ``.weights.json``.
        max_shard_size: of a file's arrays, in GB.
    """

    def __init__(self, path: str | os.PathLike[str], max_shard_size: float) -> None:
        self._index = Path(path)
        self._limit = max_shard_size * _GIGABYTE
        self._stem = self._index.name.removesuffix(INDEX_SUFFIX)
        # A name that no earlier save has used: their files stay whole until the new index is there.
        self._token = "" if not self._index.exists() else f"_{secrets.token_hex(4)}"
        self._files: list[Path] = []
        self._writer: WeightsWriter | None = None
        self._room = 0.0
        self._map: dict[str, list[str]] = {}
        self._total = 0

    def __enter__(self) -> ShardedWriter:
        self._index.parent.mkdir(parents=True, exist_ok=True)
        _remove_of_the_dead(self._index)
        self._note = leftovers.fresh_beside(_note_of(self._index))
        try:
            self._open()
        except BaseException:
            self._remove()
            leftovers.done(self._note)
            raise
        return self

    def __exit__(self, kind: Any, error: Any, trace: Any) -> None:
        try:
            self._end(error)
        finally:
            leftovers.done(self._note)

    def _end(self, error: Any) -> None:
        try:
            self._close()
            if error is None:
                self._place_index()
        except BaseException:
            self._remove()
            raise
        if error is not None:
            self._remove()

    def _remove(self) -> None:
        named = _files_of(self._index)  # with the new files, if it has its place already: they are the weights now
        for file in set(self._files) - named:
            file.unlink(missing_ok=True)

    def _place_index(self) -> None:
        before = _files_of(self._index)
        index = {"metadata": {"total_size": self._total}, "weight_map": self._map}
        with replacing(self._index) as fresh:
            fresh.write_text(json.dumps(index, indent=4), encoding="utf-8")
        for file in before - set(self._files):
            file.unlink(missing_ok=True)

    def _open(self) -> None:
        self._close()
        name = f"{self._stem}{self._token}_{len(self._files):05d}{SHARD_SUFFIX}"
        with open(self._note, "a", encoding="utf-8") as note:  # for who finds it, if this process is killed
            note.write(f"{name}\n")
        self._files.append(self._index.with_name(name))
        self._writer = WeightsWriter(self._files[-1])
        self._room = self._limit

    def _close(self) -> None:
        writer, self._writer = self._writer, None
        if writer is not None:
            writer.close()
            reach_disk(self._files[-1])

    def make(self, path: str, name: str | None = None) -> ShardedGroup:
        """Return a mapping to put the arrays of one object into; see `WeightsWriter.make`."""
        return ShardedGroup(self, path, name)

    def put(self, group: ShardedGroup, key: str, value: Any) -> None:
        """Write an array of an object, into another file if this one is full.

        Raises:
            ValueError: if it alone is larger than a file may be.
        """
        array = np.asarray(value)
        if array.nbytes > self._limit:
            raise ValueError(
                f"save_weights: {group.path}/vars/{key} has {array.nbytes / _GIGABYTE:.3g} GB, more than "
                f"max_shard_size={self._limit / _GIGABYTE:.3g} GB allows for a file. Give a larger one."
            )
        if array.nbytes > self._room:
            self._open()
        self._room -= array.nbytes
        self._total += array.nbytes
        group.writer_in(self._writer, len(self._files))[key] = array
        files = self._map.setdefault(f"/{group.path}/vars" if group.path else "/vars", [])
        if self._files[-1].name not in files:
            files.append(self._files[-1].name)


def _note_of(index: Path) -> Path:
    """Beside this, while a save goes on, lies a file with the names of its new files."""
    return index.with_name(f"{index.name.removesuffix(INDEX_SUFFIX)}.shards")


def _remove_of_the_dead(index: Path) -> None:
    """Remove what killed saves to the same index have left, but for what it names."""
    named, stem = _files_of(index), re.escape(index.name.removesuffix(INDEX_SUFFIX))
    ours = re.compile(rf"{stem}(_[0-9a-f]{{8}})?_\d{{5,}}{re.escape(SHARD_SUFFIX)}")
    for note in leftovers.of_the_dead(_note_of(index)):
        with contextlib.suppress(OSError, ValueError):  # it is a courtesy: writing goes on
            for name in filter(ours.fullmatch, note.read_text(encoding="utf-8").splitlines()):
                if index.with_name(name) not in named:
                    index.with_name(name).unlink(missing_ok=True)
            note.unlink(missing_ok=True)


class ShardedGroup(MutableMapping[str, Any]):
    """The arrays of one object that is being written, maybe into several files."""

    def __init__(self, writer: ShardedWriter, path: str, name: str | None) -> None:
        self._writer, self.path, self._name = writer, path, name
        self._parts: dict[int, WriteGroup] = {}
        self._keys: dict[str, int] = {}

    def writer_in(self, writer: Any, number: int) -> WriteGroup:
        """The part of this object in a file."""
        if number not in self._parts:
            self._parts[number] = writer.make(self.path, self._name)
        return self._parts[number]

    def __setitem__(self, key: str, value: Any) -> None:
        self._writer.put(self, key, value)
        self._keys[key] = max(self._parts)

    def __getitem__(self, key: str) -> np.ndarray:
        return self._parts[self._keys[key]][key]

    def __delitem__(self, key: str) -> None:
        del self._parts[self._keys.pop(key)][key]

    def __iter__(self) -> Iterator[str]:
        return iter(self._keys)

    def __len__(self) -> int:
        return len(self._keys)


class ShardedReader:
    """Reads arrays from the files of an index, which may come from anywhere: they must lie beside it.

    Args:
        path: of the index.
        shown_as: what messages call it.

    Raises:
        ValueError: if it is no such index, or names a file elsewhere.
    """

    def __init__(self, path: str | os.PathLike[str], shown_as: str | None = None) -> None:
        self.shown_as = shown_as or os.fspath(path)
        self._folder = Path(path).parent
        self._map = _read_map(Path(path), self.shown_as)
        self._readers: dict[str, WeightsReader] = {}
        self._stack = ExitStack()

    def __enter__(self) -> ShardedReader:
        return self

    def __exit__(self, *error: object) -> None:
        self._stack.close()

    def get(self, path: str) -> MergedGroup:
        """Return the arrays of one object; an empty mapping where the files have none."""
        files = self._map.get(f"/{path}/vars" if path else "/vars", [])
        return MergedGroup([self._reader(file).get(path) for file in files])

    def objects(self) -> list[str]:
        """Return the paths of all objects that have arrays, such as ``"layers/dense"``."""
        return sorted(key.strip("/").removesuffix("vars").rstrip("/") for key in self._map)

    def _reader(self, file: str) -> WeightsReader:
        if file not in self._readers:
            place = self._folder / file
            if place.is_symlink() or not place.is_file():
                raise ValueError(f"{self.shown_as}: its file {file!r} is not beside it.")
            self._readers[file] = self._stack.enter_context(WeightsReader(place, f"{self.shown_as}: {file}"))
        return self._readers[file]


class MergedGroup(Mapping[str, np.ndarray]):
    """The arrays of one object, from all files that have some."""

    def __init__(self, parts: list[ReadGroup]) -> None:
        self._parts = {key: part for part in parts for key in part}

    def __getitem__(self, key: str) -> np.ndarray:
        return self._parts[key][key]

    def shape(self, key: str) -> tuple[int, ...] | None:
        """Return the shape of an array without reading it; None if it is not there."""
        return self._parts[key].shape(key) if key in self._parts else None

    def __iter__(self) -> Iterator[str]:
        return iter(self._parts)

    def __len__(self) -> int:
        return len(self._parts)


def _read_map(path: Path, shown: str) -> dict[str, list[str]]:
    if path.stat().st_size > _MAX_INDEX:
        raise ValueError(f"{shown} is too large to be an index of weights.")
    try:
        index = json.loads(path.read_text(encoding="utf-8"))
        found = {key: [files] if isinstance(files, str) else list(files) for key, files in index["weight_map"].items()}
    except (ValueError, RecursionError, KeyError, TypeError, AttributeError):
        raise ValueError(f"{shown} is no index of weights: it has no weight_map from objects to files.") from None
    for file in {file for files in found.values() for file in files}:
        if not isinstance(file, str) or Path(file).name != file or "\\" in file or not file.endswith(SHARD_SUFFIX):
            raise ValueError(f"{shown} names {file!r}, which is no weights file beside it; it is refused.")
    return found


def files_of(index: Path, shown: str) -> list[str]:
    """The names of the files of an index, sorted.

    Args:
        index: its path.
        shown: what messages call it.

    Raises:
        ValueError: if it is no such index.
    """
    return sorted({file for files in _read_map(index, shown).values() for file in files})


def _files_of(index: Path) -> set[Path]:
    """The files that an index of ours names now; none where it cannot be read."""
    if not index.exists():
        return set()
    try:
        return {index.with_name(file) for file in files_of(index, "")}
    except (OSError, ValueError):
        return set()
