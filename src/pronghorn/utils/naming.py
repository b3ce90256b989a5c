"""Names of objects: automatic ones with counters, and the scopes that become the paths of variables."""

from __future__ import annotations

import gc
import re
import threading
from collections import defaultdict
from collections.abc import Callable
from typing import Any

_WORD_START = re.compile(r"(?<=[a-z])(?=[A-Z])|(?<=[^_])(?=[A-Z][a-z])")

_forgetting: list[Callable[[], None]] = []

_uids: dict[str, int] = defaultdict(int)


class _Scopes(threading.local):
    def __init__(self) -> None:
        self.stack: list[tuple[str, Any, str | None]] = []  # name, caller, path that replaces the parents' if not None


_scopes = _Scopes()


def to_snake_case(name: str) -> str:
    """A class's name as an object's.

    >>> to_snake_case("MaxPooling2D"), to_snake_case("SimpleRNNCell"), to_snake_case("PReLU")
    ('max_pooling2d', 'simple_rnn_cell', 'p_re_lu')
    """
    return _WORD_START.sub("_", re.sub(r"\W+", "", name)).lower()


def auto_name(prefix: str) -> str:
    """A name that no automatic name had before: ``"dense"``, then ``"dense_1"``, ...

    >>> reset_names(); auto_name("Conv2D"), auto_name("Conv2D")
    ('conv2d', 'conv2d_1')
    """
    return unique_name(to_snake_case(prefix))


def unique_name(name: str) -> str:
    """``name`` itself the first time, then with a counter."""
    count = _uids[name]
    _uids[name] += 1
    return f"{name}_{count}" if count else name


def get_uid(prefix: str = "") -> int:
    """Count the objects of a prefix: 1 at the first call, then 2, ...

    >>> reset_names(); get_uid("dense"), get_uid("dense")
    (1, 2)
    """
    _uids[prefix] += 1
    return _uids[prefix]


def reset_names() -> None:
    """Start all counters anew."""
    _uids.clear()


def when_cleared(forget: Callable[[], None]) -> None:
    """Have ``forget()`` called by `clear_session`."""
    _forgetting.append(forget)


def clear_session(free_memory: bool = True) -> None:
    """Forget what was created so far: automatic names start anew, outside of all name scopes of this thread, and the
    global seed generator is made again.

    Args:
        free_memory: also run Python's garbage collector.

    Example:

    >>> from pronghorn import layers
    >>> clear_session()
    >>> layers.Dense(1).name, layers.Dense(1).name
    ('dense', 'dense_1')
    >>> clear_session()
    >>> layers.Dense(1).name
    'dense'
    """
    reset_names()
    _scopes.stack = []
    for forget in _forgetting:
        forget()
    if free_memory:
        gc.collect()


class NameScope:
    """A context whose name is part of the path of the variables created in it.

    Args:
        name: the scope's name, without ``/``.
        caller: the object that opens it; when it is the innermost scope's caller already, nothing is added.
        deduplicate: whether to compare callers.
        override_parent: the path that stands for the scopes around this one.

    Raises:
        ValueError: if the name is no string or has a ``/`` in it.

    Example:

    >>> with NameScope("block"), NameScope("dense"):
    ...     current_path()
    'block/dense'
    """

    def __init__(
        self, name: str, caller: Any = None, deduplicate: bool = True, override_parent: str | None = None, **kwargs: Any
    ) -> None:
        if kwargs:
            raise ValueError(f"name_scope: there are no arguments {sorted(kwargs)}.")
        if not isinstance(name, str) or "/" in name:
            raise ValueError(f"name_scope: `name` must be a string without '/', got {name!r}.")
        self.name, self.caller, self.deduplicate, self.override_parent = name, caller, deduplicate, override_parent
        self._pushed: list[bool] = []

    def __enter__(self) -> NameScope:
        stack = _scopes.stack
        same = self.deduplicate and self.caller is not None and bool(stack) and stack[-1][1] is self.caller
        if not same:
            stack.append((self.name, self.caller, self.override_parent))
        self._pushed.append(not same)
        return self

    def __exit__(self, *error: object) -> None:
        if self._pushed.pop() and _scopes.stack:  # none are left after `clear_session`
            _scopes.stack.pop()


def current_path() -> str:
    """The open scopes' names, joined by ``/``; empty outside of any."""
    parts: list[str] = []
    for name, _, override in _scopes.stack:
        if override is not None:
            parts = [override] if override else []
        parts.append(name)
    return "/".join(parts)
