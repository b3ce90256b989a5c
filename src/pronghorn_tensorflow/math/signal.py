"""`tf.signal`, for `pronghorn run`: transforms of complex numbers, frames, windows, and features of sounds."""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any

import numpy as np

from pronghorn import ops
from pronghorn.ops import _broadcast as B
from pronghorn.ops._symbolic import symbolic_aware
from pronghorn.ops.fourier import overlap_add
from pronghorn_tensorflow.math.elementwise import complex_of


def _parts(x: Any) -> tuple[Any, Any]:
    x = ops.convert_to_tensor(x)
    if not x.dtype.startswith("complex"):
        raise ValueError(f"tf.signal: the input must be complex, got {x.dtype}; write tf.cast(x, tf.complex64).")
    return ops.real(x), ops.imag(x)


def _of_complex(transform: Callable[..., Any]) -> Callable[..., Any]:
    def function(input: Any, name: str | None = None) -> Any:
        return complex_of(*transform(_parts(input)))

    return function


fft = _of_complex(ops.fft)
fft2d = _of_complex(ops.fft2)
ifft2d = _of_complex(ops.ifft2)


def ifft(input: Any, name: str | None = None) -> Any:
    """`tf.signal.ifft`."""
    real, imag = _parts(input)
    inner_real, inner_imag = ops.fft((real, -imag))
    count = float(real.shape[-1])
    return complex_of(inner_real / count, -inner_imag / count)


def rfft(input_tensor: Any, fft_length: Any = None, name: str | None = None) -> Any:
    """`tf.signal.rfft`: complex, half of the frequencies."""
    return complex_of(*ops.rfft(input_tensor, fft_length=_one(fft_length)))


def irfft(input_tensor: Any, fft_length: Any = None, name: str | None = None) -> Any:
    """`tf.signal.irfft`."""
    return ops.irfft(_parts(input_tensor), fft_length=_one(fft_length))


def rfft2d(input_tensor: Any, fft_length: Any = None, name: str | None = None) -> Any:
    """`tf.signal.rfft2d`: complex, half of the frequencies along the last axis.

    >>> rfft2d(np.ones((4, 6))).shape
    (4, 4)
    """
    x, columns = _with_rows(input_tensor, fft_length)
    return _along_rows(fft, rfft(x, columns))


def irfft2d(input_tensor: Any, fft_length: Any = None, name: str | None = None) -> Any:
    """`tf.signal.irfft2d`."""
    x, columns = _with_rows(input_tensor, fft_length)
    return irfft(_along_rows(ifft, x), columns)


def _with_rows(x: Any, fft_length: Any) -> tuple[Any, int | None]:
    """The array with as many rows as are asked for, cut off or with zeros behind them, and how many columns are."""
    x = ops.convert_to_tensor(x)
    if fft_length is None:
        return x, None
    rows, columns = map(int, fft_length)
    x = x[..., :rows, :]
    return ops.pad(x, [*[(0, 0)] * (x.ndim - 2), (0, rows - x.shape[-2]), (0, 0)]), columns


def _along_rows(transform: Callable[..., Any], x: Any) -> Any:
    return ops.swapaxes(transform(ops.swapaxes(x, -1, -2)), -1, -2)


def _one(length: Any) -> int | None:
    return None if length is None else int(np.asarray(length).reshape(-1)[0])


def _raised(first: float, window_length: Any, periodic: bool, dtype: Any) -> Any:
    length = int(window_length)
    if length == 1:
        return ops.ones((1,), dtype=dtype)
    places = np.arange(length) / (length if periodic and length % 2 == 0 else length - 1)  # as TensorFlow counts
    return ops.convert_to_tensor((first - (1 - first) * np.cos(2 * np.pi * places)).astype("float32"), dtype=dtype)


def hann_window(window_length: Any, periodic: bool = True, dtype: Any = "float32", name: str | None = None) -> Any:
    """`tf.signal.hann_window`."""
    return _raised(0.5, window_length, periodic, dtype)


def hamming_window(window_length: Any, periodic: bool = True, dtype: Any = "float32", name: str | None = None) -> Any:
    """`tf.signal.hamming_window`."""
    return _raised(0.54, window_length, periodic, dtype)


