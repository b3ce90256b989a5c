"""Products of bfloat16 pairs against NumPy: emulated anywhere, and by the instructions where they are there."""

from __future__ import annotations

import ctypes
import dataclasses
import re

import ml_dtypes
import numpy as np
import pytest
from contraction_problems import (
    SLOT_EXTRA,
    Problem,
    attention,
    check,
    conv,
    filter_gradient,
    input_gradient,
    machine_for,
    matmul,
    run,
)
from test_contraction import BLOCKED, CASES, random_problem

from pronghorn.engine.codegen.builder import ModuleBuilder
from pronghorn.engine.codegen.contraction import PairPlan, emit, pairs_for_few_rows, plan, plan_pairs
from pronghorn.engine.codegen.contraction.pairs.instructions import dot, tiles_for
from pronghorn.engine.codegen.contraction.pairs.unit import pair_unit
from pronghorn.engine.codegen.slots import Tables
from pronghorn.engine.runtime.compile import compile_ir
from pronghorn.engine.runtime.host import named_target

TARGETS = ("amx-emulated", "amx", "avx512-bf16-emulated", "avx512-bf16")
BFLOAT16 = ("bfloat16",) * 3
SUMS = ("bfloat16", "bfloat16", "float32")
WITHOUT_SUM = ("dot product", "outer product", "strided dot product")  # or without a row or a column


def pairs(spec, machine, multiples=None):
    """The plan, whatever it gains."""
    assert multiples is None
    made = plan_pairs(spec, machine)
    assert isinstance(made, PairPlan)
    return made


def wide(bits):
    """bfloat16 as doubles, denormals as zeros with their sign."""
    x = bits.view(ml_dtypes.bfloat16).astype("f8")
    return np.where(np.abs(x) < 2.0**-126, np.copysign(0, x), x)


def rounded(x):
    """Doubles rounded to float32 as if its exponents had no end; what is less than the smallest is zero."""
    with np.errstate(over="ignore"):
        tiny = np.abs((x * 2.0**64).astype("f4").astype("f8")) < 2.0**-62
    with np.errstate(over="ignore", under="ignore"):
        return np.where(tiny, np.copysign(0, x), x.astype("f4").astype("f8"))


def definition(total, a, b):
    """TDPBF16PS of tiles: 16 rows of 16 pairs, 16 pairs of 16 columns."""
    a, b = wide(a).reshape(16, 16, 1, 2), wide(b).reshape(1, 16, 16, 2)
    sums = np.zeros((16, 16, 2))
    with np.errstate(invalid="ignore"):
        for k in range(16):
            sums = rounded(sums + a[:, k] * b[:, k])
        both = rounded(sums[..., 0] + sums[..., 1])
        before = np.where(np.abs(total) < 2.0**-126, np.copysign(0, total), total).astype("f8")
        return rounded(before + both).astype("f4")


def definition_of_dot(total, a, b):
    """VDPBF16PS, row by row of what would be tiles: the second elements' product is added first."""
    a, b = wide(a).reshape(16, 16, 2), wide(b).reshape(16, 16, 2)
    sums = np.where(np.abs(total) < 2.0**-126, np.copysign(0, total), total).astype("f8")
    with np.errstate(invalid="ignore"):
        for half in (1, 0):
            sums = rounded(sums + a[..., half] * b[..., half])
    return sums.astype("f4")


def instruction(native, target):
    """``run(total, a, b)``: the instruction on tiles in memory, in place, or on each of their rows; its definition."""
    machine = machine_for(target)
    unit = pair_unit(machine)
    module = ModuleBuilder()
    module.target = machine
    fb = module.function("f", [("ptr", "c"), ("ptr", "a"), ("ptr", "b")])
    if unit.has_tiles:
        tiles = tiles_for(fb, unit)
        tiles.begin()
        for number, pointer in enumerate(("%c", "%a", "%b")):
            tiles.load(number, pointer, 64)
        tiles.multiply(0, 1, 2)
        tiles.store(0, "%c", 64)
        tiles.end()
    else:
        with fb.loop(0, 16) as row:
            c, a, b = (fb.gep("i8", pointer, fb.mul(row, 64)) for pointer in ("%c", "%a", "%b"))
            x, y = (fb.load("<32 x i16>", pointer) for pointer in (a, b))
            fb.store("<16 x float>", dot(fb, unit, fb.load("<16 x float>", c), x, y), c)
    fb.ret()
    function = native(module.text(), machine.cpu, machine.features).function("f", *[ctypes.c_void_p] * 3)
    meaning = definition if unit.has_tiles else definition_of_dot
    return (lambda *arrays: function(*(array.ctypes.data for array in arrays))), meaning


