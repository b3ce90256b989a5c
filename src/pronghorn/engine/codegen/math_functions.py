"""Mathematical functions on float and double registers: which of them is computed how.

Those that models spend time in are branch-free vector code; the rest call the C library lane by lane.
"""

from __future__ import annotations

from collections.abc import Callable

from pronghorn.engine.codegen import exponentials, special, trigonometric
from pronghorn.engine.codegen.builder import FunctionBuilder
from pronghorn.engine.codegen.libm import emit_libm
from pronghorn.engine.codegen.real_math import RealMath

__all__ = ["FUNCTIONS", "emit_function"]

_ALWAYS: dict[str, Callable[..., str]] = {
    "exp": exponentials.emit_exp,
    "expm1": exponentials.emit_expm1,
    "log": exponentials.emit_log,
    "log1p": exponentials.emit_log1p,
    "tanh": exponentials.emit_tanh,
    "logistic": exponentials.emit_logistic,
    "sqrt": RealMath.sqrt,
    "rsqrt": exponentials.emit_rsqrt,
    "erfinv": special.emit_erfinv,
    "digamma": special.emit_digamma,
}

# Good to a float's last place only; doubles go to the C library.
_SINGLE: dict[str, Callable[..., str]] = {
    "sin": trigonometric.emit_sin,
    "cos": trigonometric.emit_cos,
    "tan": trigonometric.emit_tan,
    "erf": special.emit_erf,
    "erfc": special.emit_erfc,
    "pow": special.emit_pow,
}

_LIBM = ("asin", "acos", "atan", "sinh", "cosh", "asinh", "acosh", "atanh", "lgamma", "atan2")

FUNCTIONS = frozenset((*_ALWAYS, *_SINGLE, *_LIBM))


def emit_function(fb: FunctionBuilder, name: str, scalar: str, lanes: int, *arguments: str) -> str:
    """Code for one of ``FUNCTIONS`` on ``lanes`` values of type ``scalar`` (``"float"`` or ``"double"``)."""
    if name in _ALWAYS:
        return _ALWAYS[name](RealMath(fb, scalar, lanes), *arguments)
    if name in _SINGLE and scalar == "float":
        return _SINGLE[name](RealMath(fb, scalar, lanes), *arguments)
    return emit_libm(fb, name, scalar, lanes, *arguments)
