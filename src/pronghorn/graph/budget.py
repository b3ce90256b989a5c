"""How much memory variables, and how much time calls, may take while a file from a stranger is being loaded."""

from __future__ import annotations

import math
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager

from pronghorn.graph import dtypes

# Operations that are traced to find out the shapes in a model; the largest models there are have some ten thousands.
_OPERATIONS = 100_000


class BudgetError(ValueError):
    """A configuration asks for more memory or time than what is loaded can account for."""


class _State(threading.local):
    def __init__(self) -> None:
        self.left: float | None = None
        self.why = ""
        self.operations: int | None = None


_state = _State()


@contextmanager
def variables_limited(nbytes: float, why: str) -> Iterator[None]:
    """Have variables that are made inside take no more than so many bytes in all, and calls no endless time.

    Args:
        nbytes: how many; inside another such context, no more than what is left there.
        why: the end of the error's sentence, such as ``"the file holds 1,024 bytes of weights"``.

    Example:

    >>> import pronghorn as keras
    >>> with variables_limited(100, "the file is small"):
    ...     keras.Variable("zeros", shape=(10, 10))
    Traceback (most recent call last):
    pronghorn.graph.budget.BudgetError: A variable of shape (10, 10), 400 bytes, is too large: the file is small.
    """
    outer = (_state.left, _state.why, _state.operations)
    if outer[0] is None or nbytes < outer[0]:
        _state.left, _state.why = nbytes, why
    if outer[2] is None:
        _state.operations = _OPERATIONS
    try:
        yield
    finally:
        _state.left, _state.why, _state.operations = outer


def charge(shape: Sequence[int], dtype: str) -> None:
    """Count a variable before its memory is taken.

    Raises:
        BudgetError: if it is too large.
    """
    if _state.left is None:
        return
    size = math.prod(shape) * dtypes.to_numpy(dtype).itemsize
    if size > _state.left:
        raise BudgetError(f"A variable of shape {tuple(shape)}, {size:,} bytes, is too large: {_state.why}.")
    _state.left -= size


def count_operation() -> None:
    """Count an operation that is being traced.

    Raises:
        BudgetError: if there are more of them than any model has.
    """
    if _state.operations is None:
        return
    _state.operations -= 1
    if _state.operations < 0:
        raise BudgetError(f"The configuration takes more than {_OPERATIONS:,} operations, more than any model does.")
