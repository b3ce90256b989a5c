"""Products of fours of int8 against NumPy's integers: emulated anywhere, and by the instructions where they are."""

from __future__ import annotations

import ctypes
from dataclasses import replace

import numpy as np
import pytest
from contraction_problems import attention, check, conv, filter_gradient, input_gradient, machine_for, matmul, run
from test_contraction import BLOCKED, CASES, random_problem
from test_pairs import TARGETS as OF_PAIRS
from test_pairs import WITHOUT_SUM, innermost, needs_x86, pairs

from pronghorn.engine.codegen.builder import ModuleBuilder
from pronghorn.engine.codegen.contraction import pairs_for_few_rows, plan, plan_pairs
from pronghorn.engine.codegen.contraction.pairs.instructions import dot, tiles_for
from pronghorn.engine.codegen.contraction.pairs.unit import pair_unit
from pronghorn.engine.runtime.host import named_target

INT8 = ("int8", "int8", "int32")
TARGETS = (*OF_PAIRS, "avx-vnni-emulated", "avx-vnni", "avx512", "avx2", "sse2")
SOME = (*OF_PAIRS, "avx-vnni-emulated", "avx2")  # one of each kind of tile


@pytest.mark.parametrize("target", TARGETS)
def test_the_instruction_is_what_its_definition_says(native, target):
    """TDPBSSD of tiles, or of each row by a vector VPDPBUSD, whose first bytes are unsigned, or PMADDWD."""
    machine = machine_for(target)
    unit = pair_unit(machine, INT8)
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
            x, y = (fb.load(unit.line, pointer) for pointer in (a, b))
            fb.store(unit.sums, dot(fb, unit, fb.load(unit.sums, c), x, y), c)
    fb.ret()
    function = native(module.text(), machine.cpu, machine.features).function("f", *[ctypes.c_void_p] * 3)
    rng = np.random.default_rng(0)
    kept = unit.kept.replace("i8", "i1").replace("i16", "i2")
    for kind in range(4):
        a, b = (rng.integers(-128, 128, (16, 16, unit.group)).astype(kept) for _ in range(2))
        if kind == 1:
            a[:], b[:] = -128, -128
        if kind == 2:
            a[:], b[:] = 127, -128
        total = rng.integers(-(2**31), 2**31, (16, 16)).astype("i4")  # sums wrap around
        left = a.view("u1") if unit.is_biased else a
        where = "rwg,wcg->rc" if unit.has_tiles else "rcg,rcg->rc"
        expected = total + np.einsum(where, left.astype("i4"), b.astype("i4"), dtype="i4")
        function(total.ctypes.data, a.ctypes.data, b.ctypes.data)
        np.testing.assert_array_equal(total, expected, err_msg=str(kind))


@pytest.mark.mostly_slow("amx-emulated-matmul, both", "avx512-bf16-conv, dilated")
@pytest.mark.parametrize("name", [name for name in CASES if name not in WITHOUT_SUM])
@pytest.mark.parametrize("target", TARGETS)
def test_matches_numpy(native, name, target):
    check(native, CASES[name](dtypes=INT8), target, planner=pairs)


@pytest.mark.parametrize("name", ["matmul, both", "conv, dilated"])
def test_arms_dot_products_by_functions(native, name):
    """Signed by signed bytes, on tiles of one vector of columns."""
    machine = replace(named_target("avx2-emulated"), emulated_quads="dotprod-emulated")
    assert not pair_unit(machine, INT8).is_biased
    problem = CASES[name](dtypes=INT8)
    found, _ = run(native, problem, "avx2-emulated", planner=lambda spec, _, **options: pairs(spec, machine, **options))
    np.testing.assert_array_equal(problem.result(found), problem.expected())


@pytest.mark.slow
@pytest.mark.parametrize("extent", [0, 1, 17, 65])
@pytest.mark.parametrize("target", SOME)
def test_any_extent(native, extent, target):
    """Rows, columns and steps that are not known, alone and together; packed along either axis."""
    options = {"dtypes": INT8, "runtime": ("m", "n", "k")}
    for layout in ({}, {"a_transposed": True}, {"b_transposed": True}):
        check(native, matmul(extent, 40, 24, **layout, **options), target, planner=pairs)
        check(native, matmul(7, extent, 24, **layout, **options), target, planner=pairs)
        check(native, matmul(7, 40, extent, **layout, **options), target, planner=pairs)


