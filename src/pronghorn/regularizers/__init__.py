"""Regularizers: functions of weights or outputs that are added to the loss."""

from typing import Any

from pronghorn._lazy import attach as _attach
from pronghorn.regularizers.regularizers import L1, L1L2, L2, OrthogonalRegularizer, Regularizer
from pronghorn.utils.registry import Registry as _Registry
from pronghorn.utils.registry import names_of as _names_of

__all__ = [
    "L1",
    "L1L2",
    "L2",
    "OrthogonalRegularizer",
    "Regularizer",
    "deserialize",
    "get",
    "l1",
    "l1_l2",
    "l2",
    "orthogonal_regularizer",
    "serialize",
]

l1, l2, l1_l2, orthogonal_regularizer = L1, L2, L1L2, OrthogonalRegularizer

_registry = _Registry("regularizer", {**_names_of((Regularizer, L1, L1L2, L2, OrthogonalRegularizer)), "l1_l2": L1L2})


def get(identifier: Any) -> Any:
    """A regularizer from its name, its configuration, a class or a callable; None for None.

    Raises:
        ValueError: if there is none of that name, with the nearest names.

    >>> get("l2").l2
    0.01
    """
    return _registry.get(identifier)


def serialize(regularizer: Any) -> Any:
    """The configuration of a regularizer.

    >>> serialize(L2(0.5))["config"]
    {'l2': 0.5}
    """
    return _registry.serialize(regularizer)


def deserialize(config: Any, custom_objects: Any = None) -> Any:
    """The regularizer of a configuration.

    >>> deserialize({"class_name": "L2", "config": {"l2": 0.5}}).l2
    0.5
    """
    return _registry.deserialize(config, custom_objects)


_attach(__name__)
