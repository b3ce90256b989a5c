"""Metrics of regression that are no plain means."""

from __future__ import annotations

from typing import Any

from pronghorn import ops
from pronghorn.engine.graph.tensor import Tensor
from pronghorn.engine.graph.user_code import warn
from pronghorn.losses.reduction import same_rank
from pronghorn.losses.regression import as_pair
from pronghorn.metrics.metric import Metric
from pronghorn.metrics.reduction_metrics import Mean

_AGGREGATIONS = (None, "uniform_average", "variance_weighted_average")


class RootMeanSquaredError(Mean):
    """The root of the mean of the squared errors.

    >>> metric = RootMeanSquaredError()
    >>> metric.update_state([[0.0], [0.0]], [[3.0], [4.0]])
    >>> round(float(metric.result()), 4)
    3.5355
    """

    def __init__(self, name: str = "root_mean_squared_error", dtype: Any = None):
        super().__init__(name=name, dtype=dtype)
        self._direction = "down"

    def update_state(self, y_true: Any, y_pred: Any, sample_weight: Any = None) -> None:
        """Take in targets and predictions."""
        y_true, y_pred = as_pair(y_true, y_pred)
        super().update_state(ops.square(y_pred - y_true), sample_weight=sample_weight)

    def result(self) -> Tensor:
        """Return the root of the mean so far."""
        return ops.sqrt(super().result())


class R2Score(Metric):
    """The coefficient of determination: 1 for perfect predictions, 0 for those no better than the mean.

    Args:
        class_aggregation: how the scores of several outputs are combined: None (not at all), `"uniform_average"`,
            `"variance_weighted_average"`.
        num_regressors: number of inputs of the regression, for the adjusted score; 0 for the plain one.
        name: its name in logs.
        dtype: the type of the state.

    >>> metric = R2Score()
    >>> metric.update_state([[1.0], [4.0], [3.0]], [[2.0], [4.0], [4.0]])
    >>> round(float(metric.result()), 4)
    0.5714
    """

    def __init__(
        self,
        class_aggregation: str | None = "uniform_average",
        num_regressors: int = 0,
        name: str = "r2_score",
        dtype: Any = None,
    ):
        super().__init__(name=name, dtype=dtype)
        self._direction = "up"
        if class_aggregation not in _AGGREGATIONS:
            raise ValueError(
                f"R2Score: Invalid value for argument `class_aggregation`: {class_aggregation!r}; it must be one "
                f"{_AGGREGATIONS}."
            )
        self.class_aggregation, self.num_regressors = class_aggregation, num_regressors
        self.num_samples = self.add_variable((), "zeros", name="num_samples")
        self._built = False

    def _build(self, y_true: Tensor, y_pred: Tensor) -> None:
        if len(y_true.shape) != 2 or len(y_pred.shape) != 2 or y_true.shape[-1] != y_pred.shape[-1]:
            raise ValueError(
                "R2Score compares a row of outputs for each sample, of one length in y_true and y_pred, got shapes "
                f"{tuple(y_true.shape)} and {tuple(y_pred.shape)}; for a single output use (batch, 1)."
            )
        shape = (y_pred.shape[-1],)
        self.squared_sum = self.add_variable(shape, "zeros", name="squared_sum")
        self.sum = self.add_variable(shape, "zeros", name="sum")
        self.total_mse = self.add_variable(shape, "zeros", name="residual")
        self.count = self.add_variable(shape, "zeros", name="count")
        self._built = True

    def update_state(self, y_true: Any, y_pred: Any, sample_weight: Any = None) -> None:
        """Take in targets and predictions, shape `(batch, outputs)`."""
        y_true = ops.convert_to_tensor(y_true, dtype=self.dtype)
        y_pred = ops.convert_to_tensor(y_pred, dtype=self.dtype)
        y_true, y_pred = same_rank(y_true, y_pred)
        if not self._built:
            self._build(y_true, y_pred)
        weight = ops.ones_like(y_true)
        if sample_weight is not None:
            given = ops.convert_to_tensor(sample_weight, dtype=self.dtype)
            if len(given.shape) == 1:
                given = ops.expand_dims(given, 1)
            weight = weight * given
        weighted = weight * y_true
        self.sum.assign_add(ops.sum(weighted, axis=0))
        self.squared_sum.assign_add(ops.sum(y_true * weighted, axis=0))
        self.total_mse.assign_add(ops.sum(ops.square(y_true - y_pred) * weight, axis=0))
        self.count.assign_add(ops.sum(weight, axis=0))
        # A sample counts where any of its weights does, for the adjusted score.
        self.num_samples.assign_add(ops.sum(ops.cast(ops.any(weight != 0, axis=-1), self.dtype)))

    def result(self) -> Tensor:
        """Return the score so far."""
        mean = self.sum / self.count
        total = self.squared_sum - self.sum * mean
        scores = 1.0 - self.total_mse / total
        scores = ops.where(ops.isinf(scores), ops.zeros_like(scores), scores)
        if self.class_aggregation == "uniform_average":
            scores = ops.mean(scores)
        elif self.class_aggregation == "variance_weighted_average":
            scores = ops.sum(total * scores) / ops.sum(total)
        return self._adjusted(scores) if self.num_regressors else scores

    def _adjusted(self, scores: Tensor) -> Tensor:
        samples = self.num_samples.tensor
        if not samples.is_traced and float(samples) <= self.num_regressors + 1:
            warn("R2Score: the adjusted score needs more samples than regressors; this is the plain score.")
            return scores
        return 1.0 - (1.0 - scores) * (samples - 1.0) / (samples - self.num_regressors - 1.0)

    def reset_state(self) -> None:
        """Forget all batches."""
        for variable in self.variables:
            variable.assign(ops.zeros(variable.shape, dtype=variable.dtype))

    def get_config(self) -> dict[str, Any]:
        """Return the arguments that rebuild this metric."""
        return {
            "name": self.name,
            "dtype": self.dtype,
            "class_aggregation": self.class_aggregation,
            "num_regressors": self.num_regressors,
        }
