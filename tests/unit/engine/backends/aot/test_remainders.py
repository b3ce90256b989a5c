"""The remainder of floats: that of the C library, bit by bit."""

import itertools

import numpy as np
import pytest

from pronghorn.engine.backends.aot import remainders
from pronghorn.engine.codegen.builder import ModuleBuilder
from pronghorn.engine.runtime.compile import compile_ir

SPECIAL = (0.0, 1.0, 3.0, 0.1, 1e-3, 1e30, 3.4e38, 1e-38, 1.5e-45, 5e-324, 1e308, 2.0**-149, 2.0**-126, np.inf, np.nan)


@pytest.mark.parametrize(("dtype", "name"), [("float32", "fmodf"), ("float64", "fmod")])
def test_it_is_that_of_the_c_library(dtype, name):
    module = ModuleBuilder()
    remainders.write(module, name)
    text = module.text().replace("define internal", "define").replace(f"@{name}(", "@remainder_of(")
    code = compile_ir(text, name="remainders", use_cache=False)
    kind = np.ctypeslib.as_ctypes_type(np.dtype(dtype))
    function = code.function("remainder_of", kind, kind, kind)
    rng = np.random.default_rng(0)
    drawn = rng.normal(size=300) * 2.0 ** rng.integers(-120, 120, 300)
    with np.errstate(over="ignore"):
        numbers = np.concatenate([SPECIAL, drawn]).astype(dtype)
    pairs = [*itertools.product([*numbers[:25], *-numbers[:25]], repeat=2), *zip(numbers[20::2], numbers[21::2])]
    with np.errstate(invalid="ignore"):
        for x, y in pairs:
            mine, its = function(float(x), float(y)), np.fmod(*np.array([x, y], dtype))
            same = np.isnan(mine) if np.isnan(its) else np.array(mine, dtype).tobytes() == its.tobytes()
            assert same, (x, y, mine, its)
