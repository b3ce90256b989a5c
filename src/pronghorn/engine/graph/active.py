"""What is going on in this thread: functions being traced, tapes that record, layers whose calls are open."""

from __future__ import annotations

import contextlib
import contextvars
import threading
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from pronghorn.engine.graph.libraries import ForeignArrays
    from pronghorn.engine.graph.trace import Trace


class TraceError(RuntimeError):
    """A traced array used where only a concrete one can be, or outside of its trace."""


#: Since NumPy 2 its settings belong to a context, before that to a thread.
NUMPY_2 = int(np.__version__.partition(".")[0]) >= 2


def _silently(function: np.ufunc, *arrays: Any) -> Any:
    with np.errstate(all="ignore"):
        return function(*arrays)


def _silent_calls() -> Callable[..., Any]:
    """What calls a function of NumPy's without its warnings; entering a context takes a tenth of `np.errstate`."""
    if not NUMPY_2:
        return _silently
    context = contextvars.Context()
    context.run(np.seterr, all="ignore")
    return context.run


class _State(threading.local):
    def __init__(self) -> None:
        #: Calls a ufunc on arrays of numbers, with NumPy's warnings off. No Python runs inside, so none enters twice.
        self.silently = _silent_calls()
        self.traces: list[Trace | None] = []  # None: an eager island inside a trace
        self.tapes: list[Any] = []
        self.scopes: list[str] = []
        self.is_mapping = False
        self.watch: Callable[[], None] | None = None  # called for each primitive that is traced
        self.foreign: ForeignArrays | None = None  # the arrays of another library that the call is traced for


state = _State()


def current_scope() -> str:
    """The layers whose calls are going on, such as ``"sequential/dense"``; empty outside of them."""
    return "/".join(state.scopes)


def current_trace() -> Trace | None:
    """The innermost active trace, or None where primitives run at once."""
    return state.traces[-1] if state.traces else None


def active_tapes() -> list[Any]:
    """The gradient tapes that record what runs eagerly."""
    return state.tapes


def is_plain_code() -> bool:
    """Whether what runs is a program's own line: in no trace, no tape's block and no call of a layer."""
    return not (state.traces or state.tapes or state.scopes)


def is_mapping() -> bool:
    """Whether a data set calls a user's function on an element."""
    return state.is_mapping


@contextlib.contextmanager
def mapping() -> Iterator[None]:
    """Mark what a data set has a user's function do."""
    outside, state.is_mapping = state.is_mapping, True
    try:
        yield
    finally:
        state.is_mapping = outside


def push_tape(tape: Any) -> None:
    """Have ``tape.record(prim, inputs, params, outputs)`` called for what runs eagerly."""
    state.tapes.append(tape)


def pop_tape(tape: Any) -> None:
    """End what `push_tape` began."""
    state.tapes.remove(tape)


@contextlib.contextmanager
def eager() -> Iterator[None]:
    """Run primitives at once even inside a trace (initialisers of variables that a traced call creates)."""
    state.traces.append(None)
    try:
        yield
    finally:
        state.traces.pop()


@contextlib.contextmanager
def scope(name: str) -> Iterator[None]:
    """Mark nodes made inside with the name of the layer that makes them."""
    state.scopes.append(name)
    try:
        yield
    finally:
        state.scopes.pop()


@contextlib.contextmanager
def scope_at(path: str) -> Iterator[None]:
    """Mark nodes made inside with ``path``, whatever scopes are open: work done later on a layer's behalf."""
    outer, state.scopes = state.scopes, [path] if path else []
    try:
        yield
    finally:
        state.scopes = outer
