"""Where numbers lie, for scales that are settled beforehand: by their ends, by a share of them, by information."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

#: Of the histogram, an even number: half of them below 0.
BINS = 4096
#: So many numbers of an array are counted; its ends are those of all.
COUNTED = 1 << 16
#: Sizes that eight bits with a sign can tell apart.
_LEVELS = 128


class Seen:
    """The ends of the numbers that were seen, and how often they fell into each of many bins.

    The bins reach from ``-reach`` to ``reach``. Where a number is beyond, the reach doubles, and two bins become one.

    >>> seen = Seen()
    >>> seen.update(np.array([0.0, 1.0, 3.0]))
    >>> seen.least, seen.most
    (0.0, 3.0)
    """

    def __init__(self) -> None:
        self.least, self.most, self.reach = np.inf, -np.inf, 0.0
        self.counts = np.zeros(BINS, np.int64)

    def update(self, x: np.ndarray) -> None:
        """Take account of numbers, an array of any shape, all of them finite.

        Of a large one, every n-th is counted, with n odd, so that all channels have their share.
        """
        if not x.size:
            return
        low, high = float(x.min()), float(x.max())
        self.least, self.most = min(self.least, low), max(self.most, high)
        size = max(-low, high)
        if not self.reach:
            self.reach = size
        while size > self.reach > 0:
            self._double()
        if self.reach:
            some = x.reshape(-1)[:: x.size // COUNTED | 1]
            self.counts += np.histogram(some, BINS, (-self.reach, self.reach))[0]

    def _double(self) -> None:
        pairs = self.counts.reshape(-1, 2).sum(1)
        self.counts = np.concatenate([np.zeros(BINS // 4, np.int64), pairs, np.zeros(BINS // 4, np.int64)])
        self.reach *= 2

    @property
    def _edges(self) -> np.ndarray:
        return np.linspace(-self.reach, self.reach, BINS + 1)


def by_ends(seen: Seen, percentile: float) -> tuple[float, float]:
    """The least and the greatest number."""
    return seen.least, seen.most


def by_share(seen: Seen, percentile: float) -> tuple[float, float]:
    """The ends of bins between which a share of all numbers lies, with as many left out at either end.

    >>> seen = Seen()
    >>> seen.update(np.array([1000.0] + [1.0] * 999))
    >>> by_share(seen, 99.0)[1] < 2
    True
    """
    total = seen.counts.sum()
    if not total:
        return seen.least, seen.most
    out = (1 - percentile / 100) / 2 * total
    below = np.cumsum(seen.counts)
    first = int(np.searchsorted(below, out, side="right"))
    last = int(np.searchsorted(below, total - out, side="left"))
    edges = seen._edges
    return max(seen.least, float(edges[first])), min(seen.most, float(edges[last + 1]))


def by_entropy(seen: Seen, percentile: float) -> tuple[float, float]:
    """The range whose rounding to integers loses least information, as 8-bit inference with TensorRT has it.

    For each size T, the numbers up to T are rounded to 128 sizes, and larger ones counted with T. The divergence of
    what comes out of that from what was there (Kullback and Leibler, 1951) is least at the T that is taken.
    """
    half = BINS // 2
    sizes = seen.counts[half:] + seen.counts[:half][::-1]
    if not sizes.sum():
        return seen.least, seen.most
    sizes[0] = sizes[1]  # zeros, as of a ReLU, are zeros in any range
    candidates = range(_LEVELS, half + 1, _LEVELS // 8)
    best = min(candidates, key=lambda count: _divergence(sizes, count))
    limit = seen.reach * best / half
    return max(seen.least, -limit), min(seen.most, limit)


def _divergence(sizes: np.ndarray, count: int) -> float:
    """Of the first bins, rounded to few sizes, from these bins with all others in the last of them."""
    true = sizes[:count].astype(np.float64)
    starts = np.arange(_LEVELS) * count // _LEVELS
    level = np.repeat(np.arange(_LEVELS), np.diff([*starts, count]))
    filled = np.add.reduceat((true > 0).astype(np.float64), starts)
    mean = np.add.reduceat(true, starts) / np.maximum(filled, 1)
    rounded = np.where(true > 0, mean[level], 0.0)
    true[-1] += sizes[count:].sum()
    if not rounded.sum():
        return np.inf
    is_there = true > 0
    p = true[is_there] / true.sum()
    q = np.maximum(rounded[is_there] / rounded.sum(), 1e-12)
    return float((p * np.log(p / q)).sum())


METHODS: dict[str, Callable[[Seen, float], tuple[float, float]]] = {
    "max": by_ends,
    "percentile": by_share,
    "entropy": by_entropy,
}
"""How a range is chosen, given what was seen and a percentage."""


def grid(low: float, high: float) -> tuple[float, int]:
    """The distance of neighbouring integers, -128 to 127, and the one that stands for 0, for numbers in a range.

    >>> grid(0.0, 255.0), grid(-255.0, 255.0)
    ((1.0, -128), (2.0, 0))
    """
    low, high = min(low, 0.0), max(high, 0.0)
    step = float(np.float32((high - low) / 255)) or 1.0
    return step, int(np.clip(np.rint(-128 - low / step), -128, 127))
