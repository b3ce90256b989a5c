"""Functions and constants of a module that are the same as others of it: one of them is enough.

The steps of a library are written one by one, and share many kernels: an evaluation has those of a prediction.
"""

from __future__ import annotations

import re

_FUNCTION, _CONSTANT = r"^define internal [^@\n]*@([-\w.$]+)\(.*?^}\n", r"^@([-\w.$]+) = private [^\n]*\n"
_ITEM = re.compile(f"{_FUNCTION}|{_CONSTANT}", re.MULTILINE | re.DOTALL)
_NAME = re.compile(r"@([-\w.$]+)")


def merge(text: str) -> str:
    """A module without the functions and constants of its own that are there twice.

    Args:
        text: LLVM IR in which every function and constant begins on a line of its own.

    >>> twice = "".join(f"define internal void @{name}() {{\\n  ret void\\n}}\\n" for name in ("a", "b"))
    >>> print(merge(twice + "define void @c() {\\n  call void @b()\\n  ret void\\n}\\n"), end="")
    define internal void @a() {
      ret void
    }
    define void @c() {
      call void @a()
      ret void
    }
    """
    names = _again(text)
    while names:  # what calls functions that were merged may be the same only then
        text = _without(text, names)
        names = _again(text)
    return text


def _again(text: str) -> dict[str, str]:
    """The names of what is there again, and those of the first."""
    known: dict[str, str] = {}
    names: dict[str, str] = {}
    for match in _ITEM.finditer(text):
        name = match[1] or match[2]
        first = known.setdefault(match[0].replace(f"@{name}", "@", 1), name)
        if first != name:
            names[name] = first
    return names


def _without(text: str, names: dict[str, str]) -> str:
    """The text without what has these names, and with others in their place where it is used."""
    text = _ITEM.sub(lambda match: "" if (match[1] or match[2]) in names else match[0], text)
    return _NAME.sub(lambda match: f"@{names.get(match[1], match[1])}", text)
