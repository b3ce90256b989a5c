"""Sizes as code: what the code computes is what `layout` and the functions beside it compute in Python."""

import ctypes

import numpy as np
import pytest

from pronghorn.engine.backends.aot.sizes import Sizes, grain_function, largest
from pronghorn.engine.codegen.builder import ModuleBuilder
from pronghorn.engine.codegen.units import Count, Units, grain_limits, row_blocks
from pronghorn.engine.compiler.memory import Grouped, Lifetime, MemoryPlan, Placed
from pronghorn.engine.graph.dim import Dim, evaluate
from pronghorn.engine.runtime.compile import compile_ir

N, M = Dim.symbol("n"), Dim.symbol("m")
EXTENTS = [5, N, 3 * N + 7, N * M - 2 * M + 1, (N - 4) // 4, (N - 7) // 3 + 2, ((N + 1) // 2 - M) // 5 * 2]
UNITS = [
    Units(3),
    Units(2, (Count(N, 4), Count(M))),
    Units(7, (Count(N * M, 5, limit=6),)),
    Units(1, (Count(N, 8),), only=(N, 3, 17)),
    Units(4, (), only=(M, 2, 0)),
]
SIZES = [(n, m) for n in (0, 1, 2, 3, 7, 16, 17, 33, 1000) for m in (0, 1, 6)]


def compiled(write, count):
    """A function of n and m that gives the ``count`` numbers that ``write`` makes code for."""
    module = ModuleBuilder()
    fb = module.function("numbers", [("ptr", "out"), ("i64", "n"), ("i64", "m")])
    for i, number in enumerate(write(fb, Sizes(fb, {"n": "%n", "m": "%m"}))):
        fb.store("i64", number, fb.gep("i64", "%out", i))
    fb.ret()
    code = compile_ir(module.text(), name="sizes", use_cache=False)
    function = code.function("numbers", None, ctypes.c_void_p, ctypes.c_int64, ctypes.c_int64)

    def numbers(n, m):
        out = np.zeros(count, np.int64)
        function(out.ctypes.data, n, m)
        return out.tolist()

    numbers.code = code
    return numbers


def test_extents_and_units():
    found = compiled(lambda fb, sizes: [*map(sizes.of, EXTENTS), *map(sizes.units, UNITS)], len(EXTENTS) + len(UNITS))
    for n, m in SIZES:
        env = {"n": n, "m": m}
        assert found(n, m) == [*(evaluate(e, env) for e in EXTENTS), *(u.evaluate(env) for u in UNITS)], env


def test_blocks_of_rows():
    found = compiled(lambda fb, sizes: sizes.row_blocks("%n"), 2)
    for n in (*range(70), 511, 512, 513, 100_000):
        assert tuple(found(n, 0)) == row_blocks(n), n


def test_places_in_memory():
    life = Lifetime(0, 1)
    plan = MemoryPlan(
        {0: Placed((), 128, 64, life), 1: Placed(("n",), 64, 192, life), 2: Placed(("n", "m"), 0, 64, life)},
        {(): 192, ("n",): 256, ("n", "m"): 64},
        {3: Grouped(4 * (N // 3) + 5, 0, life), 4: Grouped(8 * N, 0, life), 5: Grouped(N * M + 1, 1, life)},
    )

    def write(fb, sizes):
        offsets, nbytes = sizes.places(plan)
        return [*(offsets[slot] for slot in range(6)), nbytes]

    found = compiled(write, 7)
    for n, m in SIZES:
        offsets, nbytes = plan.layout({"n": n, "m": m})
        assert found(n, m) == [*(offsets[slot] for slot in range(6)), nbytes], (n, m)


@pytest.mark.parametrize("cost", [0.0, 3.0, 900.0, 4_500.0, 1e6, 1e9])
def test_grains(cost):
    module = ModuleBuilder()
    parameters = [("ptr", "row"), *(("i64", name) for name in ("count", "least", "most"))]
    grain_function(module.function("grain", parameters))
    code = compile_ir(module.text(), name="grain", use_cache=False)
    function = code.function("grain", None, ctypes.c_void_p, *[ctypes.c_int64] * 3)
    for count in (0, 1, 7, 8, 9, 1000, 123_456, 10_000_000):
        row = np.zeros(3, np.int64)
        function(row.ctypes.data, count, *grain_limits(cost))
        assert tuple(row.tolist()) == Units(count).grain({}, cost), count


def test_the_largest_that_fits():
    assert largest(lambda n: True, 100) == 100
    assert largest(lambda n: False, 100) == 0
    assert largest(lambda n: n <= 37, 100) == 37
