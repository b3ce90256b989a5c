"""Machine code of the elementwise primitives, on scalars and on vectors.

The meaning is the NumPy backend's; see :mod:`pronghorn.engine.codegen.values` for how elements are held in registers.

>>> from pronghorn.engine.codegen.builder import ModuleBuilder
>>> fb = ModuleBuilder().function("f", [("float", "x"), ("float", "y")], "float")
>>> fb.ret("float", emit_elementwise(fb, "add", ["%x", "%y"], ["float32", "float32"], "float32", 1, {}))
>>> "fadd float %x, %y" in fb.text()
True
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from pronghorn.engine.codegen.builder import FunctionBuilder, literal, vec
from pronghorn.engine.codegen.casts import emit_bitcast, emit_cast
from pronghorn.engine.codegen.integers import INTEGER_FUNCTIONS
from pronghorn.engine.codegen.math_functions import FUNCTIONS, emit_function
from pronghorn.engine.codegen.real_math import RealMath
from pronghorn.engine.codegen.rounding import emit_nextafter, emit_rounding
from pronghorn.engine.codegen.values import is_literal, is_real, is_signed, round_to, value_type

__all__ = ["emit_elementwise", "emit_zero_sign"]

# Operations whose result a 16-bit float type holds exactly.
_EXACT = frozenset(("neg", "abs", "sign", "floor", "ceil", "round", "max", "min", "nextafter", "rem"))
_COMPARISONS = {"eq": "eq", "ne": "ne", "lt": "lt", "le": "le", "gt": "gt", "ge": "ge"}
_REAL_BINARY = {"add": "fadd", "sub": "fsub", "mul": "fmul", "div": "fdiv", "rem": "frem"}


def emit_elementwise(
    fb: FunctionBuilder,
    name: str,
    args: Sequence[str],
    dtypes: Sequence[str],
    out_dtype: str,
    lanes: int,
    params: Mapping[str, Any],
) -> str:
    """Writes the code of one elementwise primitive.

    Args:
        fb: the function being written.
        name: the primitive's name, e.g. ``"add"``.
        args: the operands, register values (see :mod:`pronghorn.engine.codegen.values`) of ``lanes`` elements.
        dtypes: the element types of the operands.
        out_dtype: the element type of the result.
        lanes: how many elements a register holds; 1 for scalars.
        params: the primitive's parameters.

    Returns:
        The result, a register value.

    Raises:
        NotImplementedError: there is no machine code for the primitive on this type (complex numbers).
    """
    for dtype in (*dtypes, out_dtype):
        if dtype.startswith(("complex", "float8")):
            raise NotImplementedError(f"No machine code for {name} of {dtype}.")
    dtype = dtypes[0]
    if name == "stop_gradient":
        return args[0]
    if name == "select":
        return fb.select(args[0], value_type(out_dtype, lanes), args[1], args[2])
    if name == "cast":
        return emit_cast(fb, args[0], dtype, out_dtype, lanes)
    if name == "bitcast":
        return emit_bitcast(fb, args[0], dtype, out_dtype, lanes)
    if name in _COMPARISONS:
        return _comparison(fb, name, args, dtype, lanes)
    if is_real(dtype):
        return _real(fb, name, args, dtype, lanes)
    if name in INTEGER_FUNCTIONS:
        return INTEGER_FUNCTIONS[name](fb, args, dtype, lanes)
    raise NotImplementedError(f"No machine code for {name} of {dtype}.")


def _comparison(fb: FunctionBuilder, name: str, args: Sequence[str], dtype: str, lanes: int) -> str:
    ty = value_type(dtype, lanes)
    if is_real(dtype):
        predicate = ("u" if name == "ne" else "o") + name  # only "not equal" holds for NaN
    elif name in ("eq", "ne"):
        predicate = name
    else:
        predicate = ("s" if is_signed(dtype) else "u") + name
    return fb.cmp(predicate, ty, args[0], args[1])


def _real(fb: FunctionBuilder, name: str, args: Sequence[str], dtype: str, lanes: int) -> str:
    scalar = value_type(dtype)
    if name == "nextafter":
        return emit_nextafter(fb, args[0], args[1], dtype, lanes)
    if name in _REAL_BINARY:
        result = fb.op(_REAL_BINARY[name], vec(scalar, lanes), args[0], args[1])
    elif name in _REAL_FUNCTIONS:
        result = _REAL_FUNCTIONS[name](RealMath(fb, scalar, lanes), *args)
    elif name in FUNCTIONS:
        result = emit_function(fb, name, scalar, lanes, *args)
    else:
        raise NotImplementedError(f"No machine code for {name} of {dtype}.")
    return result if name in _EXACT or name == "is_finite" else round_to(fb, dtype, result, lanes)


def _extremum(predicate: str) -> Callable[[RealMath, str, str], str]:
    def emit(m: RealMath, x: str, y: str) -> str:
        if is_literal(x):  # a constant second operand lets the optimiser drop the test for NaN
            x, y = y, x
        # The machine's instruction gives its second operand if either is NaN: here x, and y's NaN is put back after.
        result = m.select(m.cmp(predicate, y, x), y, x)
        return m.select(m.cmp("uno", y, y), y, emit_zero_sign(m, predicate == "ogt", x, y, result))

    return emit


def emit_zero_sign(m: RealMath, largest: bool, x: str, y: str, result: str) -> str:
    """``result``, the larger (or smaller) of ``x`` and ``y``, where -0.0 is less than 0.0: of two zeros a comparison
    leaves open which is taken, and so would the order of a reduction. The larger of two numbers is negative where both
    are, the smaller where either is.
    """
    if is_literal(y):
        if y not in (m(0.0), m(-0.0)):
            return result
        if largest:
            return m.abs(result) if y == m(0.0) else result  # where both are zero, the result is x
        return result if y == m(0.0) else m.neg(m.abs(result))
    sign = 1 << (31 if m.is_single else 63)
    both = m.bit_op("and" if largest else "or", m.to_bits(x), m.to_bits(y))
    if largest:
        return m.from_bits(m.bit_op("and", m.to_bits(result), m.bit_op("or", both, sign - 1)))
    return m.from_bits(m.bit_op("or", m.to_bits(result), m.bit_op("and", both, sign)))


def _sign(m: RealMath, x: str) -> str:
    below = m.select(m.cmp("olt", x, 0.0), -1.0, x)  # zero keeps its sign; NaN is kept
    return m.select(m.cmp("ogt", x, 0.0), 1.0, below)


def _is_finite(m: RealMath, x: str) -> str:
    return m.cmp("one", m.abs(x), literal(float("inf"), m.ty))


_REAL_FUNCTIONS: dict[str, Callable[..., str]] = {
    "neg": RealMath.neg,
    "abs": RealMath.abs,
    "sign": _sign,
    "is_finite": _is_finite,
    "max": _extremum("ogt"),
    "min": _extremum("olt"),
    "floor": lambda m, x: emit_rounding(m, "floor", x),
    "ceil": lambda m, x: emit_rounding(m, "ceil", x),
    "round": lambda m, x: emit_rounding(m, "round", x),
}
