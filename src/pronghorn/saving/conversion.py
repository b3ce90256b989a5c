"""`convert_file`: a model's or a weights file into one of another format."""

from __future__ import annotations

import os
from contextlib import ExitStack
from pathlib import Path
from typing import Any

from pronghorn.saving import model_files, shards
from pronghorn.saving.inspection import inspect_file
from pronghorn.saving.safetensors_store import SafetensorsReader, SafetensorsWriter
from pronghorn.saving.weights_store import WeightsReader, WeightsWriter
from pronghorn.utils.replacing import replacing

MODELS = (".keras", ".h5", ".hdf5")
WEIGHTS = (".weights.h5", ".weights.json", ".safetensors")


def convert_file(
    source: str | os.PathLike[str],
    target: str | os.PathLike[str],
    max_shard_size: float | None = None,
    overwrite: bool = False,
    custom_objects: dict[str, Any] | None = None,
) -> None:
    """Write what is in a file into a new one; the names' endings say the formats.

    Args:
        source: a model (``.keras``, ``.h5``, ``.hdf5``) or weights (``.weights.h5``, ``.weights.json``,
            ``.safetensors``).
        target: weights, or, from a model, a model too.
        max_shard_size: for ``.weights.json``: the size of each file in GB.
        overwrite: whether to replace a file.
        custom_objects: your classes and functions by the names that the file has for them.

    Raises:
        FileExistsError: if the target exists, and is not to be replaced.
        ValueError: if one format cannot become the other, or the source is damaged.
    """
    here, there = os.fspath(source), os.fspath(target)
    if ending(there) is None:
        raise ValueError(f"{there!r} must end in one of {', '.join((*MODELS, *WEIGHTS))}.")
    facts = inspect_file(source)  # says what is wrong with the source before anything is written
    if os.path.exists(there) and not overwrite:
        raise FileExistsError(f"{there!r} exists; choose another name, or pass overwrite=True (--force).")
    if _is_model(here, facts.format):
        model = model_files.load_model(source, custom_objects)
        if ending(there) in MODELS:
            model_files.save_model(model, target)
        else:
            model_files.save_weights(model, target, max_shard_size=max_shard_size)
    elif ending(there) in MODELS:
        raise ValueError(
            f"{here!r} holds weights only, and {there!r} would be a model. Build the model in Python, "
            "load_weights() and save() it."
        )
    elif facts.format.startswith("Keras 2"):
        raise ValueError(
            f"{here!r} holds the weights of Keras 2, which only their model can put in order. Build the model in "
            "Python, load_weights() and save_weights()."
        )
    else:
        _copy(Path(source), Path(target), max_shard_size)


def ending(name: str) -> str | None:
    """The ending that says a file's format; None for others."""
    return next((known for known in (*WEIGHTS, *MODELS) if name.endswith(known)), None)


def _is_model(name: str, format: str) -> bool:
    return ending(name) == ".keras" or os.path.isdir(name) or format == "Keras 2 model (HDF5)"


def _copy(source: Path, target: Path, max_shard_size: float | None) -> None:
    """Copy all arrays from one weights file to another of whatever format."""
    readers: dict[str, Any] = {".weights.json": shards.ShardedReader, ".safetensors": SafetensorsReader}
    kind = readers.get(ending(source.name) or "", WeightsReader)
    with ExitStack() as stack:
        reader = stack.enter_context(kind(source, os.fspath(source)))
        if target.name.endswith(shards.INDEX_SUFFIX):
            writer: Any = shards.ShardedWriter(target, float("inf") if max_shard_size is None else max_shard_size)
        else:
            fresh = stack.enter_context(replacing(target))
            writer = SafetensorsWriter(fresh) if target.suffix == ".safetensors" else WeightsWriter(fresh)
        stack.enter_context(writer)
        for path in reader.objects():
            own = writer.make(path)
            for key, value in reader.get(path).items():
                own[key] = value
