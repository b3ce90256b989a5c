"""One table of cases that covers every primitive: operands and parameters.

Backends are compared on it with NumPy, and gradients with finite differences. `CASES` has several shapes and types for
each primitive; operands come from a generator, so that a case's numbers are the same in every run:

    for case in CASES:
        arrays = case.args()
        expected = IMPLEMENTATIONS[case.prim](*arrays, **case.params)
"""

from __future__ import annotations

import zlib
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from pronghorn.engine.graph import dtypes
from pronghorn.engine.graph import primitives as P
from pronghorn.engine.graph.foreign_functions import ForeignFunction
from pronghorn.engine.graph.ir import Aval
from pronghorn.engine.graph.trace import trace_body

Array = np.ndarray


@dataclass(frozen=True)
class Case:
    """A call of a primitive.

    Attributes:
        id: unique; starts with the primitive's name.
        prim: the primitive's name.
        build: from a random generator to the operands.
        params: the parameters.
        smooth: whether the result is differentiable around these operands, so that finite differences mean something.
    """

    id: str
    prim: str
    build: Callable[[np.random.Generator], list[Array]]
    params: dict[str, Any] = field(default_factory=dict)
    smooth: bool = True

    def args(self) -> list[Array]:
        """The operands, the same every time."""
        return [np.asarray(a) for a in self.build(np.random.default_rng(zlib.crc32(self.id.encode())))]


CASES: list[Case] = []


def tolerance(dtype: str) -> dict[str, float]:
    """How far another backend's results may be from NumPy's, as arguments of `numpy.testing.assert_allclose`."""
    relative = {
        "float8_e4m3fn": 0.13,
        "float8_e5m2": 0.26,
        "bfloat16": 1.6e-2,
        "float16": 2e-3,
        "float32": 2e-5,
        "complex64": 2e-5,
        "float64": 1e-11,
        "complex128": 1e-11,
    }.get(dtype, 0.0)
    return {"rtol": relative, "atol": relative}


def case(prim: str, name: str, build: Callable[..., list[Any]], smooth: bool = True, **params: Any) -> None:
    """Add a case."""
    CASES.append(Case(f"{prim}-{name}", prim, build, params, smooth))


def floats(shape: tuple[int, ...], dtype: str, low: float = -2.0, high: float = 2.0) -> Callable[..., Array]:
    """A builder of one operand, uniform between ``low`` and ``high``; complex numbers have both parts so."""

    def build(rng: np.random.Generator) -> Array:
        values = rng.uniform(low, high, shape)
        if dtype in dtypes.COMPLEX:
            values = values + 1j * rng.uniform(low, high, shape)
        return np.asarray(values).astype(dtypes.to_numpy(dtype))

    return build


def integers(shape: tuple[int, ...], dtype: str, low: int = -50, high: int = 50) -> Callable[..., Array]:
    """A builder of one operand of integers in ``[low, high)``, or of bools."""

    def build(rng: np.random.Generator) -> Array:
        start = 0 if dtype in dtypes.UNSIGNED or dtype == "bool" else low
        stop = 2 if dtype == "bool" else high
        return np.asarray(rng.integers(start, stop, shape)).astype(dtypes.to_numpy(dtype))

    return build


def values(shape: tuple[int, ...], dtype: str, **limits: Any) -> Callable[..., Array]:
    """`floats` or `integers`, as the type needs."""
    if dtype == "bool" or dtypes.is_integer(dtype):
        return integers(shape, dtype, **{k: int(v) for k, v in limits.items()})
    return floats(shape, dtype, **limits)


def distinct(shape: tuple[int, ...], dtype: str, gap: float = 0.1) -> Callable[..., Array]:
    """A builder of one operand without ties: neighbours in order are ``gap`` apart."""

    def build(rng: np.random.Generator) -> Array:
        size = int(np.prod(shape))
        order = rng.permutation(size) - size / 2
        return (order.reshape(shape) * gap).astype(dtypes.to_numpy(dtype))

    return build


def given(*arrays: Any) -> Callable[..., list[Array]]:
    """A builder of fixed operands."""
    return lambda rng: [np.asarray(a) for a in arrays]


def number(value: int) -> Callable[..., Array]:
    """A builder of one int32 scalar."""
    return lambda rng: np.asarray(value, np.int32)


def together(*builders: Callable[..., Array]) -> Callable[..., list[Array]]:
    """Several operands."""
    return lambda rng: [build(rng) for build in builders]


FLOATS = ("float32", "float64", "bfloat16", "float16")
WIDE = ("float32", "float64")
INTEGERS = ("int32", "uint8", "int64")


# -- elementwise --------------------------------------------------------------------------------------------------
# Where each function is defined and smooth.
UNARY_RANGES: dict[str, tuple[float, float]] = {
    "exp": (-3, 3), "expm1": (-2, 2), "log": (0.1, 5), "log1p": (-0.7, 3), "sqrt": (0.1, 5), "rsqrt": (0.2, 5),
    "sin": (-6, 6), "cos": (-6, 6), "tan": (-1.2, 1.2), "asin": (-0.9, 0.9), "acos": (-0.9, 0.9), "atan": (-4, 4),
    "sinh": (-2, 2), "cosh": (-2, 2), "tanh": (-3, 3), "asinh": (-4, 4), "acosh": (1.2, 5), "atanh": (-0.9, 0.9),
    "logistic": (-6, 6), "erf": (-3, 3), "erfc": (-3, 3), "erfinv": (-0.95, 0.95), "lgamma": (0.2, 9),
    "digamma": (0.3, 9), "floor": (-5, 5), "ceil": (-5, 5), "round": (-5, 5), "neg": (-5, 5), "abs": (-5, 5),
    "sign": (-5, 5), "is_finite": (-5, 5), "stop_gradient": (-5, 5),
}  # fmt: skip
COMPLEX_UNARY = ("exp", "log", "sqrt", "sin", "cos", "tanh", "neg", "abs", "sign", "is_finite", "stop_gradient")

