"""Data sets of other libraries: what the argument `format` of the functions that make data sets asks for."""

from __future__ import annotations

import importlib
from collections.abc import Callable, Iterator, Sequence
from types import ModuleType
from typing import Any

import numpy as np

from pronghorn.data.dataset import Dataset
from pronghorn.data.element import Text
from pronghorn.data.structure import map_leaves
from pronghorn.data.tensor_spec import TensorSpec

_READERS = 4
_AHEAD = 32  # elements that Grain's threads read beforehand; by default it keeps 500, of images half a gigabyte


def library(format: Any, who: str) -> ModuleType | None:
    """Return the library whose data sets are asked for, or None where ours is to be given.

    Args:
        format: None for ours; `"tf"` for TensorFlow's, for which ours stands in where TensorFlow is not installed or,
            as under `pronghorn run`, is ours too; `"grain"` for Grain's; `"torch"` for PyTorch's.
        who: the function that was given it.

    Raises:
        ValueError: for another format.
        ImportError: if Grain or PyTorch is asked for and not installed.
    """
    if format not in (None, "tf", "grain", "torch"):
        raise ValueError(
            f"{who}: `format` should be 'tf', 'grain' or 'torch', or None for a pronghorn.data.Dataset; got {format!r}."
        )
    if format is None:
        return None
    found = _installed("tensorflow" if format == "tf" else format)
    if found is None and format in ("grain", "torch"):
        raise ImportError(
            f"{who}: format={format!r} gives a data set of the package {format}, which is not installed: pip install "
            f"{format}. Without `format` the result is a pronghorn.data.Dataset, which needs no package.",
            name=format,
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


def of_library(library: Any, dataset: Dataset) -> Any:
    """Return a data set of TensorFlow's or PyTorch's that reads one of ours, or ours where there is no library."""
    if library is None:
        return dataset
    return torch_loader(library, dataset) if library.__name__ == "torch" else tensorflow_dataset(library, dataset)


def torch_loader(torch: Any, dataset: Dataset) -> Any:
    """Return a `torch.utils.data.DataLoader` of a data set's elements as they are, arrays as tensors, texts as `str`.

    Args:
        torch: the module PyTorch.
        dataset: what it reads; its length is known.
    """

    def tensor(leaf: Any) -> Any:
        if isinstance(leaf, Text):
            found = np.vectorize(bytes.decode, otypes=[object])(np.asarray(leaf)) if leaf.size else np.asarray(leaf)
            return found.tolist()
        return torch.from_numpy(np.array(leaf))

    class Elements(torch.utils.data.IterableDataset):  # type: ignore[misc,name-defined]
        """The elements, in each round anew."""

        def __iter__(self) -> Iterator[Any]:
            return (map_leaves(tensor, element) for element in dataset)

        def __len__(self) -> int:
            return len(dataset)

    return torch.utils.data.DataLoader(Elements(), batch_size=None)


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
