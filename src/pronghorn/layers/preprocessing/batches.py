"""The data that `adapt` methods take, as NumPy batches one after the other."""

from __future__ import annotations

import contextvars
import itertools
from collections.abc import Iterable, Iterator
from typing import Any

import numpy as np

from pronghorn.data.element import as_objects
from pronghorn.data.ragged import RaggedTensor
from pronghorn.engine.graph.foreign import without_framework
from pronghorn.engine.graph.tensor import Tensor
from pronghorn.engine.graph.user_code import warn
from pronghorn.variables import Variable


def is_one_array(data: Any) -> bool:
    """Whether ``data`` is one array, rather than something that gives batches."""
    return isinstance(data, (np.ndarray, Tensor, Variable, np.generic, int, float, str, bytes)) or (
        hasattr(data, "__array__") and not hasattr(data, "batch")
    )


def to_array(data: Any) -> np.ndarray:
    """``data`` as a NumPy array; tensors of other libraries and pandas columns too."""
    if isinstance(data, (Tensor, Variable)):
        return data.numpy()
    array = np.asarray(without_framework(data))
    return as_objects(data) if array.dtype == object and isinstance(data, list | tuple) else array


def batches_of(data: Any, steps: int | None = None, layer: str = "adapt") -> Iterator[Any]:
    """The batches of a data set.

    Args:
        data: an array or nested numbers or strings (one batch), a list of arrays (a batch each), a `Dataset` or tf.data
            data set, a `PyDataset`, a generator or other iterable. Of tuples, the first entry is taken.
        steps: how many batches at most.
        layer: who asks, for the error.

    Raises:
        TypeError: for anything else.
    """
    if isinstance(data, RaggedTensor):
        yield data
        return
    if is_one_array(data):
        yield to_array(data)
        return
    if isinstance(data, (list, tuple)) and data and not any(_has_shape(_first(x)) for x in data):
        yield _as_rows(list(data), layer)
        return
    for batch in itertools.islice(_iterate(data, layer), steps):
        batch = _first(batch)
        if isinstance(batch, (int, float, bool)) or batch is None:
            raise TypeError(
                f"{layer}: each element of the data must be a batch: an array with a `.shape`, not {batch!r}. Gather "
                "the elements in batches, or pass one array of all of them."
            )
        yield batch if isinstance(batch, RaggedTensor) else to_array(batch)


column_adapted: contextvars.ContextVar[str] = contextvars.ContextVar("column_adapted", default="")
"""The column of a table whose numbers are given to `adapt`; empty where it is none."""


def warn_of_nan(layer: Any, gaps: Any, total: int, effect: str) -> None:
    """Warn of NaN in what a layer was adapted to.

    Args:
        layer: the layer.
        gaps: how many there were, integers: one for each of the last axis's entries, or a single one.
        total: how many numbers there were.
        effect: what comes of them.
    """
    count, column = int(np.sum(gaps)), column_adapted.get()
    if not count:
        return
    columns = np.flatnonzero(gaps) if np.ndim(gaps) == 1 and np.size(gaps) > 1 else []
    place = f", in column{'s' * (len(columns) > 1)} {', '.join(map(str, columns))}" if 0 < len(columns) <= 8 else ""
    who = f"{type(layer).__name__} {layer.name!r}: adapt() was given"
    if column:
        who = f"FeatureSpace.adapt: the column {column!r} holds"
    warn(
        f"{who} {count} NaN among {total} numbers{place}. {effect} Leave those samples out, or fill the gaps "
        "first, in the data to adapt to and in that to come, for example with np.nan_to_num."
    )


def _as_rows(data: list[Any], layer: str) -> np.ndarray:
    try:
        return to_array(data)
    except ValueError as error:
        raise ValueError(
            f"{layer}: the rows of the data have different lengths, so they are no array. Pass their entries one after "
            "the other in one list, fill them up to one length, or, for words, join each row to one string."
        ) from error


def _has_shape(x: Any) -> bool:
    return hasattr(x, "shape") and not isinstance(x, np.generic)


def _first(batch: Any) -> Any:
    return batch[0] if isinstance(batch, tuple) and batch else batch


def _iterate(data: Any, layer: str) -> Iterable[Any]:
    if hasattr(data, "__getitem__") and hasattr(data, "num_batches") and not isinstance(data, (list, tuple)):
        return (data[i] for i in range(data.num_batches))  # a PyDataset
    if hasattr(data, "__iter__") and not isinstance(data, dict):
        return data
    raise TypeError(
        f"{layer}: the data must be an array, a list of arrays, a data set or a generator of batches, got {data!r} of "
        f"type {type(data).__name__}."
    )
