"""Elementwise primitives. What ONNX has no operator for is written in float32 where floats are narrower."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence

import numpy as np

from pronghorn.engine.compiler.simplify import scalar_constant
from pronghorn.engine.graph import dtypes
from pronghorn.engine.graph.dim import Shape, identical
from pronghorn.engine.graph.ir import Node, Value
from pronghorn.export.onnx.lowering import HELD_IN_FLOAT32, Held, Lowering, broadcast, held_type
from pronghorn.export.onnx.registry import REFUSED, lowers

_FUNCTIONS = {
    "neg": "Neg", "sign": "Sign", "floor": "Floor", "ceil": "Ceil", "round": "Round", "exp": "Exp", "log": "Log",
    "sqrt": "Sqrt", "sin": "Sin", "cos": "Cos", "tan": "Tan", "asin": "Asin", "acos": "Acos", "atan": "Atan",
    "sinh": "Sinh", "cosh": "Cosh", "tanh": "Tanh", "asinh": "Asinh", "acosh": "Acosh", "atanh": "Atanh",
    "logistic": "Sigmoid", "erf": "Erf", "abs": "Abs", "add": "Add", "sub": "Sub", "mul": "Mul",
    "max": "Max", "min": "Min",
}  # fmt: skip
_COMPARISONS = {"eq": "Equal", "lt": "Less", "le": "LessOrEqual", "gt": "Greater", "ge": "GreaterOrEqual"}
_LOGIC = {"and": ("And", "BitwiseAnd"), "or": ("Or", "BitwiseOr"), "xor": ("Xor", "BitwiseXor")}
_EXACT = frozenset({"neg", "sign", "floor", "ceil", "round", "abs", "max", "min"})

REFUSED.update(
    erfinv="ONNX has no inverse error function; compute it outside of the exported model",
    lgamma="ONNX has no gamma function; compute it outside of the exported model",
    digamma="ONNX has no digamma function; compute it outside of the exported model",
    nextafter="ONNX has no operator for the next number",
    bitcast="ONNX has no operator that reads bits as another type",
)

Names = list[str]


# -- operands ---------------------------------------------------------------------------------------------------------
def aligned(b: Lowering, values: Sequence[Value]) -> tuple[Names, Shape, tuple[int, ...] | None]:
    """Operands of an elementwise operator, ready to be broadcast; the result's shape and layout."""
    helds = [b.held(v) for v in values]
    perm = next((h.perm for h in helds if h.perm is not None), None)
    if perm is not None and not all(h.perm == perm or _moves_freely(b, v, h) for v, h in zip(values, helds)):
        perm = None
    operands = [_in_layout(b, v, perm) for v in values]
    shape = broadcast(*(h.shape for h in operands))
    fits = all(_fits(h.shape, shape) for h in operands)
    if not fits:  # extents that are equal, but not written alike
        return [b.full(v) for v in values], values[0].shape, None
    return [h.name for h in operands], shape, perm


def _moves_freely(b: Lowering, value: Value, held: Held) -> bool:
    """Whether another layout costs nothing at run time."""
    return all(identical(n, 1) for n in held.shape) or b.part(value) is not None


def _in_layout(b: Lowering, value: Value, perm: tuple[int, ...] | None) -> Held:
    if perm is None:
        return b.plain(value)
    held = b.held(value)
    if held.perm == perm:
        return held
    part = b.part(value)
    if part is None or not part.ndim:
        return held if held.shape == () else b.ranked(value)
    moved = part.reshape((1,) * (len(perm) - part.ndim) + part.shape).transpose(perm)
    while moved.ndim and moved.shape[0] == 1:
        moved = moved[0]
    return Held(b.stored(np.ascontiguousarray(moved), b.label_of(value)), moved.shape)


def _fits(shape: Shape, joint: Shape) -> bool:
    return all(identical(n, 1) or identical(n, m) for n, m in zip(shape[::-1], joint[::-1]))


def elementwise(b: Lowering, node: Node, write: Callable[[Names], str]) -> Held:
    """What ``write`` makes of the operands' names."""
    names, shape, perm = aligned(b, node.inputs)
    return Held(write(names), shape, perm)


def _narrow(dtype: str) -> bool:
    return dtype == "float16" or dtype in HELD_IN_FLOAT32


