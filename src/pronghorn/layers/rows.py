"""Layers called on rows of different lengths, `RaggedTensor`s: which take them, and what they make of them.

A layer's class says so by `_takes_rows`:

- `EACH`: what it gives for a value depends on no other but those of the same vector, if rows are of vectors.
- `LAST`: likewise, where rows are of vectors and its `axis`, if it has one, is the last.
- `MASKED`: it takes a mask, which says what is in the rows, and gives one array.
- `MASKED_ROWS`: it takes a mask, and gives rows, where its `axis` is the last one.
- `GREATEST`: it gives the greatest value of each row.
- `WHOLE`: its `call` takes a `RaggedTensor` itself, as that of a user's class does.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from pronghorn import tree
from pronghorn.data.padded_rows import PaddedRows
from pronghorn.data.ragged import RaggedTensor
from pronghorn.engine.graph import dtypes
from pronghorn.layers import call as calls
from pronghorn.symbolic.infer import infer_spec
from pronghorn.symbolic.keras_tensor import KerasTensor, symbolic_leaves

EACH, LAST, MASKED, MASKED_ROWS, GREATEST, WHOLE = "each", "last", "masked", "masked rows", "greatest", "whole"
_BY_AXIS, _GIVE_ROWS = (LAST, MASKED_ROWS), (EACH, LAST, MASKED_ROWS)


def call_on_rows(layer: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
    """What a layer gives for rows of different lengths.

    Raises:
        ValueError: where it takes none of that rank, or rows of other lengths, or an array, stand beside them.
    """
    rows = next(x for x in tree.flatten(args) if isinstance(x, RaggedTensor))
    how, padded = _rule(layer, rows), PaddedRows.of(rows)

    def array(x: Any) -> Any:
        if not isinstance(x, RaggedTensor) or x.ndim != rows.ndim or not rows.same_rows(x):
            raise ValueError(
                f"Layer {layer.name!r} ({type(layer).__name__}) was called on rows of different lengths, "
                f"{rows.shape}, with {'others' if isinstance(x, RaggedTensor) else 'an array'} of shape "
                f"{getattr(x, 'shape', None)}: all have to be rows of one RaggedTensor, of the same lengths and as "
                "many axes. Make arrays of them first, with x.to_tensor()."
            )
        if how in (MASKED, GREATEST):
            return padded.filled(0 if how == MASKED else dtypes.limits(padded.dtype)[0])
        return padded.padded if x is rows else PaddedRows.of(x).padded

    if how in (MASKED, MASKED_ROWS):
        kwargs = {**kwargs, "mask": padded.mask}
    found = layer(*tree.map_structure(array, args), **kwargs)
    if how in (MASKED, GREATEST):
        return found
    given = PaddedRows(found, padded.lengths)
    return given if isinstance(rows, PaddedRows) else given.flattened()


def rows_by_position(layer: Any, kwargs: dict[str, Any]) -> tuple[tuple[Any, ...], dict[str, Any]]:
    """The arguments of a call by keywords alone, the first by its position where it has rows of different lengths."""
    first = calls.parameters_of(layer.call).positional[:1]
    if not any(isinstance(x, RaggedTensor) for name in first for x in tree.flatten(kwargs.get(name))):
        return (), kwargs
    return (kwargs[first[0]],), {name: value for name, value in kwargs.items() if name != first[0]}


def _rule(layer: Any, rows: RaggedTensor) -> str:
    """What a layer makes of rows of that rank; an error where it takes none."""
    how, axis = layer._takes_rows, getattr(layer, "axis", -1)
    problem = ""
    if how in _BY_AXIS and (not _is_last(axis, rows.ndim) or (how == LAST and rows.ndim == 2)):
        problem = f" along its axis={axis}"
    elif getattr(layer, "data_format", None) == "channels_first":
        problem = " along its data_format='channels_first'"
    if how and not problem:
        return str(how)
    raise ValueError(
        f"Layer {layer.name!r} ({type(layer).__name__}) takes arrays, got rows of different lengths{problem}. Pad them "
        "to one length first, with x.to_tensor(), in a Lambda layer where the model is one of layers; "
        "Embedding(mask_zero=True) skips the zeros."
    )


def _is_last(axis: Any, rank: int) -> bool:
    axes = np.ravel(axis)
    return len(axes) == 1 and axes[0] % rank == rank - 1


def infer_spec_on_rows(fn: Callable[..., Any], args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
    """The KerasTensors that a function of one's own gives, which gets rows for those of them that are ragged.

    They are taken to be rows of the same lengths, since nothing is known of these yet.
    """
    leaves = tree.flatten((args, kwargs))
    ragged = [isinstance(x, KerasTensor) and x.ragged for x in leaves]
    if not any(ragged):
        return infer_spec(fn, args, kwargs)
    gives_rows: Any = None

    def on_rows(lengths: Any, *arrays: Any) -> Any:
        nonlocal gives_rows
        given = [PaddedRows(x, lengths) if is_ragged else x for x, is_ragged in zip(arrays, ragged)]
        args_of_call, named = tree.pack_sequence_as((args, kwargs), given)
        found = fn(*args_of_call, **named)
        gives_rows = tree.map_structure(lambda x: isinstance(x, PaddedRows), found)
        return tree.map_structure(lambda x: x.padded if isinstance(x, PaddedRows) else x, found)

    batch = leaves[ragged.index(True)].shape[:1]
    spec = infer_spec(on_rows, (KerasTensor(batch, dtype="int32"), *leaves))
    return tree.map_structure(lambda x, is_ragged: as_ragged(x) if is_ragged else x, spec, gives_rows)


def spec_of_rows(layer: Any, args: tuple[Any, ...], spec: Any) -> Any:
    """The KerasTensors that a layer gives, which are ragged where those are that it is called on."""
    if layer._takes_rows not in _GIVE_ROWS or not any(x.ragged for x in symbolic_leaves(args)):
        return spec
    return tree.map_structure(as_ragged, spec)


def as_ragged(x: KerasTensor) -> KerasTensor:
    """One of the same shape and type, for which rows of different lengths may be given."""
    return KerasTensor(x.shape, dtype=x.dtype, ragged=True)
