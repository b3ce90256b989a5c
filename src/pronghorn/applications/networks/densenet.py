"""DenseNet: each layer reads the channels of all before it and adds a few (Huang et al. 2016, arXiv:1608.06993).

>>> from pronghorn import applications
>>> applications.DenseNet121(weights=None, include_top=False, input_shape=(32, 32, 3)).count_params()
7037504
"""

from __future__ import annotations

import functools
from typing import Any

from pronghorn.applications.networks import blocks
from pronghorn.applications.networks.family import Asked, Family

_GROWTH = 32  # channels that a layer adds

_conv = functools.partial(blocks.conv, use_bias=False)


def _norm_act(x: Any, name: str) -> Any:
    x = blocks.norm(x, f"{name}_bn" if name else "bn", epsilon=1.001e-5)
    return blocks.act(x, f"{name}_relu" if name else "relu")


def _layer(x: Any, name: str) -> Any:
    """Normalise and narrow by a 1x1 convolution, look around by one of 3x3, and add that to what is known."""
    more = _conv(_norm_act(x, f"{name}_0"), 4 * _GROWTH, 1, padding="valid", name=f"{name}_1_conv")
    more = _conv(_norm_act(more, f"{name}_1"), _GROWTH, 3, name=f"{name}_2_conv")
    return blocks.concatenate([x, more], f"{name}_concat")


def _transition(x: Any, name: str) -> Any:
    """Half the channels, a quarter of the pixels."""
    x = _conv(_norm_act(x, name), blocks.channels(x) // 2, 1, padding="valid", name=f"{name}_conv")
    return blocks.average_pool(x, 2, 2, name=f"{name}_pool")


def _body(x: Any, repeats: tuple[int, ...], asked: Asked) -> Any:
    x = _conv(blocks.pad(x, 3), 64, 7, 2, padding="valid", name="conv1_conv")
    x = blocks.max_pool(blocks.pad(_norm_act(x, "conv1"), 1), 3, 2, name="pool1")
    for stage, count in enumerate(repeats, 2):
        if stage > 2:
            x = _transition(x, f"pool{stage - 1}")
        for number in range(1, count + 1):
            x = _layer(x, f"conv{stage}_block{number}")
    return _norm_act(x, "")


DenseNet121, DenseNet169, DenseNet201 = Family(
    "Each layer reads the channels of all before it and adds a few (Huang et al. 2016, arXiv:1608.06993).",
    _body,
    {"DenseNet121": (6, 12, 24, 16), "DenseNet169": (6, 12, 32, 32), "DenseNet201": (6, 12, 48, 32)},
    pools=("avg_pool", "max_pool"),
).functions()
