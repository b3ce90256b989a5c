"""Metrics by name and by config."""

from __future__ import annotations

import inspect
from typing import Any

from pronghorn import metrics as _package
from pronghorn._lazy import nearest_clause
from pronghorn.metrics.metric import Metric
from pronghorn.utils.arguments import cannot_take
from pronghorn.utils.naming import to_snake_case

_CLASSES: dict[str, type[Metric]] = {
    name: getattr(_package, name) for names in _package._CLASSES.values() for name in names
}
_SHORT = {
    "bce": "BinaryCrossentropy",
    "mae": "MeanAbsoluteError",
    "mape": "MeanAbsolutePercentageError",
    "mse": "MeanSquaredError",
    "msle": "MeanSquaredLogarithmicError",
}

#: Every metric by the names that `get` takes.
ALL_METRICS: dict[str, type[Metric]] = {
    "Metric": Metric,
    **_CLASSES,
    **{to_snake_case(name): cls for name, cls in _CLASSES.items()},
    **{short: _CLASSES[name] for short, name in _SHORT.items()},
    **{short.upper(): _CLASSES[name] for short, name in _SHORT.items()},
}


def serialize(metric: Any) -> dict[str, Any]:
    """Return a metric as a config."""
    from pronghorn.saving import serialize_keras_object

    return serialize_keras_object(metric)


def deserialize(config: Any, custom_objects: dict[str, Any] | None = None) -> Any:
    """Return the metric of a config."""
    from pronghorn.saving import deserialize_keras_object

    return deserialize_keras_object(config, module_objects=ALL_METRICS, custom_objects=custom_objects)


def get(identifier: Any) -> Any:
    """Return a metric from its name, its config, a class or a callable.

    Raises:
        ValueError: if there is no metric of that name, with the nearest names.

    >>> get("mse")
    <MeanSquaredError name=mean_squared_error>
    """
    if identifier is None:
        return None
    if isinstance(identifier, dict):
        found = deserialize(identifier)
    elif isinstance(identifier, str):
        found = _by_name(identifier)
    else:
        found = identifier
    if not callable(found):
        raise ValueError(
            f"Could not interpret metric identifier: {identifier!r}. A metric is a name, a function (y_true, y_pred), "
            "an instance of metrics.Metric or a config of one."
        )
    if inspect.isfunction(found):
        reason = cannot_take(found, None, None)
        if reason:
            raise TypeError(f"The metric {found.__name__!r} must be a function of (y_true, y_pred), but {reason}.")
    return found() if inspect.isclass(found) else found


def _by_name(name: str) -> Any:
    from pronghorn.saving import get_registered_object

    found: Any = ALL_METRICS.get(name) or get_registered_object(name)
    if found is None:
        known = [*ALL_METRICS, "acc", "crossentropy"]
        raise ValueError(
            f"Could not interpret metric identifier: there is no metric called {name!r}{nearest_clause(name, known)}."
        )
    return found