@pytest.mark.parametrize("target", TARGETS)
def test_the_least_bytes(native, target):
    """-128 in all of both, which is 0 as an unsigned byte with 128 added; steps beyond the last add nothing."""
    for steps in (2, 66):
        problem = matmul(5, steps, 20, dtypes=INT8)
        for array in problem.arrays[:2]:
            array[:] = -128
        check(native, problem, target, planner=pairs)


@pytest.mark.slow
@pytest.mark.parametrize("target", SOME)
def test_everything_at_run_time(native, target):
    names = ("n", "oh", "ow", "co", "kh", "kw", "ci")
    check(native, conv(3, 9, 11, 5, 20, 3, 3, dtypes=INT8, runtime=names), target, planner=pairs)
    check(native, input_gradient(2, 9, 8, 40, 20, 3, 3, dtypes=INT8, runtime=("n", "co")), target, planner=pairs)
    check(native, attention(2, 3, 20, 33, 24, dtypes=INT8), target, planner=pairs)
    problem = filter_gradient(9, 12, 12, 1, 32, 3, 3, dtypes=INT8, runtime=("n", "co", "kh"))
    check(native, problem, target, planner=pairs)


@pytest.mark.slow
@pytest.mark.parametrize("name", BLOCKED)
@pytest.mark.parametrize("target", SOME)
def test_long_sums(native, name, target):
    check(native, BLOCKED[name](dtypes=INT8), target, cuts=(0.3,), planner=pairs)


@pytest.mark.slow
@pytest.mark.parametrize("rows", [1, 5, 32], ids="rows{}".format)
@pytest.mark.parametrize("target", SOME)
def test_few_rows(native, rows, target):
    """B is brought into tiles where it is used."""
    for options in ({}, {"a_transposed": True}, {"b_transposed": True}):
        problem = matmul(rows, 700, 600, dtypes=INT8, runtime=("m",), **options)
        fresh, few = run(native, problem, target, planner=lambda *given, **o: pairs_for_few_rows(pairs(*given, **o)))
        assert few.fresh and not few.scratch
        np.testing.assert_array_equal(problem.result(fresh), problem.expected())


@pytest.mark.slow
def test_random_contractions(native):
    rng, tried = np.random.default_rng(12), 0
    for number in range(30):
        problem = random_problem(rng, number, dtypes=INT8)
        for target in ("amx-emulated", "avx512-bf16-emulated", "avx2-emulated"):
            if plan_pairs(problem.spec, named_target(target)) is None:
                continue
            tried += 1
            check(native, problem, target, cuts=tuple(rng.uniform(0, 1, 2)), planner=pairs)
    assert tried > 30


def test_which_contractions_are_taken():
    for name in ("amx", "avx512-bf16"):
        machine = named_target(name)

        def taken(problem, machine=machine):
            return plan_pairs(problem.spec, machine, plan(problem.spec, machine)) is not None

        assert taken(matmul(64, 256, 256, dtypes=INT8, runtime=("m",)))
        assert taken(conv(2, 34, 34, 64, 64, 3, 3, dtypes=INT8, runtime=("n",)))
        assert not taken(matmul(64, 256, 256, dtypes=("int8", "int8", "int64")))  # sums might not fit
        assert not taken(matmul(64, 256, 256, dtypes=("uint8", "int8", "int32")))
        assert not taken(matmul(1, 1, 65536, dtypes=INT8))  # nothing is summed


@needs_x86
def test_the_innermost_loops():
    """Nothing but loads, products and what counts; on vectors two products more, for what the bias of A adds."""
    _, code = innermost(matmul(512, 512, 512, dtypes=INT8, runtime=("m",)), "amx", "tdpbssd")
    names = [words[0] for words in code]
    assert (names.count("tdpbssd"), names.count("tileloadd"), names.count("tilestored")) == (4, 4, 0)
    assert len(names) <= 15
    _, code = innermost(matmul(512, 512, 512, dtypes=INT8, runtime=("m",)), "avx512-bf16", "vpdpbusd")
    assert sum(words[0] == "vpdpbusd" for words in code) == 24
    assert len(code) <= 42
    assert not [words for words in code if "rsp" in " ".join(words)]
