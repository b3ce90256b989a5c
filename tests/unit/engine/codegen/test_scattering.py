"""Scatter against the NumPy backend: order, rows that do not exist, in place."""

from __future__ import annotations

import numpy as np
import pytest

from pronghorn.engine.backends.numpy import IMPLEMENTATIONS
from pronghorn.engine.codegen.builder import ModuleBuilder
from pronghorn.engine.codegen.scattering import emit_scatter, scatter_units
from pronghorn.engine.codegen.slots import Tables
from pronghorn.engine.graph import dtypes
from pronghorn.engine.graph.dim import Dim
from pronghorn.engine.graph.primitives.indexing import SCATTER_MODES
from pronghorn.engine.runtime.host import named_target

SYMBOLS = [Dim.symbol(name) for name in ("a", "b", "c")]


def tables() -> Tables:
    """Run-time extents in the order of `SYMBOLS`."""
    made = Tables()
    for symbol in SYMBOLS:
        made.extent(symbol)
    return made


SHAPES = [(6, 5, 20), (9, 1, 40), (4, 64, 33), (5, 37, 9), (3, 3, 0), (7, 16, 30)]  # rows, columns, updates


def sample(dtype: str, shape: tuple[int, ...], rng: np.random.Generator, mode: str) -> np.ndarray:
    """Small whole numbers, whose sums and products are exact in every type."""
    low = 0 if dtype == "bool" or dtype.startswith("u") else -1
    return rng.integers(low, 3 if mode == "mul" else 5, shape).astype(dtypes.to_numpy(dtype))


SOME = ("bool", "int8", "uint32", "bfloat16", "float32")
CASES = [(d, m) for d in dtypes.BOOL + dtypes.INTEGER + dtypes.FLOAT for m in SCATTER_MODES if m == "add" or d in SOME]


@pytest.mark.mostly_slow(every=3)
@pytest.mark.parametrize("dtype, mode", CASES)
def test_against_numpy(kernel, dtype: str, mode: str) -> None:
    rng = np.random.default_rng(2)
    for number, (rows, columns, count) in enumerate(SHAPES):
        symbolic, target = number % 2 == 0, ("native", "sse2", "avx2")[number % 3]
        x, updates = sample(dtype, (rows, columns), rng, mode), sample(dtype, (count, columns), rng, mode)
        index_dtype = dtypes.INTEGER[number]
        indices = rng.integers(0 if index_dtype.startswith("u") else -3, rows + 3, count).astype(index_dtype)
        module = ModuleBuilder()
        module.target = named_target(target)
        extents = SYMBOLS if symbolic else (rows, columns, count)
        emit_scatter(module, "k", tables(), mode, dtype, index_dtype, *extents, 0, 1, 2, 3)
        got = np.empty_like(x)
        units = scatter_units(columns, dtype)
        kernel(module, target)([x, indices, updates, got], (rows, columns, count), units, split=1 + number % 2)
        want = IMPLEMENTATIONS["scatter"](x, indices, updates, mode=mode)
        np.testing.assert_array_equal(got, want, f"{mode} of {dtype}, {rows} x {columns}")


def test_without_an_array_it_starts_from_zeros(kernel) -> None:
    rng = np.random.default_rng(3)
    got = rng.normal(size=(5, 40)).astype(np.float32)
    indices, updates = rng.integers(0, 5, 12), rng.normal(size=(12, 40)).astype(np.float32)
    module = ModuleBuilder()
    emit_scatter(module, "k", tables(), "add", "float32", "int64", 5, 40, 12, None, 1, 2, 0)
    kernel(module)([got, indices, updates], [], scatter_units(40, "float32"))
    want = IMPLEMENTATIONS["scatter"](np.zeros_like(got), indices, updates, mode="add")
    np.testing.assert_array_equal(got, want)
