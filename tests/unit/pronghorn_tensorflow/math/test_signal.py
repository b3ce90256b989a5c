"""`tf.signal` of the stand-in for TensorFlow."""

import numpy as np
import pytest

from pronghorn_tensorflow.alias import submodule

signal = submodule("tensorflow.signal")


@pytest.mark.parametrize("length", [None, (5, 6), (4, 8), (7, 3), (1, 1)])
def test_real_transforms_of_two_axes(length):
    x = np.random.default_rng(0).normal(size=(2, 5, 6)).astype("float32")
    found = signal.rfft2d(x, length)
    assert found.dtype == "complex64"
    np.testing.assert_allclose(found, np.fft.rfft2(x, length), rtol=1e-4, atol=1e-5)
    back = signal.irfft2d(found, length)
    assert back.dtype == "float32"
    np.testing.assert_allclose(back, np.fft.irfft2(np.asarray(found), length), rtol=1e-4, atol=1e-5)
