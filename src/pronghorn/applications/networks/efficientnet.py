"""EfficientNets: one network, made wider, deeper and finer by one rule (Tan and Le 2019, arXiv:1905.11946).

EfficientNetV2 has full convolutions in its first blocks (Tan and Le 2021, arXiv:2104.00298).

>>> from pronghorn import applications
>>> applications.EfficientNetB0(weights=None, include_top=False, input_shape=(32, 32, 3)).count_params()
4049571
>>> applications.EfficientNetV2B0(weights=None, include_top=False, input_shape=(32, 32, 3)).count_params()
5919312
"""

from __future__ import annotations

import functools
import math
import string
from collections.abc import Sequence
from typing import Any, NamedTuple

from pronghorn import initializers, layers
from pronghorn.applications.networks import blocks
from pronghorn.applications.networks.blocks import round_to_eights
from pronghorn.applications.networks.family import Asked, Family


def _scaled(scale: float, distribution: str) -> dict[str, Any]:
    """An initializer's configuration: each layer makes one, with a seed of its own."""
    return {
        "class_name": "VarianceScaling",
        "config": {"scale": scale, "mode": "fan_out", "distribution": distribution},
    }


_KERNEL = _scaled(2.0, "truncated_normal")
_DENSE = _scaled(1.0 / 3.0, "uniform")
_LEFT_OUT = 0.2  # how often the last block is left out in training; the others less

_MEAN, _DEVIATION = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)

_conv = functools.partial(blocks.conv, use_bias=False, kernel_initializer=_KERNEL)
_depthwise = functools.partial(blocks.depthwise, use_bias=False, depthwise_initializer=_KERNEL)


class Stage(NamedTuple):
    """Blocks of one kind.

    Attributes:
        count: how many.
        size: of the kernel.
        strides: of the first.
        widen: how often the channels inside are those outside.
        filters: channels outside.
        fused: whether they widen and look around in one convolution.
    """

    count: int
    size: int
    strides: int
    widen: int
    filters: int
    fused: bool = False


class Network(NamedTuple):
    """A network: its stages, already of its width and depth.

    Attributes:
        total: the number of blocks by which the shares of those that training leaves out grow.
        size: the usual height and width of images.
        dropout: the rate before the classifier.
        stem: channels before the first block.
        top: channels after the last.
        momentum: of the normalisations.
        signed: whether images are prepared by scaling to -1 to 1 only.
    """

    stages: Sequence[Stage]
    total: int
    size: int
    dropout: float
    stem: int
    top: int
    momentum: float
    signed: bool = False


def _scaled(stages: Sequence[Stage], width: float, depth: float, size: int, dropout: float) -> Network:
    wider = [
        stage._replace(filters=round_to_eights(width * stage.filters), count=math.ceil(depth * stage.count))
        for stage in stages
    ]
    total = sum(stage.count for stage in wider)
    return Network(wider, total, size, dropout, round_to_eights(width * 32), round_to_eights(width * 1280), 0.99)


def _scaled_v2(stages: Sequence[Stage], width: float, depth: float, size: int) -> Network:
    def around(filters: float) -> int:
        return round_to_eights(width * filters, generous=False)

    wider = [stage._replace(filters=around(stage.filters), count=math.ceil(depth * stage.count)) for stage in stages]
    total = sum(stage.count for stage in stages)  # not of the deeper network, so that more is left out in it
    return Network(wider, total, size, 0.2, around(32), around(1280), 0.9)


_B0 = [
    Stage(1, 3, 1, 1, 16),
    Stage(2, 3, 2, 6, 24),
    Stage(2, 5, 2, 6, 40),
    Stage(3, 3, 2, 6, 80),
    Stage(3, 5, 1, 6, 112),
    Stage(4, 5, 2, 6, 192),
    Stage(1, 3, 1, 6, 320),
]
_V2B0 = [
    Stage(1, 3, 1, 1, 16, True),
    Stage(2, 3, 2, 4, 32, True),
    Stage(2, 3, 2, 4, 48, True),
    Stage(3, 3, 2, 4, 96),
    Stage(5, 3, 1, 6, 112),
    Stage(8, 3, 2, 6, 192),
]

