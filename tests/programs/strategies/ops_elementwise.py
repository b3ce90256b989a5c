"""Calls of elementwise ops: one array or two that broadcast, of every type, with parameters."""

from __future__ import annotations

from typing import Any

import numpy as np
from hypothesis import strategies as st

from strategies.ops_common import (
    Call,
    apart,
    axis,
    broadcast_pair,
    covers,
    dtype,
    floats,
    generator,
    halves,
    integers,
    maybe_empty,
    numbers,
    optional,
    pick,
    shape,
)

# Where a function is defined, and not so steep that float32 says little.
DOMAINS = {
    "arccos arcsin arctanh erfinv": (-0.9, 0.9),
    "arccosh": (1.1, 4.0),
    "log log10 log2 sqrt rsqrt reciprocal": (0.2, 4.0),
    "log1p": (-0.7, 3.0),
    "tan": (-1.3, 1.3),
    "relu6 hard_sigmoid hard_silu hard_swish": (-8.0, 8.0),
}
DOMAIN = {name: limits for names, limits in DOMAINS.items() for name in names.split()}

PLAIN = """
abs absolute arcsinh arctan cbrt ceil conj conjugate copy cos cosh deg2rad erf erfc exp exp2 expm1 fabs floor i0 imag
real
isfinite isinf isnan isneginf isposinf isreal logical_not negative rad2deg sigmoid sign signbit sin sinc sinh square
swish silu relu softplus softsign selu log_sigmoid sparse_plus sparse_sigmoid hard_tanh tanh tanh_shrink trunc angle
ones_like zeros_like stop_gradient
"""


@covers(PLAIN + " ".join(DOMAINS))
def unary(draw: Any, name: str) -> Call:
    # Some constants and signs of Keras's formulas wrap around in unsigned types.
    kind = dtype(draw) if name not in ("hard_tanh", "log_sigmoid") else dtype(draw, "int32", "int8")
    low, high = DOMAIN.get(name, (-2.0, 2.0))
    return Call(name, (numbers(draw, maybe_empty(draw), kind, low, high),), gradient=kind == "float32")


@covers("bitwise_not bitwise_invert")
def unary_of_integers(draw: Any, name: str) -> Call:
    return Call(name, (numbers(draw, maybe_empty(draw), pick(draw, "int32", "uint8", "int8", "bool"), -9, 9),))


PARAMETERS = {
    "celu": {"alpha": st.floats(0.3, 2.0)},
    "elu": {"alpha": st.floats(0.3, 2.0)},
    "leaky_relu": {"negative_slope": st.floats(0.0, 0.5)},
    "hard_shrink": {"threshold": st.floats(0.1, 1.5)},
    "soft_shrink": {"threshold": st.floats(0.1, 1.5)},
    "squareplus": {"b": st.integers(1, 5)},
    "gelu": {"approximate": st.booleans()},
    "round": {"decimals": st.integers(-1, 3)},
    "nan_to_num": {"nan": st.floats(-1, 1), "posinf": st.floats(5, 9), "neginf": st.floats(-9, -5)},
}


@covers(" ".join(PARAMETERS))
def unary_with_parameters(draw: Any, name: str) -> Call:
    x = floats(draw, maybe_empty(draw))
    if name == "nan_to_num":
        x = np.where(x > 1, np.float32("nan"), np.where(x < -1.5, np.float32("-inf"), x))
        x = np.where((x > 0.8) & (x < 1), np.float32("inf"), x)
    return Call(name, (x,), optional(draw, PARAMETERS[name]))


@covers("clip threshold")
def with_limits(draw: Any, name: str) -> Call:
    x = numbers(draw, maybe_empty(draw), dtype(draw, "int32") if name == "clip" else "float32", -5, 5)
    low = draw(st.floats(-3, 0, width=16)) if x.dtype.kind == "f" else draw(st.integers(-3, 0))
    high = draw(st.floats(0.25, 3, width=16)) if x.dtype.kind == "f" else draw(st.integers(1, 3))
    return Call(name, (x, low, high))


@covers("cast saturate_cast")
def casts(draw: Any, name: str) -> Call:
    x = numbers(draw, maybe_empty(draw), dtype(draw), *((-300, 300) if name == "saturate_cast" else (-9, 9)))
    names = ("float32", "float16", "bfloat16", "int32", "int8", "uint8", "bool")
    if name == "saturate_cast":  # from integers to floats Keras clips at limits that have overflowed
        names = names if x.dtype == np.float32 else ("int32", "int8", "uint8")
    target = pick(draw, *(n for n in names if n != "uint8" or name == "saturate_cast"))
    return Call(name, (x,), {"dtype": target}, gradient=target == "float32")


@covers("view")
def views(draw: Any, name: str) -> Call:
    x = floats(draw, shape(draw, 1))
    target = pick(draw, None, "int32", "uint32", "float32", "int16", "uint8", "bfloat16")
    return Call(name, (x,), {"dtype": target}, gradient=False)


@covers("sparsemax")
def sparsemax(draw: Any, name: str) -> Call:
    """Keras's threshold is wrong where more than one element is kept (its results do not add up to one)."""
    extents = shape(draw, 1)
    return Call(name, (apart(draw, extents, 1.1),), {"axis": axis(draw, len(extents))})


