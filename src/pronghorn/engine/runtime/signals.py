"""Exceptions of signal handlers, which arrive between any two lines and are no fault of what ran there."""

from __future__ import annotations

import contextlib
from types import FrameType
from typing import Any


def is_from_handler(error: BaseException) -> bool:
    """Whether a signal handler raised an exception that has been caught.

    The interpreter calls a handler with the signal's number and the frame that it interrupts, so a handler's
    frame holds the one before it as a value.

    >>> import signal
    >>> def handler(number, frame):
    ...     raise TimeoutError
    >>> before = signal.signal(signal.SIGINT, handler)
    >>> try:
    ...     signal.raise_signal(signal.SIGINT)
    ... except TimeoutError as error:
    ...     print(is_from_handler(error))
    True
    >>> _ = signal.signal(signal.SIGINT, before)
    """
    step = error.__traceback__
    while step is not None:
        interrupted = step.tb_frame.f_back
        if interrupted is not None and any(_holds(value, interrupted) for value in step.tb_frame.f_locals.values()):
            return True
        step = step.tb_next
    return False


def _holds(value: Any, frame: FrameType) -> bool:
    return value is frame or (type(value) is tuple and any(each is frame for each in value))


class _OfFiles(contextlib.AbstractContextManager[None]):
    def __exit__(self, kind: Any, error: BaseException | None, traceback: Any) -> bool:
        return isinstance(error, OSError) and error.errno is not None and not is_from_handler(error)


def without_file_errors() -> contextlib.AbstractContextManager[None]:
    """A block that ends where the system refuses something with a file; `TimeoutError` of an alarm goes on its way.

    >>> with without_file_errors():
    ...     open("/no/such/file")
    """
    return _OfFiles()
