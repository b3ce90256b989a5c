"""Tables that somebody has, as CSV files: read, cleaned and made into data sets."""

from __future__ import annotations

import csv
import io
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from pronghorn._wording import counted
from pronghorn.studio.data_sets import MOST_CLASSES, DataSet, scaled_table

_FEW = 20  # a column of so few different whole numbers holds classes
_MOST_WORDS = 50  # that become a column each
_LARGEST = 1e37  # whose squares, in float64, and whose own values, in float32, are finite; larger ones count as missing
_MISSING = frozenset(("", "?", "-", "na", "n/a", "nan", "none", "null", "missing"))  # as people write it


@dataclass
class Table:
    """The rows of a CSV file as they were read.

    Attributes:
        name: of the file.
        header: names of the columns.
        rows: their texts.
        target: the column that is to be predicted.
    """

    name: str
    header: list[str]
    rows: list[list[str]] = field(repr=False)
    target: str = ""


def read_csv(name: str, text: str) -> Table:
    r"""Read a CSV file whose first line names the columns; the last column is the target at first.

    Raises:
        ValueError: if there are no columns or too few rows, or it is no table at all.

    >>> read_csv("t.csv", "a,b\n1,2\n3,4\n5,6\n7,8\n9,10\n").target
    'b'
    """
    if "\0" in text:
        raise ValueError(f"{name} is no table of text: it holds bytes that no text has. Save it as CSV first.")
    sample = text[:10_000]
    try:
        dialect: Any = csv.Sniffer().sniff(sample, ",;\t|")
    except csv.Error:
        dialect = csv.excel
    try:
        read = csv.reader(io.StringIO(text, newline=""), dialect)
        lines = [row for row in read if any(cell.strip() for cell in row)]
    except csv.Error as error:
        raise ValueError(f"{name} cannot be read as CSV: {error}.") from None
    if len(lines) < 6 or len(lines[0]) < 2:
        raise ValueError("The table needs a first line with two or more names of columns, and five or more rows below.")
    header = [cell.strip() or f"column {i + 1}" for i, cell in enumerate(lines[0])]
    twice = next((name for name in header if header.count(name) > 1), None) if len(set(header)) < len(header) else None
    if twice is not None:
        raise ValueError(f"Two columns of {name} are called {twice!r}; give each a name of its own.")
    wrong = next((i for i, row in enumerate(lines) if len(row) != len(header)), None)
    if wrong is not None:
        raise ValueError(
            f"Row {wrong + 1} has {counted(len(lines[wrong]), 'cell')}, but the first line names {len(header)}."
        )
    rows = [[cell.strip() for cell in row] for row in lines[1:]]
    if dialect.delimiter != ",":
        rows = _with_points(rows)
    return Table(name, header, rows, header[-1])


def _with_points(rows: list[list[str]]) -> list[list[str]]:
    """Numbers with a decimal comma, as in German, with a point; columns that hold other texts stay."""
    columns = list(zip(*rows))
    changed = [[cell.replace(",", ".") for cell in column] for column in columns]
    kept = [new if _numbers(new) is not None else old for old, new in zip(columns, changed)]
    return [list(row) for row in zip(*kept)]


def read_text(body: bytes) -> str:
    """The text of a file, in UTF-8 or as older programs write it."""
    try:
        return body.decode("utf-8-sig")
    except UnicodeDecodeError:
        return body.decode("latin-1")


def from_table(table: Table) -> DataSet:
    """The data set of a table: numbers are standardised, texts become one column a word, empty cells the mean.

    Rows without a target are left out.

    Raises:
        ValueError: if the target has one value only, or too many words, or nothing is left to predict it from.
    """
    place = table.header.index(table.target)
    rows = [row for row in table.rows if not _is_missing(row[place])]
    if len(rows) < 5:
        raise ValueError(f"Only {len(rows)} rows have a value of {table.target!r}, which is to be predicted.")
    columns, names = [], []
    for i, name in enumerate(table.header):
        cells = [row[i] for row in rows]
        if name == table.target:
            target = cells
            continue
        values, titles = _column(name, cells)
        columns.append(values)
        names += titles
    if not names:
        raise ValueError(
            f"Nothing is left to predict {table.target!r} from: the other columns hold texts, more than {_MOST_WORDS} "
            "different ones each. The studio makes numbers of words, but not of sentences."
        )
    x, (y, classes) = np.concatenate(columns, axis=1), _target(table.target, target)
    order = np.random.default_rng(0).permutation(len(x))
    test, train = order[: max(1, len(x) // 5)], order[max(1, len(x) // 5) :]
    note = f"{len(x):,} rows of your own, a fifth of them for testing. To predict: {table.target}."
    if len(rows) < len(table.rows):
        note += f" {len(table.rows) - len(rows):,} rows without it are left out."
    return scaled_table(table.name, x[train], y[train], x[test], y[test], classes, tuple(names), note)


def _numbers(cells: list[str]) -> np.ndarray | None:
    """The cells as numbers, NaN where they are missing; None where they are texts, or all are missing."""
    if all(map(_is_missing, cells)):
        return None
    try:
        return np.array([np.nan if _is_missing(cell) else float(cell) for cell in cells])
    except ValueError:
        return None


def _is_missing(cell: str) -> bool:
    return cell.lower() in _MISSING


def _column(name: str, cells: list[str]) -> tuple[np.ndarray, list[str]]:
    numbers = _numbers(cells)
    if numbers is not None:
        known = numbers[np.abs(numbers) <= _LARGEST]
        filled = np.where(np.abs(numbers) <= _LARGEST, numbers, known.mean() if len(known) else 0.0)
        return filled[:, None], [name]
    words = sorted(set(cells))
    if len(words) > _MOST_WORDS:
        return np.zeros((len(cells), 0)), []  # a name or an address tells nothing about other rows
    return np.array([[cell == word for word in words] for cell in cells], float), [f"{name}: {w}" for w in words]


def _target(name: str, cells: list[str]) -> tuple[np.ndarray, tuple[str, ...]]:
    numbers = _numbers(cells)
    few = numbers is not None and np.isfinite(numbers).all() and not (numbers % 1).any() and len(set(numbers)) <= _FEW
    if numbers is not None and not few:
        if not (np.abs(numbers) <= _LARGEST).all():
            raise ValueError(f"The column {name!r} that is to be predicted has numbers beyond {_LARGEST:.0e}.")
        return numbers.astype("float32"), ()
    if numbers is not None:  # "1" and "1.0" are one class
        cells = [f"{number + 0.0:.0f}" for number in numbers]
    words = sorted(set(cells), key=float) if few else sorted(set(cells))
    if not 2 <= len(words) <= MOST_CLASSES:
        raise ValueError(f"The column {name!r} has {len(words)} different values; it may have 2 to {MOST_CLASSES}.")
    number = {word: i for i, word in enumerate(words)}
    return np.array([number[cell] for cell in cells], np.int64), tuple(words)
