"""NASNet: two kinds of cells, found by a search, repeated (Zoph et al. 2017, arXiv:1707.07012).

A cell sees what the cell before it gave and what the one before that gave.

>>> from pronghorn import applications
>>> applications.NASNetMobile((32, 32, 3), weights=None, include_top=False).count_params()
4269716
"""

from __future__ import annotations

import functools
from typing import Any, NamedTuple

from pronghorn import layers
from pronghorn.applications.networks import blocks
from pronghorn.applications.networks.family import Asked, Family, classifier


class Row(NamedTuple):
    """A network.

    Attributes:
        size: the usual height and width of images.
        repeats: how many normal cells follow each other.
        channels: after the last cell.
        stem: channels of the first convolution.
        old: whether the cell after a reduction sees what came two before that, not one.
    """

    size: int
    repeats: int
    channels: int
    stem: int
    old: bool


_conv = functools.partial(blocks.conv, use_bias=False, kernel_initializer="he_normal")
_norm = functools.partial(blocks.norm, momentum=0.9997)


def _separable(x: Any, filters: int, size: int, name: str, strides: int = 1) -> Any:
    """Two separable convolutions, each behind a ReLU."""
    for part, step in (1, strides), (2, 1):
        x = blocks.act(x)
        padding = "same"
        if step > 1:
            x, padding = blocks.pad_for_stride(x, size, f"separable_conv_1_pad_{name}"), "valid"
        x = blocks.separable(x, filters, size, step, padding, use_bias=False, name=f"separable_conv_{part}_{name}")
        x = _norm(x, f"separable_conv_{part}_bn_{name}")
    return x


def _fitted(before: Any, x: Any, filters: int, name: str) -> Any:
    """What came before, in the size and with the channels of what a cell is given."""
    if before is None:
        return x
    if blocks.image_size(before) != blocks.image_size(x):
        before = blocks.act(before, f"adjust_relu_1_{name}")
        shifted = layers.Cropping2D(((1, 0), (1, 0)))(blocks.pad(before, ((0, 1), (0, 1))))
        halves = []
        for part, images in enumerate((before, shifted), 1):
            picked = blocks.average_pool(images, 1, 2, name=f"adjust_avg_pool_{part}_{name}")
            halves.append(_conv(picked, filters // 2, 1, name=f"adjust_conv_{part}_{name}"))
        return _norm(blocks.concatenate(halves), f"adjust_bn_{name}")
    if blocks.channels(before) != filters:
        before = _conv(blocks.act(before), filters, 1, name=f"adjust_conv_projection_{name}")
        return _norm(before, f"adjust_bn_{name}")
    return before


def _normal(x: Any, before: Any, filters: int, name: str) -> Any:
    """A cell that keeps the size."""
    before = _fitted(before, x, filters, name)
    x = _norm(_conv(blocks.act(x), filters, 1, name=f"normal_conv_1_{name}"), f"normal_bn_1_{name}")

    def separable(images: Any, size: int, part: str) -> Any:
        return _separable(images, filters, size, f"normal_{part}_{name}")

    def mean(images: Any, part: str) -> Any:
        return blocks.average_pool(images, 3, 1, "same", name=f"normal_{part}_{name}")

    pairs = [
        [separable(x, 5, "left1"), separable(before, 3, "right1")],
        [separable(before, 5, "left2"), separable(before, 3, "right2")],
        [mean(x, "left3"), before],
        [mean(before, "left4"), mean(before, "right4")],
        [separable(x, 3, "left5"), x],
    ]
    sums = [layers.Add(name=f"normal_add_{number}_{name}")(pair) for number, pair in enumerate(pairs, 1)]
    return blocks.concatenate([before, *sums], f"normal_concat_{name}")


def _reduction(x: Any, before: Any, filters: int, name: str) -> Any:
    """A cell that halves the size."""
    before = _fitted(before, x, filters, name)
    x = _norm(_conv(blocks.act(x), filters, 1, name=f"reduction_conv_1_{name}"), f"reduction_bn_1_{name}")
    padded = blocks.pad_for_stride(x, 3, f"reduction_pad_1_{name}")

    def separable(images: Any, size: int, part: str, strides: int = 2) -> Any:
        return _separable(images, filters, size, f"reduction_{part}_{name}", strides)

    def add(pair: list[Any], part: str | None) -> Any:
        return layers.Add(name=part and f"reduction_{part}_{name}")(pair)

    first = add([separable(x, 5, "left1"), separable(before, 7, "right1")], "add_1")
    most = blocks.max_pool(padded, 3, 2, name=f"reduction_left2_{name}")
    second = add([most, separable(before, 7, "right2")], "add_2")
    means = blocks.average_pool(padded, 3, 2, name=f"reduction_left3_{name}")
    third = add([means, separable(before, 5, "right3")], "add3")
    means = blocks.average_pool(first, 3, 1, "same", name=f"reduction_left4_{name}")
    fourth = add([second, means], None)
    most = blocks.max_pool(padded, 3, 2, name=f"reduction_right5_{name}")
    fifth = add([separable(first, 3, "left4", 1), most], "add4")
    return blocks.concatenate([second, third, fourth, fifth], f"reduction_concat_{name}")


def _body(x: Any, row: Row, asked: Asked) -> Any:
    x = _conv(x, row.stem, 3, 2, "valid", name="stem_conv1")
    before, x = None, _norm(x, "stem_bn1")
    filters = row.channels // 24  # the last cells have four times as many, and six branches
    for number, share in (1, 4), (2, 2):
        before, x = x, _reduction(x, before, filters // share, f"stem_{number}")
    number = 0
    for group in range(3):
        if group:
            reduced = _reduction(x, before, filters << group, f"reduce_{group * row.repeats}")
            before, x = before if row.old else x, reduced
            number = group * row.repeats + 1
        for _ in range(row.repeats):
            before, x = x, _normal(x, before, filters << group, str(number))
            number += 1
    return blocks.act(x)


NASNetMobile, NASNetLarge = Family(
    "Two kinds of cells, found by a search, repeated (Zoph et al. 2017, arXiv:1707.07012).",
    _body,
    {"NASNetMobile": Row(224, 4, 1056, 32, False), "NASNetLarge": Row(331, 6, 4032, 96, True)},
    functools.partial(classifier, pool=None),
    ("input_shape", "include_top", "weights", "input_tensor", "pooling", "classes", "classifier_activation"),
    size=lambda row: row.size,
    title=lambda name: name.lower().replace("nasnet", "nasnet_"),
    sized="always",
).functions()
