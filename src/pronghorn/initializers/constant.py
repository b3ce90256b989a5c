"""Initializers that draw nothing."""

from __future__ import annotations

from typing import Any

import numpy as np

from pronghorn import ops
from pronghorn.initializers.initializer import Initializer, element_type
from pronghorn.serialization.objects import deserialize_keras_object, serialize_keras_object
from pronghorn.utils.windows import window_array


class Constant(Initializer):
    """All elements ``value``: for biases that are to start at something, such as the mean of the targets.

    Args:
        value: a number, or anything that broadcasts to the shape.

    >>> Constant(2.0)((2,)).tolist()
    [2.0, 2.0]
    """

    def __init__(self, value: Any = 0.0) -> None:
        self.value = value

    def __call__(self, shape: Any, dtype: Any = None) -> Any:
        return ops.cast(self.value, element_type(dtype)) * ops.ones(shape, dtype=element_type(dtype))

    def get_config(self) -> dict[str, Any]:
        return {"value": serialize_keras_object(self.value)}

    @classmethod
    def from_config(cls, config: dict[str, Any]) -> Constant:
        return cls(deserialize_keras_object(config["value"]))


class Zeros(Initializer):
    """All elements zero: what biases start with. Kernels must not, since all units would stay alike.

    >>> Zeros()((2,)).tolist()
    [0.0, 0.0]
    """

    makes_zeros = True  # fresh memory is what it makes

    def __call__(self, shape: Any, dtype: Any = None) -> Any:
        return ops.zeros(shape, dtype=element_type(dtype))


class Ones(Initializer):
    """All elements one: what the scales of normalization layers start with.

    >>> Ones()((2,)).tolist()
    [1.0, 1.0]
    """

    def __call__(self, shape: Any, dtype: Any = None) -> Any:
        return ops.ones(shape, dtype=element_type(dtype))


class Identity(Initializer):
    """The identity matrix times ``gain``.

    Raises:
        ValueError: for a shape that is no matrix's.

    A layer that begins with it passes its input on; a recurrent kernel keeps its state (Le, Jaitly and Hinton 2015,
    arXiv 1504.00941).

    >>> Identity(2.0)((2, 3)).numpy()
    array([[2., 0., 0.],
           [0., 2., 0.]], dtype=float32)
    """

    def __init__(self, gain: float = 1.0) -> None:
        self.gain = gain

    def __call__(self, shape: Any, dtype: Any = None) -> Any:
        if len(shape) != 2:
            raise ValueError(f"Identity: the weight must be a matrix (2 axes), got shape={tuple(shape)}.")
        return self.gain * ops.eye(*shape, dtype=element_type(dtype))

    def get_config(self) -> dict[str, Any]:
        return {"gain": self.gain}


class STFT(Initializer):
    """The real or imaginary part of the Fourier basis, as the kernel of a one-dimensional convolution.

    Args:
        side: ``"real"`` or ``"imag"``.
        window: a window's name (of `scipy.signal`), an array, or None.
        scaling: ``"density"``, ``"spectrum"`` or None.
        periodic: whether the window is periodic rather than symmetric.

    Raises:
        ValueError: for an unknown side, window or scaling.

    >>> kernel = STFT("imag", window=None)((4, 1, 3))  # 4 samples, 3 frequencies: 0, 1/4 and 1/2
    >>> abs(kernel[:, 0, 1].numpy()).round(3).tolist()
    [0.0, 1.0, 0.0, 1.0]
    """

    def __init__(
        self, side: str = "real", window: Any = "hann", scaling: str | None = "density", periodic: bool = False
    ) -> None:
        if side not in ("real", "imag"):
            raise ValueError(f"STFT: `side` must be 'real' or 'imag', got side={side!r}.")
        if scaling not in (None, "density", "spectrum"):
            raise ValueError(f"STFT: `scaling` must be 'density', 'spectrum' or None, got scaling={scaling!r}.")
        if isinstance(window, str):
            _check_window(window)
        self.side, self.window, self.scaling, self.periodic = side, window, scaling, periodic

    def __call__(self, shape: Any, dtype: Any = None) -> Any:
        frame, channels, fft_length = shape
        if channels != 1:
            raise ValueError(f"STFT: the kernel must have one input channel, got shape={tuple(shape)}.")
        if fft_length // 2 + 1 < 1:
            raise ValueError(f"STFT: the kernel needs at least one frequency, got shape={tuple(shape)}.")
        length = max(2 * (fft_length - 1), 1)
        window = self._window(frame)
        if self.scaling is not None and self.window is not None:
            power = np.sum(window**2) if self.scaling == "density" else np.sum(window) ** 2
            window = window / np.sqrt(power)
        dtype = element_type(dtype)
        kernel = self._basis(window, fft_length, length, np.float64 if dtype == "float64" else np.float32)
        return ops.convert_to_tensor(kernel, dtype=dtype)

    def _basis(self, window: np.ndarray, count: int, length: int, dtype: Any) -> np.ndarray:
        """Waves of ``count`` frequencies times a window, shape ``(frame, 1, count)``.

        A wave has no values but those of ``length`` places on a circle, and a table of these takes neither the time nor
        the memory of a cosine for each element.
        """
        angle = 2 * np.pi * np.arange(length) / length
        circle = np.cos(angle) if self.side == "real" else -np.sin(angle)
        frequencies = np.arange(count)
        result = np.empty((len(window), 1, count), dtype)
        for place, height in enumerate(window):
            result[place, 0] = circle[place * frequencies % length] * height
        return result

    def _window(self, frame: int) -> np.ndarray:
        return window_array(self.window, frame, periodic=self.periodic)

    def get_config(self) -> dict[str, Any]:
        return {"side": self.side, "window": self.window, "periodic": self.periodic, "scaling": self.scaling}


def _check_window(name: str) -> None:
    """Refuse an unknown window when the initializer is made, not when it is first used."""
    try:
        window_array(name, 2)
    except ValueError as error:
        raise ValueError(f"STFT: the `window` argument is no window's name, got window={name!r}: {error}") from None
