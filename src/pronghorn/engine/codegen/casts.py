"""Conversions between element types."""

from __future__ import annotations

from pronghorn.engine.codegen.builder import FunctionBuilder, element, literal, vec
from pronghorn.engine.codegen.values import decode, encode, is_real, is_signed, round_to, value_type
from pronghorn.engine.graph.dtypes import LOW_PRECISION

__all__ = ["emit_bitcast", "emit_cast"]


def emit_cast(fb: FunctionBuilder, value: str, source: str, target: str, lanes: int) -> str:
    """Converts register values: floats to integers towards zero and saturating (NaN gives 0), integers wrap around."""
    if source == target:
        return value
    before, after = value_type(source, lanes), value_type(target, lanes)
    if target == "bool":
        predicate = "une" if is_real(source) else "ne"  # NaN is true
        return fb.cmp(predicate, before, value, literal(0, before))
    if is_real(source) and is_real(target):
        return _real_to_real(fb, value, source, target, lanes)
    if is_real(source):
        return _real_to_integer(fb, value, before, after, is_signed(target), lanes)
    if is_real(target):
        opcode = "sitofp" if is_signed(source) else "uitofp"
        return round_to(fb, target, fb.cast(opcode, value, before, after), lanes)
    return _integer_to_integer(fb, value, source, target, lanes)


def _real_to_integer(fb: FunctionBuilder, value: str, before: str, after: str, signed: bool, lanes: int) -> str:
    """Towards zero and saturating, NaN gives 0: LLVM takes vectors apart for its own ``llvm.fptosi.sat``."""
    bits = int(element(after)[1:])
    least, above = (-(2 ** (bits - 1)), 2 ** (bits - 1)) if signed else (0, 2**bits)
    convert = "fptosi" if signed or bits <= 16 else "fptoui"
    if bits <= 16:  # the limits are floats, too
        number = fb.select(fb.cmp("ord", before, value, value), before, value, literal(0.0, before))
        for predicate, limit in (("olt", float(least)), ("ogt", float(above - 1))):
            edge = literal(limit, before)
            number = fb.select(fb.cmp(predicate, before, number, edge), before, edge, number)
        wide = vec("i32", lanes)
        return fb.cast("trunc", fb.cast(convert, number, before, wide), wide, after)
    zero, none = literal(0.0, before), literal(0, after)
    fits = fb.op(
        "and",
        vec("i1", lanes),
        fb.cmp("oge" if signed else "ogt", before, value, literal(float(least) if signed else -1.0, before)),
        fb.cmp("olt", before, value, literal(float(above), before)),
    )
    number = fb.cast(convert, fb.select(fits, before, value, zero), before, after)
    last = fb.select(fb.cmp("olt", before, value, zero), after, literal(least, after), none)
    most = literal(above - 1 if signed else -1, after)
    last = fb.select(fb.cmp("ogt", before, value, zero), after, most, last)
    return fb.select(fits, after, number, last)


def _integer_to_integer(fb: FunctionBuilder, value: str, source: str, target: str, lanes: int) -> str:
    before, after = value_type(source, lanes), value_type(target, lanes)
    narrow, wide = int(element(before)[1:]), int(element(after)[1:])
    if narrow == wide:
        return value
    if narrow > wide:
        return fb.cast("trunc", value, before, after)
    return fb.cast("sext" if is_signed(source) else "zext", value, before, after)


def _real_to_real(fb: FunctionBuilder, value: str, source: str, target: str, lanes: int) -> str:
    single, double = vec("float", lanes), vec("double", lanes)
    if target == "float64":
        return fb.cast("fpext", value, single, double)
    if source != "float64":
        return round_to(fb, target, value, lanes)
    if target != "float16":  # bfloat16 goes through float32, as NumPy's does
        return round_to(fb, target, fb.cast("fptrunc", value, double, single), lanes)
    return round_to(fb, target, _narrow_to_odd(fb, value, lanes), lanes)


def _narrow_to_odd(fb: FunctionBuilder, value: str, lanes: int) -> str:
    """float64 to float32, inexact results rounded to the odd neighbour, so that rounding once more rounds only once."""
    single, double, whole = vec("float", lanes), vec("double", lanes), vec("i32", lanes)
    nearest = fb.cast("fptrunc", value, double, single)
    back = fb.cast("fpext", nearest, single, double)
    bits = fb.cast("bitcast", nearest, single, whole)
    size, true_size = (fb.intrinsic("llvm.fabs", double, x) for x in (back, value))
    even = fb.cmp("eq", whole, fb.op("and", whole, bits, literal(1, whole)), literal(0, whole))
    above, below = fb.cmp("ogt", double, size, true_size), fb.cmp("olt", double, size, true_size)
    step = fb.select(below, whole, literal(1, whole), literal(0, whole))
    step = fb.select(above, whole, literal(-1, whole), step)
    moved = fb.select(even, whole, fb.op("add", whole, bits, step), bits)
    return fb.cast("bitcast", moved, whole, single)


def emit_bitcast(fb: FunctionBuilder, value: str, source: str, target: str, lanes: int) -> str:
    """The bits of register values read as another type of the same width."""
    if source == target:
        return value
    if source == "bool":  # a byte, 0 or 1
        return fb.cast("zext", value, vec("i1", lanes), value_type(target, lanes))
    if target == "bool":
        return fb.cmp("ne", value_type(source, lanes), value, literal(0, value_type(source, lanes)))
    raw = encode(fb, source, value, lanes)
    if target in LOW_PRECISION:
        return decode(fb, target, raw, lanes)
    before = vec("i16", lanes) if source in LOW_PRECISION else value_type(source, lanes)
    after = value_type(target, lanes)
    return raw if before == after else fb.cast("bitcast", raw, before, after)
