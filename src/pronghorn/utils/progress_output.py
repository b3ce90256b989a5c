"""Where a progress bar is drawn: a terminal's line, drawn anew; a notebook's output; or a plain line at the end."""

from __future__ import annotations

import html
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from pronghorn.utils import io

_BOLD, _GREEN, _GREY, _RESET = "\x1b[1m", "\x1b[32m", "\x1b[37m", "\x1b[0m"
_BLOCK, _THIN = "━", "─"
_LEAST_BAR = 10
_INDENT = "    "


@dataclass(frozen=True)
class Line:
    """What a bar says.

    Attributes:
        count: such as ``"3/10"``.
        share: how much is done, 0 to 1; None where the end is not known.
        width: of the bar, in characters.
        timing: such as ``"2s"``.
        parts: what follows, in words that are not to be broken.
    """

    count: str
    share: float | None
    width: int
    timing: str
    parts: Sequence[str]

    def blocks(self, width: int) -> tuple[int, int]:
        """How many blocks of the bar are full, and how many empty."""
        if self.share is None:
            return 0, 0
        done = int(width * min(self.share, 1.0))
        return done, width - done

    def length(self, width: int, parts: Sequence[str]) -> int:
        """How many characters it has with a bar so wide."""
        bar = 0 if self.share is None else 1 + width
        return len(self.count) + bar + 1 + len(self.timing) + sum(map(len, parts))

    def fitted(self) -> tuple[int, list[str], list[str], int | None]:
        """The bar's width and the words that a terminal has room for, the other words, and the room for these."""
        width, room = self.width, io.columns()
        if room is not None:
            room -= 1  # a terminal goes on to the next line when its last column is written
            width = max(min(width, width - (self.length(width, self.parts) - room)), min(_LEAST_BAR, width))
        parts, rest = cut(self.parts, room, self.length(width, ()))
        return width, parts, rest, room


class Terminal:
    """One line that is drawn anew."""

    def __init__(self) -> None:
        self._drawn = 0

    def draw(self, line: Line, final: bool) -> None:
        """Draw a line over the one before; the last one stays, on several lines where it is too long for one."""
        width, parts, rest, room = line.fitted()
        length = line.length(width, parts)
        text = self._text(line, width) + "".join(parts) + " " * max(self._drawn - length, 0)
        if final:
            text += "".join(f"\n{more}" for more in wrapped(rest, room)) + "\n"
        io.write("\b" * self._drawn + "\r" + text, end="")
        self._drawn = length

    @staticmethod
    def _text(line: Line, width: int) -> str:
        done, rest = line.blocks(width)
        if not io.wants_colour():
            bar = f" {_BLOCK * done}{_THIN * rest}" if done or rest else ""
            return f"{line.count}{bar} {line.timing}"
        bar = ""
        if line.share is not None:
            full = f"{_GREEN}{_BLOCK * done}{_RESET}" if done else ""
            bar = f" {full}{_GREY}{_BLOCK * rest}{_RESET}"
        count = f"{_BOLD}{line.count}{_RESET}" if line.share is not None else line.count
        return f"{count}{bar} {_BOLD}{line.timing}{_RESET}"


class Plain:
    """A line at the end, where nothing can be drawn anew."""

    def draw(self, line: Line, final: bool) -> None:
        """Write the line."""
        width, parts, more, room = line.fitted()
        done, rest = line.blocks(width)
        bar = f" {_BLOCK * (done + rest)}" if done or rest else ""
        count, timing = line.count.strip(), line.timing
        if io.wants_colour():
            bar = f" {_GREEN}{_BLOCK * done}{_RESET}{_GREY}{_BLOCK * rest}{_RESET}" if done or rest else ""
            count, timing = f"{_BOLD}{count}{_RESET}", f"{_BOLD}{timing}{_RESET}"
        io.write("\n".join([f"{count}{bar} {timing}{''.join(parts)}", *wrapped(more, room)]))


class Notebook:
    """An output of a notebook's cell, which is replaced."""

    _STYLE = "font-family:monospace;white-space:pre-wrap;line-height:1.3"
    _BAR = "display:inline-block;vertical-align:middle;width:{width}ch;height:.45em;border-radius:.2em;"
    _FILL = "background:linear-gradient(to right,#2e9e5b {percent}%,rgba(128,128,128,.3) {percent}%)"

    def __init__(self) -> None:
        self._handle: Any = None

    def draw(self, line: Line, final: bool) -> None:
        """Show the line in place of the one before."""
        data = {"text/html": self._html(line), "text/plain": _plain(line)}
        if self._handle is None:
            self._handle = io.notebook_display(data)
        else:
            self._handle.update(data, raw=True)

    def _html(self, line: Line) -> str:
        bar = ""
        if line.share is not None:
            style = self._BAR.format(width=line.width) + self._FILL.format(percent=round(100 * min(line.share, 1.0), 1))
            bar = f' <span style="{style}"></span>'
        rest = html.escape(f"{line.timing}{''.join(line.parts)}")
        return f'<div style="{self._STYLE}"><b>{html.escape(line.count)}</b>{bar} {rest}</div>'


def _plain(line: Line) -> str:
    done, rest = line.blocks(line.width)
    return f"{line.count} {_BLOCK * done}{_THIN * rest} {line.timing}{''.join(line.parts)}"


def output() -> Terminal | Notebook | Plain:
    """What a new bar is drawn on."""
    if io.in_notebook():
        return Notebook()
    return Terminal() if io.stdout_redraws() else Plain()


def cut(parts: Sequence[str], room: int | None, taken: int = 0) -> tuple[list[str], list[str]]:
    """The words that a line has room for, the first ones at any rate, and the other words.

    Args:
        parts: words that are not to be broken.
        room: of the line, in characters; None for as much as they need.
        taken: how much of it is taken already.

    >>> cut(["3/3", " - loss: 1.0", " - accuracy: 0.5"], 20)
    (['3/3', ' - loss: 1.0'], [' - accuracy: 0.5'])
    """
    count = len(parts)
    while room is not None and count > 1 and taken + sum(map(len, parts[:count])) > room:
        count -= 1
    return list(parts[:count]), list(parts[count:])


def wrapped(parts: Sequence[str], room: int | None) -> list[str]:
    """Words on as many indented lines as they need.

    >>> wrapped([" - loss: 1.0", " - accuracy: 0.5"], 20)
    ['    loss: 1.0', '    accuracy: 0.5']
    """
    lines: list[str] = []
    for part in parts:
        if lines and (room is None or len(lines[-1]) + len(part) <= room):
            lines[-1] += part
        else:
            lines.append(_INDENT + part.removeprefix(" - "))
    return lines