for prim, (low, high) in UNARY_RANGES.items():
    for dtype in FLOATS:
        case(prim, f"{dtype}-3x17", together(floats((3, 17), dtype, low, high)))
    case(prim, "float32-scalar", together(floats((), "float32", low, high)))
for prim in COMPLEX_UNARY:
    for dtype in dtypes.COMPLEX:
        case(prim, f"{dtype}-7", together(floats((7,), dtype, 0.3, 1.5)), smooth=False)
for prim in ("neg", "abs", "sign", "is_finite", "stop_gradient"):
    for dtype in INTEGERS:
        case(prim, f"{dtype}-2x5", together(integers((2, 5), dtype)))
for prim in ("digamma", "lgamma"):
    case(prim, "float64-negative", together(floats((11,), "float64", -2.9, -2.1)))
case("erf", "float32-small-and-large", given(np.float32([1e-20, 1e-4, -1e-3, 4, -7, 30, np.inf, -np.inf, np.nan])),
     smooth=False)  # fmt: skip
case("erfc", "float32-small-and-large", given(np.float32([-0.0, 1e-20, -1e-4, 4, 8, -7, 30, np.inf, -np.inf, np.nan])),
     smooth=False)  # fmt: skip
case("logistic", "float32-large", given(np.float32([-200, -90, 90, 200, np.inf, -np.inf])), smooth=False)
case("is_finite", "float32-edges", given(np.float32([1, np.inf, -np.inf, np.nan, 3e38])))
case("round", "float32-halves", given(np.float32([0.5, 1.5, 2.5, -0.5, -1.5, 7.499])), smooth=False)
case("sign", "float32-edges", given(np.float32([0.0, -0.0, np.nan, np.inf, -3])), smooth=False)
for prim in ("exp", "log", "tanh", "neg", "abs"):
    for dtype in dtypes.FLOAT8:
        case(prim, f"{dtype}-9", together(floats((9,), dtype, 0.2, 2)))
for dtype in ("bool", *INTEGERS):
    case("not", f"{dtype}-2x5", together(integers((2, 5), dtype)))
for dtype in dtypes.COMPLEX:
    for prim in ("real", "imag", "conj"):
        case(prim, f"{dtype}-3x4", together(floats((3, 4), dtype)))
for dtype in WIDE:
    case("complex", f"{dtype}-3x4", together(floats((3, 4), dtype), floats((3, 4), dtype)))

for prim in ("add", "sub", "mul", "div", "max", "min"):
    for dtype in (*FLOATS, *INTEGERS):
        positive = {"low": 1} if prim == "div" else {}
        case(prim, f"{dtype}-3x17", together(values((3, 17), dtype), values((3, 17), dtype, **positive)))
    case(prim, "float64-scalar", together(floats((), "float64"), floats((), "float64", 0.5, 2)))
    case(prim, "float32-empty", together(floats((0, 3), "float32"), floats((0, 3), "float32")), smooth=False)
for prim in ("add", "sub", "mul", "div"):
    case(prim, "complex64-5", together(floats((5,), "complex64"), floats((5,), "complex64", 0.5, 1)), smooth=False)
for prim in ("max", "min"):
    case(prim, "float32-nan", given(np.float32([1, np.nan, 3, np.inf]), np.float32([2, 1, np.nan, -np.inf])),
         smooth=False)  # fmt: skip
    case(prim, "bool-2x3", together(integers((2, 3), "bool"), integers((2, 3), "bool")))
for dtype in ("int32", "int8"):
    case("div", f"{dtype}-signs", given(*np.array([[7, -7, 7, -7, 0], [2, 2, -2, -2, 5]], dtype)))
    case("rem", f"{dtype}-signs", given(*np.array([[7, -7, 7, -7, 0], [2, 2, -2, -2, 5]], dtype)))
for dtype in FLOATS:
    case("rem", f"{dtype}-9", together(floats((9,), dtype, 5.1, 5.9), floats((9,), dtype, 2.0, 2.5)))
    case("pow", f"{dtype}-3x5", together(floats((3, 5), dtype, 0.2, 3), floats((3, 5), dtype, -2, 3)))
case("rem", "float64-negative", given(np.array([-5.5, -5.5, 5.5]), np.array([2.0, -2.0, -2.0])))
case("rem", "uint8-5", given(np.uint8([200, 7, 9, 255, 0]), np.uint8([7, 7, 2, 16, 3])))
case("pow", "float64-integral-exponent", given(np.array([-2.0, -0.5, 1.5, 3.0]), np.array([3.0, 2.0, 0.0, -1.0])),
     smooth=False)  # fmt: skip
case("pow", "int32-9", together(integers((9,), "int32", -4, 5), integers((9,), "int32", 0, 6)))
for dtype in WIDE:
    case("atan2", f"{dtype}-4x4", together(floats((4, 4), dtype), floats((4, 4), dtype)))
    case("nextafter", f"{dtype}-6", together(floats((6,), dtype), floats((6,), dtype)))
for prim in ("and", "or", "xor"):
    for dtype in ("bool", *INTEGERS):
        case(prim, f"{dtype}-3x5", together(integers((3, 5), dtype), integers((3, 5), dtype)))
for prim in ("shift_left", "shift_right"):
    for dtype in ("int32", "uint32", "int64", "uint8"):
        case(prim, f"{dtype}-9", together(integers((9,), dtype), integers((9,), dtype, 0, 8 * dtypes.itemsize(dtype))))
for prim in ("eq", "ne", "lt", "le", "gt", "ge"):
    for dtype in ("float32", "float64", "bfloat16", "int32", "uint8", "bool"):
        few = integers((3, 5), dtype, 0, 3)  # so that some are equal
        case(prim, f"{dtype}-3x5", together(few, few))
    case(prim, "float32-nan", given(np.float32([1, np.nan, np.nan]), np.float32([np.nan, 1, np.nan])))
