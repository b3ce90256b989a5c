"""Where activations follow their definition and Keras's formula on JAX does not."""

import numpy as np
import pytest

from pronghorn import ops

RNG = np.random.default_rng(0)


@pytest.mark.parametrize("axis", [-1, 0, 1])
def test_sparsemax_is_the_nearest_distribution(axis):
    x = RNG.normal(size=(3, 4, 5)).astype("float32")
    p = ops.sparsemax(x, axis=axis).numpy()
    np.testing.assert_allclose(p.sum(axis), 1, rtol=1e-5)
    assert (p >= 0).all() and (p == 0).any()
    # What is kept is moved by one number for each row.
    moved = np.where(p > 0, x - p, np.nan)
    np.testing.assert_allclose(np.nanmax(moved, axis), np.nanmin(moved, axis), atol=1e-5)
