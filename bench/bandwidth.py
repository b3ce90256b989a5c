"""What the machine is, and how fast it reads memory on all threads, 400 MB at a time; prints a line of JSON.

A maximum is one way of reading, and a product of one row, which asks for memory ahead, another; the faster one counts.

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
ROWS = 2000
FEATURES = ("avx2", "avx512f", "avx512bf16", "avx512vnni", "avxvnni", "amx-bf16", "amx-int8")


def machine() -> str:
    """Return the processor, its vectors, and what it has for numbers of few bits."""
    target = host_target()
    return ", ".join([target.cpu, f"{target.vector_bits}-bit vectors", *filter(target.has, FEATURES)])


def readings() -> tuple[np.ndarray, dict[str, Callable[[], Any]]]:
    """Return a matrix, and by name what reads all of it."""
    matrix = on_cache_line(np.ones((ROWS, READ_BYTES // (4 * ROWS)), np.float32))
    row = on_cache_line(np.ones((1, ROWS), np.float32))
    largest, product = pronghorn.jit(lambda x: ops.max(x)), pronghorn.jit(lambda x, y: ops.matmul(x, y))
    return matrix, {"maximum": lambda: largest(matrix), "product of one row": lambda: product(row, matrix)}


if __name__ == "__main__":
    fastest = min(best_seconds(read, budget=0.5) for read in readings()[1].values())
    print(json.dumps({"bytes_per_s": READ_BYTES / fastest, "machine": machine()}))
