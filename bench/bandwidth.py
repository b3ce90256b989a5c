"""What the machine is, and how fast it reads memory: a maximum over 400 MB, on all threads; prints a line of JSON.

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
from pronghorn.engine.runtime.host import host_target

READ_BYTES = 400_000_000
FEATURES = ("avx2", "avx512f", "avx512bf16", "avx512vnni", "avxvnni", "amx-bf16", "amx-int8")


def machine() -> str:
    """Return the processor, its vectors, and what it has for numbers of few bits."""
    target = host_target()
    return ", ".join([target.cpu, f"{target.vector_bits}-bit vectors", *filter(target.has, FEATURES)])


def reading() -> tuple[np.ndarray, Callable[[], Any]]:
    """Return numbers, and what reads all of them."""
    numbers = on_cache_line(np.ones(READ_BYTES // 4, np.float32))
    total = pronghorn.jit(lambda x: ops.max(x))
    return numbers, lambda: total(numbers)


if __name__ == "__main__":
    print(json.dumps({"bytes_per_s": READ_BYTES / best_seconds(reading()[1], budget=1.0), "machine": machine()}))
