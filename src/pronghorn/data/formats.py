"""Data sets of other libraries: what the argument `format` of the functions that make data sets asks for."""

from __future__ import annotations

import importlib
from collections.abc import Callable, Sequence
from types import ModuleType
from typing import Any

from pronghorn.data.dataset import Dataset
from pronghorn.data.structure import map_leaves
from pronghorn.data.tensor_spec import TensorSpec

_READERS = 4
_AHEAD = 32  # elements that Grain's threads read beforehand; by default it keeps 500, of images half a gigabyte


def library(format: Any, who: str) -> ModuleType | None:
    """Return the library whose data sets are asked for, or None where ours is to be given.

    Args:
        format: None for ours; `"tf"` for TensorFlow's, for which ours stands in where TensorFlow is not installed or,
            as under `pronghorn run`, is ours too; `"grain"` for Grain's.
        who: the function that was given it.

    Raises:
        ValueError: for another format.
        ImportError: if Grain is asked for and not installed.
    """
    if format not in (None, "tf", "grain"):
        raise ValueError(
            f"{who}: `format` should be 'tf' or 'grain', or None for a pronghorn.data.Dataset; got {format!r}."
        )
    if format is None:
        return None
    found = _installed("tensorflow" if format == "tf" else format)
    if found is None and format == "grain":
        raise ImportError(
            f"{who}: format='grain' gives a data set of the package grain, which is not installed: pip install grain. "
            "Without `format` the result is a pronghorn.data.Dataset, which needs no package.",
            name="grain",
        )
    return found


def _installed(name: str) -> ModuleType | None:
    """A library that comes from files of its own; a module that stands in for one does not count."""
    try:
        found = importlib.import_module(name)
    except ImportError:
        return None
    spec = getattr(found, "__spec__", None)
    return found if isinstance(getattr(spec, "origin", None), str) else None


def batches_of(spec: Any) -> Any:
    """Describe batches of elements, the last of which may be smaller.

    >>> batches_of(TensorSpec((2, 3), "int32"))
    TensorSpec(shape=(None, 2, 3), dtype='int32', name=None)
    """
    return map_leaves(lambda leaf: TensorSpec((None, *leaf.shape), leaf.dtype), spec)


def tensorflow_dataset(tf: Any, dataset: Dataset) -> Any:
    """Return a `tf.data.Dataset` that reads a data set anew in each round.

    Args:
        tf: the module TensorFlow.
        dataset: what it reads; its length is known.
    """
    signature = map_leaves(lambda leaf: tf.TensorSpec(list(leaf.shape), leaf.dtype), dataset.element_spec)
    found = tf.data.Dataset.from_generator(dataset.as_numpy_iterator, output_signature=signature)
    return found.apply(tf.data.experimental.assert_cardinality(len(dataset))).prefetch(tf.data.AUTOTUNE)


def grain_dataset(
    grain: Any, rows: Sequence[Any], batch_size: int | None, gather: Callable[[Sequence[Any]], Any]
) -> Any:
    """Return a `grain.IterDataset` of elements that its threads make.

    Args:
        grain: the module Grain.
        rows: makes the element of each number.
        batch_size: elements in a batch; None for elements one by one.
        gather: puts elements together.
    """
    reading = grain.ReadOptions(num_threads=_READERS, prefetch_buffer_size=_AHEAD)
    found = grain.MapDataset.source(rows).to_iter_dataset(reading)
    return found if batch_size is None else found.batch(int(batch_size), batch_fn=gather)
