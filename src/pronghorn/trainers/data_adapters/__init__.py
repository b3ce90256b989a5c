"""From what `fit`, `evaluate` and `predict` take to batches."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from pronghorn.engine.graph.user_code import warn
from pronghorn.trainers.data_adapters import arrays, frameworks, generators, py_dataset
from pronghorn.trainers.data_adapters.adapter import DataAdapter

#: How data that gives whole batches is recognized, and its adapter.
_KINDS: tuple[tuple[Callable[[Any], bool], Callable[..., DataAdapter]], ...] = (
    (py_dataset.is_py_dataset, py_dataset.PyDatasetAdapter),
    (frameworks.is_tf_dataset, frameworks.TFDatasetAdapter),
    (frameworks.is_torch_loader, frameworks.TorchLoaderAdapter),
    (generators.is_generator, generators.GeneratorAdapter),
)


def make_adapter(
    x: Any,
    y: Any = None,
    sample_weight: Any = None,
    batch_size: int | None = None,
    shuffle: bool | str = False,
    class_weight: dict[int, float] | None = None,
    check: bool = True,
    steps: int | None = None,
) -> DataAdapter:
    """Return the adapter for data of any kind.

    Args:
        x: arrays, or an iterable that gives whole batches.
        y: targets, for arrays.
        sample_weight: a weight a sample, for arrays.
        batch_size: samples a batch, for arrays; by default 32, or what spreads all samples over `steps`.
        shuffle: whether to shuffle; `"batch"` shuffles within each batch.
        class_weight: weights of classes, made into sample weights.
        check: whether to look for NaN and infinities, in arrays.
        steps: number of batches an epoch, where it was given.

    Raises:
        ValueError: for data that cannot be used, with the reason.
    """
    make = None if isinstance(x, np.ndarray) else _giving_batches(x)
    if make is None:
        return arrays.ArrayAdapter(x, y, sample_weight, batch_size, shuffle, class_weight, check, steps)
    _only_x(x, y, sample_weight, batch_size)
    return make(x, class_weight=class_weight, shuffle=shuffle)


def _giving_batches(x: Any) -> Any:
    """The adapter of what gives whole batches itself; None for arrays."""
    return next((make for is_kind, make in _KINDS if is_kind(x)), None)


def _only_x(x: Any, y: Any, sample_weight: Any, batch_size: int | None) -> None:
    kind = type(x).__name__
    for name, value in (("y", y), ("sample_weight", sample_weight)):
        if value is not None:
            raise ValueError(
                f"x is a {kind}, which gives batches of (inputs, targets) itself, so `{name}` must not be given. Let "
                "it give tuples (inputs, targets, sample_weights) instead."
            )
    if batch_size is not None:
        warn(f"x is a {kind}, which makes its own batches, so batch_size={batch_size} has no effect; leave it out.")
