"""The NumPy backend, which says what primitives mean, against JAX's lax, SciPy and published vectors."""

import math

import jax
import numpy as np
import pytest
import scipy.linalg
import scipy.special
from cases import CASES
from jax import lax

from pronghorn.engine.backends.numpy import IMPLEMENTATIONS, special
from pronghorn.engine.backends.numpy.random import philox

jax.config.update("jax_platforms", "cpu")


def cases(*prims):
    return [pytest.param(c, id=c.id) for c in CASES if c.prim in prims]


def arguments(case):
    """The operands, with float64 as float32: JAX has no float64 unless asked."""
    return [a.astype(np.float32) if a.dtype == np.float64 else a for a in case.args()]


def call(case, args):
    return IMPLEMENTATIONS[case.prim](*args, **case.params)


def assert_close(found, expected):
    wide = [np.asarray(a) for a in (found, expected)]
    wide = [a.astype(np.complex128 if a.dtype.kind == "c" else np.float64) for a in wide]
    narrow = {"bfloat16": 2e-2, "float16": 4e-3}.get(np.asarray(found).dtype.name, 2e-5)
    np.testing.assert_allclose(*wide, rtol=narrow, atol=narrow * 4)


@pytest.mark.parametrize("case", cases("conv"))
def test_conv(case):
    x, w = arguments(case)
    if x.dtype == np.int32:
        x, w = x.astype(np.float32), w.astype(np.float32)
    p, spatial = case.params, "DHW"[-(x.ndim - 2) :]
    expected = lax.conv_general_dilated(
        x, w, p["strides"], p["padding"], rhs_dilation=p["dilation"], feature_group_count=p["groups"],
        dimension_numbers=(f"N{spatial}C", f"{spatial}IO", f"N{spatial}C"),
    )  # fmt: skip
    assert_close(call(case, [x, w]), expected)


@pytest.mark.parametrize("case", cases("conv_input_grad", "conv_filter_grad"))
def test_conv_gradients_are_transposes(case):
    """<conv(x, w), g> = <x, input_grad(g, w)> = <w, filter_grad(x, g)>."""
    if case.args()[0].dtype != np.float64:
        return
    rng = np.random.default_rng(0)
    how = {k: case.params[k] for k in ("strides", "padding", "dilation", "groups")}
    first, second = case.args()
    if case.prim == "conv_input_grad":
        g, w, x = first, second, rng.normal(size=case.params["input_shape"])
        pairs = (x, call(case, [g, w]))
    else:
        x, g, w = first, second, rng.normal(size=case.params["kernel_shape"])
        pairs = (w, call(case, [x, g]))
    assert np.sum(pairs[0] * pairs[1]) == pytest.approx(np.sum(IMPLEMENTATIONS["conv"](x, w, **how) * g))


def test_zeros_around_a_gradient_count_as_in_jax():
    """An infinite tap that meets the border of the gradient is NaN there, as XLA has it without strides."""
    how = {"strides": (1, 1), "padding": ((1, 0), (0, 0)), "dilation": (1, 2), "groups": 1}
    x, w = np.ones((2, 6, 7, 3), np.float32), np.ones((3, 2, 3, 4), np.float32)
    w[0, 1, 2, 0], w[2, 0, 0, 1] = np.inf, np.nan

    def conv(x):
        layout = ("NHWC", "HWIO", "NHWC")
        return lax.conv_general_dilated(x, w, (1, 1), how["padding"], rhs_dilation=(1, 2), dimension_numbers=layout)

    y, transpose = jax.vjp(conv, x)
    g = np.ones(y.shape, np.float32)
    with np.errstate(all="ignore"):
        found = IMPLEMENTATIONS["conv_input_grad"](g, w, input_shape=x.shape, **how)
    np.testing.assert_array_equal(found, transpose(g)[0])


@pytest.mark.parametrize("case", cases("dot_general"))
def test_dot_general(case):
    x, y = arguments(case)
    numbers = (case.params["contract"], case.params["batch"])
    assert_close(call(case, [x, y]), lax.dot_general(x, y, numbers))


def lax_window(x, how, kind):
    combine, start = {"window_sum": (lax.add, 0.0), "window_max": (lax.max, -np.inf)}[kind]
    window, strides, padding = how["window"], how["strides"], how["padding"]
    x = x.astype(np.float32)
    return lax.reduce_window(x, start, combine, window, strides, padding, window_dilation=how["dilation"])


