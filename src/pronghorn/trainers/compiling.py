"""What `Trainer.compile` and the step functions need to know of a model."""

from __future__ import annotations

from collections.abc import Hashable
from typing import Any

from pronghorn.callbacks import CallbackList
from pronghorn.optimizers import LossScaleOptimizer


def known_output_names(model: Any) -> list[str] | None:
    """The names of a model's outputs, where it has them before it is called."""
    try:
        names = getattr(model, "output_names", None)
    except (AttributeError, ValueError, RuntimeError):  # a Sequential that is not built
        return None
    return list(names) if names else None


def scaled_optimizer(model: Any, optimizer: Any) -> Any:
    """The optimizer, wrapped for loss scaling where the model computes in float16."""
    policy = getattr(model, "dtype_policy", None)
    name = getattr(policy, "name", None)
    if optimizer is None or name != "mixed_float16" or isinstance(optimizer, LossScaleOptimizer):
        return optimizer
    return LossScaleOptimizer(optimizer, name="loss_scale_optimizer")


def state_key(model: Any, kind: str) -> Hashable:
    """What changes a compiled step beside the batch: which weights are trained, and the schedule of the rate."""
    if kind != "train":
        return None
    rate = getattr(model.optimizer, "_learning_rate", None) if model.optimizer is not None else None
    return tuple(id(v) for v in model.trainable_variables), id(model.optimizer), id(rate)


def checked_logs(model: Any, method: str, logs: Any) -> Any:
    """What a step returned, which has to be a dict.

    Raises:
        TypeError: it is none.
    """
    if isinstance(logs, dict):
        return logs
    returned = "nothing (None)" if logs is None else f"a {type(logs).__name__}"
    raise TypeError(
        f"{type(model).__name__}.{method} returned {returned}; it has to return the logs, a dict of results by their "
        'names. End it with `return {"loss": loss}`, or, where it updates metrics, with '
        "`return {metric.name: metric.result() for metric in self.metrics}`."
    )


def callback_list(callbacks: Any, model: Any, **settings: Any) -> Any:
    """The callbacks of a run as a `CallbackList`; one that is given is used as it is."""
    if isinstance(callbacks, CallbackList):
        return callbacks
    return CallbackList(callbacks, model=model, **settings)
