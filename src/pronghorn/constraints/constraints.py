"""The constraints."""

from __future__ import annotations

from typing import Any

from pronghorn import config, ops
from pronghorn.utils.arguments import CheckedArguments


class Constraint(CheckedArguments):
    """Base of constraints: an object called with a weight that returns the weight as it should be.

    Example:

    >>> class AtMostOne(Constraint):
    ...     def __call__(self, w):
    ...         return ops.minimum(w, 1.0)
    >>> AtMostOne()([0.5, 2.0]).tolist()
    [0.5, 1.0]
    """

    def __call__(self, w: Any) -> Any:
        return w

    def get_config(self) -> dict[str, Any]:
        """The constructor's arguments, as plain data."""
        return {}

    @classmethod
    def from_config(cls, config: dict[str, Any]) -> Constraint:
        return cls(**config)

    def __repr__(self) -> str:
        return f"<{type(self).__name__}>"


def _norms(w: Any, axis: Any) -> Any:
    return ops.sqrt(ops.sum(ops.square(w), axis=axis, keepdims=True))


class MaxNorm(Constraint):
    """Shrink vectors along ``axis`` that are longer than ``max_value`` to that length.

    It computes ``w * min(1, max_value / norm(w))``. With dropout it lets one train at high rates without weights that
    grow without end (Srivastava et al. 2014).

    Args:
        max_value: the greatest norm.
        axis: the axis, or axes, along which norms are taken: 0 for the inputs of a dense layer's unit, (0, 1, 2) for a
            filter of a convolution over images.

    >>> MaxNorm(1.0)([[3.0, 0.3], [4.0, 0.4]]).numpy().round(2)
    array([[0.6, 0.3],
           [0.8, 0.4]], dtype=float32)
    """

    def __init__(self, max_value: float = 2, axis: Any = 0) -> None:
        self.max_value, self.axis = max_value, axis

    def __call__(self, w: Any) -> Any:
        w = ops.convert_to_tensor(w)
        norms = _norms(w, self.axis)
        return w * (ops.clip(norms, 0, self.max_value) / (config.epsilon() + norms))

    def get_config(self) -> dict[str, Any]:
        return {"max_value": self.max_value, "axis": self.axis}


class NonNeg(Constraint):
    """Put zero in place of negative weights: ``max(w, 0)``.

    For weights that are amounts, such as shares of a mixture, or where outputs may only grow with inputs.

    >>> NonNeg()([-1.0, 2.0]).tolist()
    [-0.0, 2.0]
    """

    def __call__(self, w: Any) -> Any:
        w = ops.convert_to_tensor(w)
        return w * ops.cast(ops.greater_equal(w, 0.0), w.dtype)


class UnitNorm(Constraint):
    """Scale vectors along ``axis`` to length one: ``w / norm(w)``.

    For units that compare directions alone, as in losses of cosines.

    Args:
        axis: the axis, or axes, along which norms are taken.

    >>> UnitNorm()([[3.0], [4.0]]).numpy().round(2)
    array([[0.6],
           [0.8]], dtype=float32)
    """

    def __init__(self, axis: Any = 0) -> None:
        self.axis = axis

    def __call__(self, w: Any) -> Any:
        w = ops.convert_to_tensor(w)
        return w / (config.epsilon() + _norms(w, self.axis))

    def get_config(self) -> dict[str, Any]:
        return {"axis": self.axis}


class MinMaxNorm(Constraint):
    """Bring the norms along ``axis`` between two values.

    With a rate below 1 an update goes only that part of the way: ``rate * clip(norm, min, max) + (1 - rate) * norm``.

    Args:
        min_value: the least norm.
        max_value: the greatest norm.
        rate: how far towards it a single application goes; 1: all the way.
        axis: the axis, or axes, along which norms are taken.

    >>> MinMaxNorm(min_value=2.0, max_value=4.0)([[0.6], [0.8]]).numpy().round(2)
    array([[1.2],
           [1.6]], dtype=float32)
    """

    def __init__(self, min_value: float = 0.0, max_value: float = 1.0, rate: float = 1.0, axis: Any = 0) -> None:
        self.min_value, self.max_value, self.rate, self.axis = min_value, max_value, rate, axis

    def __call__(self, w: Any) -> Any:
        w = ops.convert_to_tensor(w)
        norms = _norms(w, self.axis)
        wanted = self.rate * ops.clip(norms, self.min_value, self.max_value) + (1 - self.rate) * norms
        return w * (wanted / (config.epsilon() + norms))

    def get_config(self) -> dict[str, Any]:
        return {"min_value": self.min_value, "max_value": self.max_value, "rate": self.rate, "axis": self.axis}
