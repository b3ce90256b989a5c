"""What a studio trains on: the package's data sets, folders of images, drawn classes, and tables."""

from __future__ import annotations

import csv
import importlib
import io
import json
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

import numpy as np

from pronghorn.studio.drawing import centred

LARGEST_UPLOAD = 1 << 30  # bytes
DRAWN = (28, 28)  # the size that drawings get, as MNIST's
_MOST_CLASSES = 1000
_FEW = 20  # a column of so few different whole numbers holds classes


@dataclass(frozen=True)
class DataSet:
    """Examples to train on, and others to test with.

    Attributes:
        name: what the page calls it.
        kind: `images` or `table`, or `arrays` for what the page cannot draw.
        x: training inputs, shape `(n, ...)`.
        y: training targets, shape `(n,)` for class numbers; anything that `fit` takes otherwise.
        x_test: test inputs.
        y_test: test targets.
        classes: names of the classes; empty where the targets are numbers.
        columns: names of a table's columns.
        note: a sentence on where it comes from.
    """

    name: str
    kind: str
    x: np.ndarray
    y: np.ndarray
    x_test: np.ndarray
    y_test: np.ndarray
    classes: tuple[str, ...] = ()
    columns: tuple[str, ...] = ()
    note: str = ""

    @property
    def shape(self) -> tuple[int, ...]:
        """Of one input."""
        return tuple(self.x.shape[1:])

    @cached_property
    def largest(self) -> float:
        """What white is in images: 255, or 1 where they were scaled."""
        if self.x.dtype == np.uint8:
            return 255.0
        return 255.0 if float(np.max(self.x[:256], initial=0.0)) > 2 else 1.0

    def labels(self) -> np.ndarray:
        """The class numbers of the test examples, whatever form the targets have."""
        y = np.asarray(self.y_test)
        return y.argmax(axis=-1) if y.ndim == 2 and y.shape[1] > 1 else y.reshape(len(y))

    def shown(self) -> dict[str, Any]:
        """It for the page."""
        return {
            "name": self.name,
            "kind": self.kind,
            "shape": list(self.shape),
            "train": len(self.x),
            "test": len(self.x_test),
            "classes": list(self.classes),
            "columns": list(self.columns),
            "note": self.note,
        }


@dataclass(frozen=True)
class Packaged:
    """A data set of `pronghorn.datasets`."""

    title: str
    note: str
    classes: tuple[str, ...] = ()
    columns: tuple[str, ...] = ()
    download: bool = True


_DIGITS = tuple("0123456789")
_CLOTHES = ("T-shirt", "Trousers", "Pullover", "Dress", "Coat", "Sandal", "Shirt", "Sneaker", "Bag", "Ankle boot")
_THINGS = ("Aeroplane", "Car", "Bird", "Cat", "Deer", "Dog", "Frog", "Horse", "Ship", "Lorry")
_HOUSES = ("longitude", "latitude", "age", "rooms", "bedrooms", "people", "households", "income")

#: By module.
PACKAGED: dict[str, Packaged] = {
    "mnist": Packaged("MNIST digits", "70,000 handwritten digits.", _DIGITS, download=False),
    "fashion_mnist": Packaged("Fashion MNIST", "70,000 pictures of clothes.", _CLOTHES),
    "cifar10": Packaged("CIFAR-10", "60,000 small colour photographs.", _THINGS),
    "california_housing": Packaged("California housing", "What houses cost, district by district.", (), _HOUSES),
}


def load_packaged(name: str) -> DataSet:
    """A data set of the package.

    Raises:
        ValueError: if there is none of that name.
        Exception: if it has to be downloaded and cannot be.
    """
    if name not in PACKAGED:
        raise ValueError(f"There is no data set {name!r}; there are {', '.join(PACKAGED)}.")
    about = PACKAGED[name]
    (x, y), (x_test, y_test) = importlib.import_module(f"pronghorn.datasets.{name}").load_data()
    if about.columns:
        return _scaled_table(about.title, x, y, x_test, y_test, (), about.columns, about.note)
    if x.ndim == 3:
        x, x_test = x[..., None], x_test[..., None]
    labels = (np.asarray(part).reshape(-1).astype(np.int64) for part in (y, y_test))
    y, y_test = labels
    return DataSet(about.title, "images", x, y, x_test, y_test, about.classes, note=about.note)


def from_images(name: str, classes: list[str], labels: Any, pixels: np.ndarray) -> DataSet:
    """A data set of somebody's own images, a fifth of each class for testing.

    Args:
        name: what it is called.
        classes: names of the classes.
        labels: the class number of each image.
        pixels: uint8, shape `(n, height, width, channels)`.

    Raises:
        ValueError: if there are fewer than two classes, or a class has fewer than two images.

    >>> from_images("two", ["a", "b"], [0, 0, 1, 1], np.zeros((4, 8, 8, 1), np.uint8)).y_test
    array([0, 1])
    """
    labels = np.asarray(labels, np.int64).reshape(-1)
    if not 2 <= len(classes) <= _MOST_CLASSES:
        raise ValueError(f"Images of 2 to {_MOST_CLASSES} classes are needed, one folder a class; got {len(classes)}.")
    if len(labels) != len(pixels) or (len(labels) and not 0 <= labels.min() <= labels.max() < len(classes)):
        raise ValueError("Each image needs the number of its class.")
    counts = np.bincount(labels, minlength=len(classes))
    if counts.min() < 2:
        few = classes[int(counts.argmin())]
        raise ValueError(f"The class {few!r} has {counts.min()} images; each needs two or more, one for testing.")
    test = np.zeros(len(labels), bool)
    for number in range(len(classes)):
        rows = np.flatnonzero(labels == number)
        test[rows[:: max(2, min(5, len(rows)))]] = True
    note = f"{len(labels):,} images of your own, a part of each class kept for testing."
    parts = pixels[~test], labels[~test], pixels[test], labels[test]
    return DataSet(name, "images", *parts, tuple(classes), note=note)


