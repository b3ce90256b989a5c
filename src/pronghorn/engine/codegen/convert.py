"""Element conversions between memory and registers, vectors included.

bfloat16 and, where the machine lacks the instructions, float16 are converted with integer arithmetic, so that no
conversion ever becomes a call into a compiler runtime library (the JIT has none).
"""

from __future__ import annotations

from typing import Protocol

from pronghorn.engine.codegen.builder import FunctionBuilder, Operand, literal, llvm_type, vec
from pronghorn.engine.graph.dtypes import LOW_PRECISION

__all__ = ["FLOATS", "convert", "storage_type"]

FLOATS = (*LOW_PRECISION, "float32", "float64")
_BITS = {"float16": 16, "bfloat16": 16, "float32": 32, "float64": 64, "bool": 8}


class HasFeatures(Protocol):
    """The part of :class:`pronghorn.engine.runtime.host.Target` that conversions look at."""

    @property
    def arch(self) -> str: ...

    def has(self, feature: str) -> bool: ...


def storage_type(dtype: str) -> str:
    """The LLVM type in which :func:`convert` takes and gives elements: as in memory, the 16-bit floats as ``i16``.

    >>> storage_type("bfloat16"), storage_type("float32")
    ('i16', 'float')
    """
    return "i16" if dtype in LOW_PRECISION else llvm_type(dtype)


def convert(fb: FunctionBuilder, value: Operand, source: str, target: str, count: int, machine: HasFeatures) -> Operand:
    """``count`` lanes of dtype ``source`` as ``target``: floats to floats, rounded to even, or ints to ints, wrapped.

    Raises ValueError for a conversion between floats and integers, which is not a matter of storage.
    """
    if source == target:
        return value
    if (source in FLOATS) != (target in FLOATS):
        raise ValueError(f"No storage conversion from {source} to {target}.")
    if source not in FLOATS:
        return _convert_integer(fb, value, source, target, count)
    if source in LOW_PRECISION:
        value = (_widen_bfloat if source == "bfloat16" else _widen_half)(fb, value, count, machine)
        source = "float32"
    if target in LOW_PRECISION:
        value = convert(fb, value, source, "float32", count, machine)
        return (_narrow_bfloat if target == "bfloat16" else _narrow_half)(fb, value, count, machine)
    if source == target:
        return value
    opcode = "fpext" if target == "float64" else "fptrunc"
    return fb.cast(opcode, value, vec(llvm_type(source), count), vec(llvm_type(target), count))


def _convert_integer(fb: FunctionBuilder, value: Operand, source: str, target: str, count: int) -> Operand:
    have, want = (_BITS.get(dtype) or int(dtype.lstrip("uint")) for dtype in (source, target))
    if have == want:
        return value
    opcode = "trunc" if have > want else "sext" if source.startswith("i") else "zext"
    return fb.cast(opcode, value, vec(llvm_type(source), count), vec(llvm_type(target), count))


def _has_half(machine: HasFeatures) -> bool:
    return machine.arch == "aarch64" or (machine.arch == "x86_64" and machine.has("f16c"))


def _widen_bfloat(fb: FunctionBuilder, value: Operand, count: int, machine: HasFeatures) -> Operand:
    wide = vec("i32", count)
    bits = fb.cast("zext", value, vec("i16", count), wide)
    return fb.cast("bitcast", fb.op("shl", wide, bits, literal(16, wide)), wide, vec("float", count))


def _widen_half(fb: FunctionBuilder, value: Operand, count: int, machine: HasFeatures) -> Operand:
    narrow, wide, real = vec("i16", count), vec("i32", count), vec("float", count)
    if _has_half(machine):
        return fb.cast("fpext", fb.cast("bitcast", value, narrow, vec("half", count)), vec("half", count), real)
    # Shifted into place, a half is the float times 2**-112; multiplying restores it, subnormals included.
    bits = fb.cast("zext", value, narrow, wide)
    body = fb.op("shl", wide, fb.op("and", wide, bits, literal(0x7FFF, wide)), literal(13, wide))
    scaled = fb.op("fmul", real, fb.cast("bitcast", body, wide, real), literal(2.0**112, real))
    special = fb.cmp("uge", wide, body, literal(0x7C00 << 13, wide))  # infinities and NaNs keep a full exponent
    full = fb.op("or", wide, body, literal(0x7F800000, wide))
    number = fb.select(special, wide, full, fb.cast("bitcast", scaled, real, wide))
    sign = fb.op("shl", wide, fb.op("and", wide, bits, literal(0x8000, wide)), literal(16, wide))
    return fb.cast("bitcast", fb.op("or", wide, number, sign), wide, real)


def _narrow_bfloat(fb: FunctionBuilder, value: Operand, count: int, machine: HasFeatures) -> Operand:
    wide, real = vec("i32", count), vec("float", count)
    bits = fb.cast("bitcast", value, real, wide)
    odd = fb.op("and", wide, fb.op("lshr", wide, bits, literal(16, wide)), literal(1, wide))
    rounded = fb.op("add", wide, fb.op("add", wide, bits, literal(0x7FFF, wide)), odd)
    quiet = fb.op("or", wide, bits, literal(0x400000, wide))  # a NaN must not be rounded to an infinity
    chosen = fb.select(fb.cmp("uno", real, value, value), wide, quiet, rounded)
    return fb.cast("trunc", fb.op("lshr", wide, chosen, literal(16, wide)), wide, vec("i16", count))


def _narrow_half(fb: FunctionBuilder, value: Operand, count: int, machine: HasFeatures) -> Operand:
    narrow, wide, real = vec("i16", count), vec("i32", count), vec("float", count)
    if _has_half(machine):
        return fb.cast("bitcast", fb.cast("fptrunc", value, real, vec("half", count)), vec("half", count), narrow)
    bits = fb.cast("bitcast", value, real, wide)
    sign = fb.op("lshr", wide, fb.op("and", wide, bits, literal(-0x80000000, wide)), literal(16, wide))
    size = fb.op("and", wide, bits, literal(0x7FFFFFFF, wide))
    # Normal numbers: re-bias the exponent, round half to even on the 13 bits that go.
    odd = fb.op("and", wide, fb.op("lshr", wide, size, literal(13, wide)), literal(1, wide))
    biased = fb.op("add", wide, size, literal(0xFFF - (112 << 23), wide))
    normal = fb.op("lshr", wide, fb.op("add", wide, biased, odd), literal(13, wide))
    # Subnormals: adding 0.5 makes the float adder itself round at the last bit that a half keeps.
    pushed = fb.op("fadd", real, fb.cast("bitcast", size, wide, real), literal(0.5, real))
    tiny = fb.op("sub", wide, fb.cast("bitcast", pushed, real, wide), literal(0x3F000000, wide))
    result = fb.select(fb.cmp("ult", wide, size, literal(113 << 23, wide)), wide, tiny, normal)
    result = fb.select(fb.cmp("uge", wide, size, literal(0x477FF000, wide)), wide, literal(0x7C00, wide), result)
    nan = fb.cmp("ugt", wide, size, literal(0x7F800000, wide))
    result = fb.select(nan, wide, literal(0x7E00, wide), result)
    return fb.cast("trunc", fb.op("or", wide, result, sign), wide, narrow)
