"""What all adapters are."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np

from pronghorn.calls.batch import Batch, as_batch
from pronghorn.trainers.validation import has_nan, where_nan
from pronghorn.utils.data_tuple import unpack_x_y_sample_weight


class DataAdapter:
    """A source of batches.

    Attributes:
        num_batches: batches an epoch, or None where that is not known.
        batch_size: samples a batch, or None where that is not known.
        restarts: whether `batches` can be called again for another epoch from the start.
        nan: the names of what holds NaN, and where, by the places of the arrays; None where nobody has looked.
    """

    num_batches: int | None = None
    batch_size: int | None = None
    restarts = True
    nan: dict[int, str] | None = None

    def batches(self) -> Iterator[Batch]:
        """The batches of an epoch."""
        raise NotImplementedError

    def first(self) -> Batch | None:
        """A batch like the first, without using it up; None where that is not possible."""
        return None

    def batch_with_nan(self) -> Batch | None:
        """A batch to see what NaN does, where ``nan`` says that there is some."""
        return None

    def at_hand(self) -> Batch | None:
        """The first batch, where it costs nothing to look at it."""
        return None

    def skip_first(self) -> None:
        """Draw the random numbers that a pass over the data draws before its first batch is there.

        Keras takes a batch of another pass to build what is not built yet. Its later orders of the data are those that
        come after that one, and so are ours under the same seed.
        """

    def share(self, reading: Any) -> None:
        """Have each of several processes read its share alone, where the data can give that; see
        `distribution.reading`.

        Args:
            reading: says which share, and how processes give each other rows.
        """

    def restart(self) -> None:
        """Have the next `batches` begin at the start of the data, also where a pass ended early."""

    def on_epoch_begin(self) -> None:
        """Called before an epoch."""

    def on_epoch_end(self) -> None:
        """Called after an epoch."""

    def labels(self) -> Any:
        """All targets, where they are known beforehand."""
        return None

    def inputs(self) -> Any:
        """All inputs, where they are known beforehand."""
        return None


def to_batch(data: Any, class_weight: dict[int, float] | None = None) -> Batch:
    """What an iterable gave as a batch `(x, y, sample_weight)`, without those that are missing.

    Raises:
        ValueError: if it is no such tuple.
    """
    if isinstance(data, list) and len(data) <= 3:
        data = tuple(data)
    if class_weight is not None:
        x, y, weight = unpack_x_y_sample_weight(data)
        if weight is not None:
            raise ValueError("class_weight cannot be used with a data set that gives sample weights itself.")
        data = (x, y, class_weights(np.asarray(y), class_weight))
    return as_batch(data)


def class_weights(labels: np.ndarray, weights: dict[int, float]) -> np.ndarray:
    """The weight of each sample's class; classes that are not in `weights` have weight 1.

    Args:
        labels: class numbers, shape `(n,)` or `(n, 1)`, or one-hot rows.
        weights: weights by class number.

    Returns:
        float32, shape `(n,)`, or `(n, ...)` for labels with more axes.
    """
    if has_nan(labels):
        raise ValueError(f"class_weight needs class numbers or one-hot rows, but the labels hold {where_nan(labels)}.")
    if labels.ndim > 1:
        labels = np.argmax(labels, axis=-1) if labels.shape[-1] > 1 else labels[..., 0]
    labels = np.round(labels).astype("int64")
    highest = max([int(labels.max(initial=0)), *map(int, weights)])
    table = np.ones(highest + 1, "float32")
    for number, weight in weights.items():
        table[int(number)] = weight
    return table[labels]
