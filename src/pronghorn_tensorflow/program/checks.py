"""`tf.debugging`: assertions about values that are known, for `pronghorn run`.

What is not known yet, while a function is compiled, is not looked at; shapes are.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from pronghorn import ops
from pronghorn.data.element import as_text
from pronghorn.data.element_types import dtype_name
from pronghorn.engine.graph.tensor import Tensor


def _known(*values: Any) -> list[np.ndarray] | None:
    """The values as arrays, or None where one is not known."""
    if any(isinstance(x, Tensor) and x.is_traced for x in values):
        return None
    return [np.asarray(x.value if hasattr(x, "value") and not isinstance(x, np.ndarray) else x) for x in values]


def _fail(function: str, message: Any, found: str) -> None:
    raise ValueError(f"tf.debugging.{function}: {found}.{f' {message}' if message else ''}")


def Assert(condition: Any, data: Any = (), summarize: Any = None, name: str | None = None) -> None:
    """`tf.debugging.Assert`.

    Raises:
        ValueError: if the condition is false.
    """
    known = _known(condition)
    if known is not None and not known[0].all():
        _fail("Assert", "", f"the condition is false; data: {[np.asarray(x).tolist() for x in data]}")


def _compared(name: str, holds: Callable[[Any, Any], Any], word: str) -> Callable[..., None]:
    def function(
        x: Any, y: Any, message: Any = None, summarize: Any = None, name_: str | None = None, **k: Any
    ) -> None:
        known = _known(x, y)
        if known is None:
            return
        x, y = known
        if x.shape != y.shape and not _broadcasts(x, y):
            _fail(name, message, f"shapes {x.shape} and {y.shape} do not fit")
        found = np.asarray(holds(x, y))
        if not found.all():
            first = tuple(np.argwhere(~np.atleast_1d(found))[0].tolist())
            _fail(name, message, f"x must be {word} y; it is not at {first} (x={x.tolist()!r}, y={y.tolist()!r})"[:500])

    function.__name__ = name
    function.__doc__ = f"`tf.debugging.{name}`: raises a ValueError unless x is {word} y everywhere."
    return function


def _broadcasts(x: np.ndarray, y: np.ndarray) -> bool:
    try:
        np.broadcast_shapes(x.shape, y.shape)
    except ValueError:
        return False
    return True


def _same(x: Any, y: Any) -> Any:
    if x.dtype.kind in "OUS" or y.dtype.kind in "OUS":
        return np.asarray(as_text(x) == as_text(y))
    return x == y


assert_equal = _compared("assert_equal", _same, "equal to")
assert_none_equal = _compared("assert_none_equal", lambda x, y: ~np.asarray(_same(x, y)), "different from")
assert_greater = _compared("assert_greater", np.greater, "greater than")
assert_greater_equal = _compared("assert_greater_equal", np.greater_equal, "greater than or equal to")
assert_less = _compared("assert_less", np.less, "less than")
assert_less_equal = _compared("assert_less_equal", np.less_equal, "less than or equal to")


def assert_near(
    x: Any, y: Any, rtol: Any = None, atol: Any = None, message: Any = None, summarize: Any = None, name: Any = None
) -> None:
    """`tf.debugging.assert_near`."""
    known = _known(ops.convert_to_tensor(x), ops.convert_to_tensor(y))
    if known is None:
        return
    x, y = known
    tolerance = 10 * np.finfo(x.dtype if x.dtype.kind == "f" else "float32").eps
    rtol, atol = tolerance if rtol is None else rtol, tolerance if atol is None else atol
    if not (np.abs(x - y) <= atol + rtol * np.abs(y)).all():
        _fail("assert_near", message, f"x and y differ by up to {np.abs(x - y).max()}")


def _against_zero(name: str, holds: Callable[[Any, Any], Any], word: str) -> Callable[..., None]:
    compare = _compared(name, holds, word)
    return lambda x, message=None, summarize=None, name=None: compare(x, np.zeros((), np.asarray(x).dtype), message)


assert_positive = _against_zero("assert_positive", np.greater, "greater than")
assert_negative = _against_zero("assert_negative", np.less, "less than")
assert_non_negative = _against_zero("assert_non_negative", np.greater_equal, "greater than or equal to")
assert_non_positive = _against_zero("assert_non_positive", np.less_equal, "less than or equal to")


def assert_all_finite(x: Any, message: Any = None, name: str | None = None) -> Any:
    """`tf.debugging.assert_all_finite`."""
    return check_numerics(x, message)


def assert_type(tensor: Any, tf_type: Any, message: Any = None, name: str | None = None) -> None:
    """`tf.debugging.assert_type`.

    Raises:
        TypeError: for an array of another type.
    """
    found, wanted = dtype_name(tensor.dtype), dtype_name(tf_type)
    if found != wanted:
        raise TypeError(
            f"tf.debugging.assert_type: {wanted} was expected, got {found}.{f' {message}' if message else ''}"
        )


def check_numerics(tensor: Any, message: Any = None, name: str | None = None) -> Any:
    """`tf.debugging.check_numerics`: the array, if there is no NaN and no infinity in it."""
    tensor = ops.convert_to_tensor(tensor)
    known = _known(tensor)
    if known is not None and not np.isfinite(known[0]).all():
        _fail("check_numerics", message, "the tensor has NaN or infinities")
    return tensor


def _shape(x: Any) -> tuple[Any, ...]:
    return tuple(x.shape) if hasattr(x, "shape") else np.shape(x)


def assert_rank(x: Any, rank: Any, message: Any = None, name: str | None = None) -> None:
    """`tf.debugging.assert_rank`."""
    if len(_shape(x)) != int(rank):
        _fail("assert_rank", message, f"the rank must be {int(rank)}; the shape is {_shape(x)}")


def assert_rank_at_least(x: Any, rank: Any, message: Any = None, name: str | None = None) -> None:
    """`tf.debugging.assert_rank_at_least`."""
    if len(_shape(x)) < int(rank):
        _fail("assert_rank_at_least", message, f"the rank must be {int(rank)} or more; the shape is {_shape(x)}")


def assert_rank_in(x: Any, ranks: Any, message: Any = None, name: str | None = None) -> None:
    """`tf.debugging.assert_rank_in`."""
    if len(_shape(x)) not in [int(r) for r in ranks]:
        _fail("assert_rank_in", message, f"the rank must be one of {list(ranks)}; the shape is {_shape(x)}")


def assert_scalar(tensor: Any, message: Any = None, name: str | None = None) -> Any:
    """`tf.debugging.assert_scalar`."""
    assert_rank(tensor, 0, message)
    return tensor


def assert_shapes(shapes: Any, data: Any = None, summarize: Any = None, message: Any = None, name: Any = None) -> None:
    """`tf.debugging.assert_shapes`: extents are numbers, None or "." for any, or words that mean the same everywhere.

    An array without axes counts as one with an axis of 1. "*" or Ellipsis, as the first, stands for any axes before.
    """
    meant: dict[Any, Any] = {}
    for x, given in shapes.items() if isinstance(shapes, dict) else shapes:
        found = _shape(x) or (1,)
        wanted = (given,) if isinstance(given, str | int) else tuple(given) or (1,)
        if any_before := wanted[0] in ("*", Ellipsis):
            wanted = wanted[1:]
        if len(found) < len(wanted) or (len(found) > len(wanted) and not any_before):
            _fail("assert_shapes", message, f"the shape {_shape(x)} must be {given}")
        for extent, symbol in zip(found[len(found) - len(wanted) :], wanted):
            if symbol not in (None, ".") and extent != (
                symbol if isinstance(symbol, int) else meant.setdefault(symbol, extent)
            ):
                _fail("assert_shapes", message, f"the shape {_shape(x)} must be {given}, with {meant}")
