"""Losses by name and by config."""

from __future__ import annotations

import inspect
from collections.abc import Callable
from typing import Any

from pronghorn.losses import margin, probabilistic, regression, segmentation, wrappers
from pronghorn.losses.loss import Loss
from pronghorn.utils.naming import to_snake_case
from pronghorn.utils.registry import SHORT, ScoreRegistry

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
    probabilistic.sparse_categorical_focal_crossentropy,
    segmentation.dice,
    segmentation.tversky,
)
_CLASSES = (
    Loss,
    *(c for c in vars(wrappers).values() if inspect.isclass(c) and issubclass(c, Loss) and c.__name__[0] != "_"),
)

_NAMED = {fn.__name__: fn for fn in _FUNCTIONS}
_SHORT = {short: _NAMED[to_snake_case(name)] for short, name in SHORT.items()}

#: Every loss by the names that `get` takes.
ALL_LOSSES: dict[str, Any] = {
    **_NAMED,
    **{cls.__name__: cls for cls in _CLASSES},
    **_SHORT,
    **{name.upper(): fn for name, fn in _SHORT.items()},
}
_registry = ScoreRegistry(
    "loss",
    ALL_LOSSES,
    "a name, a function (y_true, y_pred), an instance of losses.Loss or a config of one",
    own_first=True,
)


def serialize(loss: Any) -> dict[str, Any] | str:
    """Return a loss as a config: the name of one of these functions, else a dict.

    >>> serialize(regression.mean_squared_error)
    'mean_squared_error'
    """
    if inspect.isfunction(loss) and ALL_LOSSES.get(loss.__name__) is loss:
        return loss.__name__
    return _registry.serialize(loss)


def deserialize(name: Any, custom_objects: dict[str, Any] | None = None) -> Loss | Callable[..., Any]:
    """Return the loss of a config or of a name.

    >>> deserialize("mean_squared_error").__name__
    'mean_squared_error'
    """
    if isinstance(name, str) and name in ALL_LOSSES and name not in (custom_objects or {}):
        return ALL_LOSSES[name]
    return _registry.deserialize(name, custom_objects)


def get(identifier: Any) -> Loss | Callable[..., Any] | None:
    """Return a loss from its name, its config, a class or a callable.

    Raises:
        ValueError: if there is no loss of that name, with the nearest names.

    >>> get("mse").__name__
    'mean_squared_error'
    """
    return _registry.get(identifier)