def frame(
    signal: Any,
    frame_length: Any,
    frame_step: Any,
    pad_end: bool = False,
    pad_value: Any = 0,
    axis: int = -1,
    name: str | None = None,
) -> Any:
    """`tf.signal.frame`: parts of a signal that overlap, along one more axis.

    >>> frame([1, 2, 3, 4, 5], 3, 2).tolist()
    [[1, 2, 3], [3, 4, 5]]
    """
    x = ops.convert_to_tensor(signal)
    length, step, axis = int(frame_length), int(frame_step), axis % x.ndim
    count = -(-x.shape[axis] // step) if pad_end else max(0, 1 + (x.shape[axis] - length) // step)
    missing = (count - 1) * step + length - x.shape[axis]
    if pad_end and missing > 0:
        widths = [(0, missing if i == axis else 0) for i in range(x.ndim)]
        x = ops.pad(x, widths, constant_values=pad_value)
    places = np.arange(count)[:, None] * step + np.arange(length)
    return ops.take(x, places.astype("int32"), axis=axis)


@symbolic_aware
def overlap_and_add(signal: Any, frame_step: Any, name: str | None = None) -> Any:
    """`tf.signal.overlap_and_add`: frames put back together."""
    return overlap_add(B.convert(signal), int(frame_step))


def _fft_length(frame_length: int, fft_length: Any) -> int:
    return 1 << (frame_length - 1).bit_length() if fft_length is None else int(fft_length)


def _windowed(frames: Any, window_fn: Any) -> Any:
    return frames if window_fn is None else frames * window_fn(frames.shape[-1], dtype=frames.dtype)


def stft(
    signals: Any,
    frame_length: Any,
    frame_step: Any,
    fft_length: Any = None,
    window_fn: Any = hann_window,
    pad_end: bool = False,
    name: str | None = None,
) -> Any:
    """`tf.signal.stft`: complex `[..., frames, frequencies]`."""
    frames = frame(ops.convert_to_tensor(signals), frame_length, frame_step, pad_end)
    return rfft(_windowed(frames, window_fn), _fft_length(int(frame_length), fft_length))


def inverse_stft(
    stfts: Any,
    frame_length: Any,
    frame_step: Any,
    fft_length: Any = None,
    window_fn: Any = hann_window,
    name: str | None = None,
) -> Any:
    """`tf.signal.inverse_stft`: the signal, as long as the frames reach."""
    length = int(frame_length)
    frames = irfft(stfts, _fft_length(length, fft_length))
    missing = max(0, length - frames.shape[-1])
    if missing:
        frames = ops.pad(frames, [*[(0, 0)] * (frames.ndim - 1), (0, missing)])
    return overlap_and_add(_windowed(frames[..., :length], window_fn), frame_step)


def inverse_stft_window_fn(frame_step: Any, forward_window_fn: Any = hann_window, name: str | None = None) -> Any:
    """`tf.signal.inverse_stft_window_fn`: the window with which a signal comes back as it was."""

    def window(frame_length: Any, dtype: Any = "float32") -> Any:
        length, step = int(frame_length), int(frame_step)
        forward = np.asarray(forward_window_fn(length, dtype=dtype))
        parts = -(-length // step)
        squares = np.pad(np.square(forward), (0, parts * step - length)).reshape(parts, step)
        total = np.tile(squares.sum(axis=0), parts)[:length]
        return ops.convert_to_tensor(forward / total, dtype=dtype)

    return window


def _mel(hertz: Any) -> np.ndarray:
    return 1127.0 * np.log1p(np.asarray(hertz, "float64") / 700.0)


def linear_to_mel_weight_matrix(
    num_mel_bins: int = 20,
    num_spectrogram_bins: int = 129,
    sample_rate: float = 8000,
    lower_edge_hertz: float = 125.0,
    upper_edge_hertz: float = 3800.0,
    dtype: Any = "float32",
    name: str | None = None,
) -> Any:
    """`tf.signal.linear_to_mel_weight_matrix`: `[frequencies, mel bins]`."""
    bins = int(num_spectrogram_bins)
    frequencies = _mel(np.linspace(0.0, float(sample_rate) / 2, bins)[1:])[:, None]
    edges = np.linspace(_mel(lower_edge_hertz), _mel(upper_edge_hertz), int(num_mel_bins) + 2)
    low, middle, high = edges[:-2], edges[1:-1], edges[2:]
    rising, falling = (frequencies - low) / (middle - low), (high - frequencies) / (high - middle)
    weights = np.maximum(0.0, np.minimum(rising, falling))
    return ops.convert_to_tensor(np.pad(weights, ((1, 0), (0, 0))).astype("float32"), dtype=dtype)


@functools.lru_cache(16)
def _cosines(size: int) -> np.ndarray:
    n = np.arange(size)
    return (2 * np.cos(np.pi * (2 * n[:, None] + 1) * n / (2 * size))).astype("float32")


def dct(
    input: Any, type: int = 2, n: Any = None, axis: int = -1, norm: str | None = None, name: str | None = None
) -> Any:
    """`tf.signal.dct`, of type 2, along the last axis."""
    if type != 2 or axis != -1 or n is not None:
        raise ValueError(f"tf.signal.dct: type={type}, n={n}, axis={axis}; type 2 of the last axis is there.")
    x = ops.convert_to_tensor(input)
    size = int(x.shape[-1])
    found = ops.matmul(x, ops.convert_to_tensor(_cosines(size)))
    if norm == "ortho":
        found = found * np.where(np.arange(size) == 0, np.sqrt(0.25 / size), np.sqrt(0.5 / size)).astype("float32")
    return found


def mfccs_from_log_mel_spectrograms(log_mel_spectrograms: Any, name: str | None = None) -> Any:
    """`tf.signal.mfccs_from_log_mel_spectrograms`."""
    x = ops.convert_to_tensor(log_mel_spectrograms)
    return dct(x) * np.float32(1 / np.sqrt(2.0 * int(x.shape[-1])))


def fftshift(x: Any, axes: Any = None, name: str | None = None) -> Any:
    """`tf.signal.fftshift`."""
    return _shifted(x, axes, 1)


def ifftshift(x: Any, axes: Any = None, name: str | None = None) -> Any:
    """`tf.signal.ifftshift`."""
    return _shifted(x, axes, -1)


def _shifted(x: Any, axes: Any, way: int) -> Any:
    x = ops.convert_to_tensor(x)
    chosen = range(x.ndim) if axes is None else np.atleast_1d(axes).tolist()
    for axis in chosen:
        x = ops.roll(x, x.shape[axis] // 2 if way > 0 else -(x.shape[axis] // 2), axis=axis)
    return x
