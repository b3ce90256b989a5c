"""Doubles computed in integers: every result is that of the processor's own, bit by bit."""

import ctypes
import itertools

import numpy as np
import pytest

from pronghorn.engine.backends.aot import soft_floats, standins
from pronghorn.engine.runtime import objects
from pronghorn.engine.runtime.compile import compile_ir
from pronghorn.engine.runtime.machines import MACHINES

TYPES = {
    "d": ("float64", ctypes.c_uint64, "uint64"),
    "f": ("float32", ctypes.c_uint32, "uint32"),
    "i": ("int32", ctypes.c_int32, "int32"),
    "ui": ("uint32", ctypes.c_uint32, "uint32"),
    "l": ("int64", ctypes.c_int64, "int64"),
    "ul": ("uint64", ctypes.c_uint64, "uint64"),
}


@pytest.fixture(scope="module")
def functions():
    """All of them, by names that the process has no others for, as ctypes functions of integers."""
    text = soft_floats.definitions(soft_floats.NAMES).replace("@__aeabi_", "@own.")
    code = compile_ir(text.replace("internal arm_aapcscc ", ""), name="soft-floats", use_cache=False)

    def function(name, result, *arguments):
        return code.function(f"own.{name}", TYPES[result][1], *(TYPES[kind][1] for kind in arguments))

    return function


def numbers(kind, count):
    """Numbers of a type of floats: special ones, neighbours of powers of two, and any bits."""
    dtype, _, bits = TYPES[kind]
    info = np.finfo(dtype)
    special = [0.0, 0.5, 1.0, 1.5, 3.0, np.inf, np.nan, info.max, info.tiny, info.smallest_subnormal, 1 / 3]
    special += [float(info.tiny) * 0.75, 2.0**31, 2.0**32, 2.0**52 + 1, 2.0**62, 2.0**-60, 1e10]
    with np.errstate(all="ignore"):
        near = np.asarray(special, dtype)
        near = np.concatenate([near, np.nextafter(near, np.zeros((), dtype)), -near])
    rng = np.random.default_rng(0)
    drawn = rng.integers(0, 2 ** (8 * near.itemsize), count, bits, endpoint=False)
    return np.concatenate([near, drawn.view(dtype), rng.normal(size=count).astype(dtype)])


def same(found, expected):
    """Whether bits are those of a number; what is no number may be any of those."""
    return found == expected.view(f"uint{8 * expected.itemsize}") or (
        np.isnan(expected) and np.isnan(np.array(found, f"uint{8 * expected.itemsize}").view(expected.dtype))
    )


@pytest.mark.parametrize(
    ("name", "operation"), [("dadd", np.add), ("dsub", np.subtract), ("dmul", np.multiply), ("ddiv", np.divide)]
)
def test_arithmetic(functions, name, operation):
    function = functions(name, "d", "d", "d")
    values = numbers("d", 40)
    with np.errstate(all="ignore"):
        close = values * (1 + 2.0**-30)  # what subtracts to little
        for a, b in [*itertools.product(values, values), *zip(values, close)]:
            assert same(function(int(a.view("uint64")), int(b.view("uint64"))), operation(a, b)), (a, b)


@pytest.mark.parametrize(
    ("name", "operation"),
    [
        ("dcmpeq", np.equal),
        ("dcmplt", np.less),
        ("dcmple", np.less_equal),
        ("dcmpge", np.greater_equal),
        ("dcmpgt", np.greater),
        ("dcmpun", lambda a, b: np.isnan(a) | np.isnan(b)),
    ],
)
def test_comparisons(functions, name, operation):
    function = functions(name, "i", "d", "d")
    values = numbers("d", 10)
    for a, b in itertools.product(values, values):
        assert function(int(a.view("uint64")), int(b.view("uint64"))) == operation(a, b), (a, b)


@pytest.mark.parametrize(("source", "target"), ["fd", "df"])
def test_conversions_of_floats(functions, source, target):
    function = functions(f"{source}2{target}", target, source)
    with np.errstate(all="ignore"):
        wide = numbers("f", 3000).astype(TYPES[source][0])
        halfway = (wide * (1 + 2.0**-24)).astype(wide.dtype)
        values = np.concatenate([wide, numbers(source, 3000), np.nextafter(halfway, np.ones((), wide.dtype)), halfway])
        for a in values:
            assert same(function(int(a.view(TYPES[source][2]))), a.astype(TYPES[target][0])), a


@pytest.mark.parametrize(("source", "target"), [*itertools.product(["i", "ui", "l", "ul"], ["d", "f"])])
def test_integers_become_floats(functions, source, target):
    if (name := f"{source}2{target}") in ("i2f", "ui2f"):
        assert f"__aeabi_{name}" not in soft_floats.NAMES  # the processors do it
        return
    function = functions(name, target, source)
    dtype = TYPES[source][0]
    info = np.iinfo(dtype)
    ties = [2**k + (2 ** max(k - digits, 0)) + e for k in range(info.bits) for digits in (24, 53) for e in (-1, 0, 1)]
    values = [0, 1, 2, 3, info.min, info.max, info.max - 1, *ties, *(-x for x in ties)]
    values += np.random.default_rng(0).integers(info.min, info.max, 500, dtype).tolist()
    for x in (x for x in values if info.min <= x <= info.max):
        assert same(function(x), np.array(x, dtype).astype(TYPES[target][0])), x


@pytest.mark.parametrize(("source", "target"), [*itertools.product(["d", "f"], ["iz", "uiz", "lz", "ulz"])])
def test_floats_become_integers(functions, source, target):
    if (name := f"{source}2{target}") in ("f2iz", "f2uiz"):
        assert f"__aeabi_{name}" not in soft_floats.NAMES
        return
    kind = target.removesuffix("z")
    function = functions(name, kind, source)
    dtype = TYPES[kind][0]
    info = np.iinfo(dtype)
    drawn = np.random.default_rng(0).normal(size=300) * 10.0 ** np.arange(-2, 18).repeat(15)
    for x in np.concatenate([numbers(source, 300), drawn.astype(TYPES[source][0])]):
        if np.isfinite(x) and info.min <= int(x) <= info.max:
            assert function(int(x.view(TYPES[source][2]))) == int(x), x


def test_they_are_there_where_they_are_needed():
    text = "define double @f(double %x, float %y) nounwind {\n  %z = fpext float %y to double\n"
    text += "  %s = fdiv double %x, %z\n  ret double %s\n}\n"
    code = standins.compiled(text, MACHINES["thumbv7em"], "one")
    assert not objects.undefined(code) and objects.defined(code) == ["f"]
    assert b"aeabi_ddiv" in code and b"aeabi_dmul" not in code
