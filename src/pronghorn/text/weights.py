"""From arrays in files to a decoder's weights: which is where, whether it fits, and its numbers in our order."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from itertools import groupby
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from pronghorn.engine.graph import dtypes
from pronghorn.layers import Dense, Embedding
from pronghorn.text.architectures import Architecture
from pronghorn.text.decoder import Decoder
from pronghorn.text.gguf_files import GGUFArray
from pronghorn.text.settings import DecoderSettings

_AT_ONCE = 1 << 15  # numbers: they fit into a core's cache
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
    for name, own in groupby(parts, key=lambda part: part.weight.rpartition(".")[0]):
        for part in own:
            weight, array = weights.pop(part.weight), files.arrays[part.array]  # which quantization lets go
            weight.assign(_in_our_order(part, array, files, dtypes.to_numpy(weight.dtype)))
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


def _in_our_order(part: _Part, array: np.ndarray | GGUFArray, files: Files, dtype: np.dtype) -> np.ndarray:
    """A weight's numbers, as our layers have them: (inputs, outputs)."""
    family, kind = files.family, part.weight.rpartition(".")[2]
    if kind in ("scale", "gamma") and family.norm_offset:
        return _rows(array) + np.float32(family.norm_offset)
    if kind == "embeddings":
        return _filled(array, slice(None), dtype, is_turned=False)
    if kind not in ("kernel", "bias"):
        return _rows(array)
    if isinstance(array, np.ndarray) and _has_outputs_last(family, part.weight):
        return array[..., part.outputs]
    found = _rows(array, part.outputs) if kind == "bias" else _filled(array, part.outputs, dtype, is_turned=True)
    is_rotated = part.weight.rpartition(".")[0].endswith((".query", ".key"))
    return found[..., _halves(files.settings, found.shape[-1])] if family.is_interleaved and is_rotated else found


def _rows(array: np.ndarray | GGUFArray, rows: slice = slice(None)) -> np.ndarray:
    return array.values(rows) if isinstance(array, GGUFArray) else array[rows]


def _filled(array: np.ndarray | GGUFArray, rows: slice, dtype: np.dtype, is_turned: bool) -> np.ndarray:
    """Rows of a matrix as a new array of a type, turned or not.

    It is filled by a few rows at a time. So no more of them is there in another type, and turning stays in the caches.
    """
    begin, end, _ = rows.indices(array.shape[0])
    found = np.empty((end - begin, array.shape[1]), dtype, order="F" if is_turned else "C")
    step = max(16, _AT_ONCE // array.shape[1])
    for at in range(begin, end, step):
        found[at - begin : at - begin + step] = _rows(array, slice(at, min(at + step, end)))
    return found.T if is_turned else found


def _halves(settings: DecoderSettings, outputs: int) -> np.ndarray:
    """The outputs of heads whose neighbours are turned together, such that halves are: even ones, then odd ones."""
    turned = settings.rotary_size
    order = np.r_[0:turned:2, 1:turned:2, turned : settings.head_size]
    return (np.arange(0, outputs, settings.head_size)[:, None] + order).ravel()
