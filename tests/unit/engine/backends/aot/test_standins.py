"""What stands in for a compiler's library: right for every number, and there where it is needed alone."""

import ctypes
import itertools

import numpy as np
import pytest

from pronghorn.engine.backends.aot import divisions, standins
from pronghorn.engine.runtime import objects
from pronghorn.engine.runtime.compile import compile_ir
from pronghorn.engine.runtime.machines import MACHINES

NUMBERS = [0, 1, 2, 3, 7, 10, 2**31, 2**32 - 1, 2**32, 2**53 + 1, 2**62 + 12345, 2**63 - 1, 12345678901234567]


def functions(text, names, result, *arguments):
    """Functions of a module by other names, as this process may have these, and the module, which has to stay."""
    for name in names:
        text = text.replace(f"@{name}(", f"@own.{name}(").replace("define internal", "define")
    code = compile_ir(text, name="stand-ins", use_cache=False)
    return [code.function(f"own.{name}", result, *arguments) for name in names], code


def test_divisions():
    names = ["__divdi3", "__moddi3", "__udivdi3", "__umoddi3"]
    found, _code = functions(divisions.definitions(names), names, ctypes.c_int64, *[ctypes.c_int64] * 2)
    for n, d in itertools.product([*NUMBERS, *(-n for n in NUMBERS), -(2**63)], [x for x in NUMBERS if x] + [-1, -7]):
        if (n, d) == (-(2**63), -1):
            continue  # has no quotient
        quotient = abs(n) // abs(d) * (1 if (n < 0) == (d < 0) else -1)
        whole = [x % 2**64 for x in (n, d)]
        expected = [quotient, n - quotient * d, whole[0] // whole[1], whole[0] % whole[1]]
        assert [f(n, d) % 2**64 for f in found] == [x % 2**64 for x in expected], (n, d)


@pytest.mark.parametrize("name", ["floor", "ceil", "trunc", "roundeven"])
def test_roundings(name):
    text = standins._definitions([name, f"{name}f"]).split("@llvm.used")[0]
    single, _code = functions(text, [f"{name}f"], ctypes.c_float, ctypes.c_float)
    double, _other = functions(text, [name], ctypes.c_double, ctypes.c_double)
    numpys = getattr(np, {"roundeven": "rint"}.get(name, name))
    for x in (0.0, -0.0, 0.5, 1.5, 2.5, 1e9, 2.0**23 - 0.5, 4503599627370495.5, 1e300, np.inf, np.nan, 0.49999997):
        for signed in (x, -x):
            for (function,), dtype in ((single, "float32"), (double, "float64")):
                with np.errstate(over="ignore"):
                    number = np.dtype(dtype).type(signed)
                mine = np.dtype(dtype).type(function(number))
                assert mine.tobytes() == numpys(number).tobytes() or (np.isnan(mine) and np.isnan(number)), signed


@pytest.mark.parametrize("name", ["armv7", "x86-64-v3"])
def test_they_are_there_where_they_are_needed(name):
    text = "define i64 @f(i64 %x, i64 %y) nounwind {\n  %z = udiv i64 %x, %y\n  ret i64 %z\n}\n"
    text += "define float @g(float %x, float %y) nounwind {\n  %z = frem float %x, %y\n  ret float %z\n}\n"
    code = standins.compiled(text, MACHINES[name], "two")
    assert not objects.undefined(code) and sorted(objects.defined(code)) == ["f", "g"]
    assert (b"uldivmod" in code) == (name == "armv7") and b"fmodf" in code and b"floor" not in code
