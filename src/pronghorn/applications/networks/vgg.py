"""VGG: stacks of 3x3 convolutions, and three dense layers (Simonyan and Zisserman 2014, arXiv:1409.1556).

>>> from pronghorn import applications
>>> network = applications.VGG16(weights=None, include_top=False, input_shape=(32, 32, 3), pooling="avg")
>>> network.output_shape, network.count_params()
((None, 512), 14714688)
"""

from __future__ import annotations

from typing import Any

from pronghorn import layers
from pronghorn.applications.networks import blocks
from pronghorn.applications.networks.family import Asked, Family


def _body(x: Any, repeats: tuple[int, ...], asked: Asked) -> Any:
    for block, (filters, count) in enumerate(zip((64, 128, 256, 512, 512), repeats), 1):
        for number in range(1, count + 1):
            x = blocks.conv(x, filters, 3, activation="relu", name=f"block{block}_conv{number}")
        x = blocks.max_pool(x, 2, 2, name=f"block{block}_pool")
    return x


def _head(x: Any, asked: Asked) -> Any:
    x = layers.Flatten(name="flatten")(x)
    for name in ("fc1", "fc2"):
        x = layers.Dense(4096, activation="relu", name=name)(x)
    return layers.Dense(asked.classes, activation=asked.classifier_activation, name="predictions")(x)


# To each network, how many convolutions its blocks have.
VGG16, VGG19 = Family(
    "Stacks of 3x3 convolutions, and three dense layers (Simonyan and Zisserman 2014, arXiv:1409.1556).",
    _body,
    {"VGG16": (2, 2, 3, 3, 3), "VGG19": (2, 2, 4, 4, 4)},
    _head,
).functions()
