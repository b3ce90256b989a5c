"""What constructors of layers take beside what their signatures say, for type checkers and editors.

A signature ends in `**kwargs: Unpack[LayerArguments]`, so that a misspelled argument is an error before anything runs
(PEP 692). A name that stands in the signature itself must not be among these, hence the variants.
"""

from __future__ import annotations

from typing import Any, TypedDict


class ShapeArguments(TypedDict, total=False):
    """What `Layer` itself takes besides: the shape of the inputs, for the first layer of a `Sequential` model."""

    input_shape: Any
    batch_input_shape: Any
    batch_shape: Any
    input_dim: int


class _OfAll(TypedDict, total=False):
    trainable: bool
    autocast: bool
    input_shape: Any
    batch_input_shape: Any


class InputLayerArguments(_OfAll, total=False):
    """For signatures with `batch_shape`, `dtype` and `name`."""

    activity_regularizer: Any
    input_dim: int


class _WithBatchShape(_OfAll, total=False):
    batch_shape: Any


class NamedTypedArguments(_WithBatchShape, total=False):
    """For signatures with `dtype` and `name`."""

    activity_regularizer: Any
    input_dim: int


class NamedArguments(NamedTypedArguments, total=False):
    """For signatures with a `name`."""

    dtype: Any


class EmbeddingArguments(_WithBatchShape, total=False):
    """For signatures with `input_dim`, which means something else there."""

    activity_regularizer: Any
    dtype: Any
    name: str | None
    input_length: int | None


class WeightedArguments(_WithBatchShape, total=False):
    """For signatures with an `activity_regularizer`."""

    dtype: Any
    name: str | None
    input_dim: int


class ConvolutionArguments(WeightedArguments, total=False):
    """Those of convolutions that LoRA may train."""

    lora_rank: int | None
    lora_alpha: float | None


class RecurrentArguments(WeightedArguments, total=False):
    """Those of recurrent layers."""

    zero_output_for_mask: bool


class ConvLSTMArguments(RecurrentArguments, total=False):
    """Those of recurrent layers of images."""

    unroll: bool


class LayerArguments(NamedArguments, total=False):
    """Those of every layer."""

    name: str | None


class ImageArguments(LayerArguments, total=False):
    """Those of layers of images, for signatures with a `data_format`."""

    bounding_box_format: str | None


class PlainImageArguments(ImageArguments, total=False):
    """Those of layers of images."""

    data_format: str | None


class NamedImageArguments(NamedArguments, total=False):
    """For layers of images whose signatures have a `name` and a `data_format`."""

    bounding_box_format: str | None
