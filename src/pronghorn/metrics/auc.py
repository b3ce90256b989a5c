"""The area under a curve of two classes."""

from __future__ import annotations

from typing import Any

import numpy as np

from pronghorn import config, ops
from pronghorn.engine.graph.tensor import Tensor
from pronghorn.metrics.confusion import check_thresholds, confusion_counts, is_evenly_spaced
from pronghorn.metrics.metric import Metric

_CURVES = ("ROC", "PR", "PRGAIN")
_METHODS = ("interpolation", "majoring", "minoring")
_CELLS = ("true_positives", "false_positives", "true_negatives", "false_negatives")


class AUC(Metric):
    """The area under the ROC or the precision-recall curve, from the counts at many thresholds.

    Args:
        num_thresholds: number of thresholds, evenly spaced.
        curve: `"ROC"`, `"PR"` or `"PRGAIN"`.
        summation_method: `"interpolation"`, or `"minoring"` and `"majoring"` for bounds from below and above.
        name: its name in logs.
        dtype: the type of the state.
        thresholds: other thresholds between 0 and 1; the ends are added.
        multi_label: whether to compute the area for each entry of the last axis and take their mean.
        num_labels: number of those entries, if `multi_label`; found from the first batch by default.
        label_weights: a weight for each of those entries.
        from_logits: whether predictions are logits.

    >>> metric = AUC(num_thresholds=3)
    >>> metric.update_state([0, 0, 1, 1], [0, 0.5, 0.3, 0.9])
    >>> float(metric.result())
    0.75
    """

    def __init__(
        self,
        num_thresholds: int = 200,
        curve: str = "ROC",
        summation_method: str = "interpolation",
        name: str | None = None,
        dtype: Any = None,
        thresholds: Any = None,
        multi_label: bool = False,
        num_labels: int | None = None,
        label_weights: Any = None,
        from_logits: bool = False,
    ):
        self._check(num_thresholds, curve, summation_method, thresholds, multi_label, num_labels)
        super().__init__(name=name, dtype=dtype)
        self._direction = "up"
        self.curve, self.summation_method = str(curve).upper(), str(summation_method).lower()
        self._init_from_thresholds = thresholds is not None
        if thresholds is not None:
            inner = sorted(check_thresholds("AUC", thresholds, 0.5))
        else:
            inner = [(i + 1) / (num_thresholds - 1) for i in range(num_thresholds - 2)]
        self.num_thresholds = len(inner) + 2
        self._even = is_evenly_spaced([0.0, *inner, 1.0])
        # The ends lie outside of [0, 1], so that all scores pass the first and none the last.
        self._thresholds = np.asarray([-config.epsilon(), *inner, 1.0 + config.epsilon()])
        self.multi_label, self.num_labels, self._from_logits = multi_label, num_labels, from_logits
        self.label_weights = label_weights
        self._built = False
        if not multi_label or num_labels:
            self._build(num_labels)

    @staticmethod
    def _check(num_thresholds: int, curve: str, method: str, thresholds: Any, multi_label: bool, labels: Any) -> None:
        if thresholds is None and num_thresholds <= 1:
            raise ValueError(f"AUC: `num_thresholds` is 2 or more, got {num_thresholds}.")
        if str(curve).upper() not in _CURVES:
            raise ValueError(f"AUC: there is no curve {curve!r}; it must be one of {', '.join(_CURVES)}.")
        if str(method).lower() not in _METHODS:
            raise ValueError(f"AUC: there is no summation_method {method!r}; it must be one of {', '.join(_METHODS)}.")
        if labels is not None and not multi_label:
            raise ValueError("AUC: num_labels is needed only if multi_label is True.")

    @property
    def thresholds(self) -> list[float]:
        """All thresholds, the ends included."""
        return list(self._thresholds)

    def _build(self, labels: int | None) -> None:
        shape = (self.num_thresholds,) if labels is None else (self.num_thresholds, labels)
        if labels is not None and self.label_weights is not None and len(self.label_weights) != labels:
            raise ValueError(f"AUC: {len(self.label_weights)} label_weights came for {labels} labels.")
        for cell in _CELLS:
            setattr(self, cell, self.add_variable(shape, "zeros", name=cell))
        self._built = True

    def update_state(self, y_true: Any, y_pred: Any, sample_weight: Any = None) -> None:
        """Take in labels and scores."""
        y_pred = ops.convert_to_tensor(y_pred, dtype=self.dtype)
        if not self._built:
            if len(y_pred.shape) != 2:
                raise ValueError(
                    f"AUC: with multi_label=True, y_pred must be (batch, labels), got shape {tuple(y_pred.shape)}."
                )
            self._build(y_pred.shape[-1])
        if self._from_logits:
            y_pred = ops.sigmoid(y_pred)
        counts = confusion_counts(
            y_true,
            y_pred,
            list(self._thresholds),
            sample_weight,
            multi_label=self.multi_label,
            label_weights=None if self.multi_label else self.label_weights,
            evenly_spaced=self._even,
        )
        for cell, amount in zip(_CELLS, counts):
            getattr(self, cell).assign_add(ops.cast(amount, self.dtype))

    def _curve(self) -> tuple[Tensor, Tensor]:
        """The curve's x and y, one a threshold."""
        tp, fp, tn, fn = (getattr(self, cell).tensor for cell in _CELLS)
        recall = ops.divide_no_nan(tp, tp + fn)
        if self.curve == "ROC":
            return ops.divide_no_nan(fp, fp + tn), recall
        if self.curve == "PR":
            return recall, ops.divide_no_nan(tp, tp + fp)
        ratio = ops.divide_no_nan((tp + fn)[:1], (fp + tn)[:1])
        recall_gain = ops.where(tp > 0, ops.maximum(1.0 - ratio * ops.divide_no_nan(fn, tp), 0.0), 0.0)
        return recall_gain, 1.0 - ratio * ops.divide_no_nan(fp, tp)

    def interpolate_pr_auc(self) -> Tensor:
        """The area under the precision-recall curve, interpolating counts (Davis and Goadrich, 2006)."""
        tp, fp, fn = self.true_positives.tensor, self.false_positives.tensor, self.false_negatives.tensor
        positives = tp + fp
        slope = ops.divide_no_nan(tp[:-1] - tp[1:], ops.maximum(positives[:-1] - positives[1:], 0.0))
        intercept = tp[1:] - slope * positives[1:]
        both = ops.logical_and(positives[:-1] > 0, positives[1:] > 0)
        ratio = ops.where(both, ops.divide_no_nan(positives[:-1], positives[1:]), ops.ones_like(slope))
        pieces = ops.divide_no_nan(
            slope * (tp[:-1] - tp[1:] + intercept * ops.log(ratio)), ops.maximum(tp[1:] + fn[1:], 0.0)
        )
        return self._over_labels(ops.sum(pieces, axis=0))

    def _over_labels(self, areas: Tensor) -> Tensor:
        if not self.multi_label:
            return areas
        if self.label_weights is None:
            return ops.mean(areas)
        weights = ops.convert_to_tensor(self.label_weights, dtype=areas.dtype)
        return ops.divide_no_nan(ops.sum(areas * weights), ops.sum(weights))

    def result(self) -> Tensor:
        """Return the area so far."""
        if self.curve == "PR" and self.summation_method == "interpolation":
            return self.interpolate_pr_auc()
        x, y = self._curve()
        if self.summation_method == "interpolation":
            heights = (y[:-1] + y[1:]) / 2.0
        elif self.summation_method == "minoring":
            heights = ops.minimum(y[:-1], y[1:])
        else:
            heights = ops.maximum(y[:-1], y[1:])
        return self._over_labels(ops.sum((x[:-1] - x[1:]) * heights, axis=0))

    def reset_state(self) -> None:
        """Forget all batches."""
        if self._built:
            super().reset_state()

    def get_config(self) -> dict[str, Any]:
        """Return the arguments that rebuild this metric."""
        config_: dict[str, Any] = {
            "name": self.name,
            "dtype": self.dtype,
            "num_thresholds": self.num_thresholds,
            "curve": self.curve,
            "summation_method": self.summation_method,
            "multi_label": self.multi_label,
            "num_labels": self.num_labels,
            "label_weights": self.label_weights,
            "from_logits": self._from_logits,
        }
        if self._init_from_thresholds:
            config_["thresholds"] = self.thresholds[1:-1]
        return config_