@pytest.mark.parametrize("case", cases("window_sum", "window_max"))
def test_window(case):
    (x,) = arguments(case)
    assert_close(call(case, [x]), lax_window(x, case.params, case.prim))


@pytest.mark.parametrize("case", cases("window_argmax"))
def test_window_argmax_points_at_the_maximum(case):
    (x,) = arguments(case)
    position = call(case, [x])
    read = IMPLEMENTATIONS["pool_gather"](x, position, **case.params)
    np.testing.assert_array_equal(read, IMPLEMENTATIONS["window_max"](x, **case.params))


def test_window_argmax_takes_the_first_and_never_padding():
    how = {"window": (3,), "strides": (2,), "padding": ((1, 1),), "dilation": (1,)}
    x = np.float32([-np.inf, -np.inf, 5, 5, 1])
    assert IMPLEMENTATIONS["window_argmax"](x, **how).tolist() == [1, 1, 0]


@pytest.mark.parametrize("case", cases("reduce_sum", "reduce_prod", "reduce_max", "reduce_min"))
def test_reductions(case):
    (x,) = arguments(case)
    plain = {"reduce_sum": np.sum, "reduce_prod": np.prod, "reduce_max": np.max, "reduce_min": np.min}
    if x.size == 0:
        low, high = (-np.inf, np.inf) if x.dtype.kind == "f" else (np.iinfo(x.dtype).min, np.iinfo(x.dtype).max)
        neutral = {"reduce_sum": 0, "reduce_prod": 1, "reduce_max": low, "reduce_min": high}[case.prim]
        found = call(case, [x])
        assert found.dtype == x.dtype and np.all(found == neutral)
        return
    wide = x if x.dtype.kind in "iuc" else x.astype(np.float64)
    expected = plain[case.prim](wide, axis=case.params["axes"]).astype(x.dtype)
    assert_close(call(case, [x]), expected)


@pytest.mark.parametrize("case", cases("cumsum", "cumprod", "cummax", "cummin"))
def test_cumulative(case):
    (x,) = arguments(case)
    assert_close(call(case, [x]), getattr(lax, case.prim)(x, case.params["axis"], case.params["reverse"]))


@pytest.mark.parametrize("case", cases("sort"))
def test_sort(case):
    args = arguments(case)
    expected = lax.sort(tuple(args), case.params["axis"], is_stable=True, num_keys=case.params["num_keys"])
    for a, b in zip(call(case, args), expected):
        np.testing.assert_array_equal(a.astype(np.float64), np.asarray(b).astype(np.float64))


@pytest.mark.mostly_slow(every=3)
@pytest.mark.parametrize("case", cases("scatter"))
def test_scatter(case):
    x, indices, updates = arguments(case)
    at = jax.numpy.asarray(x).at[np.where(indices < 0, x.shape[0] + 9, indices)]
    mode = {"mul": "multiply"}.get(case.params["mode"], case.params["mode"])
    if mode == "set":  # JAX leaves open which of several writes wins
        expected = x.copy()
        for k in np.ndindex(indices.shape):
            if 0 <= indices[k] < x.shape[0]:
                expected[indices[k]] = updates[k]
    else:
        expected = getattr(at, mode)(updates, mode="drop")
    assert_close(call(case, [x, indices, updates]), expected)


@pytest.mark.parametrize("case", cases("take"))
def test_take(case):
    x, indices = arguments(case)
    expected = np.take(x, np.clip(indices.astype(np.int64), 0, x.shape[case.params["axis"]] - 1), case.params["axis"])
    np.testing.assert_array_equal(call(case, [x, indices]), expected)


@pytest.mark.parametrize("case", cases("pad"))
def test_pad(case):
    x, fill = arguments(case)
    config = list(zip(case.params["low"], case.params["high"], case.params["interior"]))
    np.testing.assert_array_equal(call(case, [x, fill]), np.asarray(lax.pad(x, fill, config)))


@pytest.mark.parametrize("case", cases("dynamic_slice", "dynamic_update_slice"))
def test_dynamic_slices(case):
    args = arguments(case)
    # lax counts negative starts from the end; ours are clamped like those beyond the end.
    args = [np.maximum(a, 0) if a.ndim == 0 and a.dtype == np.int32 else a for a in args]
    if case.prim == "dynamic_slice":
        expected = lax.dynamic_slice(args[0], args[1:], case.params["sizes"])
    else:
        expected = lax.dynamic_update_slice(args[0], args[1], args[2:])
    np.testing.assert_array_equal(call(case, arguments(case)), expected)