def in_float32(b: Lowering, dtype: str, names: Names, write: Callable[[Names], str]) -> str:
    """What several operators compute; of narrower floats it is rounded once, at the end."""
    if dtype == "float16":
        return b.cast(write([b.cast(n, "float32") for n in names]), "float16")
    return b.rounded(write(names), dtype)


def through(b: Lowering, dtype: str, takes: Sequence[str], names: Names, write: Callable[[Names], str]) -> str:
    """What an operator that takes some types only computes; other integers and bools are widened."""
    held = held_type(dtype)
    if dtypes.is_float(held) or held in takes:
        return write(names)
    wide = next(t for t in ("int32", "int64") if t in takes and (t == "int64" or held not in ("uint32", "uint64")))
    return b.cast(write([b.cast(n, wide) for n in names]), held)


# -- functions of one operator ----------------------------------------------------------------------------------------
@lowers(*_FUNCTIONS)
def function(b: Lowering, node: Node) -> Held:
    name, dtype = node.prim.name, node.inputs[0].dtype
    kind = _FUNCTIONS[name]
    if dtype == "bool":  # max and min
        return elementwise(b, node, lambda names: b.op("Or" if name == "max" else "And", *names))
    if name == "neg" and dtype in dtypes.UNSIGNED:
        return elementwise(b, node, lambda names: b.op("Sub", b.scalar(0, dtype), *names))
    takes = ("int8", "uint8", "int32", "int64", "uint32", "uint64") if name in ("max", "min") else dtypes.INTEGER

    def write(names: Names) -> str:
        result = through(b, dtype, takes, names, lambda names: b.op(kind, *names))
        return result if name in _EXACT else b.rounded(result, dtype)

    return elementwise(b, node, write)


@lowers("rsqrt")
def rsqrt(b: Lowering, node: Node) -> Held:
    dtype = node.inputs[0].dtype
    write = lambda names: b.op("Reciprocal", b.op("Sqrt", *names))  # noqa: E731
    return elementwise(b, node, lambda names: in_float32(b, dtype, names, write))


@lowers("erfc")
def erfc(b: Lowering, node: Node) -> Held:
    """1 - erf(x): ONNX has no operator that keeps the digits of tiny results."""
    dtype = node.inputs[0].dtype
    write = lambda names: b.op("Sub", b.scalar(1, _wide(dtype)), b.op("Erf", *names))  # noqa: E731
    return elementwise(b, node, lambda names: in_float32(b, dtype, names, write))


@lowers("expm1")
def expm1(b: Lowering, node: Node) -> Held:
    """tanh(x / 2) * (exp(x) + 1), which loses no digits near zero."""
    dtype = node.inputs[0].dtype

    def write(names: Names) -> str:
        (x,) = names
        half = b.op("Tanh", b.op("Mul", x, b.scalar(0.5, _wide(dtype))))
        return b.op("Mul", half, b.op("Add", b.op("Exp", x), b.scalar(1, _wide(dtype))))

    return elementwise(b, node, lambda names: in_float32(b, dtype, names, write))


def _wide(dtype: str) -> str:
    """The type in which several operators compute."""
    return "float32" if _narrow(dtype) else dtype


@lowers("log1p")
def log1p(b: Lowering, node: Node) -> Held:
    """log(u) * x / (u - 1) for u = 1 + x, which loses no digits near zero; log(u) far from it."""
    dtype = node.inputs[0].dtype

    def write(names: Names) -> str:
        (x,) = names
        one = b.scalar(1, _wide(dtype))
        u = b.op("Add", x, one)
        logarithm = b.op("Log", u)
        difference = b.op("Sub", u, one)
        near = b.op("Mul", logarithm, b.op("Div", x, difference))
        near = b.op("Where", b.op("Equal", difference, b.scalar(0, _wide(dtype))), x, near)
        return b.op("Where", b.op("Greater", x, one), logarithm, near)

    return elementwise(b, node, lambda names: in_float32(b, dtype, names, write))


@lowers("atan2")
def atan2(b: Lowering, node: Node) -> Held:
    dtype = node.inputs[0].dtype
    wide = _wide(dtype)

    def write(names: Names) -> str:
        y, x = names
        zero, pi = b.scalar(0, wide), b.scalar(math.pi, wide)
        angle = b.op("Atan", b.op("Div", y, x))
        turn = b.op("Where", b.op("Less", y, zero), b.scalar(-math.pi, wide), pi)
        angle = b.op("Where", b.op("Less", x, zero), b.op("Add", angle, turn), angle)
        none = b.op("And", b.op("Equal", y, zero), b.op("Equal", x, zero))
        return b.op("Where", none, zero, angle)

    return elementwise(b, node, lambda names: in_float32(b, dtype, names, write))


