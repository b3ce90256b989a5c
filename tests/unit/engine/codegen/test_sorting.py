"""Sorting against the NumPy backend: order, ties, NaN, several keys."""

from __future__ import annotations

import numpy as np
import pytest

from pronghorn.engine.backends.numpy import IMPLEMENTATIONS
from pronghorn.engine.codegen.builder import ModuleBuilder
from pronghorn.engine.codegen.slots import Tables
from pronghorn.engine.codegen.sorting import emit_sort, sort_scratch, sort_units
from pronghorn.engine.graph import dtypes
from pronghorn.engine.graph.dim import Dim
from pronghorn.engine.runtime.host import named_target

SYMBOLS = [Dim.symbol(name) for name in ("a", "b", "c")]


def tables() -> Tables:
    """Run-time extents in the order of `SYMBOLS`."""
    made = Tables()
    for symbol in SYMBOLS:
        made.extent(symbol)
    return made


SHAPES = [(2, 5, 3), (1, 1000, 1), (3, 17, 1), (2, 64, 2), (1, 0, 1), (2, 1, 2)]


def sample(dtype: str, shape: tuple[int, ...], seed: int, ties: bool) -> np.ndarray:
    rng = np.random.default_rng(seed)
    kind = dtypes.to_numpy(dtype)
    if dtype == "bool":
        return rng.integers(0, 2, shape).astype(bool)
    if dtype in dtypes.INTEGER:
        info = np.iinfo(kind)
        if ties:
            return rng.integers(max(info.min, -3), 4, shape).astype(kind)
        return rng.integers(info.min, info.max, shape, dtype=kind, endpoint=True)
    x = rng.normal(size=shape) * 100
    x = np.round(x / 100) if ties else x
    chance = rng.random(shape)
    for number, value in enumerate((np.nan, -0.0, np.inf, -np.inf)):
        x[(chance > number * 0.04) & (chance < number * 0.04 + 0.04)] = value
    return x.astype(kind)


def check(kernel, kinds, num_keys, shape, ties=True, symbolic=False, target="native", split=2, few=None) -> None:
    arrays = [sample(dtype, shape, seed, ties) for seed, dtype in enumerate(kinds)]
    # The position in the row shows the order of ties.
    arrays.append(np.broadcast_to(np.arange(shape[1], dtype=np.int32)[:, None], shape).copy())
    kinds = [*kinds, "int32"]
    count = len(kinds)
    module = ModuleBuilder()
    module.target = named_target(target)
    extents = SYMBOLS if symbolic else shape
    emit_sort(module, "k", tables(), kinds, num_keys, *extents, range(count), range(count, 2 * count), 2 * count, few)
    results = [np.empty_like(x) for x in arrays]
    scratch = np.empty(sort_scratch(kinds[:num_keys], *shape, few), np.uint8)
    kernel(module, target)([*arrays, *results, scratch], shape, sort_units(shape[0], shape[2]), split)
    for got, want in zip(results, IMPLEMENTATIONS["sort"](*arrays, axis=1, num_keys=num_keys)):
        if dtypes.name_of(got.dtype) == "bfloat16":  # NumPy does not take its NaNs for such
            got, want = got.astype(np.float32), want.astype(np.float32)
        np.testing.assert_array_equal(got[:, :few], want[:, :few])


@pytest.mark.parametrize("dtype", dtypes.BOOL + dtypes.INTEGER + dtypes.FLOAT)
def test_one_key(kernel, dtype: str) -> None:
    for number, shape in enumerate(SHAPES):
        check(kernel, [dtype], 1, shape, ties=bool(number % 2), symbolic=shape[0] == 2)


@pytest.mark.parametrize("target", ["native", "avx2", "sse2"])
def test_several_keys(kernel, target: str) -> None:
    check(kernel, ["float32", "float64", "int8"], 3, (2, 300, 2), target=target)
    check(kernel, ["bool", "float16", "uint64", "bfloat16"], 4, (2, 300, 2), symbolic=True, target=target)
    check(kernel, ["int64", "float64", "int64"], 2, (1, 500, 1), target=target)


@pytest.mark.parametrize("few", [0, 1, 2, 7, 64])
def test_the_first_few(kernel, few: int) -> None:
    for number, shape in enumerate(SHAPES):
        check(kernel, ["float32"], 1, shape, ties=bool(number % 2), symbolic=shape[0] == 2, few=few)
    check(kernel, ["int8", "float64"], 2, (2, 300, 2), few=few)
    check(kernel, ["float16", "uint64"], 2, (1, 300, 1), few=few, ties=False)


def test_the_first_few_of_rows_in_order_and_the_other_way_round(kernel) -> None:
    emit = ModuleBuilder()
    emit.target = named_target("native")
    emit_sort(emit, "k", Tables(), ["int32"], 1, 2, 500, 1, [0], [1], 2, 9)
    rows = np.stack([np.arange(500, dtype=np.int32), np.arange(500, 0, -1, dtype=np.int32)])[..., None]
    result, scratch = np.full_like(rows, 77), np.empty(sort_scratch(["int32"], 2, 500, 1, 9), np.uint8)
    kernel(emit, "native")([rows, result, scratch], rows.shape, 2, 1)
    np.testing.assert_array_equal(result[:, :9], np.sort(rows, axis=1)[:, :9])
    np.testing.assert_array_equal(result[:, 9:], 77)


def test_any_split_of_the_units_gives_the_same(kernel) -> None:
    for split in (1, 3, 100):
        check(kernel, ["float32"], 1, (7, 40, 1), split=split)