@pytest.mark.parametrize("case", cases("cast"))
def test_cast(case):
    (x,) = case.args()
    if "64" in case.id:
        return  # JAX has no 64-bit types unless asked
    found = call(case, [x])
    if x.dtype.kind != "c":
        expected = np.asarray(lax.convert_element_type(x, found.dtype))
        np.testing.assert_array_equal(found.astype(np.complex128), expected.astype(np.complex128))


def test_cast_of_doubles_to_long_integers():
    x = np.array([9.3e18, -9.3e18, 1e18, -2.7, np.nan])
    found = IMPLEMENTATIONS["cast"](x, dtype="int64")
    assert found.tolist() == [2**63 - 1, -(2**63), 10**18, -2, 0]


def test_integer_arithmetic_at_the_edges():
    names = ("div", "rem", "pow", "shift_left", "shift_right")
    div, rem, power, left, right = (IMPLEMENTATIONS[n] for n in names)
    a = np.array([7, -7, 7, -7, 3], np.int32)
    b = np.array([2, 2, -2, -2, 0], np.int32)
    assert div(a, b).tolist() == [3, -4, -4, 3, 0]
    assert rem(a, b).tolist() == [1, -1, 1, -1, 0]
    base, exponent = np.array([2, -1, 1, 3, -1], np.int32), np.array([-1, -3, -5, 4, -2], np.int32)
    assert power(base, exponent).tolist() == [0, -1, 1, 81, 1]
    assert left(np.int32([1, 1, 1]), np.int32([4, 31, 40])).tolist() == [16, -(2**31), 0]
    assert right(np.int32([-8, -8, 8]), np.int32([1, 99, 99])).tolist() == [-4, -1, 0]


# -- special functions ------------------------------------------------------------------------------------------------
@pytest.mark.parametrize(
    ("name", "reference", "points", "absolute"),
    [
        ("erf", scipy.special.erf, np.linspace(-7, 7, 4001), 0),
        ("erf", scipy.special.erf, np.logspace(-300, 0, 301), 0),
        ("erfc", scipy.special.erfc, np.linspace(-7, 5, 4001), 0),
        ("erfinv", scipy.special.erfinv, np.linspace(-0.99999, 0.99999, 4001), 1e-300),
        ("erfinv", scipy.special.erfinv, 1 - np.logspace(-15, -1, 57), 0),
        ("lgamma", scipy.special.gammaln, np.linspace(0.01, 40, 4001), 1e-13),
        ("lgamma", scipy.special.gammaln, np.linspace(-5.95, -0.05, 301), 1e-11),
        ("digamma", scipy.special.digamma, np.linspace(0.01, 40, 4001), 1e-13),
        ("digamma", scipy.special.digamma, np.linspace(-5.951, -0.05, 301), 1e-10),
    ],
)
def test_special_functions(name, reference, points, absolute):
    np.testing.assert_allclose(IMPLEMENTATIONS[name](points), reference(points), rtol=2e-14, atol=absolute)
    single = points.astype(np.float32)
    expected = reference(single.astype(np.float64))
    absolute = max(absolute, 1e-44 if name in ("erf", "erfc") else 2e-7)
    np.testing.assert_allclose(IMPLEMENTATIONS[name](single), expected, rtol=2e-7, atol=absolute)


def test_small_values_of_erfc():
    points = np.linspace(5, 27, 501)
    expected = [math.erfc(x) for x in points]
    np.testing.assert_allclose(IMPLEMENTATIONS["erfc"](points), expected, rtol=1e-13, atol=5e-324)


def test_special_functions_at_the_edges():
    def value(name, x):
        return float(IMPLEMENTATIONS[name](np.asarray(x)))

    assert value("erf", math.inf) == 1 and value("erf", -math.inf) == -1 and math.isnan(value("erf", math.nan))
    assert value("erfc", math.inf) == 0 and value("erfc", -math.inf) == 2 and math.isnan(value("erfc", math.nan))
    assert value("erfinv", 1.0) == math.inf and value("erfinv", -1.0) == -math.inf
    assert math.isnan(value("erfinv", 1.5)) and value("erfinv", 0.0) == 0
    assert value("lgamma", 0.0) == math.inf and value("lgamma", -3.0) == math.inf and value("lgamma", 1e308) == math.inf
    assert math.isnan(value("digamma", 0.0)) and math.isnan(value("digamma", -2.0))
    assert special.erf(np.float32(0.5)).dtype == np.float32


