"""How long the messages of errors may be: what they quote, a user or a file gave, and it may be of any size."""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any, TypeVar

F = TypeVar("F", bound=Callable[..., Any])

_LONGEST = 4_000  # characters
_BEGIN, _END = 3_000, 800


def shorten(error: Exception) -> None:
    """Cut the middle out of a message that nobody would read to its end.

    Where calls from outside come in (of ops, layers and losses, of constructors, of functions that read files) this
    happens to whatever goes out, so that no message has to think of it.

    Args:
        error: its message is changed.

    >>> error = ValueError("x" * 1_000_000 + ": too long")
    >>> shorten(error)
    >>> len(str(error)) < 4_000, str(error)[-40:]
    (True, 'xxxxxxxxxxxxxxxxxxxxxxxxxxxxxx: too long')
    """
    message = error.args[0] if error.args else None
    if isinstance(message, str) and len(message) > _LONGEST:
        left_out = f" ... ({len(message) - _BEGIN - _END:,} characters are left out) ... "
        error.args = (message[:_BEGIN] + left_out + message[-_END:], *error.args[1:])


def short_messages(function: F) -> F:
    """Decorate a function that users call: its TypeErrors and ValueErrors are shortened."""

    @functools.wraps(function)
    def call(*args: Any, **kwargs: Any) -> Any:
        try:
            return function(*args, **kwargs)
        except (TypeError, ValueError) as error:
            shorten(error)
            raise

    return call  # type: ignore[return-value]
