"""`tf.errors`, for `pronghorn run`: what is raised here for the same causes, and classes for those that there are not.

`except tf.errors.InvalidArgumentError` catches the `ValueError` that stands for it.
"""

from __future__ import annotations


class OpError(Exception):
    """`tf.errors.OpError`."""

    def __init__(self, node_def: object = None, op: object = None, message: str = "", *args: object) -> None:
        super().__init__(message)
        self.node_def, self.op, self.message = node_def, op, message


class AbortedError(OpError):
    """`tf.errors.AbortedError`."""


class CancelledError(OpError):
    """`tf.errors.CancelledError`."""


class DataLossError(OpError, ValueError):
    """`tf.errors.DataLossError`."""


class FailedPreconditionError(OpError):
    """`tf.errors.FailedPreconditionError`."""


class InternalError(OpError):
    """`tf.errors.InternalError`."""


class OperatorNotAllowedInGraphError(TypeError):
    """`tf.errors.OperatorNotAllowedInGraphError`."""


class UnauthenticatedError(OpError):
    """`tf.errors.UnauthenticatedError`."""


class UnavailableError(OpError):
    """`tf.errors.UnavailableError`."""


class UnknownError(OpError):
    """`tf.errors.UnknownError`."""


InvalidArgumentError = ValueError
NotFoundError = FileNotFoundError
AlreadyExistsError = FileExistsError
PermissionDeniedError = PermissionError
OutOfRangeError = StopIteration
ResourceExhaustedError = MemoryError
UnimplementedError = NotImplementedError
DeadlineExceededError = TimeoutError

#: The numbers of the causes.
OK, CANCELLED, UNKNOWN, INVALID_ARGUMENT, DEADLINE_EXCEEDED, NOT_FOUND, ALREADY_EXISTS, PERMISSION_DENIED = range(8)
RESOURCE_EXHAUSTED, FAILED_PRECONDITION, ABORTED, OUT_OF_RANGE, UNIMPLEMENTED, INTERNAL, UNAVAILABLE = range(8, 15)
DATA_LOSS, UNAUTHENTICATED = 15, 16
