"""Metrics of two classes at one or many thresholds: counts, precision, recall, and one where the other is enough."""

from __future__ import annotations

from typing import Any

from pronghorn import ops
from pronghorn.engine.graph.tensor import Tensor
from pronghorn.metrics.confusion import LOWEST, check_thresholds, confusion_counts, is_evenly_spaced
from pronghorn.metrics.metric import Metric

_EPSILON = 1e-7


class _ConfusionMatrixConditionCount(Metric):
    """The number of samples in one cell of the confusion matrix."""

    _cell = ""

    def __init__(self, thresholds: Any = None, name: str | None = None, dtype: Any = None):
        super().__init__(name=name, dtype=dtype)
        self.init_thresholds = thresholds
        self.thresholds = check_thresholds(type(self).__name__, thresholds, 0.5)
        self._even = is_evenly_spaced(self.thresholds)
        self.accumulator = self.add_variable((len(self.thresholds),), "zeros", name="accumulator")

    def update_state(self, y_true: Any, y_pred: Any, sample_weight: Any = None) -> None:
        """Take in labels and scores."""
        counts = confusion_counts(y_true, y_pred, self.thresholds, sample_weight, evenly_spaced=self._even)
        self.accumulator.assign_add(ops.cast(getattr(counts, self._cell), self.accumulator.dtype))

    def result(self) -> Tensor:
        """Return the number so far: a scalar, or one for each threshold."""
        return self.accumulator.tensor[0] if len(self.thresholds) == 1 else self.accumulator.tensor

    def get_config(self) -> dict[str, Any]:
        """Return the arguments that rebuild this metric."""
        return {"name": self.name, "dtype": self.dtype, "thresholds": self.init_thresholds}


class TruePositives(_ConfusionMatrixConditionCount):
    """The number of true positives; `thresholds` is one or many, 0.5 by default.

    >>> metric = TruePositives()
    >>> metric.update_state([1, 0, 1, 0], [0.9, 0.6, 0.2, 0.1])
    >>> float(metric.result())
    1.0
    """

    _cell = "true_positives"


class FalsePositives(_ConfusionMatrixConditionCount):
    """The number of false positives; `thresholds` is one or many, 0.5 by default.

    >>> metric = FalsePositives()
    >>> metric.update_state([1, 0, 1, 0], [0.9, 0.6, 0.2, 0.1])
    >>> float(metric.result())
    1.0
    """

    _cell = "false_positives"


class TrueNegatives(_ConfusionMatrixConditionCount):
    """The number of true negatives; `thresholds` is one or many, 0.5 by default.

    >>> metric = TrueNegatives()
    >>> metric.update_state([1, 0, 1, 0], [0.9, 0.6, 0.2, 0.1])
    >>> float(metric.result())
    1.0
    """

    _cell = "true_negatives"


class FalseNegatives(_ConfusionMatrixConditionCount):
    """The number of false negatives; `thresholds` is one or many, 0.5 by default.

    >>> metric = FalseNegatives()
    >>> metric.update_state([1, 0, 1, 0], [0.9, 0.6, 0.2, 0.1])
    >>> float(metric.result())
    1.0
    """

    _cell = "false_negatives"