for dtype in (*FLOATS, "int32", "bool", "complex64"):
    case("select", f"{dtype}-3x5", together(integers((3, 5), "bool"), values((3, 5), dtype), values((3, 5), dtype)))
case("select", "float64-scalar", together(integers((), "bool"), floats((), "float64"), floats((), "float64")))

for source, target in [
    ("float32", "float64"), ("float64", "float32"), ("float32", "bfloat16"), ("bfloat16", "float32"),
    ("float32", "float16"), ("float16", "float32"), ("float32", "float8_e4m3fn"), ("float8_e5m2", "float32"),
    ("float32", "int32"), ("float32", "uint8"), ("float32", "int64"), ("float32", "bool"), ("int32", "float32"),
    ("int32", "int8"), ("int32", "uint8"), ("uint8", "float32"), ("uint8", "int32"), ("int64", "int32"),
    ("bool", "float32"), ("bool", "int32"), ("int32", "bool"), ("uint32", "float32"), ("float64", "float64"),
    ("int64", "float64"), ("float32", "complex64"), ("complex64", "float32"), ("bfloat16", "float16"),
]:  # fmt: skip
    same = dtypes.is_float(source) and dtypes.is_float(target)
    case("cast", f"{source}-{target}", together(values((3, 7), source, low=0, high=50)), dtype=target, smooth=same)
case("cast", "float32-int32-beyond", given(np.float32([3e9, -3e9, np.nan, 2.9, -2.9, np.inf])), dtype="int32")
case("cast", "float32-uint8-beyond", given(np.float32([300, -3, 255.9, np.nan])), dtype="uint8")
for source, target in [("float32", "int32"), ("int32", "float32"), ("float64", "int64"), ("uint32", "float32"),
                       ("bfloat16", "uint16"), ("uint8", "int8")]:  # fmt: skip
    case("bitcast", f"{source}-{target}", together(values((4, 3), source)), dtype=target)


# -- structure ----------------------------------------------------------------------------------------------------
case("constant", "float32-2x3", given(), value=np.arange(6, dtype=np.float32).reshape(2, 3))
case("constant", "int32-scalar", given(), value=np.asarray(7, np.int32))
for dtype in ("int32", "float32", "uint32", "bfloat16"):
    case("iota", f"{dtype}-4x5-0", given(), shape=(4, 5), dtype=dtype, axis=0)
    case("iota", f"{dtype}-4x5-1", given(), shape=(4, 5), dtype=dtype, axis=1)
case("iota", "float64-33", given(), shape=(33,), dtype="float64", axis=0)
case("extent", "static", given(), dim=12)
MOVED = ("float32", "float64", "bfloat16", "int32", "bool")
for dtype in MOVED:
    case("broadcast_in_dim", f"{dtype}-scalar", together(values((), dtype)), shape=(3, 5), dims=())
    case("broadcast_in_dim", f"{dtype}-rows", together(values((3,), dtype)), shape=(3, 5), dims=(0,))
    case("broadcast_in_dim", f"{dtype}-columns", together(values((5,), dtype)), shape=(2, 3, 5), dims=(2,))
    case("broadcast_in_dim", f"{dtype}-ones", together(values((1, 4), dtype)), shape=(3, 2, 4), dims=(1, 2))
    case("reshape", f"{dtype}-2x6-3x4", together(values((2, 6), dtype)), shape=(3, 4))
    case("transpose", f"{dtype}-2d", together(values((5, 17), dtype)), perm=(1, 0))
    case("transpose", f"{dtype}-4d", together(values((2, 3, 4, 5), dtype)), perm=(0, 3, 1, 2))
    case("reverse", f"{dtype}-0-2", together(values((2, 3, 4), dtype)), axes=(0, 2))
    case("slice", f"{dtype}-strided", together(values((6, 9), dtype)), start=(1, 2), limit=(6, 8), stride=(2, 3))
    case("slice", f"{dtype}-plain", together(values((6, 9), dtype)), start=(0, 3), limit=(6, 9), stride=(1, 1))
    case("pad", f"{dtype}-around", together(values((3, 4), dtype), values((), dtype)),
         low=(1, 0), high=(2, 3), interior=(0, 0))  # fmt: skip
    case("pad", f"{dtype}-interior", together(values((3, 4), dtype), values((), dtype)),
         low=(1, 2), high=(0, 1), interior=(2, 1))  # fmt: skip
    case("pad", f"{dtype}-negative", together(values((4, 5), dtype), values((), dtype)),
         low=(-1, 2), high=(1, -2), interior=(0, 1))  # fmt: skip
    case("pad", f"{dtype}-one-axis", together(values((4, 5), dtype), values((), dtype)),
         low=(0, 2), high=(0, 1), interior=(0, 0))  # fmt: skip
    case("concatenate", f"{dtype}-0", together(*(values((n, 3), dtype) for n in (2, 1, 4))), axis=0)
    case("concatenate", f"{dtype}-2", together(*(values((2, 3, n), dtype) for n in (5, 2))), axis=2)
    case("dynamic_slice", f"{dtype}-inside", together(values((6, 7), dtype), number(2), number(1)), sizes=(3, 4))
    case("dynamic_slice", f"{dtype}-clamped", together(values((6, 7), dtype), number(5), number(-3)), sizes=(3, 4))
    into = [values((6, 7), dtype), values((2, 3), dtype)]
    case("dynamic_update_slice", f"{dtype}-inside", together(*into, number(3), number(1)))
    case("dynamic_update_slice", f"{dtype}-clamped", together(*into, number(-1), number(6)))
case("reshape", "float64-scalar", together(floats((1, 1), "float64")), shape=())


