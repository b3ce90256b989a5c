"""Fashion-MNIST: 70,000 grey images of 28 by 28 pixels, of ten kinds of clothing."""

from __future__ import annotations

from pathlib import Path

from pronghorn._lazy import attach
from pronghorn.datasets._archive import Split, load_idx
from pronghorn.datasets._source import fetch

# Where Linux distributions put the files; Debian's package is called dataset-fashion-mnist.
_INSTALLED = (Path("/usr/share/datasets/fashion-mnist"), Path("/usr/share/dataset-fashion-mnist"))

_FILES = (
    "train-images-idx3-ubyte.gz",
    "train-labels-idx1-ubyte.gz",
    "t10k-images-idx3-ubyte.gz",
    "t10k-labels-idx1-ubyte.gz",
)


def load_data() -> tuple[Split, Split]:
    """Load the 60,000 training and 10,000 test images.

    Files of the distribution's package are used where it is installed. The publisher gives no checksum.

    Returns:
        `(x_train, y_train), (x_test, y_test)`: uint8 images of shape `(n, 28, 28)` and uint8 labels of shape `(n,)`:
        T-shirt, trouser, pullover, dress, coat, sandal, shirt, sneaker, bag, ankle boot.

    >>> (x_train, y_train), (x_test, y_test) = load_data()  # doctest: +SKIP
    >>> x_train.shape, y_test.shape  # doctest: +SKIP
    ((60000, 28, 28), (10000,))
    """
    x_train, y_train, x_test, y_test = (load_idx(_find(name)) for name in _FILES)
    return (x_train, y_train), (x_test, y_test)


def _find(name: str) -> str:
    for folder in _INSTALLED:
        if (folder / name).is_file():
            return str(folder / name)
    return fetch(name)


attach(__name__)
