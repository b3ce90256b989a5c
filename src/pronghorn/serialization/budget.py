"""How much memory variables, and how much time calls and layers, may take while a stranger's file is being loaded."""

from __future__ import annotations

import math
import re
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager

from pronghorn.engine.graph import active, dtypes

# Operations that are traced to find out the shapes in a model; the largest models there are have some ten thousands.
_OPERATIONS = 100_000
# Objects that a configuration describes: layers, initializers, policies and the like.
_OBJECTS = 30_000
_BRANCH = re.compile(r"[(|{]")
_REPEAT = re.compile(r"[*+?]")
_MOST_REPEATS = 2  # a pattern takes time that grows with this power of a path's length
_LONGEST_PATH = 500


class BudgetError(ValueError):
    """A configuration asks for more memory or time than what is loaded can account for."""


class _State(threading.local):
    def __init__(self) -> None:
        self.left: float | None = None
        self.why = ""
        self.operations: int | None = None
        self.objects: int | None = None


_state = _State()


@contextmanager
def variables_limited(nbytes: float, why: str) -> Iterator[None]:
    """Have variables that are made inside take no more than so many bytes in all, and calls no endless time.

    Args:
        nbytes: how many; inside another such context, no more than what is left there.
        why: the end of the error's sentence, such as ``"the file holds 1,024 bytes of weights"``.

    Example:

    >>> import pronghorn as keras
    >>> with variables_limited(100, "it is small"):
    ...     keras.Variable("zeros", shape=(10, 10))
    Traceback (most recent call last):
    pronghorn.serialization.budget.BudgetError: A variable of shape (10, 10), 400 bytes, is too large: it is small.
    """
    outer = (_state.left, _state.why, _state.operations, _state.objects)
    outer_watch, active.state.watch = active.state.watch, _count_operation
    if outer[0] is None or nbytes < outer[0]:
        _state.left, _state.why = nbytes, why
    if outer[2] is None:
        _state.operations, _state.objects = _OPERATIONS, _OBJECTS
    try:
        yield
    finally:
        _state.left, _state.why, _state.operations, _state.objects = outer
        active.state.watch = outer_watch


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


def _count_operation() -> None:
    """Count an operation that is being traced.

    Raises:
        BudgetError: if there are more of them than any model has.
    """
    if _state.operations is not None:
        _state.operations = _one_less(_state.operations, f"takes more than {_OPERATIONS:,} operations")


def count_object() -> None:
    """Count an object that is made from a configuration.

    Raises:
        BudgetError: if there are more of them than any model has.
    """
    if _state.objects is not None:
        _state.objects = _one_less(_state.objects, f"describes more than {_OBJECTS:,} objects")


def _one_less(left: int, otherwise: str) -> int:
    if not left:
        raise BudgetError(f"The configuration {otherwise}, more than any model does.")
    return left - 1


def check_pattern(pattern: object) -> None:
    """While a file is being loaded, refuse a regular expression that could take for ever to be matched.

    Plain paths, classes of characters and up to two repeats are taken, such as ``"encoder/.*/dense_[0-9]+"``; groups,
    alternatives and counted repeats are not.

    Raises:
        BudgetError: for another pattern.
    """
    if _state.left is None or not isinstance(pattern, str):
        return
    if len(pattern) > 1000 or _BRANCH.search(pattern) or len(_REPEAT.findall(pattern)) > _MOST_REPEATS:
        raise BudgetError(
            f"The pattern {pattern[:100]!r} in the configuration could take for ever to be matched: those of a file "
            f"may have no groups, alternatives or counts, and at most {_MOST_REPEATS} repeats. Set it in your own code."
        )


def loading() -> bool:
    """Whether a file is being loaded."""
    return _state.left is not None


def check_path(path: str) -> None:
    """Refuse a path that is too long to be matched against a file's patterns.

    Raises:
        BudgetError: if it is.
    """
    if len(path) > _LONGEST_PATH:
        raise BudgetError(f"The path {path[:100]!r}... has {len(path):,} characters, too many to be a layer's.")
