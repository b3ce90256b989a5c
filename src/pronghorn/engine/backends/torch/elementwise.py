"""Elementwise primitives."""

from __future__ import annotations

import functools

import torch

from pronghorn.engine.backends.numpy import IMPLEMENTATIONS
from pronghorn.engine.backends.torch.registry import (
    COMPLEX,
    FLOAT8,
    INTEGERS,
    NARROW,
    TYPES,
    Function,
    acts_on,
    formulas,
    implement,
    implements,
    indexed,
    is_integer,
    is_plain,
    on_host,
    ordered,
    rounded,
    signed,
    widened,
    widened8,
)

# What PyTorch computes in float32 for bfloat16 and float16, and rounds once.
_FLOATS: dict[str, Function] = {
    "floor": torch.floor, "ceil": torch.ceil, "round": torch.round, "exp": torch.exp, "expm1": torch.expm1,
    "log": torch.log, "log1p": torch.log1p, "sqrt": torch.sqrt, "rsqrt": torch.rsqrt, "sin": torch.sin,
    "cos": torch.cos, "tan": torch.tan, "asin": torch.asin, "acos": torch.acos, "atan": torch.atan,
    "sinh": torch.sinh, "cosh": torch.cosh, "tanh": torch.tanh, "asinh": torch.asinh, "acosh": torch.acosh,
    "atanh": torch.atanh, "logistic": torch.sigmoid, "erf": torch.erf, "erfc": torch.erfc, "erfinv": torch.erfinv,
    "lgamma": torch.lgamma, "atan2": torch.atan2,
}  # fmt: skip
_BITWISE: dict[str, Function] = {
    "and": torch.bitwise_and,
    "or": torch.bitwise_or,
    "xor": torch.bitwise_xor,
    "not": torch.bitwise_not,
}

implement((name, widened8(fn)) for name, fn in _FLOATS.items())
implement({"mul": widened8(signed(torch.mul))}.items())
implement((name, widened8(ordered(fn))) for name, fn in (("max", torch.maximum), ("min", torch.minimum)))
implement((name, signed(fn)) for name, fn in _BITWISE.items())
implement(
    {
        "real": torch.real,
        "imag": torch.imag,
        "conj": torch.conj_physical,
        "complex": torch.complex,
        "stop_gradient": lambda x: x.detach(),
        "neg": widened8(signed(torch.neg)),
        "nextafter": on_host(IMPLEMENTATIONS["nextafter"]),
    }.items()
)


def _by_parts(fn: Function) -> Function:
    """``fn``, of complex numbers part by part: PyTorch's own makes NaN of infinities."""

    @acts_on(COMPLEX)
    @functools.wraps(fn)
    def each(x: torch.Tensor, y: torch.Tensor) -> torch.Tensor:
        return torch.complex(fn(x.real, y.real), fn(x.imag, y.imag)) if x.is_complex() else fn(x, y)

    return each


def _comparison(fn: Function, strict: Function) -> Function:
    """``fn``, of complex numbers by their real parts first (of which ``strict`` decides), as NumPy compares them."""

    @acts_on(COMPLEX)
    @functools.wraps(fn)
    def compare(x: torch.Tensor, y: torch.Tensor) -> torch.Tensor:
        if not x.is_complex():
            return fn(x, y)
        known = ~(torch.isnan(x.imag) | torch.isnan(y.imag))
        return (strict(x.real, y.real) & known) | ((x.real == y.real) & fn(x.imag, y.imag))

    return compare


implement((name, widened8(signed(_by_parts(fn)))) for name, fn in (("add", torch.add), ("sub", torch.sub)))
implement((name, widened8(indexed(fn))) for name, fn in (("eq", torch.eq), ("ne", torch.ne)))
implement(
    (name, widened8(indexed(_comparison(fn, strict))))
    for name, fn, strict in (
        ("lt", torch.lt, torch.lt),
        ("le", torch.le, torch.lt),
        ("gt", torch.gt, torch.gt),
        ("ge", torch.ge, torch.gt),
    )
)


@implements
def abs_(x: torch.Tensor) -> torch.Tensor:
    return x if x.dtype in INTEGERS and not x.dtype.is_signed else widened8(torch.abs)(x)


@implements
@widened8
def sign(x: torch.Tensor) -> torch.Tensor:
    if x.is_complex():
        return formulas.complex_sign(x)
    if is_integer(x) and not x.dtype.is_signed:
        return (x != 0).to(x.dtype)
    out = torch.sign(x)
    return torch.where(torch.isnan(x), x, out) if x.is_floating_point() else out


@implements
def is_finite(x: torch.Tensor) -> torch.Tensor:
    if is_integer(x):
        return torch.ones(x.shape, dtype=torch.bool, device=x.device)
    return torch.isfinite(x.float() if x.dtype in FLOAT8 else x)


@implements
@widened
def digamma(x: torch.Tensor) -> torch.Tensor:
    pole = (x <= 0) & (x == torch.floor(x))
    return torch.where(pole, torch.nan, torch.digamma(x))


def _floor(x: torch.Tensor, y: torch.Tensor) -> torch.Tensor:
    return torch.div(x, y, rounding_mode="floor")


