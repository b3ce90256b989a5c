"""How deep models may stand inside models.

A call, a configuration and a file of nested models go through them one inside the other, about nine Python frames each.
So there may be a sixteenth as many as Python's recursion limit, 62 by default, told where a model is put together: a
RecursionError later would come in the middle of `fit` or `save` and say nothing of the models.
"""

from __future__ import annotations

import sys
from collections.abc import Iterable
from typing import Any

_FRAMES = 16  # of the recursion limit, for each model: what it takes, and room for the program around


def note_nesting(model: Any, parts: Iterable[Any]) -> None:
    """Note that ``parts``, layers or models, stand in ``model``.

    Raises:
        ValueError: if models are nested too deep.
    """
    depth = max([getattr(model, "_nesting", 1), *(1 + getattr(part, "_nesting", 0) for part in parts)])
    most = sys.getrecursionlimit() // _FRAMES
    if depth > most:
        raise ValueError(
            f"The model {model.name!r} has models in models, {depth} deep; at most {most} fit Python's recursion limit "
            f"of {sys.getrecursionlimit():,}. Put the layers of the inner models into one model, or raise the limit "
            "first with sys.setrecursionlimit."
        )
    object.__setattr__(model, "_nesting", depth)
