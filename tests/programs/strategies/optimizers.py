"""Random optimizers: every hyperparameter, on weights of several shapes, with a schedule now and then."""

from __future__ import annotations

import operator
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from hypothesis import strategies as st

from strategies.ops_common import floats, optional, pick, shape

STEPS = 20
RATE = st.sampled_from((0.3, 0.05, 0.01))
# Ftrl adds up gradients and weights over the rate, of both signs, so that of large terms little may be left, with
# their rounding errors. In float32 beside float64 these are over 1e-5 for one weight in 200 at a rate of 0.01, and
# for none of 800,000 at these rates (up to 7e-6).
LARGE_RATE = st.sampled_from((0.5, 1.0))
BETA = st.sampled_from((0.5, 0.8, 0.95))
MOMENTS = {"beta_1": BETA, "beta_2": BETA, "epsilon": st.sampled_from((1e-7, 1e-3))}
START = st.sampled_from((0.0, 0.1, 0.5))

# What each optimizer has of its own.
HYPERPARAMETERS: dict[str, dict[str, st.SearchStrategy]] = {
    "SGD": {"momentum": BETA, "nesterov": st.booleans()},
    "Adam": {**MOMENTS, "amsgrad": st.booleans()},
    "AdamW": {**MOMENTS, "amsgrad": st.booleans()},
    "Adamax": MOMENTS,
    "Nadam": MOMENTS,
    "Lamb": MOMENTS,
    "Lion": {"beta_1": BETA, "beta_2": BETA},
    "Adadelta": {"rho": BETA, "epsilon": st.sampled_from((1e-7, 1e-3))},
    "Adagrad": {"initial_accumulator_value": START, "epsilon": st.sampled_from((1e-7, 1e-3))},
    "Adafactor": {
        "beta_2_decay": st.sampled_from((-0.8, -0.5)),
        "clip_threshold": st.sampled_from((0.5, 1.0)),
        "relative_step": st.booleans(),
    },
    "RMSprop": {"rho": BETA, "momentum": BETA, "centered": st.booleans()},
    "Ftrl": {
        "learning_rate_power": st.sampled_from((-0.5, -0.8)),
        "initial_accumulator_value": st.sampled_from((0.1, 0.5)),
        "l1_regularization_strength": st.sampled_from((0.0, 0.05)),
        "l2_regularization_strength": st.sampled_from((0.0, 0.05)),
        "l2_shrinkage_regularization_strength": st.sampled_from((0.0, 0.05)),
        "beta": st.sampled_from((0.0, 0.3)),
    },
    "Muon": {
        "momentum": BETA,
        "nesterov": st.booleans(),
        "ns_steps": st.integers(1, 5),
        "adam_lr_ratio": st.sampled_from((0.5, 1)),
        "rms_rate": st.sampled_from((0.2, None)),
    },
    "ScheduleFreeAdamW": {**MOMENTS, "warmup_steps": st.integers(0, 3)},
}

SCHEDULES: dict[str, dict[str, st.SearchStrategy]] = {
    "ExponentialDecay": {
        "decay_steps": st.integers(1, 9), "decay_rate": st.floats(0.3, 0.95), "staircase": st.booleans(),
    },
    "InverseTimeDecay": {
        "decay_steps": st.integers(1, 9), "decay_rate": st.floats(0.3, 2), "staircase": st.booleans(),
    },
    "PolynomialDecay": {
        "decay_steps": st.integers(1, 9), "end_learning_rate": st.floats(0.001, 0.1), "power": st.floats(0.5, 2),
        "cycle": st.booleans(),
    },
    "CosineDecay": {
        "decay_steps": st.integers(1, 9), "alpha": st.floats(0, 0.5), "warmup_target": st.none() | st.floats(0.5, 1),
        "warmup_steps": st.integers(1, 5),
    },
    "CosineDecayRestarts": {
        "first_decay_steps": st.integers(1, 5), "t_mul": st.sampled_from((1.0, 1.5, 2.0)),
        "m_mul": st.floats(0.5, 1), "alpha": st.floats(0, 0.5),
    },
    "PiecewiseConstantDecay": {},
}  # fmt: skip


