"""Tracebacks that show the user's lines: where an error is shown, the package's own frames are left out.

An error keeps its whole traceback, for debuggers, `logging` and tests; only what Python and IPython print of an error
that nobody caught is shorter. Faults of the library, which are not for the user to mend, are shown in full.
"""

from __future__ import annotations

import functools
import os
import re
import sys
import threading
from collections.abc import Iterator
from types import TracebackType
from typing import Any

from pronghorn._packages import FOLDERS

#: Whether frames are left out; `pronghorn.config.disable_traceback_filtering` changes it.
enabled = True

# Errors that state what is wrong with a program, or what happened to it. Others that come from the package are faults.
_FOR_THE_USER: tuple[type[BaseException], ...] = (
    ValueError,
    TypeError,
    AttributeError,
    ImportError,
    NotImplementedError,
    OSError,
    RuntimeError,
    MemoryError,
    KeyboardInterrupt,
)

_NOTE = "(Frames inside Pronghorn are left out; keras.config.disable_traceback_filtering() shows them.)"

# Who raised it had asked which backend there is, and knows no other than Keras's.
_OF_BACKENDS = re.compile(r"\bbackend\b", re.IGNORECASE)
_OUR_NAME = re.compile(r"(?<![\w/.\\])pronghorn(?![\w/\\]|\.\w)")  # and no part of a path or a module's name
_BACKEND_NOTE = (
    "(It asks for the name of Keras's backend and hears 'pronghorn'. PRONGHORN_BACKEND_NAME=jax in the environment, or "
    "keras.config.set_backend_name('jax'), has it hear one that it knows: jax, tensorflow or torch.)"
)


@functools.cache
def _standard() -> tuple[str, ...]:
    """Where Python's own modules are."""
    import sysconfig

    return tuple(os.path.join(sysconfig.get_path(name), "") for name in ("stdlib", "platstdlib"))


def _owner(trace: TracebackType) -> str:
    """Whose a frame is: "ours", "theirs" (Python's or an installed package's), or "user"."""
    name = trace.tb_frame.f_code.co_filename
    if name.startswith(FOLDERS):
        return "ours"
    installed = "-packages" + os.sep in name
    return "theirs" if installed or name.startswith(("<frozen ", "<__array_function__", *_standard())) else "user"


def frames_of(trace: TracebackType | None) -> list[TracebackType]:
    """The frames of a traceback, outermost first."""
    frames = []
    while trace is not None:
        frames.append(trace)
        trace = trace.tb_next
    return frames


def _is_fault(error: BaseException) -> bool:
    """Whether an error is the library's own and nothing that a user can mend, so that every frame is wanted."""
    from opcode import opmap

    inner = [frame for frame in frames_of(error.__traceback__) if _owner(frame) != "theirs"]
    if not inner or _owner(inner[-1]) != "ours":
        return False
    if not isinstance(error, _FOR_THE_USER):
        return True
    # Those say what was expected, where they were raised; where Python itself made them, a line of ours is wrong.
    code, place = inner[-1].tb_frame.f_code.co_code, inner[-1].tb_lasti
    raised = code[place] == opmap["RAISE_VARARGS"] if 0 <= place < len(code) else True
    return isinstance(error, TypeError | AttributeError) and not raised and "argument" not in str(error)


def _kept(error: BaseException) -> list[TracebackType]:
    """The frames of an error that are shown."""
    frames = frames_of(error.__traceback__)
    owners = [_owner(frame) for frame in frames]
    if "user" not in owners or _is_fault(error):
        return frames
    own = max(place for place, owner in enumerate(owners) if owner != "theirs")
    # Where another library raised, the line of ours that called it says something.
    caller = own if own < len(owners) - 1 else -1
    # What the package does by Python's library, as its context managers, is the package's too.
    for place in range(1, own):
        if owners[place] == "theirs" and owners[place - 1] == "ours":
            follower = next(owner for owner in owners[place:] if owner != "theirs")
            owners[place] = "ours" if follower == "ours" else "theirs"
    return [frame for place, frame in enumerate(frames) if owners[place] != "ours" or place == caller]


def _linked(frames: list[TracebackType]) -> TracebackType | None:
    rebuilt: Any = None
    for frame in reversed(frames):
        rebuilt = TracebackType(rebuilt, frame.tb_frame, frame.tb_lasti, frame.tb_lineno)
    return rebuilt


def chain(error: BaseException | None) -> Iterator[BaseException]:
    """An error, its causes, what was being handled, and the members of groups, each once."""
    seen: set[int] = set()
    pending = [error]
    while pending:
        link = pending.pop()
        if link is None or id(link) in seen:
            continue
        seen.add(id(link))
        yield link
        pending += [link.__cause__, link.__context__]
        if isinstance(link, BaseExceptionGroup):
            pending += link.exceptions


