"""`pronghorn inspect`: what is in a model's file, as tables."""

from __future__ import annotations

from collections.abc import Iterator

from rich.console import Console
from rich.table import Table

from pronghorn.saving.inspection import ArrayFacts, FileFacts, inspect_file


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
        (layer.name, layer.kind, layer.settings, " ".join(_shape(array) for array in layer.arrays))
        for layer in facts.layers
    ]
    titles = ("layer", "class", "settings", "weights")
    shown = [i for i in range(len(titles)) if i == 0 or any(row[i] for row in rows)]
    table = Table()
    for i in shown:
        table.add_column(titles[i], overflow="fold")
    table.add_column("parameters", justify="right", no_wrap=True)
    for layer, row in zip(facts.layers, rows):
        table.add_row(*(_printable(row[i]) for i in shown), f"{layer.parameters:,}" if layer.arrays else "")
    return table


def _arrays_table(facts: FileFacts) -> Table:
    table = Table()
    for title in ("layer", "array", "shape", "dtype"):
        table.add_column(title, overflow="fold")
    for name, arrays in [*((layer.name, layer.arrays) for layer in facts.layers), ("optimizer", facts.optimizer)]:
        for array in arrays:
            table.add_row(_printable(name), _printable(array.name), _shape(array), array.dtype)
    return table


def _printable(text: str) -> str:
    """Text of a stranger's file for a terminal, which would take what is in it for commands.

    >>> print(_printable("\x1b[2Jgone"))
    \\x1b[2Jgone
    """
    return "".join(c if c.isprintable() else c.encode("unicode_escape").decode("ascii") for c in text)


def _shape(array: ArrayFacts) -> str:
    return "x".join(map(str, array.shape)) or "scalar"
