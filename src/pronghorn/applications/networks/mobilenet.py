"""MobileNets: depthwise convolutions and 1x1 ones in place of full ones (Howard et al. 2017, arXiv:1704.04861).

MobileNetV2 adds around the narrow ends of its blocks (Sandler et al. 2018, arXiv:1801.04381); MobileNetV3 weighs
channels and has cheaper activations (Howard et al. 2019, arXiv:1905.02244).

>>> from pronghorn import applications
>>> network = applications.MobileNetV2(input_shape=(32, 32, 3), alpha=0.35, weights=None, classes=10)
>>> network.name, network.output_shape, network.count_params()
('mobilenetv2_0.35_32', (None, 10), 423018)
"""

from __future__ import annotations

import functools
from typing import Any

from pronghorn import layers
from pronghorn.applications.networks import blocks
from pronghorn.applications.networks.blocks import round_to_eights
from pronghorn.applications.networks.family import Asked, Family, classifier
from pronghorn.engine.graph.user_code import warn

_conv = functools.partial(blocks.conv, use_bias=False)
_depthwise = functools.partial(blocks.depthwise, use_bias=False)


def _relu6(x: Any, name: str) -> Any:
    return layers.ReLU(6.0, name=name)(x)


def _choose(
    asked: Asked, side: int | None, prefix: str, sizes: tuple[int, ...], alphas: tuple[float, ...]
) -> tuple[int, str]:
    """Return the size and the key of the pretrained weights; the model is called after its width and the size."""
    alpha = asked.own["alpha"]
    size = side if side in sizes else 224
    if asked.pretrained:
        check_width(asked, alphas)
        if side not in sizes and not asked.include_top:
            warn(
                f"{asked.architecture}: there are weights for square images of {', '.join(map(str, sizes))}; those for "
                f"224 are taken for input_shape={asked.input_shape}."
            )
        shown: int | None = size
    elif asked.input_shape is None:
        shown = size if asked.include_top else None
    else:
        shown = asked.input_shape[1 if blocks.channels_first() else 0]
    asked.name = asked.name or f"{prefix}_{alpha:.2f}_{shown}"
    return size, f"{asked.architecture} {alpha:.2f} {size}"


def check_width(asked: Asked, alphas: tuple[float, ...]) -> None:
    """Refuse a width for which there are no pretrained weights."""
    if asked.own["alpha"] not in alphas:
        raise asked.fail(
            f"alpha={asked.own['alpha']} has no weights of 'imagenet'; there are some for "
            f"{', '.join(map(str, alphas))}. Pass one of these, or weights=None."
        )


# -- the first version -------------------------------------------------------------------------------------------------
_V1 = [(64, 1), (128, 2), (128, 1), (256, 2), (256, 1), (512, 2), *[(512, 1)] * 5, (1024, 2), (1024, 1)]


def _body_v1(x: Any, row: None, asked: Asked) -> Any:
    alpha, multiplier = asked.own["alpha"], asked.own["depth_multiplier"]
    x = _conv(x, int(32 * alpha), 3, 2, name="conv1")
    x = _relu6(blocks.norm(x, "conv1_bn"), "conv1_relu")
    for number, (filters, strides) in enumerate(_V1, 1):
        if strides > 1:
            x = blocks.pad(x, ((0, 1), (0, 1)), f"conv_pad_{number}")
        name = f"conv_dw_{number}"
        padding = "same" if strides == 1 else "valid"
        x = _depthwise(x, 3, strides, padding, depth_multiplier=multiplier, name=name)
        x = _relu6(blocks.norm(x, f"{name}_bn"), f"{name}_relu")
        name = f"conv_pw_{number}"
        x = _relu6(blocks.norm(_conv(x, int(filters * alpha), 1, name=name), f"{name}_bn"), f"{name}_relu")
    return x


def _head_v1(x: Any, asked: Asked) -> Any:
    x = layers.GlobalAveragePooling2D(keepdims=True)(x)
    x = layers.Dropout(asked.own["dropout"], name="dropout")(x)
    x = blocks.conv(x, asked.classes, 1, name="conv_preds")
    x = layers.Reshape((asked.classes,), name="reshape_2")(x)
    return blocks.act(x, "predictions", asked.classifier_activation)


def _choose_v1(asked: Asked, side: int | None) -> tuple[int, str]:
    if asked.pretrained and asked.own["depth_multiplier"] != 1:
        raise asked.fail(
            f"the weights of 'imagenet' are for depth_multiplier=1; got {asked.own['depth_multiplier']}. Pass "
            "weights=None."
        )
    return _choose(asked, side, "mobilenet", (128, 160, 192, 224), (0.25, 0.5, 0.75, 1.0))


