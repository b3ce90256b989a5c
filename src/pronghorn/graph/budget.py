"""How much memory variables may take while a file from a stranger is being loaded."""

from __future__ import annotations

import math
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager

from pronghorn.graph import dtypes


class BudgetError(ValueError):
    """A configuration asks for more memory than what is loaded can account for."""


class _State(threading.local):
    def __init__(self) -> None:
        self.left: float | None = None
        self.why = ""


_state = _State()


@contextmanager
def variables_limited(nbytes: float, why: str) -> Iterator[None]:
    """Have variables that are made inside take no more than so many bytes in all.

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
    outer = (_state.left, _state.why)
    if outer[0] is None or nbytes < outer[0]:
        _state.left, _state.why = nbytes, why
    try:
        yield
    finally:
        _state.left, _state.why = outer


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
