"""Elementwise primitives. Operands of one call have the same shape and, unless said otherwise, the same type."""

from __future__ import annotations

from pronghorn.engine.graph import dtypes
from pronghorn.engine.graph.ir import Aval
from pronghorn.engine.graph.primitives import axes
from pronghorn.engine.graph.primitives.registry import EXPENSIVE, MOVED, STEP, Primitive, define, fail

_REAL_OF = {"complex64": "float32", "complex128": "float64"}
_COMPLEX_OF = {"float32": "complex64", "float64": "complex128"}

ANY = dtypes.ALL
NUMERIC = tuple(d for d in ANY if d != "bool")
INEXACT = dtypes.FLOAT8 + dtypes.FLOAT + dtypes.COMPLEX
REAL = dtypes.INTEGER + dtypes.FLOAT8 + dtypes.FLOAT
FLOATING = dtypes.FLOAT8 + dtypes.FLOAT
BITS = ("bool",) + dtypes.INTEGER


def _check(name: str, allowed: tuple[str, ...], *operands: Aval) -> None:
    first = operands[0]
    for other in operands[1:]:
        if other != first:
            raise fail(name, f"operands must agree in shape and type, got {', '.join(map(repr, operands))}.")
    if first.dtype not in allowed:
        raise fail(name, f"not defined for {first.dtype}.")


def _unary(name: str, allowed: tuple[str, ...], result: str | None = None, work: str = STEP) -> Primitive:
    def rule(x: Aval) -> Aval:
        _check(name, allowed, x)
        return Aval(x.shape, result or x.dtype)

    return define(name, "elementwise", rule, axes.elementwise, work, elementwise=True)


def _binary(name: str, allowed: tuple[str, ...], result: str | None = None, work: str = STEP) -> Primitive:
    def rule(x: Aval, y: Aval) -> Aval:
        _check(name, allowed, x, y)
        return Aval(x.shape, result or x.dtype)

    return define(name, "elementwise", rule, axes.elementwise, work, elementwise=True)


neg = _unary("neg", NUMERIC)
sign = _unary("sign", NUMERIC)
floor = _unary("floor", FLOATING)
ceil = _unary("ceil", FLOATING)
round = _unary("round", FLOATING)
exp = _unary("exp", INEXACT, work=EXPENSIVE)
expm1 = _unary("expm1", INEXACT, work=EXPENSIVE)
log = _unary("log", INEXACT, work=EXPENSIVE)
log1p = _unary("log1p", INEXACT, work=EXPENSIVE)
sqrt = _unary("sqrt", INEXACT)
rsqrt = _unary("rsqrt", INEXACT)
sin = _unary("sin", INEXACT, work=EXPENSIVE)
cos = _unary("cos", INEXACT, work=EXPENSIVE)
tan = _unary("tan", INEXACT, work=EXPENSIVE)
asin = _unary("asin", INEXACT, work=EXPENSIVE)
acos = _unary("acos", INEXACT, work=EXPENSIVE)
atan = _unary("atan", INEXACT, work=EXPENSIVE)
sinh = _unary("sinh", INEXACT, work=EXPENSIVE)
cosh = _unary("cosh", INEXACT, work=EXPENSIVE)
tanh = _unary("tanh", INEXACT, work=EXPENSIVE)
asinh = _unary("asinh", INEXACT, work=EXPENSIVE)
acosh = _unary("acosh", INEXACT, work=EXPENSIVE)
atanh = _unary("atanh", INEXACT, work=EXPENSIVE)
logistic = _unary("logistic", INEXACT, work=EXPENSIVE)
erf = _unary("erf", FLOATING, work=EXPENSIVE)
erfc = _unary("erfc", FLOATING, work=EXPENSIVE)
erfinv = _unary("erfinv", FLOATING, work=EXPENSIVE)
lgamma = _unary("lgamma", FLOATING, work=EXPENSIVE)
digamma = _unary("digamma", FLOATING, work=EXPENSIVE)
is_finite = _unary("is_finite", NUMERIC, "bool")
not_ = _unary("not", BITS)
conj = _unary("conj", dtypes.COMPLEX)


def _stop_gradient(x: Aval, *, again: int = 0) -> Aval:
    """``again``, behind differentiation: what is made of the result is no part of what is made of the operand before
    (`pronghorn.engine.graph.regions`); each region that is computed again has a number."""
    _check("stop_gradient", ANY, x)
    return x


stop_gradient = define("stop_gradient", "elementwise", _stop_gradient, axes.elementwise, MOVED, elementwise=True)

add = _binary("add", NUMERIC)
sub = _binary("sub", NUMERIC)
mul = _binary("mul", NUMERIC)
div = _binary("div", NUMERIC)
rem = _binary("rem", REAL, work=EXPENSIVE)
pow = _binary("pow", NUMERIC, work=EXPENSIVE)
max = _binary("max", REAL + ("bool",))
min = _binary("min", REAL + ("bool",))
atan2 = _binary("atan2", FLOATING, work=EXPENSIVE)
nextafter = _binary("nextafter", FLOATING)
and_ = _binary("and", BITS)
or_ = _binary("or", BITS)
xor = _binary("xor", BITS)
shift_left = _binary("shift_left", dtypes.INTEGER)
shift_right = _binary("shift_right", dtypes.INTEGER)
eq = _binary("eq", ANY, "bool")
ne = _binary("ne", ANY, "bool")
lt = _binary("lt", ANY, "bool")
le = _binary("le", ANY, "bool")
gt = _binary("gt", ANY, "bool")
ge = _binary("ge", ANY, "bool")


def _abs(x: Aval) -> Aval:
    _check("abs", NUMERIC, x)
    return Aval(x.shape, _REAL_OF.get(x.dtype, x.dtype))


def _part(name: str) -> Primitive:
    def rule(x: Aval) -> Aval:
        _check(name, dtypes.COMPLEX, x)
        return Aval(x.shape, _REAL_OF[x.dtype])

    return define(name, "elementwise", rule, axes.elementwise, elementwise=True)


def _complex(x: Aval, y: Aval) -> Aval:
    _check("complex", ("float32", "float64"), x, y)
    return Aval(x.shape, _COMPLEX_OF[x.dtype])


def _cast(x: Aval, *, dtype: str) -> Aval:
    return Aval(x.shape, dtype)


def _bitcast(x: Aval, *, dtype: str) -> Aval:
    if dtypes.itemsize(x.dtype) != dtypes.itemsize(dtype):
        raise fail("bitcast", f"{x.dtype} and {dtype} have different widths.")
    return Aval(x.shape, dtype)


def _select(pred: Aval, on_true: Aval, on_false: Aval) -> Aval:
    if pred.dtype != "bool" or pred.shape != on_true.shape or on_true != on_false:
        raise fail("select", f"needs a bool and two alike of the same shape, got {pred}, {on_true}, {on_false}.")
    return on_true


abs = define("abs", "elementwise", _abs, axes.elementwise, elementwise=True)
real = _part("real")
imag = _part("imag")
complex = define("complex", "elementwise", _complex, axes.elementwise, elementwise=True)
cast = define("cast", "elementwise", _cast, axes.elementwise, elementwise=True)
bitcast = define("bitcast", "elementwise", _bitcast, axes.elementwise, elementwise=True)
select = define("select", "elementwise", _select, axes.elementwise, elementwise=True)
