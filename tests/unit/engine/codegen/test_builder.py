"""The IR text builder: what it writes parses, verifies and computes what it says."""

from __future__ import annotations

import ctypes

import ml_dtypes
import numpy as np
import pytest

from pronghorn.engine.codegen.builder import ModuleBuilder, element, lanes, literal, llvm_type, size_of, vec

POINTER, INT = ctypes.c_void_p, ctypes.c_int64


def test_types():
    assert vec("float", 16) == "<16 x float>" and vec("float", 1) == "float"
    assert lanes("<8 x double>") == 8 and lanes("i64") == 1
    assert element("<8 x double>") == "double" and element("ptr") == "ptr"
    assert size_of("<4 x bfloat>") == 8 and size_of("ptr") == 8
    assert llvm_type("uint16") == "i16"
    with pytest.raises(ValueError, match="complex64"):
        llvm_type("complex64")


@pytest.mark.parametrize("value", [0.0, -0.0, 1 / 3, -2.5e-8, 6e4, 1e39, -1e39, float("inf"), float("nan")])
def test_float_literals_are_exact(native, value):
    module = ModuleBuilder()
    types = {"double": np.float64, "float": np.float32, "half": np.float16, "bfloat": ml_dtypes.bfloat16}
    for ty in types:
        fb = module.function(f"put_{ty}", [("ptr", "out")])
        fb.store(ty, literal(value, ty), "%out")
        fb.ret()
    compiled = native(module.text())
    for ty, dtype in types.items():
        with np.errstate(all="ignore"):
            expected = np.array([value]).astype(dtype)
        got = np.zeros(1, dtype)
        compiled.function(f"put_{ty}", POINTER)(got.ctypes.data)
        np.testing.assert_array_equal(got.astype("f8"), expected.astype("f8"))
        assert np.signbit(got.astype("f8"))[0] == np.signbit(expected.astype("f8"))[0] or value != value


def test_integer_helpers_fold_constants():
    fb = ModuleBuilder().function("f", [("i64", "n")])
    assert fb.add(3, 4) == 7 and fb.add("%n", 0) == "%n" and fb.add(0, "%n") == "%n"
    assert fb.mul(3, 4) == 12 and fb.mul("%n", 1) == "%n" and fb.mul(0, "%n") == 0
    assert fb.sub("%n", 0) == "%n" and fb.div("%n", 1) == "%n" and fb.rem("%n", 1) == 0
    assert fb.ceil_div(7, 2) == 4 and fb.min(2, 3) == 2 and fb.max(2, 3) == 3
    compared = {name: fb.cmp(name, "i64", -1, 3) == "true" for name in ("eq", "ne", "slt", "sle", "sgt", "sge")}
    assert compared == {"eq": False, "ne": True, "slt": True, "sle": True, "sgt": False, "sge": False}
    fb.ret()
    assert fb.text().splitlines()[2:] == ["  ret void", "}"]


@pytest.mark.parametrize("count", [0, 1, 2, 5])
def test_carried_loop(native, count):
    module = ModuleBuilder()
    for kind, stop in (("dynamic", "%n"), ("static", count)):
        fb = module.function(f"fib_{kind}", [("i64", "n")], "i64")
        with fb.loop_carry(0, stop, [("i64", 0), ("i64", 1)]) as loop:
            low, high = loop.carried
            loop.following += [high, fb.add(low, high)]
        fb.ret("i64", loop.results[0])
    compiled = native(module.text())
    expected = [0, 1, 1, 2, 3, 5][count]
    assert compiled.function("fib_dynamic", INT, result=INT)(count) == expected
    assert compiled.function("fib_static", INT, result=INT)(0) == expected


def test_a_loop_that_never_runs_leaves_no_code(native):
    module = ModuleBuilder()
    fb = module.function("nothing", [("ptr", "out")])
    with fb.loop(3, 3) as i:
        fb.store("i8", 1, fb.gep("i8", "%out", i))
    fb.ret()
    assembly = native(module.text()).assembly()
    assert "movb" not in assembly and "strb" not in assembly


