"""Data sets of other frameworks, used only where those are loaded already."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from pronghorn.calls.batch import Batch
from pronghorn.engine.graph.user_code import defined_in
from pronghorn.trainers.data_adapters.adapter import DataAdapter, to_batch


def _is_of(x: Any, root: str, class_names: tuple[str, ...]) -> bool:
    """Whether a class of `x` has one of these names in a framework; the framework is not imported."""
    return any(defined_in(c).split(".")[0] == root and c.__name__ in class_names for c in type(x).__mro__)


def is_tf_dataset(x: Any) -> bool:
    """Whether `x` is a `tf.data.Dataset`."""
    return _is_of(x, "tensorflow", ("DatasetV2", "DistributedDataset"))


def is_torch_loader(x: Any) -> bool:
    """Whether `x` is a `torch.utils.data.DataLoader`."""
    return _is_of(x, "torch", ("DataLoader",))


class TFDatasetAdapter(DataAdapter):
    """Batches from a `tf.data.Dataset`."""

    def __init__(self, x: Any, class_weight: dict[int, float] | None = None, shuffle: bool | str = False):
        self._dataset = x
        self._class_weight = class_weight
        cardinality = int(x.cardinality())
        self.num_batches = cardinality if cardinality >= 0 else None

    def first(self) -> Batch:
        for data in self._dataset.take(1).as_numpy_iterator():
            return to_batch(data, self._class_weight)
        raise ValueError("The data set is empty: the tf.data data set gave no batch.")

    def batches(self) -> Iterator[Batch]:
        for data in self._dataset.as_numpy_iterator():
            yield to_batch(data, self._class_weight)


class TorchLoaderAdapter(DataAdapter):
    """Batches from a `torch.utils.data.DataLoader`."""

    def __init__(self, x: Any, class_weight: dict[int, float] | None = None, shuffle: bool | str = False):
        self._loader = x
        self._class_weight = class_weight
        self.batch_size = getattr(x, "batch_size", None)
        try:
            self.num_batches = len(x)
        except TypeError:  # over an iterable data set
            self.num_batches = None

    def batches(self) -> Iterator[Batch]:
        for data in self._loader:
            yield to_batch(data, self._class_weight)
