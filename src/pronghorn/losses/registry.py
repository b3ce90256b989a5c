"""Losses by name and by config."""

from __future__ import annotations

import inspect
from collections.abc import Callable
from typing import Any

from pronghorn._lazy import nearest_clause
from pronghorn.losses import margin, probabilistic, regression, segmentation, wrappers
from pronghorn.losses.loss import Loss
from pronghorn.utils.arguments import cannot_take

_FUNCTIONS = (
    regression.mean_absolute_error,
    regression.mean_absolute_percentage_error,
    regression.mean_squared_error,
    regression.mean_squared_logarithmic_error,
    regression.cosine_similarity,
    regression.huber,
    regression.log_cosh,
    margin.categorical_hinge,
    margin.circle,
    margin.hinge,
    margin.squared_hinge,
    probabilistic.binary_crossentropy,
    probabilistic.binary_focal_crossentropy,
    probabilistic.categorical_crossentropy,
    probabilistic.categorical_focal_crossentropy,
    probabilistic.categorical_generalized_cross_entropy,
    probabilistic.ctc,
    probabilistic.kl_divergence,
    probabilistic.poisson,
    probabilistic.sparse_categorical_crossentropy,
    segmentation.dice,
    segmentation.tversky,
)
_SHORT = {
    "bce": probabilistic.binary_crossentropy,
    "kld": probabilistic.kl_divergence,
    "mae": regression.mean_absolute_error,
    "mape": regression.mean_absolute_percentage_error,
    "mse": regression.mean_squared_error,
    "msle": regression.mean_squared_logarithmic_error,
}
_CLASSES = (
    Loss,
    *(c for c in vars(wrappers).values() if inspect.isclass(c) and issubclass(c, Loss) and c.__name__[0] != "_"),
)

#: Every loss by the names that `get` takes.
ALL_LOSSES: dict[str, Any] = {
    **{fn.__name__: fn for fn in _FUNCTIONS},
    **{cls.__name__: cls for cls in _CLASSES},
    **_SHORT,
    **{name.upper(): fn for name, fn in _SHORT.items()},
}


def serialize(loss: Any) -> dict[str, Any] | str:
    """Return a loss as a config: the name of one of these functions, else a dict.

    >>> serialize(regression.mean_squared_error)
    'mean_squared_error'
    """
    from pronghorn.saving import serialize_keras_object

    if inspect.isfunction(loss) and ALL_LOSSES.get(loss.__name__) is loss:
        return loss.__name__
    return serialize_keras_object(loss)


def deserialize(name: Any, custom_objects: dict[str, Any] | None = None) -> Loss | Callable[..., Any]:
    """Return the loss of a config or of a name."""
    from pronghorn.saving import deserialize_keras_object

    if isinstance(name, str) and name in ALL_LOSSES and name not in (custom_objects or {}):
        return ALL_LOSSES[name]
    return deserialize_keras_object(name, module_objects=ALL_LOSSES, custom_objects=custom_objects)


def get(identifier: Any) -> Loss | Callable[..., Any] | None:
    """Return a loss from its name, its config, a class or a callable.

    Raises:
        ValueError: if there is no loss of that name, with the nearest names.

    >>> get("mse").__name__
    'mean_squared_error'
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
            f"Could not interpret loss identifier: {identifier!r}. A loss is a name, a function (y_true, y_pred), "
            "an instance of losses.Loss or a config of one."
        )
    if inspect.isfunction(found):
        reason = cannot_take(found, None, None)
        if reason:
            raise TypeError(f"The loss {found.__name__!r} must be a function of (y_true, y_pred), but {reason}.")
    return found() if inspect.isclass(found) else found


def _by_name(name: str) -> Any:
    from pronghorn.saving import get_registered_object

    found = ALL_LOSSES.get(name)
    if found is None:
        found = get_registered_object(name)
    if found is None:
        raise ValueError(
            f"Could not interpret loss identifier: there is no loss called {name!r}{nearest_clause(name, ALL_LOSSES)}."
        )
    return found