@pytest.mark.parametrize("target", TARGETS)
def test_the_instruction_is_what_its_definition_says(native, target):
    """Every bit: numbers far apart that cancel, ties, denormals going in and coming out, infinities, signs of zeros."""
    multiply, meaning = instruction(native, target)
    rng = np.random.default_rng(0)
    for kind in range(12):
        exponents = (rng.integers(-12, 12, 512), rng.integers(-75, -50, 512), rng.integers(-3, 3, 512))[kind % 3]
        x = rng.standard_normal(512) * 2.0**exponents
        y = rng.standard_normal(512) * 2.0 ** rng.permutation(exponents)
        if kind % 4 == 3:  # few bits, so that sums cancel and lie half way between two floats
            x, y = np.round(x * 4) * 2.0**-66, np.round(y * 4) * 2.0**-60
        a, b = (v.astype(ml_dtypes.bfloat16).view("u2") for v in (x, y))
        if kind > 5:
            special = np.array([0, 0x8000, 1, 0x8001, 0x7F, 0x80, 0x7F7F, 0x3F80, 0xBF80], "u2")
            a[rng.integers(0, 512, 60)] = rng.choice(special, 60)
            b[rng.integers(0, 512, 60)] = rng.choice(special, 60)
        total = (rng.standard_normal((16, 16)) * 2.0 ** rng.integers(-130, 3, (16, 16))).astype("f4")
        expected = meaning(total, a, b)
        multiply(total, a, b)
        np.testing.assert_array_equal(total.view("u4"), expected.view("u4"), err_msg=str(kind))


@pytest.mark.parametrize("target", TARGETS[:2])
def test_infinities_and_nans(native, target):
    multiply, _ = instruction(native, target)
    one, infinity = 0x3F80, 0x7F80
    for left, right, expected in ((infinity, one, np.inf), (infinity, 0, np.nan), (infinity, 0xBF80, -np.inf)):
        a, b, total = np.zeros((16, 32), "u2"), np.zeros((16, 32), "u2"), np.ones((16, 16), "f4")
        a[3, 5], b[2, 2 * 7 + 1] = left, right
        if right == one:  # only where the column has the pair: zeros times infinity are NaN
            b[2] = np.tile([0, one], 16)
        multiply(total, a, b)
        np.testing.assert_array_equal(total[3, 7], np.float32(expected))
        assert (np.delete(total, 3, axis=0) == 1).all()


@pytest.mark.mostly_slow("amx-emulated-matmul, both", "avx512-bf16-conv, dilated")
@pytest.mark.parametrize("name", [name for name in CASES if name not in WITHOUT_SUM])
@pytest.mark.parametrize("target", TARGETS)
def test_matches_numpy(native, name, target):
    for dtypes in (BFLOAT16, SUMS):
        check(native, CASES[name](dtypes=dtypes), target, planner=pairs)


@pytest.mark.slow
@pytest.mark.parametrize("name", [name for name in CASES if name not in WITHOUT_SUM])
@pytest.mark.parametrize("target", TARGETS)
def test_run_time_batch(native, name, target):
    outer = "n" if "gradient" in name and "filter" in name else CASES[name]().axes[0].name
    check(native, CASES[name](runtime=(outer,), dtypes=BFLOAT16), target, planner=pairs)


@pytest.mark.slow
@pytest.mark.parametrize("extent", [0, 1, 2, 15, 16, 17, 31, 32, 33, 64, 95])
@pytest.mark.parametrize("target", TARGETS)
def test_any_extent(native, extent, target):
    """Rows, columns and steps that are not known, alone and together; packed along either axis."""
    options = {"dtypes": SUMS, "runtime": ("m", "n", "k")}
    for layout in ({}, {"a_transposed": True}, {"b_transposed": True}):
        check(native, matmul(extent, 40, 24, **layout, **options), target, planner=pairs)
        check(native, matmul(7, extent, 24, **layout, **options), target, planner=pairs)
        check(native, matmul(7, 40, extent, **layout, **options), target, planner=pairs)


