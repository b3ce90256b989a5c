"""A docstring and a signature as Markdown, for the pages of the reference."""

from __future__ import annotations

import inspect
import re
from collections.abc import Callable, Iterator
from typing import Any

import griffe

_DOCTEST = re.compile(r"^>>> .*\n(?:.+\n?)*", re.MULTILINE)
_CODE = re.compile(r"(`+[^`]*`+)")
_LIST = re.compile(r"^(?![-*] |\s|$)(.*)\n(?=[-*] )", re.MULTILINE)


def entry(name: str, value: Any, other_names: list[str], members: list[tuple[str, Any]]) -> str:
    """One name of a page: a heading, the signature, the docstring, and the methods of a class.

    Args:
        name: the public name, such as ``"layers.Dense"``, which is also the anchor.
        value: what it names.
        other_names: names of the same object.
        members: methods and properties to show.

    Returns:
        Markdown.
    """
    short = name.rpartition(".")[2]
    heading = ".".join(name.split(".")[1:][-2:]) or name
    parts = [f"## {heading} {{ #{name} }}\n", signature(name, value), docstring(value)]
    if other_names:
        parts.insert(2, f"Also {', '.join(f'`{other}`' for other in other_names)}.\n")
    for member, function in members:
        parts += [f"### {short}.{member} {{ #{name}.{member} }}\n", signature(member, function), docstring(function)]
    return "\n".join(part for part in parts if part)


def signature(name: str, value: Any) -> str:
    """The call in a block of code; empty for a property."""
    if isinstance(value, property):
        return ""
    function = getattr(value, "__func__", value)
    try:
        found = inspect.signature(function)
    except (TypeError, ValueError):
        return ""
    parameters = list(found.parameters.values())
    if not isinstance(value, type) and parameters and parameters[0].name in ("self", "cls"):
        parameters = parameters[1:]
    words = list(_words(parameters))
    returned = "" if isinstance(value, type) else _returned(found)
    line = f"{name}({', '.join(words)}){returned}"
    if len(line) > 88:
        line = f"{name}(\n    " + ",\n    ".join(words) + f",\n){returned}"
    return f"```python\n{line}\n```\n"


def _words(parameters: list[inspect.Parameter]) -> Iterator[str]:
    keyword_only = False
    for position, parameter in enumerate(parameters):
        if parameter.kind is parameter.KEYWORD_ONLY and not keyword_only:
            keyword_only = True
            if not any(p.kind is p.VAR_POSITIONAL for p in parameters):
                yield "*"
        plain = parameter if _annotation(parameter) else parameter.replace(annotation=parameter.empty)
        yield re.sub(r": '([^']*)'", r": \1", re.sub(r"<(?:function|class) '?([\w.]+)[^>]*>", r"\1", str(plain)))
        after = parameters[position + 1 : position + 2]
        if parameter.kind is parameter.POSITIONAL_ONLY and (not after or after[0].kind is not after[0].POSITIONAL_ONLY):
            yield "/"


def _annotation(parameter: inspect.Parameter) -> str:
    """The type, or nothing where it says nothing."""
    return "" if parameter.annotation in (parameter.empty, "Any", Any) else str(parameter.annotation)


def _returned(found: inspect.Signature) -> str:
    annotation = found.return_annotation
    if annotation in (found.empty, "Any", Any):
        return ""
    return f" -> {annotation if isinstance(annotation, str) else inspect.formatannotation(annotation)}"


def docstring(value: Any) -> str:
    """A docstring in Google's form as Markdown."""
    written = griffe.Docstring(inspect.getdoc(value) or "")
    sections = written.parse("google", warnings=False, returns_multiple_items=False, returns_named_value=False)
    return "\n".join(_SECTIONS.get(section.kind.value, _text)(section) for section in sections)


def _text(section: Any) -> str:
    return prose(str(section.value)) + "\n"


def _items(title: str) -> Callable[[Any], str]:
    def text(section: Any) -> str:
        lines = [f"- `{item.name}`: {_indented(item.description)}" for item in section.value]
        return f"**{title}**\n\n" + "\n".join(lines) + "\n"

    return text


def _raises(section: Any) -> str:
    return "**Raises**\n\n" + "\n".join(f"- `{i.annotation}`: {_indented(i.description)}" for i in section.value) + "\n"


def _returns(section: Any) -> str:
    return "**Returns**\n\n" + "\n\n".join(prose(item.description) for item in section.value) + "\n"


def _admonition(section: Any) -> str:
    """A section with a title of its own, such as the arguments of a layer's call."""
    lines = re.sub(r"^(\w+): ", r"- `\1`: ", section.value.description, flags=re.MULTILINE)
    return f"**{section.title}**\n\n{prose(lines)}\n"


_SECTIONS: dict[str, Callable[[Any], str]] = {
    "parameters": _items("Arguments"),
    "attributes": _items("Attributes"),
    "raises": _raises,
    "returns": _returns,
    "yields": _returns,
    "admonition": _admonition,
}


def _indented(text: str) -> str:
    return prose(text).replace("\n", "\n    ")


def prose(text: str) -> str:
    """Text with its doctests as code, its lists as lists, and no HTML.

    >>> print(prose("Example:\\n\\n>>> 1 < 2\\nTrue"))
    **Example**
    <BLANKLINE>
    ```pycon
    >>> 1 < 2
    True
    ```
    """
    parts, last = [], 0
    for found in _DOCTEST.finditer(text):
        parts += [_plain(text[last : found.start()]), f"```pycon\n{found[0].rstrip()}\n```\n"]
        last = found.end()
    return "".join([*parts, _plain(text[last:])]).rstrip()


def _plain(text: str) -> str:
    text = re.sub(r"^(Examples?|Source|References?):$", r"**\1**", text, flags=re.MULTILINE)
    text = _LIST.sub(r"\1\n\n", text)
    return "".join(part if part.startswith("`") else part.replace("<", "&lt;") for part in _CODE.split(text))
