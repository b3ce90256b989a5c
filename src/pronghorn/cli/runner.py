"""Running somebody's script as if Python itself did, with `keras` meaning Pronghorn."""

from __future__ import annotations

import os
import runpy
import sys
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from types import ModuleType, TracebackType
from typing import Any

from pronghorn import config
from pronghorn.backends import engine as engines
from pronghorn.cli import aliases

_INTERRUPTED = 130  # what shells report for a process that Ctrl-C ended
_PACKAGE = str(Path(__file__).resolve().parents[1]) + os.sep

# Packages a script may want, and the extra that brings them.
_EXTRAS = {"matplotlib": "plot", "pandas": "pandas", "sklearn": "sklearn", "PIL": "images"}


def run_file(path: str, arguments: Sequence[str]) -> int:
    """Run a Python file as `__main__` and return the exit status.

    Args:
        path: the file, or `-` for what comes on the standard input.
        arguments: what it finds in `sys.argv[1:]`.
    """
    # Absolute, as Python has it: the script may change its directory before it uses `__file__`.
    script = Path(os.path.abspath(path))
    if script.is_dir():
        script = script / "__main__.py"
    try:
        source = sys.stdin.buffer.read() if path == "-" else script.read_bytes()
    except OSError as error:
        print(f"pronghorn run: cannot read {path}: {error.strerror}.", file=sys.stderr)
        return 2
    if not _prepare(path, arguments, os.getcwd() if path == "-" else str(script.resolve().parent)):
        return 2

    def body() -> None:
        code = compile(source, "<stdin>" if path == "-" else str(script), "exec")
        module = ModuleType("__main__")
        if path != "-":
            module.__file__ = str(script)
        module.__dict__["__builtins__"] = __builtins__
        sys.modules["__main__"] = module
        exec(code, module.__dict__)

    return _guarded(body)


def run_module(name: str, arguments: Sequence[str]) -> int:
    """Run a module as `python -m` does and return the exit status."""
    if not _prepare(name, arguments, os.getcwd()):
        return 2
    return _guarded(lambda: runpy.run_module(name, run_name="__main__", alter_sys=True))


def _prepare(name: str, arguments: Sequence[str], folder: str) -> bool:
    """Put the stand-ins and the script's arguments in place; False, and a message, where the engine is not there."""
    try:
        aliases.take_the_name()
    except (ImportError, ValueError, engines.EngineError) as error:
        print(f"pronghorn run: {error}", file=sys.stderr)
        return False
    sys.argv[:] = [name, *arguments]
    if not sys.flags.safe_path:
        # The first entry is the folder of the `pronghorn` command; the script's own takes its place.
        sys.path[:1] = [folder]
    if "MPLBACKEND" not in os.environ and not _has_display():
        os.environ["MPLBACKEND"] = "Agg"
    return True


def _has_display() -> bool:
    if sys.platform in ("win32", "darwin", "cygwin"):
        return True
    return bool(os.environ.get("DISPLAY") or os.environ.get("WAYLAND_DISPLAY"))


def _guarded(body: Callable[[], None]) -> int:
    """Run `body`; print what it raises as Python would, without the frames of the runner."""
    try:
        body()
    except KeyboardInterrupt:
        sys.stdout.flush()
        print("\nInterrupted.", file=sys.stderr)
        return _INTERRUPTED
    except SystemExit:
        raise
    except BaseException as error:
        sys.stdout.flush()
        _show(error)
        return 1
    return 0


def _show(error: BaseException) -> None:
    for link in _chain(error):
        link.__traceback__ = _of_the_script(link.__traceback__)
    hidden = _hide_library_frames(error)
    if isinstance(error, ModuleNotFoundError):
        extra = _EXTRAS.get((error.name or "").partition(".")[0])
        if extra:
            error.add_note(f"To install it: pip install 'pronghorn[{extra}]'")
    if hidden and not isinstance(error, ImportError | AttributeError):  # those say all there is to say
        # Before the traceback, so that the message is the last line, as always.
        print(
            "(Frames inside Pronghorn are left out; keras.config.disable_traceback_filtering() shows them.)",
            file=sys.stderr,
        )
    sys.excepthook(type(error), error, error.__traceback__)


def _chain(error: BaseException | None) -> Iterator[BaseException]:
    seen: set[int] = set()
    pending = [error]
    while pending:
        link = pending.pop()
        if link is None or id(link) in seen:
            continue
        seen.add(id(link))
        yield link
        pending += [link.__cause__, link.__context__]


def _frames(trace: TracebackType | None) -> Iterator[TracebackType]:
    while trace is not None:
        yield trace
        trace = trace.tb_next


def _of_the_script(trace: TracebackType | None) -> TracebackType | None:
    """Leave out the frames of this module, of runpy and of the import system in front of the script's."""
    ours = (__file__, runpy.__file__)
    for frame in _frames(trace):
        name = frame.tb_frame.f_code.co_filename
        if name not in ours and not name.startswith("<frozen "):
            return frame
    return None


def _hide_library_frames(error: BaseException) -> bool:
    """Leave out Pronghorn's own frames where the message is meant for the user; return whether there were any."""
    if not config.is_traceback_filtering_enabled() or not isinstance(error, _FOR_THE_USER):
        return False
    frames = list(_frames(error.__traceback__))
    kept = [frame for frame in frames if not _is_library(frame)]
    if not kept or len(kept) == len(frames) or _is_library(frames[0]) or not _is_library(frames[-1]):
        return False  # the error comes from the script, or from another library that Pronghorn called
    rebuilt: Any = None
    for frame in reversed(kept):
        rebuilt = TracebackType(rebuilt, frame.tb_frame, frame.tb_lasti, frame.tb_lineno)
    error.__traceback__ = rebuilt
    error.__suppress_context__ = True
    return True


# Errors that state what is wrong with the script's input. Others are faults of the library, shown in full.
_FOR_THE_USER: tuple[type[BaseException], ...] = (
    ValueError,
    TypeError,
    AttributeError,
    ImportError,
    NotImplementedError,
    OSError,
)


def _is_library(trace: TracebackType) -> bool:
    name = trace.tb_frame.f_code.co_filename
    return name.startswith(_PACKAGE) or name.startswith("<frozen importlib")
