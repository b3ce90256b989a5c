"""The distribution that is in force: what `set_distribution` was given, and what trainers ask."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Protocol


class Distribution(Protocol):
    """What rooms below `distribution` ask of the one that is in force, a `distribution.base.Distribution`."""

    @property
    def reading(self) -> Any:
        """Which samples of given data this process reads; None where it reads all."""

    def layout_of(self, variable: Any) -> Any:
        """How a variable lies on the devices."""

    def whole(self, rank: int) -> Any:
        """The layout of what every device has all of."""

    def lay_out(self, variables: Any) -> None:
        """Lay variables out on the devices, before the first step."""

    def output(self, tensor: Any, path: str) -> Any:
        """A layer's output, laid out as the layout map says of its path."""

    def data_placement(self, shape: tuple[int, ...]) -> tuple[Any, bool]:
        """How an array of a batch lies on the devices, and whether each process has rows of its own."""

    def check_batches(self, size: int | None) -> None:
        """Refuse batches that cannot be shared."""

    def check_same(self, what: str, facts: dict[str, Any]) -> None:
        """Refuse what differs between processes."""

    def executable(self, engine: str, traced: Any, gathered: Sequence[int], jit: bool) -> Any:
        """What runs a traced step."""


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
