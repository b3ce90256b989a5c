"""The names of the ops' classes; see `pronghorn.ops.operations`."""

from __future__ import annotations

from collections.abc import Iterable

_IRREGULAR = {
    "allclose": "AllClose",
    "batch_normalization": "BatchNorm",
    "cdist": "CDist",
    "ctc_decode": "CTCDecode",
    "ctc_loss": "CTCLoss",
    "fft": "FFT",
    "fft2": "FFT2",
    "hsv_to_rgb": "HSVToRGB",
    "ifft2": "IFFT2",
    "irfft": "IRFFT",
    "isin": "IsIn",
    "istft": "ISTFT",
    "layer_normalization": "LayerNorm",
    "psnr": "PSNR",
    "rfft": "RFFT",
    "rgb_to_grayscale": "RGBToGrayscale",
    "rgb_to_hsv": "RGBToHSV",
    "rms_normalization": "RMSNorm",
    "searchsorted": "SearchSorted",
    "ssim": "SSIM",
    "stft": "STFT",
    "svd": "SVD",
}
_NO_CLASS = frozenset(
    ("convert_to_numpy", "custom_gradient", "dtype", "is_tensor", "jvp", "rearrange", "shape", "vectorize")
)

#: Class name to op name; filled by the packages that hold the ops.
OP_OF_CLASS: dict[str, str] = {}


def class_name(op_name: str) -> str:
    """The name of an op's class.

    >>> class_name("expand_dims"), class_name("log1p"), class_name("fft")
    ('ExpandDims', 'Log1p', 'FFT')
    """
    return _IRREGULAR.get(op_name) or "".join(part.capitalize() for part in op_name.split("_"))


def class_table(op_names: Iterable[str]) -> dict[str, str]:
    """Class names and where they are found, for `pronghorn._lazy.attach`."""
    names = {class_name(n): n for n in op_names if n not in _NO_CLASS}
    OP_OF_CLASS.update(names)
    return {name: f"pronghorn.ops.operations:{name}" for name in names}