# (width, depth, height and width of images, dropout)
_SCALES = [
    (1.0, 1.0, 224, 0.2),
    (1.0, 1.1, 240, 0.2),
    (1.1, 1.2, 260, 0.3),
    (1.2, 1.4, 300, 0.3),
    (1.4, 1.8, 380, 0.4),
    (1.6, 2.2, 456, 0.4),
    (1.8, 2.6, 528, 0.5),
    (2.0, 3.1, 600, 0.5),
]

# (how many blocks, channels) of each stage, and the size of images.
_V2_LARGER = {
    "S": ([(2, 24), (4, 48), (4, 64), (6, 128), (9, 160), (15, 256)], 384),
    "M": ([(3, 24), (5, 48), (5, 80), (7, 160), (14, 176), (18, 304), (5, 512)], 480),
    "L": ([(4, 32), (7, 64), (7, 96), (10, 192), (19, 224), (25, 384), (7, 640)], 480),
}
_V2_KINDS = [(1, 1, True), (2, 4, True), (2, 4, True), (2, 4, False), (1, 6, False), (2, 6, False), (1, 6, False)]


def _larger(name: str) -> Network:
    widths, size = _V2_LARGER[name]
    stages = [
        Stage(count, 3, strides, widen, filters, fused)
        for (count, filters), (strides, widen, fused) in zip(widths, _V2_KINDS)
    ]
    return Network(stages, sum(stage.count for stage in stages), size, 0.2, widths[0][1], 1280, 0.9, signed=True)


def _weigh(x: Any, inside: int, name: str) -> Any:
    """Squeeze and excite: each channel times a number between 0 and 1 that follows from the means of all."""
    width = blocks.channels(x)
    weight = layers.GlobalAveragePooling2D(name=f"{name}_squeeze")(x)
    weight = layers.Reshape((width, 1, 1) if blocks.channels_first() else (1, 1, width), name=f"{name}_reshape")(weight)
    more: dict[str, Any] = {"use_bias": True}
    weight = _conv(weight, inside, 1, activation="silu", name=f"{name}_reduce", **more)
    weight = _conv(weight, width, 1, activation="sigmoid", name=f"{name}_expand", **more)
    return layers.Multiply(name=f"{name}_excite")([x, weight])