def test_loop_with_step_and_single_iteration(native):
    module = ModuleBuilder()
    fb = module.function("mark", [("ptr", "out"), ("i64", "n")])
    with fb.loop(1, "%n", 3) as i:
        fb.store("i8", 1, fb.gep("i8", "%out", i))
    with fb.loop(0, 3, 4) as i:
        assert i == 0
        fb.store("i8", 7, fb.gep("i8", "%out", i))
    fb.ret()
    out = np.zeros(10, "u1")
    native(module.text()).function("mark", POINTER, INT)(out.ctypes.data, 8)
    assert out.tolist() == [7, 1, 0, 0, 1, 0, 0, 1, 0, 0]


def test_branches(native):
    module = ModuleBuilder()
    fb = module.function("pick", [("i64", "n")], "i64")
    slot = fb.alloca("i64")
    with fb.if_else(fb.cmp("sgt", "i64", "%n", 10)) as (yes, no):
        with yes:
            big = fb.mul("%n", 2)
        with no:
            small = fb.sub("%n", 1)
    fb.store("i64", fb.phi("i64", [(big, yes.end), (small, no.end)]), slot)
    with fb.if_(fb.cmp("eq", "i64", "%n", 5)):
        fb.store("i64", -1, slot)
    fb.ret("i64", fb.load("i64", slot))
    pick = native(module.text()).function("pick", INT, result=INT)
    assert [pick(n) for n in (3, 5, 11)] == [2, -1, 22]


@pytest.mark.parametrize("valid", [0, 1, 7, 8, 100])
def test_masked_memory(native, valid):
    module = ModuleBuilder()
    ty = "<8 x float>"
    for kind, count in (("static", min(valid, 8)), ("dynamic", "%n")):
        fb = module.function(f"double_{kind}", [("ptr", "x"), ("ptr", "out"), ("i64", "n")])
        mask = fb.mask_first(count, 8)
        x = fb.masked_load(ty, "%x", mask)
        fb.masked_store(ty, fb.fma(ty, x, literal(2.0, ty), fb.splat(literal(1.0, "float"), "float", 8)), "%out", mask)
        fb.ret()
    compiled = native(module.text())
    x = np.arange(8, dtype="f4")
    for kind in ("static", "dynamic"):
        out = np.zeros(8, "f4")
        compiled.function(f"double_{kind}", POINTER, POINTER, INT)(x.ctypes.data, out.ctypes.data, valid)
        expected = np.where(np.arange(8) < valid, 2 * x + 1, 0)
        np.testing.assert_array_equal(out, expected)


def test_constants_and_shuffles(native):
    module = ModuleBuilder()
    fb = module.function("f", [("ptr", "out")])
    table = module.constant("float", [1.0, 2.0, 3.0, 4.0])
    assert module.constant("float", [1.0, 2.0, 3.0, 4.0]) == table
    ty = vec("float", 4)
    x = fb.load(ty, table)
    y = fb.shuffle(ty, x, x, [3, 2, 1, 0])
    y = fb.insert(ty, y, fb.extract(ty, x, 1), 0)
    y = fb.select(fb.cmp("ogt", ty, y, fb.splat(literal(2.5, "float"), "float", 4)), ty, y, fb.fneg(ty, y))
    fb.store(ty, y, "%out")
    fb.ret()
    out = np.zeros(4, "f4")
    native(module.text()).function("f", POINTER)(out.ctypes.data)
    assert out.tolist() == [-2.0, 3.0, -2.0, -1.0]


def test_carried_values_must_be_given():
    fb = ModuleBuilder().function("f", [])
    with pytest.raises(ValueError, match="carries 1"), fb.loop_carry(0, 3, [("i64", 0)]):
        pass
