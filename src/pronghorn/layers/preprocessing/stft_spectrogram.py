"""`STFTSpectrogram`: sound to a picture of its frequencies, by filters that can be trained."""

from __future__ import annotations

from typing import Any, Unpack

import numpy as np

from pronghorn import config, ops
from pronghorn.engine.graph import dtypes
from pronghorn.engine.graph.tensor import Tensor
from pronghorn.initializers import STFT
from pronghorn.layers import settings
from pronghorn.layers.arguments import LayerArguments
from pronghorn.layers.layer import Layer
from pronghorn.utils.windows import window_array

_MODES = ("log", "magnitude", "psd", "real", "imag", "angle", "stft")


class STFTSpectrogram(Layer):
    """Fourier transforms of overlapping pieces of signals, as a convolution whose kernels are weights.

    Inputs are of shape ``[batch, time, channels]`` (``[batch, channels, time]`` for channels first); each channel is
    transformed by itself.

    Args:
        mode: what comes out: ``"log"`` (logarithms of magnitudes), ``"magnitude"``, ``"psd"`` (power), ``"real"``,
            ``"imag"``, ``"angle"`` or ``"stft"`` (real and imaginary parts one after the other).
        frame_length: the length of the pieces.
        frame_step: the step from one to the next; half of ``frame_length`` if None.
        fft_length: the length of the transforms; the next power of two if None. An odd length counts as the even one
            below it.
        window: what the pieces are multiplied with: ``"hann"``, ``"hamming"``, ``"blackman"``, an array, or None;
            where SciPy is installed, any window that `scipy.signal.get_window` knows by name.
        periodic: whether the window is one period of its curve, rather than symmetric.
        scaling: ``"density"``, ``"spectrum"`` or None.
        padding: ``"valid"`` or ``"same"``.
        expand_dims: whether frequencies and channels have an axis each.
        data_format: ``"channels_last"`` or ``"channels_first"``; the configured one if None.
        kwargs: those of `Layer`.

    Raises:
        ValueError: for arguments that do not fit.
        TypeError: for inputs that are no floats.

    Example:

    >>> STFTSpectrogram(frame_length=8)(ops.ones((2, 40, 1))).shape
    (2, 9, 5)
    """

    def __init__(
        self,
        mode: str = "log",
        frame_length: int = 256,
        frame_step: int | None = None,
        fft_length: int | None = None,
        window: Any = "hann",
        periodic: bool = False,
        scaling: str | None = "density",
        padding: str = "valid",
        expand_dims: bool = False,
        data_format: str | None = None,
        **kwargs: Unpack[LayerArguments],
    ) -> None:
        name = "STFTSpectrogram"
        settings.one_of(mode, _MODES, name, "mode")
        settings.one_of(padding, ("valid", "same"), name, "padding")
        settings.one_of(scaling, (None, "density", "spectrum"), name, "scaling")
        frame_length = settings.positive(frame_length, name, "frame_length")
        if frame_step is not None and not 0 < frame_step <= frame_length:
            raise ValueError(
                f"{name}: frames are at least a step of 1 and at most their length apart, got "
                f"frame_step={frame_step} and frame_length={frame_length}."
            )
        if fft_length is not None and fft_length < frame_length:
            raise ValueError(
                f"{name}: frames of frame_length={frame_length} samples are padded up to `fft_length`, which cannot be "
                f"shorter, got {fft_length}."
            )
        if isinstance(window, str):
            _check_window(window)
        elif window is not None and np.shape(window) != (frame_length,):
            raise ValueError(
                f"{name}: a `window` that is an array must have frame_length={frame_length} entries, got an array of "
                f"shape {np.shape(window)}."
            )
        super().__init__(**kwargs)
        self.mode, self.frame_length, self.frame_step, self.fft_length = mode, frame_length, frame_step, fft_length
        self.window, self.periodic, self.scaling, self.padding = window, periodic, scaling, padding
        self.expand_dims, self.data_format = expand_dims, config.standardize_data_format(data_format)
        self._step = frame_step or max(frame_length // 2, 1)
        self._bins = (fft_length or 1 << (frame_length - 1).bit_length()) // 2 + 1

    def build(self, input_shape: Any) -> None:
        if len(input_shape) != 3:
            axes, mend = "(batch, time, channels)", "x[..., None]"
            if self.data_format == "channels_first":
                axes, mend = "(batch, channels, time)", "x[:, None]"
            raise ValueError(
                f"STFTSpectrogram: inputs must be of shape {axes}, got {tuple(input_shape)}. For one channel, add an "
                f"axis: {mend}."
            )
        self.real_kernel = None if self.mode == "imag" else self._kernel("real")
        self.imag_kernel = None if self.mode == "real" else self._kernel("imag")
        self.built = True

    def _kernel(self, side: str) -> Any:
        """Cosines or sines times the window, ``[frame_length, 1, bins]``."""
        basis = STFT(side, self.window, self.scaling, self.periodic)
        return self.add_weight(name=f"{side}_kernel", shape=(self.frame_length, 1, self._bins), initializer=basis)

    def call(self, inputs: Any) -> Any:
        if not dtypes.is_float(inputs.dtype):
            raise TypeError(
                f"STFTSpectrogram: inputs must be floats, got {inputs.dtype}. Divide integer samples by their largest "
                "value, for instance by 32768.0."
            )
        first = self.data_format == "channels_first"
        x = inputs if first else ops.transpose(inputs, (0, 2, 1))
        batch, channels, time = x.shape
        pieces = self._pieces(ops.reshape(x, (batch * channels, time)))
        parts = [
            None if k is None else ops.matmul(pieces, ops.cast(k.tensor[:, 0], x.dtype))
            for k in (self.real_kernel, self.imag_kernel)
        ]
        x = self._combined(*parts)
        x = ops.reshape(x, (batch, channels, *x.shape[1:]))  # [batch, channels, time, frequencies]
        if self.expand_dims:
            return x if first else ops.transpose(x, (0, 2, 3, 1))
        count, frequencies = x.shape[2:]
        if first:
            return ops.reshape(ops.transpose(x, (0, 1, 3, 2)), (batch, channels * frequencies, count))
        return ops.reshape(ops.transpose(x, (0, 2, 1, 3)), (batch, count, channels * frequencies))

    def _pieces(self, x: Tensor) -> Tensor:
        """Overlapping pieces ``[n, pieces, frame_length]`` of signals ``[n, time]``."""
        if self.padding == "same":
            time = int(x.shape[1])
            missing = max((-(-time // self._step) - 1) * self._step + self.frame_length - time, 0)
            x = ops.pad(x, [[0, 0], [missing // 2, missing - missing // 2]])
        return ops.extract_sequences(x, self.frame_length, self._step)

    def _combined(self, real: Any, imag: Any) -> Tensor:
        if self.mode == "real":
            return real
        if self.mode == "imag":
            return imag
        if self.mode == "stft":
            return ops.concatenate([real, imag], axis=-1)
        if self.mode == "angle":
            return ops.arctan2(imag, real)
        power = ops.square(real) + ops.square(imag)
        if self.mode == "psd":
            # All but the lowest and the highest frequency stand for their negatives too.
            return ops.concatenate([power[..., :1], power[..., 1:-1] * 2, power[..., -1:][..., : self._bins - 1]], -1)
        magnitude = ops.sqrt(ops.maximum(power, config.epsilon()))
        return magnitude if self.mode == "magnitude" else ops.log(magnitude)

    def compute_output_shape(self, input_shape: Any) -> Any:
        first = self.data_format == "channels_first"
        batch, channels, time = (input_shape[i] for i in ((0, 1, 2) if first else (0, 2, 1)))
        pieces = None
        if time is not None:
            pieces = (time - self.frame_length) // self._step + 1 if self.padding == "valid" else -(-time // self._step)
        frequencies = self._bins * (2 if self.mode == "stft" else 1)
        if self.expand_dims:
            return (batch, channels, pieces, frequencies) if first else (batch, pieces, frequencies, channels)
        both = None if channels is None else channels * frequencies
        return (batch, both, pieces) if first else (batch, pieces, both)

    def get_config(self) -> dict[str, Any]:
        window = (
            self.window if self.window is None or isinstance(self.window, str) else np.asarray(self.window).tolist()
        )
        names = "mode frame_length frame_step fft_length periodic scaling padding data_format expand_dims"
        return {**super().get_config(), "window": window, **{name: getattr(self, name) for name in names.split()}}


def _check_window(name: str) -> None:
    """Refuse an unknown window when the layer is made, not when it is built."""
    try:
        window_array(name, 2)
    except ValueError as error:
        raise ValueError(f"STFTSpectrogram: the `window` is no window's name, got window={name!r}: {error}") from None
