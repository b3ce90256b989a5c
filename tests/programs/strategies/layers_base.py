"""Drawn configurations of layers: what a sample is, and the pieces that the families share."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from hypothesis import strategies as st

# Layer name -> strategy of its samples, filled by the modules beside this one.
SAMPLES: dict[str, st.SearchStrategy[Sample]] = {}

ACTIVATIONS = (None, "relu", "tanh", "gelu", "softmax", "sigmoid", "elu", "silu", "selu", "softplus")
LOW_PRECISION = ("mixed_bfloat16", "bfloat16", "float16", "mixed_float16")


@dataclass(frozen=True)
class Inner:
    """A layer, or another object of a library, that is an argument of a layer: each library makes its own."""

    name: str
    kwargs: dict[str, Any] = field(default_factory=dict)
    namespace: str = "layers"

    def make(self, library: Any) -> Any:
        return getattr(getattr(library, self.namespace), self.name)(**made(self.kwargs, library))


def made(value: Any, library: Any) -> Any:
    """``value`` with every `Inner` made by ``library``."""
    if isinstance(value, Inner):
        return value.make(library)
    if isinstance(value, dict):
        return {k: made(v, library) for k, v in value.items()}
    if isinstance(value, (list, tuple)):
        return type(value)(made(v, library) for v in value)
    return value


@dataclass
class Sample:
    """One drawn layer and what it is called on.

    The float arrays in ``args`` and ``named`` are what is differentiated; others are given as they are.
    """

    layer: str
    kwargs: dict[str, Any]
    args: list[Any]
    named: dict[str, Any] = field(default_factory=dict)
    masks: list[np.ndarray | None] = field(default_factory=list)  # that the arrays in ``args`` carry, in flat order
    seed: int = 0
    symbolic: bool = True  # whether the compiled function leaves the batch's extent open, as `fit` does
    tolerance: float = 1e-5
    smooth: bool = True  # whether Keras's gradients mean anything

    def make(self, library: Any) -> Any:
        return getattr(library.layers, self.layer)(**made(self.kwargs, library))

    def __repr__(self) -> str:
        named = "".join(f", {k}={_short(v)}" for k, v in self.named.items())
        masks = f", masks {_short(self.masks)}" if self.masks else ""
        settings = ", ".join(f"{k}={v!r}" for k, v in self.kwargs.items())
        return (
            f"{self.layer}({settings}) on {_short(self.args)}{named}{masks}, seed {self.seed}, symbolic={self.symbolic}"
        )


def _short(value: Any) -> str:
    if isinstance(value, np.ndarray):
        return f"{value.dtype}{list(value.shape)}"
    if isinstance(value, dict):
        return "{" + ", ".join(f"{k}: {_short(v)}" for k, v in value.items()) + "}"
    if isinstance(value, (list, tuple)):
        return "[" + ", ".join(_short(v) for v in value) + "]"
    return repr(value)


class Draw:
    """Hypothesis's ``draw`` with the words that strategies of layers need."""

    def __init__(self, draw: Callable[..., Any]):
        self.draw = draw
        self.seed = self(st.integers(0, 2**16))
        self.rng = np.random.default_rng(self.seed)

    def __call__(self, strategy: st.SearchStrategy[Any]) -> Any:
        return self.draw(strategy)

    def one(self, *values: Any) -> Any:
        """One of ``values``; a shrinking example prefers the earlier ones."""
        return self(st.sampled_from(values))

    def int(self, low: int, high: int) -> int:
        return self(st.integers(low, high))

    def ints(self, count: int, low: int, high: int) -> tuple[int, ...]:
        return tuple(self.int(low, high) for _ in range(count))

    def bool(self) -> bool:
        return self(st.booleans())

    def rarely(self) -> bool:
        """True in one of five samples."""
        return self.int(0, 4) == 4

    def float(self, low: float, high: float) -> float:
        """One of the hundred steps from ``low`` to ``high``: a number that reads well in a report."""
        return round(low + self.int(0, 100) / 100 * (high - low), 6)

    def array(self, *shape: int, scale: float = 1.0) -> np.ndarray:
        """Normal numbers: what they are hardly matters, so they come from the sample's seed, not from hypothesis."""
        return (self.rng.normal(size=shape) * scale).astype("float32")

    def integers(self, *shape: int, below: int) -> np.ndarray:
        return self.rng.integers(0, below, size=shape).astype("int32")

    def mask(self, *shape: int, full: float = 0.6) -> np.ndarray:
        return self.rng.random(size=shape) < full

    def settings(self, **choices: Any) -> dict[str, Any]:
        """Arguments of a constructor: each is left out in half of the samples, else one of the values named."""
        return {name: self.one(*values) for name, values in choices.items() if self.bool()}

    def activation(self) -> dict[str, Any]:
        name = self.one(*ACTIVATIONS)
        return {} if name is None else {"activation": name}

    def regularizers(self, *names: str) -> dict[str, Any]:
        """Regularizers for some of the arguments ``names``, in one of five samples."""
        if not self.rarely():
            return {}
        return {
            name: self.one("l2", "l1", Inner("L1L2", {"l1": 0.1, "l2": 0.2}, "regularizers"))
            for name in names
            if self.bool()
        }


def _arrays(value: Any) -> list[np.ndarray]:
    if isinstance(value, (list, tuple)):
        return [a for v in value for a in _arrays(v)]
    return [value] if isinstance(value, np.ndarray) else []


def _steps_mask(d: Draw, x: np.ndarray) -> np.ndarray | None:
    """A mask of the steps of ``x`` of which none is without any; None for what has no steps.

    Beyond rank three Keras's merging layers cannot broadcast it.
    """
    if x.ndim != 3:
        return None
    mask = d.mask(*x.shape[:2])
    mask[:, [0, -1]] = True
    return mask


def samples_of(
    *names: str, low_precision: tuple[str, ...] = LOW_PRECISION, masked: bool = False, **settings: Any
) -> Callable[[Any], Any]:
    """Register a function ``(draw, name) -> Sample`` for the layers ``names``.

    Args:
        low_precision: dtype policies of 16-bit floats, of which some of the samples get one.
        masked: whether the inputs of some samples carry masks [batch, steps].
        settings: for `Sample`: what the family needs other than the defaults.
    """

    def register(function: Callable[[Draw, str], Sample]) -> Callable[[Draw, str], Sample]:
        @st.composite
        def strategy(draw: Callable[..., Any], name: str) -> Sample:
            d = Draw(draw)
            sample = function(d, name)
            sample.seed = d.seed
            for key, value in settings.items():
                setattr(sample, key, value)
            sample.symbolic = d.int(0, 2) != 2
            # With an initial state, Keras 3 does not look at the mask of the sequence; ours does.
            if masked and not sample.named.keys() & {"mask", "initial_state"} and d.int(0, 3) == 3:
                sample.masks = [_steps_mask(d, x) for x in _arrays(sample.args)]
            if low_precision and d.int(0, 7) == 7:
                sample.kwargs = {**sample.kwargs, "dtype": d.one(*low_precision)}
            return sample

        for name in names:
            SAMPLES[name] = strategy(name)
        return function

    return register
