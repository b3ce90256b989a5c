"""How fast the machine reads memory: a maximum over 400 MB, on all threads; prints a line of JSON.

python bench/bandwidth.py pronghorn
"""

from __future__ import annotations

import json
import time

import numpy as np

import pronghorn
from pronghorn import ops

NBYTES = 400_000_000


def bytes_per_second(rounds: int = 10) -> float:
    """The best of some rounds."""
    numbers = np.ones(NBYTES // 4, np.float32)
    total = pronghorn.jit(lambda x: ops.max(x))
    total(numbers)
    best = float("inf")
    for _ in range(rounds):
        start = time.perf_counter()
        total(numbers)
        best = min(best, time.perf_counter() - start)
    return NBYTES / best


if __name__ == "__main__":
    print(json.dumps({"bytes_per_s": bytes_per_second()}))
