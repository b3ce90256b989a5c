"""Rounding to whole numbers, and the next number after another."""

from __future__ import annotations

from pronghorn.engine.codegen.builder import FunctionBuilder, literal, vec
from pronghorn.engine.codegen.real_math import RealMath
from pronghorn.engine.codegen.values import decode, encode, target_of, value_type

__all__ = ["emit_nextafter", "emit_rounding"]

_INTRINSICS = {"floor": "llvm.floor", "ceil": "llvm.ceil", "round": "llvm.roundeven", "trunc": "llvm.trunc"}


def emit_rounding(m: RealMath, name: str, x: str) -> str:
    """``floor``, ``ceil``, ``trunc`` or ``round`` (half to even) of float or double values."""
    target = target_of(m.fb)
    # Without these instructions LLVM would call the C library, where roundeven is recent and not everywhere.
    if target.arch != "x86_64" or any(target.has(feature) for feature in ("sse4.1", "avx", "avx2")):
        return m.fb.intrinsic(_INTRINSICS[name], m.ty, x)
    size = m.abs(x)
    magic = 2.0**m.mantissa
    whole = m.sub(m.add(size, magic), magic)  # |x| to the nearest whole number
    if name == "trunc":
        whole = m.select(m.cmp("ogt", whole, size), m.sub(whole, 1.0), whole)
    elif name != "round":
        whole = m.copysign(whole, x)
        if name == "floor":
            whole = m.select(m.cmp("ogt", whole, x), m.sub(whole, 1.0), whole)
        else:
            whole = m.select(m.cmp("olt", whole, x), m.add(whole, 1.0), whole)
    # Numbers this large are whole already, and NaN compares false.
    return m.select(m.cmp("olt", size, magic), m.copysign(whole, x), x)


def emit_nextafter(fb: FunctionBuilder, x: str, y: str, dtype: str, lanes: int) -> str:
    """The next number of the type after ``x`` in the direction of ``y``."""
    ty = value_type(dtype, lanes)
    narrow = {"float64": 64, "float32": 32}.get(dtype, 16)
    bits_ty = vec(f"i{narrow}", lanes)
    if narrow == 16:
        bits = encode(fb, dtype, x, lanes)
        sign_of_y = encode(fb, dtype, y, lanes)
    else:
        bits = fb.cast("bitcast", x, ty, bits_ty)
        sign_of_y = fb.cast("bitcast", y, ty, bits_ty)
    zero = literal(0.0, ty)
    # Away from zero is one up in the bits, whatever the sign.
    outward = fb.cmp("eq", vec("i1", lanes), fb.cmp("olt", ty, x, y), fb.cmp("ogt", ty, x, zero))
    step = fb.select(outward, bits_ty, literal(1, bits_ty), literal(-1, bits_ty))
    moved = fb.op("add", bits_ty, bits, step)
    top = fb.op("and", bits_ty, sign_of_y, literal(-(1 << (narrow - 1)), bits_ty))
    from_zero = fb.op("or", bits_ty, top, literal(1, bits_ty))
    moved = fb.select(fb.cmp("oeq", ty, x, zero), bits_ty, from_zero, moved)
    result = decode(fb, dtype, moved, lanes) if narrow == 16 else fb.cast("bitcast", moved, bits_ty, ty)
    result = fb.select(fb.cmp("oeq", ty, x, y), ty, y, result)
    return fb.select(fb.cmp("uno", ty, x, y), ty, literal(float("nan"), ty), result)
