"""Python functions that machine code calls: matrix factorisations, for which a job borrows NumPy."""

from __future__ import annotations

import ctypes
from collections.abc import Callable
from typing import Any


class Callback:
    """A Python function with an address that machine code can call.

    An exception cannot travel through machine code: it is kept, the job goes on, and whoever ran the job calls
    `raise_error` when it is done. That includes the KeyboardInterrupt of a Ctrl-C that arrives during the function.
    A callback must outlive the code that calls it.

    Args:
        function: called with one value an argument; its result is ignored.
        *argument_types: the ctypes types of the arguments (pointers as `ctypes.c_void_p`, which arrive as integers).

    Attributes:
        address: what machine code calls, `void (...)`.

    >>> seen = []
    >>> callback = Callback(seen.append, ctypes.c_int64)
    >>> ctypes.CFUNCTYPE(None, ctypes.c_int64)(callback.address)(5)
    >>> seen
    [5]
    """

    def __init__(self, function: Callable[..., object], *argument_types: Any) -> None:
        self._function = function
        self._error: BaseException | None = None
        self._native = ctypes.CFUNCTYPE(None, *argument_types)(self._call)
        self.address: int = ctypes.cast(self._native, ctypes.c_void_p).value or 0

    def _call(self, *arguments: object) -> None:
        try:
            self._function(*arguments)
        except BaseException as error:  # the first one counts: what follows may be its consequence
            if self._error is None:
                self._error = error

    def raise_error(self) -> None:
        """Raise what the function raised since the last call, if anything."""
        error, self._error = self._error, None
        if error is not None:
            raise error