MobileNet, *_ = Family(
    "Depthwise convolutions and 1x1 ones in place of full ones (Howard et al. 2017, arXiv:1704.04861).",
    _body_v1,
    {"MobileNet": None},
    _head_v1,
    (
        *("input_shape", "alpha", "depth_multiplier", "dropout", "include_top", "weights", "input_tensor", "pooling"),
        *("classes", "classifier_activation"),
    ),
    {"alpha": 1.0, "depth_multiplier": 1, "dropout": 0.001},
    title=lambda name: None,
    choose=_choose_v1,
).functions()


# -- the second version ------------------------------------------------------------------------------------------------
# (how often the channels of a block are widened, channels, how many blocks, strides of the first)
_V2 = [(1, 16, 1, 1), (6, 24, 2, 2), (6, 32, 3, 2), (6, 64, 4, 2), (6, 96, 3, 1), (6, 160, 3, 2), (6, 320, 1, 1)]

_norm_v2 = functools.partial(blocks.norm, momentum=0.999)


def _block_v2(x: Any, widen: int, filters: int, strides: int, name: str) -> Any:
    """Widen, look around in each channel, and narrow; what is as narrow as it was is added to it."""
    start = x
    if widen > 1:
        x = _conv(x, widen * blocks.channels(x), 1, name=f"{name}_expand")
        x = _relu6(_norm_v2(x, f"{name}_expand_BN"), f"{name}_expand_relu")
    if strides > 1:
        x = blocks.pad_for_stride(x, 3, f"{name}_pad")
    x = _depthwise(x, 3, strides, "same" if strides == 1 else "valid", name=f"{name}_depthwise")
    x = _relu6(_norm_v2(x, f"{name}_depthwise_BN"), f"{name}_depthwise_relu")
    x = _norm_v2(_conv(x, filters, 1, name=f"{name}_project"), f"{name}_project_BN")
    if strides == 1 and blocks.channels(start) == filters:
        x = layers.Add(name=f"{name}_add")([start, x])
    return x


def _body_v2(x: Any, row: None, asked: Asked) -> Any:
    alpha = asked.own["alpha"]
    x = _conv(x, round_to_eights(32 * alpha), 3, 2, name="Conv1")
    x = _relu6(_norm_v2(x, "bn_Conv1"), "Conv1_relu")
    number = 0
    for widen, filters, count, strides in _V2:
        for repeat in range(count):
            name = f"block_{number}" if number else "expanded_conv"
            x = _block_v2(x, widen, round_to_eights(int(filters * alpha)), 1 if repeat else strides, name)
            number += 1
    x = _conv(x, round_to_eights(1280 * max(alpha, 1.0)), 1, padding="valid", name="Conv_1")
    return _relu6(_norm_v2(x, "Conv_1_bn"), "out_relu")


def _choose_v2(asked: Asked, side: int | None) -> tuple[int, str]:
    if asked.include_top and asked.input_tensor is not None and asked.input_shape is None:
        height, width = blocks.image_size(asked.input_tensor)
        side = height if height == width else None
    return _choose(asked, side, "mobilenetv2", (96, 128, 160, 192, 224), (0.35, 0.5, 0.75, 1.0, 1.3, 1.4))


MobileNetV2, *_ = Family(
    "Depthwise convolutions between narrow ends that are added (Sandler et al. 2018, arXiv:1801.04381).",
    _body_v2,
    {"MobileNetV2": None},
    functools.partial(classifier, pool=None),
    (
        *("input_shape", "alpha", "include_top", "weights", "input_tensor", "pooling", "classes"),
        "classifier_activation",
    ),
    {"alpha": 1.0},
    title=lambda name: None,
    choose=_choose_v2,
    by_width=True,
).functions()


# -- the third version -------------------------------------------------------------------------------------------------
# Of each block: (width inside, channels, size of the kernel, strides, whether channels are weighed), and the number of
# the first block with hard-swish in place of ReLU, and the width of the classifier.
_V3: dict[str, tuple[list[tuple[int, int, int, int, bool]], int, int]] = {
    "MobileNetV3Small": (
        [
            (16, 16, 3, 2, True),
            *((72, 24, 3, 2, False), (88, 24, 3, 1, False)),
            *((96, 40, 5, 2, True), (240, 40, 5, 1, True), (240, 40, 5, 1, True)),
            *((120, 48, 5, 1, True), (144, 48, 5, 1, True)),
            *((288, 96, 5, 2, True), (576, 96, 5, 1, True), (576, 96, 5, 1, True)),
        ],
        3,
        1024,
    ),
    "MobileNetV3Large": (
        [
            (16, 16, 3, 1, False),
            *((64, 24, 3, 2, False), (72, 24, 3, 1, False)),
            *((72, 40, 5, 2, True), (120, 40, 5, 1, True), (120, 40, 5, 1, True)),
            *((240, 80, 3, 2, False), (200, 80, 3, 1, False), (184, 80, 3, 1, False), (184, 80, 3, 1, False)),
            *((480, 112, 3, 1, True), (672, 112, 3, 1, True)),
            *((672, 160, 5, 2, True), (960, 160, 5, 1, True), (960, 160, 5, 1, True)),
        ],
        6,
        1280,
    ),
}