@pytest.mark.slow
@pytest.mark.parametrize("target", TARGETS)
def test_everything_at_run_time(native, target):
    for dtypes in (BFLOAT16, SUMS):
        names = ("n", "oh", "ow", "co", "kh", "kw", "ci")
        check(native, conv(3, 9, 11, 5, 20, 3, 3, dtypes=dtypes, runtime=names), target, planner=pairs)
        check(native, input_gradient(2, 9, 8, 40, 20, 3, 3, dtypes=dtypes, runtime=("n", "co")), target, planner=pairs)
        problem = filter_gradient(9, 12, 12, 1, 32, 3, 3, dtypes=dtypes, runtime=("n", "co", "kh"))
        check(native, problem, target, planner=pairs)


@pytest.mark.slow
@pytest.mark.parametrize("name", BLOCKED)
@pytest.mark.parametrize("target", TARGETS)
def test_long_sums(native, name, target):
    for runtime in ((), ("n",)):
        check(native, BLOCKED[name](dtypes=SUMS, runtime=runtime), target, cuts=(0.3,), planner=pairs)


@pytest.mark.slow
@pytest.mark.parametrize("target", TARGETS)
@pytest.mark.parametrize("rows", [2052, 2049, 2176])
def test_several_blocks_of_rows_share_what_is_read_of_b(native, rows, target):
    """Where the second-level cache is too small, which here is any; the last block and the last unit are not full."""

    def small(spec, machine, multiples=None):
        return pairs(spec, dataclasses.replace(machine, l2_bytes=1))

    for options in ({}, {"runtime": ("k",)}, {"a_transposed": True}):
        made = check(native, matmul(rows, 40, 24, dtypes=SUMS, **options), target, cuts=(0.4,), planner=small)
        assert made.blocks > 1


@pytest.mark.slow
@pytest.mark.parametrize("rows", [0, 1, 33, 100], ids="rows{}".format)
@pytest.mark.parametrize("target", TARGETS)
def test_a_that_is_dear_to_bring_into_tiles_is_brought_once(native, rows, target):
    """For columns that several units share: rows adjacent in memory, or nothing adjacent; batches of them, too."""
    for batch in ((), (("batch", 3, 90_000, 60_000, 90_000),)):
        for strides in ((1, 104), (2, 307)):
            axes = [("m", rows, strides[0], 0, 620), ("n", 620, 0, 1, 1), ("k", 50, strides[1], 620), *batch]
            problem = Problem(axes, dtypes=SUMS, runtime=("m", "k"))
            made = check(native, problem, target, cuts=(0.4,), planner=pairs)
            assert made.ahead and [kernel.role for kernel in made.kernels] == ["pack", "pack_a", "main"]


@pytest.mark.slow
@pytest.mark.parametrize("rows", [1, 5, 32], ids="rows{}".format)
@pytest.mark.parametrize("target", TARGETS)
def test_few_rows_give_the_same_bits(native, rows, target):
    """B is brought into tiles where it is used, or ahead: the choice is up to the rows, which no bit may depend on."""
    for options in ({}, {"a_transposed": True}, {"b_transposed": True}):
        problem = matmul(rows, 700, 600, dtypes=SUMS, runtime=("m",), **options)
        packed, many = run(native, problem, target, planner=pairs)
        fresh, few = run(native, problem, target, planner=lambda *given, **o: pairs_for_few_rows(pairs(*given, **o)))
        assert [kernel.role for kernel in few.kernels] == ["main"] and few.fresh and not few.scratch
        np.testing.assert_array_equal(packed.view("u4"), fresh.view("u4"))
        assert not many.fresh


def test_one_block_of_rows_packs_nothing_ahead():
    machine = named_target("amx")
    assert [kernel.role for kernel in pairs(matmul(32, 700, 600, dtypes=SUMS).spec, machine).kernels] == ["main"]
    assert pairs(matmul(33, 700, 600, dtypes=SUMS).spec, machine).kernels[0].role == "pack"
    assert pairs_for_few_rows(pairs(matmul(33, 700, 600, dtypes=SUMS).spec, machine)) is None


