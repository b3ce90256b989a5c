"""How fast the machine reads memory: a maximum over 400 MB, on all threads; prints a line of JSON.

python bench/bandwidth.py pronghorn
"""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import numpy as np
from kernels import best_seconds, on_cache_line

import pronghorn
from pronghorn import ops

READ_BYTES = 400_000_000


def reading() -> tuple[np.ndarray, Callable[[], Any]]:
    """Return numbers, and what reads all of them."""
    numbers = on_cache_line(np.ones(READ_BYTES // 4, np.float32))
    total = pronghorn.jit(lambda x: ops.max(x))
    return numbers, lambda: total(numbers)


if __name__ == "__main__":
    print(json.dumps({"bytes_per_s": READ_BYTES / best_seconds(reading()[1], budget=1.0)}))