def _unsigned_quotient(x: torch.Tensor, y: torch.Tensor) -> torch.Tensor:
    return formulas.unsigned_quotient(x, y, _floor)


def _unsigned_remainder(x: torch.Tensor, y: torch.Tensor) -> torch.Tensor:
    return formulas.unsigned_remainder(x, y, _floor)


def _quotient(of_floats: Function, of_integers: Function, of_uint64: Function) -> Function:
    """A quotient or remainder; for integers 0 where the divisor is 0. Those of uint64 need its highest bit."""

    @signed
    def each(x: torch.Tensor, y: torch.Tensor) -> torch.Tensor:
        return formulas.integer_div(x, y, of_integers)

    @acts_on(INTEGERS)
    @functools.wraps(of_floats)
    def quotient(x: torch.Tensor, y: torch.Tensor) -> torch.Tensor:
        if not is_integer(x):
            return of_floats(x, y)
        return formulas.integer_div(x, y, of_uint64) if x.dtype is torch.uint64 else each(x, y)

    return quotient


def _rem(x: torch.Tensor, y: torch.Tensor) -> torch.Tensor:
    """In float32, PyTorch's own is NaN for large quotients."""
    return torch.fmod(x.double(), y.double()).to(x.dtype)


implement(
    {
        "div": widened8(_quotient(torch.div, _floor, _unsigned_quotient)),
        "rem": widened(_quotient(_rem, torch.fmod, _unsigned_remainder)),
    }.items()
)


@implements
@widened
def pow_(x: torch.Tensor, y: torch.Tensor) -> torch.Tensor:
    if x.is_complex():
        return torch.where(y == 0, 1, torch.pow(x, y))
    if not is_integer(x):
        return torch.pow(x, y)
    if x.dtype in (torch.uint16, torch.uint32, torch.uint64):
        return on_host(IMPLEMENTATIONS["pow"])(x, y)
    return formulas.integer_pow(x, y, torch.pow)


@implements
def shift_left(x: torch.Tensor, count: torch.Tensor) -> torch.Tensor:
    return formulas.shifted(signed(torch.bitwise_left_shift), x, count, fills_with_sign=False)


def _shift_right(x: torch.Tensor, count: torch.Tensor) -> torch.Tensor:
    if x.dtype is not torch.uint64:
        return signed(torch.bitwise_right_shift)(x, count)
    signs, counts = x.view(torch.int64), count.view(torch.int64)
    # What came from the sign is cut off; a shift by 64 is none, so one bit goes first.
    kept = torch.where(counts == 0, -1, (torch.iinfo(torch.int64).max >> (counts - 1).clamp(min=0)))
    return ((signs >> counts) & kept).view(torch.uint64)


@implements
def shift_right(x: torch.Tensor, count: torch.Tensor) -> torch.Tensor:
    return formulas.shifted(_shift_right, x, count, fills_with_sign=True)


@implements
def cast(x: torch.Tensor, *, dtype: str) -> torch.Tensor:
    target = TYPES[dtype]
    if x.dtype is target:
        return x
    if target is torch.bool:
        return x.float() != 0 if x.dtype in FLOAT8 else x != 0
    if x.is_complex() and not target.is_complex:
        x = x.real
    if target in INTEGERS and x.is_floating_point():
        wide = x.float() if x.dtype in NARROW else x
        return formulas.saturated(wide, dtype, _unsaturated)
    if target.is_complex and x.dtype in FLOAT8:
        x = x.float()
    return rounded(x, target)


def _unsaturated(x: torch.Tensor, dtype: str) -> torch.Tensor:
    """Floats as integers of a type that has them. (Through int64, the highest half of uint64 would be lost.)"""
    if dtype != "uint64":
        return x.to(torch.int64).to(TYPES[dtype])
    high = x >= 2.0**63
    low = torch.where(high, x - 2.0**63, x).to(torch.int64)
    return torch.where(high, low ^ torch.iinfo(torch.int64).min, low).view(torch.uint64)


_MANY = 4096
_BITS = {torch.float32: torch.int32, torch.int32: torch.int32, torch.float64: torch.int64, torch.int64: torch.int64}


@implements
def select(pred: torch.Tensor, on_true: torch.Tensor, on_false: torch.Tensor) -> torch.Tensor:
    bits = _BITS.get(on_true.dtype)
    if bits is None or not is_plain(on_true) or on_true.numel() < _MANY or not on_true.is_cpu:
        return torch.where(pred, on_true, on_false)
    if torch.is_grad_enabled() and (on_true.requires_grad or on_false.requires_grad):
        return torch.where(pred, on_true, on_false)
    # By bits, since PyTorch's own branches for each element on the processor: ten times as slow.
    x, y, mask = on_true.view(bits), on_false.view(bits), pred.to(bits).neg_()
    return torch.bitwise_xor(x, y).bitwise_and_(mask).bitwise_xor_(y).view(on_true.dtype)


@implements
def bitcast(x: torch.Tensor, *, dtype: str) -> torch.Tensor:
    return x.view(TYPES[dtype])
