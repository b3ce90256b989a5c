"""Counter-based random bits: Philox-4x32-10, Salmon et al. 2011, doi 10.1145/2063384.2063405."""

from __future__ import annotations

import math

import numpy as np

from pronghorn.engine.backends.numpy.registry import implements
from pronghorn.engine.graph.primitives.random import MULTIPLIERS, ROUNDS, WEYL, WORDS

_LOW = np.uint64(0xFFFFFFFF)
_HALF = np.uint64(32)


@implements("random_bits")
def random_bits(key: np.ndarray, *, shape: tuple[int, ...]) -> np.ndarray:
    """Element ``i`` in row-major order is word ``i % 4`` of the block whose 128-bit counter is ``i // 4``."""
    count = math.prod(shape)
    block = np.arange(-(-count // WORDS), dtype=np.uint64)
    zero = np.zeros_like(block)
    words = philox((block & _LOW, block >> _HALF, zero, zero), (int(key[0]), int(key[1])))
    return np.stack(words, axis=-1).astype(np.uint32).ravel()[:count].reshape(shape)


def philox(counter: tuple[np.ndarray, ...], key: tuple[int, int]) -> tuple[np.ndarray, ...]:
    """The four output words of Philox-4x32-10, as uint64, for counters given as four words."""
    c0, c1, c2, c3 = counter
    k0, k1 = key
    for _ in range(ROUNDS):
        product0, product1 = c0 * np.uint64(MULTIPLIERS[0]), c2 * np.uint64(MULTIPLIERS[1])
        c0, c1, c2, c3 = (
            (product1 >> _HALF) ^ c1 ^ np.uint64(k0),
            product1 & _LOW,
            (product0 >> _HALF) ^ c3 ^ np.uint64(k1),
            product0 & _LOW,
        )
        k0, k1 = (k0 + WEYL[0]) & 0xFFFFFFFF, (k1 + WEYL[1]) & 0xFFFFFFFF
    return c0, c1, c2, c3
