"""Notebooks as scripts: their cells of code, one after the other, for `pronghorn run`."""

from __future__ import annotations

import json


def script_of(source: bytes, path: str) -> str:
    """The code of a notebook.

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
    except (ValueError, KeyError, TypeError) as error:
        raise ValueError(f"{path} is no notebook: {type(error).__name__}: {error}") from None
    return "\n".join(f"# --- cell {number}\n{_python(code)}" for number, code in enumerate(codes, 1)) + "\n"


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
