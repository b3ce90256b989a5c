"""Images as in Keras 2: `ImageDataGenerator`, what it returns, and functions of single images."""

from pronghorn.legacy.preprocessing.affine import (
    apply_affine_transform,
    apply_brightness_shift,
    apply_channel_shift,
    random_brightness,
    random_channel_shift,
    random_rotation,
    random_shear,
    random_shift,
    random_zoom,
)
from pronghorn.legacy.preprocessing.generator import ImageDataGenerator
from pronghorn.legacy.preprocessing.iterators import DirectoryIterator, Iterator, NumpyArrayIterator

__all__ = (
    "DirectoryIterator",
    "ImageDataGenerator",
    "Iterator",
    "NumpyArrayIterator",
    "apply_affine_transform",
    "apply_brightness_shift",
    "apply_channel_shift",
    "random_brightness",
    "random_channel_shift",
    "random_rotation",
    "random_shear",
    "random_shift",
    "random_zoom",
)
