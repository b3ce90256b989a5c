"""CIFAR-10: 60,000 colour images of 32 by 32 pixels, of ten kinds of things."""

from __future__ import annotations

import numpy as np

from pronghorn._lazy import attach
from pronghorn.datasets import _cifar
from pronghorn.datasets._archive import Split
from pronghorn.datasets._source import fetch

_FILE = "cifar-10-batches-py"
_HASH = "6d958be074577803d12ecdefd02955f39262c83c16fe9348329d7fe0b5c001ce"


def load_data() -> tuple[Split, Split]:
    """Load the 50,000 training and 10,000 test images.

    Returns:
        `(x_train, y_train), (x_test, y_test)`: uint8 images of shape `(n, 32, 32, 3)` and uint8 labels of shape
        `(n, 1)`: airplane, automobile, bird, cat, deer, dog, frog, horse, ship, truck.

    >>> (x_train, y_train), (x_test, y_test) = load_data()  # doctest: +SKIP
    >>> x_train.shape, y_test.shape  # doctest: +SKIP
    ((50000, 32, 32, 3), (10000, 1))
    """
    extracted = fetch(f"{_FILE}.tar.gz", _HASH, _cifar.SITE + "cifar-10-python.tar.gz", extract=True)
    folder = _cifar.batch_folder(extracted, _FILE)
    batches = [_cifar.read_batch(folder / f"data_batch_{number}", "labels") for number in range(1, 6)]
    x_train = np.concatenate([images for images, _ in batches])
    y_train = np.concatenate([labels for _, labels in batches]).astype("uint8")
    x_test, y_test = _cifar.read_batch(folder / "test_batch", "labels")
    return (_cifar.in_data_format(x_train), y_train), (_cifar.in_data_format(x_test), y_test.astype("uint8"))


attach(__name__)
