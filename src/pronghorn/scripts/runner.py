"""Running somebody's script as if Python itself did, with `keras` meaning Pronghorn."""

from __future__ import annotations

import linecache
import os
import runpy
import sys
import traceback
from collections.abc import Callable, Sequence
from pathlib import Path
from types import ModuleType, TracebackType

from pronghorn import _tracebacks
from pronghorn._extras import install_command
from pronghorn.engine.backends import engine as engines
from pronghorn.scripts import aliases, notebooks

_INTERRUPTED = 130  # what shells report for a process that Ctrl-C ended

# Packages a script may want, and how it gets what they give.
_EXTRAS = {"matplotlib": "plot", "pandas": "pandas", "sklearn": "sklearn", "PIL": "images"}
_MENDS = {
    "tensorflow_datasets": (
        "It is a package of its own, which needs TensorFlow itself. keras.datasets has mnist, fashion_mnist, cifar10, "
        "cifar100, imdb, reuters and california_housing; keras.utils.image_dataset_from_directory reads a folder."
    ),
}


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
        why = f"the folder has no {script.name}" if script.name != Path(path).name else error.strerror
        print(f"pronghorn run: cannot read {path}: {why}.", file=sys.stderr)
        return 2
    cells: list[str] | None = None
    if script.suffix == ".ipynb":
        try:
            cells = notebooks.cells_of(source, path)
        except ValueError as error:
            print(f"pronghorn run: {error}", file=sys.stderr)
            return 2
        # What looks for the source of a class reads the module's file, which has other lines.
        joined = notebooks.script_of(cells)
        linecache.cache[str(script)] = (len(joined), None, joined.splitlines(keepends=True), str(script))
    if not _prepare(path, arguments, os.getcwd() if path == "-" else str(script.resolve().parent)):
        return 2

    def body() -> None:
        if cells is not None:
            codes = notebooks.compiled(cells, str(script))
        else:
            codes = [compile(source, "<stdin>" if path == "-" else str(script), "exec", dont_inherit=True)]
        module = ModuleType("__main__")
        if path != "-":
            module.__file__ = str(script)
        module.__dict__["__builtins__"] = __builtins__
        sys.modules["__main__"] = module
        for code in codes:
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
    for link in _tracebacks.chain(error):
        link.__traceback__ = _of_the_script(link.__traceback__)
    if isinstance(error, ModuleNotFoundError):
        module = (error.name or "").partition(".")[0]
        mend = f"To install it: {install_command(_EXTRAS[module])}" if module in _EXTRAS else _MENDS.get(module)
        if mend:
            error.add_note(mend)
    frames = [frame for link in _tracebacks.chain(error) for frame in _tracebacks.frames_of(link.__traceback__)]
    if any(notebooks.is_cell(frame.tb_frame.f_code.co_filename) for frame in frames):
        sys.__excepthook__ = _print_error  # Python's own reads lines from the file, and these are of its cells
    sys.excepthook(type(error), error, error.__traceback__)


def _print_error(kind: type[BaseException], error: BaseException, trace: TracebackType | None) -> None:
    traceback.print_exception(kind, error, trace)


def _of_the_script(trace: TracebackType | None) -> TracebackType | None:
    """Leave out the frames of this module, of runpy and of the import system in front of the script's."""
    ours = (__file__, notebooks.__file__, runpy.__file__)
    for frame in _tracebacks.frames_of(trace):
        name = frame.tb_frame.f_code.co_filename
        if name not in ours and not name.startswith("<frozen "):
            return frame
    return None
