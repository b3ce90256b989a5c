"""`tf.errors`, for `pronghorn run`: what is raised here for the same causes, and classes for those that there are not.

`except tf.errors.InvalidArgumentError` catches the `ValueError` that stands for it, wherever it comes from; what
functions of the stand-in raise is a `tf.errors.OpError`, too.
"""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any

from pronghorn.engine.graph.primitives.registry import ShapeError

#: The numbers of the causes.
OK, CANCELLED, UNKNOWN, INVALID_ARGUMENT, DEADLINE_EXCEEDED, NOT_FOUND, ALREADY_EXISTS, PERMISSION_DENIED = range(8)
RESOURCE_EXHAUSTED, FAILED_PRECONDITION, ABORTED, OUT_OF_RANGE, UNIMPLEMENTED, INTERNAL, UNAVAILABLE = range(8, 15)
DATA_LOSS, UNAUTHENTICATED = 15, 16


class _Family(type):
    """Of which Python's errors are, too, that stand for an error of TensorFlow's."""

    def __subclasscheck__(cls, other: type) -> bool:
        return super().__subclasscheck__(other) or (cls is OpError and other in _PLAIN)

    def __instancecheck__(cls, error: object) -> bool:
        return super().__instancecheck__(error) or (cls is OpError and type(error) in _PLAIN)


class OpError(Exception, metaclass=_Family):
    """`tf.errors.OpError`."""

    error_code = UNKNOWN

    def __init__(self, node_def: object = None, op: object = None, message: str = "", *args: object) -> None:
        super().__init__(message)
        self.node_def, self.op, self.message = node_def, op, message


class AbortedError(OpError):
    """`tf.errors.AbortedError`."""

    error_code = ABORTED


class CancelledError(OpError):
    """`tf.errors.CancelledError`."""

    error_code = CANCELLED


class DataLossError(OpError, ValueError):
    """`tf.errors.DataLossError`."""

    error_code = DATA_LOSS


class FailedPreconditionError(OpError):
    """`tf.errors.FailedPreconditionError`."""

    error_code = FAILED_PRECONDITION


class InternalError(OpError):
    """`tf.errors.InternalError`."""

    error_code = INTERNAL


class OperatorNotAllowedInGraphError(TypeError):
    """`tf.errors.OperatorNotAllowedInGraphError`."""


class OutOfRangeError(OpError, StopIteration):
    """`tf.errors.OutOfRangeError`, which `get_next` raises where Python's iterators raise a StopIteration."""

    error_code = OUT_OF_RANGE


class UnauthenticatedError(OpError):
    """`tf.errors.UnauthenticatedError`."""

    error_code = UNAUTHENTICATED


class UnavailableError(OpError):
    """`tf.errors.UnavailableError`."""

    error_code = UNAVAILABLE


class UnknownError(OpError):
    """`tf.errors.UnknownError`."""


def _class(name: str, plain: type[Exception], code: int) -> type[OpError]:
    """The class of errors that functions of the stand-in raise in place of a plain one."""

    def reduce(self: OpError) -> Any:  # by its name, this module has the plain class
        return _made, (plain, self.message, *_of_system(self))

    return type(name, (OpError, plain), {"__doc__": f"`tf.errors.{name}`.", "error_code": code, "__reduce__": reduce})


def _made(plain: type[Exception], message: str, *of_system: Any) -> OpError:
    """The error in place of a plain one."""
    made: Any = _OF_FUNCTIONS[plain](None, None, message)
    if of_system:
        made.errno, made.strerror, made.filename = of_system
    return made  # type: ignore[no-any-return]


def _of_system(error: Exception) -> tuple[Any, ...]:
    """What the operating system said: a number, its words and a file, or nothing."""
    said = isinstance(error, OSError) and error.errno is not None
    return (error.errno, error.strerror, error.filename) if said else ()  # type: ignore[attr-defined]


_OF_FUNCTIONS = {
    ValueError: _class("InvalidArgumentError", ValueError, INVALID_ARGUMENT),
    ShapeError: _class("InvalidArgumentError", ShapeError, INVALID_ARGUMENT),
    FileNotFoundError: _class("NotFoundError", FileNotFoundError, NOT_FOUND),
    FileExistsError: _class("AlreadyExistsError", FileExistsError, ALREADY_EXISTS),
    PermissionError: _class("PermissionDeniedError", PermissionError, PERMISSION_DENIED),
}


def with_causes(function: Callable[..., Any]) -> Callable[..., Any]:
    """A function of TensorFlow's whose errors are `tf.errors.OpError`s, too, with their `message` and `error_code`.

    >>> try:
    ...     with_causes(open)("/there/is/none")
    ... except OpError as error:
    ...     print(type(error).__name__, error.error_code, isinstance(error, FileNotFoundError), error.filename)
    NotFoundError 5 True /there/is/none
    """

    @functools.wraps(function)
    def wrapper(*args: Any, **kwargs: Any) -> Any:
        try:
            return function(*args, **kwargs)
        except tuple(_OF_FUNCTIONS) as error:
            if type(error) not in _OF_FUNCTIONS:
                raise
            raised = _made(type(error), str(error), *_of_system(error)).with_traceback(error.__traceback__)
        raise raised

    return wrapper


InvalidArgumentError = ValueError
NotFoundError = FileNotFoundError
AlreadyExistsError = FileExistsError
PermissionDeniedError = PermissionError
ResourceExhaustedError = MemoryError
UnimplementedError = NotImplementedError
DeadlineExceededError = TimeoutError

_PLAIN = frozenset(
    (
        *(InvalidArgumentError, NotFoundError, AlreadyExistsError, PermissionDeniedError),
        *(ResourceExhaustedError, UnimplementedError, DeadlineExceededError),
    )
)