@dataclass
class Made:
    """A schedule or an optimizer that each library makes of its own: a name in a namespace, and arguments."""

    name: str
    options: dict[str, Any]
    namespace: str = "optimizers"

    def make(self, library: Any) -> Any:
        """The object of a library."""
        options = {k: v.make(library) if isinstance(v, Made) else v for k, v in self.options.items()}
        return getattr(operator.attrgetter(self.namespace)(library), self.name)(**options)


@st.composite
def schedules(draw: Any, name: str) -> Made:
    """A schedule of the learning rate."""
    if name == "PiecewiseConstantDecay":
        boundaries = sorted(draw(st.sets(st.integers(1, 12), min_size=1, max_size=3)))
        options: dict[str, Any] = {
            "boundaries": boundaries,
            "values": [0.5 / (i + 1) for i in range(len(boundaries) + 1)],
        }
    else:
        options = {"initial_learning_rate": draw(st.sampled_from((0.5, 0.1)))}
        needed = {"decay_steps", "first_decay_steps", "decay_rate"}
        for key, values in SCHEDULES[name].items():
            if key in needed or draw(st.booleans()):
                options[key] = draw(values)
    return Made(name, options, "optimizers.schedules")


@dataclass
class Use:
    """An optimizer, the weights' first values, and the gradients of each step."""

    optimizer: Made
    weights: list[np.ndarray]
    gradients: list[list[np.ndarray]] = field(default_factory=list)
    tolerance: float = 1e-5


def _common(draw: Any, name: str) -> dict[str, Any]:
    """What all optimizers have."""
    options: dict[str, Any] = {}
    if draw(st.booleans()):
        options["weight_decay"] = draw(st.sampled_from((0.004, 0.1)))
    if draw(st.booleans()):
        options[pick(draw, "clipnorm", "clipvalue", "global_clipnorm")] = draw(st.sampled_from((0.3, 1.0)))
    if draw(st.integers(0, 3)) == 0:
        options |= {"use_ema": True} | optional(
            draw, {"ema_momentum": BETA, "ema_overwrite_frequency": st.integers(1, 3)}
        )
    if draw(st.integers(0, 3)) == 0:
        options["gradient_accumulation_steps"] = draw(st.integers(2, 3))
    if draw(st.integers(0, 3)) == 0:
        options["loss_scale_factor"] = draw(st.sampled_from((2.0, 16.0)))
    return options


def _optimizer(draw: Any, name: str) -> Made:
    options = _common(draw, name) | optional(draw, HYPERPARAMETERS[name])
    if name == "Ftrl":
        options["learning_rate"] = draw(LARGE_RATE)
    elif draw(st.integers(0, 3)) == 0:
        options["learning_rate"] = draw(schedules(draw(st.sampled_from(sorted(SCHEDULES)))))
    else:
        options["learning_rate"] = draw(RATE)
    return Made(name, options)


@st.composite
def uses(draw: Any, name: str) -> Use:
    """Some steps of an optimizer."""
    tolerance = 1e-5
    if name == "LossScaleOptimizer":
        inner = _optimizer(draw, draw(st.sampled_from(("SGD", "Adam", "RMSprop"))))
        for key in ("gradient_accumulation_steps", "loss_scale_factor"):
            inner.options.pop(key, None)
        options = {"inner_optimizer": inner, "initial_scale": 4.0, "dynamic_growth_steps": draw(st.integers(1, 3))}
        optimizer = Made(name, options)
    else:
        optimizer = _optimizer(draw, name)
    if name == "Muon":
        tolerance = 1e-4  # a polynomial of the fifth degree, five times over
    shapes = [shape(draw, 0, 3, (1, 4)) for _ in range(draw(st.integers(1, 3)))]
    weights = [floats(draw, s) for s in shapes]
    gradients = [[floats(draw, s) for s in shapes] for _ in range(STEPS)]
    if name == "LossScaleOptimizer" and draw(st.booleans()):
        gradients[2][0] = np.full_like(gradients[2][0], np.inf)
    return Use(optimizer, weights, gradients, tolerance)