@covers("softmax log_softmax glu")
def along_an_axis(draw: Any, name: str) -> Call:
    extents = list(shape(draw, 1))
    where = axis(draw, len(extents))
    if name == "glu":
        extents[where] *= 2
    if name in ("softmax", "log_softmax") and len(extents) > 1 and draw(st.integers(0, 3)) == 0:
        return Call(name, (floats(draw, extents),), {"axis": tuple(sorted({where % len(extents), len(extents) - 1}))})
    return Call(name, (floats(draw, extents),), {"axis": where} if draw(st.integers(0, 3)) or name == "glu" else {})


NONZERO = "divide true_divide floor_divide mod fmod divide_no_nan"
ANY = f"""
add subtract multiply maximum minimum fmax fmin power arctan2 hypot logaddexp logaddexp2 {NONZERO}
"""


def _second(draw: Any, extents: tuple[int, ...], kind: str, low: float, high: float) -> Any:
    """An array, or a Python number now and then."""
    if draw(st.integers(0, 4)) == 0 and kind != "bool":
        value = draw(st.integers(max(1, int(low)), int(high)))
        return float(value) if draw(st.booleans()) else value
    return numbers(draw, extents, kind, low, high)


@covers(ANY)
def binary(draw: Any, name: str) -> Call:
    first, second = broadcast_pair(draw)
    a, b = dtype(draw), dtype(draw)
    low, high = {"power": (0.5, 3.0)}.get(name, (-4.0, 4.0))
    x, y = numbers(draw, first, a, low, high), _second(draw, second, b, low, high)
    if name in NONZERO.split() and isinstance(y, np.ndarray) and name != "divide_no_nan":
        y = np.where(np.abs(y) < 0.3, np.asarray(1.5, y.dtype), y) if y.dtype != bool else np.ones_like(y)
    if name == "divide_no_nan" and isinstance(y, np.ndarray):
        y = np.where(np.abs(y) < 1, np.zeros_like(y), y)
    return Call(name, (x, y), gradient=a == b == "float32")


@covers("equal not_equal less less_equal greater greater_equal isclose allclose")
def comparison(draw: Any, name: str) -> Call:
    first, second = broadcast_pair(draw)
    kwargs = {}
    if name in ("isclose", "allclose"):
        kwargs = optional(draw, {"rtol": st.floats(0, 0.3), "atol": st.floats(0, 0.6), "equal_nan": st.booleans()})
    x, y = (halves(draw, s) if draw(st.booleans()) else integers(draw, s) for s in (first, second))
    if kwargs.get("equal_nan") is not None and x.dtype == y.dtype == np.float32:
        x, y = (np.where(v > 1.5, np.float32("nan"), v) for v in (x, y))
    return Call(name, (x, y), kwargs, gradient=False)


@covers("logical_and logical_or logical_xor")
def logical(draw: Any, name: str) -> Call:
    first, second = broadcast_pair(draw)
    return Call(name, tuple(integers(draw, s, 0, 2, pick(draw, "bool", "int32")) for s in (first, second)))


@covers("bitwise_and bitwise_or bitwise_xor left_shift right_shift bitwise_left_shift bitwise_right_shift gcd lcm")
def of_integers(draw: Any, name: str) -> Call:
    first, second = broadcast_pair(draw)
    kind = pick(draw, "int32", "uint8", "int16")
    return Call(name, (integers(draw, first, 0, 20, kind), integers(draw, second, 0, 6, kind)))


@covers("heaviside nextafter ldexp")
def odd_ones(draw: Any, name: str) -> Call:
    first, second = broadcast_pair(draw)
    x = halves(draw, first) if name == "heaviside" else floats(draw, first)
    y = integers(draw, second, -3, 4) if name == "ldexp" else floats(draw, second)
    return Call(name, (x, y), gradient=name == "ldexp")


@covers("where")
def where(draw: Any, name: str) -> Call:
    first, second = broadcast_pair(draw)
    whole = np.broadcast_shapes(first, second)
    mask = integers(draw, whole[draw(st.integers(0, len(whole))) :], 0, 2, "bool")
    a, b = dtype(draw), dtype(draw)
    return Call(name, (mask, numbers(draw, first, a), numbers(draw, second, b)), gradient=a == b == "float32")


@covers("select")
def select(draw: Any, name: str) -> Call:
    extents, count = shape(draw, 1), draw(st.integers(1, 3))
    conditions = [integers(draw, extents, 0, 2, "bool") for _ in range(count)]
    return Call(name, (conditions, [floats(draw, extents) for _ in range(count)]), {"default": pick(draw, 0, 1.5)})


@covers("view_as_complex view_as_real polar")
def complex_pairs(draw: Any, name: str) -> Call:
    extents = shape(draw)
    if name == "polar":
        return Call(name, (floats(draw, extents, 0.2, 2.0), floats(draw, extents)), gradient=False)
    if name == "view_as_complex":
        return Call(name, (floats(draw, (*extents, 2)),), gradient=False)
    rng = generator(draw)
    return Call(name, (np.asarray(rng.normal(size=extents) + 1j * rng.normal(size=extents), "complex64"),), {}, False)
