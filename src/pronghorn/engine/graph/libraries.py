"""What a variable asks of a library that holds its value: the part of an engine that the graph knows."""

from __future__ import annotations

from contextlib import AbstractContextManager
from typing import Any, Protocol

import numpy as np


class ArrayLibrary(Protocol):
    """A library whose arrays may hold the values of variables: an engine of `pronghorn.engine.backends` is one."""

    @property
    def shares_memory(self) -> bool:
        """Whether the array that it lends and NumPy's array of it are the same memory."""

    def from_numpy(self, array: np.ndarray) -> Any:
        """The library's array with these values, in memory of its own."""

    def to_numpy(self, value: Any) -> np.ndarray:
        """An array's values; what comes may be the library's own memory."""

    def borrowed(self, array: np.ndarray) -> Any:
        """`from_numpy` without a copy where that can be done."""

    def placed(self, array: np.ndarray, layout: Any) -> Any:
        """`from_numpy` on several devices, as a layout says."""

    def relaid(self, value: Any, layout: Any) -> Any:
        """An array with the same values on the devices of a layout."""

    def overwrite(self, value: Any, new: Any) -> None:
        """Put new numbers into an array that is lent."""

    def operand(self, value: Any) -> Any:
        """An array that a program holds, as the functions of the engine's table take it."""

    def computing(self) -> AbstractContextManager[Any]:
        """What has to be on while the library's arrays are computed or copied."""
