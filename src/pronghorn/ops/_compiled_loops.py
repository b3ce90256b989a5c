"""Eager loops that go on for long enough to be compiled: the part that every loop passes through, which is small.

What compiles them stands above (`pronghorn.models.compiled_loops`), since it knows layers. The root gives it by name.
It is imported where a loop goes on for `ROUNDS_BY_PYTHON` rounds.
"""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any

from pronghorn.engine.backends import choice
from pronghorn.engine.graph.active import is_plain_code
from pronghorn.serialization.public_names import namespace

#: So many rounds of a loop that is not known run by Python before anything is looked at.
ROUNDS_BY_PYTHON = 4

#: Whether eager loops compile. It is off: a body that reads what `closures.Survey` does not see, such as an attribute
#: of a class or of a module, or `config.epsilon()`, would go on with the value of before.
ON = False

known_codes: set[Any] = set()
"""The code of bodies that have been looked at: loops with them are looked up before their first round."""


class Rounds:
    """The rounds of one eager loop.

    Args:
        functions: what the loop calls in each round, the user's functions and ours around them.
        codes: of the user's functions.
        traced: ``traced(functions, state, limit)`` is the loop as a node of the trace in force.
    """

    __slots__ = ("_codes", "_count", "_entry", "_functions", "_is_off", "_traced")

    def __init__(self, functions: tuple[Any, ...], traced: Callable[..., Any], user: Callable[..., Any]):
        self._functions, self._traced = functions, traced
        self._codes = getattr(getattr(user, "__func__", user), "__code__", user)
        self._count = 0
        self._entry: Any = None
        self._is_off = not ON or not is_plain_code() or choice.chosen() != "llvm"

    def rest(self, state: Callable[[], Any], limit: int | None) -> Any:
        """What the loop comes to from here on, compiled; None where the next round is to run by Python."""
        if self._is_off:
            return None
        is_first = self._count == 0
        if is_first and self._is_known():
            self._entry = _compiler().find(self._functions, self._traced, state())
        if self._entry is None or not self._entry.may_run(is_first):
            return None
        return self._entry.rest(self._functions, state(), limit)

    def round(self, step: Callable[..., Any], state: Any) -> Any:
        """A round by Python."""
        self._count += 1
        if self._is_off:
            return step(*state)
        if self._entry is None and self._count == ROUNDS_BY_PYTHON:
            results, self._entry = _compiler().watched(self._functions, self._traced, step, state)
            self._is_off = self._entry is None
            self._note()
            return results
        results = step(*state)
        if self._entry is not None:
            self._entry.note_round()
        return results

    def _is_known(self) -> bool:
        try:
            return self._codes in known_codes
        except TypeError:  # a callable object that has no hash
            return False

    def _note(self) -> None:
        if self._entry is not None and len(known_codes) < 4096:
            known_codes.add(self._codes)


@functools.cache
def _compiler() -> Any:
    return namespace("_compiled_loops")
