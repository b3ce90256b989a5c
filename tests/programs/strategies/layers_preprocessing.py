"""Preprocessing layers that take and give numbers, as parts of a model; those of strings have tests of their own."""

from __future__ import annotations

from typing import Any

import numpy as np

from strategies.layers_base import Draw, Sample, samples_of
from strategies.layers_spatial import spatial

INTERPOLATIONS = ("bilinear", "nearest", "bicubic", "lanczos3", "lanczos5")
# Outside of training these give their images back.
AUGMENTATIONS: dict[str, dict[str, Any]] = {
    "RandomBrightness": {"factor": 0.3},
    "RandomColorDegeneration": {"factor": 0.5},
    "RandomColorJitter": {"brightness_factor": 0.3},
    "RandomContrast": {"factor": 0.3},
    "RandomElasticTransform": {},
    "RandomErasing": {},
    "RandomFlip": {},
    "RandomGaussianBlur": {},
    "RandomGrayscale": {"factor": 0.5},
    "RandomHue": {"factor": 0.5},
    "RandomInvert": {},
    "RandomPerspective": {},
    "RandomPosterization": {"factor": 3},
    "RandomRotation": {"factor": 0.2},
    "RandomSaturation": {"factor": 0.3},
    "RandomSharpness": {"factor": 0.3},
    "RandomShear": {"x_factor": 0.2},
    "RandomTranslation": {"height_factor": 0.2, "width_factor": 0.3},
    "RandomZoom": {"height_factor": 0.2},
    "AugMix": {},
    "CutMix": {},
    "MixUp": {},
    "RandAugment": {},
}


@samples_of("Rescaling", low_precision=())
def rescaling(d: Draw, name: str) -> Sample:
    x = d.array(d.int(1, 3), *d.ints(d.int(1, 3), 1, 4))
    if d.bool():
        x = d.integers(*x.shape, below=255)
    scale, offset = d.float(-2, 2), d.float(-1, 1)
    if d.bool():
        scale = [scale + i for i in range(x.shape[-1])]
    return Sample(name, {"scale": scale, "offset": offset}, [x])


@samples_of("Normalization", low_precision=())
def normalization(d: Draw, name: str) -> Sample:
    x = d.array(d.int(1, 3), *d.ints(d.int(1, 2), 1, 4))
    axis = d.one(-1, None, 1)
    count = 1 if axis is None else x.shape[axis]
    given = {"mean": d.array(count).tolist(), "variance": (np.abs(d.array(count)) + 0.1).tolist()}
    if axis is None:
        given = {key: value[0] for key, value in given.items()}
    return Sample(name, {"axis": axis, **given} | d.settings(invert=(True,)), [x])


@samples_of("CenterCrop", low_precision=())
def center_crop(d: Draw, name: str) -> Sample:
    kwargs: dict[str, Any] = {"height": d.int(1, 4), "width": d.int(1, 4)}
    # Larger than the image it has to be enlarged, which Keras's does only if neither side is smaller.
    return Sample(
        name, kwargs, [spatial(d, (kwargs["height"] + d.int(0, 3), kwargs["width"] + d.int(0, 3)), 3, kwargs)]
    )


@samples_of("Resizing", low_precision=())
def resizing(d: Draw, name: str) -> Sample:
    kwargs: dict[str, Any] = {"height": d.int(1, 6), "width": d.int(1, 6), "interpolation": d.one(*INTERPOLATIONS)}
    kwargs |= d.settings(antialias=(True,)) | d.one({}, {"crop_to_aspect_ratio": True}, {"pad_to_aspect_ratio": True})
    return Sample(name, kwargs, [spatial(d, d.ints(2, 1, 6), d.int(1, 3), kwargs)])


@samples_of("CategoryEncoding", low_precision=())
def category_encoding(d: Draw, name: str) -> Sample:
    count = d.int(2, 6)
    mode = d.one("multi_hot", "one_hot", "count")
    x = d.integers(d.int(1, 3), d.int(1, 4), below=count)
    named = {"count_weights": np.abs(d.array(*x.shape))} if mode == "count" and d.bool() else {}
    return Sample(name, {"num_tokens": count, "output_mode": mode}, [x], named)


@samples_of("Discretization", low_precision=())
def discretization(d: Draw, name: str) -> Sample:
    edges = sorted({d.float(-2, 2) for _ in range(d.int(1, 4))})
    kwargs = {"bin_boundaries": edges, "output_mode": d.one("int", "one_hot", "multi_hot", "count")}
    return Sample(name, kwargs, [d.array(d.int(1, 3), d.int(1, 4))])


@samples_of("STFTSpectrogram", low_precision=())
def stft_spectrogram(d: Draw, name: str) -> Sample:
    frame = d.int(4, 8)
    kwargs = {"frame_length": frame, "frame_step": d.int(1, frame), "fft_length": frame + d.int(0, 4)}
    kwargs["mode"] = d.one("log", "magnitude", "psd", "real", "imag", "stft")
    kwargs |= d.settings(padding=("same",), window=("hamming", None), scaling=("spectrum", None))
    # Of a spectrum that is nearly zero somewhere, the logarithm and the root are not smooth.
    return Sample(name, kwargs, [d.array(d.int(1, 2), 16, 1)], smooth=kwargs["mode"] in ("real", "imag", "stft", "psd"))


@samples_of("MelSpectrogram", low_precision=())
def mel_spectrogram(d: Draw, name: str) -> Sample:
    kwargs = {"num_mel_bins": d.int(2, 6), "fft_length": 16, "sequence_stride": d.int(4, 8), "sampling_rate": 400}
    kwargs |= d.settings(power_to_db=(False,), mag_exp=(1.0,), window=("hamming",), max_freq=(150,))
    return Sample(name, kwargs, [d.array(d.int(1, 2), 40)], tolerance=1e-4, smooth=False)


@samples_of(*AUGMENTATIONS, low_precision=())
def augmentation(d: Draw, name: str) -> Sample:
    kwargs = dict(AUGMENTATIONS[name])
    x = spatial(d, d.ints(2, 2, 4), 3, kwargs) if name not in ("RandomBrightness", "RandomContrast") else None
    if x is None:
        x = d.array(d.int(1, 2), 3, 4, 3)
    return Sample(name, kwargs, [np.abs(x) * 60], {"training": False})


# Keras's Solarization draws a threshold even from a range that is one number, unless that is zero.
@samples_of("AutoContrast", "Solarization", low_precision=(), smooth=False)
def determinate(d: Draw, name: str) -> Sample:
    return Sample(name, {}, [np.clip(np.abs(d.array(d.int(1, 2), 4, 3, 3)) * 100, 0, 255)])


@samples_of("Equalization", low_precision=(), smooth=False)
def equalization(d: Draw, name: str) -> Sample:
    kwargs: dict[str, Any] = {"bins": d.int(3, 5)}  # Keras on JAX has a piece of program for each
    x = spatial(d, d.ints(2, 3, 5), 3, kwargs)[:1]  # of several images Keras makes one histogram, we one each
    return Sample(name, kwargs, [np.clip(np.abs(x) * 100, 0, 255)])
