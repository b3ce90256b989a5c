"""Where the user's code is: the line that warnings and errors about traced arrays point at."""

from __future__ import annotations

import functools
import linecache
import os
import sys
import sysconfig
import warnings
from types import FrameType
from typing import Any

import numpy as np

from pronghorn import _packages
from pronghorn._packages import is_ours

#: Folders of files that are nobody's own code: our packages, NumPy, and Python's library (but not what is installed).
_LIBRARY = tuple(
    os.path.join(os.path.realpath(folder), "") for folder in (*_packages.FOLDERS, os.path.dirname(np.__file__))
)
_STANDARD = tuple(os.path.join(sysconfig.get_path(name), "") for name in ("stdlib", "platstdlib"))

_times = 0

# The warnings about no line that were given, as modules keep theirs.
_of_no_line: dict[str | tuple[str, type[Warning], int], int] = {}


@functools.lru_cache(maxsize=4096)
def _is_users(file: str) -> bool:
    """Whether the functions of a file are the user's."""
    in_library = os.path.realpath(file).startswith(_LIBRARY) or file.startswith("<frozen ")
    standard = file.startswith(_STANDARD) and "-packages" + os.sep not in file
    return not (in_library or standard)


def defined_in(defined: Any) -> str:
    """The name of the module that a class or a function was defined in; empty where it has none.

    Code that `exec` runs without a `__name__` gives its functions None for a module.

    >>> defined_in(user_line), defined_in(eval("lambda: 0", {}))
    ('pronghorn.engine.graph.user_code', '')
    """
    name = getattr(defined, "__module__", None)
    return name if isinstance(name, str) else ""


def is_own(defined: Any) -> bool:
    """Whether a class or a function is Pronghorn's own.

    >>> is_own(user_line), is_own(print)
    (True, False)
    """
    return is_ours(defined_in(defined))


def user_frame() -> FrameType | None:
    """The innermost frame outside of Pronghorn, NumPy and Python's library; None in a thread with no such frame."""
    frame: FrameType | None = sys._getframe(1)
    while frame is not None and not _is_users(frame.f_code.co_filename):
        frame = frame.f_back
    return frame


def user_line() -> str:
    """The user's line that is being run, such as ``'model.py:12: `if x > 0:`'``; empty where there is none.

    >>> user_line()  # the file and the line of this example
    '<doctest pronghorn.engine.graph.user_code.user_line[0]>:1: `user_line()  # the file and the line of this example`'
    """
    frame = user_frame()
    if frame is None:
        return ""
    file, number = frame.f_code.co_filename, frame.f_lineno
    source = linecache.getline(file, number, frame.f_globals).strip()
    return f"{_short(file)}:{number}" + (f": `{source}`" if source else "")


def _short(file: str) -> str:
    """A file as one would name it: relative to the current folder where it lies below it."""
    try:
        relative = os.path.relpath(file)
    except ValueError:  # another drive
        return file
    return file if relative.startswith(os.pardir) or file.startswith("<") else relative


def times_warned() -> int:
    """How often `warn` has been called in this process: more often than before where something was warned of."""
    return _times


def warn(message: str, category: type[Warning] = UserWarning, about_a_line: bool = True) -> None:
    """Warn about the user's line, however deep in the library the cause was found; no line of the library is shown.

    Args:
        message: what is wrong, and the mend.
        category: the kind of warning.
        about_a_line: False for what no line of a program is the reason of, such as the environment.
    """
    global _times
    _times += 1
    frame = user_frame() if about_a_line else None
    if frame is None:
        warnings.warn_explicit(message, category, "<pronghorn>", 0, "pronghorn", _of_no_line)
        return
    registry = frame.f_globals.setdefault("__warningregistry__", {})
    module = frame.f_globals.get("__name__", "<unknown>")
    warnings.warn_explicit(message, category, frame.f_code.co_filename, frame.f_lineno, module, registry)
