"""The distribution that is in force: what `set_distribution` was given, and what trainers ask."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from pronghorn.distribution.base import Distribution


class _State:
    distribution: Distribution | None = None


def distribution() -> Distribution | None:
    """Return the distribution that is in force, or None.

    >>> distribution() is None
    True
    """
    return _State.distribution


def set_distribution(value: Any) -> None:
    """Have what follows be distributed, by models that are built and trained afterwards.

    Args:
        value: a `DataParallel` or a `ModelParallel`; None for no distribution.

    Raises:
        TypeError: for anything else.

    >>> from pronghorn.distribution import DataParallel
    >>> set_distribution(DataParallel())
    >>> distribution()
    <DataParallel device_mesh=<DeviceMesh shape=(1,), axis_names=['batch']>>
    >>> set_distribution(None)
    """
    if value is not None and not hasattr(value, "get_variable_layout"):
        raise TypeError(
            f"set_distribution: expected a DataParallel, a ModelParallel or None, got {type(value).__name__}."
        )
    _State.distribution = value