@lowers("is_finite")
def is_finite(b: Lowering, node: Node) -> Held:
    if not dtypes.is_float(node.inputs[0].dtype):
        return Held(b.file.initializer(np.array(True)), ())
    return elementwise(b, node, lambda x: b.op("Not", b.op("Or", b.op("IsInf", *x), b.op("IsNaN", *x))))


@lowers("stop_gradient")
def stop_gradient(b: Lowering, node: Node) -> Held:
    return b.held(node.inputs[0])


@lowers("custom_vjp")
def custom_vjp(b: Lowering, node: Node) -> list[Held]:
    count = node.params["num_args"]
    return [b.held(v) for v in node.inputs[count : count + node.params["num_outs"]]]


# -- arithmetic -------------------------------------------------------------------------------------------------------
@lowers("div")
def div(b: Lowering, node: Node) -> Held:
    x, y = node.inputs
    if dtypes.is_float(x.dtype):
        count, mean = b.averages.get(x, (0, None))
        if mean is not None and scalar_constant(y) == count:
            return mean
        return elementwise(b, node, lambda names: b.rounded(b.op("Div", *names), x.dtype))

    def write(names: Names) -> str:
        """The floor: a quotient without remainder. By zero it is zero."""
        number, divisor, unless_zero = _safe_divisor(b, node, names)
        multiple = b.op("Sub", number, b.op("Mod", number, divisor)) if x.dtype in dtypes.SIGNED else number
        return unless_zero(b.op("Div", multiple, divisor))

    return elementwise(b, node, write)


@lowers("rem")
def rem(b: Lowering, node: Node) -> Held:
    x, _ = node.inputs
    if dtypes.is_float(x.dtype):
        return elementwise(b, node, lambda names: b.rounded(b.op("Mod", *names, fmod=1), x.dtype))

    def write(names: Names) -> str:
        number, divisor, unless_zero = _safe_divisor(b, node, names)
        return unless_zero(b.op("Mod", number, divisor, fmod=1))

    return elementwise(b, node, write)


def _safe_divisor(b: Lowering, node: Node, names: Names) -> tuple[str, str, Callable[[str], str]]:
    """Operands of an integer division that divides by nothing, and what makes 0 where it would have."""
    (number, divisor), (x, y) = names, node.inputs
    known = b.constant(y)
    if known is not None and np.all(known != 0):
        return number, divisor, lambda result: result
    none = b.op("Equal", divisor, b.scalar(0, x.dtype))

    def chosen(then: str, otherwise: str) -> str:
        return where(b, x.dtype, none, then, otherwise)

    return number, chosen(b.scalar(1, x.dtype), divisor), lambda result: chosen(b.scalar(0, x.dtype), result)


@lowers("pow")
def pow(b: Lowering, node: Node) -> Held:
    x, y = node.inputs
    dtype = x.dtype
    if dtypes.is_float(dtype):
        if scalar_constant(y) == 2:
            return Held(b.rounded(b.op("Mul", b.held(x).name, b.held(x).name), dtype), *b.held(x)[1:])
        return elementwise(b, node, lambda names: b.rounded(b.op("Pow", *names), dtype))
    exponent = b.constant(y)

    def power(names: Names) -> str:
        if dtype in dtypes.UNSIGNED or (exponent is not None and np.all(exponent >= 0)):
            return b.op("Pow", *names)
        base, times = names
        wide = "int64" if dtype == "int64" else "int32"
        zero, one = b.scalar(0, wide), b.scalar(1, wide)
        positive = b.op("Pow", base, b.op("Max", times, zero))
        odd = b.op("Where", b.op("Equal", b.op("Mod", times, b.scalar(2, wide)), zero), one, base)
        unit = b.op("Where", b.op("Equal", b.op("Abs", base), one), odd, zero)
        return b.op("Where", b.op("Less", times, zero), unit, positive)

    return elementwise(b, node, lambda names: through(b, dtype, ("int32", "int64"), names, power))


# -- bits -------------------------------------------------------------------------------------------------------------
@lowers("not")
def not_(b: Lowering, node: Node) -> Held:
    kind = "Not" if node.inputs[0].dtype == "bool" else "BitwiseNot"
    return elementwise(b, node, lambda names: b.op(kind, *names))


