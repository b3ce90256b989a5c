"""The explanation of one value of a layer."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import numpy as np

from pronghorn.studio.json_text import short

Place = tuple[int, ...]


@dataclass
class Window:
    """One channel of the window that a filter sees.

    Attributes:
        channel: its number in the input.
        inputs: the values, rows of them; None beyond the edge.
        weights: the filter's, beside them; empty for pooling.
        total: the sum of the products.
    """

    channel: int
    inputs: list[list[float | None]]
    weights: list[list[float]] = field(default_factory=list)
    total: float | None = None


@dataclass
class Explanation:
    """Where a value comes from.

    Attributes:
        text: in a sentence or two.
        windows: for convolutions and pooling, the channels that count most.
        terms: for dense layers, `[number, input, weight, product]` of the inputs that count most.
        steps: what is computed one after another, `[what, value]`.
        left: what all others add up to.
        others: how many they are.
        bias: what is added.
        total: the sum.
        activation: the function that follows, if any.
        value: what comes out.
        place: top, left, bottom and right of the window in the input, the last two not in it.
    """

    text: str
    windows: list[Window] = field(default_factory=list)
    terms: list[list[Any]] = field(default_factory=list)
    steps: list[list[Any]] = field(default_factory=list)
    left: float = 0.0
    others: int = 0
    bias: float | None = None
    total: float | None = None
    activation: str | None = None
    value: float | None = None
    place: list[int] | None = None


def finished(layer: Any, found: Explanation, sums: np.ndarray | None = None, which: int = 0) -> Explanation:
    """The activation behind a sum; one such as softmax needs the sums of all units.

    Args:
        layer: what has the activation, and says whether there is a bias.
        found: what is known before it.
        sums: of all units; of this one alone by default.
        which: the unit's number among them.
    """
    name = getattr(layer.activation, "__name__", "linear")
    values = np.array([found.total]) if sums is None else sums
    value = np.asarray(layer.activation(values.astype("float32")[None]))[0]
    found.activation = None if name == "linear" else name
    found.value = short(value[which])
    found.total, found.left = short(found.total), short(found.left) or 0.0
    found.bias = None if found.bias is None or not layer.use_bias else short(found.bias)
    return found


def numbers(weight: Any) -> np.ndarray:
    """A weight as an array of float64."""
    return np.asarray(weight, np.float64)


def rows(values: np.ndarray) -> list[list[Any]]:
    """A matrix for the page."""
    return [[short(v) for v in row] for row in values]
