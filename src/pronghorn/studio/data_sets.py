"""What a studio trains on: the package's data sets, folders of images and drawn classes."""

from __future__ import annotations

import importlib
import math
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np

from pronghorn import tree
from pronghorn._wording import counted
from pronghorn.studio.drawing import centred
from pronghorn.studio.from_pages import check_type, read_json

LARGEST_UPLOAD = 1 << 30  # bytes
DRAWN = (28, 28)  # the size that drawings get, as MNIST's
MOST_CLASSES = 1000


@dataclass(frozen=True)
class DataSet:
    """Examples to train on, and others to test with.

    Attributes:
        name: what the page calls it.
        kind: `images` or `table`, or `arrays` for what the page cannot draw.
        x: training inputs, shape `(n, ...)`; a list or dict of arrays for a model with several inputs.
        y: training targets, shape `(n,)` for class numbers; anything that `fit` takes otherwise.
        x_test: test inputs.
        y_test: test targets.
        classes: names of the classes; empty where the targets are numbers.
        columns: names of a table's columns.
        note: a sentence on where it comes from.
    """

    name: str
    kind: str
    x: Any
    y: Any
    x_test: Any
    y_test: Any
    classes: tuple[str, ...] = ()
    columns: tuple[str, ...] = ()
    note: str = ""

    @property
    def shape(self) -> tuple[int, ...]:
        """Of one input; empty where there are several."""
        return tuple(self.x.shape[1:]) if self.has_one_input else ()

    @property
    def has_one_input(self) -> bool:
        return isinstance(self.x, np.ndarray)

    def inputs(self) -> dict[str, tuple[int, ...]]:
        """The shapes of several inputs by name or number; empty where there is one."""
        if self.has_one_input:
            return {}
        named = self.x.items() if isinstance(self.x, dict) else ((str(i), a) for i, a in enumerate(self.x, 1))
        return {name: tuple(np.shape(a)[1:]) for name, a in named}

    @cached_property
    def largest(self) -> float:
        """What white is in images: 255, or 1 where they were scaled."""
        if self.x.dtype == np.uint8:
            return 255.0
        return 255.0 if float(np.max(self.x[:256], initial=0.0)) > 2 else 1.0

    def labels(self) -> np.ndarray:
        """The class numbers of the test examples, whatever form the targets have.

        Raises:
            ValueError: if an example has several targets.
        """
        if not isinstance(self.y_test, np.ndarray):
            raise ValueError("An example has several targets here, and the page knows what to make of one only.")
        y = self.y_test
        return y.argmax(axis=-1) if y.ndim == 2 and y.shape[1] > 1 else y.reshape(len(y))

    def shown(self) -> dict[str, Any]:
        """It for the page."""
        return {
            "name": self.name,
            "kind": self.kind,
            "shape": list(self.shape),
            "inputs": {name: list(shape) for name, shape in self.inputs().items()},
            "train": count_of(self.x),
            "test": count_of(self.x_test),
            "classes": list(self.classes),
            "columns": list(self.columns),
            "note": self.note,
        }


def rows_of(values: Any, rows: Any) -> Any:
    """Some rows of an array, or of each array of a list or dict.

    >>> rows_of({"a": np.arange(3), "b": np.arange(6)}, slice(0, 1))
    {'a': array([0]), 'b': array([0])}
    """
    return tree.map_structure(lambda array: array[rows], values)


def count_of(values: Any) -> int:
    """How many rows an array has, or each array of a list or dict."""
    return len(tree.flatten(values)[0])


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
        return scaled_table(about.title, x, y, x_test, y_test, (), about.columns, about.note)
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
    if not 2 <= len(classes) <= MOST_CLASSES:
        raise ValueError(f"Images of 2 to {MOST_CLASSES} classes are needed, one folder a class; got {len(classes)}.")
    if len(labels) != len(pixels) or (len(labels) and not 0 <= labels.min() <= labels.max() < len(classes)):
        raise ValueError("Each image needs the number of its class.")
    counts = np.bincount(labels, minlength=len(classes))
    if counts.min() < 2:
        few = classes[int(counts.argmin())]
        raise ValueError(
            f"The class {few!r} has {counted(counts.min(), 'image')}; each needs two or more, one for testing."
        )
    test = np.zeros(len(labels), bool)
    for number in range(len(classes)):
        rows = np.flatnonzero(labels == number)
        test[rows[:: max(2, min(5, len(rows)))]] = True
    note = f"{counted(len(labels), 'image')} of your own, a part of each class kept for testing."
    parts = pixels[~test], labels[~test], pixels[test], labels[test]
    return DataSet(name, "images", *parts, tuple(classes), note=note)


def read_image_upload(body: bytes) -> DataSet:
    """The data set in what the page sends: the length of a JSON header, the header, and the pixels.

    Raises:
        ValueError: if it is not that.
    """
    length = int.from_bytes(body[:4], "little")
    try:
        head = check_type("The header", read_json(body[4 : 4 + length]), dict)
        for key, expected in (("shape", list[int]), ("name", str), ("classes", list[str]), ("labels", list[int])):
            check_type(f"{key!r}", head.get(key), expected)
    except ValueError as error:
        raise ValueError(f"The images were not sent as the studio's page does: {error}") from None
    shape = tuple(head["shape"])
    size = 4 + length
    if len(shape) != 4 or min(shape) < 1 or len(body) - size != math.prod(shape):
        raise ValueError(
            f"The pixels of images of shape {shape} were expected, got {counted(len(body) - size, 'byte')}."
        )
    pixels = np.frombuffer(body, np.uint8, offset=size).reshape(shape)
    if head.get("drawn"):
        pixels = np.array([np.round(centred(image[..., 0], DRAWN)) for image in pixels], np.uint8)[..., None]
    return from_images(head["name"], head["classes"], head["labels"], pixels)


def scaled_table(name: str, x: Any, y: Any, x_test: Any, y_test: Any, classes: Any, columns: Any, note: str) -> DataSet:
    """The data set of a table, its columns brought to one scale by those that are trained on."""
    mean, scale = x.mean(axis=0), x.std(axis=0)
    scale = np.where(scale > 0, scale, 1.0)
    x, x_test = (((part - mean) / scale).astype("float32") for part in (x, x_test))
    if not classes:
        y, y_test = np.asarray(y, "float32"), np.asarray(y_test, "float32")
    return DataSet(name, "table", x, y, x_test, y_test, tuple(classes), tuple(columns), note)