class _Ratio(Metric):
    """True positives by true positives and another cell."""

    _other = ""

    def __init__(
        self,
        thresholds: Any = None,
        top_k: int | None = None,
        class_id: int | None = None,
        name: str | None = None,
        dtype: Any = None,
    ):
        super().__init__(name=name, dtype=dtype)
        self._direction = "up"
        self.init_thresholds, self.top_k, self.class_id = thresholds, top_k, class_id
        self.thresholds = check_thresholds(type(self).__name__, thresholds, 0.5 if top_k is None else LOWEST)
        self._even = is_evenly_spaced(self.thresholds)
        shape = (len(self.thresholds),)
        self.true_positives = self.add_variable(shape, "zeros", name="true_positives")
        setattr(self, self._other, self.add_variable(shape, "zeros", name=self._other))

    def update_state(self, y_true: Any, y_pred: Any, sample_weight: Any = None) -> None:
        """Take in labels and scores."""
        counts = confusion_counts(
            y_true,
            y_pred,
            self.thresholds,
            sample_weight,
            top_k=self.top_k,
            class_id=self.class_id,
            evenly_spaced=self._even and self.top_k is None,
        )
        for name in ("true_positives", self._other):
            variable = getattr(self, name)
            variable.assign_add(ops.cast(getattr(counts, name), variable.dtype))

    def result(self) -> Tensor:
        """Return the value so far: a scalar, or one for each threshold."""
        hits = self.true_positives.tensor
        ratio = ops.divide_no_nan(hits, hits + getattr(self, self._other).tensor)
        return ratio[0] if len(self.thresholds) == 1 else ratio

    def get_config(self) -> dict[str, Any]:
        """Return the arguments that rebuild this metric."""
        return {
            "name": self.name,
            "dtype": self.dtype,
            "thresholds": self.init_thresholds,
            "top_k": self.top_k,
            "class_id": self.class_id,
        }


class Precision(_Ratio):
    """The share of the positives that are right.

    Args:
        thresholds: a score above it is a positive; one or many, 0.5 by default, 0 for logits.
        top_k: only the so many largest scores of a sample can be positives.
        class_id: the one entry of the last axis that counts.
        name: its name in logs.
        dtype: the type of the state.

    Raises:
        ValueError: if a threshold does not lie between 0 and 1.

    >>> metric = Precision()
    >>> metric.update_state([0, 1, 1, 1], [1, 0, 1, 1])
    >>> round(float(metric.result()), 4)
    0.6667
    """

    _other = "false_positives"


class Recall(_Ratio):
    """The share of the right ones that are found.

    Args:
        thresholds: a score above it is a positive; one or many, 0.5 by default, 0 for logits.
        top_k: only the so many largest scores of a sample can be positives.
        class_id: the one entry of the last axis that counts.
        name: its name in logs.
        dtype: the type of the state.

    >>> metric = Recall()
    >>> metric.update_state([0, 1, 1, 1], [1, 0, 1, 1])
    >>> round(float(metric.result()), 4)
    0.6667
    """

    _other = "false_negatives"


class SensitivitySpecificityBase(Metric):
    """The best of one rate over the thresholds where another rate is at least a value."""

    _given = ""

    def __init__(
        self,
        value: float,
        num_thresholds: int = 200,
        class_id: int | None = None,
        name: str | None = None,
        dtype: Any = None,
    ):
        owner = type(self).__name__
        if value < 0 or value > 1:
            raise ValueError(f"{owner}: `{self._given or 'value'}` must be in the range [0, 1], got {value}.")
        if num_thresholds <= 0:
            raise ValueError(f"{owner}: `num_thresholds` is 1 or more, got {num_thresholds}.")
        super().__init__(name=name, dtype=dtype)
        self._direction = "up"
        self.value, self.class_id, self.num_thresholds = value, class_id, num_thresholds
        if num_thresholds == 1:
            self.thresholds = [0.5]
        else:
            inner = [(i + 1) / (num_thresholds - 1) for i in range(num_thresholds - 2)]
            self.thresholds = [0.0, *inner, 1.0]
        self._even = is_evenly_spaced(self.thresholds)
        shape = (len(self.thresholds),)
        self.true_positives = self.add_variable(shape, "zeros", name="true_positives")
        self.false_positives = self.add_variable(shape, "zeros", name="false_positives")
        self.true_negatives = self.add_variable(shape, "zeros", name="true_negatives")
        self.false_negatives = self.add_variable(shape, "zeros", name="false_negatives")

    def update_state(self, y_true: Any, y_pred: Any, sample_weight: Any = None) -> None:
        """Take in labels and scores."""
        counts = confusion_counts(
            y_true, y_pred, self.thresholds, sample_weight, class_id=self.class_id, evenly_spaced=self._even
        )
        for name, amount in counts._asdict().items():
            variable = getattr(self, name)
            variable.assign_add(ops.cast(amount, variable.dtype))

    def _rate(self, hits: Any, misses: Any) -> Tensor:
        return ops.divide_no_nan(hits.tensor, hits.tensor + misses.tensor)

    @property
    def _sensitivity(self) -> Tensor:
        return self._rate(self.true_positives, self.false_negatives)

    @property
    def _specificity(self) -> Tensor:
        return self._rate(self.true_negatives, self.false_positives)

    @property
    def _precision(self) -> Tensor:
        return self._rate(self.true_positives, self.false_positives)

    def _best(self, wanted: Tensor, enough: Tensor) -> Tensor:
        return ops.max(ops.where(enough >= self.value, wanted, ops.zeros_like(wanted)))

    def get_config(self) -> dict[str, Any]:
        """Return the arguments that rebuild this metric."""
        return {
            "name": self.name,
            "dtype": self.dtype,
            "num_thresholds": self.num_thresholds,
            self._given: self.value,
            "class_id": self.class_id,
        }


