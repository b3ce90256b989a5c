"""How far a position turns the numbers of a head, and what makes that reach further than the model was trained for.

Rotary embedding: Su et al., arXiv:2104.09864. The kinds of scaling: ``linear`` (Chen et al., arXiv:2306.15595),
``dynamic`` (NTK-aware, with a base that grows with the text), ``yarn`` (Peng et al., arXiv:2309.00071), ``llama3``
(Llama 3.1's configuration) and ``factors`` (a divisor for each pair, as GGUF files have them).
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any, NamedTuple

import numpy as np

KINDS = ("default", "linear", "dynamic", "yarn", "llama3", "factors")


class Rotation(NamedTuple):
    """How positions turn pairs of numbers.

    Args:
        frequencies: radians by which one position turns each pair, (pairs,), float32.
        magnitude: a factor of what is turned.
        growth: for ``dynamic``: ``(factor, original, exponents)``. In a text of more than ``original`` tokens, the
            frequencies are multiplied by ``stretch ** -exponents``, where ``stretch`` is
            ``factor * tokens / original - (factor - 1)``.
    """

    frequencies: np.ndarray
    magnitude: float = 1.0
    growth: tuple[float, float, np.ndarray] | None = None


def rotation(size: int, theta: float, scaling: Mapping[str, Any] | None = None) -> Rotation:
    """Return how positions turn ``size`` numbers of a head.

    Args:
        size: numbers that are turned, an even number.
        theta: the base of the periods.
        scaling: ``rope_scaling`` of a model's configuration, of one of `KINDS`; None for none.

    Raises:
        KeyError: for a scaling that lacks a value.
        ValueError: for a scaling of another kind, or values that make no sense.

    >>> rotation(4, 100.0).frequencies
    array([1. , 0.1], dtype=float32)
    """
    scaling = dict(scaling or {})
    kind = scaling.get("rope_type", scaling.get("type", "default"))
    if kind not in KINDS:
        raise ValueError(f"Rotations of the kind {kind!r} are not known; known are {', '.join(map(repr, KINDS))}.")
    plain = theta ** -(np.arange(0, size, 2) / max(size, 1))
    if kind == "default" or not size:
        return Rotation(plain.astype("float32"))
    if kind == "factors":
        divisors = np.asarray(scaling["factors"], "float64")
        if divisors.shape != plain.shape or not (divisors > 0).all() or not np.isfinite(divisors).all():
            raise ValueError(
                f"The factors of rotations are {size // 2} positive numbers, not {divisors.shape[0]} of any."
            )
        return Rotation((plain / divisors).astype("float32"))
    factor = _positive(scaling, "factor")
    if kind == "linear":
        return Rotation((plain / factor).astype("float32"))
    original = _positive(scaling, "original_max_position_embeddings")
    if kind == "dynamic":
        exponents = np.arange(0, size, 2) / max(size - 2, 1)
        return Rotation(plain.astype("float32"), growth=(factor, original, exponents.astype("float32")))
    turns = original * plain / (2 * math.pi)  # of each pair in the texts of the training
    if kind == "llama3":
        low, high = _positive(scaling, "low_freq_factor"), _positive(scaling, "high_freq_factor")
        if low >= high:
            raise ValueError(f"low_freq_factor, {low}, is to be less than high_freq_factor, {high}.")
        kept = np.clip((turns - low) / (high - low), 0.0, 1.0)
        return Rotation((kept * plain + (1 - kept) * plain / factor).astype("float32"))
    kept = _kept_by_yarn(size, theta, original, scaling)
    return Rotation((kept * plain + (1 - kept) * plain / factor).astype("float32"), _magnitude(factor, scaling))


def _positive(scaling: Mapping[str, Any], name: str, default: float | None = None) -> float:
    """A value that is a positive number."""
    value = scaling[name] if default is None else scaling.get(name)
    if value is None and default is not None:
        return default
    if isinstance(value, bool) or not isinstance(value, int | float) or not 0 < value < math.inf:
        raise ValueError(f"The {name.replace('_', ' ')} of rotations is a positive number, not {value!r}.")
    return float(value)


def _kept_by_yarn(size: int, theta: float, original: float, scaling: Mapping[str, Any]) -> np.ndarray:
    """How much of each pair's frequency is kept: all where a pair turns often in a text of the training."""
    if theta <= 1:
        raise ValueError(f"The base of rotations of the kind 'yarn' is more than 1, not {theta!r}.")

    def pair(turns: float) -> float:
        """The number of the pair, with a fraction, that turns so often."""
        return size * math.log(original / (2 * math.pi * turns)) / (2 * math.log(theta))

    first, last = pair(_positive(scaling, "beta_fast", 32.0)), pair(_positive(scaling, "beta_slow", 1.0))
    if scaling.get("truncate", True):
        first, last = math.floor(first), math.ceil(last)
    first, last = max(first, 0), min(last, size - 1)
    width = last - first if last != first else 1e-3  # where both are one pair, it is a step
    return 1 - np.clip((np.arange(size // 2) - first) / width, 0.0, 1.0)


def _magnitude(factor: float, scaling: Mapping[str, Any]) -> float:
    """YaRN's temperature of attention, which is in the factor of both queries and keys."""
    if scaling.get("attention_factor") is not None:
        return _positive(scaling, "attention_factor")

    def scale(weight: float) -> float:
        return 1.0 if factor <= 1 else 0.1 * weight * math.log(factor) + 1

    if scaling.get("mscale") and scaling.get("mscale_all_dim"):
        return scale(_positive(scaling, "mscale")) / scale(_positive(scaling, "mscale_all_dim"))
    return scale(1.0)
