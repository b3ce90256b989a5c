"""What convolutions and windows share: padding, and the strided view of an input under one tap of a kernel."""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np

Pairs = Sequence[tuple[int, int]]


def padded(x: np.ndarray, padding: Pairs, fill: Any = 0) -> np.ndarray:
    """``x`` with ``(low, high)`` elements added to each axis; negative numbers remove elements."""
    if not any(p for pair in padding for p in pair):
        return x
    out = np.full([max(lo, 0) + n + max(hi, 0) for n, (lo, hi) in zip(x.shape, padding)], fill, x.dtype)
    out[tuple(slice(max(lo, 0), max(lo, 0) + n) for n, (lo, _) in zip(x.shape, padding))] = x
    return out[tuple(slice(max(-lo, 0), n - max(-hi, 0)) for n, (lo, hi) in zip(out.shape, padding))]


def unpadded(x: np.ndarray, padding: Pairs) -> np.ndarray:
    """The transpose of `padded`: its elements removed, and zeros where it removed some."""
    return padded(x, [(-lo, -hi) for lo, hi in padding])


def taps(
    kernel: Sequence[int], out: Sequence[int], strides: Sequence[int], dilation: Sequence[int]
) -> Iterator[tuple[tuple[int, ...], tuple[slice, ...]]]:
    """For each tap of a kernel: its position, and where in the padded input it reads for all outputs."""
    for tap in itertools.product(*map(range, kernel)):
        starts = [t * d for t, d in zip(tap, dilation)]
        yield tap, tuple(slice(at, at + max((n - 1) * s + 1, 0), s) for at, n, s in zip(starts, out, strides))
