"""From arrays in files to a decoder's weights: which is where, whether it fits, and its numbers in our order."""

from __future__ import annotations

import math
import mmap
from collections.abc import Iterator, Mapping
from itertools import groupby
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from pronghorn.layers import Dense, Embedding
from pronghorn.text.architectures import Architecture
from pronghorn.text.decoder import Decoder
from pronghorn.text.gguf_files import GGUFArray
from pronghorn.text.settings import DecoderSettings

_AT_ONCE = 1 << 15  # numbers: they fit into a core's cache
_GIVEN_BACK_EACH = 128  # times of that: 16 MB of float32
FLOATS = ("float32", "float16", "bfloat16", "float64")


class Files(NamedTuple):
    """A model's files, of either form, before their weights are read.

    Args:
        path: the folder or the file.
        where: what messages call it.
        family: the names of weights.
        settings: of the decoder.
        arrays: by their names.
        end_tokens: those that end a text.
        left_out: a sentence about what is in the files and is not read; empty if all is.
    """

    path: Path
    where: str
    family: Architecture
    settings: DecoderSettings
    arrays: Mapping[str, np.ndarray | GGUFArray]
    end_tokens: tuple[int, ...]
    left_out: str = ""


class _Part(NamedTuple):
    """Where a weight is in the files: a range of the outputs of an array."""

    weight: str
    array: str
    outputs: slice


def make_decoder(files: Files, dtype: Any, quantization: Any = None) -> Decoder:
    """Return the decoder whose weights are in files.

    Settings may be anybody's: that the files have all these numbers is known before memory is taken for them.

    Args:
        files: the model's.
        dtype: the type or policy of weights; None for that of Keras's settings.
        quantization: a configuration, by which each product and table is quantized as soon as it is read; or None.

    Raises:
        ValueError: for files whose arrays are not those of the settings.
    """
    parts = list(_parts(files))
    model = Decoder(files.settings, initializer="zeros", **({} if dtype is None else {"dtype": dtype}))
    weights, layers = model.parameters(), model.named_layers()
    of_layers = [list(own) for _, own in groupby(parts, key=lambda part: part.weight.rpartition(".")[0])]
    if quantization is not None:
        # The floats of a layer are there beside all few bits before it: the largest layer comes first.
        of_layers.sort(key=lambda own: math.prod(files.arrays[own[0].array].shape), reverse=True)
    for own in of_layers:
        name = own[0].weight.rpartition(".")[0]
        for part in own:
            weight = weights.pop(part.weight)  # which quantization lets go
            storage = weight.storage()
            _fill(storage, part, files.arrays[part.array], files)
            weight.stored(storage)
        if quantization is not None and isinstance(layers[name], Dense | Embedding):
            layers[name].quantize(quantization.mode, config=quantization)
    model.end_tokens = files.end_tokens
    return model


def _parts(files: Files) -> Iterator[_Part]:
    """Where each weight is, after a comparison of the shapes with those in the files."""
    where, family, settings, arrays = files.where, files.family, files.settings, files.arrays
    if settings.blocks > len(arrays):
        raise ValueError(f"{where} describes {settings.blocks:,} blocks, but has no more than {len(arrays)} arrays.")
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
        if is_matrix and not _has_outputs_last(family, weight):
            expected = expected[::-1]
        name = _name_in(arrays, modules[weight])
        if name is None:
            raise ValueError(f"{where} has no array {modules[weight]!r}: its weights are not those that it describes.")
        array = arrays[name]
        kind = array.kind.name if isinstance(array, GGUFArray) else array.dtype.name
        if isinstance(array, GGUFArray):
            array.check()
        if array.shape != expected or not (isinstance(array, GGUFArray) or kind in FLOATS):
            raise ValueError(
                f"{where}: {name!r} has shape {array.shape} and type {kind}; what it describes asks for numbers with a "
                f"point and shape {expected}."
            )
        yield _Part(weight, name, spans[weight])


def _module(family: Architecture, weight: str) -> str:
    """The name of an array in the files, by ours of a weight."""
    name, _, kind = weight.rpartition(".")
    prefix = ""
    if name.startswith("blocks."):
        _, number, name = name.split(".")
        prefix = family.block.format(number)
    return f"{prefix}{family.names[name]}.{'bias' if kind in ('bias', 'beta') else 'weight'}"


def _name_in(arrays: Mapping[str, Any], name: str) -> str | None:
    """What an array is called in the files, which may leave the first part of its name out.

    In a model of several parts, the name of the part for text stands before the others, or behind the first.
    """
    rest = name.partition(".")[2]
    names = (name, rest, f"language_model.{name}", f"model.language_model.{rest}")
    return next((one for one in names if one in arrays), None)


def _has_outputs_last(family: Architecture, weight: str) -> bool:
    return family.has_outputs_last and not weight.startswith("head.")


def _fill(storage: np.ndarray, part: _Part, array: np.ndarray | GGUFArray, files: Files) -> None:
    """Put a weight's numbers where they are kept, as our layers have them: (inputs, outputs).

    A matrix is read by a few rows at a time. So no more of it is there in another type, turning stays in the caches,
    and what is mapped of the file is given back.
    """
    family, (name, _, kind) = files.family, part.weight.rpartition(".")
    is_rotated = family.is_interleaved and name.endswith((".query", ".key"))
    step = files.settings.head_size if is_rotated else 16
    order = _halves(files.settings) if is_rotated else slice(None)
    if kind == "bias":
        storage[...] = _rows(array, part.outputs).reshape(-1, step if is_rotated else 1)[:, order].ravel()
    elif kind not in ("kernel", "embeddings"):
        values, offset = _rows(array), family.norm_offset
        storage[...] = values + np.float32(offset) if offset and kind in ("scale", "gamma") else values
    elif isinstance(array, np.ndarray) and kind == "kernel" and _has_outputs_last(family, part.weight):
        storage[...] = array[..., part.outputs]
    else:
        rows = storage.T if kind == "kernel" else storage  # as they are in the file
        begin = part.outputs.start if kind == "kernel" else 0
        step *= max(1, _AT_ONCE // (step * rows.shape[1]))
        for at in range(0, len(rows), step):
            end = min(at + step, len(rows))
            found = _rows(array, slice(begin + at, begin + end))
            if is_rotated:
                heads = found.reshape(-1, files.settings.head_size, found.shape[1])
                found = heads[:, order].reshape(found.shape)
            rows[at:end] = found
            if at // step % _GIVEN_BACK_EACH == 0:
                give_back(array)
    give_back(array)


def _rows(array: np.ndarray | GGUFArray, rows: slice = slice(None)) -> np.ndarray:
    return array.values(rows) if isinstance(array, GGUFArray) else array[rows]


def give_back(array: np.ndarray | GGUFArray) -> None:
    """Give back the memory of what was read of a mapped file; who looks at it again reads it again."""
    found: Any = array.data if isinstance(array, GGUFArray) else array
    while isinstance(found, np.ndarray | memoryview):
        found = found.base if isinstance(found, np.ndarray) else found.obj
    if isinstance(found, mmap.mmap) and hasattr(mmap, "MADV_DONTNEED"):
        found.madvise(mmap.MADV_DONTNEED)


def _halves(settings: DecoderSettings) -> np.ndarray:
    """The outputs of a head whose neighbours are turned together, such that halves are: even ones, then odd ones."""
    turned = settings.rotary_size
    return np.r_[0:turned:2, 1:turned:2, turned : settings.head_size]