# -- reduction ----------------------------------------------------------------------------------------------------
REDUCED = [
    ((4, 5, 6), (1,)),
    ((4, 5, 6), (0, 2)),
    ((4, 5, 6), (0, 1, 2)),
    ((70, 33), (0,)),
    ((70, 33), (1,)),
    ((9,), ()),
]
for shape, axes in REDUCED:
    name = "x".join(map(str, shape)) + "-" + "".join(map(str, axes))
    for dtype in ("float32", "float64", "bfloat16", "int32"):
        case("reduce_sum", f"{dtype}-{name}", together(values(shape, dtype)), axes=axes)
        for prim in ("reduce_max", "reduce_min"):
            operand = distinct(shape, dtype) if dtype in WIDE else values(shape, dtype)
            case(prim, f"{dtype}-{name}", together(operand), axes=axes)
    for dtype in ("float32", "float64"):
        case("reduce_prod", f"{dtype}-{name}", together(floats(shape, dtype, 0.9, 1.1)), axes=axes)
    for dtype in ("bool", "int32"):
        case("reduce_and", f"{dtype}-{name}", together(integers(shape, dtype)), axes=axes)
        case("reduce_or", f"{dtype}-{name}", together(integers(shape, dtype)), axes=axes)
case("reduce_prod", "float64-zeros", given(np.array([[2.0, 0.0, 3.0], [0.0, 0.0, 5.0], [1.0, 2.0, 3.0]])), axes=(1,))
case("reduce_prod", "int32-7", together(integers((7,), "int32", -3, 4)), axes=(0,))
case("reduce_sum", "complex64-3x4", together(floats((3, 4), "complex64")), axes=(1,))
case("reduce_sum", "uint8-wraps", given(np.uint8([200, 100, 7])), axes=(0,))
case("reduce_max", "float32-nan", given(np.float32([[1, np.nan], [2, 3]])), axes=(1,), smooth=False)
case("reduce_max", "float32-empty", given(np.zeros((3, 0), np.float32)), axes=(1,), smooth=False)
case("reduce_min", "int32-empty", given(np.zeros((2, 0), np.int32)), axes=(1,), smooth=False)
for dtype in ("float32", "float64", "bfloat16", "int32"):
    for axis in (0, 1, 2):
        for prim in ("argmax", "argmin"):
            case(prim, f"{dtype}-{axis}", together(values((4, 5, 6), dtype)), axis=axis)
for prim in ("argmax", "argmin"):
    case(prim, "int32-ties", together(integers((5, 30), "int32", 0, 3)), axis=1)
for prim in ("cumsum", "cumprod", "cummax", "cummin"):
    for dtype in ("float32", "float64", "int32", "bfloat16"):
        for axis, reverse in [(0, False), (1, True)]:
            build = distinct((3, 6), dtype, 0.3) if dtype in WIDE else values((3, 6), dtype, low=-2, high=3)
            case(prim, f"{dtype}-{axis}-{reverse}", together(build), axis=axis, reverse=reverse)
case("cumprod", "float64-zeros", given(np.array([2.0, 0.0, 3.0, 0.0, 5.0, 1.5])), axis=0, reverse=False)
for dtype in ("float32", "float64", "int32", "bfloat16", "uint8"):
    case("sort", f"{dtype}-1", together(values((3, 20), dtype)), axis=1, num_keys=1, smooth=False)
    case("sort", f"{dtype}-0", together(values((21, 3), dtype)), axis=0, num_keys=1, smooth=False)
case("sort", "float64-distinct", together(distinct((4, 9), "float64")), axis=1, num_keys=1)
case("sort", "float64-with-payload", together(distinct((4, 9), "float64"), floats((4, 9), "float64"),
                                              integers((4, 9), "int32")), axis=1, num_keys=1)  # fmt: skip
case("sort", "int32-stable", together(integers((2, 40), "int32", 0, 4),
                                      lambda rng: np.tile(np.arange(40, dtype="int32"), (2, 1))),
     axis=1, num_keys=1)  # fmt: skip
case("sort", "two-keys", together(integers((40,), "int32", 0, 3), floats((40,), "float32"), integers((40,), "int32")),
     axis=0, num_keys=2, smooth=False)  # fmt: skip
case(
    "sort",
    "float32-nan",
    given(np.float32([3, np.nan, -np.inf, 1, np.inf, np.nan, 0])),
    axis=0,
    num_keys=1,
    smooth=False,
)


# -- contraction --------------------------------------------------------------------------------------------------
DOTS = {
    "matrix": ((5, 7), (7, 9), ((1,), (0,)), ((), ())),
    "large": ((67, 130), (130, 45), ((1,), (0,)), ((), ())),
    "transposed": ((7, 5), (9, 7), ((0,), (1,)), ((), ())),
    "vector": ((5, 7), (7,), ((1,), (0,)), ((), ())),
    "inner": ((7,), (7,), ((0,), (0,)), ((), ())),
    "outer": ((3,), (4,), ((), ()), ((), ())),
    "batch": ((2, 3, 4, 5), (2, 3, 5, 6), ((3,), (2,)), ((0, 1), (0, 1))),
    "attention": ((2, 4, 3, 5), (2, 6, 3, 5), ((3,), (3,)), ((0, 2), (0, 2))),
    "two-axes": ((3, 4, 5), (5, 6, 4), ((1, 2), (2, 0)), ((), ())),
}
for name, (x_shape, y_shape, contract, batch) in DOTS.items():
    for dtype in (*FLOATS, "int32"):
        pair = [values(shape, dtype, low=-3, high=3) for shape in (x_shape, y_shape)]
        case("dot_general", f"{dtype}-{name}", together(*pair), contract=contract, batch=batch)
case("dot_general", "complex64-matrix", together(floats((3, 4), "complex64"), floats((4, 2), "complex64")),
     contract=((1,), (0,)), batch=((), ()), smooth=False)  # fmt: skip

