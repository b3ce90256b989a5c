"""Residual networks: blocks that add what they compute to what they are given (He et al. 2015, arXiv:1512.03385).

ResNet*V2 normalise before each convolution (He et al. 2016, arXiv:1603.05027).

>>> from pronghorn import applications
>>> network = applications.ResNet50(weights=None, include_top=False, input_shape=(32, 32, 3))
>>> network.output_shape, network.count_params()
((None, 1, 1, 2048), 23587712)
"""

from __future__ import annotations

import functools
from typing import Any

from pronghorn import layers
from pronghorn.applications.networks import blocks
from pronghorn.applications.networks.family import Asked, Family

_norm = functools.partial(blocks.norm, epsilon=1.001e-5)
_conv = functools.partial(blocks.conv, padding="valid")

_REPEATS = {50: (3, 4, 6, 3), 101: (3, 4, 23, 3), 152: (3, 8, 36, 3)}


def _norm_act(x: Any, name: str) -> Any:
    return blocks.act(_norm(x, f"{name}_bn"), f"{name}_relu")


def _stem(x: Any, normalised: bool) -> Any:
    """A quarter of the size before the first block."""
    x = _conv(blocks.pad(x, 3, "conv1_pad"), 64, 7, 2, name="conv1_conv")
    if normalised:
        x = _norm_act(x, "conv1")
    return blocks.max_pool(blocks.pad(x, 1, "pool1_pad"), 3, 2, name="pool1_pool")


def _block(x: Any, filters: int, strides: int, widen: bool, name: str) -> Any:
    """1x1, 3x3 and 1x1 convolutions, and a way around them."""
    around = x
    if widen:
        around = _norm(_conv(x, 4 * filters, 1, strides, name=f"{name}_0_conv"), f"{name}_0_bn")
    x = _norm_act(_conv(x, filters, 1, strides, name=f"{name}_1_conv"), f"{name}_1")
    x = _norm_act(_conv(x, filters, 3, padding="same", name=f"{name}_2_conv"), f"{name}_2")
    x = _norm(_conv(x, 4 * filters, 1, name=f"{name}_3_conv"), f"{name}_3_bn")
    return blocks.act(layers.Add(name=f"{name}_add")([around, x]), f"{name}_out")


def _body(x: Any, repeats: tuple[int, ...], asked: Asked) -> Any:
    x = _stem(x, normalised=True)
    for stage, count in enumerate(repeats):
        for number in range(count):
            strides = 2 if number == 0 and stage else 1
            x = _block(x, 64 << stage, strides, number == 0, f"conv{stage + 2}_block{number + 1}")
    return x


def _block_v2(x: Any, filters: int, strides: int, widen: bool, name: str) -> Any:
    """The block of the second version: it starts with normalisation, and what goes around it is not normalised."""
    start = _norm_act(x, f"{name}_preact")
    if widen:
        around = _conv(start, 4 * filters, 1, strides, name=f"{name}_0_conv")
    else:
        around = blocks.max_pool(x, 1, strides) if strides > 1 else x
    x = _norm_act(_conv(start, filters, 1, use_bias=False, name=f"{name}_1_conv"), f"{name}_1")
    x = blocks.pad(x, 1, f"{name}_2_pad")
    x = _norm_act(_conv(x, filters, 3, strides, use_bias=False, name=f"{name}_2_conv"), f"{name}_2")
    x = _conv(x, 4 * filters, 1, name=f"{name}_3_conv")
    return layers.Add(name=f"{name}_out")([around, x])


def _body_v2(x: Any, repeats: tuple[int, ...], asked: Asked) -> Any:
    x = _stem(x, normalised=False)
    for stage, count in enumerate(repeats):
        for number in range(count):
            strides = 2 if number == count - 1 and stage < 3 else 1  # the last block of a stage halves the size
            x = _block_v2(x, 64 << stage, strides, number == 0, f"conv{stage + 2}_block{number + 1}")
    return _norm_act(x, "post")


_POOLS = ("avg_pool", "max_pool")
ResNet50, ResNet101, ResNet152 = Family(
    "Residual blocks (He et al. 2015, arXiv:1512.03385).",
    _body,
    {f"ResNet{depth}": repeats for depth, repeats in _REPEATS.items()},
    pools=_POOLS,
).functions()
ResNet50V2, ResNet101V2, ResNet152V2 = Family(
    "Residual blocks that normalise before each convolution (He et al. 2016, arXiv:1603.05027).",
    _body_v2,
    {f"ResNet{depth}V2": repeats for depth, repeats in _REPEATS.items()},
    pools=_POOLS,
).functions()
