"""Characters of bytes in Unicode's encodings, as `tf.strings` reads and replaces them, for `pronghorn run`."""

from __future__ import annotations

import codecs
from collections.abc import Iterable, Iterator

#: What stands for bytes that are no character, unless told otherwise.
REPLACEMENT = 0xFFFD

_ERRORS = ("ignore", "replace", "strict")
#: Half of a pair, which no encoding gives, and how many bytes were no character after it.
_MARK = 0xD800


def _marked(error: UnicodeError) -> tuple[str, int]:
    if not isinstance(error, UnicodeDecodeError):
        raise error
    return chr(_MARK + error.end - error.start), error.end


codecs.register_error("pronghorn.marked", _marked)


def _check(errors: str) -> None:
    if errors not in _ERRORS:
        raise ValueError(f"tf.strings: errors={errors!r}; it must be one of {', '.join(_ERRORS)}.")


def decoded(
    x: bytes, encoding: str, errors: str, replacement: int = REPLACEMENT, without_control: bool = False
) -> Iterator[tuple[int, str]]:
    """Each character, and the byte at which it begins.

    Raises:
        ValueError: for an unknown way with what is no character, or for such where the way is "strict".

    >>> list(decoded(b"a" + bytes([255]) + b"b", "UTF-8", "replace", ord("?")))
    [(0, 'a'), (1, '?'), (2, 'b')]
    """
    _check(errors)
    place = 0
    for c in x.decode(encoding, "strict" if errors == "strict" else "pronghorn.marked"):
        is_mark = _MARK <= ord(c) < 0xE000
        if not is_mark:
            yield place, chr(replacement) if without_control and ord(c) < 32 else c
        elif errors == "replace":
            yield place, chr(replacement)
        place += ord(c) - _MARK if is_mark else len(c.encode(encoding))


def characters(
    x: bytes, encoding: str, errors: str, replacement: int = REPLACEMENT, without_control: bool = False
) -> list[str]:
    """The characters alone; see `decoded`."""
    return [c for _, c in decoded(x, encoding, errors, replacement, without_control)]


def text_of_points(points: Iterable[int], errors: str, replacement: int = REPLACEMENT) -> str:
    """The text of code points.

    Raises:
        ValueError: for an unknown way with numbers that are no character's, or for such where the way is "strict".

    >>> text_of_points([97, -1, 98], "ignore"), text_of_points([97, 0xD800], "replace", ord("?"))
    ('ab', 'a?')
    """
    _check(errors)
    found = []
    for point in points:
        if 0 <= point < 0xD800 or 0xE000 <= point < 0x110000:
            found.append(chr(point))
        elif errors == "strict":
            raise ValueError(f"tf.strings.unicode_encode: {point} is no character's number.")
        elif errors == "replace":
            found.append(chr(replacement))
    return "".join(found)
