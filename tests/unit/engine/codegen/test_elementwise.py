"""Every elementwise primitive on every type against the NumPy backend, on scalars and on vectors of all machines."""

from __future__ import annotations

import numpy as np
import pytest

from pronghorn.engine.backends.numpy import IMPLEMENTATIONS
from pronghorn.engine.codegen.arguments import base_pointer, start_kernel
from pronghorn.engine.codegen.builder import ModuleBuilder
from pronghorn.engine.codegen.convert import storage_type
from pronghorn.engine.codegen.elementwise import emit_elementwise
from pronghorn.engine.codegen.values import load_value, store_value, value_type
from pronghorn.engine.graph import dtypes
from pronghorn.engine.graph.ir import Aval
from pronghorn.engine.graph.primitives.registry import PRIMITIVES
from pronghorn.engine.runtime.host import named_target

N = 320
DTYPES = dtypes.BOOL + dtypes.INTEGER + dtypes.FLOAT
COMPLEX_ONLY = ("real", "imag", "conj", "complex")
NAMES = sorted(p.name for p in PRIMITIVES.values() if p.elementwise and p.name not in COMPLEX_ONLY)
# Results that leave no choice; the other functions may differ from NumPy's in the last places.
EXACT = {
    "abs", "add", "bitcast", "cast", "ceil", "div", "floor", "max", "min", "mul", "neg", "nextafter", "rem", "round",
    "select", "sign", "sqrt", "stop_gradient", "sub",
}  # fmt: skip
# These cancel near their zeros: the error counts against 1 there.
CANCELLING = ("digamma", "lgamma")
SPECIAL = (0.0, -0.0, np.inf, -np.inf, np.nan, 0.5, 1.5, 2.5, -0.5, -1.5, -2.5, 1.0, -1.0, 1e-7, 1e-40, 1e30, 3e9, -3e9)


def sample(dtype: str, seed: int) -> np.ndarray:
    rng = np.random.default_rng(seed)
    kind = dtypes.to_numpy(dtype)
    if dtype == "bool":
        return rng.integers(0, 2, N).astype(bool)
    if dtype in dtypes.INTEGER:
        info = np.iinfo(kind)
        whole = rng.integers(info.min, info.max, N, dtype=kind, endpoint=True)
        small = rng.integers(max(info.min, -9), 20, N).astype(kind)
        x = np.where(rng.random(N) < 0.5, whole, small)
        x[:10] = [0, 1, info.max, info.min, info.max - 1, info.min + 1, 2, 3, 0, info.min]
        return rng.permutation(x)
    x = rng.normal(size=N) * np.exp(rng.uniform(-6, 6, N))
    x[: len(SPECIAL)] = SPECIAL
    with np.errstate(over="ignore"):
        return rng.permutation(x).astype(kind)


def build(name: str, dtypes_in: list[str], out: str, lanes: int, params: dict, target: str) -> ModuleBuilder:
    module = ModuleBuilder()
    module.target = named_target(target)
    fb = start_kernel(module, "k")
    inputs = [base_pointer(fb, slot) for slot in range(len(dtypes_in))]
    result = base_pointer(fb, len(dtypes_in))
    with fb.loop("%begin", "%end", lanes) as i:
        args = [load_value(fb, d, fb.gep(storage_type(d), x, i), lanes) for d, x in zip(dtypes_in, inputs)]
        value = emit_elementwise(fb, name, args, dtypes_in, out, lanes, params)
        store_value(fb, out, value, fb.gep(storage_type(out), result, i), lanes)
    fb.ret()
    return module


def run(kernel, name: str, arrays: list[np.ndarray], out: str, lanes: int, params: dict, target: str) -> np.ndarray:
    module = build(name, [dtypes.name_of(a.dtype) for a in arrays], out, lanes, params, target)
    result = np.empty(arrays[0].shape, dtypes.to_numpy(out))
    kernel(module, target)([*arrays, result], [], arrays[0].size)
    return result


def cases(name: str, dtype: str) -> list[tuple[list[str], str, dict]]:
    """(operand types, result type, parameters) of the primitive on this type; none if it has no meaning there."""
    primitive = PRIMITIVES[name]
    if name == "select":
        return [(["bool", dtype, dtype], dtype, {})]
    if name in ("cast", "bitcast"):
        fitting = [d for d in DTYPES if name == "cast" or dtypes.itemsize(d) == dtypes.itemsize(dtype)]
        return [([dtype], d, {"dtype": d}) for d in fitting]
    for count in (1, 2):
        try:
            (out,) = primitive.infer([Aval((N,), dtype)] * count, {})
            return [([dtype] * count, out.dtype, {})]
        except (TypeError, ValueError):
            continue
    return []


