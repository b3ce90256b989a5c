"""Sine, cosine and tangent without a C library: of any float, to its last place."""

import ctypes

import numpy as np
import pytest

from pronghorn.engine.backends.aot import angles, standins
from pronghorn.engine.codegen.builder import ModuleBuilder
from pronghorn.engine.runtime import objects
from pronghorn.engine.runtime.compile import compile_ir
from pronghorn.engine.runtime.machines import MACHINES


@pytest.mark.parametrize("name", ["sin", "cos", "tan"])
def test_they_are_right_to_the_last_place(name):
    module = ModuleBuilder()
    angles.write(module, f"{name}f")
    text = module.text().replace(f"@{name}f(", "@own(").replace("define internal", "define")
    code = compile_ir(text, name="angles", use_cache=False)
    function = code.function("own", ctypes.c_float, ctypes.c_float)
    rng = np.random.default_rng(0)
    x = (rng.random(4000) * 2 - 1).astype("float32") * np.float32(2.0) ** rng.integers(-20, 128, 4000)
    near = (np.arange(1, 400) * (np.pi / 2)).astype("float32")
    edges = [2.0**20, np.nextafter(np.float32(2.0**20), np.float32(9e9)), np.finfo("float32").max, 1.6367e19, 0.0]
    x = np.concatenate([x, near, -near, near * np.float32(2.0**80), np.array(edges, "float32")])
    found = np.array([function(v) for v in x], "float32")
    exact = getattr(np, name)(x.astype("float64"))
    units = np.spacing(np.abs(exact).astype("float32")).astype("float64")
    assert (np.abs(found - exact) <= 0.51 * units).all()
    assert np.isnan([function(v) for v in (np.inf, -np.inf, np.nan)]).all()
    assert np.signbit(function(-0.0)) == (name != "cos")


def test_they_are_there_where_they_are_needed():
    text = "declare float @cosf(float)\ndefine float @f(float %x) nounwind {\n  %y = call float @cosf(float %x)\n"
    code = standins.compiled(text + "  ret float %y\n}\n", MACHINES["thumbv7em"], "one")
    assert not objects.undefined(code) and objects.defined(code) == ["f"] and b"sinf" not in code