# -- random -----------------------------------------------------------------------------------------------------------
# Published with the generator (Random123, file kat_vectors: "philox4x32 10").
PHILOX_VECTORS = [
    ((0, 0, 0, 0), (0, 0), (0x6627E8D5, 0xE169C58D, 0xBC57AC4C, 0x9B00DBD8)),
    ((0xFFFFFFFF,) * 4, (0xFFFFFFFF,) * 2, (0x408F276D, 0x41C83B0E, 0xA20BC7C6, 0x6D5451FD)),
    (
        (0x243F6A88, 0x85A308D3, 0x13198A2E, 0x03707344),
        (0xA4093822, 0x299F31D0),
        (0xD16CFE09, 0x94FDCCEB, 0x5001E420, 0x24126EA1),
    ),
]


@pytest.mark.parametrize(("counter", "key", "expected"), PHILOX_VECTORS)
def test_philox(counter, key, expected):
    words = tuple(np.asarray([c], np.uint64) for c in counter)
    assert tuple(int(w[0]) for w in philox(words, key)) == expected


def test_random_bits_depend_on_position_alone():
    bits = IMPLEMENTATIONS["random_bits"]
    key = np.uint32([5, 6])
    long, short = bits(key, shape=(100,)), bits(key, shape=(3, 4))
    np.testing.assert_array_equal(long[:12], short.reshape(-1))
    assert len(set(long.tolist())) == 100


# -- linear algebra ---------------------------------------------------------------------------------------------------
@pytest.mark.parametrize("case", cases("lu"))
def test_lu(case):
    (x,) = case.args()
    packed, pivots = call(case, [x])
    for index in np.ndindex(x.shape[:-2]):
        expected, rows = scipy.linalg.lu_factor(x[index])
        assert_close(packed[index], expected)
        np.testing.assert_array_equal(pivots[index], rows)


def test_lu_of_a_singular_matrix():
    x = np.array([[0.0, 1.0], [0.0, 2.0]])
    packed, pivots = IMPLEMENTATIONS["lu"](x)
    assert np.isfinite(packed).all() and pivots.tolist() == [0, 1]


@pytest.mark.parametrize("case", cases("triangular_solve"))
def test_triangular_solve(case):
    a, b = case.args()
    triangle = np.tril(a) if case.params["lower"] else np.triu(a)
    if case.params["transpose"]:
        triangle = np.swapaxes(triangle, -1, -2)
    assert_close(triangle @ call(case, [a, b]), b)


@pytest.mark.parametrize("case", cases("svd", "qr", "eigh", "eig", "cholesky"))
def test_factors_multiply_to_the_matrix(case):
    (x,) = case.args()
    out = call(case, [x])
    if case.prim == "cholesky":
        product = out @ np.swapaxes(out, -1, -2)
    elif case.prim == "qr":
        product = out[0] @ out[1]
    elif case.prim == "svd":
        if not case.params["compute_uv"]:
            return
        k = out[1].shape[-1]
        product = out[0][..., :k] * out[1][..., None, :] @ out[2][..., :k, :]
    else:
        product = out[1] * out[0][..., None, :] @ np.linalg.inv(out[1])
    assert_close(product, x)


def test_cholesky_of_what_is_not_positive_definite_is_nan():
    x = np.stack([np.eye(2), -np.eye(2)])
    found = IMPLEMENTATIONS["cholesky"](x)
    np.testing.assert_array_equal(found[0], np.eye(2))
    assert np.isnan(found[1]).all()


def test_narrow_floats_accumulate_in_float32():
    """A sum of 4096 ones in bfloat16 would stick at 256."""
    from ml_dtypes import bfloat16

    ones = np.ones((1, 4096), bfloat16)
    dot = IMPLEMENTATIONS["dot_general"](ones, ones.T.copy(), contract=((1,), (0,)), batch=((), ()))
    assert float(dot[0, 0]) == 4096 and dot.dtype == bfloat16
    assert float(IMPLEMENTATIONS["reduce_sum"](ones, axes=(0, 1))) == 4096
