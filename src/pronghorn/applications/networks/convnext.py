"""ConvNeXt: a residual network with the proportions of a transformer (Liu et al. 2022, arXiv:2201.03545).

>>> from pronghorn import applications
>>> network = applications.ConvNeXtTiny(weights=None, include_top=False, input_shape=(32, 32, 3))
>>> network.output_shape, network.count_params()
((None, 1, 1, 768), 27820128)
"""

from __future__ import annotations

import functools
from typing import Any

from pronghorn import initializers, layers, models
from pronghorn.applications.networks import blocks
from pronghorn.applications.networks.family import Asked, Family

# ImageNet's means and standard deviations, of 0 to 255.
_MEAN, _DEVIATION = (0.485 * 255, 0.456 * 255, 0.406 * 255), (0.229 * 255, 0.224 * 255, 0.225 * 255)

_norm = functools.partial(layers.LayerNormalization, epsilon=1e-6)


class LayerScale(layers.Layer):
    """Each channel times a number that is learnt (Touvron et al. 2021, arXiv:2103.17239).

    Args:
        init_values: the number to begin with.
        projection_dim: how many channels there are.

    >>> import numpy as np
    >>> LayerScale(0.5, 2)(np.array([[2.0, 4.0]])).tolist()
    [[1.0, 2.0]]
    """

    def __init__(self, init_values: float, projection_dim: int, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.init_values = init_values
        self.projection_dim = projection_dim

    def build(self, input_shape: Any) -> None:
        """Make the numbers."""
        self.gamma = self.add_weight((self.projection_dim,), initializers.Constant(self.init_values))

    def get_config(self) -> dict[str, Any]:
        """Return the configuration, as `from_config` takes it."""
        own = {"init_values": self.init_values, "projection_dim": self.projection_dim}
        return {**super().get_config(), **own}

    def call(self, inputs: Any) -> Any:
        """Return the channels, scaled."""
        return inputs * self.gamma


def _choose(asked: Asked, side: int | None) -> tuple[int, str]:
    if blocks.channels_first():
        raise asked.fail(
            "its dense layers read channels that come last; call config.set_image_data_format('channels_last') first."
        )
    return 224, asked.architecture


def _block(x: Any, name: str) -> Any:
    """Look around in each channel, widen four times and narrow again; that, scaled, is added."""
    width = blocks.channels(x)
    more = blocks.conv(x, width, 7, groups=width, name=f"{name}_depthwise_conv")
    more = _norm(name=f"{name}_layernorm")(more)
    more = layers.Dense(4 * width, name=f"{name}_pointwise_conv_1")(more)
    more = blocks.act(more, f"{name}_gelu", "gelu")
    more = layers.Dense(width, name=f"{name}_pointwise_conv_2")(more)
    more = LayerScale(1e-6, width, name=f"{name}_layer_scale")(more)
    return x + blocks.act(more, f"{name}_identity", "linear")


def _body(x: Any, row: tuple[tuple[int, ...], int], asked: Asked) -> Any:
    depths, width = row
    name = asked.name
    if asked.own["include_preprocessing"] and blocks.channels(x) == 3:
        variance = [value**2 for value in _DEVIATION]
        x = layers.Normalization(mean=list(_MEAN), variance=variance, name=f"{name}_prestem_normalization")(x)
    conv = layers.Conv2D(width, 4, strides=4, name=f"{name}_stem_conv")
    x = models.Sequential([conv, _norm(name=f"{name}_stem_layernorm")], name=f"{name}_stem")(x)
    for stage, depth in enumerate(depths):
        if stage:
            ends = f"{name}_downsampling_{{}}_{stage - 1}".format
            conv = layers.Conv2D(width << stage, 2, strides=2, name=ends("conv"))
            x = models.Sequential([_norm(name=ends("layernorm")), conv], name=ends("block"))(x)
        for number in range(depth):
            x = _block(x, f"{name}_stage_{stage}_block_{number}")
    return x


def _head(x: Any, asked: Asked) -> Any:
    x = layers.GlobalAveragePooling2D(name=f"{asked.name}_head_gap")(x)
    x = _norm(name=f"{asked.name}_head_layernorm")(x)
    return layers.Dense(asked.classes, activation=asked.classifier_activation, name=f"{asked.name}_head_dense")(x)


ConvNeXtTiny, ConvNeXtSmall, ConvNeXtBase, ConvNeXtLarge, ConvNeXtXLarge = Family(
    "A residual network with the proportions of a transformer (Liu et al. 2022, arXiv:2201.03545).",
    _body,
    {
        "ConvNeXtTiny": ((3, 3, 9, 3), 96),
        "ConvNeXtSmall": ((3, 3, 27, 3), 96),
        "ConvNeXtBase": ((3, 3, 27, 3), 128),
        "ConvNeXtLarge": ((3, 3, 27, 3), 192),
        "ConvNeXtXLarge": ((3, 3, 27, 3), 256),
    },
    _head,
    (
        *("include_top", "include_preprocessing", "weights", "input_tensor", "input_shape", "pooling", "classes"),
        "classifier_activation",
    ),
    {"include_preprocessing": True},
    title=lambda name: name.lower().replace("convnext", "convnext_"),
    choose=_choose,
    ending=lambda x: _norm()(x),
).functions()
