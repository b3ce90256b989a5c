"""Correlations of targets and predictions."""

from __future__ import annotations

from typing import Any

from pronghorn import config, ops
from pronghorn.engine.graph.tensor import Tensor
from pronghorn.losses.regression import as_pair
from pronghorn.metrics.reduction_metrics import MeanMetricWrapper


def pearson_correlation(y_true: Any, y_pred: Any, axis: Any = -1) -> Tensor:
    """Pearson's correlation coefficient along an axis, -1 to 1; NaN where either is constant, which has none.

    >>> float(pearson_correlation([[0.0, 1.0, 2.0]], [[1.0, 2.0, 3.0]])[0]) > 0.999
    True
    """
    y_true, y_pred = as_pair(y_true, y_pred)
    return ops.mean(_standardized(y_true, axis) * _standardized(y_pred, axis), axis=axis)


def _standardized(x: Tensor, axis: Any) -> Tensor:
    """``x`` with mean 0 and variance 1 along an axis. It is measured from its largest element first, so that a constant
    has a variance of exactly 0, whatever its mean rounds to."""
    x = _centred(x - ops.max(x, axis=axis, keepdims=True), axis)
    return x / ops.std(x, axis=axis, keepdims=True)


def concordance_correlation(y_true: Any, y_pred: Any, axis: Any = -1) -> Tensor:
    """The concordance correlation coefficient along an axis, -1 to 1: 1 only where both are equal.

    >>> float(concordance_correlation([[0.0, 1.0, 2.0]], [[1.0, 2.0, 3.0]])[0]) < 0.99
    True
    """
    y_true, y_pred = as_pair(y_true, y_pred)
    covariance = ops.mean(_centred(y_true, axis) * _centred(y_pred, axis), axis=axis)
    spread = ops.var(y_true, axis=axis) + ops.var(y_pred, axis=axis)
    shift = ops.square(ops.mean(y_true, axis=axis) - ops.mean(y_pred, axis=axis))
    return 2.0 * covariance / (spread + shift + config.epsilon())


def _centred(x: Tensor, axis: Any) -> Tensor:
    return x - ops.mean(x, axis=axis, keepdims=True)


class PearsonCorrelation(MeanMetricWrapper):
    """The mean of Pearson's correlation coefficient of each sample, along `axis`.

    It is NaN where a sample's targets or predictions are all equal, since such a sample has no correlation.

    >>> metric = PearsonCorrelation()
    >>> metric.update_state([[1.0, 2.0, 3.0]], [[2.0, 3.0, 4.0]])
    >>> round(float(metric.result()), 4)
    1.0
    """

    def __init__(self, name: str = "pearson_correlation", dtype: Any = None, axis: Any = -1):
        super().__init__(fn=pearson_correlation, name=name, dtype=dtype, axis=axis)
        self.axis = axis
        self._direction = "up"

    def get_config(self) -> dict[str, Any]:
        """Return the arguments that rebuild this metric."""
        return {"name": self.name, "dtype": self.dtype, "axis": self.axis}


class ConcordanceCorrelation(MeanMetricWrapper):
    """The mean of the concordance correlation coefficient of each sample, along `axis`.

    >>> metric = ConcordanceCorrelation()
    >>> metric.update_state([[1.0, 2.0, 3.0]], [[2.0, 3.0, 4.0]])
    >>> round(float(metric.result()), 4)
    0.5714
    """

    def __init__(self, name: str = "concordance_correlation", dtype: Any = None, axis: Any = -1):
        super().__init__(fn=concordance_correlation, name=name, dtype=dtype, axis=axis)
        self.axis = axis
        self._direction = "up"

    def get_config(self) -> dict[str, Any]:
        """Return the arguments that rebuild this metric."""
        return {"name": self.name, "dtype": self.dtype, "axis": self.axis}
