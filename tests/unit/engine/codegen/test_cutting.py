"""How loops become units: many enough for many cores, whatever a symbol stands for, of few bytes, and complete."""

from collections import defaultdict
from math import prod

import numpy as np
import pytest

from pronghorn import ops
from pronghorn.engine.backends.llvm import Executable
from pronghorn.engine.backends.llvm.build import build
from pronghorn.engine.codegen.cutting import Loop, chunked, cut
from pronghorn.engine.compiler.costs import GRAIN_CYCLES, MOST_CHUNKS, chunks_of
from pronghorn.engine.compiler.expr import LoopVar
from pronghorn.engine.graph.dim import Dim, evaluate
from pronghorn.engine.graph.ir import Aval
from pronghorn.engine.graph.trace import trace
from pronghorn.engine.runtime import threads
from pronghorn.engine.runtime.host import host_target

BATCH = Dim.symbol("batch")
CORES = 64


def loop(extent):
    return Loop(LoopVar("i", extent), extent)


def launches(fn, *avals):
    """What a function launches, as if for a batch that is smaller than what is typical."""
    return build(trace(fn, [Aval(*aval) for aval in avals]), (), host_target(), False).emitted.launches


def kilobytes(launch, batch):
    """What a launch touches."""
    return sum(4 * prod(evaluate(e, {"batch": batch}) for e in v.shape) for v in launch.reads | launch.writes) // 1024


def test_a_unit_has_rows_enough_and_no_more():
    assert cut([loop(BATCH), loop(100)], 500.0).size == 8
    assert cut([loop(BATCH), loop(100)], 500.0).count().evaluate({"batch": 3}) == 38
    assert cut([loop(7)], 1e6).size == 1 and cut([loop(7)], 1e6).count() == 7
    assert cut([loop(0)], 1.0).count() == 0 and cut([loop(BATCH)], 0.0).count().evaluate({"batch": 0}) == 0


def test_columns_are_cut_where_rows_are_few():
    made = cut([loop(16)], 100_000.0, loop(16_000))
    assert made.columns == 4096 and made.count(loop(16_000)) == 64
    assert cut([loop(16)], 100_000.0, loop(4000)).columns == 0  # parts of rows would be too short
    assert cut([loop(64)], 100_000.0, loop(16_000)).columns == 0  # rows enough
    assert cut([loop(16)], 20_000.0, loop(16_000)).columns == 0  # little work