@pytest.mark.mostly_slow(every=3)
@pytest.mark.parametrize("images", [0, 1, 3])
def test_chunks_of_a_sum_may_be_empty(native, images):
    problem = filter_gradient(images, 20, 20, 2, 8, 3, 3, dtypes=SUMS, runtime=("n",))
    assert check(native, problem, "amx-emulated", planner=pairs).chunks is not None


@pytest.mark.slow
def test_random_contractions(native):
    rng, tried = np.random.default_rng(11), 0
    for number in range(60):
        problem = random_problem(rng, number, dtypes=SUMS)
        if plan_pairs(problem.spec, named_target("amx-emulated")) is None:
            continue
        tried += 1
        try:
            check(native, problem, "amx-emulated", cuts=tuple(rng.uniform(0, 1, 2)), planner=pairs)
        except Exception as error:
            raise AssertionError(f"{problem.spec} with {problem.env}") from error
    assert tried > 20


@pytest.mark.mostly_slow("attention")
@pytest.mark.parametrize("name", ["matmul, row far apart", "filter gradient, split, odd", "attention", "conv"])
def test_bits_do_not_depend_on_the_cuts(native, name):
    whole, _ = run(native, CASES[name](dtypes=SUMS), "amx-emulated", planner=pairs)
    cut, _ = run(native, CASES[name](dtypes=SUMS), "amx-emulated", planner=pairs, cuts=(0.1, 0.33, 0.5, 0.9))
    np.testing.assert_array_equal(whole, cut)


def test_what_is_beyond_a_row_enters_no_sum(native):
    """The steps that fill up a tile are zeros in both operands: an infinity or a NaN behind a row changes nothing."""
    problem = matmul(20, 40, 24, dtypes=SUMS)
    before, _ = run(native, problem, "amx-emulated", planner=pairs)
    problem.arrays[0].reshape(20, 40)[7] = np.nan
    problem.arrays[0].reshape(20, 40)[9, 3] = np.inf
    after, _ = run(native, problem, "amx-emulated", planner=pairs)
    before, after = before.reshape(20, 24), after.reshape(20, 24)
    np.testing.assert_array_equal(np.delete(after, (7, 9), 0), np.delete(before, (7, 9), 0))
    assert np.isnan(after[7]).all() and np.isinf(after[9]).all()


@pytest.mark.slow
def test_an_epilogue_takes_the_sums(native):
    """Bias and a coordinate, in whole vectors and the last, behind a sum that is cut into chunks, too."""
    for problem in (conv(2, 9, 8, 4, 20, 3, 3, dtypes=SUMS), filter_gradient(21, 28, 28, 1, 32, 3, 3, dtypes=SUMS)):
        bias = np.random.default_rng(1).standard_normal(40).astype("f4")
        rows = "oh" if "oh" in [axis.name for axis in problem.axes if axis.c] else "kh"

        def epilogue(fb, value, ty, place, rows=rows):
            base = fb.load("ptr", fb.gep("ptr", "%bufs", SLOT_EXTRA))
            pointer = fb.gep("float", base, place.coords["co"])
            mask = place.mask or fb.mask_first(place.lanes, place.lanes)
            loaded = fb.masked_load(ty, pointer, mask)
            row = fb.splat(fb.cast("sitofp", place.coords[rows], "i64", "float"), "float", place.lanes)
            place.store(fb.op("fadd", ty, value, fb.op("fadd", ty, loaded, row)))

        c, _ = run(native, problem, "amx-emulated", epilogue=epilogue, extra=(bias,), planner=pairs)
        expected = problem.expected()
        names = [axis.name for axis in problem.axes if axis.c != 0]
        at = np.indices(expected.shape)
        expected = expected + bias[at[names.index("co")]] + at[names.index(rows)]
        np.testing.assert_allclose(problem.result(c), expected, rtol=1e-4, atol=1e-3)


