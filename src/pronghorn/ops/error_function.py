"""The error function, its complement and its inverse."""

from __future__ import annotations

from typing import Any

from pronghorn.engine.graph import primitives as P
from pronghorn.engine.graph.tensor import Tensor
from pronghorn.ops import _broadcast as B
from pronghorn.ops._symbolic import symbolic_aware


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

    >>> [f"{x:.4g}" for x in erfc([0.0, 1.0, 5.0]).tolist()]
    ['1', '0.1573', '1.537e-12']
    """
    return P.erfc(B.to_float(x))


@symbolic_aware
def erfinv(x: Any) -> Tensor:
    """The inverse of the error function.

    >>> erfinv([0.0, 0.5]).numpy().round(4)
    array([0.    , 0.4769], dtype=float32)
    """
    return P.erfinv(B.to_float(x))
