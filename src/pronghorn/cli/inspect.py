"""`pronghorn inspect`: what is in a model's file, as tables."""

from __future__ import annotations

from collections.abc import Iterator

from rich.console import Console
from rich.table import Table

from pronghorn.saving.inspection import ArrayFacts, FileFacts, inspect_file

_MOST_ROWS = 1000  # of a table: more would take minutes to lay out
_MOST_SHAPES = 20
_MOST_CHARACTERS = 1000


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
        console.print(_arrays_table(facts) if arrays else _layers_table(facts))


def _heading(facts: FileFacts) -> Iterator[tuple[str, str]]:
    yield "file", facts.path
    yield "format", f"{facts.format}, {_size(facts.nbytes)}"
    yield from facts.facts
    yield "parameters", f"{facts.parameters:,} in {sum(len(layer.arrays) for layer in facts.layers)} arrays"
    if facts.optimizer:
        numbers = sum(array.size for array in facts.optimizer)
        yield "optimizer's state", f"{numbers:,} numbers in {len(facts.optimizer)} arrays"


def _size(nbytes: int) -> str:
    size, unit = float(nbytes), "B"
    for larger in ("kB", "MB", "GB", "TB"):
        if size < 1000:
            break
        size, unit = size / 1000, larger
    return f"{size:.3g} {unit}" if unit != "B" else f"{nbytes} B"


def _layers_table(facts: FileFacts) -> Table:
    rows = [
        (layer.name, layer.kind, layer.settings, " ".join(_shape(array) for array in layer.arrays[:_MOST_SHAPES]))
        for layer in facts.layers
    ]
    titles = ("layer", "class", "settings", "weights")
    shown = [i for i in range(len(titles)) if i == 0 or any(row[i] for row in rows)]
    table = Table()
    for i in shown:
        table.add_column(titles[i], overflow="fold")
    table.add_column("parameters", justify="right", no_wrap=True)
    for layer, row in zip(facts.layers[:_MOST_ROWS], rows):
        table.add_row(*(_printable(row[i]) for i in shown), f"{layer.parameters:,}" if layer.arrays else "")
    if len(rows) > _MOST_ROWS:
        table.add_row(f"... and {len(rows) - _MOST_ROWS:,} more")
    return table


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