# x, kernel, strides, padding, dilation, groups
CONVS = {
    "2d": ((2, 7, 8, 3), (3, 3, 3, 5), (1, 1), ((0, 0), (0, 0)), (1, 1), 1),
    "2d-same": ((2, 7, 8, 3), (3, 3, 3, 4), (1, 1), ((1, 1), (1, 1)), (1, 1), 1),
    "2d-strided": ((2, 9, 8, 2), (3, 2, 2, 4), (2, 3), ((1, 0), (0, 1)), (1, 1), 1),
    "2d-dilated": ((1, 10, 9, 2), (3, 3, 2, 3), (1, 1), ((2, 2), (1, 0)), (2, 3), 1),
    "2d-strided-dilated": ((1, 11, 12, 2), (3, 2, 2, 3), (2, 2), ((1, 2), (0, 0)), (2, 2), 1),
    "2d-grouped": ((2, 6, 6, 4), (3, 3, 2, 6), (1, 1), ((1, 1), (1, 1)), (1, 1), 2),
    "2d-depthwise": ((2, 6, 7, 3), (3, 3, 1, 6), (2, 1), ((1, 1), (1, 1)), (1, 1), 3),
    "2d-filters-of-each": ((2, 7, 9, 5), (3, 2, 1, 15), (2, 1), ((1, 1), (2, -1)), (1, 2), 5),
    "1d-filters-of-each": ((2, 9, 2), (4, 1, 40), (1,), ((0, 2),), (1,), 2),
    "1d-many-filters-of-each": ((2, 9, 2), (4, 1, 80), (1,), ((0, 2),), (1,), 2),
    "2d-one-channel": ((3, 8, 8, 1), (3, 3, 1, 32), (1, 1), ((0, 0), (0, 0)), (1, 1), 1),
    "2d-1x1": ((2, 5, 5, 6), (1, 1, 6, 4), (1, 1), ((0, 0), (0, 0)), (1, 1), 1),
    "2d-cropped": ((1, 8, 8, 2), (2, 2, 2, 3), (1, 1), ((-1, 0), (0, -2)), (1, 1), 1),
    "1d": ((2, 12, 3), (4, 3, 5), (2,), ((1, 2),), (1,), 1),
    "1d-causal": ((2, 12, 3), (3, 3, 4), (1,), ((4, 0),), (2,), 1),
    "3d": ((1, 5, 4, 6, 2), (2, 3, 2, 2, 3), (1, 1, 2), ((0, 0), (1, 1), (0, 1)), (1, 1, 1), 1),
}  # fmt: skip


def conv_output(x: tuple, w: tuple, strides: tuple, padding: tuple, dilation: tuple) -> tuple[int, ...]:
    """The shape that `conv` gives, for the cases of its gradients."""
    from pronghorn.engine.graph.primitives.contraction import conv_shape

    return conv_shape(x, w, strides, padding, dilation)


for name, (x, w, strides, padding, dilation, groups) in CONVS.items():
    how = {"strides": strides, "padding": padding, "dilation": dilation, "groups": groups}
    out = conv_output(x, w, strides, padding, dilation)
    for dtype in ("float32", "float64") if name not in ("2d", "1d") else (*FLOATS, "int32"):
        few = {"low": -3, "high": 3}
        case("conv", f"{dtype}-{name}", together(values(x, dtype, **few), values(w, dtype, **few)), **how)
        case("conv_input_grad", f"{dtype}-{name}", together(values(out, dtype, **few), values(w, dtype, **few)),
             input_shape=x, **how)  # fmt: skip
        case("conv_filter_grad", f"{dtype}-{name}", together(values(x, dtype, **few), values(out, dtype, **few)),
             kernel_shape=w, **how)  # fmt: skip
    if name in ("2d", "1d"):
        how["exact"] = True
        image, kernel, result = (values(shape, "float32") for shape in (x, w, out))
        case("conv", f"exact-{name}", together(image, kernel), **how)
        case("conv_input_grad", f"exact-{name}", together(result, kernel), input_shape=x, **how)
        case("conv_filter_grad", f"exact-{name}", together(image, result), kernel_shape=w, **how)


# -- window -------------------------------------------------------------------------------------------------------
# x, window, strides, padding, dilation
WINDOWS = {
    "2x2": ((2, 6, 8, 3), (1, 2, 2, 1), (1, 2, 2, 1), ((0, 0),) * 4, (1, 1, 1, 1)),
    "2x2-odd": ((2, 7, 5, 3), (1, 2, 2, 1), (1, 2, 2, 1), ((0, 0),) * 4, (1, 1, 1, 1)),
    "3x3-same": ((1, 7, 6, 2), (1, 3, 3, 1), (1, 1, 1, 1), ((0, 0), (1, 1), (1, 1), (0, 0)), (1, 1, 1, 1)),
    "3x2-strided": ((2, 8, 7, 2), (1, 3, 2, 1), (1, 2, 3, 1), ((0, 0), (1, 0), (0, 1), (0, 0)), (1, 1, 1, 1)),
    "dilated": ((1, 9, 9, 2), (1, 3, 2, 1), (1, 1, 2, 1), ((0, 0), (2, 1), (0, 0), (0, 0)), (1, 2, 3, 1)),
    "1d": ((3, 10, 4), (1, 3, 1), (1, 3, 1), ((0, 0), (0, 2), (0, 0)), (1, 1, 1)),
    "3d": ((1, 4, 5, 6, 2), (1, 2, 3, 2, 1), (1, 2, 1, 2, 1), ((0, 0), (0, 0), (1, 1), (0, 0), (0, 0)), (1,) * 5),
    "channels": ((2, 5, 6), (1, 1, 3), (1, 1, 1), ((0, 0), (0, 0), (1, 1)), (1, 1, 1)),
}  # fmt: skip


def window_output(x: tuple, window: tuple, strides: tuple, padding: tuple, dilation: tuple) -> tuple[int, ...]:
    """The shape that a window reduction gives."""
    from pronghorn.engine.graph.primitives.window import window_shape

    return window_shape(x, window, strides, padding, dilation)