@pytest.mark.parametrize("batch", [0, 1, 2, 3, 16, 100])
@pytest.mark.parametrize("lanes", [1, 16])
def test_chunks_cover_a_sum_and_share_it_evenly(batch, lanes):
    made = chunked([loop(BATCH), loop(40), loop(9)], 32, lanes)
    total = prod(evaluate(row.extent, {"batch": batch}) for row in made.rows)
    size = evaluate(made.size, {"batch": batch})
    assert len(made.rows) == 3 and size % lanes == 0
    assert size * 32 >= total and size <= -(-total // 32) + lanes - 1


def test_chunks_follow_the_work():
    assert [chunks_of(length, 256) for length in (512, 4096, 8192, 1 << 20)] == [16, 32, 64, MOST_CHUNKS]
    for length, results in ((1000, 64), (5000, 1), (70_000, 4096), (1 << 22, 3)):
        count = chunks_of(length, results)
        assert count == 16 or count * results * 128 <= length * results  # partial sums: one byte in 128


CASES = {
    "bias of 256": (lambda x: [ops.sum(x, (0, 1))], [(BATCH, 128, 256)]),
    "bias of 1,024": (lambda x: [ops.sum(x, (0, 1))], [(BATCH, 128, 1024)]),
    "bias of 4,000": (lambda x: [ops.sum(x, (0, 1))], [(BATCH, 128, 4000)]),
    "two sums in one pass": (lambda x, y: [ops.sum(x * y, (0, 1)), ops.sum(x, (0, 1))], [(BATCH, 128, 256)] * 2),
    "a sum of everything": (lambda x: [ops.sum(ops.square(x))], [(BATCH, 128, 256)]),
    "a sum whose rows are not one loop": (
        lambda x, m: [ops.sum(x * m[None, :, None], (0, 1))], [(BATCH, 128, 256), (128,)]),
    "rows of an embedding": (
        lambda table, at: [ops.take(table, ops.cast(at, "int32"), 0) * 2], [(8000, 256), (BATCH, 128)]),
    "four long rows": (lambda x, y: [ops.exp(x) * y[:, None]], [(4, 100_003), (4,)]),
    "means of rows": (lambda x: [ops.mean(x, -1)], [(BATCH, 128, 256)]),
    "frames around images": (lambda x: [ops.pad(ops.exp(x), ((0, 0), (1, 1), (1, 1), (0, 0)))], [(BATCH, 32, 32, 64)]),
}  # fmt: skip


@pytest.mark.parametrize("name", CASES)
def test_units_for_many_cores(name):
    fn, shapes = CASES[name]
    batch, shared = 16, 0
    for launch in launches(fn, *((shape, "float32") for shape in shapes)):
        count, _, grains = launch.units.grain({"batch": batch}, launch.cost)
        cycles = count * launch.cost
        if not launch.units.counts:
            cycles = cycles * batch / 64  # the cost of one was told for a typical batch
        assert launch.serial or grains >= min(CORES, cycles // (2 * GRAIN_CYCLES)), (launch.label, count, launch.cost)
        shared += not launch.serial
    assert shared


def test_partial_sums_are_few_bytes():
    by_kind = defaultdict(int)
    for launch in launches(lambda x: [ops.sum(x, (0, 1))], ((BATCH, 128, 256), "float32")):
        by_kind["serial" if launch.serial else "shared"] += kilobytes(launch, 16)
    assert by_kind == {"shared": 2048 + 64, "serial": 64 + 1}


@pytest.mark.parametrize("target", ["host", "sse2", "avx512-emulated"])
def test_sums_in_chunks_of_any_batch(target, on_target):
    on_target(target)

    def fn(x, mask):
        masked = x * mask[None, :, None]
        highest = ops.max(x, (0, 1, 2), initial=-9)
        turned = ops.sum(ops.transpose(masked, (2, 0, 1)), (1, 2))
        return [ops.sum(x, (0, 1)), ops.sum(masked, (0, 1)), ops.sum(masked), highest, turned, ops.sum(x * x, -1)]

    rng = np.random.default_rng(0)
    for rows, columns in ((37, 75), (128, 600), (1, 1030)):
        compiled = Executable(trace(fn, [Aval((BATCH, rows, columns), "float32"), Aval((rows,), "float32")]))
        mask = rng.integers(0, 2, rows).astype("float32")
        for batch in (0, 1, 2, 5, 19, 64):
            x = rng.integers(-9, 9, (batch, rows, columns)).astype("float32")
            sums, masked, total, highest, turned, squares = compiled(x, mask)
            kept = x * mask[None, :, None]
            np.testing.assert_array_equal(sums, x.sum((0, 1)))
            np.testing.assert_array_equal(masked, kept.sum((0, 1)))
            assert total == kept.sum() and highest == x.max(initial=-9)
            np.testing.assert_array_equal(turned, kept.sum((0, 1)))
            np.testing.assert_array_equal(squares, (x * x).sum(-1))


@pytest.mark.parametrize("name", CASES)
def test_the_number_of_threads_changes_no_bit(name):
    fn, shapes = CASES[name]
    compiled = Executable(trace(fn, [Aval(shape, "float32") for shape in shapes]))
    rng = np.random.default_rng(0)
    before = threads.get_num_threads()
    try:
        for batch in (1, 5, 16):
            sizes = [[evaluate(e, {"batch": batch}) for e in shape] for shape in shapes]
            arrays = [rng.uniform(0, 100, size).astype("float32") for size in sizes]
            results = []
            for count in (1, 2, 8, CORES):
                threads.set_num_threads(count)
                results.append(compiled(*arrays))
            for others in results[1:]:
                for a, b in zip(results[0], others, strict=True):
                    np.testing.assert_array_equal(a, b)
    finally:
        threads.set_num_threads(before)