def _act_v3(x: Any, hard_swish: bool) -> Any:
    return layers.Activation("hard_silu")(x) if hard_swish else layers.ReLU()(x)


def _weigh(x: Any, name: str) -> Any:
    """Squeeze and excite: each channel times a number between 0 and 1 that follows from the means of all."""
    width = blocks.channels(x)
    weight = layers.GlobalAveragePooling2D(keepdims=True, name=f"{name}_avg_pool")(x)
    weight = blocks.conv(weight, round_to_eights(width / 4), 1, name=f"{name}_conv")
    weight = layers.ReLU(name=f"{name}_relu")(weight)
    weight = blocks.conv(weight, width, 1, name=f"{name}_conv_1")
    weight = layers.ReLU(6.0)(weight + 3.0) * (1.0 / 6.0)
    return layers.Multiply(name=f"{name}_mul")([x, weight])


def _block_v3(
    x: Any, widen: float, filters: int, size: int, strides: int, weigh: bool, hard_swish: bool, name: str
) -> Any:
    start = x
    if widen:
        x = _conv(x, round_to_eights(blocks.channels(x) * widen), 1, name=f"{name}_expand")
        x = _act_v3(_norm_v2(x, f"{name}_expand_bn"), hard_swish)
    if strides > 1:
        x = blocks.pad_for_stride(x, size, f"{name}_depthwise_pad")
    x = _depthwise(x, size, strides, "same" if strides == 1 else "valid", name=f"{name}_depthwise")
    x = _act_v3(_norm_v2(x, f"{name}_depthwise_bn"), hard_swish)
    if weigh:
        x = _weigh(x, f"{name}_squeeze_excite")
    x = _norm_v2(_conv(x, filters, 1, name=f"{name}_project"), f"{name}_project_bn")
    if strides == 1 and blocks.channels(start) == filters:
        x = layers.Add(name=f"{name}_add")([start, x])
    return x


def _body_v3(x: Any, row: tuple[list[Any], int, int], asked: Asked) -> Any:
    table, first_hard_swish, _ = row
    alpha, minimal = asked.own["alpha"], asked.own["minimalistic"]
    if asked.own["include_preprocessing"]:
        x = layers.Rescaling(1.0 / 127.5, offset=-1.0)(x)
    x = _act_v3(_norm_v2(_conv(x, 16, 3, 2, name="conv"), "conv_bn"), not minimal)
    before = 16
    for number, (width, filters, size, strides, weigh) in enumerate(table):
        x = _block_v3(
            x,
            width / before if number else 0,
            round_to_eights(filters * alpha),
            3 if minimal else size,
            strides,
            weigh and not minimal,
            number >= first_hard_swish and not minimal,
            f"expanded_conv_{number}" if number else "expanded_conv",
        )
        before = filters
    x = _conv(x, round_to_eights(blocks.channels(x) * 6), 1, name="conv_1")
    return _act_v3(_norm_v2(x, "conv_1_bn"), not minimal)


def _head_v3(x: Any, asked: Asked) -> Any:
    width, alpha, rate = _V3[asked.architecture][2], asked.own["alpha"], asked.own["dropout_rate"]
    x = layers.GlobalAveragePooling2D(keepdims=True)(x)
    x = blocks.conv(x, round_to_eights(width * alpha) if alpha > 1.0 else width, 1, name="conv_2")
    x = _act_v3(x, not asked.own["minimalistic"])
    if rate > 0:
        x = layers.Dropout(rate)(x)
    x = layers.Flatten()(blocks.conv(x, asked.classes, 1, name="logits"))
    return blocks.act(x, "predictions", asked.classifier_activation)


def _choose_v3(asked: Asked, side: int | None) -> tuple[int, str]:
    minimal = asked.own["minimalistic"]
    if asked.pretrained:
        check_width(asked, (1.0,) if minimal else (0.75, 1.0))
    return 224, f"{asked.architecture} {asked.own['alpha']:.2f}{' minimalistic' if minimal else ''}"


MobileNetV3Small, MobileNetV3Large = Family(
    "MobileNetV2's blocks with weighed channels and cheap activations (Howard et al. 2019, arXiv:1905.02244).",
    _body_v3,
    _V3,
    _head_v3,
    (
        *("input_shape", "alpha", "minimalistic", "include_top", "weights", "input_tensor", "classes", "pooling"),
        *("dropout_rate", "classifier_activation", "include_preprocessing"),
    ),
    {"alpha": 1.0, "minimalistic": False, "dropout_rate": 0.2, "include_preprocessing": True},
    pools=("avg_pool", "max_pool"),
    title=lambda name: name,
    choose=_choose_v3,
    sized="never",
    by_width=True,
).functions()