class SensitivityAtSpecificity(SensitivitySpecificityBase):
    """The best sensitivity where the specificity is at least `specificity`, over `num_thresholds` thresholds.

    >>> metric = SensitivityAtSpecificity(specificity=0.5)
    >>> metric.update_state([0, 0, 1, 1], [0.1, 0.6, 0.4, 0.9])
    >>> float(metric.result())
    1.0
    """

    _given = "specificity"

    def __init__(
        self,
        specificity: float,
        num_thresholds: int = 200,
        class_id: int | None = None,
        name: str | None = None,
        dtype: Any = None,
    ):
        super().__init__(specificity, num_thresholds, class_id, name, dtype)
        self.specificity = specificity

    def result(self) -> Tensor:
        """Return the best sensitivity so far."""
        return self._best(self._sensitivity, self._specificity)


class SpecificityAtSensitivity(SensitivitySpecificityBase):
    """The best specificity where the sensitivity is at least `sensitivity`, over `num_thresholds` thresholds.

    >>> metric = SpecificityAtSensitivity(sensitivity=0.5)
    >>> metric.update_state([0, 0, 1, 1], [0.1, 0.6, 0.4, 0.9])
    >>> float(metric.result())
    1.0
    """

    _given = "sensitivity"

    def __init__(
        self,
        sensitivity: float,
        num_thresholds: int = 200,
        class_id: int | None = None,
        name: str | None = None,
        dtype: Any = None,
    ):
        super().__init__(sensitivity, num_thresholds, class_id, name, dtype)
        self.sensitivity = sensitivity

    def result(self) -> Tensor:
        """Return the best specificity so far."""
        return self._best(self._specificity, self._sensitivity)


class PrecisionAtRecall(SensitivitySpecificityBase):
    """The best precision where the recall is at least `recall`, over `num_thresholds` thresholds.

    >>> metric = PrecisionAtRecall(recall=0.5)
    >>> metric.update_state([0, 0, 1, 1], [0.1, 0.6, 0.4, 0.9])
    >>> float(metric.result())
    1.0
    """

    _given = "recall"

    def __init__(
        self,
        recall: float,
        num_thresholds: int = 200,
        class_id: int | None = None,
        name: str | None = None,
        dtype: Any = None,
    ):
        super().__init__(recall, num_thresholds, class_id, name, dtype)
        self.recall = recall

    def result(self) -> Tensor:
        """Return the best precision so far."""
        return self._best(self._precision, self._sensitivity)


class RecallAtPrecision(SensitivitySpecificityBase):
    """The best recall where the precision is at least `precision`, over `num_thresholds` thresholds.

    >>> metric = RecallAtPrecision(precision=0.8)
    >>> metric.update_state([0, 0, 1, 1], [0.1, 0.6, 0.4, 0.9])
    >>> float(metric.result())
    0.5
    """

    _given = "precision"

    def __init__(
        self,
        precision: float,
        num_thresholds: int = 200,
        class_id: int | None = None,
        name: str | None = None,
        dtype: Any = None,
    ):
        super().__init__(precision, num_thresholds, class_id, name, dtype)
        self.precision = precision

    def result(self) -> Tensor:
        """Return the best recall so far."""
        return self._best(self._sensitivity, self._precision)
