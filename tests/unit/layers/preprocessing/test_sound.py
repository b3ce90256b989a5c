"""MelSpectrogram and STFTSpectrogram: tones are where they belong."""

import numpy as np
import pytest

from pronghorn import layers

RATE = 8000


def tone(frequency, seconds=0.5):
    return np.sin(2 * np.pi * frequency * np.arange(int(RATE * seconds)) / RATE).astype("float32")


def test_a_tone_is_in_its_mel_band():
    layer = layers.MelSpectrogram(
        fft_length=512, sequence_stride=128, num_mel_bins=32, sampling_rate=RATE, min_freq=0.0, power_to_db=False
    )
    low, high = layer(np.stack([tone(300.0), tone(3000.0)])).numpy()
    assert low.shape == (32, 4000 // 128 + 1) == layer.compute_output_shape((2, 4000))[1:]
    assert low.mean(1).argmax() < 8 < 20 < high.mean(1).argmax()


def test_decibels():
    settings = {"fft_length": 256, "sequence_stride": 64, "sampling_rate": RATE, "num_mel_bins": 16, "min_freq": 200.0}
    power = layers.MelSpectrogram(power_to_db=False, **settings)(tone(1000.0)).numpy()
    decibels = layers.MelSpectrogram(top_db=60.0, **settings)(tone(1000.0)).numpy()
    expected = 10 * np.log10(np.maximum(power, 1e-10))
    np.testing.assert_allclose(decibels, np.maximum(expected, expected.max() - 60), atol=1e-3)
    one, batch = (layers.MelSpectrogram(**settings)(x).numpy() for x in (tone(500.0), tone(500.0)[None]))
    np.testing.assert_array_equal(one, batch[0])


def numpy_spectrum(signal, length, step, transform, window):
    pieces = np.lib.stride_tricks.sliding_window_view(signal, length)[::step]
    return np.fft.rfft(pieces * window, transform)


@pytest.mark.parametrize(("length", "step", "transform"), [(64, 32, 64), (50, 20, 128), (16, 16, 16)])
def test_a_spectrogram_is_a_fourier_transform(length, step, transform):
    signal = np.random.default_rng(0).normal(size=300).astype("float32")
    settings = {"frame_length": length, "frame_step": step, "fft_length": transform, "scaling": None}
    window = 0.5 - 0.5 * np.cos(2 * np.pi * np.arange(length) / (length - 1))
    expected = numpy_spectrum(signal, length, step, transform, window)

    def measured(mode):
        return layers.STFTSpectrogram(mode=mode, **settings)(signal[None, :, None]).numpy()[0]

    np.testing.assert_allclose(measured("real"), expected.real, atol=1e-3)
    np.testing.assert_allclose(measured("imag"), expected.imag, atol=1e-3)
    np.testing.assert_allclose(measured("magnitude"), np.abs(expected), atol=1e-3)
    np.testing.assert_allclose(measured("stft"), np.concatenate([expected.real, expected.imag], -1), atol=1e-3)


@pytest.mark.parametrize(("mode", "expected"), [("log", -8.059048), ("magnitude", 3.1622776e-4), ("psd", 0.0)])
def test_silence(mode, expected):
    layer = layers.STFTSpectrogram(mode=mode, frame_length=64, frame_step=32, fft_length=64)
    silence = layer(np.zeros((1, 128, 1), "float32")).numpy()
    np.testing.assert_allclose(silence, np.full((1, 3, 33), expected), rtol=1e-6)  # Keras's figures


def test_power_counts_negative_frequencies_but_once_at_both_ends():
    signal = np.random.default_rng(0).normal(size=64).astype("float32")
    layer = layers.STFTSpectrogram(mode="psd", frame_length=16, frame_step=16, window=None)
    power = layer(signal[None, :, None]).numpy()[0]
    # Parseval: all power of a piece, times the transform's length.
    np.testing.assert_allclose(power.sum(1), 16 * (signal.reshape(4, 16) ** 2).sum(1), rtol=1e-4)


@pytest.mark.parametrize("window", ["hann", "hamming", "blackman", None])
def test_windows_and_layouts(window):
    signal = np.random.default_rng(0).normal(size=(2, 100, 3)).astype("float32")
    last = layers.STFTSpectrogram(frame_length=32, window=window, expand_dims=True)
    first = layers.STFTSpectrogram(frame_length=32, window=window, expand_dims=True, data_format="channels_first")
    a, b = last(signal).numpy(), first(signal.transpose(0, 2, 1)).numpy()
    assert a.shape == (2, 5, 17, 3) == last.compute_output_shape((2, 100, 3))
    np.testing.assert_allclose(a, b.transpose(0, 2, 3, 1), atol=1e-6)
    same = layers.STFTSpectrogram(frame_length=32, window=window, padding="same")
    assert same(signal).shape == (2, 7, 3 * 17) == same.compute_output_shape((2, 100, 3))


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: layers.STFTSpectrogram(mode="power"), "`mode` must be one of"),
        (lambda: layers.STFTSpectrogram(frame_length=8, frame_step=9), "frame_step=9 and frame_length=8"),
        (lambda: layers.STFTSpectrogram(frame_length=8, fft_length=4), "frame_length=8 samples .* got 4"),
        (lambda: layers.STFTSpectrogram(window="no-such-window"), "`window` is no window's name"),
        (lambda: layers.STFTSpectrogram(frame_length=8, window=np.ones(7)), "must have frame_length=8 entries"),
        (
            lambda: layers.STFTSpectrogram()(np.ones((2, 999))),
            r"\(batch, time, channels\), got \(2, 999\).*x\[..., None\]",
        ),
        (lambda: layers.MelSpectrogram(fft_length=64, sequence_length=128), "sequence_length=128 samples .* got 64"),
    ],
)
def test_mistakes(make, message):
    with pytest.raises(ValueError, match=message):
        make()


def test_integer_samples_are_refused():
    with pytest.raises(TypeError, match="inputs must be floats.*32768"):
        layers.STFTSpectrogram(frame_length=8)(np.ones((1, 40, 1), "int16"))
