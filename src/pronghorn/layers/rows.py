"""Layers called on rows of different lengths, `RaggedTensor`s: which take them, and what they make of them.

A layer's class says so by `_takes_rows`:

- `EACH`: what it gives for a value depends on no other but those of the same vector.
- `LAST`: likewise, where its `axis` is the last one.
- `MASKED`: it takes a mask, which says what is in the rows, and gives one array.
- `MASKED_ROWS`: it takes a mask, and gives rows, where its `axis` is the last one.
- `GREATEST`: it gives the greatest value of each row.
- `WHOLE`: its `call` takes a `RaggedTensor` itself.
"""

from __future__ import annotations

from typing import Any

from pronghorn import ops, tree
from pronghorn.data.padded_rows import PaddedRows
from pronghorn.data.ragged import RaggedTensor
from pronghorn.graph import dtypes

EACH, LAST, MASKED, MASKED_ROWS, GREATEST, WHOLE = "each", "last", "masked", "masked rows", "greatest", "whole"
_BY_AXIS = (LAST, MASKED_ROWS)


def takes_whole(layer: Any, is_users: bool) -> bool:
    """Whether a layer's `call` is given a `RaggedTensor` as it is."""
    return layer._takes_rows == WHOLE or (is_users and layer._takes_rows is None)


def call_on_rows(layer: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
    """What a layer gives for rows of different lengths.

    Raises:
        ValueError: where it takes none, or rows of other lengths, or an array, stand beside them.
    """
    rows = next(x for x in tree.flatten(args) if isinstance(x, RaggedTensor))
    how = layer._takes_rows
    if how is None or (how in _BY_AXIS and not _is_last(layer.axis, rows.ndim)) or (how == LAST and rows.ndim == 2):
        raise ValueError(
            f"Layer {layer.name!r} ({type(layer).__name__}) takes arrays, got rows of different lengths"
            f"{f' along its axis={layer.axis}' if how in _BY_AXIS else ''}. Pad them to one length first, with "
            "x.to_tensor(), in a Lambda layer where the model is one of layers; Embedding(mask_zero=True) skips the "
            "zeros."
        )
    padded = PaddedRows.of(rows)

    def array(x: Any) -> Any:
        if not isinstance(x, RaggedTensor) or not rows.same_rows(x):
            raise ValueError(
                f"Layer {layer.name!r} ({type(layer).__name__}) was called on rows of different lengths, "
                f"{rows.shape}, with {'others' if isinstance(x, RaggedTensor) else 'an array'} of shape "
                f"{getattr(x, 'shape', None)}: all have to be rows of one RaggedTensor, of the same lengths. Make "
                "arrays of them first, with x.to_tensor()."
            )
        if how == GREATEST:
            return padded.filled(dtypes.limits(padded.dtype)[0])
        return padded.padded if x is rows else PaddedRows.of(x).padded

    if how in (MASKED, MASKED_ROWS):
        kwargs = {**kwargs, "mask": padded.mask}
    found = layer(*tree.map_structure(array, args), **kwargs)
    if how in (MASKED, GREATEST):
        return found
    given = PaddedRows(found, padded.lengths)
    return given if isinstance(rows, PaddedRows) else given.flattened()


def _is_last(axis: Any, rank: int) -> bool:
    axes = [axis] if isinstance(axis, int) else list(axis)
    return len(axes) == 1 and axes[0] % rank == rank - 1


def cast_rows(rows: RaggedTensor, dtype: str) -> RaggedTensor:
    """The same rows with values of a type."""
    return rows if rows.dtype == dtype else rows.mapped(lambda x: ops.cast(x, dtype))
