"""One call that seeds every random number generator a script uses."""

from __future__ import annotations

import random

import numpy as np

from pronghorn.random import seed_generator


def set_random_seed(seed: int) -> None:
    """Seed Python's, NumPy's and Pronghorn's generators, so that a script gives the same numbers every time.

    Python's generator gives the seeds of layers and initializers that have none, and that of the random ops that are
    called without one, in the order in which they are first needed; NumPy's gives the order of `fit`'s samples.

    Args:
        seed: an integer from 0 to 2**32 - 1.

    Raises:
        ValueError: for anything else.

    Example:

    >>> from pronghorn import random
    >>> set_random_seed(1)
    >>> first = random.uniform((2,)).numpy()
    >>> set_random_seed(1)
    >>> bool((random.uniform((2,)).numpy() == first).all())
    True
    """
    if isinstance(seed, bool) or not isinstance(seed, int | np.integer) or not 0 <= seed < 2**32:
        raise ValueError(f"set_random_seed: got {seed!r}; the seed must be an integer from 0 to 2**32 - 1.")
    random.seed(int(seed))
    np.random.seed(int(seed))
    seed_generator.reset_global_generator()
