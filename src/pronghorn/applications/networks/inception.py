"""Inception: several convolutions of different sizes side by side (Szegedy et al. 2015, arXiv:1512.00567).

InceptionResNetV2 adds a way around each block (Szegedy et al. 2016, arXiv:1602.07261).

Blocks are written as lines of branches, between bars. `64` is a 1x1 convolution to 64 channels, `96:3x3` one of another
size, `/2` halves the size and pads nothing, `v` pads nothing; `max` and `mean` are pools; `a+b` are both, side by side.

>>> from pronghorn import applications
>>> applications.InceptionV3(weights=None, include_top=False, input_shape=(75, 75, 3)).count_params()
21802784
"""

from __future__ import annotations

import re
from typing import Any

from pronghorn import layers
from pronghorn.applications.networks import blocks
from pronghorn.applications.networks.family import Asked, Family

_UNIT = re.compile(r"(\d+)(?::(\d)x(\d))?(/2|v)?$")

_STEM = "32:3x3/2 32:3x3v 64:3x3 max 80:1x1v 192:3x3v max"


def _wide(filters: int) -> str:
    """A block of the middle of InceptionV3: 7x7 convolutions as two of 1x7 and 7x1."""
    n = filters
    return f"192 | {n} {n}:1x7 192:7x1 | {n} {n}:7x1 {n}:1x7 {n}:7x1 192:1x7 | mean 192"


_LAST = "320 | 384 384:1x3+384:3x1={} | 448 384:3x3 384:1x3+384:3x1 | mean 192"

_V3 = {
    "mixed0": "64 | 48 64:5x5 | 64 96:3x3 96:3x3 | mean 32",
    "mixed1": "64 | 48 64:5x5 | 64 96:3x3 96:3x3 | mean 64",
    "mixed2": "64 | 48 64:5x5 | 64 96:3x3 96:3x3 | mean 64",
    "mixed3": "384:3x3/2 | 64 96:3x3 96:3x3/2 | max",
    "mixed4": _wide(128),
    "mixed5": _wide(160),
    "mixed6": _wide(160),
    "mixed7": _wide(192),
    "mixed8": "192 320:3x3/2 | 192 192:1x7 192:7x1 192:3x3/2 | max",
    "mixed9": _LAST.format("mixed9_0"),
    "mixed10": _LAST.format("mixed9_1"),
}

# A block of InceptionResNetV2 and the blocks that follow it: (how many, name, branches, scale of what is added).
_RESNET = [
    ("mixed_5b", "96 | 48 64:5x5 | 64 96:3x3 96:3x3 | mean 64"),
    (10, "block35", "32 | 32 32:3x3 | 32 48:3x3 64:3x3", 0.17),
    ("mixed_6a", "384:3x3/2 | 256 256:3x3 384:3x3/2 | max"),
    (20, "block17", "192 | 128 160:1x7 192:7x1", 0.1),
    ("mixed_7a", "256 384:3x3/2 | 256 288:3x3/2 | 256 288:3x3 320:3x3/2 | max"),
    (10, "block8", "192 | 192 224:1x3 256:3x1", 0.2),
]


class CustomScaleLayer(layers.Layer):
    """A sum of two tensors, the second times a number.

    Args:
        scale: the number.

    >>> import numpy as np
    >>> CustomScaleLayer(0.5)([np.array([1.0]), np.array([4.0])]).tolist()
    [3.0]
    """

    def __init__(self, scale: float, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.scale = scale

    def get_config(self) -> dict[str, Any]:
        """Return the configuration, as `from_config` takes it."""
        return {**super().get_config(), "scale": self.scale}

    def call(self, inputs: Any) -> Any:
        """Return the sum."""
        return inputs[0] + inputs[1] * self.scale


def _unit(x: Any, filters: int, size: Any = 1, strides: int = 1, padding: str = "same", name: str | None = None) -> Any:
    """A convolution, normalised and clipped at zero."""
    x = blocks.conv(x, filters, size, strides, padding, use_bias=False, name=name)
    x = blocks.norm(x, name and f"{name}_bn", scale=False)
    return blocks.act(x, name and f"{name}_ac")


def _step(x: Any, text: str) -> Any:
    """One word of a branch."""
    if text == "max":
        return blocks.max_pool(x, 3, 2)
    if text == "mean":
        return blocks.average_pool(x, 3, 1, "same")
    if "+" in text:
        text, _, name = text.partition("=")
        return blocks.concatenate([_step(x, part) for part in text.split("+")], name or None)
    filters, height, width, how = _UNIT.match(text).groups()  # type: ignore[union-attr]
    return _unit(
        x, int(filters), (int(height or 1), int(width or 1)), 2 if how == "/2" else 1, "valid" if how else "same"
    )


def _branch(x: Any, text: str) -> Any:
    for word in text.split():
        x = _step(x, word)
    return x


def _mixed(x: Any, text: str, name: str) -> Any:
    """A block: its branches, side by side."""
    return blocks.concatenate([_branch(x, branch) for branch in text.split("|")], name)


def _body(x: Any, table: dict[str, str], asked: Asked) -> Any:
    x = _branch(x, _STEM)
    for name, text in table.items():
        x = _mixed(x, text, name)
    return x


def _residual(x: Any, text: str, scale: float, name: str, activation: bool) -> Any:
    """A block whose result is added to what it was given, scaled down so that training is stable."""
    more = blocks.conv(_mixed(x, text, f"{name}_mixed"), blocks.channels(x), 1, name=f"{name}_conv")
    x = CustomScaleLayer(scale)([x, more])
    return blocks.act(x, f"{name}_ac") if activation else x


def _resnet_body(x: Any, table: list[Any], asked: Asked) -> Any:
    x = _branch(x, _STEM)
    for row in table:
        if len(row) == 2:
            x = _mixed(x, row[1], row[0])
            continue
        count, name, text, scale = row
        for number in range(1, count + 1):
            last = name == "block8" and number == count  # it is added as it is
            x = _residual(x, text, 1.0 if last else scale, f"{name}_{number}", not last)
    return _unit(x, 1536, name="conv_7b")


InceptionV3, *_ = Family(
    "Convolutions of different sizes side by side (Szegedy et al. 2015, arXiv:1512.00567).",
    _body,
    {"InceptionV3": _V3},
    size=299,
    least=75,
    title=lambda name: "inception_v3",
).functions()
InceptionResNetV2, *_ = Family(
    "Convolutions of different sizes side by side, and a way around them (Szegedy et al. 2016, arXiv:1602.07261).",
    _resnet_body,
    {"InceptionResNetV2": _RESNET},
    size=299,
    least=75,
    title=lambda name: "inception_resnet_v2",
).functions()
