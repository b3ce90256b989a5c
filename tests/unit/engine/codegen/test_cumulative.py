"""Cumulative operations against the NumPy backend."""

from __future__ import annotations

import numpy as np
import pytest

from pronghorn.engine.backends.numpy import IMPLEMENTATIONS
from pronghorn.engine.codegen.builder import ModuleBuilder
from pronghorn.engine.codegen.cumulative import cumulative_units, emit_cumulative
from pronghorn.engine.codegen.slots import Tables
from pronghorn.engine.graph import dtypes
from pronghorn.engine.graph.dim import Dim

SYMBOLS = [Dim.symbol(name) for name in ("a", "b", "c")]


def tables() -> Tables:
    """Run-time extents in the order of `SYMBOLS`."""
    made = Tables()
    for symbol in SYMBOLS:
        made.extent(symbol)
    return made


SHAPES = [(3, 7, 5), (2, 5, 1), (4, 6, 64), (1, 0, 3), (2, 3, 37)]


def sample(dtype: str, shape: tuple[int, ...]) -> np.ndarray:
    rng = np.random.default_rng(1)
    kind = dtypes.to_numpy(dtype)
    if dtype not in dtypes.FLOAT:
        return rng.integers(0, 5, shape).astype(kind)
    x = rng.normal(size=shape) * 3
    if x.size > 20:
        x.ravel()[13] = np.nan
    return x.astype(kind)


@pytest.mark.mostly_slow(every=3)
@pytest.mark.parametrize("op", ["cumsum", "cumprod", "cummax", "cummin"])
@pytest.mark.parametrize("dtype", dtypes.BOOL + dtypes.INTEGER + dtypes.FLOAT)
def test_against_numpy(kernel, dtype: str, op: str) -> None:
    for number, shape in enumerate(SHAPES):
        reverse, symbolic = bool(number % 2), number % 3 == 0
        x = sample(dtype, shape)
        module = ModuleBuilder()
        extents = SYMBOLS if symbolic else shape
        emit_cumulative(module, "k", tables(), op, dtype, *extents, reverse, 0, 1)
        got = np.empty_like(x)
        units = cumulative_units(shape[0], shape[2], dtype)
        kernel(module)([x, got], shape, units, split=1 + number)
        want = IMPLEMENTATIONS[op](x, axis=1, reverse=reverse)
        if dtype == "bfloat16":  # NumPy does not take its NaNs for such
            got, want = got.astype(np.float32), want.astype(np.float32)
        np.testing.assert_array_equal(got, want, f"{op} of {dtype}{shape}")
