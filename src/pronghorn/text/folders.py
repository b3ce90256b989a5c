"""A folder in Hugging Face's form. What is in it is data: sizes are checked, nothing is run."""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from pronghorn.saving.fetched_files import mend
from pronghorn.saving.safetensors_store import map_arrays
from pronghorn.text.architectures import architecture_of
from pronghorn.text.weights import Files

_MOST_JSON = 1 << 26  # bytes: the index of a model in many files has some 100 bytes an array


def open_folder(folder: Path) -> Files:
    """Return the files of a model's folder, with their arrays mapped.

    Raises:
        FileNotFoundError: if the folder or one of its files is not there.
        ImportError: without the library for safetensors files.
        ValueError: for a model of another type, or a damaged file.
    """
    check_folder(folder)
    path = folder / "config.json"
    config = read_json(path)
    family, settings = architecture_of(config, os.fspath(path))
    where = repr(os.fspath(folder))
    left_out = f"{where} has a part for pictures, too, which is left out." if "vision_config" in config else ""
    return Files(folder, where, family, settings, _arrays(folder), _end_tokens(config, folder), left_out)


def path_of(folder: str | os.PathLike[str]) -> Path:
    """Return the path of a model.

    Raises:
        FileNotFoundError: for an empty one, which would be the current folder.
    """
    if not os.fspath(folder):
        raise FileNotFoundError("The path of the model is empty; a model is a folder with config.json, or a GGUF file.")
    return Path(folder)


def check_folder(folder: Path) -> None:
    """Raise unless a path is that of a folder.

    Raises:
        FileNotFoundError: with what a model is.
    """
    if not folder.is_dir():
        what = f"{os.fspath(folder)!r} is a file" if folder.exists() else f"There is no folder {os.fspath(folder)!r}"
        raise FileNotFoundError(f"{what}; a model is a folder with config.json, or a GGUF file.")


def read_json(path: Path) -> dict[str, Any]:
    """Return what a file of JSON has, which is an object.

    Raises:
        FileNotFoundError: if it is not there.
        ValueError: if it is something else.
    """
    if not path.is_file():
        raise FileNotFoundError(
            f"{os.fspath(path.parent)!r} has no {path.name}, so it is no folder of a model; give the one that has it."
        )
    if path.stat().st_size > _MOST_JSON:
        raise ValueError(f"{path} has {path.stat().st_size:,} bytes, more than such a file needs; it is refused.")
    try:
        found = json.loads(path.read_text("utf-8"))
    except (ValueError, RecursionError) as error:
        raise ValueError(f"{path} is no JSON ({error}); {mend(path)}.") from None
    if not isinstance(found, dict):
        raise ValueError(f"{path} has a {type(found).__name__} where an object with fields was expected.")
    return found


def _arrays(folder: Path) -> dict[str, np.ndarray]:
    """All arrays of a folder's files, mapped."""
    index = folder / "model.safetensors.index.json"
    if not index.is_file():
        if not (folder / "model.safetensors").is_file():
            raise FileNotFoundError(_without_weights(folder))
        return map_arrays(folder / "model.safetensors")
    files = read_json(index).get("weight_map")
    if not isinstance(files, dict) or not all(isinstance(name, str) for name in files.values()):
        raise ValueError(f"{index} has no 'weight_map' from names of arrays to names of files.")
    names = sorted(set(files.values()))
    for name in names:
        if name != Path(name).name or not name.endswith(".safetensors"):
            raise ValueError(f"{index} names {name[:100]!r}; only .safetensors files of the same folder are read.")
    missing = [name for name in names if not (folder / name).is_file()]
    if missing:
        raise FileNotFoundError(
            f"{os.fspath(folder)!r} has {len(names) - len(missing)} of {len(names)} files of weights; missing: "
            f"{', '.join(missing[:3])}{', ...' if missing[3:] else ''}. Fetch the rest of the model."
        )
    found: dict[str, np.ndarray] = {}
    for name in names:
        found |= map_arrays(folder / name)
    return found


def _without_weights(folder: Path) -> str:
    others = sorted(f.name for f in folder.iterdir() if f.suffix in (".bin", ".pt", ".pth", ".pkl", ".msgpack"))
    if others:
        return (
            f"{os.fspath(folder)!r} has no model.safetensors. {others[0]} is not read, since such files can run "
            "code: take the model's safetensors files."
        )
    return f"{os.fspath(folder)!r} has neither model.safetensors nor model.safetensors.index.json: no weights."


def _end_tokens(config: Mapping[str, Any], folder: Path) -> tuple[int, ...]:
    """The tokens that end a text, which either of two files says."""
    path, of_text = folder / "generation_config.json", config.get("text_config")
    said = {**(of_text if isinstance(of_text, dict) else {}), **config, **(read_json(path) if path.is_file() else {})}
    found = said.get("eos_token_id")
    return tuple(token for token in (found if isinstance(found, list) else [found]) if type(token) is int)
