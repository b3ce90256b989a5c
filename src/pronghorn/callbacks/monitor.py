"""What callbacks that watch one result have in common."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from pronghorn import ops
from pronghorn._lazy import nearest_clause
from pronghorn.callbacks.callback import Callback, Logs
from pronghorn.engine.graph.user_code import warn

_BETTER_HIGHER = ("acc", "auc", "precision", "recall", "f1", "fbeta", "fmeasure", "iou", "r2", "cosine_similarity")
_BETTER_LOWER = ("loss", "error", "mse", "mae", "mape", "msle", "entropy", "divergence", "hinge", "logcosh")


class MonitorCallback(Callback):
    """Base of callbacks that compare a result with its best value so far.

    Args:
        monitor: name of the result, such as `"val_loss"`.
        mode: `"min"`, `"max"` or `"auto"`: whether lower or higher is better; auto goes by the metric and its name.
        baseline: the value to beat first, if any.
        min_delta: how much better a value must be to count.

    Raises:
        ValueError: in training, where auto cannot tell.
    """

    def __init__(
        self, monitor: str = "val_loss", mode: str = "auto", baseline: float | None = None, min_delta: float = 0
    ) -> None:
        super().__init__()
        if mode not in ("auto", "min", "max"):
            name = type(self).__name__
            warn(f"{name} mode {mode!r} is unknown: it must be 'auto', 'min' or 'max'; taking 'auto'.")
            mode = "auto"
        self.monitor = monitor
        self.mode = mode
        self.best = baseline
        self.min_delta = abs(min_delta)
        self._higher: bool | None = None if mode == "auto" else mode == "max"

    def _label(self) -> str:
        return f"{type(self).__name__} of {self.monitor}"

    def is_improvement(self, value: float, reference: float | None) -> bool:
        """Return whether `value` is better than `reference` by more than `min_delta`; anything beats None."""
        if reference is None:
            return True
        self.find_direction()
        return value - self.min_delta > reference if self._higher else value + self.min_delta < reference

    def find_direction(self, logs: Logs = None) -> None:
        """Find out whether higher or lower is better, where `mode` is auto.

        Args:
            logs: the results of an epoch, by which a name that is none of them is told.

        Raises:
            ValueError: if the metrics and the name do not tell.
        """
        if self._higher is None:
            self._higher = self._higher_is_better()
        if self._higher is None:
            if logs and self.monitor not in logs:
                raise ValueError(self._absence(logs))
            raise ValueError(
                f"{type(self).__name__}: whether {self.monitor!r} is better higher or lower cannot be told from its "
                "name; pass mode='max' or mode='min'."
            )

    @property
    def monitor_op(self) -> Any:
        """`ops.greater` or `ops.less`: what makes a value better; None before the first comparison."""
        if self._higher is None:
            return None

        return ops.greater if self._higher else ops.less

    def monitored(self, logs: Logs) -> Any:
        """Return the watched result, or None with a warning where it is not there."""
        logs = logs or {}
        if self.monitor in logs:
            return logs[self.monitor]
        warn(self._absence(logs))
        return None

    def _absence(self, logs: Mapping[str, Any]) -> str:
        """What is said where the watched result is none of an epoch's."""
        known, mend = list(logs), ""
        if self.monitor.startswith("val_") and not any(name.startswith("val_") for name in logs):
            known += [f"val_{name}" for name in logs]  # which there would be
            mend = " Pass validation_data or validation_split to fit."
        near = "" if self.monitor in known else nearest_clause(self.monitor, known)
        return (
            f"{type(self).__name__}: there is no result {self.monitor!r} to watch{near}; there are: "
            f"{', '.join(logs) or 'none'}.{mend}"
        )

    def _higher_is_better(self) -> bool | None:
        name = self.monitor.removeprefix("val_")
        if name == "loss" or name.endswith("_loss"):
            return False
        for metric in _metrics_of(self.model):
            direction = getattr(metric, "_direction", None)
            if getattr(metric, "name", None) == name and direction in ("up", "down"):
                return direction == "up"
        lowered = name.lower()
        if any(part in lowered for part in _BETTER_LOWER):
            return False
        if any(part in lowered for part in _BETTER_HIGHER):
            return True
        return None


def _metrics_of(model: Any) -> Iterator[Any]:
    """The metrics of a model, those inside its compiled ones too."""
    pending = list(getattr(model, "metrics", None) or ())
    while pending:
        metric = pending.pop()
        yield metric
        pending += [inner for inner in getattr(metric, "metrics", None) or () if inner is not metric]
