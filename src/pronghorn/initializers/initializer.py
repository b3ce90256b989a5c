"""The base class of initializers."""

from __future__ import annotations

from typing import Any

from pronghorn import config
from pronghorn.engine.graph import dtypes
from pronghorn.utils.arguments import CheckedArguments
from pronghorn.utils.reprs import ShownByConfig


class Initializer(ShownByConfig, CheckedArguments):
    """An object called with a shape that returns an array to start a weight with.

    Example:

    >>> from pronghorn import ops
    >>> class Twos(Initializer):
    ...     def __call__(self, shape, dtype=None):
    ...         return ops.full(shape, 2.0, dtype=dtype)
    >>> Twos()((2,), "float32").tolist()
    [2.0, 2.0]
    """

    def __call__(self, shape: Any, dtype: Any = None) -> Any:
        raise NotImplementedError(
            f"{type(self).__name__} must have a __call__(self, shape, dtype=None) that returns an array."
        )

    def get_config(self) -> dict[str, Any]:
        """The constructor's arguments, as plain data."""
        return {}

    @classmethod
    def from_config(cls, config: dict[str, Any]) -> Initializer:
        return cls(**config)

    def clone(self) -> Initializer:
        """Another initializer with the same settings."""
        return type(self).from_config(self.get_config())


def element_type(dtype: Any) -> str:
    """The type of the array to return: the default float type for None."""
    return config.floatx() if dtype is None else dtypes.name_of(dtype)
