"""RE2's regular expressions, which TensorFlow takes, as Python's."""

from __future__ import annotations

import functools
import re
import sys
import unicodedata

#: The classes between brackets, of ASCII characters.
_POSIX = {
    "alnum": "0-9A-Za-z",
    "alpha": "A-Za-z",
    "ascii": r"\x00-\x7f",
    "blank": r"\t ",
    "cntrl": r"\x00-\x1f\x7f",
    "digit": "0-9",
    "graph": "!-~",
    "lower": "a-z",
    "print": " -~",
    "punct": r"!-/:-@\[-`{-~",
    "space": r"\t\n\v\f\r ",
    "upper": "A-Z",
    "word": "0-9A-Za-z_",
    "xdigit": "0-9A-Fa-f",
}
_TOKEN = re.compile(
    r"\[:(?P<complement>\^?)(?P<posix>\w+):\]|\\(?P<sign>[pP])(?:\{(?P<category>\^?\w+)\}|(?P<letter>\w))"
    r"|\\Q(?P<quoted>.*?)(?:\\E|$)|(?P<end>\\z)|(?P<dollar>\$)|(?P<escape>\\.)|(?P<open>\[\^?\]?)|(?P<close>\])|(?P<bare>\[)",
    re.DOTALL,
)
#: The first and last code points of the scripts that are named in expressions.
_SCRIPTS = {
    "Latin": "A-Za-zªºÀ-ÖØ-öø-ʸˠ-ˤᴀ-ᴥᴬ-ᵜᵢ-ᵥᵫ-ᵷᵹ-ᶾḀ-ỿₐ-ₜⱠ-Ɀ",
    "Greek": "Ͱ-ͳ͵-ͷͺ-ͽͿ΄ΆΈ-ϡϰ-Ͽἀ-῾",
    "Cyrillic": "Ѐ-҄҇-ԯᲀ-ᲈⷠ-ⷿꙀ-ꚟ",
    "Han": "⺀-⺙⺛-⻳⼀-⿕々〇〡-〩〸-〻㐀-䶿一-鿿豈-舘並-龎",
    "Hiragana": "ぁ-ゖゝ-ゟ",
    "Katakana": "ァ-ヺヽ-ヿㇰ-ㇿ",
    "Hangul": "ᄀ-ᇿ가-힣ㄱ-ㆎ",
    "Arabic": "؀-؄؆-؋؍-ؚ؞ؠ-ؿف-ي٪-ٯ-ۜ۞-ۿݐ-ݿ",
    "Hebrew": "֑-ׇא-תׯ-״",
}


@functools.cache
def _category(name: str) -> str:
    """The characters of a Unicode category, such as `"L"` or `"Lu"`, as the inside of a class.

    Raises:
        ValueError: for a name that there is not.
    """
    if name in _SCRIPTS:
        return _SCRIPTS[name]
    points = [p for p in range(sys.maxunicode + 1) if unicodedata.category(chr(p)).startswith(name)]
    if not points:
        raise ValueError(f"regular expression: \\p{{{name}}} is not known.")
    ranges, first = [], points[0]
    for point, following in zip(points, [*points[1:], -1]):
        if following != point + 1:
            ranges.append(f"\\U{first:08x}-\\U{point:08x}")
            first = following
    return "".join(ranges)


def _without(inside: str) -> str:
    """The inside of a class of all other characters."""
    spans = [(match.start(), match.end()) for match in re.finditer(f"[{inside}]+", "".join(map(chr, range(0x110000))))]
    edges = [0, *(edge for span in spans for edge in span), 0x110000]
    return "".join(f"\\U{a:08x}-\\U{b - 1:08x}" for a, b in zip(edges[::2], edges[1::2]) if a < b)


@functools.lru_cache(256)
def compiled(pattern: str) -> re.Pattern[str]:
    r"""Return Python's pattern for one of RE2.

    Raises:
        ValueError: for an expression that is none.

    >>> compiled(r"[[:punct:]\d]+").sub("", "a.b!c1")
    'abc'
    >>> compiled(r"\p{Lu}").sub("_", "aÉB")
    'a__'
    """
    inside = False

    def translated(match: re.Match[str]) -> str:
        nonlocal inside
        if match["posix"] is not None:
            if not inside:
                return match[0]
            chars = _POSIX.get(match["posix"])
            if chars is None:
                raise ValueError(f"regular expression {pattern!r}: {match[0]} is no class.")
            return _without(chars) if match["complement"] else chars
        if match["sign"]:
            name = match["category"] or match["letter"]
            negative = (match["sign"] == "P") != name.startswith("^")
            chars = _category(name.lstrip("^"))
            if inside:
                return _without(chars) if negative else chars
            return f"[^{chars}]" if negative else f"[{chars}]"
        if match["quoted"] is not None:
            return re.escape(match["quoted"])
        if match["end"] or (match["dollar"] and not inside and "(?m" not in pattern):
            return r"\Z"  # in RE2 a line's end is not the text's
        if match["open"] and not inside:
            inside = True
            return match[0]
        if match["open"] or match["bare"]:
            return match[0].replace("[", r"\[")
        if match["close"]:
            inside = False
        return match[0]

    try:
        return re.compile(_TOKEN.sub(translated, pattern), re.ASCII)
    except re.error as error:
        raise ValueError(f"regular expression {pattern!r}: {error}.") from error


def rewritten(rewrite: str) -> str:
    r"""Return Python's template for a replacement: `\0` is the whole match.

    >>> rewritten(r"<\0>\n")
    '<\\g<0>>\\\\n'
    """

    def part(match: re.Match[str]) -> str:
        following = match[1]
        if following.isdigit():
            return rf"\g<{following}>"
        return r"\\" if following == "\\" else rf"\\{following}"

    return re.sub(r"\\(.)", part, rewrite, flags=re.DOTALL)