def assert_close(got: np.ndarray, want: np.ndarray, ulps: float, label: str, least: float = 1e-37) -> None:
    if dtypes.name_of(want.dtype) not in dtypes.FLOAT:
        np.testing.assert_array_equal(got, want, label)
        return
    spacing = {"float64": 2.0**-52, "float32": 2.0**-23, "float16": 2.0**-10, "bfloat16": 2.0**-7}
    with np.errstate(all="ignore"):
        g, w = got.astype(np.float64), want.astype(np.float64)
        tolerance = ulps * spacing[dtypes.name_of(want.dtype)] * np.maximum(np.abs(w), least)
        good = (g == w) | (np.isnan(g) & np.isnan(w)) | (np.abs(g - w) <= tolerance)
    bad = np.flatnonzero(~good)[:4]
    assert not bad.size, f"{label}: got {got[bad]}, expected {want[bad]}"


def check(kernel, name: str, dtype: str, lanes: int, target: str) -> None:
    for operands, out, params in cases(name, dtype):
        arrays = [sample(d, seed) for seed, d in enumerate(operands)]
        if name == "bitcast" and out == "bool":
            arrays = [(arrays[0].view(np.uint8) & 1).view(arrays[0].dtype)]
        want = IMPLEMENTATIONS[name](*arrays, **params)
        got = run(kernel, name, arrays, out, lanes, params, target)
        narrow = out in ("float16", "bfloat16")
        ulps = 0 if name in EXACT else 1 if narrow else 4
        label = f"{name} of {operands} to {out}, {lanes} lanes, {target}"
        assert_close(got, want, ulps, label, 1.0 if name in CANCELLING else 1e-37)


@pytest.mark.mostly_slow("16-")
@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("lanes", [1, 16])
def test_native(kernel, name: str, lanes: int) -> None:
    for dtype in DTYPES:
        check(kernel, name, dtype, lanes, "native")


@pytest.mark.mostly_slow(every=5)
@pytest.mark.parametrize("target, lanes", [("sse2", 4), ("avx2", 8), ("avx512", 32)])
@pytest.mark.parametrize(
    "name", ["add", "max", "div", "rem", "round", "floor", "exp", "log", "tanh", "pow", "sin", "erf"]
)
def test_narrower_machines(kernel, name: str, target: str, lanes: int) -> None:
    for dtype in ("float32", "float64", "float16", "bfloat16", "int32", "uint8"):
        check(kernel, name, dtype, lanes, target)


@pytest.mark.mostly_slow(every=4)
@pytest.mark.parametrize("target, lanes", [("sse2", 4), ("avx2", 8), ("avx512", 16)])
@pytest.mark.parametrize("dtype", ["float32", "float64", "float16", "bfloat16", "int64", "uint32", "bool"])
def test_casts_of_narrower_machines(kernel, dtype: str, target: str, lanes: int) -> None:
    check(kernel, "cast", dtype, lanes, target)


def test_halves_are_rounded_once_from_double(kernel) -> None:
    # Just above the middle of two neighbours: through float32 it would land on the middle and be rounded to even.
    x = np.array([1 + 2.0**-11 + 2.0**-40, 65520 - 2.0**-20, 2.0**-25 + 2.0**-60, -1 - 2.0**-11 - 2.0**-45])
    for target in ("native", "sse2"):
        got = run(kernel, "cast", [x], "float16", 1, {"dtype": "float16"}, target)
        np.testing.assert_array_equal(got, x.astype(np.float16))


def test_every_half_survives_a_round_trip(kernel) -> None:
    bits = np.arange(1 << 16, dtype=np.uint16)
    for dtype in ("float16", "bfloat16"):
        x = bits.view(dtypes.to_numpy(dtype))
        for target in ("native", "sse2"):
            wide = run(kernel, "cast", [x], "float32", 16, {"dtype": "float32"}, target)
            np.testing.assert_array_equal(wide, x.astype(np.float32))
            back = run(kernel, "cast", [wide], dtype, 16, {"dtype": dtype}, target)
            number = ~np.isnan(wide)
            np.testing.assert_array_equal(back.view(np.uint16)[number], bits[number])
            assert np.isnan(back[~number].astype(np.float32)).all()


def _references():
    special = pytest.importorskip("scipy.special")
    return {
        "exp": np.exp, "expm1": np.expm1, "log": np.log, "log1p": np.log1p, "tanh": np.tanh, "sin": np.sin,
        "cos": np.cos, "tan": np.tan, "logistic": special.expit, "rsqrt": lambda x: 1 / np.sqrt(x),
        "erf": special.erf, "erfc": special.erfc, "erfinv": special.erfinv,
    }  # fmt: skip