@lowers(*_LOGIC)
def logic(b: Lowering, node: Node) -> Held:
    kind = _LOGIC[node.prim.name][node.inputs[0].dtype != "bool"]
    return elementwise(b, node, lambda names: b.op(kind, *names))


@lowers("shift_left", "shift_right")
def shift(b: Lowering, node: Node) -> Held:
    """ONNX shifts unsigned numbers only; the sign fills the freed bits of a signed one shifted to the right."""
    x, y = node.inputs
    right, dtype = node.prim.name == "shift_right", x.dtype
    bits = dtypes.itemsize(dtype) * 8
    work = "uint64" if bits == 64 else "uint32"

    def write(names: Names) -> str:
        number, count = names
        known = b.constant(y)
        if known is None or np.any((known < 0) | (known >= bits)):
            limit = b.op("Cast", b.scalar(bits, "int64"), to="int64")
            wide = b.cast(count, "int64")
            outside = b.op("Or", b.op("Less", wide, b.scalar(0, "int64")), b.op("GreaterOrEqual", wide, limit))
        else:
            outside = ""
        times = b.cast(count, work)
        if right and dtype in dtypes.SIGNED:
            negative = b.op("Less", number, b.scalar(0, dtype))
            turned = where(b, dtype, negative, b.op("BitwiseNot", number), number)
            moved = b.cast(b.op("BitShift", b.cast(turned, work), times, direction="RIGHT"), dtype)
            result = where(b, dtype, negative, b.op("BitwiseNot", moved), moved)
            beyond = where(b, dtype, negative, b.scalar(-1, dtype), b.scalar(0, dtype))
        else:
            direction = "RIGHT" if right else "LEFT"
            result = b.cast(b.op("BitShift", b.cast(number, work), times, direction=direction), dtype)
            beyond = b.scalar(0, dtype)
        return where(b, dtype, outside, beyond, result) if outside else result

    return elementwise(b, node, write)


# -- comparisons and choices ------------------------------------------------------------------------------------------
@lowers(*_COMPARISONS, "ne")
def compare(b: Lowering, node: Node) -> Held:
    name, dtype = node.prim.name, node.inputs[0].dtype

    def write(names: Names) -> str:
        if name == "ne":
            return b.op("Not", b.op("Equal", *names))
        if dtype == "bool" and name != "eq":
            names = [b.cast(n, "uint8") for n in names]
        return b.op(_COMPARISONS[name], *names)

    return elementwise(b, node, write)


@lowers("select")
def select(b: Lowering, node: Node) -> Held:
    clipped = _clipped_at_zero(node)
    if clipped is not None and dtypes.is_float(clipped.dtype):
        held = b.held(clipped)
        return Held(b.op("Relu", held.name), held.shape, held.perm)
    dtype = node.outputs[0].dtype
    return elementwise(b, node, lambda names: where(b, dtype, *names))


def where(b: Lowering, dtype: str, condition: str, then: str, otherwise: str) -> str:
    """One of two tensors that hold values of a type, element by element."""
    held = held_type(dtype)
    takes = ("float16", "float32", "float64", "int8", "uint8", "int32", "uint32", "int64")
    if held in takes:
        return b.op("Where", condition, then, otherwise)
    wide = "uint8" if held == "bool" else "int64" if held == "uint64" else "int32"
    return b.cast(b.op("Where", condition, b.cast(then, wide), b.cast(otherwise, wide)), held)


def _clipped_at_zero(node: Node) -> Value | None:
    """x where a select is ``x <= 0 ? 0 : x``, or the like."""
    pred, on_true, on_false = node.inputs
    test = pred.node
    if test is None or test.prim.name not in ("le", "lt", "gt", "ge"):
        return None
    x, limit = test.inputs
    kept, dropped = (on_true, on_false) if test.prim.name in ("gt", "ge") else (on_false, on_true)
    if kept is not x or scalar_constant(limit) != 0 or scalar_constant(dropped) != 0:
        return None
    return x


@lowers("cast")
def cast(b: Lowering, node: Node) -> Held:
    (x,), dtype = node.inputs, node.params["dtype"]
    held = b.held(x)
    name = held.name
    if held_type(x.dtype) != held_type(dtype):
        name = b.cast(name, held_type(dtype))
    narrower = dtype in HELD_IN_FLOAT32 and x.dtype != dtype
    return Held(b.rounded(name, dtype) if narrower else name, held.shape, held.perm)
