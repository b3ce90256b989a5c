"""Recomputing instead of keeping activations: accepted, and not needed where the compiler plans memory."""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any

_MODES = ("full", "activations", "larger_than", "list_of_layers")


class RematScope:
    """A context in which layers may recompute activations in the backward pass to save memory.

    Pronghorn plans the memory of a whole step and keeps what it decides to keep, so this checks its arguments and
    changes no result.

    Args:
        mode: `"full"`, `"activations"`, `"larger_than"`, `"list_of_layers"` or None.
        output_size_threshold: for `"larger_than"`.
        layer_names: for `"list_of_layers"`.

    Raises:
        ValueError: for an unknown mode.
    """

    def __init__(
        self, mode: str | None = "full", output_size_threshold: int = 1024, layer_names: list[str] | None = None
    ) -> None:
        if mode is not None and mode not in _MODES:
            raise ValueError(f"RematScope: mode={mode!r} is not known; it must be None or one of {', '.join(_MODES)}.")
        self.mode = mode
        self.output_size_threshold = output_size_threshold
        self.layer_names = layer_names or []

    def __enter__(self) -> RematScope:
        return self

    def __exit__(self, *exception: Any) -> None:
        return None


def remat(f: Callable[..., Any]) -> Callable[..., Any]:
    """Return a function that computes the same; see `RematScope`.

    >>> remat(lambda x: x + 1)(1)
    2
    """

    @functools.wraps(f)
    def same(*args: Any, **kwargs: Any) -> Any:
        return f(*args, **kwargs)

    return same
