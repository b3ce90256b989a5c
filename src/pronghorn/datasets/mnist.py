"""The MNIST handwritten digits, which come with the package.

Credit: Yann LeCun, Corinna Cortes and Christopher J. C. Burges, CC BY-SA 3.0; see `data/MNIST.txt`.
"""

from __future__ import annotations

import os
from pathlib import Path

import numpy as np

from pronghorn._lazy import attach
from pronghorn.datasets._archive import Split, load_npz

_PACKAGED = Path(__file__).parent / "data" / "mnist.npz"


def load_data(path: str = "mnist.npz") -> tuple[Split, Split]:
    """Load the 60,000 training and 10,000 test images of handwritten digits.

    Args:
        path: an `.npz` file of the same layout to read instead, as an absolute path.

    Returns:
        `(x_train, y_train), (x_test, y_test)`: uint8 images of shape `(n, 28, 28)`, 0 to 255, and uint8 labels of
        shape `(n,)`, 0 to 9.

    Raises:
        FileNotFoundError: if `path` is an absolute path and there is no such file.

    >>> (x_train, y_train), (x_test, y_test) = load_data()
    >>> x_train.shape, x_train.dtype, y_test.shape
    ((60000, 28, 28), dtype('uint8'), (10000,))
    """
    source = Path(path) if os.path.isabs(path) else _PACKAGED
    if not source.exists():
        raise FileNotFoundError(f"mnist.load_data: there is no file {source}.")
    x_train, y_train, x_test, y_test = load_npz(source, ("x_train", "y_train", "x_test", "y_test"))
    return (np.asarray(x_train), np.asarray(y_train)), (np.asarray(x_test), np.asarray(y_test))


attach(__name__)
