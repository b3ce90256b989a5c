"""House prices in the suburbs of Boston in the 1970s: 506 samples of 13 numbers.

One column of this old data set was made on the assumption that people prefer to live among their own race; prefer
`california_housing` for anything but comparing with old results.
"""

from __future__ import annotations

import numpy as np

from pronghorn._lazy import attach
from pronghorn.datasets._archive import Split, load_npz
from pronghorn.datasets._source import fetch

_HASH = "f553886a1f8d56431e820c5b82552d9d95cfcb96d1e678153f8839538947dff5"


def load_data(path: str = "boston_housing.npz", test_split: float = 0.2, seed: int = 113) -> tuple[Split, Split]:
    """Load the samples and their prices in thousands of dollars.

    Args:
        path: name of the file in the cache, or an absolute path.
        test_split: the fraction to test with.
        seed: of the order.

    Returns:
        `(x_train, y_train), (x_test, y_test)`: float64 arrays of shape `(n, 13)` and `(n,)`.

    >>> (x_train, y_train), (x_test, y_test) = load_data()  # doctest: +SKIP
    >>> x_train.shape, y_test.shape  # doctest: +SKIP
    ((404, 13), (102,))
    """
    if not 0 <= test_split < 1:
        raise ValueError(f"boston_housing.load_data: test_split={test_split} must be at least 0 and below 1.")
    x, y = load_npz(fetch(path, _HASH), ("x", "y"))
    return split_shuffled(x, y, test_split, seed)


def split_shuffled(x: np.ndarray, y: np.ndarray, test_split: float, seed: int) -> tuple[Split, Split]:
    """Shuffle samples and cut off the last fraction as the test set.

    >>> (x, y), (x_test, y_test) = split_shuffled(np.arange(5), np.arange(5), test_split=0.2, seed=0)
    >>> len(x), len(x_test), (x == y).all()
    (4, 1, np.True_)
    """
    order = np.arange(len(x))
    np.random.RandomState(seed).shuffle(order)
    x, y = x[order], y[order]
    cut = int(len(x) * (1 - test_split))
    return (x[:cut], y[:cut]), (x[cut:], y[cut:])


attach(__name__)
