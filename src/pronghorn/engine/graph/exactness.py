"""Whether convolutions are plain sums of products throughout, rather than minimal filtering where that is faster.

It is asked where a convolution is called. What is said then is a parameter of its node, ``exact=True``, which its
gradients take over: code that is compiled later, elsewhere or by another thread follows the graph alone.
"""

from __future__ import annotations

import contextlib
import functools
import itertools
import threading
from collections.abc import Callable, Hashable, Iterator
from typing import Concatenate, ParamSpec, TypeVar

P = ParamSpec("P")
R = TypeVar("R")
S = TypeVar("S")


class _Here(threading.local):
    exact: bool | None = None  # what holds in this thread; None: what holds everywhere


_here = _Here()
_everywhere = False
_numbers = itertools.count(1)
_changes = 0


def exact_convolutions() -> bool:
    """Whether convolutions that are called now, in this thread, are to be plain sums.

    >>> exact_convolutions()
    False
    """
    return _everywhere if _here.exact is None else _here.exact


def set_exact_convolutions(exact: bool) -> None:
    """Say so for all threads, but where `summing` says otherwise.

    >>> set_exact_convolutions(False)
    """
    global _everywhere
    _everywhere = exact


@contextlib.contextmanager
def summing(exact: bool) -> Iterator[None]:
    """Say so for what this thread calls inside.

    >>> with summing(exact=True):
    ...     exact_convolutions()
    True
    """
    outer, _here.exact = _here.exact, exact
    try:
        yield
    finally:
        _here.exact = outer


def settled(method: Callable[Concatenate[S, P], R]) -> Callable[Concatenate[S, P], R]:
    """A method in which the answer stays what it is at the start, whatever other threads set meanwhile."""

    @functools.wraps(method)
    def call(self: S, /, *args: P.args, **kwargs: P.kwargs) -> R:
        with summing(exact_convolutions()):
            return method(self, *args, **kwargs)

    return call


def note_change() -> None:
    """Have programs traced again: a layer that may be in some has another setting now."""
    global _changes
    _changes = next(_numbers)


def in_force() -> Hashable:
    """What a program that is traced now depends on: a part of its key."""
    return exact_convolutions(), _changes
