"""The base class of learning-rate schedules."""

from __future__ import annotations

from typing import Any

from pronghorn.utils.arguments import CheckedArguments
from pronghorn.utils.reprs import ShownByConfig


class LearningRateSchedule(ShownByConfig, CheckedArguments):
    """A learning rate that depends on the step: override `__call__(step)`, in ops, and `get_config`.

    >>> class Halving(LearningRateSchedule):
    ...     def __call__(self, step):
    ...         return 0.1 * 0.5**step
    >>> float(Halving()(1))
    0.05
    """

    def __call__(self, step: Any) -> Any:
        """Return the learning rate, a scalar.

        Args:
            step: how many updates were made before, an integer scalar.
        """
        raise NotImplementedError(f"{type(self).__name__}: a schedule must define `__call__(self, step)`.")

    def get_config(self) -> dict[str, Any]:
        """Return the arguments that rebuild this schedule."""
        raise NotImplementedError(f"{type(self).__name__}: a schedule must define `get_config` to be saved.")

    @classmethod
    def from_config(cls, config: dict[str, Any]) -> LearningRateSchedule:
        """Build a schedule from `get_config`'s result."""
        return cls(**config)