def positions(x: tuple, how: dict[str, Any]) -> Callable[..., Array]:
    """A builder of positions of maxima that can occur."""
    from pronghorn.engine.backends.numpy import IMPLEMENTATIONS

    return lambda rng: IMPLEMENTATIONS["window_argmax"](rng.uniform(size=x), **how)


for name, (x, *rest) in WINDOWS.items():
    how = dict(zip(("window", "strides", "padding", "dilation"), rest))
    out = window_output(x, *rest)
    for dtype in FLOATS if name == "2x2" else WIDE:
        case("window_sum", f"{dtype}-{name}", together(floats(x, dtype)), **how)
        case("window_max", f"{dtype}-{name}", together(distinct(x, dtype)), **how, smooth=dtype in WIDE)
        case("window_argmax", f"{dtype}-{name}", together(distinct(x, dtype)), **how)
        case("window_sum_grad", f"{dtype}-{name}", together(floats(out, dtype)), input_shape=x, **how)
        case("unpool", f"{dtype}-{name}", together(floats(out, dtype), positions(x, how)), input_shape=x, **how)
        case("pool_gather", f"{dtype}-{name}", together(floats(x, dtype), positions(x, how)), **how)
    if name == "3x3-same":
        case("window_max", f"int32-{name}", together(integers(x, "int32")), **how)
        case("window_argmax", f"int32-ties-{name}", together(integers(x, "int32", 0, 3)), **how)
        case(
            "window_max", f"float32-minus-infinity-{name}", given(np.full(x, -np.inf, np.float32)), **how, smooth=False
        )
        case("window_argmax", f"float32-minus-infinity-{name}", given(np.full(x, -np.inf, np.float32)), **how)


# -- indexing -----------------------------------------------------------------------------------------------------
for dtype in ("float32", "float64", "bfloat16", "int32"):
    for axis in (0, 1, 2):
        case("take", f"{dtype}-{axis}", together(values((4, 5, 6), dtype), integers((3, 2), "int32", 0, 4)), axis=axis)
    case("take", f"{dtype}-scalar", together(values((4, 5), dtype), integers((), "int32", 0, 4)), axis=1)
    case("take", f"{dtype}-beyond", together(values((4, 5), dtype), lambda rng: np.int64([-3, 9, 2, 0])), axis=0)
    case("take", f"{dtype}-uint8", together(values((9, 2), dtype), integers((7,), "uint8", 0, 9)), axis=0)
    for mode in ("add", "set", "max", "min", "mul"):
        for name, x, at in [("rows", (6, 3), (5,)), ("elements", (9,), (4,)), ("matrix", (5, 2), (3, 2))]:
            one_row = (*at, *x[1:])
            repeated = integers(at, "int32", 0, x[0] - 1)
            build = together(values(x, dtype), repeated, values(one_row, dtype))
            case("scatter", f"{dtype}-{mode}-{name}", build, mode=mode)
        outside = together(values((4, 2), dtype), lambda rng: np.int32([1, -1, 4, 1, 9]), values((5, 2), dtype))
        case("scatter", f"{dtype}-{mode}-beyond", outside, mode=mode)
case("scatter", "float64-mul-zeros", given(np.array([2.0, 0.0, 3.0]), np.int32([0, 0, 1, 2, 2]),
                                           np.array([0.0, 5.0, 4.0, 0.0, 0.0])), mode="mul")  # fmt: skip


# -- random -------------------------------------------------------------------------------------------------------
case("random_bits", "zero-key", given(np.uint32([0, 0])), shape=(7, 5))
case("random_bits", "key", given(np.uint32([123456789, 4000000000])), shape=(3, 70))
case("random_bits", "scalar", given(np.uint32([1, 2])), shape=())


# -- control ------------------------------------------------------------------------------------------------------
def _graph(fn: Callable[..., list[Any]], *avals: Aval) -> Any:
    sub = trace_body(fn, avals)
    assert not sub.captures
    return sub.graph


def _matvec(w: Any, h: Any) -> Any:
    return P.dot_general(h, w, contract=((1,), (0,)), batch=((), ()))


def _cell(w: Any, b: Any, h: Any, x: Any) -> list[Any]:
    """A recurrent cell: weights, bias, state, input."""
    total = P.add(P.add(_matvec(w, h), x), P.broadcast_in_dim(b, shape=h.shape, dims=(1,)))
    h = P.tanh(total)
    return [h, P.mul(h, x)]


def _counted(h: Any, step: Any, x: Any) -> list[Any]:
    """A carry with an integer, and results of two types."""
    following = P.add(step, P.constant(value=np.asarray(1, np.int32)))
    h = P.add(P.mul(P.sin(h), x), P.div(x, P.cast(following, dtype=h.dtype)))
    return [h, following, h, step]


def _halve(x: Any) -> list[Any]:
    return [P.mul(x, P.constant(value=np.asarray(0.5, x.dtype)))]


def _scalar(dtype: str) -> Aval:
    return Aval((), dtype)


