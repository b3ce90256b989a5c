"""Notebooks as scripts: their cells of code, one after the other, for `pronghorn run`."""

from __future__ import annotations
import __future__

import functools
import json
import linecache
import operator
from types import CodeType

_CELL = ", cell "
_FUTURES = functools.reduce(operator.or_, (getattr(__future__, n).compiler_flag for n in __future__.all_feature_names))


def cells_of(source: bytes, path: str) -> list[str]:
    """The code of each cell of a notebook that has code.

    Lines for IPython alone, `%magic` and `!command`, become comments; so do cells of another language (`%%bash`).

    Args:
        source: what is in the file.
        path: its name, for errors.

    Raises:
        ValueError: if it is no notebook.
    """
    try:
        notebook = json.loads(source)
        cells = notebook["cells"]
        codes = ["".join(cell["source"]) for cell in cells if cell["cell_type"] == "code"]
    except (ValueError, KeyError, TypeError, RecursionError) as error:
        raise ValueError(f"{path} is no notebook: {type(error).__name__}: {error}") from None
    return [_python(code) + "\n" for code in codes]


def script_of(cells: list[str]) -> str:
    """The code of cells as one script."""
    return "\n".join(f"# --- cell {number}\n{code}" for number, code in enumerate(cells, 1))


def compiled(cells: list[str], path: str) -> list[CodeType]:
    """The cells as code, whose tracebacks name the cell and the line in it; all are read before one runs.

    Raises:
        SyntaxError: if a cell is no Python.
    """
    made, flags = [], 0
    for number, code in enumerate(cells, 1):
        made.append(compile(code, _lines_kept(code, f"{path}{_CELL}{number}"), "exec", flags, dont_inherit=True))
        flags |= made[-1].co_flags & _FUTURES  # what a cell takes from there goes for those below it
    return made


def is_cell(name: str) -> bool:
    """Whether the name that code goes by is a cell's.

    >>> is_cell("/home/me/book.ipynb, cell 3"), is_cell("/home/me/book.py")
    (True, False)
    """
    return f".ipynb{_CELL}" in name


def _lines_kept(code: str, name: str) -> str:
    """The name, under which tracebacks find the lines now."""
    linecache.cache[name] = (len(code), None, code.splitlines(keepends=True), name)
    return name


def _python(code: str) -> str:
    """A cell without what only IPython understands.

    >>> print(_python("%matplotlib inline\\n!pip install x\\ny = 1 % 2\\ny?"))
    # %matplotlib inline
    # !pip install x
    y = 1 % 2
    # y?
    """
    lines = code.split("\n")
    if lines[0].startswith("%%") and not lines[0].startswith(("%%time", "%%capture")):
        return "\n".join(f"# {line}" for line in lines)
    return "\n".join(_line(line) for line in lines)


def _line(line: str) -> str:
    bare = line.lstrip()
    if bare.startswith(("%", "!")) or (bare.endswith("?") and "#" not in bare):
        indent = line[: len(line) - len(bare)]
        # Something has to stand there: the line may be all that there is in a block.
        return f"{indent}pass  # {bare}" if indent else f"# {bare}"
    return line
