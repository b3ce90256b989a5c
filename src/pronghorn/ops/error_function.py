"""The error function, its complement and its inverse."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from pronghorn.engine.graph import primitives as P
from pronghorn.engine.graph.tensor import Tensor
from pronghorn.ops import _broadcast as B
from pronghorn.ops._symbolic import symbolic_aware
from pronghorn.ops.numpy.reductions import LOW_PRECISION


@symbolic_aware
def erf(x: Any) -> Tensor:
    """The error function.

    >>> erf(0.5).numpy()
    np.float32(0.5204999)
    """
    return P.erf(B.to_float(x))


@symbolic_aware
def erfc(x: Any) -> Tensor:
    """``1 - erf(x)``, with all its digits also where that is tiny.

    float16 and bfloat16 are computed in float32.

    >>> [f"{x:.4g}" for x in erfc([0.0, 1.0, 5.0]).tolist()]
    ['1', '0.1573', '1.537e-12']
    """
    x = B.to_float(x)
    wide = B.cast(x, "float32") if x.dtype in LOW_PRECISION else x
    near = P.sub(B.full_like(wide, 1), P.erf(wide))
    return B.cast(P.select(P.lt(wide, B.full_like(wide, _NEAR)), near, _tail(wide)), x.dtype)


@symbolic_aware
def erfinv(x: Any) -> Tensor:
    """The inverse of the error function.

    >>> erfinv([0.0, 0.5]).numpy().round(4)
    array([0.    , 0.4769], dtype=float32)
    """
    return P.erfinv(B.to_float(x))


_NEAR = 0.5  # below, the difference from 1 loses no digit


@dataclass(frozen=True)
class _Tail:
    """``exp(x**2) * erfc(x) / t`` for ``x`` from 0.5 to where `erfc` is 0, with ``t = 2 / (2 + x)``.

    Attributes:
        end: from where on `erfc` is less than a type's least number.
        grain: one over the step to which ``x`` is rounded so that its square is exact.
        powers: coefficients in powers of ``t``, which is brought to -1 to 1 before.
    """

    end: float
    grain: float
    powers: tuple[float, ...]


# Interpolated at the nodes of Chebyshev's polynomials, good to 2e-10 and 1e-17.
_TAILS = {
    "float32": _Tail(10.5, 16.0, (
        0.49727052325971777, 0.21279464343730894, 0.056298861058705706, 0.0052135773641238115, -0.0016896735307916203,
        -0.0003860695636481732, 9.70472654193264e-05, 2.3104229489336918e-05, -8.825713788763201e-06,
        -9.770424836811917e-07, 7.19549369874866e-07,
    )),
    "float64": _Tail(28.0, 2.0**20, (
        0.46741839154874837, 0.22541616108065488, 0.07065542732538782, 0.009194155300069243, -0.002378828587391251,
        -0.0009070863065649416, 0.00015521974753307597, 8.433147954429993e-05, -2.0791215440146264e-05,
        -7.527591303215065e-06, 3.561523845489601e-06, 3.6220684078104033e-07, -5.617735358979601e-07,
        8.012344241345915e-08, 6.33067849833171e-08, -3.1084340642555546e-08, -6.275627295415994e-10,
        5.734422845281324e-09, -1.7930420188603074e-09, -5.706969011385932e-10, 4.406415605274801e-10,
        1.690282867126438e-11, -4.378351238158151e-11,
    )),
}  # fmt: skip


def _tail(x: Tensor) -> Tensor:
    """`erfc` where ``x`` is 0.5 or more."""
    tail = _TAILS[x.dtype]

    def number(value: float) -> Tensor:
        return B.full_like(x, value)

    x = P.min(P.max(x, number(0)), number(tail.end))
    t = P.div(number(2), P.add(x, number(2)))
    low, high = 2 / (2 + tail.end), 2 / (2 + _NEAR)
    even = P.mul(P.sub(t, number((low + high) / 2)), number(2 / (high - low)))
    # exp(-x**2) by an exact square and what it leaves: the exponential of a large number shows how that was rounded
    short = P.div(P.floor(P.mul(x, number(tail.grain))), number(tail.grain))
    bell = P.mul(P.exp(P.neg(P.mul(short, short))), P.exp(P.mul(P.sub(short, x), P.add(short, x))))
    return P.mul(bell, P.mul(t, B.polynomial(even, tail.powers)))
