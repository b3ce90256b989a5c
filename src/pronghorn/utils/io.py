"""Where the library's words go: the standard output, or Python's logging where the user asked for that."""

from __future__ import annotations

import logging
import os
import sys
from typing import Any

from pronghorn import config
from pronghorn.placement.processes import is_first

logger = logging.getLogger("pronghorn")

# What a terminal that cannot show these characters gets instead.
_PLAIN = str.maketrans({"━": "=", "─": "-", "┃": "|", "│": "|", "…": "."} | dict.fromkeys("┏┳┓┡╇┩├┼┤└┴┘", "+"))


def write(text: str, end: str = "\n") -> None:
    """Write text to the standard output, or to the log where interactive logging is off.

    An output that cannot encode a character gets a plain one instead, and never an exception. Of several processes that
    run one script, only the first writes.
    """
    if not is_first():
        return
    if not config.is_interactive_logging_enabled():
        if text.strip():
            logger.info(text.strip("\n"))
        return
    try:
        sys.stdout.write(text + end)
    except UnicodeEncodeError:
        encoding = sys.stdout.encoding or "ascii"
        sys.stdout.write((text.translate(_PLAIN) + end).encode(encoding, "replace").decode(encoding))
    sys.stdout.flush()


def stdout_redraws() -> bool:
    """Return whether the standard output can redraw a line: a terminal that is not a dumb one, or a notebook."""
    if not config.is_interactive_logging_enabled():
        return False
    return (_is_terminal() and os.environ.get("TERM") != "dumb") or in_notebook() or "PYCHARM_HOSTED" in os.environ


def _is_terminal() -> bool:
    isatty = getattr(sys.stdout, "isatty", None)
    return bool(isatty and isatty())


def wants_colour() -> bool:
    """Return whether colours are welcome: `NO_COLOR`, set to anything, says no, and `FORCE_COLOR` yes."""
    if os.environ.get("NO_COLOR"):
        return False
    return os.environ.get("FORCE_COLOR", "0") not in ("", "0") or stdout_redraws()


def columns() -> int | None:
    """Return how many characters a line of the terminal has; None where that is not known, or it is no terminal."""
    if not _is_terminal():
        return None
    chosen = os.environ.get("COLUMNS", "")
    if chosen.isdigit() and int(chosen):
        return int(chosen)
    try:
        return os.get_terminal_size(sys.stdout.fileno()).columns or None
    except (AttributeError, OSError, ValueError):
        return None


def in_notebook() -> bool:
    """Return whether the program runs in a notebook's kernel, and its words go to a cell's output."""
    if "ipykernel" not in sys.modules or not config.is_interactive_logging_enabled() or not is_first():
        return False
    shell = getattr(sys.modules.get("IPython"), "get_ipython", lambda: None)()
    return type(shell).__name__ == "ZMQInteractiveShell" and not _is_terminal()


def notebook_display(data: dict[str, str]) -> Any:
    """Show something below a notebook's cell; return what can replace it."""
    return sys.modules["IPython"].display.display(data, raw=True, display_id=True)