class Shortened:
    """While an error is shown: its traceback, and those of its causes, without the package's frames.

    An error that was raised and caught within the package, on the way to the one that is shown, is left out.

    Attributes:
        hidden: whether anything was left out.
        refuses_our_name: whether the error is another's, about a backend of our name.
    """

    def __init__(self, error: BaseException) -> None:
        self._error = error
        self._before: list[tuple[BaseException, Any, Any, Any, bool]] = []
        self.hidden = False
        self.refuses_our_name = _refuses_our_name(error)

    def __enter__(self) -> Shortened:
        if not enabled or _is_fault(self._error):
            return self
        for link in chain(self._error):
            self._before.append((link, link.__traceback__, link.__cause__, link.__context__, link.__suppress_context__))
        for link, _, cause, context, suppressed in self._before:
            link.__cause__, link.__context__ = _outer(cause), _outer(context)
            link.__suppress_context__ = suppressed  # which setting a cause changes
            self.hidden |= link.__cause__ is not cause or (link.__context__ is not context and not suppressed)
        for link, trace, *_ in self._before:
            frames = _kept(link)
            if len(frames) < len(frames_of(trace)):
                link.__traceback__, self.hidden = _linked(frames), True
        return self

    def __exit__(self, *exception: object) -> None:
        for link, trace, cause, context, suppressed in self._before:
            link.__traceback__, link.__cause__, link.__context__ = trace, cause, context
            link.__suppress_context__ = suppressed


def _outer(link: BaseException | None) -> BaseException | None:
    """A cause, or None where it was raised and caught within the package, whatever library it had called."""
    owners = [] if link is None else [_owner(frame) for frame in frames_of(link.__traceback__)]
    return None if owners and owners[0] == "ours" and "user" not in owners else link


def install() -> None:
    """Have Python, and IPython where it runs, show errors so."""
    if getattr(sys.excepthook, "_shortens", False):
        return
    previous = sys.excepthook
    is_pythons = previous is sys.__excepthook__

    def excepthook(kind: type[BaseException], error: BaseException, trace: TracebackType | None) -> None:
        with Shortened(error) as shown:
            note = _note(shown, error)
            if note:
                print(note, file=sys.stderr)
            show = sys.__excepthook__ if is_pythons else previous
            show(kind, error, error.__traceback__ if shown.hidden else trace)

    excepthook._shortens = True  # type: ignore[attr-defined]
    sys.excepthook = excepthook
    _install_in_threads()
    shell = getattr(sys.modules.get("IPython"), "get_ipython", lambda: None)()
    if shell is not None:
        _install_in_ipython(shell.InteractiveTB)


def _install_in_threads() -> None:
    """Errors that end a thread have a hook of their own; one that is not Python's may keep them, so they stay whole."""
    previous = threading.excepthook
    if previous is not threading.__excepthook__:
        return

    def excepthook(ended: Any, /) -> None:
        error = ended.exc_value
        if error is None or ended.exc_type is SystemExit:
            previous(ended)
            return
        with Shortened(error) as shown:
            note = _note(shown, error)
            if note:
                print(note, file=sys.stderr)
            trace = error.__traceback__ if shown.hidden else ended.exc_traceback
            previous(threading.ExceptHookArgs((ended.exc_type, error, trace, ended.thread)))

    threading.excepthook = excepthook


def _install_in_ipython(formatter: Any) -> None:
    """IPython writes tracebacks by a method of its own, and knows no `sys.excepthook`."""
    previous = formatter.structured_traceback

    def structured_traceback(kind: Any, error: Any, trace: Any, *args: Any, **kwargs: Any) -> Any:
        if not isinstance(error, BaseException):
            return previous(kind, error, trace, *args, **kwargs)
        with Shortened(error) as shown:
            lines = previous(kind, error, error.__traceback__ if shown.hidden else trace, *args, **kwargs)
            note = _note(shown, error)
            return [note, *lines] if note else lines

    formatter.structured_traceback = structured_traceback


def _note(shown: Shortened, error: BaseException) -> str:
    """What is said before the traceback, so that the message is the last line, as always."""
    is_told = shown.hidden and not isinstance(error, ImportError | AttributeError | KeyboardInterrupt)
    notes = [_NOTE] if is_told else []
    if shown.refuses_our_name:
        notes.append(_BACKEND_NOTE)
    return "\n".join(notes)


def _refuses_our_name(error: BaseException) -> bool:
    """Whether an error of a library or a program is about a backend of our name."""
    frames = frames_of(error.__traceback__)
    if not frames or _owner(frames[-1]) == "ours" or not isinstance(error, _FOR_THE_USER):
        return False
    try:
        words = str(error)
    except Exception:  # an error may fail to say what it is; Python shows it nevertheless
        return False
    return bool(_OF_BACKENDS.search(words) and _OUR_NAME.search(words))
