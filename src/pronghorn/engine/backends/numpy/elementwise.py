"""Elementwise primitives: one NumPy expression each. Floats of fewer than 32 bits compute in float32."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from pronghorn.engine.backends.numpy import extremes, special
from pronghorn.engine.backends.numpy.registry import ALL, WIDE, implement, implements, is_ufunc, widened
from pronghorn.engine.graph import dtypes

_FLOAT_UNARY: dict[str, Callable[..., Any]] = {
    "floor": np.floor,
    "ceil": np.ceil,
    "round": np.rint,  # half to even
    "exp": np.exp,
    "expm1": np.expm1,
    "log": np.log,
    "log1p": np.log1p,
    "sqrt": np.sqrt,
    "rsqrt": lambda x: 1 / np.sqrt(x),
    "sin": np.sin,
    "cos": np.cos,
    "tan": np.tan,
    "asin": np.arcsin,
    "acos": np.arccos,
    "atan": np.arctan,
    "sinh": np.sinh,
    "cosh": np.cosh,
    "tanh": np.tanh,
    "asinh": np.arcsinh,
    "acosh": np.arccosh,
    "atanh": np.arctanh,
    "logistic": lambda x: 1 / (1 + np.exp(-x)),
    "erf": special.erf,
    "erfc": special.erfc,
    "erfinv": special.erfinv,
    "lgamma": special.lgamma,
    "digamma": special.digamma,
}

# Exact in any type, or rounded once by NumPy and ml_dtypes themselves.
_ANY_UNARY: dict[str, Callable[..., Any]] = {
    "neg": np.negative,
    "abs": np.abs,
    "stop_gradient": lambda x, again=0: x,
    "real": lambda x: x.real.copy(),
    "imag": lambda x: x.imag.copy(),
    "conj": np.conj,
}

_FLOAT_BINARY: dict[str, Callable[..., Any]] = {
    "add": np.add,
    "sub": np.subtract,
    "mul": np.multiply,
    "max": extremes.maximum,
    "min": extremes.minimum,
    "atan2": np.arctan2,
}

_COMPARISONS: dict[str, Callable[..., Any]] = {
    "eq": np.equal,
    "ne": np.not_equal,
    "lt": np.less,
    "le": np.less_equal,
    "gt": np.greater,
    "ge": np.greater_equal,
}

_BITWISE: dict[str, Callable[..., Any]] = {
    "not": np.invert,
    "and": np.bitwise_and,
    "or": np.bitwise_or,
    "xor": np.bitwise_xor,
}

for _name, _fn in {**_FLOAT_UNARY, **_FLOAT_BINARY}.items():
    implement(_name, widened(_fn))
    is_ufunc(_name, _fn, WIDE)
for _name, _fn in {**_ANY_UNARY, **_COMPARISONS, **_BITWISE}.items():
    implement(_name, _fn)
    is_ufunc(_name, _fn, ALL)
is_ufunc("div", np.divide, [d for d in WIDE if d.kind in "fc"])
is_ufunc("nextafter", np.nextafter, [d for d in WIDE if d.kind == "f"])


@implements("sign")
@widened
def sign(x: np.ndarray) -> np.ndarray:
    """-1, 0 of either sign, 1 or NaN; ``x / abs(x)`` for complex numbers."""
    if x.dtype.kind == "c":
        size = np.abs(x)
        return np.where(size == 0, x, x / np.where(size == 0, 1, size)).astype(x.dtype)
    signs = np.sign(x)
    return np.copysign(signs, x) if x.dtype.kind == "f" else signs


@implements("is_finite")
def is_finite(x: np.ndarray) -> np.ndarray:
    if x.dtype.kind in "iub":
        return np.ones(x.shape, bool)
    return np.isfinite(x)


@implements("div")
@widened
def div(x: np.ndarray, y: np.ndarray) -> np.ndarray:
    """The quotient; for integers its floor, and 0 where the divisor is 0."""
    if x.dtype.kind in "iu":
        return np.floor_divide(x, y)
    return np.divide(x, y)


@implements("rem")
@widened
def rem(x: np.ndarray, y: np.ndarray) -> np.ndarray:
    """The remainder with the sign of ``x``; for integers 0 where the divisor is 0."""
    return np.fmod(x, y)


@implements("pow")
@widened
def pow(x: np.ndarray, y: np.ndarray) -> np.ndarray:
    """``x ** y``; integers wrap around, and a negative exponent gives the power rounded towards 0."""
    if x.dtype.kind == "u" or x.dtype.kind not in "iu" or not np.any(y < 0):
        return np.power(x, y)
    positive = np.power(x, np.maximum(y, 0))
    odd = np.where(y % 2 == 0, 1, x)
    reciprocal = np.where(np.abs(x) == 1, odd, 0)
    return np.where(y < 0, reciprocal, positive).astype(x.dtype)


@implements("nextafter")
def nextafter(x: np.ndarray, y: np.ndarray) -> np.ndarray:
    return np.nextafter(x, y)


def _shift(fn: Callable[..., np.ndarray], x: np.ndarray, count: np.ndarray, beyond: Any) -> np.ndarray:
    """``fn(x, count)``, and ``beyond`` where ``count`` is not less than the width, which C leaves undefined."""
    bits = x.dtype.itemsize * 8
    outside = (count < 0) | (count >= bits)
    return np.where(outside, beyond, fn(x, np.where(outside, 0, count).astype(x.dtype))).astype(x.dtype)


@implements("shift_left")
def shift_left(x: np.ndarray, count: np.ndarray) -> np.ndarray:
    return _shift(np.left_shift, x, count, 0)


@implements("shift_right")
def shift_right(x: np.ndarray, count: np.ndarray) -> np.ndarray:
    """Arithmetic for signed integers: the sign fills the freed bits."""
    return _shift(np.right_shift, x, count, np.where(x < 0, -1, 0) if x.dtype.kind == "i" else 0)


@implements("complex")
def complex_(x: np.ndarray, y: np.ndarray) -> np.ndarray:
    out = np.empty(x.shape, np.complex64 if x.dtype == np.float32 else np.complex128)
    out.real, out.imag = x, y
    return out


@implements("select")
def select(pred: np.ndarray, on_true: np.ndarray, on_false: np.ndarray) -> np.ndarray:
    return np.where(pred, on_true, on_false)


@implements("cast")
def cast(x: np.ndarray, *, dtype: str) -> np.ndarray:
    """To integers towards 0, and to the nearest number that the type has (NaN: 0); to bool whether it is not 0."""
    target = dtypes.to_numpy(dtype)
    if x.dtype == target:
        return x
    if dtype == "bool":
        return x != x.dtype.type(0)
    if x.dtype.kind == "c" and target.kind != "c":
        x = x.real
    return dtypes.converted(x, dtype)


@implements("bitcast")
def bitcast(x: np.ndarray, *, dtype: str) -> np.ndarray:
    return np.ascontiguousarray(x).view(dtypes.to_numpy(dtype)).reshape(x.shape)
