"""Keras's private data adapters, as Pronghorn's: what its tests of the data that `fit` takes are run with.

Each has the constructor of Keras's class, and gives NumPy batches, the one kind that there is here; an engine's step
takes them as that engine's arrays, or as they are.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from pronghorn import tree
from pronghorn.engine.backends.engine import engine
from pronghorn.trainers.data_adapters import arrays, frameworks, generators, py_dataset
from pronghorn.trainers.data_adapters.adapter import DataAdapter


class _NumpyBatches:
    """What all have in common."""

    def __init__(self, adapter: DataAdapter) -> None:
        self.adapter = adapter

    def get_numpy_iterator(self) -> Iterator[Any]:
        """The batches of an epoch, as nested arrays."""
        for batch in self.adapter.batches():
            yield batch.layout.pack(batch.gather())

    get_jax_iterator = get_numpy_iterator

    def get_tf_dataset(self) -> Iterator[Any]:
        return self._arrays_of("tensorflow")

    def get_torch_dataloader(self) -> Iterator[Any]:
        return self._arrays_of("torch")

    def _arrays_of(self, name: str) -> Iterator[Any]:
        """The batches of an epoch, as nested arrays of an engine."""
        take = engine(name).from_numpy
        for batch in self.get_numpy_iterator():
            yield tree.map_structure(lambda x: None if x is None else take(x), batch)

    @property
    def num_batches(self) -> int | None:
        return self.adapter.num_batches

    @property
    def batch_size(self) -> int | None:
        return self.adapter.batch_size

    def on_epoch_begin(self) -> None:
        self.adapter.on_epoch_begin()

    def on_epoch_end(self) -> None:
        self.adapter.on_epoch_end()


class ArrayDataAdapter(_NumpyBatches):
    """Arrays in memory."""

    def __init__(
        self,
        x: Any,
        y: Any = None,
        sample_weight: Any = None,
        batch_size: int | None = None,
        steps: int | None = None,
        shuffle: bool | str = False,
        class_weight: Any = None,
    ) -> None:
        super().__init__(arrays.ArrayAdapter(x, y, sample_weight, batch_size, shuffle, class_weight, steps=steps))

    @property
    def has_partial_batch(self) -> bool:
        return self.partial_batch_size > 0

    @property
    def partial_batch_size(self) -> int:
        return self.adapter.num_samples % self.adapter.batch_size


class GeneratorDataAdapter(_NumpyBatches):
    """A generator of batches."""

    def __init__(self, generator: Any) -> None:
        super().__init__(generators.GeneratorAdapter(generator))


class PyDatasetAdapter(_NumpyBatches):
    """A `PyDataset`."""

    def __init__(self, x: Any, class_weight: Any = None, shuffle: bool = False) -> None:
        super().__init__(py_dataset.PyDatasetAdapter(x, class_weight, shuffle))


class TorchDataLoaderAdapter(_NumpyBatches):
    """A torch DataLoader."""

    def __init__(self, dataloader: Any) -> None:
        super().__init__(frameworks.TorchLoaderAdapter(dataloader))