def read_image_upload(body: bytes) -> DataSet:
    """The data set in what the page sends: the length of a JSON header, the header, and the pixels.

    Raises:
        ValueError: if it is not that.
    """
    length = int.from_bytes(body[:4], "little")
    try:
        head = json.loads(body[4 : 4 + length])
        shape = tuple(int(n) for n in head["shape"])
        name, classes, labels = str(head["name"]), [str(c) for c in head["classes"]], list(head["labels"])
        drawn = bool(head.get("drawn"))
    except (ValueError, KeyError, TypeError) as error:
        raise ValueError(f"The images were not sent as the studio's page does: {error}") from None
    size = 4 + length
    if len(shape) != 4 or min(shape) < 1 or len(body) - size != int(np.prod(shape, dtype=np.int64)):
        raise ValueError(f"The pixels of images of shape {shape} were expected, got {len(body) - size:,} bytes.")
    pixels = np.frombuffer(body, np.uint8, offset=size).reshape(shape)
    if drawn:
        pixels = np.array([np.round(centred(image[..., 0], DRAWN)) for image in pixels], np.uint8)[..., None]
    return from_images(name, classes, labels, pixels)


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
    """Read a CSV file whose first line names the columns; the last column is the target at first.

    Raises:
        ValueError: if there are no columns or too few rows.

    >>> read_csv("t.csv", "a,b\\n1,2\\n3,4\\n5,6\\n7,8\\n9,10\\n").target
    'b'
    """
    sample = text[:10_000]
    try:
        dialect: Any = csv.Sniffer().sniff(sample, ",;\t|")
    except csv.Error:
        dialect = csv.excel
    lines = [row for row in csv.reader(io.StringIO(text), dialect) if any(cell.strip() for cell in row)]
    if len(lines) < 6 or len(lines[0]) < 2:
        raise ValueError("The table needs a first line with two or more names of columns, and five or more rows below.")
    header = [cell.strip() or f"column {i + 1}" for i, cell in enumerate(lines[0])]
    wrong = next((i for i, row in enumerate(lines) if len(row) != len(header)), None)
    if wrong is not None:
        raise ValueError(f"Row {wrong + 1} has {len(lines[wrong])} cells, but the first line names {len(header)}.")
    return Table(name, header, lines[1:], header[-1])


def from_table(table: Table) -> DataSet:
    """The data set of a table: numbers are standardised, texts become one column a word, empty cells the mean.

    Raises:
        ValueError: if the target has one value only, or too many words.
    """
    columns, names = [], []
    for i, name in enumerate(table.header):
        cells = [row[i].strip() for row in table.rows]
        if name == table.target:
            target = cells
            continue
        values, titles = _column(name, cells)
        columns.append(values)
        names += titles
    if not names:
        raise ValueError("No column is left to predict from: those with texts have a different one in every row.")
    x, (y, classes) = np.concatenate(columns, axis=1), _target(table.target, target)
    order = np.random.default_rng(0).permutation(len(x))
    test, train = order[: max(1, len(x) // 5)], order[max(1, len(x) // 5) :]
    note = f"{len(x):,} rows of your own, a fifth of them for testing. To predict: {table.target}."
    return _scaled_table(table.name, x[train], y[train], x[test], y[test], classes, tuple(names), note)


def _numbers(cells: list[str]) -> np.ndarray | None:
    """The cells as numbers, NaN where they are empty; None where they are texts."""
    try:
        return np.array([float(cell) if cell else np.nan for cell in cells])
    except ValueError:
        return None


def _column(name: str, cells: list[str]) -> tuple[np.ndarray, list[str]]:
    numbers = _numbers(cells)
    if numbers is not None:
        known = numbers[np.isfinite(numbers)]
        filled = np.where(np.isfinite(numbers), numbers, known.mean() if len(known) else 0.0)
        return filled[:, None], [name]
    words = sorted(set(cells))
    if len(words) > 50:
        return np.zeros((len(cells), 0)), []  # a name or an address tells nothing about other rows
    return np.array([[cell == word for word in words] for cell in cells], float), [f"{name}: {w}" for w in words]


def _target(name: str, cells: list[str]) -> tuple[np.ndarray, tuple[str, ...]]:
    numbers = _numbers(cells)
    few = numbers is not None and np.isfinite(numbers).all() and not (numbers % 1).any() and len(set(cells)) <= _FEW
    if numbers is not None and not few:
        if not np.isfinite(numbers).all():
            raise ValueError(f"The column {name!r} that is to be predicted has empty cells.")
        return numbers.astype("float32"), ()
    words = sorted(set(cells), key=float) if few else sorted(set(cells))
    if not 2 <= len(words) <= _MOST_CLASSES:
        raise ValueError(f"The column {name!r} has {len(words)} different values; it may have 2 to {_MOST_CLASSES}.")
    number = {word: i for i, word in enumerate(words)}
    return np.array([number[cell] for cell in cells], np.int64), tuple(words)


def _scaled_table(
    name: str, x: Any, y: Any, x_test: Any, y_test: Any, classes: Any, columns: Any, note: str
) -> DataSet:
    mean, scale = x.mean(axis=0), x.std(axis=0)
    scale = np.where(scale > 0, scale, 1.0)
    x, x_test = (((part - mean) / scale).astype("float32") for part in (x, x_test))
    if not classes:
        y, y_test = np.asarray(y, "float32"), np.asarray(y_test, "float32")
    return DataSet(name, "table", x, y, x_test, y_test, tuple(classes), tuple(columns), note)
