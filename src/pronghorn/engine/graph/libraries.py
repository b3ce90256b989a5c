"""What the graph asks of other libraries: of one that holds a variable's value, and of one whose arrays a call has."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager
from typing import TYPE_CHECKING, Any, Protocol

import numpy as np

if TYPE_CHECKING:
    from pronghorn.engine.graph.tensor import Tensor


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


class ForeignArrays(Protocol):
    """The arrays of another library in a call that is traced for them: `engine.backends.foreign_calls` has one."""

    def __call__(self, x: Any) -> Tensor | None:
        """The input of the trace that an array of the library becomes; None for what is no such array.

        Raises:
            TypeError: for an array of a second library.
        """

    def keep(self, tensors: list[Any]) -> None:
        """Have the traced tensors that are in a list at the end be the library's arrays once the call is over."""

    def array_of(self, x: Any) -> Any:
        """The library's array for a traced tensor or a variable; None where there is none yet, as in a loop's body."""

    def numbers_of(self, x: Tensor) -> np.ndarray | None:
        """The values of a traced tensor, on which a program may branch; None where the library traces it as well."""

    def while_loop(
        self, cond: Callable[..., Any], body: Callable[..., Any], start: Sequence[Tensor], limit: Any
    ) -> Sequence[Any] | None:
        """A loop by the library, in whose body its own functions want values; None where that cannot be done."""

    def fori_loop(
        self, lower: int, upper: int, body: Callable[..., Any], start: Sequence[Tensor]
    ) -> Sequence[Any] | None:
        """`while_loop` with a known number of rounds, from ``body``'s first argument ``lower`` up to ``upper``."""
