"""LLVM's types and constants as strings."""

from __future__ import annotations

import struct

__all__ = ["element", "is_float", "lanes", "literal", "llvm_type", "mangle", "size_of", "vec"]

_TYPES = {
    "float16": "half",
    "bfloat16": "bfloat",
    "float32": "float",
    "float64": "double",
    "bool": "i8",
    "int8": "i8",
    "int16": "i16",
    "int32": "i32",
    "int64": "i64",
    "uint8": "i8",
    "uint16": "i16",
    "uint32": "i32",
    "uint64": "i64",
}
_SIZES = {"half": 2, "bfloat": 2, "float": 4, "double": 8, "i1": 1, "i8": 1, "i16": 2, "i32": 4, "i64": 8, "ptr": 8}
_MANGLED = {"half": "f16", "bfloat": "bf16", "float": "f32", "double": "f64", "ptr": "p0"}


def llvm_type(dtype: str) -> str:
    """The type of one element of ``dtype`` in memory, e.g. ``"float32"`` -> ``"float"`` (a bool is one byte).

    >>> llvm_type("bfloat16")
    'bfloat'
    """
    try:
        return _TYPES[dtype]
    except KeyError:
        raise ValueError(f"No machine type for dtype {dtype!r}; known: {', '.join(_TYPES)}.") from None


def vec(ty: str, count: int) -> str:
    """The vector type of ``count`` lanes of the scalar type ``ty``; one lane is the scalar itself.

    >>> vec("float", 16), vec("float", 1)
    ('<16 x float>', 'float')
    """
    return ty if count == 1 else f"<{count} x {ty}>"


def lanes(ty: str) -> int:
    """How many lanes a type has (1 for a scalar)."""
    return int(ty[1 : ty.index(" ")]) if ty[0] == "<" else 1


def element(ty: str) -> str:
    """The scalar type of a vector type, or the scalar type itself."""
    return ty[ty.index("x ") + 2 : -1] if ty[0] == "<" else ty


def size_of(ty: str) -> int:
    """Bytes one value of the type takes in memory."""
    return lanes(ty) * _SIZES[element(ty)]


def is_float(ty: str) -> bool:
    """Whether the (element) type is a floating point type."""
    return element(ty) in ("half", "bfloat", "float", "double")


def mangle(ty: str) -> str:
    """The suffix by which an overloaded intrinsic names the type: ``"<16 x float>"`` -> ``"v16f32"``."""
    scalar = element(ty)
    name = _MANGLED.get(scalar, scalar)
    return f"v{lanes(ty)}{name}" if ty[0] == "<" else name


def literal(value: float | int | bool, ty: str) -> str:
    """A constant of scalar or vector type as LLVM spells it, exact to the bit.

    >>> literal(0.1, "float"), literal(3, "i64"), literal(1.5, "<2 x double>")
    ('0x3FB99999A0000000', '3', '<double 0x3FF8000000000000, double 0x3FF8000000000000>')
    """
    if ty[0] == "<":
        scalar = element(ty)
        one = literal(value, scalar)
        return "<" + ", ".join([f"{scalar} {one}"] * lanes(ty)) + ">"
    if ty == "double":
        return f"0x{struct.unpack('>Q', struct.pack('>d', value))[0]:016X}"
    if ty == "float":  # a float literal is written as the double of the same value
        return literal(_round_float(float(value)), "double")
    if ty == "half":
        return f"0xH{_half_bits(float(value)):04X}"
    if ty == "bfloat":
        return f"0xR{_bfloat_bits(float(value)):04X}"
    if ty == "i1":
        return "true" if value else "false"
    return str(int(value))


def _round_float(value: float) -> float:
    try:
        return struct.unpack("f", struct.pack("f", value))[0]
    except OverflowError:
        return float("inf") if value > 0 else float("-inf")


def _half_bits(value: float) -> int:
    try:
        return struct.unpack("H", struct.pack("e", value))[0]
    except OverflowError:
        return 0x7C00 if value > 0 else 0xFC00


def _bfloat_bits(value: float) -> int:
    bits = struct.unpack("I", struct.pack("f", _round_float(value)))[0]
    if value != value:
        return 0x7FC0
    return (bits + 0x7FFF + (bits >> 16 & 1)) >> 16  # round half to even
