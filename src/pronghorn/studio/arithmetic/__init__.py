"""Where one value of a layer comes from: the window of the input, the filter, the products and their sum."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import asdict
from typing import Any

import numpy as np

from pronghorn import layers
from pronghorn.studio.arithmetic import units, values, windows
from pronghorn.studio.arithmetic.explanation import Explanation, Place

__all__ = ["explain"]


def explain(layer: Any, inputs: Any, place: Place) -> dict[str, Any]:
    """Explain one value of a layer's output.

    Args:
        layer: the layer.
        inputs: what it was given, without the batch; a list for a layer that joins several inputs.
        place: where the value is in its output, without the batch.

    Raises:
        ValueError: if there is no such place.
    """
    several = isinstance(inputs, list)
    arrays = [np.asarray(one, np.float64) for one in (inputs if several else [inputs])]
    shapes = [(1, *one.shape) for one in arrays]
    shape = tuple(layer.compute_output_shape(shapes if several else shapes[0]))[1:]
    if len(place) != len(shape) or not all(0 <= i < n for i, n in zip(place, shape)):
        raise ValueError(f"The output of {layer.name!r} has the shape {shape}; there is no value at {place}.")
    known = getattr(layer, "data_format", None) != "channels_first" and layer.quantization_mode is None
    table: tuple[tuple[Any, Callable[[Any, Any, Place], Explanation]], ...] = _JOINING if several else _EXPLAINED
    for kind, function in table:
        if isinstance(layer, kind) and known:
            return asdict(function(layer, arrays if several else arrays[0], place))
    return asdict(Explanation(f"How this {type(layer).__name__} layer makes its values is not shown here."))


_TRAINING_ONLY = (
    layers.ActivityRegularization, layers.AlphaDropout, layers.Dropout, layers.GaussianDropout, layers.GaussianNoise,
    layers.Identity, layers.RandomBrightness, layers.RandomContrast, layers.RandomFlip, layers.RandomRotation,
    layers.RandomTranslation, layers.RandomZoom, layers.SpatialDropout1D, layers.SpatialDropout2D,
)  # fmt: skip
_MOVING = (
    layers.Cropping1D, layers.Cropping2D, layers.Flatten, layers.Permute, layers.RepeatVector, layers.Reshape,
    layers.UpSampling1D, layers.ZeroPadding1D, layers.ZeroPadding2D,
)  # fmt: skip
_ACTIVATIONS = (layers.Activation, layers.ELU, layers.LeakyReLU, layers.PReLU, layers.ReLU, layers.Softmax)

#: In the order in which they are tried: a class comes before those it is made from.
_EXPLAINED: tuple[tuple[Any, Callable[[Any, np.ndarray, Place], Explanation]], ...] = (
    ((layers.DepthwiseConv1D, layers.DepthwiseConv2D), windows.depthwise),
    ((layers.SeparableConv1D, layers.SeparableConv2D), windows.separable),
    ((layers.Conv1DTranspose, layers.Conv2DTranspose), windows.transposed),
    ((layers.Conv1D, layers.Conv2D), windows.conv),
    (
        (layers.AveragePooling1D, layers.AveragePooling2D, layers.MaxPooling1D, layers.MaxPooling2D),
        windows.pool,
    ),
    (
        (
            layers.GlobalAveragePooling1D, layers.GlobalAveragePooling2D, layers.GlobalMaxPooling1D,
            layers.GlobalMaxPooling2D,
        ),
        windows.global_pool,
    ),
    (layers.Dense, units.dense),
    (layers.Embedding, units.embedding),
    ((layers.SimpleRNN, layers.LSTM, layers.GRU), units.recurrent),
    (_MOVING, values.moved),
    (_TRAINING_ONLY, values.same),
    (layers.Rescaling, values.rescaling),
    (layers.Normalization, values.normalization),
    (layers.BatchNormalization, values.batch_norm),
    ((layers.LayerNormalization, layers.RMSNormalization), values.layer_norm),
    (layers.UnitNormalization, values.unit_norm),
    (_ACTIVATIONS, values.activation),
)  # fmt: skip

_JOINING: tuple[tuple[Any, Callable[[Any, list[np.ndarray], Place], Explanation]], ...] = (
    (layers.Concatenate, values.concatenated),
    (values.MERGING, values.merged),
)
