"""CIFAR-100: 60,000 colour images of 32 by 32 pixels, of a hundred kinds of things in twenty groups."""

from __future__ import annotations

from pronghorn._lazy import attach
from pronghorn.datasets import _cifar
from pronghorn.datasets._archive import Split
from pronghorn.datasets._source import fetch

_FILE = "cifar-100-python"
_HASH = "85cd44d02ba6437773c5bbd22e183051d648de2e7d6b014e1ef29b855ba677a7"


def load_data(label_mode: str = "fine") -> tuple[Split, Split]:
    """Load the 50,000 training and 10,000 test images.

    Args:
        label_mode: `"fine"` for the hundred kinds, `"coarse"` for the twenty groups.

    Returns:
        `(x_train, y_train), (x_test, y_test)`: uint8 images of shape `(n, 32, 32, 3)` and int64 labels of shape
        `(n, 1)`.

    Raises:
        ValueError: for another `label_mode`.

    >>> (x_train, y_train), (x_test, y_test) = load_data("coarse")  # doctest: +SKIP
    >>> x_train.shape, int(y_train.max())  # doctest: +SKIP
    ((50000, 32, 32, 3), 19)
    """
    if label_mode not in ("fine", "coarse"):
        raise ValueError(f"cifar100.load_data: label_mode={label_mode!r}; it must be 'fine' or 'coarse'.")
    extracted = fetch(f"{_FILE}.tar.gz", _HASH, _cifar.SITE + f"{_FILE}.tar.gz", extract=True)
    folder = _cifar.batch_folder(extracted, _FILE)
    x_train, y_train = _cifar.read_batch(folder / "train", f"{label_mode}_labels")
    x_test, y_test = _cifar.read_batch(folder / "test", f"{label_mode}_labels")
    return (_cifar.in_data_format(x_train), y_train), (_cifar.in_data_format(x_test), y_test)


attach(__name__)
