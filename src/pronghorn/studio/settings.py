"""How a run trains: optimizer, rate, batch and so on, as data."""

from __future__ import annotations

from dataclasses import asdict, dataclass, field, replace
from typing import Any

import numpy as np

from pronghorn import optimizers, saving

OPTIMIZERS = ("Adam", "AdamW", "SGD", "RMSprop", "Nadam", "Adagrad", "Adamax", "Lion")


@dataclass(frozen=True)
class Settings:
    """How a run trains.

    Attributes:
        optimizer: the class of the optimizer.
        learning_rate: its step size.
        schedule: the configuration of a schedule that gives the step size instead.
        options: its other settings, where they are not the defaults.
        loss: a loss as `compile` takes it, or its configuration.
        metrics: metrics as `compile` takes them, or their configurations.
        batch_size: samples a step.
        epochs: how often the data is gone through.
        examples: how many training examples are used; 0 for all.
        seed: of the initial weights and the order of the samples.
    """

    optimizer: str = "Adam"
    learning_rate: float = 0.001
    schedule: dict[str, Any] | None = None
    options: dict[str, Any] = field(default_factory=dict)
    loss: Any = "sparse_categorical_crossentropy"
    metrics: tuple[Any, ...] = ("accuracy",)
    batch_size: int = 128
    epochs: int = 5
    examples: int = 0
    seed: int = 0

    def changed(self, changes: dict[str, Any]) -> Settings:
        """These with some changed.

        Raises:
            ValueError, TypeError: if a value is of the wrong kind, or the optimizer does not take it.
        """
        values: dict[str, Any] = {}
        for name, value in changes.items():
            if name not in _READ:
                raise ValueError(f"There is no setting {name!r}; there are {', '.join(_READ)}.")
            values[name] = _READ[name](name, value)
        if values.get("optimizer", self.optimizer) != self.optimizer:
            values["options"] = {}
            if self.schedule is None and self.learning_rate == _usual_rate(self.optimizer):
                values.setdefault("learning_rate", _usual_rate(values["optimizer"]) or self.learning_rate)
        if "learning_rate" in values:
            values["schedule"] = None
        changed = replace(self, **values)
        changed.make_optimizer()
        return changed

    def make_optimizer(self) -> Any:
        """The optimizer, new."""
        kind = getattr(optimizers, self.optimizer, None)
        if kind is None:
            return optimizers.get(self.optimizer)  # which says what there is
        rate = self.learning_rate if self.schedule is None else saving.deserialize_keras_object(self.schedule)
        return kind(learning_rate=rate, **saving.deserialize_keras_object(self.options))

    def compile(self, model: Any) -> None:
        """Compile a model with them."""
        loss, metrics = saving.deserialize_keras_object([self.loss, self.metrics_argument()])
        model.compile(self.make_optimizer(), loss, metrics=metrics)

    def metrics_argument(self) -> Any:
        """The metrics as `compile` takes them: a list, or a dict by the names of several outputs."""
        only = self.metrics[0] if len(self.metrics) == 1 else None
        return only if isinstance(only, dict) and "class_name" not in only else list(self.metrics)

    def shown(self) -> dict[str, Any]:
        """They for the page."""
        rate = self.learning_rate if self.schedule is None else self.schedule["class_name"]
        return {
            **asdict(self),
            "learning_rate": rate,
            "loss": named(self.loss),
            "metrics": [named(metric) for metric in self.metrics],
        }


def _usual_rate(optimizer: str) -> float | None:
    """The default step size of an optimizer; None for a name of no optimizer."""
    kind = getattr(optimizers, optimizer, None)
    rate = kind().get_config().get("learning_rate") if isinstance(kind, type) else None
    return float(f"{rate:.6g}") if isinstance(rate, int | float) else None


_LARGEST_RATE = float(np.finfo("float32").max)  # beyond it a step's rate is infinite


def _whole(smallest: int, largest: int) -> Any:
    def read(name: str, value: Any) -> int:
        if isinstance(value, bool) or not isinstance(value, int | float) or value != int(value):
            raise ValueError(f"{name.replace('_', ' ')} must be a whole number, got {value!r}.")
        if not smallest <= value <= largest:
            raise ValueError(f"{name.replace('_', ' ')} must be from {smallest:,} to {largest:,}, got {value:,}.")
        return int(value)

    return read


def _rate(name: str, value: Any) -> float:
    if isinstance(value, bool) or not isinstance(value, int | float) or not 0 <= value <= _LARGEST_RATE:
        raise ValueError(f"learning rate must be a number from 0 to {_LARGEST_RATE:.1e}, got {value!r}.")
    return float(value)


#: How the settings that the page may change are read.
_READ = {
    "optimizer": lambda name, value: str(value),
    "learning_rate": _rate,
    "batch_size": _whole(1, 1 << 20),
    "epochs": _whole(1, 100_000),
    "examples": _whole(0, 1 << 31),
    "seed": _whole(0, (1 << 31) - 1),
}


def settings_of(compiled: dict[str, Any], known: Settings) -> Settings:
    """The settings of a compiled model.

    Args:
        compiled: what `model.get_compile_config()` gives.
        known: what it does not say.
    """
    known = replace(known, loss=compiled.get("loss") or known.loss, metrics=_metrics(compiled))
    optimizer = compiled.get("optimizer") or {}
    kind, config = optimizer.get("class_name"), optimizer.get("config") or {}
    rate = config.get("learning_rate")
    if not isinstance(kind, str) or not hasattr(optimizers, kind):
        return known
    usual = getattr(optimizers, kind)().get_config()
    options = {k: v for k, v in config.items() if k not in ("name", "learning_rate") and usual.get(k) != v}
    return replace(
        known,
        optimizer=kind,
        learning_rate=float(f"{rate:.6g}") if isinstance(rate, int | float) else known.learning_rate,
        schedule=rate if isinstance(rate, dict) and "class_name" in rate else None,
        options=options,
    )


def _metrics(compiled: dict[str, Any]) -> tuple[Any, ...]:
    metrics = compiled.get("metrics")
    return tuple(metrics) if isinstance(metrics, list | tuple) else () if metrics is None else (metrics,)


def named(described: Any) -> str:
    """A short name of a loss or a metric."""
    if isinstance(described, list | tuple):
        return ", ".join(map(named, described))
    if isinstance(described, dict) and "class_name" not in described:  # of several outputs
        return ", ".join(f"{output}: {named(one)}" for output, one in described.items())
    if isinstance(described, dict):
        inner = described.get("config")
        return str((inner.get("name") if isinstance(inner, dict) else inner) or described.get("class_name"))
    return str(described)
