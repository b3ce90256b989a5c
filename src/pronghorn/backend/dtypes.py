"""Questions about dtypes."""

from __future__ import annotations

from typing import Any

from pronghorn.config import standardize_dtype
from pronghorn.engine.graph import dtypes


def is_float_dtype(dtype: Any) -> bool:
    """Return whether a dtype is a floating-point one.

    >>> is_float_dtype("bfloat16"), is_float_dtype("int32")
    (True, False)
    """
    return standardize_dtype(dtype).startswith(("float", "bfloat"))


def is_int_dtype(dtype: Any) -> bool:
    """Return whether a dtype is an integer one; bool is not.

    >>> is_int_dtype("uint8"), is_int_dtype("bool")
    (True, False)
    """
    return standardize_dtype(dtype).startswith(("int", "uint"))


def result_type(*dtypes_: Any) -> str:
    """Return the dtype that an operation on these dtypes gives; Python's int and float adapt to the others.

    >>> result_type("int32", "float16"), result_type("bfloat16", float), result_type("uint8", "int8")
    ('float16', 'bfloat16', 'int16')

    Raises:
        ValueError: for a float8 together with another dtype, which needs a cast of its own.
    """
    if not dtypes_:
        return standardize_dtype(None)
    names = [_weak(dtype) or standardize_dtype(dtype) for dtype in dtypes_]
    float8 = [name for name in names if name in dtypes.FLOAT8]
    if float8 and len(set(names)) > 1:
        raise ValueError(f"result_type: {float8[0]} is not mixed with other dtypes ({names}); cast one of them first.")
    found = dtypes.promote(*names)
    return standardize_dtype({"int": "int32", "float": float}.get(found, found))


def _weak(dtype: Any) -> str | None:
    return {int: "int", float: "float"}.get(dtype) if isinstance(dtype, type) else None
