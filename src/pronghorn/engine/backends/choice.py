"""Which engine runs graphs: the one of a model's `compile`, that of `config.set_backend`, or the environment's."""

from __future__ import annotations

import contextlib
import functools
import os
import threading
from collections.abc import Callable, Iterator, Sequence
from typing import Any, TypeVar

from pronghorn._lazy import nearest_clause
from pronghorn.engine.backends import engine as engines
from pronghorn.engine.backends.numpy.executable import NumpyExecutable
from pronghorn.engine.graph.foreign_functions import check_functions
from pronghorn.engine.graph.trace import Traced
from pronghorn.engine.runtime import forks

VARIABLE = "PRONGHORN_BACKEND"
OWN = "pronghorn"
"""Keras's word for the engine of our own; ``llvm`` and ``numpy`` are the two ways in which it runs graphs."""

OWN_WAYS = {OWN: "llvm", "llvm": "llvm", "numpy": "numpy"}


class _Choice:
    """What was set in this process, and the models that run, each with its engine."""

    def __init__(self) -> None:
        self.name: str | None = None
        self.lock = threading.Lock()
        self.runs: dict[object, tuple[Any, str, int]] = {}  # with the thread
        self.while_running: str | None = None  # what was chosen as the first run began, whatever the environment says

    def renew_in_child(self) -> None:
        """Of the models that run, those of other threads do not run in a child."""
        self.lock = threading.Lock()
        me = threading.get_ident()
        self.runs = {run: kept for run, kept in self.runs.items() if kept[2] == me}
        if not self.runs:
            self.while_running = None


_choice = _Choice()
forks.renew(_choice)


class _OfThread(threading.local):
    """The engine of the model whose step this thread runs as a program of that library."""

    name: str | None = None


_of_thread = _OfThread()


def chosen() -> str:
    """``llvm``, ``numpy`` or the name of an engine.

    Raises:
        ValueError: the environment names something else.
    """
    return _of_thread.name or _choice.while_running or _of_process()


def _of_process() -> str:
    name = _choice.name or os.environ.get(VARIABLE)
    if not name:
        return "llvm"
    return OWN_WAYS.get(name) or _known(name, f"environment variable {VARIABLE}={name!r}")


def in_kerass_words() -> str:
    """What `keras.backend.backend()` says: ``pronghorn``, or the engine's name."""
    return named() or OWN


def choose(name: str) -> None:
    """Take an engine from now on.

    Raises:
        ValueError: there is none of this name.
        ImportError: it is not installed.
        EngineError: it is installed, but does not work.
        RuntimeError: a model is being trained, evaluated or asked for predictions.
    """
    checked = checked_name(name, f"set_backend({name!r})")
    if _choice.runs and checked != chosen():
        raise RuntimeError(
            f"set_backend({name!r}): the engine cannot change while fit(), evaluate() or predict() is running. Set it "
            "before the call, or compile the model with the engine: model.compile(..., backend=...)."
        )
    _choice.name = checked


def checked_name(name: Any, what: str) -> str:
    """``llvm``, ``numpy`` or the name of an engine that works; see `choose` for what is raised."""
    if not isinstance(name, str):
        raise ValueError(f"{what}: the engine is named by a string such as 'jax', got {name!r}.")
    own = OWN_WAYS.get(name)
    if own is not None:
        return own
    engines.engine(_known(name, what))
    return name


def _known(name: str, what: str) -> str:
    if name not in engines.NAMES:
        known = (OWN, "llvm", "numpy", *engines.NAMES)
        raise ValueError(f"{what}: there is no such engine{nearest_clause(name, known)}; known are {', '.join(known)}.")
    return name


def named() -> str | None:
    """The name of the engine that is chosen; None for our own."""
    name = chosen()
    return None if name in OWN_WAYS else name


def compiles_on_request(name: str) -> bool:
    """Whether a step's operations run one by one on ``llvm``, ``numpy`` or an engine, unless more is asked for."""
    return name in engines.NAMES and type(engines.engine(name)).compile_further is not engines.Engine.compile_further


def current_engine() -> engines.Engine | None:
    """The engine that is chosen, ready to compute; None for our own. See `choose` for what is raised."""
    name = named()
    return None if name is None else engines.engine(name)


@contextlib.contextmanager
def using(name: str) -> Iterator[None]:
    """Inside of it, this thread's choice is an engine, whatever that of the process is."""
    outer, _of_thread.name = _of_thread.name, name
    try:
        yield
    finally:
        _of_thread.name = outer


@contextlib.contextmanager
def running(model: Any, engine: str | None) -> Iterator[None]:
    """Keep the choice as it is while a model runs on an engine, or, with None, on the one that is chosen."""
    run = object()
    with _choice.lock:
        _choice.while_running = _choice.while_running or _of_process()
        _choice.runs[run] = (model, engine or chosen(), threading.get_ident())
    try:
        yield
    finally:
        with _choice.lock:
            del _choice.runs[run]
            if not _choice.runs:
                _choice.while_running = None


def check_may_change(model: Any, engine: str | None, what: str) -> None:
    """Raise a `RuntimeError` if a model runs, and on another engine than it is to have: None for the chosen one."""
    wanted = engine or chosen()
    now = next((name for other, name, _ in [*_choice.runs.values()] if other is model and name != wanted), None)
    if now is not None:
        raise RuntimeError(
            f"{what}: the engine of a model cannot change from {_shown(now)} to {_shown(wanted)} while its fit(), "
            "evaluate() or predict() is running. Compile it after the call, and call fit() again with initial_epoch= "
            f"to go on; or compile with backend={_shown(now)}, which takes effect at the next call."
        )


def _shown(name: str) -> str:
    return repr(OWN if name == OWN_WAYS[OWN] else name)


F = TypeVar("F", bound=Callable[..., Any])


def keeps_engine(method: F) -> F:
    """A method that runs a model: the engine cannot change until it returns."""

    @functools.wraps(method)
    def kept(model: Any, *args: Any, **kwargs: Any) -> Any:
        with running(model, model._engine):
            return method(model, *args, **kwargs)

    return kept  # type: ignore[return-value]


def executable(
    name: str,
    traced: Traced,
    gathered: Sequence[int] = (),
    jit: bool = False,
    placement: engines.Placement | None = None,
) -> Any:
    """What runs a traced function on ``llvm``, ``numpy`` or an engine; see `backends.llvm.Executable`."""
    if name in OWN_WAYS:
        check_functions(traced.graph, name, OWN, NotImplementedError)
    if name == "llvm":
        from pronghorn.engine.backends.llvm import Executable

        return Executable(traced, gathered)
    if name == "numpy":
        return NumpyExecutable(traced, gathered)
    from pronghorn.engine.backends.table_executable import TableExecutable

    return TableExecutable(engines.engine(name), traced, gathered, jit, placement)
