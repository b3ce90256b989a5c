"""Integer and boolean arithmetic without traps: every operation has a result for every operand, NumPy's."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from pronghorn.engine.codegen.builder import FunctionBuilder, element, literal, mangle, vec
from pronghorn.engine.codegen.values import is_signed, value_type

__all__ = ["INTEGER_FUNCTIONS"]

Emitter = Callable[[FunctionBuilder, Sequence[str], str, int], str]


def _simple(opcode: str) -> Emitter:
    def emit(fb: FunctionBuilder, args: Sequence[str], dtype: str, lanes: int) -> str:
        return fb.op(opcode, value_type(dtype, lanes), args[0], args[1])

    return emit


def _neg(fb: FunctionBuilder, args: Sequence[str], dtype: str, lanes: int) -> str:
    ty = value_type(dtype, lanes)
    return fb.op("sub", ty, literal(0, ty), args[0])


def _abs(fb: FunctionBuilder, args: Sequence[str], dtype: str, lanes: int) -> str:
    if not is_signed(dtype):
        return args[0]
    ty = value_type(dtype, lanes)
    return fb.call(f"llvm.abs.{mangle(ty)}", ty, [(ty, args[0]), ("i1", "false")])


def _sign(fb: FunctionBuilder, args: Sequence[str], dtype: str, lanes: int) -> str:
    ty = value_type(dtype, lanes)
    zero = literal(0, ty)
    result = fb.cast("zext", fb.cmp("ne", ty, args[0], zero), vec("i1", lanes), ty)
    if not is_signed(dtype):
        return result
    return fb.select(fb.cmp("slt", ty, args[0], zero), ty, literal(-1, ty), result)


def _not(fb: FunctionBuilder, args: Sequence[str], dtype: str, lanes: int) -> str:
    ty = value_type(dtype, lanes)
    return fb.op("xor", ty, args[0], literal(-1 if dtype != "bool" else True, ty))


def _is_finite(fb: FunctionBuilder, args: Sequence[str], dtype: str, lanes: int) -> str:
    return literal(True, vec("i1", lanes))


def _extreme(name: str) -> Emitter:
    def emit(fb: FunctionBuilder, args: Sequence[str], dtype: str, lanes: int) -> str:
        ty = value_type(dtype, lanes)
        if dtype == "bool":
            return fb.op("or" if name == "max" else "and", ty, args[0], args[1])
        return fb.intrinsic(f"llvm.{'s' if is_signed(dtype) else 'u'}{name}", ty, args[0], args[1])

    return emit


def _safe_divisor(fb: FunctionBuilder, x: str, y: str, dtype: str, lanes: int) -> tuple[str, str]:
    """The divisor with 1 in place of what would trap, and where it is zero."""
    ty = value_type(dtype, lanes)
    is_zero = fb.cmp("eq", ty, y, literal(0, ty))
    trap = is_zero
    if is_signed(dtype):
        lowest = literal(-(1 << (int(element(ty)[1:]) - 1)), ty)
        both = fb.op("and", vec("i1", lanes), fb.cmp("eq", ty, x, lowest), fb.cmp("eq", ty, y, literal(-1, ty)))
        trap = fb.op("or", vec("i1", lanes), is_zero, both)
    return fb.select(trap, ty, literal(1, ty), y), is_zero


def _div(fb: FunctionBuilder, args: Sequence[str], dtype: str, lanes: int) -> str:
    """Rounds towards minus infinity; anything over zero is zero, the lowest number over -1 is itself."""
    ty, (x, y) = value_type(dtype, lanes), args
    divisor, is_zero = _safe_divisor(fb, x, y, dtype, lanes)
    zero = literal(0, ty)
    if not is_signed(dtype):
        return fb.select(is_zero, ty, zero, fb.op("udiv", ty, x, divisor))
    quotient = fb.op("sdiv", ty, x, divisor)
    remainder = fb.op("sub", ty, x, fb.op("mul", ty, quotient, divisor))
    inexact = fb.cmp("ne", ty, remainder, zero)
    opposite = fb.cmp("slt", ty, fb.op("xor", ty, remainder, divisor), zero)
    down = fb.op("and", vec("i1", lanes), inexact, opposite)
    floor = fb.op("add", ty, quotient, fb.cast("sext", down, vec("i1", lanes), ty))
    return fb.select(is_zero, ty, zero, floor)


def _rem(fb: FunctionBuilder, args: Sequence[str], dtype: str, lanes: int) -> str:
    """The remainder with the dividend's sign; 0 where the divisor is 0 (as 1 divides all)."""
    divisor, _ = _safe_divisor(fb, args[0], args[1], dtype, lanes)
    return fb.op("srem" if is_signed(dtype) else "urem", value_type(dtype, lanes), args[0], divisor)


