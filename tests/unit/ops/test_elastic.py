"""Images bent at random."""

import numpy as np
import pytest

from pronghorn import ops

IMAGES = np.random.default_rng(0).random((2, 8, 6, 3)).astype("float32")


@pytest.mark.parametrize("data_format", ["channels_last", "channels_first"])
@pytest.mark.parametrize("batched", [True, False])
def test_a_seed_says_how(data_format, batched):
    x = IMAGES if data_format == "channels_last" else np.moveaxis(IMAGES, -1, 1)
    x = x if batched else x[0]
    first, again, other = (
        ops.image.elastic_transform(x, alpha=5.0, sigma=1.0, seed=s, data_format=data_format).numpy() for s in (1, 1, 2)
    )
    assert first.shape == x.shape
    np.testing.assert_array_equal(first, again)
    assert not np.allclose(first, other)
    assert first.min() >= 0 and first.max() <= 1  # between pixels


def test_without_strength_nothing_moves():
    bent = ops.image.elastic_transform(IMAGES, alpha=0.0, sigma=1.0, seed=1, data_format="channels_last")
    np.testing.assert_allclose(bent.numpy(), IMAGES, atol=1e-6)
