"""Transforms of pieces of a signal."""

import numpy as np
import pytest

from pronghorn import ops

RNG = np.random.default_rng(0)


@pytest.mark.parametrize("n", [1, 2, 64, 67, 96, 100, 122, 256, 529, 1000, 1021, 4489, 8192])
def test_lengths_of_all_sorts(n):
    x = RNG.normal(size=(2, 3, n)).astype("float32")
    real, imag = ops.fft((x[0], x[1]))
    wanted = np.fft.fft(x[0] + 1j * x[1])
    np.testing.assert_allclose(real.numpy() + 1j * imag.numpy(), wanted, atol=2e-6 * np.abs(wanted).max())


@pytest.mark.parametrize("stride", [2, 3])
def test_without_a_window_the_whole_transform_is_seen(stride):
    x = RNG.normal(size=20).astype("float32")
    real, imag = ops.stft(x, 4, stride, 8, window=None, center=False)
    pieces = np.stack([x[i : i + 8] for i in range(0, 13, stride)])
    np.testing.assert_allclose(real.numpy() + 1j * imag.numpy(), np.fft.rfft(pieces), rtol=1e-5, atol=1e-5)


def test_without_a_window_the_inverse_counts_overlaps():
    x = RNG.normal(size=32).astype("float32")
    spectrum = ops.stft(x, 8, 4, 8, window=None, center=False)
    back = ops.istft(spectrum, 8, 4, 8, window=None, center=False)
    np.testing.assert_allclose(back.numpy(), 2 * x, rtol=1e-5, atol=1e-5)


def test_with_a_window_the_inverse_is_the_inverse():
    x = RNG.normal(size=32).astype("float32")
    spectrum = ops.stft(x, 8, 4, 8, window="hamming", center=False)
    np.testing.assert_allclose(ops.istft(spectrum, 8, 4, 8, window="hamming", center=False).numpy(), x, atol=1e-5)


@pytest.mark.parametrize("n", [1, 2, 3, 5, 8])
def test_the_inverse_ends_half_a_window_before_the_last_piece_does(n):
    """Also for a window of one element, of which Keras 3.15 leaves nothing."""
    x = RNG.normal(size=16).astype("float32")
    pieces = ops.stft(x, n, 1, n, window=np.ones(n, "float32"))
    found = ops.istft(pieces, n, 1, n, window=np.ones(n, "float32")).numpy()
    assert len(found) == n + (pieces[0].shape[0] - 1) - 2 * (n // 2)
    np.testing.assert_allclose(found, x[: len(found)], rtol=1e-4, atol=1e-5)