def _shift(left: bool) -> Emitter:
    def emit(fb: FunctionBuilder, args: Sequence[str], dtype: str, lanes: int) -> str:
        ty, (x, amount) = value_type(dtype, lanes), args
        bits = int(element(ty)[1:])
        fits = fb.cmp("ult", ty, amount, literal(bits, ty))  # a negative amount is a huge unsigned one
        if not left and is_signed(dtype):
            return fb.op("ashr", ty, x, fb.select(fits, ty, amount, literal(bits - 1, ty)))
        bounded = fb.select(fits, ty, amount, literal(0, ty))
        return fb.select(fits, ty, fb.op("shl" if left else "lshr", ty, x, bounded), literal(0, ty))

    return emit


def _pow(fb: FunctionBuilder, args: Sequence[str], dtype: str, lanes: int) -> str:
    """Repeated squaring, wrapping around; a negative exponent gives the whole part of the fraction."""
    ty, (base, exponent) = value_type(dtype, lanes), args
    one, zero = literal(1, ty), literal(0, ty)
    steps = int(element(ty)[1:])
    initial = [(ty, one), (ty, base), (ty, exponent)]
    # The lanes differ in when they are done: all go on until the last is, at most one step a bit.
    head, body, done = fb.label("pow"), fb.label("pow_step"), fb.label("pow_done")
    before = fb.block
    fb.branch(head)
    fb.place(head)
    names = [fb.name_value() for _ in range(4)]
    following = [fb.name_value() for _ in range(4)]
    for name, after, (kind, first) in zip(names, following, [*initial, ("i32", "0")]):
        fb.emit(f"{name} = phi {kind} [ {first}, %{before} ], [ {after}, %{body} ]")
    result, square, left, count = names
    going = fb.cmp("ne", ty, left, zero)
    if lanes > 1:
        going = fb.call(f"llvm.vector.reduce.or.v{lanes}i1", "i1", [(vec("i1", lanes), going)])
    going = fb.op("and", "i1", going, fb.cmp("ult", "i32", count, steps))
    fb.branch_if(going, body, done)
    fb.place(body)
    odd = fb.cmp("ne", ty, fb.op("and", ty, left, one), zero)
    product = fb.op("mul", ty, result, square)
    fb.emit(f"{following[0]} = select {vec('i1', lanes)} {odd}, {ty} {product}, {ty} {result}")
    fb.emit(f"{following[1]} = mul {ty} {square}, {square}")
    fb.emit(f"{following[2]} = lshr {ty} {left}, {one}")
    fb.emit(f"{following[3]} = add i32 {count}, 1")
    fb.branch(head)
    fb.place(done)
    if not is_signed(dtype):
        return result
    return _negative_power(fb, base, exponent, result, ty, lanes)


def _negative_power(fb: FunctionBuilder, base: str, exponent: str, result: str, ty: str, lanes: int) -> str:
    one, zero, minus = literal(1, ty), literal(0, ty), literal(-1, ty)
    odd = fb.cmp("ne", ty, fb.op("and", ty, exponent, one), zero)
    whole = fb.select(fb.cmp("eq", ty, base, minus), ty, fb.select(odd, ty, minus, one), zero)
    whole = fb.select(fb.cmp("eq", ty, base, one), ty, one, whole)
    return fb.select(fb.cmp("slt", ty, exponent, zero), ty, whole, result)


INTEGER_FUNCTIONS: dict[str, Emitter] = {
    "neg": _neg,
    "abs": _abs,
    "sign": _sign,
    "not": _not,
    "is_finite": _is_finite,
    "add": _simple("add"),
    "sub": _simple("sub"),
    "mul": _simple("mul"),
    "and": _simple("and"),
    "or": _simple("or"),
    "xor": _simple("xor"),
    "div": _div,
    "rem": _rem,
    "pow": _pow,
    "max": _extreme("max"),
    "min": _extreme("min"),
    "shift_left": _shift(left=True),
    "shift_right": _shift(left=False),
}
