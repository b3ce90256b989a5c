"""What comes from pages, as data that the rest of the studio can rely on: JSON, arguments of commands, names of files.

A page sends what its user enters, and whoever has the token may send anything. What is wrong is a `ValueError` with a
sentence for the page.
"""

from __future__ import annotations

import functools
import inspect
import json
import math
import re
import types
import typing
from collections.abc import Callable
from pathlib import PurePath
from typing import Any

_DEEPEST = 64  # of lists in lists
_LARGEST = 1 << 63  # of whole numbers
_LONGEST_NAME = 200  # bytes: file systems take 255
_NO_NAMES = re.compile(r'[\x00-\x1f\x7f<>:"|?*]')  # which NUL ends, terminals obey or Windows refuses
_DEVICES = re.compile(r"(con|prn|aux|nul|com\d|lpt\d)(\.|$)", re.IGNORECASE)  # of Windows, in every folder


def read_json(text: str | bytes) -> Any:
    """JSON, as the standard has it: no NaN and no number beyond the floats, no half of a character, not too deep.

    Raises:
        ValueError: if it is none.

    >>> read_json('{"do": "undo"}')
    {'do': 'undo'}
    """
    try:
        value = json.loads(text)
    except RecursionError:
        raise ValueError("The JSON is nested too deeply.") from None
    except UnicodeDecodeError:
        raise ValueError("That is no JSON: its bytes are no text.") from None
    except ValueError as error:
        raise ValueError(f"That is no JSON: {error}.") from None
    _check(value, 0)
    return value


def _check(value: Any, depth: int) -> None:
    if depth > _DEEPEST:
        raise ValueError("The JSON is nested too deeply.")
    if isinstance(value, dict):
        for key, part in value.items():
            _check(key, depth)
            _check(part, depth + 1)
    elif isinstance(value, list):
        for part in value:
            _check(part, depth + 1)
    elif isinstance(value, str):
        if not value.isascii() and re.search("[\ud800-\udfff]", value):
            raise ValueError("A text of the JSON has half of a character (a lone surrogate).")
    elif isinstance(value, float) and not math.isfinite(value):
        raise ValueError("A number of the JSON is not finite.")
    elif isinstance(value, int) and not -_LARGEST <= value < _LARGEST:
        raise ValueError("A whole number of the JSON has more than 64 bits.")


@functools.cache
def _parameters(function: Callable[..., Any]) -> tuple[inspect.Parameter, ...]:
    return tuple(inspect.signature(function, eval_str=True).parameters.values())[1:]


def check_arguments(name: str, function: Callable[..., Any], arguments: dict[str, Any]) -> None:
    """Check the arguments that a page has sent for a function against its annotations.

    Args:
        name: what the page calls the function.
        function: its first parameter is the studio's to give.
        arguments: the others, by name.

    Raises:
        ValueError: if one is missing, unknown or of another type.
    """
    parameters = _parameters(function)
    known = {p.name: p for p in parameters if p.kind is not p.VAR_KEYWORD}
    for parameter in known.values():
        if parameter.default is parameter.empty and parameter.name not in arguments:
            raise ValueError(f"{name!r} needs {parameter.name!r}.")
    for key, value in arguments.items():
        if key in known:
            check_type(f"{key!r} of {name!r}", value, known[key].annotation)
        elif len(known) == len(parameters):
            raise ValueError(f"{name!r} takes no {key!r}; it takes {', '.join(known) or 'nothing'}.")


def check_type(what: str, value: Any, expected: Any) -> Any:
    """A value of JSON, if it is of a type.

    Raises:
        ValueError: if it is not.

    >>> check_type("'place'", [1, 2], list[int])
    [1, 2]
    >>> check_type("'place'", [1, "2"], list[int])
    Traceback (most recent call last):
    ...
    ValueError: 'place' must be a list of whole numbers, got a list.
    """
    if not _is(value, expected):
        raise ValueError(f"{what} must be {_told(expected)}, got {_told(type(value))}.")
    return value


_WORDS = {
    int: "a whole number", float: "a number", str: "a text", bool: "true or false", dict: "an object", list: "a list",
    types.NoneType: "null",
}  # fmt: skip


def _is(value: Any, expected: Any) -> bool:
    origin, inner = typing.get_origin(expected), typing.get_args(expected)
    if expected in (Any, inspect.Parameter.empty):
        return True
    if origin in (types.UnionType, typing.Union):
        return any(_is(value, one) for one in inner)
    if origin is list:
        return isinstance(value, list) and all(_is(part, inner[0]) for part in value)
    if isinstance(value, bool):
        return expected is bool
    return isinstance(value, int | float if expected is float else origin or expected)


def _told(expected: Any) -> str:
    origin, inner = typing.get_origin(expected), typing.get_args(expected)
    if origin in (types.UnionType, typing.Union):
        return " or ".join(map(_told, inner))
    if origin is list:
        return f"a list of {_told(inner[0]).removeprefix('a ')}s"
    return _WORDS.get(origin or expected, str(expected))


def clean_name(name: str, otherwise: str) -> str:
    r"""The name of a file of somebody's as one that every system takes, and that leads to no other folder.

    Args:
        name: what the page says; a path, maybe.
        otherwise: the name of what has none.

    >>> [clean_name(name, "file") for name in ("C:\\models\\m.keras", "../..", "a\0b?.csv", "nul.h5")]
    ['m.keras', 'file', 'a_b_.csv', '_nul.h5']
    """
    last = PurePath(name.replace("\\", "/")).name
    last = _NO_NAMES.sub("_", last.encode("utf-8", "replace").decode()).rstrip(". ")
    if not last.strip("."):
        return otherwise
    if _DEVICES.match(last):
        last = f"_{last}"
    stem, dot, ending = last.rpartition(".")
    tail = f"{dot}{ending}".encode()
    if not stem or len(tail) > _LONGEST_NAME // 2:  # no ending that tells what is in it
        stem, tail = last, b""
    return (stem.encode()[: _LONGEST_NAME - len(tail)] + tail).decode("utf-8", "ignore")
