"""The F scores: means of precision and recall."""

from __future__ import annotations

from typing import Any

from pronghorn import config, ops
from pronghorn.engine.graph.tensor import Tensor
from pronghorn.metrics.metric import Metric

_AVERAGES = (None, "micro", "macro", "weighted")


def _check_float(owner: str, argument: str, value: Any) -> None:
    if not isinstance(value, float):
        raise ValueError(
            f"{owner}: `{argument}` must be a float, such as {argument}=0.5; got {value!r} of type "
            f"{type(value).__name__}."
        )


class FBetaScore(Metric):
    """`(1 + beta**2) * precision * recall / (beta**2 * precision + recall)`, for each class.

    Args:
        average: None for a score a class, `"micro"` to count all classes together, `"macro"` for the mean of the
            classes, `"weighted"` for their mean weighted by how often they occur.
        beta: weight of the recall.
        threshold: scores above it are positives; None for the largest score of each sample.
        name: its name in logs.
        dtype: the type of the state.

    Example:

    >>> metric = FBetaScore(beta=2.0, average="macro")
    >>> metric.update_state([[1, 0], [0, 1], [0, 1]], [[0.9, 0.1], [0.6, 0.4], [0.2, 0.8]])
    >>> round(float(metric.result()), 4)
    0.6944
    """

    def __init__(
        self,
        average: str | None = None,
        beta: float = 1.0,
        threshold: float | None = None,
        name: str = "fbeta_score",
        dtype: Any = None,
    ):
        super().__init__(name=name, dtype=dtype)
        self._direction = "up"
        owner = type(self).__name__
        if average not in _AVERAGES:
            raise ValueError(
                f"{owner}: `average` must be None, 'micro', 'macro' or 'weighted'; got average={average!r}."
            )
        _check_float(owner, "beta", beta)
        if beta <= 0.0:
            raise ValueError(f"{owner}: `beta` weighs recall against precision and is above 0; got beta={beta}.")
        if threshold is not None:
            _check_float(owner, "threshold", threshold)
            if not 0.0 < threshold <= 1.0:
                raise ValueError(
                    f"{owner}: `threshold` is a probability above 0, at most 1; got threshold={threshold}."
                )
        self.average, self.beta, self.threshold = average, beta, threshold
        self.axis = None if average == "micro" else 0
        self._built = False

    def _build(self, true_shape: Any, pred_shape: Any) -> None:
        known = len(pred_shape) == 2 and len(true_shape) == 2 and None not in (pred_shape[-1], true_shape[-1])
        if not known or pred_shape[-1] != true_shape[-1]:
            raise ValueError(
                f"{type(self).__name__} compares one-hot rows with scores, a column for each of a known number of "
                f"classes in both; turn class numbers into rows with to_categorical. y_pred has shape "
                f"{tuple(pred_shape)}, y_true {tuple(true_shape)}."
            )
        shape = () if self.average == "micro" else (pred_shape[-1],)
        self.true_positives = self.add_variable(shape, "zeros", name="true_positives")
        self.false_positives = self.add_variable(shape, "zeros", name="false_positives")
        self.false_negatives = self.add_variable(shape, "zeros", name="false_negatives")
        self.intermediate_weights = self.add_variable(shape, "zeros", name="intermediate_weights")
        self._built = True

    def update_state(self, y_true: Any, y_pred: Any, sample_weight: Any = None) -> None:
        """Take in labels and scores, shape `(batch, classes)`."""
        truth, scores = (ops.convert_to_tensor(y, dtype=self.dtype) for y in (y_true, y_pred))
        if not self._built:
            self._build(truth.shape, scores.shape)
        chosen = self._chosen(scores)
        parts = [
            (self.true_positives, chosen * truth),
            (self.false_positives, chosen * (1.0 - truth)),
            (self.false_negatives, (1.0 - chosen) * truth),
            (self.intermediate_weights, truth),
        ]
        if sample_weight is not None:
            weight = ops.convert_to_tensor(sample_weight, dtype=self.dtype)
            weight = ops.expand_dims(weight, 1) if len(weight.shape) == 1 else weight
            parts = [(state, amount * weight) for state, amount in parts]
        for state, amount in parts:
            state.assign_add(ops.sum(amount, axis=self.axis))

    def _chosen(self, scores: Tensor) -> Tensor:
        """1 for each class that the scores speak for: those above the threshold, or the best of a row that has one."""
        if self.threshold is not None:
            return ops.cast(scores > self.threshold, self.dtype)
        best = scores >= ops.max(scores, axis=-1, keepdims=True)
        return ops.cast(ops.logical_and(best, ops.abs(scores) > 1e-9), self.dtype)

    def result(self) -> Tensor:
        """Return the score so far."""
        hits, epsilon = self.true_positives.tensor, config.epsilon()
        precision = ops.divide_no_nan(hits, hits + self.false_positives.tensor)
        recall = ops.divide_no_nan(hits, hits + self.false_negatives.tensor)
        square = self.beta**2
        score = (1.0 + square) * precision * recall / (square * precision + recall + epsilon)
        if self.average == "weighted":
            share = self.intermediate_weights.tensor
            return ops.sum(score * ops.divide_no_nan(share, ops.sum(share)))
        return score if self.average is None else ops.mean(score)

    def reset_state(self) -> None:
        """Forget all batches."""
        if self._built:
            super().reset_state()

    def get_config(self) -> dict[str, Any]:
        """Return the arguments that rebuild this metric."""
        return {
            "name": self.name,
            "dtype": self.dtype,
            "average": self.average,
            "beta": self.beta,
            "threshold": self.threshold,
        }


class F1Score(FBetaScore):
    """The harmonic mean of precision and recall; see `FBetaScore` for its arguments.

    >>> metric = F1Score(threshold=0.5, average="micro")
    >>> metric.update_state([[1, 0], [0, 1]], [[0.9, 0.1], [0.8, 0.7]])
    >>> round(float(metric.result()), 4)
    0.8
    """

    def __init__(
        self, average: str | None = None, threshold: float | None = None, name: str = "f1_score", dtype: Any = None
    ):
        super().__init__(average=average, beta=1.0, threshold=threshold, name=name, dtype=dtype)

    def get_config(self) -> dict[str, Any]:
        """Return the arguments that rebuild this metric."""
        config_ = super().get_config()
        del config_["beta"]
        return config_
