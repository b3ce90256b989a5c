"""The schedules. Each computes its rate with ops on the step, so it becomes part of the compiled step."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

from pronghorn import config, ops
from pronghorn.optimizers.schedules.schedule import LearningRateSchedule


class _Decay(LearningRateSchedule):
    """What the schedules share: `_arguments` are both the attributes and the config."""

    _arguments: tuple[str, ...] = ()

    def get_config(self) -> dict[str, Any]:
        """Return the arguments that rebuild this schedule."""
        return {name: getattr(self, name) for name in self._arguments}

    def _step(self, step: Any) -> Any:
        return ops.cast(step, config.floatx())


def _check_positive(owner: str, value: float, name: str = "decay_steps") -> None:
    if value <= 0:
        raise ValueError(f"{owner}: {name} must be greater than 0, got {name}={value}.")


class ExponentialDecay(_Decay):
    """`initial_learning_rate * decay_rate**(step / decay_steps)`.

    Args:
        initial_learning_rate: the rate at step 0.
        decay_steps: after this many steps it is multiplied by `decay_rate`.
        decay_rate: see above.
        staircase: whether to decay at whole multiples of `decay_steps` only.
        name: its name.

    >>> round(float(ExponentialDecay(0.1, decay_steps=10, decay_rate=0.5)(20)), 6)
    0.025
    """

    _arguments = ("initial_learning_rate", "decay_steps", "decay_rate", "staircase", "name")

    def __init__(
        self,
        initial_learning_rate: float,
        decay_steps: int,
        decay_rate: float,
        staircase: bool = False,
        name: str = "ExponentialDecay",
    ):
        _check_positive("ExponentialDecay", decay_steps)
        self.initial_learning_rate, self.decay_steps, self.decay_rate = initial_learning_rate, decay_steps, decay_rate
        self.staircase, self.name = staircase, name

    def __call__(self, step: Any) -> Any:
        """Return the learning rate at a step."""
        share = self._step(step) / float(self.decay_steps)
        if self.staircase:
            share = ops.floor(share)
        return ops.power(ops.cast(self.decay_rate, share.dtype), share) * self.initial_learning_rate


class InverseTimeDecay(_Decay):
    """`initial_learning_rate / (1 + decay_rate * step / decay_steps)`.

    Args:
        initial_learning_rate: the rate at step 0.
        decay_steps: see above.
        decay_rate: see above.
        staircase: whether to decay at whole multiples of `decay_steps` only.
        name: its name.

    Example:

    >>> rate = InverseTimeDecay(0.1, decay_steps=10, decay_rate=0.5)
    >>> [round(float(rate(step)), 4) for step in (0, 10, 20)]
    [0.1, 0.0667, 0.05]
    """

    _arguments = ("initial_learning_rate", "decay_steps", "decay_rate", "staircase", "name")

    def __init__(
        self,
        initial_learning_rate: float,
        decay_steps: int,
        decay_rate: float,
        staircase: bool = False,
        name: str = "InverseTimeDecay",
    ):
        _check_positive("InverseTimeDecay", decay_steps)
        self.initial_learning_rate, self.decay_steps, self.decay_rate = initial_learning_rate, decay_steps, decay_rate
        self.staircase, self.name = staircase, name

    def __call__(self, step: Any) -> Any:
        """Return the learning rate at a step."""
        share = self._step(step) / float(self.decay_steps)
        if self.staircase:
            share = ops.floor(share)
        return self.initial_learning_rate / (1.0 + self.decay_rate * share)


class PolynomialDecay(_Decay):
    """From `initial_learning_rate` to `end_learning_rate` along a power of the steps that are left.

    Args:
        initial_learning_rate: the rate at step 0.
        decay_steps: after this many steps the end is reached.
        end_learning_rate: the last rate.
        power: 1 is a straight line.
        cycle: whether to start anew, each time over a longer range, beyond `decay_steps`.
        name: its name.

    Example:

    >>> rate = PolynomialDecay(0.1, decay_steps=100, end_learning_rate=0.01)
    >>> [round(float(rate(step)), 4) for step in (0, 50, 100)]
    [0.1, 0.055, 0.01]
    """

    _arguments = ("initial_learning_rate", "decay_steps", "end_learning_rate", "power", "cycle", "name")

    def __init__(
        self,
        initial_learning_rate: float,
        decay_steps: int,
        end_learning_rate: float = 0.0001,
        power: float = 1.0,
        cycle: bool = False,
        name: str = "PolynomialDecay",
    ):
        _check_positive("PolynomialDecay", decay_steps)
        self.initial_learning_rate, self.decay_steps = initial_learning_rate, decay_steps
        self.end_learning_rate, self.power, self.cycle, self.name = end_learning_rate, power, cycle, name

    def __call__(self, step: Any) -> Any:
        """Return the learning rate at a step."""
        step = self._step(step)
        share = step / float(self.decay_steps)
        if self.cycle:
            share = share / ops.maximum(ops.ceil(share), 1.0)
        else:
            share = ops.minimum(share, 1.0)
        span = self.initial_learning_rate - self.end_learning_rate
        return span * ops.power(1.0 - share, self.power) + self.end_learning_rate


class PiecewiseConstantDecay(_Decay):
    """`values[0]` up to and including step `boundaries[0]`, then `values[1]`, and so on.

    Args:
        boundaries: increasing step numbers.
        values: one more than the boundaries.
        name: its name.

    Raises:
        ValueError: if the numbers of boundaries and values do not fit.

    >>> schedule = PiecewiseConstantDecay([10], [0.1, 0.01])
    >>> round(float(schedule(10)), 6), round(float(schedule(11)), 6)
    (0.1, 0.01)
    """

    _arguments = ("boundaries", "values", "name")

    def __init__(self, boundaries: Sequence[int], values: Sequence[float], name: str = "PiecewiseConstant"):
        if len(boundaries) != len(values) - 1:
            raise ValueError(
                f"PiecewiseConstantDecay: there must be one value more than boundaries, got {len(boundaries)} "
                f"boundaries and {len(values)} values."
            )
        self.boundaries, self.values, self.name = boundaries, values, name

    def __call__(self, step: Any) -> Any:
        """Return the learning rate at a step."""
        step = self._step(step)
        rate = ops.cast(self.values[-1], step.dtype)
        for boundary, value in zip(reversed(list(self.boundaries)), reversed(list(self.values)[:-1])):
            rate = ops.where(step <= ops.cast(boundary, step.dtype), ops.cast(value, step.dtype), rate)
        return rate


class CosineDecay(_Decay):
    """Half a cosine down to `alpha` of the start (arXiv 1608.03983), after a linear rise if `warmup_target` is set.

    Args:
        initial_learning_rate: the rate at step 0.
        decay_steps: steps of the decay, after the warm-up.
        alpha: the last rate as a share of the rate at the top.
        name: its name.
        warmup_target: the rate at the top; None for no warm-up.
        warmup_steps: steps of the warm-up.

    Example:

    >>> rate = CosineDecay(0.1, decay_steps=100)
    >>> [round(float(rate(step)), 4) for step in (0, 50, 100)]
    [0.1, 0.05, 0.0]
    """

    _arguments = ("initial_learning_rate", "decay_steps", "alpha", "name", "warmup_target", "warmup_steps")

    def __init__(
        self,
        initial_learning_rate: float,
        decay_steps: int,
        alpha: float = 0.0,
        name: str = "CosineDecay",
        warmup_target: float | None = None,
        warmup_steps: int = 0,
    ):
        _check_positive("CosineDecay", decay_steps)
        self.initial_learning_rate, self.decay_steps, self.alpha, self.name = (
            initial_learning_rate,
            decay_steps,
            alpha,
            name,
        )
        self.warmup_target, self.warmup_steps = warmup_target, warmup_steps

    def _down(self, step: Any, top: float) -> Any:
        share = ops.clip(step / float(self.decay_steps), 0.0, 1.0)
        cosine = 0.5 * (1.0 + ops.cos(math.pi * share))
        return top * ((1.0 - self.alpha) * cosine + self.alpha)

    def __call__(self, step: Any) -> Any:
        """Return the learning rate at a step."""
        step = self._step(step)
        if self.warmup_target is None:
            return self._down(step, self.initial_learning_rate)
        down = self._down(step - float(self.warmup_steps), self.warmup_target)
        if not self.warmup_steps:
            return down
        rise = (self.warmup_target - self.initial_learning_rate) * (step / float(self.warmup_steps))
        return ops.where(step < float(self.warmup_steps), self.initial_learning_rate + rise, down)


class CosineDecayRestarts(_Decay):
    """Half cosines again and again, each `t_mul` times as long and from `m_mul` times as high (arXiv 1608.03983).

    Args:
        initial_learning_rate: the rate at step 0.
        first_decay_steps: steps of the first period.
        t_mul: see above.
        m_mul: see above.
        alpha: the last rate of a period as a share of `initial_learning_rate`.
        name: its name.

    Example:

    >>> rate = CosineDecayRestarts(0.1, first_decay_steps=100)
    >>> [round(float(rate(step)), 4) for step in (0, 50, 100)]
    [0.1, 0.05, 0.1]
    """

    _arguments = ("initial_learning_rate", "first_decay_steps", "t_mul", "m_mul", "alpha", "name")

    def __init__(
        self,
        initial_learning_rate: float,
        first_decay_steps: int,
        t_mul: float = 2.0,
        m_mul: float = 1.0,
        alpha: float = 0.0,
        name: str = "SGDRDecay",
    ):
        _check_positive("CosineDecayRestarts", first_decay_steps, "first_decay_steps")
        _check_positive("CosineDecayRestarts", t_mul, "t_mul")
        self.initial_learning_rate, self.first_decay_steps = initial_learning_rate, first_decay_steps
        self.t_mul, self.m_mul, self.alpha, self.name = t_mul, m_mul, alpha, name

    def __call__(self, step: Any) -> Any:
        """Return the learning rate at a step."""
        share = self._step(step) / float(self.first_decay_steps)
        if self.t_mul == 1.0:
            period = ops.floor(share)
            share = share - period
        else:
            # period i begins at (1 - t**i) / (1 - t) first periods
            period = ops.floor(ops.log(1.0 - share * (1.0 - self.t_mul)) / math.log(self.t_mul))
            length = ops.power(ops.cast(self.t_mul, share.dtype), period)
            share = (share - (1.0 - length) / (1.0 - self.t_mul)) / length
        top = ops.power(ops.cast(self.m_mul, share.dtype), period)
        cosine = 0.5 * top * (1.0 + ops.cos(math.pi * share))
        return self.initial_learning_rate * ((1.0 - self.alpha) * cosine + self.alpha)