@pytest.mark.parametrize(
    "name", ["exp", "expm1", "log", "log1p", "tanh", "sin", "cos", "tan", "logistic", "rsqrt", "erf", "erfc", "erfinv"]
)
@pytest.mark.parametrize("target", ["native", "sse2"])
def test_single_precision_is_good_to_three_last_places(kernel, name: str, target: str) -> None:
    rng = np.random.default_rng(0)
    scales = (1e-30, 1e-6, 1e-3, 0.1, 1, 10, 100, 1e5)
    parts = [rng.normal(size=2000) * s for s in scales] + [
        rng.uniform(-1, 1, 4000),
        2.0 ** rng.uniform(-126, 127, 4000),
    ]
    x = np.concatenate(parts).astype(np.float32)
    with np.errstate(all="ignore"):
        want = _references()[name](x.astype(np.float64))
        got = run(kernel, name, [x], "float32", 16, {}, target).astype(np.float64)
        smallest = float(np.finfo(np.float32).tiny)
        error = np.abs(got - want) / np.maximum(np.abs(want), smallest) * 2.0**23
        overflow = np.abs(want) > np.finfo(np.float32).max
        good = (
            (error <= 3)
            | (np.abs(got - want) < smallest)
            | (np.isnan(got) & np.isnan(want))
            | (got == want)
            | (overflow & np.isinf(got))
        )
    assert good.all(), (x[~good][:5], got[~good][:5], want[~good][:5])


def test_powers_follow_c(kernel) -> None:
    values = [0.0, -0.0, 1.0, -1.0, 2.0, -2.0, 0.5, -0.5, 3.0, -3.0, np.inf, -np.inf, np.nan, 1e-40, 2.5]
    for dtype in (np.float32, np.float64):
        x, y = (a.ravel().astype(dtype) for a in np.meshgrid(values, values))
        with np.errstate(all="ignore"):
            want = np.power(x, y)
        got = run(kernel, "pow", [x, y], np.dtype(dtype).name, 1, {}, "native")
        np.testing.assert_allclose(got, want, rtol=3e-7 if dtype == np.float32 else 1e-15, atol=1e-44)
        np.testing.assert_array_equal(np.signbit(got)[~np.isnan(want)], np.signbit(want)[~np.isnan(want)])


def test_signs_of_zero(kernel) -> None:
    x = np.array([-0.0, 0.0], np.float32)
    for name in ("sin", "tan", "tanh", "expm1", "log1p", "erf", "erfinv", "floor", "ceil", "round", "sqrt"):
        for target in ("native", "sse2"):
            got = run(kernel, name, [x], "float32", 2, {}, target)
            np.testing.assert_array_equal(np.signbit(got), [True, False], name)


def test_masked_memory_is_left_alone(kernel) -> None:
    lanes = 8
    for dtype in DTYPES:
        module = ModuleBuilder()
        module.target = named_target("native")
        fb = start_kernel(module, "k")
        x, y = base_pointer(fb, 0), base_pointer(fb, 1)
        mask = fb.mask_first("%end", lanes)
        store_value(fb, dtype, load_value(fb, dtype, x, lanes, mask), y, lanes, mask)
        fb.ret()
        x_array = sample(dtype, 3)[:lanes]
        y_array = sample(dtype, 4)[:lanes]
        want = np.where(np.arange(lanes) < 5, x_array, y_array)
        kernel(module)([x_array, y_array], [], 5)
        np.testing.assert_array_equal(y_array.view(np.uint8), want.astype(y_array.dtype).view(np.uint8))


def test_a_maximum_with_a_constant_needs_no_test_for_nan(kernel) -> None:
    module = ModuleBuilder()
    fb = start_kernel(module, "k")
    x = load_value(fb, "float32", base_pointer(fb, 0), 8)
    zero = fb.literal(0.0, value_type("float32", 8))
    result = emit_elementwise(fb, "max", [zero, x], ["float32"] * 2, "float32", 8, {})
    store_value(fb, "float32", result, base_pointer(fb, 1), 8)
    fb.ret()
    run_it = kernel(module)
    array = np.array([-1, 2, np.nan, -0.0, 5, -np.inf, np.inf, 0], np.float32)
    out = np.empty_like(array)
    run_it([array, out], [], 1)
    np.testing.assert_array_equal(out, np.maximum(array, 0))
    assert "cmpunord" not in run_it.compiled.assembly()


def test_complex_numbers_are_refused() -> None:
    fb = ModuleBuilder().function("f", [])
    with pytest.raises(NotImplementedError, match="add of complex64"):
        emit_elementwise(fb, "add", ["%x", "%y"], ["complex64"] * 2, "complex64", 1, {})
