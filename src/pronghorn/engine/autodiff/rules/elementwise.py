"""Derivatives of the elementwise primitives.

Complex numbers follow JAX: a cotangent is the row of the transposed Jacobian, with no conjugation.
"""

from __future__ import annotations

import math

from pronghorn.engine.autodiff.registry import Context, Gradients, no_gradient, vjp
from pronghorn.engine.autodiff.rules.common import full, zeros_like
from pronghorn.engine.graph import dtypes
from pronghorn.engine.graph import primitives as P
from pronghorn.engine.graph.tensor import Tensor

no_gradient("sign", "floor", "ceil", "round", "is_finite", "not", "stop_gradient", "bitcast", "nextafter")
no_gradient("and", "or", "xor", "shift_left", "shift_right", "eq", "ne", "lt", "le", "gt", "ge")


# -- one operand: f'(x) g, from the output where that is cheaper -----------------------------------------------------
@vjp("neg")
def neg(ctx: Context, g: Tensor) -> Gradients:
    return (P.neg(g),)


@vjp("abs")
def abs(ctx: Context, g: Tensor) -> Gradients:
    (x,) = ctx.inputs
    if x.dtype in dtypes.COMPLEX:
        return (P.mul(P.cast(g, dtype=x.dtype), P.conj(P.sign(x))),)
    return (P.select(P.ge(x, 0.0), g, P.neg(g)),)  # 1 at zero, as in JAX, so in losses where both are equal


@vjp("exp")
def exp(ctx: Context, g: Tensor) -> Gradients:
    return (P.mul(g, ctx.outputs[0]),)


@vjp("expm1")
def expm1(ctx: Context, g: Tensor) -> Gradients:
    return (P.mul(g, P.add(ctx.outputs[0], 1.0)),)


@vjp("log")
def log(ctx: Context, g: Tensor) -> Gradients:
    return (P.div(g, ctx.inputs[0]),)


@vjp("log1p")
def log1p(ctx: Context, g: Tensor) -> Gradients:
    return (P.div(g, P.add(ctx.inputs[0], 1.0)),)


@vjp("sqrt")
def sqrt(ctx: Context, g: Tensor) -> Gradients:
    return (P.div(P.mul(g, 0.5), ctx.outputs[0]),)


@vjp("rsqrt")
def rsqrt(ctx: Context, g: Tensor) -> Gradients:
    return (P.mul(P.mul(g, -0.5), P.div(ctx.outputs[0], ctx.inputs[0])),)


@vjp("sin")
def sin(ctx: Context, g: Tensor) -> Gradients:
    return (P.mul(g, P.cos(ctx.inputs[0])),)


@vjp("cos")
def cos(ctx: Context, g: Tensor) -> Gradients:
    return (P.neg(P.mul(g, P.sin(ctx.inputs[0]))),)


@vjp("tan")
def tan(ctx: Context, g: Tensor) -> Gradients:
    (y,) = ctx.outputs
    return (P.mul(g, P.add(P.mul(y, y), 1.0)),)


def _one_minus_square(x: Tensor) -> Tensor:
    """``1 - x**2``, in a form that keeps its digits where ``x`` is close to 1."""
    return P.mul(P.sub(1.0, x), P.add(x, 1.0))


@vjp("asin")
def asin(ctx: Context, g: Tensor) -> Gradients:
    return (P.mul(g, P.rsqrt(_one_minus_square(ctx.inputs[0]))),)


@vjp("acos")
def acos(ctx: Context, g: Tensor) -> Gradients:
    return (P.neg(P.mul(g, P.rsqrt(_one_minus_square(ctx.inputs[0])))),)


@vjp("atan")
def atan(ctx: Context, g: Tensor) -> Gradients:
    (x,) = ctx.inputs
    return (P.div(g, P.add(P.mul(x, x), 1.0)),)


@vjp("sinh")
def sinh(ctx: Context, g: Tensor) -> Gradients:
    return (P.mul(g, P.cosh(ctx.inputs[0])),)