def _block(x: Any, stage: Stage, strides: int, rate: float, network: Network, name: str, second: bool) -> Any:
    """Widen, look around, weigh the channels, and narrow; what has the shape it had is added to it."""
    start, before = x, blocks.channels(x)
    norm = functools.partial(blocks.norm, momentum=network.momentum)
    swish = functools.partial(blocks.act, function="silu")
    if stage.widen > 1:
        size, step = (stage.size, strides) if stage.fused else (1, 1)
        x = _conv(x, before * stage.widen, size, step, name=f"{name}expand_conv")
        x = swish(norm(x, f"{name}expand_bn"), f"{name}expand_activation")
    if not stage.fused:
        padding = "same"
        if strides > 1 and not second:
            x, padding = blocks.pad_for_stride(x, stage.size, f"{name}dwconv_pad"), "valid"
        x = _depthwise(x, stage.size, strides, padding, name=f"{name}dwconv{'2' if second else ''}")
        x = swish(norm(x, f"{name}bn"), f"{name}activation")
        x = _weigh(x, max(1, before // 4), f"{name}se")
    if stage.fused and stage.widen == 1:
        x = _conv(x, stage.filters, stage.size, strides, name=f"{name}project_conv")
        x = swish(norm(x, f"{name}project_bn"), f"{name}project_activation")
    else:
        x = norm(_conv(x, stage.filters, 1, name=f"{name}project_conv"), f"{name}project_bn")
    if strides == 1 and before == stage.filters:
        if rate > 0:
            x = layers.Dropout(rate, noise_shape=(None, 1, 1, 1), name=f"{name}drop")(x)
        x = layers.Add(name=f"{name}add")([x, start])
    return x


def _blocks(x: Any, network: Network, second: bool) -> Any:
    done = 0
    for number, stage in enumerate(network.stages, 1):
        for letter in range(stage.count):
            name = f"block{number}{string.ascii_lowercase[letter]}_"
            strides = 1 if letter else stage.strides
            x = _block(x, stage, strides, _LEFT_OUT * done / network.total, network, name, second)
            done += 1
    x = _conv(x, network.top, 1, name="top_conv")
    return blocks.act(blocks.norm(x, "top_bn", momentum=network.momentum), "top_activation", "silu")


def _body(x: Any, network: Network, asked: Asked) -> Any:
    x = layers.Normalization(axis=blocks.channel_axis())(layers.Rescaling(1.0 / 255.0)(x))
    if asked.pretrained:
        # The published weights were trained behind this, which their normalisation has forgotten.
        scale: list[Any] = [1.0 / math.sqrt(value) for value in _DEVIATION]
        x = layers.Rescaling([[[value]] for value in scale] if blocks.channels_first() else scale)(x)
    x = blocks.pad_for_stride(x, 3, "stem_conv_pad")
    x = _conv(x, network.stem, 3, 2, "valid", name="stem_conv")
    x = blocks.act(blocks.norm(x, "stem_bn", momentum=network.momentum), "stem_activation", "silu")
    return _blocks(x, network, second=False)


def _body_v2(x: Any, network: Network, asked: Asked) -> Any:
    if asked.own["include_preprocessing"] and (network.signed or blocks.channels(x) != 3):
        x = layers.Rescaling(1.0 / 128.0, offset=-1)(x)
    elif asked.own["include_preprocessing"]:
        variance = [value**2 for value in _DEVIATION]
        x = layers.Rescaling(1.0 / 255.0)(x)
        x = layers.Normalization(mean=list(_MEAN), variance=variance, axis=blocks.channel_axis())(x)
    x = _conv(x, network.stem, 3, 2, name="stem_conv")
    x = blocks.act(blocks.norm(x, "stem_bn", momentum=network.momentum), "stem_activation", "silu")
    return _blocks(x, network, second=True)


def _head(x: Any, asked: Asked, rows: dict[str, Network], initializers: dict[str, Any]) -> Any:
    x = layers.GlobalAveragePooling2D(name="avg_pool")(x)
    x = layers.Dropout(rows[asked.architecture].dropout, name="top_dropout")(x)
    return layers.Dense(asked.classes, activation=asked.classifier_activation, name="predictions", **initializers)(x)


_ROWS = {f"EfficientNetB{number}": _scaled(_B0, *scale) for number, scale in enumerate(_SCALES)}
_ROWS_V2 = {
    **{f"EfficientNetV2B{number}": _scaled_v2(_V2B0, *scale[:3]) for number, scale in enumerate(_SCALES[:4])},
    **{f"EfficientNetV2{name}": _larger(name) for name in _V2_LARGER},
}
_POOLS = ("avg_pool", "max_pool")
_COMMON = ("include_top", "weights", "input_tensor", "input_shape", "pooling", "classes", "classifier_activation")


def _size(network: Network) -> int:
    return network.size


(
    EfficientNetB0,
    EfficientNetB1,
    EfficientNetB2,
    EfficientNetB3,
    EfficientNetB4,
    EfficientNetB5,
    EfficientNetB6,
    EfficientNetB7,
) = Family(
    "One network, made wider, deeper and finer by one rule (Tan and Le 2019, arXiv:1905.11946).",
    _body,
    _ROWS,
    functools.partial(_head, rows=_ROWS, initializers={"kernel_initializer": _DENSE}),
    size=_size,
    pools=_POOLS,
).functions()

(
    EfficientNetV2B0,
    EfficientNetV2B1,
    EfficientNetV2B2,
    EfficientNetV2B3,
    EfficientNetV2S,
    EfficientNetV2M,
    EfficientNetV2L,
) = Family(
    "EfficientNets whose first blocks have full convolutions (Tan and Le 2021, arXiv:2104.00298).",
    _body_v2,
    _ROWS_V2,
    functools.partial(
        _head,
        rows=_ROWS_V2,
        initializers={"kernel_initializer": _DENSE, "bias_initializer": initializers.Constant(0.0)},
    ),
    (*_COMMON, "include_preprocessing"),
    {"include_preprocessing": True},
    size=_size,
    pools=_POOLS,
    title=lambda name: f"efficientnetv2-{name.removeprefix('EfficientNetV2').lower()}",
).functions()
