"""Element types: names, NumPy types, promotion."""

from __future__ import annotations

import functools
from typing import Any

import ml_dtypes
import numpy as np

BOOL = ("bool",)
LOW_PRECISION = ("float16", "bfloat16")  # computed with in float32
SIGNED = ("int8", "int16", "int32", "int64")
UNSIGNED = ("uint8", "uint16", "uint32", "uint64")
INTEGER = UNSIGNED + SIGNED
FLOAT8 = ("float8_e4m3fn", "float8_e5m2")
FLOAT = ("bfloat16", "float16", "float32", "float64")
COMPLEX = ("complex64", "complex128")
ALL = BOOL + INTEGER + FLOAT8 + FLOAT + COMPLEX

_ML = {n: np.dtype(getattr(ml_dtypes, n)) for n in ("bfloat16", *FLOAT8)}
_NUMPY = {n: _ML.get(n) or np.dtype(n) for n in ALL}
_NAME = {d: n for n, d in _NUMPY.items()}


def to_numpy(dtype: str) -> np.dtype:
    """The NumPy dtype of an element type's name.

    >>> to_numpy("bfloat16").itemsize
    2
    """
    return _NUMPY[dtype]


def name_of(dtype: Any) -> str:
    """The name of a NumPy dtype, of a Python type or of a name itself.

    Raises:
        TypeError: for what is no numeric element type.
    """
    if isinstance(dtype, np.dtype) and (name := _NAME.get(dtype)) is not None:
        return name
    if isinstance(dtype, str) and dtype in _NUMPY:
        return str.__str__(dtype)  # also of a kind of string that is written otherwise, as TensorFlow's types are
    if dtype is bool:
        return "bool"
    if dtype is int:
        return "int32"
    if dtype is float:
        return "float32"
    try:
        return _NAME[np.dtype(dtype)]
    except (KeyError, TypeError):
        if isinstance(dtype, np.dtype) and dtype.kind in "OUST":
            raise TypeError(
                f"An array of strings or other objects (NumPy's {dtype}) came where numbers are needed. Turn strings "
                "into numbers first, for example with a StringLookup or TextVectorization layer."
            ) from None
        if (foreign := name_in_framework(dtype)) is not None:
            return foreign
        raise TypeError(f"dtype={dtype!r} is not an element type of Pronghorn; known: {', '.join(ALL)}.") from None


def name_in_framework(dtype: Any) -> str | None:
    """The name of an element type of another framework, such as `torch.float32` or `tf.int32`; None if it is none."""
    if isinstance(dtype, (str, type)):
        return None
    last = str(getattr(dtype, "name", dtype)).rpartition(".")[2]
    return last if last in _NUMPY else None


def is_float(dtype: str) -> bool:
    """Whether ``dtype`` is a real floating-point type."""
    return dtype in FLOAT or dtype in FLOAT8


def is_integer(dtype: str) -> bool:
    """Whether ``dtype`` is a signed or unsigned integer type."""
    return dtype in INTEGER


def itemsize(dtype: str) -> int:
    """Bytes of one element."""
    return _NUMPY[dtype].itemsize


def converted(array: np.ndarray, dtype: str) -> np.ndarray:
    """An array as another type: floats become integers towards 0, at most the nearest that the type has; NaN is 0.

    NumPy itself leaves open what becomes of a float that the integer type does not have, and gives other numbers on
    other machines.

    >>> converted(np.float32([-1.5, 255.5, 300, np.nan]), "uint8").tolist()
    [0, 255, 255, 0]
    """
    target = to_numpy(dtype)
    if array.dtype == target:
        return array
    if target.kind not in "iu" or array.dtype.kind in "iubc":
        return array.astype(target)
    x = array.astype(np.float32) if array.dtype.itemsize < 4 else array
    info = np.iinfo(target)
    # The bounds as floats: 2.0**31 is exact where 2**31 - 1 is not.
    too_high, too_low = x >= float(info.max) + (1 if target.itemsize < 8 else 0), x <= float(info.min)
    with np.errstate(invalid="ignore"):
        out = x.astype(target)
    unknown = np.isnan(x)
    if too_high.any() or too_low.any() or unknown.any():
        out = np.where(too_high, info.max, np.where(too_low, info.min, np.where(unknown, 0, out))).astype(target)
    return out


def limits(dtype: str) -> tuple[float, float]:
    """The least and the greatest finite value of a type.

    >>> limits("int8"), limits("bool")
    ((-128, 127), (0, 1))
    """
    if dtype == "bool":
        return 0, 1
    if is_integer(dtype):
        info = np.iinfo(to_numpy(dtype))
        return int(info.min), int(info.max)
    found = ml_dtypes.finfo(to_numpy(dtype))
    return float(found.min), float(found.max)


# The lattice of promotion: Python scalars are weak ("int" below every integer, "float" below every float).
_PARENTS: dict[str, tuple[str, ...]] = {
    "bool": ("int",),
    "int": ("uint8", "int8"),
    "uint8": ("int16", "uint16"),
    "uint16": ("int32", "uint32"),
    "uint32": ("int64", "uint64"),
    "uint64": ("float",),
    "int8": ("int16",),
    "int16": ("int32",),
    "int32": ("int64",),
    "int64": ("float",),
    "float": ("float8_e4m3fn", "float8_e5m2", "bfloat16", "float16"),
    "float8_e4m3fn": ("float32",),
    "float8_e5m2": ("float32",),
    "bfloat16": ("float32",),
    "float16": ("float32",),
    "float32": ("float64", "complex64"),
    "float64": ("complex128",),
    "complex64": ("complex128",),
    "complex128": (),
}


@functools.lru_cache(None)
def _above(name: str) -> frozenset[str]:
    found = {name}
    for parent in _PARENTS[name]:
        found |= _above(parent)
    return frozenset(found)


@functools.lru_cache(None)
def promote(*names: str) -> str:
    """The least type that holds all of ``names``; ``"int"`` and ``"float"`` stand for weak Python scalars.

    >>> promote("int32", "float32"), promote("bfloat16", "float"), promote("float16", "bfloat16")
    ('float32', 'bfloat16', 'float32')
    """
    common = frozenset.intersection(*(_above(n) for n in names))
    least = [n for n in common if common <= _above(n)]
    return least[0]
