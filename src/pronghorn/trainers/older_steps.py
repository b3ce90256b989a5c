"""What a `train_step` written for Keras 2 calls: `compiled_loss` and `compiled_metrics`."""

from __future__ import annotations

from typing import Any

from pronghorn import tree
from pronghorn.engine.graph.user_code import warn
from pronghorn.losses.reduction import count


class OlderSteps:
    """The losses and metrics of `compile` by their names of Keras 2."""

    def compiled_loss(
        self: Any, y: Any, y_pred: Any, sample_weight: Any = None, regularization_losses: Any = None
    ) -> Any:
        """Return the loss of a batch, and have the mean of the loss take it in; new code calls `compute_loss`.

        Args:
            y: targets.
            y_pred: what the model made of the inputs.
            sample_weight: weights of the samples.
            regularization_losses: without effect: the losses that layers added are always counted.
        """
        _warn("compiled_loss(y, y_pred)", "compute_loss(y=y, y_pred=y_pred)")
        loss = self.compute_loss(x=None, y=y, y_pred=y_pred, sample_weight=sample_weight)
        first = tree.flatten(y_pred)[0]
        self._loss_tracker.update_state(loss, sample_weight=count(first.shape[:1], "float32"))
        return loss

    @property
    def compiled_metrics(self: Any) -> CompiledMetrics:
        """The metrics of `compile`, to be updated; new code goes through `metrics`."""
        return CompiledMetrics(self)


class CompiledMetrics:
    """The metrics that a model was compiled with.

    Args:
        model: the model.
    """

    def __init__(self, model: Any) -> None:
        self._model = model

    def update_state(self, y: Any, y_pred: Any, sample_weight: Any = None) -> None:
        """Update them for a batch."""
        _warn("compiled_metrics.update_state(y, y_pred)", "compute_metrics(x, y, y_pred)")
        metrics = self._model._compile_metrics
        if metrics is not None:
            metrics.update_state(y, y_pred, sample_weight=sample_weight)


def _warn(old: str, new: str) -> None:
    warn(f"model.{old} is a name of Keras 2: write model.{new}.")
