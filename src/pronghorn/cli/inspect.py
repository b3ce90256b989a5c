"""`pronghorn inspect`: what is in a model's file, as tables."""

from __future__ import annotations

import itertools
import re
from collections.abc import Iterable, Iterator

from rich.console import Console
from rich.table import Table
from rich.text import Text

from pronghorn._wording import counted, size_text
from pronghorn.saving.inspection import ArrayFacts, FileFacts, LayerFacts, inspect_file

_MOST_ROWS = 1000  # of a table: more would take minutes to lay out
_MOST_SHAPES = 20
_MOST_CHARACTERS = 1000
_WEIGHTS = 24  # characters in a line of shapes
_LEAST_ROOM = 20  # for a layer's name and settings


def print_file(path: str, arrays: bool = False) -> None:
    """Print what is in a file.

    Args:
        path: of the file.
        arrays: whether to list every array, and not only each layer's.

    Raises:
        OSError: if it cannot be read.
        ValueError: if it is no such file, or damaged.
    """
    facts = inspect_file(path)
    console = Console(highlight=False, markup=False)
    heading = Table(show_header=False, box=None, pad_edge=False)
    heading.add_column(style="bold", no_wrap=True)
    heading.add_column(overflow="fold")
    for title, value in _heading(facts):
        heading.add_row(_printable(title), _printable(value))
    console.print(heading)
    if facts.layers:
        console.print()
        console.print(_arrays_table(facts) if arrays else _layers_table(facts, console.width))


def _heading(facts: FileFacts) -> Iterator[tuple[str, str]]:
    yield "file", facts.path
    yield "format", f"{facts.format}, {size_text(facts.nbytes)}"
    yield from facts.facts
    yield "parameters", f"{facts.parameters:,} in {counted(sum(len(layer.arrays) for layer in facts.layers), 'array')}"
    if facts.optimizer:
        numbers = sum(array.size for array in facts.optimizer)
        yield "optimizer's state", f"{counted(numbers, 'number')} in {counted(len(facts.optimizer), 'array')}"


def _layers_table(facts: FileFacts, width: int) -> Table:
    rows = list(itertools.islice(_nested(facts.layers), _MOST_ROWS + 1))
    counts = [f"{layer.parameters:,}" if layer.arrays else "" for _, layer in rows]
    weights = [
        _lines(map(_shape, layer.arrays[:_MOST_SHAPES]), _WEIGHTS) if not layer.layers else [] for _, layer in rows
    ]
    # What is left for the first column: the borders take ten characters.
    others = max(map(len, ["weights", *itertools.chain(*weights)])) + max(map(len, ["parameters", *counts]))
    room = max(width - others - 10, _LEAST_ROOM)
    table = Table()
    for title, justify in (("layer", "left"), ("weights", "left"), ("parameters", "right")):
        table.add_column(title, justify=justify, no_wrap=True)  # type: ignore[arg-type]
    for (depth, layer), shapes, count in zip(rows[:_MOST_ROWS], weights, counts):
        indent = "  " * depth
        kind = [f"({_printable(layer.kind)})"] if layer.kind else []
        name = _lines([_printable(layer.name), *kind], room - len(indent))
        settings = _lines(_words(_printable(layer.settings)), room - len(indent) - 2)
        cell = Text("\n".join(indent + line for line in name))
        for line in settings:
            cell.append(f"\n{indent}  {line}", "dim")
        table.add_row(cell, "\n".join(shapes), count)
    if len(rows) > _MOST_ROWS:
        table.add_row(f"... and {_count(facts.layers) - _MOST_ROWS:,} more")
    return table


def _nested(layers: list[LayerFacts], depth: int = 0) -> Iterator[tuple[int, LayerFacts]]:
    """Layers and those within them, with how deep they are."""
    for layer in layers:
        yield depth, layer
        yield from _nested(layer.layers, depth + 1)


def _count(layers: list[LayerFacts]) -> int:
    return sum(1 for _ in _nested(layers))


def _words(settings: str) -> list[str]:
    """Settings, each one word: `units=10,` and `strides=(2, 2)`.

    >>> _words("filters=8, kernel_size=(3, 3), padding=same")
    ['filters=8,', 'kernel_size=(3, 3),', 'padding=same']
    """
    return re.split(r"(?<=,) (?=\w+=)", settings) if settings else []


def _lines(words: Iterable[str], width: int) -> list[str]:
    """Words on lines that are no wider; a word that is, is broken.

    >>> _lines(["filters=8,", "padding=same"], 15)
    ['filters=8,', 'padding=same']
    """
    lines: list[str] = []
    for word in words:
        if lines and len(lines[-1]) + 1 + len(word) <= width:
            lines[-1] += f" {word}"
        else:
            lines += [word[i : i + width] for i in range(0, max(len(word), 1), max(width, 1))]
    return lines


def _arrays_table(facts: FileFacts) -> Table:
    table = Table()
    for title in ("layer", "array", "shape", "dtype"):
        table.add_column(title, overflow="fold")
    owners = [*((layer.name, layer.arrays) for layer in facts.layers), ("optimizer", facts.optimizer)]
    rows = [(name, array) for name, arrays in owners for array in arrays]
    for name, array in rows[:_MOST_ROWS]:
        table.add_row(_printable(name), _printable(array.name), _shape(array), array.dtype)
    if len(rows) > _MOST_ROWS:
        table.add_row(f"... and {len(rows) - _MOST_ROWS:,} more")
    return table


def _printable(text: str) -> str:
    """Text of a stranger's file for a terminal, which would take what is in it for commands.

    >>> print(_printable("\x1b[2Jgone"))
    \\x1b[2Jgone
    """
    return "".join(
        c if c.isprintable() else c.encode("unicode_escape").decode("ascii") for c in text[:_MOST_CHARACTERS]
    )


def _shape(array: ArrayFacts) -> str:
    return "x".join(map(str, array.shape)) or "scalar"
