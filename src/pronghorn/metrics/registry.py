"""Metrics by name and by config."""

from __future__ import annotations

from typing import Any

from pronghorn import metrics as _package
from pronghorn.metrics.metric import Metric
from pronghorn.utils.naming import to_snake_case
from pronghorn.utils.registry import SHORT, ScoreRegistry

_CLASSES: dict[str, type[Metric]] = {
    name: getattr(_package, name) for names in _package._CLASSES.values() for name in names
}
_SHORT = {short: _CLASSES[name] for short, name in SHORT.items() if short != "kld"}

#: Every metric by the names that `get` takes.
ALL_METRICS: dict[str, type[Metric]] = {
    "Metric": Metric,
    **_CLASSES,
    **{to_snake_case(name): cls for name, cls in _CLASSES.items()},
    **_SHORT,
    **{short.upper(): cls for short, cls in _SHORT.items()},
}
_registry = ScoreRegistry(
    "metric",
    ALL_METRICS,
    "a name, a function (y_true, y_pred), an instance of metrics.Metric or a config of one",
    own_first=True,
    further=("acc", "crossentropy"),
)


def serialize(metric: Any) -> dict[str, Any]:
    """Return a metric as a config.

    >>> from pronghorn import metrics
    >>> serialize(metrics.Mean(name="loss"))["config"]["name"]
    'loss'
    """
    return _registry.serialize(metric)


def deserialize(config: Any, custom_objects: dict[str, Any] | None = None) -> Any:
    """Return the metric of a config.

    >>> deserialize("mean").name
    'mean'
    """
    return _registry.deserialize(config, custom_objects)


def get(identifier: Any) -> Any:
    """Return a metric from its name, its config, a class or a callable.

    Raises:
        ValueError: if there is no metric of that name, with the nearest names.

    >>> get("mse")
    <MeanSquaredError name=mean_squared_error>
    """
    return _registry.get(identifier)
