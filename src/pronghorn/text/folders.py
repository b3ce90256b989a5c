"""A model out of a folder in Hugging Face's form. What is in the folder is data: sizes are checked, nothing is run."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from pronghorn.engine.graph.messages import short_messages
from pronghorn.saving.safetensors_store import map_arrays
from pronghorn.text.architectures import Architecture, architecture_of
from pronghorn.text.decoder import Decoder
from pronghorn.text.settings import DecoderSettings

_MOST_JSON = 1 << 26  # bytes: the index of a model in many files has some 100 bytes an array


class _Part(NamedTuple):
    """Where a weight is in the files: a range of the outputs of an array of a shape."""

    weight: str
    array: str
    shape: tuple[int, ...]
    outputs: slice


@short_messages
def load(folder: str | os.PathLike[str], dtype: Any = None) -> Decoder:
    """Return the language model in a folder, with its tokenizer.

    The folder has `config.json`, weights in `model.safetensors` or in shards with `model.safetensors.index.json`, and
    the files of a tokenizer. The types of models are gemma, gemma2, gpt2, llama (SmolLM, too), mistral, phi, phi3,
    qwen2, qwen3 and smollm3. Files are mapped into memory and read weight by weight, so the weights are there once.

    Args:
        folder: the folder.
        dtype: the type or policy to keep and compute weights in, such as ``"bfloat16"``; that of Keras's settings if
            None.

    Raises:
        FileNotFoundError: if the folder or one of its files is not there.
        ValueError: for a model of another type, or files that do not fit together.
        ImportError: without the library for safetensors files.
    """
    folder = Path(folder)
    if not folder.is_dir():
        raise FileNotFoundError(f"There is no folder {os.fspath(folder)!r}: load reads a model's folder.")
    path = folder / "config.json"
    config = read_json(path)
    family, settings = architecture_of(config, os.fspath(path))
    arrays = _arrays(folder)
    parts = list(_parts(family, settings, arrays, folder))
    # Settings may be anybody's: that the files have all these numbers is known before memory is taken for them.
    model = Decoder(settings, initializer="zeros", **({} if dtype is None else {"dtype": dtype}))
    weights = model.parameters()
    for part in parts:
        weights[part.weight].assign(_values(part, arrays[part.array], family))
    model.folder = folder
    model.end_tokens = _end_tokens(config, folder)
    return model


def read_json(path: Path) -> dict[str, Any]:
    """Return what a file of JSON has, which is an object.

    Raises:
        FileNotFoundError: if it is not there.
        ValueError: if it is something else.
    """
    if not path.is_file():
        raise FileNotFoundError(f"{os.fspath(path.parent)!r} has no {path.name}, so it is no folder of a model.")
    if path.stat().st_size > _MOST_JSON:
        raise ValueError(f"{path} has {path.stat().st_size:,} bytes, more than such a file needs; it is refused.")
    try:
        found = json.loads(path.read_text("utf-8"))
    except (ValueError, RecursionError) as error:
        raise ValueError(f"{path} is no JSON: {error}.") from None
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


def _parts(
    family: Architecture, settings: DecoderSettings, arrays: Mapping[str, np.ndarray], folder: Path
) -> Iterator[_Part]:
    """Where each weight is, after a comparison of the shapes with those in the files."""
    shapes = settings.shapes()
    modules = {weight: _module(family, weight) for weight in shapes}
    ends: dict[str, int] = {}
    spans: dict[str, slice] = {}
    for weight, shape in shapes.items():
        begin = ends.get(modules[weight], 0)
        ends[modules[weight]] = begin + shape[-1]
        spans[weight] = slice(begin, begin + shape[-1])
    for weight, shape in shapes.items():
        is_matrix = weight.endswith(".kernel")
        outputs = ends[modules[weight]] if is_matrix or weight.endswith(".bias") else shape[-1]
        expected = (*shape[:-1], outputs)
        if is_matrix and not (family.has_outputs_last and not weight.startswith("head.")):
            expected = expected[::-1]
        name = modules[weight] if modules[weight] in arrays else modules[weight].partition(".")[2]
        if name not in arrays:
            raise ValueError(
                f"{os.fspath(folder)!r} has no array {modules[weight]!r}: its files are not those of its config.json."
            )
        array = arrays[name]
        if array.shape != expected or array.dtype.name not in ("float32", "float16", "bfloat16", "float64"):
            raise ValueError(
                f"{os.fspath(folder)!r}: {name!r} has shape {array.shape} and type {array.dtype.name}; its config.json "
                f"asks for numbers with a point and shape {expected}."
            )
        yield _Part(weight, name, expected, spans[weight])


def _module(family: Architecture, weight: str) -> str:
    """The name of an array in the files, by ours of a weight."""
    name, _, kind = weight.rpartition(".")
    prefix = ""
    if name.startswith("blocks."):
        _, number, name = name.split(".")
        prefix = family.block.format(number)
    return f"{prefix}{family.names[name]}.{'bias' if kind in ('bias', 'beta') else 'weight'}"


def _values(part: _Part, array: np.ndarray, family: Architecture) -> np.ndarray:
    """A weight's numbers, as our layers have them: (inputs, outputs)."""
    kind = part.weight.rpartition(".")[2]
    if kind == "kernel":
        array = array if family.has_outputs_last and not part.weight.startswith("head.") else array.T
        return array[:, part.outputs]
    if kind == "bias":
        return array[part.outputs]
    return array + np.float32(family.norm_offset) if kind in ("scale", "gamma") and family.norm_offset else array


def _end_tokens(config: Mapping[str, Any], folder: Path) -> tuple[int, ...]:
    """The tokens that end a text, which either of two files says."""
    path = folder / "generation_config.json"
    found = (read_json(path) if path.is_file() else {}).get("eos_token_id", config.get("eos_token_id"))
    found = found if isinstance(found, list) else [found]
    return tuple(token for token in found if type(token) is int)
