"""Sequences as in Keras 2: windows of a series, and pairs of words for word embeddings."""

from __future__ import annotations

import json
import random
from collections.abc import Sequence
from typing import Any

import numpy as np

from pronghorn.utils.py_dataset import PyDataset

_EULER = 0.577


class TimeseriesGenerator(PyDataset):
    """Batches of windows of a series, and of what comes after each.

    Args:
        data: the series, ``[time, ...]``.
        targets: what is to be predicted at each time.
        length: how long windows are, in times of the series.
        sampling_rate: every so many times of a window are taken.
        stride: how far the next window begins behind one.
        start_index: the first time that is used.
        end_index: the last one; None for the series' end.
        shuffle: whether windows are drawn at random.
        reverse: whether the times in a window run backwards.
        batch_size: windows in a batch.

    Raises:
        ValueError: if data and targets are of different lengths, or no window is that long.

    >>> windows = TimeseriesGenerator(np.arange(6.0), np.arange(6.0), length=3, batch_size=2)
    >>> x, y = windows[0]
    >>> x.tolist(), y.tolist(), len(windows)
    ([[0.0, 1.0, 2.0], [1.0, 2.0, 3.0]], [3.0, 4.0], 2)
    """

    def __init__(
        self,
        data: Any,
        targets: Any,
        length: int,
        sampling_rate: int = 1,
        stride: int = 1,
        start_index: int = 0,
        end_index: int | None = None,
        shuffle: bool = False,
        reverse: bool = False,
        batch_size: int = 128,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        if len(data) != len(targets):
            raise ValueError(
                f"TimeseriesGenerator: data and targets must be of one length; got {len(data)} and {len(targets)}."
            )
        self.data, self.targets, self.length = data, targets, length
        self.sampling_rate, self.stride, self.batch_size = sampling_rate, stride, batch_size
        self.start_index = start_index + length
        self.end_index = len(data) - 1 if end_index is None else end_index
        self.shuffle, self.reverse = shuffle, reverse
        if self.start_index > self.end_index:
            raise ValueError(
                f"TimeseriesGenerator: behind {length} times from {start_index} on there is none up to "
                f"{self.end_index}; take a smaller length or a longer series."
            )

    def __len__(self) -> int:
        step = self.batch_size * self.stride
        return (self.end_index - self.start_index + step) // step

    def __getitem__(self, index: int) -> tuple[np.ndarray, np.ndarray]:
        if self.shuffle:
            times = np.random.randint(self.start_index, self.end_index + 1, size=self.batch_size)
        else:
            first = self.start_index + self.batch_size * self.stride * index
            times = np.arange(first, min(first + self.batch_size * self.stride, self.end_index + 1), self.stride)
        windows = np.array([self.data[time - self.length : time : self.sampling_rate] for time in times])
        following = np.array([self.targets[time] for time in times])
        return (windows[:, ::-1] if self.reverse else windows), following

    def get_config(self) -> dict[str, Any]:
        """Return the settings and the series as JSON.

        Raises:
            TypeError: for a series that JSON cannot say.
        """
        names = (
            *("length", "sampling_rate", "stride", "start_index", "end_index", "shuffle", "reverse", "batch_size"),
        )
        data, targets = (json.dumps(x.tolist() if isinstance(x, np.ndarray) else x) for x in (self.data, self.targets))
        return {"data": data, "targets": targets} | {name: getattr(self, name) for name in names}

    def to_json(self, **kwargs: Any) -> str:
        """Return the generator as JSON; `kwargs` go to `json.dumps`."""
        return json.dumps({"class_name": type(self).__name__, "config": self.get_config()}, **kwargs)


def make_sampling_table(size: int, sampling_factor: float = 1e-5) -> np.ndarray:
    """Return how probably `skipgrams` takes each word, if words are numbered by how frequent they are.

    A word of rank ``r`` is taken to be as frequent as Zipf's law says, ``1 / (r (log r + 0.577) + 1/2 - 1/(12 r))``,
    and frequent ones are left out as word2vec does (Mikolov et al., https://arxiv.org/abs/1310.4546).

    >>> make_sampling_table(3).round(5).tolist()
    [0.00315, 0.00315, 0.00548]
    """
    rank = np.maximum(np.arange(size), 1)
    inverse_frequency = rank * (np.log(rank) + _EULER) + 0.5 - 1.0 / (12.0 * rank)
    scaled = sampling_factor * inverse_frequency
    return np.minimum(1.0, scaled / np.sqrt(scaled))


def skipgrams(
    sequence: Sequence[int],
    vocabulary_size: int,
    window_size: int = 4,
    negative_samples: float = 1.0,
    shuffle: bool = True,
    categorical: bool = False,
    sampling_table: Any = None,
    seed: int | None = None,
) -> tuple[list[list[int]], list[Any]]:
    """Return pairs of words: those that stand near each other (label 1), and random ones (label 0).

    Args:
        sequence: the words' numbers; 0 is none.
        vocabulary_size: one more than the largest number.
        window_size: how far apart words of a pair may be.
        negative_samples: random pairs for each that is there.
        shuffle: whether the pairs are shuffled.
        categorical: whether labels are ``[0, 1]`` and ``[1, 0]``.
        sampling_table: how probably each word is taken; see `make_sampling_table`.
        seed: of the shuffling.

    >>> skipgrams([1, 2, 3], 4, window_size=1, negative_samples=0, shuffle=False)
    ([[1, 2], [2, 1], [2, 3], [3, 2]], [1, 1, 1, 1])
    """
    there, absent = ([0, 1], [1, 0]) if categorical else (1, 0)
    couples = []
    for place, word in enumerate(sequence):
        if not word or (sampling_table is not None and sampling_table[word] < random.random()):
            continue
        nearby = range(max(0, place - window_size), min(len(sequence), place + window_size + 1))
        couples += [[word, sequence[other]] for other in nearby if other != place and sequence[other]]
    labels: list[Any] = [there] * len(couples)
    if negative_samples > 0:
        count = int(len(labels) * negative_samples)
        words = [couple[0] for couple in couples]
        random.shuffle(words)
        couples += [[words[i % len(words)], random.randint(1, vocabulary_size - 1)] for i in range(count)]
        labels += [absent] * count
    if shuffle:
        seed = random.randint(0, 10**7) if seed is None else seed
        for entries in (couples, labels):
            random.seed(seed)
            random.shuffle(entries)
    return couples, labels
