"""Windows of signal processing."""

from __future__ import annotations

from typing import Any

import numpy as np

_COSINE_TERMS = {
    "hann": (0.5, 0.5),
    "hamming": (0.54, 0.46),
    "blackman": (0.42, 0.5, 0.08),
    "rectangular": (1.0,),
    "boxcar": (1.0,),
    "ones": (1.0,),
}


def window_array(window: Any, length: int, periodic: bool = True) -> np.ndarray:
    """A window of ``length`` samples.

    Args:
        window: a name, an array of that length, or None for ones.
        length: number of samples.
        periodic: whether it would continue seamlessly, as the transform assumes, rather than be symmetric.

    Raises:
        ValueError: for an unknown name or a wrong length.

    >>> window_array("hann", 4).round(2).tolist()
    [0.0, 0.5, 1.0, 0.5]
    """
    if window is None:
        return np.ones(length)
    if not isinstance(window, str):
        array = np.asarray(window, "float64")
        if array.shape != (length,):
            raise ValueError(f"The window has shape {array.shape}; expected ({length},).")
        return array
    if window not in _COSINE_TERMS:
        try:
            from scipy.signal import get_window
        except ImportError:
            raise ValueError(
                f"The window {window!r} is not known; without SciPy there are {', '.join(_COSINE_TERMS)}."
            ) from None
        return np.asarray(get_window(window, length, fftbins=periodic), "float64")
    if length == 1:
        return np.ones(1)
    turns = 2.0 * np.pi * np.arange(length) / (length if periodic else length - 1)
    return sum((-1) ** k * a * np.cos(k * turns) for k, a in enumerate(_COSINE_TERMS[window]))
