"""Where the library's words go: the standard output, or Python's logging where the user asked for that."""

from __future__ import annotations

import logging
import os
import sys

from pronghorn import config
from pronghorn.distribution.processes import is_first

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
    """Return whether the standard output can redraw a line: a terminal or a notebook."""
    if not config.is_interactive_logging_enabled():
        return False
    isatty = getattr(sys.stdout, "isatty", None)
    return bool(isatty and isatty()) or "ipykernel" in sys.modules or "PYCHARM_HOSTED" in os.environ


def wants_colour() -> bool:
    """Return whether colours are welcome on a terminal: the variable `NO_COLOR`, set to anything, says no."""
    return not os.environ.get("NO_COLOR")
