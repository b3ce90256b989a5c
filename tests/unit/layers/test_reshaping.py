"""Layers that change shapes."""

import numpy as np
import pytest

from pronghorn import layers


@pytest.mark.parametrize("interpolation", ["area", "gaussian", "mitchellcubic"])
def test_upsampling_by_tensorflows_interpolations(interpolation):
    images = np.random.default_rng(0).uniform(size=(2, 3, 4, 2)).astype("float32")
    found = layers.UpSampling2D((2, 3), interpolation=interpolation)(images).numpy()
    assert found.shape == (2, 6, 12, 2)
    if interpolation == "area":  # every new pixel lies within an old one
        np.testing.assert_array_equal(found, images.repeat(2, axis=1).repeat(3, axis=2))
    np.testing.assert_allclose(layers.UpSampling2D(2, interpolation=interpolation)(images * 0 + 5), 5.0, rtol=1e-5)
