"""Errors from deep inside that say for what they were computed."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from pronghorn.engine.graph.dim import SymbolicDimError


@contextmanager
def explained(what: str, **arrays: Any) -> Iterator[None]:
    """Have a ValueError or TypeError that is raised inside name what was going on, and the shapes of what came.

    An error that names it already stays as it is.

    Args:
        what: such as ``"loss 'mse'"``.
        arrays: what was computed with; None is left out.

    >>> import numpy as np
    >>> with explained("loss 'mse'", y_true=np.ones(2)):
    ...     raise ValueError("The shapes differ.")
    Traceback (most recent call last):
    ValueError: loss 'mse': The shapes differ. Shapes received: y_true (2,).
    """
    try:
        yield
    except (ValueError, TypeError) as error:
        name = what.partition("'")[2].rstrip("'")
        if isinstance(error, SymbolicDimError) or name in str(error):
            raise
        shapes = ", ".join(f"{k} {tuple(x.shape)}" for k, x in arrays.items() if hasattr(x, "shape"))
        error.args = (f"{what}: {error}" + (f" Shapes received: {shapes}." if shapes else ""), *error.args[1:])
        raise