@vjp("cosh")
def cosh(ctx: Context, g: Tensor) -> Gradients:
    return (P.mul(g, P.sinh(ctx.inputs[0])),)


@vjp("tanh")
def tanh(ctx: Context, g: Tensor) -> Gradients:
    (y,) = ctx.outputs
    return (P.mul(g, P.sub(1.0, P.mul(y, y))),)


@vjp("asinh")
def asinh(ctx: Context, g: Tensor) -> Gradients:
    (x,) = ctx.inputs
    return (P.mul(g, P.rsqrt(P.add(P.mul(x, x), 1.0))),)


@vjp("acosh")
def acosh(ctx: Context, g: Tensor) -> Gradients:
    (x,) = ctx.inputs
    return (P.mul(g, P.mul(P.rsqrt(P.sub(x, 1.0)), P.rsqrt(P.add(x, 1.0)))),)


@vjp("atanh")
def atanh(ctx: Context, g: Tensor) -> Gradients:
    return (P.div(g, _one_minus_square(ctx.inputs[0])),)


@vjp("logistic")
def logistic(ctx: Context, g: Tensor) -> Gradients:
    (y,) = ctx.outputs
    return (P.mul(g, P.mul(y, P.sub(1.0, y))),)


@vjp("erf")
def erf(ctx: Context, g: Tensor) -> Gradients:
    (x,) = ctx.inputs
    return (P.mul(P.mul(g, 2 / math.sqrt(math.pi)), P.exp(P.neg(P.mul(x, x)))),)


@vjp("erfc")
def erfc(ctx: Context, g: Tensor) -> Gradients:
    (x,) = ctx.inputs
    return (P.mul(P.mul(g, -2 / math.sqrt(math.pi)), P.exp(P.neg(P.mul(x, x)))),)


@vjp("erfinv")
def erfinv(ctx: Context, g: Tensor) -> Gradients:
    (y,) = ctx.outputs
    return (P.mul(P.mul(g, math.sqrt(math.pi) / 2), P.exp(P.mul(y, y))),)


@vjp("lgamma")
def lgamma(ctx: Context, g: Tensor) -> Gradients:
    return (P.mul(g, P.digamma(ctx.inputs[0])),)


# B(2k) of the asymptotic series of trigamma, Abramowitz and Stegun 6.4.12
_BERNOULLI = (1 / 6, -1 / 30, 1 / 42, -1 / 30, 5 / 66, -691 / 2730, 7 / 6)
_SHIFT = 6


def trigamma(x: Tensor) -> Tensor:
    """The derivative of digamma: reflection below 1/2, recurrence, then the asymptotic series."""
    low = P.lt(x, 0.5)
    y = P.select(low, P.sub(1.0, x), x)
    total = zeros_like(x)
    for _ in range(_SHIFT):
        total = P.add(total, P.div(1.0, P.mul(y, y)))
        y = P.add(y, 1.0)
    inverse = P.div(1.0, y)
    square = P.mul(inverse, inverse)
    series = zeros_like(x)
    for coefficient in reversed(_BERNOULLI):
        series = P.mul(square, P.add(series, coefficient))
    total = P.add(total, P.mul(inverse, P.add(P.add(series, 1.0), P.mul(inverse, 0.5))))
    cosecant = P.div(math.pi, P.sin(P.mul(x, math.pi)))
    return P.select(low, P.sub(P.mul(cosecant, cosecant), total), total)


@vjp("digamma")
def digamma(ctx: Context, g: Tensor) -> Gradients:
    return (P.mul(g, trigamma(ctx.inputs[0])),)


@vjp("real")
def real(ctx: Context, g: Tensor) -> Gradients:
    return (P.complex(g, zeros_like(g)),)


@vjp("imag")
def imag(ctx: Context, g: Tensor) -> Gradients:
    return (P.complex(zeros_like(g), P.neg(g)),)


@vjp("conj")
def conj(ctx: Context, g: Tensor) -> Gradients:
    return (P.conj(g),)


