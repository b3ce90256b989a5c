"""Functions of complex numbers in terms of real ones: a number is a pair (real part, imaginary part)."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from pronghorn.engine.graph import dtypes
from pronghorn.engine.graph import primitives as P
from pronghorn.engine.graph.ir import Value
from pronghorn.engine.graph.primitives import PRIMITIVES
from pronghorn.engine.graph.rewrite import Rewriter

Pair = tuple[Value, Value]


class Arithmetic:
    """Adds real primitives to the graph that a rewriter makes."""

    def __init__(self, rewriter: Rewriter):
        self._rewriter = rewriter

    # -- real ---------------------------------------------------------------------------------------------------------
    def apply(self, name: str, *operands: Value, **params: Any) -> Value:
        """A primitive with one output."""
        return self._rewriter.add(PRIMITIVES[name], list(operands), params)[0]

    def fill(self, number: float, like: Value) -> Value:
        """A number in the shape and type of ``like``."""
        (scalar,) = self._rewriter.add(P.constant, [], {"value": np.asarray(number, dtypes.to_numpy(like.dtype))})
        return self.apply("broadcast_in_dim", scalar, shape=like.shape, dims=())

    def add(self, a: Value, b: Value) -> Value:
        return self.apply("add", a, b)

    def sub(self, a: Value, b: Value) -> Value:
        return self.apply("sub", a, b)

    def mul(self, a: Value, b: Value) -> Value:
        return self.apply("mul", a, b)

    def div(self, a: Value, b: Value) -> Value:
        return self.apply("div", a, b)

    def neg(self, a: Value) -> Value:
        return self.apply("neg", a)

    def scaled(self, a: Value, factor: float) -> Value:
        return self.mul(a, self.fill(factor, a))

    def select(self, condition: Value, yes: Value, no: Value) -> Value:
        return self.apply("select", condition, yes, no)

    def is_zero(self, a: Value) -> Value:
        return self.apply("eq", a, self.fill(0, a))

    def hypot(self, a: Value, b: Value) -> Value:
        """``sqrt(a^2 + b^2)`` without overflow."""
        a, b = self.apply("abs", a), self.apply("abs", b)
        large, small = self.apply("max", a, b), self.apply("min", a, b)
        ratio = self.div(small, large)
        length = self.mul(large, self.apply("sqrt", self.add(self.mul(ratio, ratio), self.fill(1, a))))
        infinite = self.apply("eq", large, self.fill(float("inf"), a))
        return self.select(self.apply("or", infinite, self.is_zero(large)), large, length)

    # -- complex ------------------------------------------------------------------------------------------------------
    def plus(self, x: Pair, y: Pair) -> Pair:
        return self.add(x[0], y[0]), self.add(x[1], y[1])

    def minus(self, x: Pair, y: Pair) -> Pair:
        return self.sub(x[0], y[0]), self.sub(x[1], y[1])

    def times(self, x: Pair, y: Pair) -> Pair:
        (a, b), (c, d) = x, y
        return self.sub(self.mul(a, c), self.mul(b, d)), self.add(self.mul(a, d), self.mul(b, c))

    def over(self, x: Pair, y: Pair) -> Pair:
        """A quotient, the divisor scaled by its larger part so that nothing overflows (Smith 1962)."""
        (a, b), (c, d) = x, y
        swap = self.apply("lt", self.apply("abs", c), self.apply("abs", d))
        large, small = self.select(swap, d, c), self.select(swap, c, d)
        r = self.select(self.is_zero(large), self.fill(0, c), self.div(small, large))
        scale = self.add(large, self.mul(small, r))
        p, q = self.select(swap, b, a), self.select(swap, a, b)
        real = self.add(p, self.mul(q, r))
        imag = self.select(swap, self.sub(self.mul(b, r), a), self.sub(b, self.mul(a, r)))
        return self.div(real, scale), self.div(imag, scale)

    def turned(self, x: Pair) -> Pair:
        """``i x``."""
        return self.neg(x[1]), x[0]

    def turned_back(self, x: Pair) -> Pair:
        """``-i x``."""
        return x[1], self.neg(x[0])

    def times_real(self, x: Pair, factor: float) -> Pair:
        return self.scaled(x[0], factor), self.scaled(x[1], factor)

    def plus_real(self, x: Pair, number: float) -> Pair:
        return self.add(x[0], self.fill(number, x[0])), x[1]


def _exp(m: Arithmetic, x: Pair) -> Pair:
    size = m.apply("exp", x[0])
    # a real argument stays real, even where the exponential overflows
    imag = m.select(m.is_zero(x[1]), x[1], m.mul(size, m.apply("sin", x[1])))
    return m.mul(size, m.apply("cos", x[1])), imag


def _expm1(m: Arithmetic, x: Pair) -> Pair:
    half = m.apply("sin", m.scaled(x[1], 0.5))
    below = m.scaled(m.mul(half, half), -2)  # cos(b) - 1
    real = m.add(m.mul(m.apply("expm1", x[0]), m.apply("cos", x[1])), below)
    return real, _exp(m, x)[1]


def _log(m: Arithmetic, x: Pair) -> Pair:
    return m.apply("log", m.hypot(*x)), m.apply("atan2", x[1], x[0])


def _log1p(m: Arithmetic, x: Pair) -> Pair:
    a, b = x
    excess = m.add(m.mul(a, m.add(a, m.fill(2, a))), m.mul(b, b))  # |1 + x|^2 - 1
    return m.scaled(m.apply("log1p", excess), 0.5), m.apply("atan2", b, m.add(a, m.fill(1, a)))


def _sqrt(m: Arithmetic, x: Pair) -> Pair:
    a, b = x
    half = m.scaled(m.add(m.hypot(a, b), m.apply("abs", a)), 0.5)
    root = m.apply("sqrt", half)
    zero = m.is_zero(root)
    other = m.select(zero, root, m.div(m.scaled(b, 0.5), root))
    right = m.apply("ge", a, m.fill(0, a))
    down = m.apply("lt", b, m.fill(0, b))
    imag = m.select(down, m.neg(root), root)
    return m.select(right, root, m.apply("abs", other)), m.select(right, other, imag)


def _sin(m: Arithmetic, x: Pair) -> Pair:
    a, b = x
    real = m.mul(m.apply("sin", a), m.apply("cosh", b))
    return real, m.mul(m.apply("cos", a), m.apply("sinh", b))


def _cos(m: Arithmetic, x: Pair) -> Pair:
    a, b = x
    real = m.mul(m.apply("cos", a), m.apply("cosh", b))
    return real, m.neg(m.mul(m.apply("sin", a), m.apply("sinh", b)))


def _sinh(m: Arithmetic, x: Pair) -> Pair:
    return m.turned_back(_sin(m, m.turned(x)))


def _cosh(m: Arithmetic, x: Pair) -> Pair:
    return _cos(m, m.turned(x))


def _tanh(m: Arithmetic, x: Pair) -> Pair:
    """``(t + i s) / (1 + i t s)`` for t = tanh(a), s = tan(b)."""
    t, s = m.apply("tanh", x[0]), m.apply("tan", x[1])
    return m.over((t, s), (m.fill(1, t), m.mul(t, s)))


def _tan(m: Arithmetic, x: Pair) -> Pair:
    return m.turned_back(_tanh(m, m.turned(x)))


def _asinh(m: Arithmetic, x: Pair) -> Pair:
    """``log(x + sqrt(x^2 + 1))`` of whichever of x and -x lies to the right, where nothing cancels."""
    left = m.apply("lt", x[0], m.fill(0, x[0]))
    right: Pair = (m.apply("abs", x[0]), m.select(left, m.neg(x[1]), x[1]))
    root = _sqrt(m, m.times(m.plus_real(m.turned(right), 1), m.plus_real(m.turned_back(right), 1)))
    real, imag = _log(m, m.plus(right, root))
    return m.select(left, m.neg(real), real), m.select(left, m.neg(imag), imag)


def _acosh(m: Arithmetic, x: Pair) -> Pair:
    root = m.times(_sqrt(m, m.plus_real(x, 1)), _sqrt(m, m.plus_real(x, -1)))
    return _log(m, m.plus(x, root))


def _atanh(m: Arithmetic, x: Pair) -> Pair:
    minus = m.neg(x[0]), m.neg(x[1])
    return m.times_real(m.minus(_log1p(m, x), _log1p(m, minus)), 0.5)


def _asin(m: Arithmetic, x: Pair) -> Pair:
    return m.turned_back(_asinh(m, m.turned(x)))


def _acos(m: Arithmetic, x: Pair) -> Pair:
    real, imag = _asin(m, x)
    return m.sub(m.fill(np.pi / 2, real), real), m.neg(imag)


def _atan(m: Arithmetic, x: Pair) -> Pair:
    return m.turned_back(_atanh(m, m.turned(x)))


def _one(m: Arithmetic, x: Pair) -> Pair:
    return m.fill(1, x[0]), m.fill(0, x[0])


def _rsqrt(m: Arithmetic, x: Pair) -> Pair:
    return m.over(_one(m, x), _sqrt(m, x))


def _logistic(m: Arithmetic, x: Pair) -> Pair:
    return m.over(_one(m, x), m.plus_real(_exp(m, (m.neg(x[0]), m.neg(x[1]))), 1))


def _sign(m: Arithmetic, x: Pair) -> Pair:
    size = m.hypot(*x)
    zero = m.is_zero(size)
    return m.select(zero, size, m.div(x[0], size)), m.select(zero, size, m.div(x[1], size))


def power(m: Arithmetic, x: Pair, y: Pair) -> Pair:
    """``exp(y log x)``; 0 to a power is 0, to the power 0 it is 1."""
    real, imag = _exp(m, m.times(y, _log(m, x)))
    zero = m.apply("and", m.is_zero(x[0]), m.is_zero(x[1]))
    none = m.apply("and", m.is_zero(y[0]), m.is_zero(y[1]))
    at_zero = m.select(none, m.fill(1, real), m.fill(0, real))
    return m.select(zero, at_zero, real), m.select(zero, m.fill(0, imag), imag)


# Functions of one complex number with a complex result.
FUNCTIONS: dict[str, Callable[[Arithmetic, Pair], Pair]] = {
    "exp": _exp, "expm1": _expm1, "log": _log, "log1p": _log1p, "sqrt": _sqrt, "rsqrt": _rsqrt, "sin": _sin,
    "cos": _cos, "tan": _tan, "asin": _asin, "acos": _acos, "atan": _atan, "sinh": _sinh, "cosh": _cosh,
    "tanh": _tanh, "asinh": _asinh, "acosh": _acosh, "atanh": _atanh, "logistic": _logistic, "sign": _sign,
}  # fmt: skip
