"""The regularizers."""

from __future__ import annotations

import math
from typing import Any

from pronghorn import ops
from pronghorn.utils.arguments import CheckedArguments
from pronghorn.utils.reprs import ShownByConfig


class Regularizer(ShownByConfig, CheckedArguments):
    """Base of regularizers: an object called with an array that returns a scalar.

    Example:

    >>> class Size(Regularizer):
    ...     def __call__(self, x):
    ...         return 0.1 * ops.sum(ops.abs(x))
    >>> round(float(Size()(ops.ones((2, 2)))), 3)
    0.4
    """

    def __call__(self, x: Any) -> Any:
        raise NotImplementedError(f"{type(self).__name__} must have a __call__(self, x) that returns a scalar.")

    def get_config(self) -> dict[str, Any]:
        """The constructor's arguments, as plain data."""
        return {}

    @classmethod
    def from_config(cls, config: dict[str, Any]) -> Regularizer:
        return cls(**config)


def _factor(name: str, value: Any) -> float:
    """A penalty factor as a float.

    Raises:
        ValueError: for what is no number, is not finite, or is negative.
    """
    try:
        number = float(value) if not isinstance(value, (str, bool)) and hasattr(value, "__float__") else math.nan
    except (TypeError, ValueError):
        number = math.nan
    if not math.isfinite(number) or number < 0:
        raise ValueError(f"The factor of a penalty, `{name}`, is a number of 0 or more; got {name}={value!r}.")
    return number


class L1L2(Regularizer):
    """``l1 * sum(|x|) + l2 * sum(x**2)``: both penalties together, as in the elastic net (Zou and Hastie 2005).

    Args:
        l1: factor of the first term.
        l2: factor of the second.

    >>> float(L1L2(l1=1.0, l2=0.5)(ops.convert_to_tensor([1.0, -2.0])))
    5.5
    """

    def __init__(self, l1: float = 0.0, l2: float = 0.0) -> None:
        self.l1 = _factor("l1", 0.0 if l1 is None else l1)
        self.l2 = _factor("l2", 0.0 if l2 is None else l2)

    def __call__(self, x: Any) -> Any:
        x = ops.convert_to_tensor(x)
        total = ops.zeros((), dtype=x.dtype)
        if self.l1:
            total = total + self.l1 * ops.sum(ops.abs(x))
        if self.l2:
            total = total + self.l2 * ops.sum(ops.square(x))
        return total

    def get_config(self) -> dict[str, Any]:
        return {"l1": self.l1, "l2": self.l2}


class L1(Regularizer):
    """``l1 * sum(|x|)``: drives weights to exactly zero, so that few of them count.

    Args:
        l1: the factor; 0.01 is strong for most layers, try 1e-5 to 1e-3.

    >>> float(L1(0.5)(ops.convert_to_tensor([1.0, -2.0])))
    1.5
    """

    def __init__(self, l1: float = 0.01) -> None:
        self.l1 = _factor("l1", 0.01 if l1 is None else l1)

    def __call__(self, x: Any) -> Any:
        return self.l1 * ops.sum(ops.abs(x))

    def get_config(self) -> dict[str, Any]:
        return {"l1": self.l1}


class L2(Regularizer):
    """``l2 * sum(x**2)``: keeps weights small, against learning by heart; also called ridge, or weight decay.

    With Adam and its like the decay of `AdamW` is the better way to the same end (Loshchilov and Hutter 2017).

    Args:
        l2: the factor; 0.01 is strong for most layers, try 1e-5 to 1e-3.

    >>> float(L2(0.5)(ops.convert_to_tensor([1.0, -2.0])))
    2.5
    """

    def __init__(self, l2: float = 0.01) -> None:
        self.l2 = _factor("l2", 0.01 if l2 is None else l2)

    def __call__(self, x: Any) -> Any:
        return self.l2 * ops.sum(ops.square(x))

    def get_config(self) -> dict[str, Any]:
        return {"l2": self.l2}


class OrthogonalRegularizer(Regularizer):
    """How far the rows (or columns) of a matrix are from being orthogonal: the mean size of their cosines.

    Args:
        factor: the factor of the penalty.
        mode: ``"rows"`` or ``"columns"``.

    Raises:
        ValueError: for another mode, or for an array that is no matrix.

    For units that are to look for different things: an orthogonal matrix costs nothing.

    >>> import numpy as np
    >>> [round(float(OrthogonalRegularizer(1.0)(matrix)), 4) for matrix in (np.eye(2), np.ones((2, 2)))]
    [0.0, 1.0]
    """

    def __init__(self, factor: float = 0.01, mode: str = "rows") -> None:
        self.factor = _factor("factor", factor)
        if mode not in ("rows", "columns"):
            raise ValueError(f"Invalid value for argument mode: it must be 'rows' or 'columns', got mode={mode!r}.")
        self.mode = mode

    def __call__(self, inputs: Any) -> Any:
        if len(inputs.shape) != 2:
            raise ValueError(
                f"OrthogonalRegularizer: inputs to it must have rank 2, got an array of shape {tuple(inputs.shape)}."
            )
        axis = 1 if self.mode == "rows" else 0
        unit = inputs / (ops.sqrt(ops.sum(ops.square(inputs), axis=axis, keepdims=True)) + 1e-12)
        cosines = ops.matmul(unit, ops.transpose(unit)) if axis == 1 else ops.matmul(ops.transpose(unit), unit)
        size = inputs.shape[1 - axis]
        off_diagonal = cosines * (1.0 - ops.eye(size, dtype=cosines.dtype))
        pairs = size * (size - 1.0) / 2.0
        return self.factor * 0.5 * ops.sum(ops.abs(off_diagonal)) / pairs

    def get_config(self) -> dict[str, Any]:
        return {"factor": self.factor, "mode": self.mode}