for dtype in WIDE:
    h = Aval((2, 3), dtype)
    cell = _graph(_cell, Aval((3, 3), dtype), Aval((3,), dtype), h, h)
    operands = together(floats((3, 3), dtype), floats((3,), dtype), floats((2, 3), dtype), floats((5, 2, 3), dtype))
    for reverse in (False, True):
        case(
            "scan",
            f"{dtype}-recurrent-{reverse}",
            operands,
            body=cell,
            num_consts=2,
            num_carry=1,
            length=5,
            reverse=reverse,
        )
    with_count = together(floats((), dtype), number(3), floats((4,), dtype, 0.5, 1))
    case("scan", f"{dtype}-counted", with_count, num_consts=0, num_carry=2, length=4, reverse=False,
         body=_graph(_counted, _scalar(dtype), _scalar("int32"), _scalar(dtype)))  # fmt: skip
    case("scan", f"{dtype}-no-steps", together(floats((2, 3), dtype), floats((0, 2, 3), dtype)),
         num_consts=0, num_carry=1, length=0, reverse=False,
         body=_graph(lambda h, x: [P.add(h, x), P.mul(h, x)], h, h))  # fmt: skip
    limit, start = _scalar(dtype), _scalar(dtype)
    case("while_loop", f"{dtype}-halving", together(floats((), dtype, 0.01, 0.02), floats((), dtype, 5, 6)),
         cond=_graph(lambda low, x: [P.gt(x, low)], limit, start), body=_graph(_halve, start),
         num_cond_consts=1, num_body_consts=0)  # fmt: skip
    pair = [Aval((3,), dtype), Aval((3,), dtype)]
    branches = {
        "true": _graph(lambda x, y: [P.mul(x, y), P.sin(y)], *pair),
        "false": _graph(lambda x, y: [P.exp(x), x], *pair),
    }
    for pred in (True, False):
        operands = together(lambda rng, p=pred: np.asarray(p), floats((3,), dtype), floats((3,), dtype))
        case("cond", f"{dtype}-{pred}", operands, **branches)
    # x, out = x * k with a gradient of its own (which is the true one here), and the captured k
    scale = _graph(lambda ct, k: [P.mul(ct, k)], Aval((4,), dtype), Aval((4,), dtype))
    case("custom_vjp", f"{dtype}-scale", together(floats((4,), dtype), floats((4,), dtype), floats((4,), dtype)),
         num_args=1, num_outs=1, vjp=scale, smooth=False)  # fmt: skip


# -- linalg -------------------------------------------------------------------------------------------------------
def well_conditioned(shape: tuple[int, ...], dtype: str) -> Callable[..., Array]:
    """A builder of matrices whose singular values are all different and not small."""

    def build(rng: np.random.Generator) -> Array:
        k = min(shape[-2:])
        u, _, vt = np.linalg.svd(rng.normal(size=shape), full_matrices=False)
        return np.ascontiguousarray(u * np.linspace(1, 3, k) @ vt).astype(dtype)

    return build


def positive_definite(shape: tuple[int, ...], dtype: str) -> Callable[..., Array]:
    """A builder of symmetric matrices with different positive eigenvalues."""

    def build(rng: np.random.Generator) -> Array:
        q = np.linalg.qr(rng.normal(size=shape))[0]
        return np.ascontiguousarray(q * np.linspace(1, 4, shape[-1]) @ np.swapaxes(q, -1, -2)).astype(dtype)

    return build


for dtype in WIDE:
    for shape in [(4, 3), (2, 3, 5)]:
        case("lu", dtype + "-" + "x".join(map(str, shape)), together(floats(shape, dtype)), smooth=False)
    for shape in [(4, 4), (2, 3, 3)]:
        name = dtype + "-" + "x".join(map(str, shape))
        case("cholesky", name, together(positive_definite(shape, dtype)))
        case("eigh", name, together(positive_definite(shape, dtype)))
        case("eig", name, together(well_conditioned(shape, dtype)), smooth=False)
        case("lu", name, together(well_conditioned(shape, dtype)))
        right = (*shape[:-1], 2)
        for lower in (True, False):
            for transpose in (True, False):
                case("triangular_solve", f"{name}-{lower}-{transpose}",
                     together(positive_definite(shape, dtype), floats(right, dtype)),
                     lower=lower, transpose=transpose)  # fmt: skip
    for shape in [(4, 4), (5, 3), (3, 5), (2, 4, 3)]:
        name = dtype + "-" + "x".join(map(str, shape))
        case("qr", name, together(well_conditioned(shape, dtype)), mode="reduced")
        case("svd", name, together(well_conditioned(shape, dtype)), full_matrices=False, compute_uv=True)
        case("svd", f"{name}-values", together(well_conditioned(shape, dtype)), full_matrices=False, compute_uv=False)
    case("qr", f"{dtype}-complete", together(well_conditioned((5, 3), dtype)), mode="complete", smooth=False)
    case(
        "svd",
        f"{dtype}-full",
        together(well_conditioned((5, 3), dtype)),
        full_matrices=True,
        compute_uv=True,
        smooth=False,
    )


# -- extents of 0 and 1 -----------------------------------------------------------------------------------------------
def small(prim: str, name: str, *shapes: Any, **params: Any) -> None:
    """A case with float32 operands of these shapes; other operands are given as builders."""
    builders = [floats(s, "float32", 0.2, 0.9) if isinstance(s, tuple) else s for s in shapes]
    case(prim, f"small-{name}", together(*builders), smooth=False, **params)


def _indices(*numbers: int) -> Callable[..., Array]:
    return lambda rng: np.asarray(numbers, np.int32)


for prim in UNARY_RANGES:
    small(prim, "none", (0, 3))
    case(prim, "small-one", together(floats((1, 1), "float32", *UNARY_RANGES[prim])), smooth=False)
for prim in ("add", "sub", "mul", "div", "rem", "pow", "max", "min", "atan2", "eq", "lt", "complex"):
    small(prim, "none", (3, 0), (3, 0))
    small(prim, "one", (1,), (1,))
for dtype in ("int32", "bool", "bfloat16"):
    small("cast", f"none-{dtype}", (0,), dtype=dtype)
