"""Constraints: functions that put weights back where they may be after each update."""

from typing import Any

from pronghorn._lazy import attach as _attach
from pronghorn.constraints.constraints import Constraint, MaxNorm, MinMaxNorm, NonNeg, UnitNorm
from pronghorn.utils.registry import Registry as _Registry
from pronghorn.utils.registry import names_of as _names_of

__all__ = [
    "Constraint",
    "MaxNorm",
    "MinMaxNorm",
    "NonNeg",
    "UnitNorm",
    "deserialize",
    "get",
    "max_norm",
    "min_max_norm",
    "non_neg",
    "serialize",
    "unit_norm",
]

max_norm, min_max_norm, non_neg, unit_norm = MaxNorm, MinMaxNorm, NonNeg, UnitNorm

_registry = _Registry("constraint", _names_of((Constraint, MaxNorm, MinMaxNorm, NonNeg, UnitNorm)))


def get(identifier: Any) -> Any:
    """A constraint from its name, its configuration, a class or a callable; None for None.

    Raises:
        ValueError: if there is none of that name, with the nearest names.

    >>> get("non_neg")
    <NonNeg>
    """
    return _registry.get(identifier)


def serialize(constraint: Any) -> Any:
    """The configuration of a constraint.

    >>> serialize(NonNeg())["class_name"]
    'NonNeg'
    """
    return _registry.serialize(constraint)


def deserialize(config: Any, custom_objects: Any = None) -> Any:
    """The constraint of a configuration.

    >>> deserialize({"class_name": "MaxNorm", "config": {"max_value": 3.0, "axis": 0}}).max_value
    3.0
    """
    return _registry.deserialize(config, custom_objects)


_attach(__name__)