def test_which_contractions_are_taken():
    machine = named_target("amx")

    def taken(problem, machine=machine):
        return plan_pairs(problem.spec, machine, plan(problem.spec, machine)) is not None

    for problem in (
        matmul(64, 256, 256, dtypes=BFLOAT16, runtime=("m",)),
        conv(2, 34, 34, 64, 64, 3, 3, dtypes=BFLOAT16, runtime=("n",)),
        filter_gradient(2, 34, 34, 64, 64, 3, 3, dtypes=SUMS, runtime=("n",)),
        input_gradient(2, 32, 32, 64, 64, 3, 3, dtypes=BFLOAT16, runtime=("n",)),
        attention(2, 4, 128, 128, 64, dtypes=BFLOAT16),
    ):
        assert taken(problem)
        assert plan_pairs(problem.spec, named_target("avx512")) is None
    assert not taken(matmul(64, 256, 256))
    assert not taken(matmul(64, 256, 256, dtypes=("bfloat16", "float32", "float32")))
    assert not taken(matmul(1, 1, 65536, dtypes=BFLOAT16))  # nothing is summed
    assert not taken(matmul(1, 64, 16, dtypes=BFLOAT16))


@pytest.mark.slow
def test_units_are_enough_for_many_threads():
    machine = named_target("amx")
    for problem in (
        matmul(2048, 256, 8000, dtypes=SUMS),
        matmul(256, 2048, 8000, a_transposed=True, dtypes=SUMS),
        filter_gradient(64, 30, 30, 3, 64, 3, 3, dtypes=SUMS, runtime=("n",)),
        matmul(32, 20_000, 64, dtypes=SUMS),
    ):
        made = pairs(problem.spec, machine)
        main = next(kernel for kernel in made.kernels if kernel.role == "main")
        assert main.units.evaluate({"n": 64}) >= 8


def innermost(problem, target, instruction):
    """The code for a machine, and the instructions, in order, of its loop with the most products."""
    machine = named_target(target)
    made = pairs(problem.spec, machine)
    module = ModuleBuilder()
    module.target = machine
    emit(module, "k", made, machine, Tables(), None, None, range(SLOT_EXTRA, SLOT_EXTRA + len(made.scratch)))
    text = compile_ir(module.text(), target=machine, use_cache=False, verify=True).assembly()
    best: list[list[str]] = []
    parts = re.split(r"^([\w.]+):", text, flags=re.MULTILINE)
    for label, body in zip(parts[1::2], parts[2::2], strict=True):
        code = [line.split() for line in body.splitlines() if re.match(r"\t[a-z]", line)]
        ends = [number for number, words in enumerate(code) if words[-1] == label]
        if ends and sum(words[0] == instruction for words in code) > sum(words[0] == instruction for words in best):
            best = code[: ends[0] + 1]
    return text, best


PROBLEMS = {
    "matmul": lambda: matmul(512, 512, 512, dtypes=SUMS, runtime=("m",)),
    "convolution": lambda: conv(4, 28, 28, 64, 64, 3, 3, dtypes=BFLOAT16, runtime=("n",)),
    "filter gradient": lambda: filter_gradient(64, 30, 30, 64, 64, 3, 3, dtypes=SUMS, runtime=("n",)),
}
needs_x86 = pytest.mark.skipif(named_target("native").arch != "x86_64", reason="instructions of x86-64")


@needs_x86
@pytest.mark.mostly_slow("matmul")
@pytest.mark.parametrize("name", PROBLEMS)
def test_the_innermost_loop_is_loads_and_products_of_tiles(name):
    """Four products of tiles for four loads, and no more than seven instructions that count; no tile is spilled."""
    text, code = innermost(PROBLEMS[name](), "amx", "tdpbf16ps")
    names = [words[0] for words in code]
    assert (names.count("tdpbf16ps"), names.count("tileloadd"), names.count("tilestored")) == (4, 4, 0)
    assert len(names) <= 15
    # Once a kernel, whatever its loops do: configured before them, released at the end.
    assert (text.count("\tldtilecfg"), text.count("\ttilerelease")) == (1, 1)
    assert text.count("\ttdpbf16ps") == text.count("\ttilestored") == text.count("\ttilezero") == 4
    assert text.index("\ttilerelease") > text.rindex("\ttilestored") > text.index("\tldtilecfg")


@needs_x86
@pytest.mark.mostly_slow("matmul")
@pytest.mark.parametrize("name", PROBLEMS)
def test_the_innermost_loop_is_products_on_vector_registers(name):
    """22 of them for 13 loads, and four instructions that count; nothing is spilled."""
    _, code = innermost(PROBLEMS[name](), "avx512-bf16", "vdpbf16ps")
    assert sum(words[0] == "vdpbf16ps" for words in code) == 22
    assert len(code) <= 39
    assert not [words for words in code if "rsp" in " ".join(words) or words[-1].endswith(")")]
