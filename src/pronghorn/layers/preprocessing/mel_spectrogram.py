"""`MelSpectrogram`: sound to a picture of its frequencies as ears hear them."""

from __future__ import annotations

import math
from typing import Any, Unpack

import numpy as np

from pronghorn import ops
from pronghorn.engine.graph.tensor import Tensor
from pronghorn.layers.arguments import LayerArguments
from pronghorn.layers.preprocessing.data_layer import DataLayer


class MelSpectrogram(DataLayer):
    """The power of a signal over time in bands that are equally wide to human ears (the mel scale).

    Args:
        fft_length: how many samples each Fourier transform covers.
        sequence_stride: the step from one to the next, in samples.
        sequence_length: the length of the window; ``fft_length`` if None.
        window: what the samples are multiplied with: ``"hann"``, ``"hamming"``, an array, or None.
        sampling_rate: samples a second.
        num_mel_bins: how many bands.
        min_freq: the lowest frequency, in hertz.
        max_freq: the highest one; half of ``sampling_rate`` if None.
        power_to_db: whether to give decibels.
        top_db: how far, in decibels, values may be below the highest one.
        mag_exp: the power that magnitudes are raised to: 2 for power.
        min_power: the smallest power that counts.
        ref_power: the power of 0 decibels.
        kwargs: those of `Layer`.

    Inputs are of shape ``[samples]`` or ``[batch, samples]``, outputs ``[..., num_mel_bins, time]``.

    Raises:
        ValueError: if ``fft_length`` is less than ``sequence_length``.

    Example:

    >>> MelSpectrogram(num_mel_bins=8, sequence_stride=64, fft_length=256)(ops.ones((2, 640))).shape
    (2, 8, 11)
    """

    def __init__(
        self,
        fft_length: int = 2048,
        sequence_stride: int = 512,
        sequence_length: int | None = None,
        window: Any = "hann",
        sampling_rate: int = 16000,
        num_mel_bins: int = 128,
        min_freq: float = 20.0,
        max_freq: float | None = None,
        power_to_db: bool = True,
        top_db: float = 80.0,
        mag_exp: float = 2.0,
        min_power: float = 1e-10,
        ref_power: float = 1.0,
        **kwargs: Unpack[LayerArguments],
    ) -> None:
        super().__init__(**kwargs)
        self.fft_length, self.sequence_stride = fft_length, sequence_stride
        self.sequence_length = sequence_length or fft_length
        if self.sequence_length > fft_length:
            raise ValueError(
                f"MelSpectrogram: windows of sequence_length={self.sequence_length} samples are padded up to "
                f"`fft_length`, which cannot be shorter, got {fft_length}."
            )
        self.window, self.sampling_rate, self.num_mel_bins = window, sampling_rate, num_mel_bins
        self.min_freq, self.max_freq = min_freq, max_freq or sampling_rate / 2
        self.power_to_db, self.top_db, self.mag_exp = power_to_db, top_db, mag_exp
        self.min_power, self.ref_power = min_power, ref_power
        self.built = True

    def call(self, inputs: Any) -> Any:
        dtype = "float32" if self.compute_dtype in ("float16", "bfloat16") else self.compute_dtype
        real, imag = ops.stft(
            ops.cast(inputs, dtype), self.sequence_length, self.sequence_stride, self.fft_length, window=self.window
        )
        power = ops.square(real) + ops.square(imag)
        if self.mag_exp != 2.0:
            power = ops.power(power, self.mag_exp / 2)
        bands = self.linear_to_mel_weight_matrix(
            self.num_mel_bins, self.fft_length // 2 + 1, self.sampling_rate, self.min_freq, self.max_freq, dtype
        )
        x = ops.matmul(power, bands)
        if self.power_to_db:
            x = self._decibels(x)
        return ops.cast(ops.swapaxes(x, -1, -2), self.compute_dtype)

    def _decibels(self, power: Tensor) -> Tensor:
        reference = 10 * math.log10(max(abs(self.ref_power), self.min_power))
        x = ops.log10(ops.maximum(power, self.min_power)) * 10.0 - reference
        return ops.maximum(x, ops.max(x) - self.top_db)

    def linear_to_mel_weight_matrix(
        self,
        num_mel_bins: int = 20,
        num_spectrogram_bins: int = 129,
        sampling_rate: float = 8000,
        lower_edge_hertz: float = 125.0,
        upper_edge_hertz: float = 3800.0,
        dtype: str = "float32",
    ) -> Tensor:
        """How much each frequency counts for each band, ``[num_spectrogram_bins, num_mel_bins]``: overlapping
        triangles."""
        edges = np.linspace(_mel(lower_edge_hertz), _mel(upper_edge_hertz), num_mel_bins + 2)
        frequencies = _mel(np.linspace(0.0, sampling_rate / 2.0, num_spectrogram_bins))[:, None]
        low, middle, high = edges[:-2], edges[1:-1], edges[2:]
        rising, falling = (frequencies - low) / (middle - low), (high - frequencies) / (high - middle)
        weights = np.maximum(0.0, np.minimum(rising, falling))
        weights[0] = 0.0  # the constant part is no sound
        return ops.convert_to_tensor(weights.astype(dtype))

    def compute_output_shape(self, input_shape: Any) -> Any:
        samples = input_shape[-1]
        time = None if samples is None else samples // self.sequence_stride + 1
        return (*input_shape[:-1], self.num_mel_bins, time)

    def get_config(self) -> dict[str, Any]:
        names = (
            "fft_length sequence_stride sequence_length window sampling_rate num_mel_bins min_freq max_freq "
            "power_to_db top_db mag_exp min_power ref_power"
        )
        return {**super().get_config(), **{name: getattr(self, name) for name in names.split()}}


def _mel(hertz: Any) -> Any:
    return 1127.0 * np.log(1.0 + np.asarray(hertz, "float64") / 700.0)
