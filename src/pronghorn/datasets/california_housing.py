"""House prices in California in 1990: 20,640 districts of 8 numbers."""

from __future__ import annotations

from pronghorn._lazy import attach
from pronghorn.datasets._archive import Split, load_npz
from pronghorn.datasets._source import fetch
from pronghorn.datasets.boston_housing import split_shuffled

_HASH = "1a2e3a52e0398de6463aebe6f4a8da34fb21fbb6b934cf88c3425e766f2a1a6f"
_SMALL = 600


def load_data(
    version: str = "large", path: str = "california_housing.npz", test_split: float = 0.2, seed: int = 113
) -> tuple[Split, Split]:
    """Load the districts and their median house prices in dollars.

    Args:
        version: `"large"`, or `"small"` for the first 600 districts.
        path: name of the file in the cache, or an absolute path.
        test_split: the fraction to test with.
        seed: of the order.

    Returns:
        `(x_train, y_train), (x_test, y_test)`: float32 arrays of shape `(n, 8)` and `(n,)`.

    Raises:
        ValueError: for another version, or a `test_split` outside 0 to 1.

    >>> (x_train, y_train), (x_test, y_test) = load_data("small")  # doctest: +SKIP
    >>> x_train.shape, y_test.shape  # doctest: +SKIP
    ((480, 8), (120,))
    """
    if version not in ("small", "large"):
        raise ValueError(f"california_housing.load_data: version={version!r}; it must be 'large' or 'small'.")
    if not 0 <= test_split < 1:
        raise ValueError(f"california_housing.load_data: test_split={test_split} must be at least 0 and below 1.")
    x, y = load_npz(fetch(path, _HASH), ("x", "y"))
    if version == "small":
        x, y = x[:_SMALL], y[:_SMALL]
    return split_shuffled(x, y, test_split, seed)


attach(__name__)