@vjp("cast")
def cast(ctx: Context, g: Tensor) -> Gradients:
    return (P.cast(g, dtype=ctx.inputs[0].dtype),)


# -- two operands ----------------------------------------------------------------------------------------------------
@vjp("add")
def add(ctx: Context, g: Tensor) -> Gradients:
    return g, g


@vjp("sub")
def sub(ctx: Context, g: Tensor) -> Gradients:
    return g, P.neg(g) if ctx.needs[1] else None


@vjp("mul")
def mul(ctx: Context, g: Tensor) -> Gradients:
    x, y = ctx.inputs
    return P.mul(g, y) if ctx.needs[0] else None, P.mul(g, x) if ctx.needs[1] else None


@vjp("div")
def div(ctx: Context, g: Tensor) -> Gradients:
    share = P.div(g, ctx.inputs[1])
    return share, P.neg(P.mul(share, ctx.outputs[0])) if ctx.needs[1] else None


@vjp("rem")
def rem(ctx: Context, g: Tensor) -> Gradients:
    x, y = ctx.inputs
    if not ctx.needs[1]:
        return g, None
    quotient = P.round(P.div(P.sub(x, ctx.outputs[0]), y))  # a whole number up to rounding errors
    quotient = P.select(P.is_finite(quotient), quotient, P.div(x, y))  # the remainder of an infinite one is NaN
    return g, P.neg(P.mul(g, quotient))


@vjp("pow")
def pow(ctx: Context, g: Tensor) -> Gradients:
    x, y = ctx.inputs
    gx = gy = None
    if ctx.needs[0]:
        # x**0 is 1 for every x, so its derivative is 0, where 0 * x**-1 would be NaN for x = 0.
        none = P.eq(y, 0.0)
        lower = P.pow(x, P.select(none, _ones(y), P.sub(y, 1.0)))
        gx = P.mul(g, P.select(none, zeros_like(y), P.mul(y, lower)))
    if ctx.needs[1]:
        # 0**y is 0 around every y > 0.
        base = P.select(P.eq(x, 0.0), _ones(x), x)
        gy = P.mul(g, P.mul(ctx.outputs[0], P.log(base)))
    return gx, gy


def _ones(x: Tensor) -> Tensor:
    return P.add(zeros_like(x), 1.0)


def _extremum(ctx: Context, g: Tensor, x_wins: Tensor, y_wins: Tensor) -> Gradients:
    """Ties share the gradient equally; beside a NaN neither gets any. What is infinite or NaN times no share is NaN, as
    in JAX: a selection would hide it."""
    whole = full(g.shape, g.dtype, 1)
    tied = P.select(P.eq(*ctx.inputs), full(g.shape, g.dtype, 0.5), zeros_like(g))
    shares = zip(ctx.needs, (x_wins, y_wins))
    return tuple(P.mul(g, P.select(wins, whole, tied)) if needed else None for needed, wins in shares)


@vjp("max")
def max(ctx: Context, g: Tensor) -> Gradients:
    return _extremum(ctx, g, P.gt(*ctx.inputs), P.lt(*ctx.inputs))


@vjp("min")
def min(ctx: Context, g: Tensor) -> Gradients:
    return _extremum(ctx, g, P.lt(*ctx.inputs), P.gt(*ctx.inputs))


@vjp("atan2")
def atan2(ctx: Context, g: Tensor) -> Gradients:
    x, y = ctx.inputs
    share = P.div(g, P.add(P.mul(x, x), P.mul(y, y)))
    return P.mul(share, y), P.neg(P.mul(share, x)) if ctx.needs[1] else None


@vjp("complex")
def complex(ctx: Context, g: Tensor) -> Gradients:
    return P.real(g), P.neg(P.imag(g))


@vjp("select")
def select(ctx: Context, g: Tensor) -> Gradients:
    pred, zeros = ctx.inputs[0], zeros_like(g)
    on_true = P.select(pred, g, zeros) if ctx.needs[1] else None
    return None, on_true, P.select(pred, zeros, g) if ctx.needs[2] else None
