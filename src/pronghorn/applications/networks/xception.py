"""Xception: residual blocks of depthwise separable convolutions (Chollet 2016, arXiv:1610.02357).

>>> from pronghorn import applications
>>> applications.Xception(weights=None, include_top=False, input_shape=(71, 71, 3)).output_shape
(None, 3, 3, 2048)
"""

from __future__ import annotations

from typing import Any

from pronghorn import layers
from pronghorn.applications.networks import blocks
from pronghorn.applications.networks.family import Asked, Family

_SHRINKING = {2: (128, 128), 3: (256, 256), 4: (728, 728), 13: (728, 1024)}  # blocks that halve the size
_KEEPING = (728, 728, 728)


def _separable(x: Any, filters: int, name: str) -> Any:
    return blocks.norm(blocks.separable(x, filters, 3, use_bias=False, name=name), f"{name}_bn")


def _block(x: Any, number: int) -> Any:
    widths = _SHRINKING.get(number, _KEEPING)
    around = x
    if number in _SHRINKING:
        around = blocks.norm(blocks.conv(x, widths[-1], 1, 2, use_bias=False))
    for part, filters in enumerate(widths, 1):
        name = f"block{number}_sepconv{part}"
        if number > 2 or part > 1:  # the first block is given what has been clipped already
            x = blocks.act(x, f"{name}_act")
        x = _separable(x, filters, name)
    if number in _SHRINKING:
        x = blocks.max_pool(x, 3, 2, "same", name=f"block{number}_pool")
    return layers.Add()([x, around])


def _body(x: Any, row: None, asked: Asked) -> Any:
    for part, (filters, strides) in enumerate([(32, 2), (64, 1)], 1):
        name = f"block1_conv{part}"
        x = blocks.conv(x, filters, 3, strides, "valid", use_bias=False, name=name)
        x = blocks.act(blocks.norm(x, f"{name}_bn"), f"{name}_act")
    for number in range(2, 14):
        x = _block(x, number)
    for part, filters in enumerate((1536, 2048), 1):
        name = f"block14_sepconv{part}"
        x = blocks.act(_separable(x, filters, name), f"{name}_act")
    return x


Xception, *_ = Family(
    "Residual blocks of depthwise separable convolutions (Chollet 2016, arXiv:1610.02357).",
    _body,
    {"Xception": None},
    size=299,
    least=71,
).functions()