small("bitcast", "none", (0, 2), dtype="int32")
small("select", "none", integers((0, 2), "bool"), (0, 2), (0, 2))
case("iota", "small-none", given(), shape=(0, 4), dtype="int32", axis=1)
case("iota", "small-one", given(), shape=(1, 1), dtype="float32", axis=0)
case("constant", "small-none", given(), value=np.zeros((2, 0), np.float32))
small("broadcast_in_dim", "none", (1,), shape=(0, 3), dims=(1,))
small("broadcast_in_dim", "of-none", (0, 1), shape=(0, 3), dims=(0, 1))
small("reshape", "none", (0, 6), shape=(3, 0, 5))
small("reshape", "one", (1, 1, 1), shape=(1,))
small("transpose", "none", (2, 0, 3), perm=(2, 0, 1))
small("reverse", "none", (0, 3), axes=(0, 1))
small("slice", "to-none", (4, 3), start=(2, 0), limit=(2, 3), stride=(1, 2))
small("slice", "to-one", (4, 3), start=(3, 1), limit=(4, 2), stride=(5, 1))
small("pad", "none", (0, 2), (), low=(1, 0), high=(2, 1), interior=(0, 0))
small("pad", "to-none", (2, 3), (), low=(-1, 0), high=(-1, 1), interior=(0, 0))
small("concatenate", "none", (2, 0), (2, 3), (2, 0), axis=1)
small("concatenate", "of-none", (0, 3), (0, 3), axis=0)
small("dynamic_slice", "none", (4, 3), number(1), number(2), sizes=(0, 3))
small("dynamic_update_slice", "none", (4, 3), (0, 3), number(1), number(0))
for prim in ("reduce_sum", "reduce_prod", "reduce_max", "reduce_min"):
    small(prim, "of-none", (3, 0), axes=(1,))
    small(prim, "none", (3, 0), axes=(0,))
    small(prim, "one", (1, 1), axes=(0,))
for prim in ("reduce_and", "reduce_or"):
    for dtype in ("bool", "int32"):
        small(prim, f"of-none-{dtype}", integers((3, 0), dtype), axes=(1,))
for prim in ("argmax", "argmin"):
    small(prim, "none", (0, 3), axis=1)
    small(prim, "one", (2, 1), axis=1)
for prim in ("cumsum", "cumprod", "cummax", "cummin"):
    small(prim, "none", (2, 0), axis=1, reverse=False)
    small(prim, "one", (1, 2), axis=0, reverse=True)
small("sort", "none", (0, 3), axis=0, num_keys=1)
small("sort", "one", (1, 3), axis=0, num_keys=1)
small("dot_general", "of-none", (2, 0), (0, 3), contract=((1,), (0,)), batch=((), ()))
small("dot_general", "none", (0, 4), (4, 3), contract=((1,), (0,)), batch=((), ()))
small("dot_general", "no-batch", (0, 2, 4), (0, 4, 3), contract=((2,), (1,)), batch=((0,), (0,)))
small("dot_general", "one", (1, 1), (1, 1), contract=((1,), (0,)), batch=((), ()))
for rows in (0, 1):
    how = {"strides": (1, 2), "padding": ((1, 1), (0, 1)), "dilation": (1, 1)}
    for channels, groups in ((4, 1), (1, 4)):
        out = conv_output((rows, 3, 1, 4), (3, 1, channels, 4), *how.values())
        name = f"{rows}-{groups}"
        small("conv", name, (rows, 3, 1, 4), (3, 1, channels, 4), groups=groups, **how)
        small("conv_input_grad", name, out, (3, 1, channels, 4), input_shape=(rows, 3, 1, 4), groups=groups, **how)
        small("conv_filter_grad", name, (rows, 3, 1, 4), out, kernel_shape=(3, 1, channels, 4), groups=groups, **how)
    x = (rows, 3, 2)
    for window, strides, padding in (
        ((1, 2, 1), (1, 2, 1), ((0, 0),) * 3),
        ((1, 3, 1), (1, 1, 1), ((0, 0), (1, 1), (0, 0))),
    ):
        how = {"window": window, "strides": strides, "padding": padding, "dilation": (1, 1, 1)}
        out = window_output(x, *how.values())
        name = f"{rows}-{window[1]}"
        for prim in ("window_sum", "window_max", "window_argmax"):
            small(prim, name, x, **how)
        small("window_sum_grad", name, out, input_shape=x, **how)
        small("unpool", name, out, positions(x, how), input_shape=x, **how)
        small("pool_gather", name, x, positions(x, how), **how)


class Doubled(ForeignFunction):
    """A function of every library's arrays: twice the first, and the sum; and its gradient."""

    name = "doubled"

    def __call__(self, x, y):
        return x * 2, x + y

    def types(self, x, y):
        return [x, x]

    def gradient(self, wanted, given, count):
        return _DoubledGradient(wanted)


class _DoubledGradient(ForeignFunction):
    name = "the gradient of doubled"

    def __init__(self, wanted):
        self.wanted = wanted

    def __call__(self, x, y, of_double, of_sum):
        return tuple((of_double * 2 + of_sum, of_sum)[i] for i in self.wanted)

    def types(self, *avals):
        return [avals[i] for i in self.wanted]


for dtype in ("float32", "float64"):
    case("foreign_call", dtype, together(floats((3, 2), dtype), floats((3, 2), dtype)), call=Doubled())

small("take", "none", (4, 3), integers((0, 2), "int32"), axis=0)
small("take", "of-none", (0, 3), integers((0,), "int32"), axis=0)
small("take", "rows-of-none", (4, 0), _indices(1, 3), axis=0)
small("take", "one", (1, 2), _indices(0), axis=0)
for mode in ("add", "set", "max"):
    small("scatter", f"none-{mode}", (4, 3), integers((0,), "int32"), (0, 3), mode=mode)
    small("scatter", f"of-none-{mode}", (0, 3), _indices(0, 1), (2, 3), mode=mode)
    small("scatter", f"one-{mode}", (1, 2), _indices(0), (1, 2), mode=mode)
case("random_bits", "small-none", given(np.uint32([1, 2])), shape=(0, 3))
case("random_bits", "small-one", given(np.uint32([1, 2])), shape=(1, 1))
for shape in ((0, 2, 2), (1, 1)):
    name = "x".join(map(str, shape))
    for prim in ("cholesky", "eigh", "lu"):
        case(prim, f"small-{name}", together(positive_definite(shape, "float32")), smooth=False)
    small("triangular_solve", name, shape, shape, lower=True, transpose=False)
    small("qr", name, shape, mode="reduced")
    small("svd", name, shape, full_matrices=False, compute_uv=True)
