"""Orbax checkpoints, which Pronghorn does not write."""

from __future__ import annotations

from typing import Any

from pronghorn.callbacks.callback import Callback


class OrbaxCheckpoint(Callback):
    """Not there: Orbax belongs to JAX. Use `ModelCheckpoint`.

    Raises:
        NotImplementedError: always.
    """

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        raise NotImplementedError("OrbaxCheckpoint belongs to JAX; use ModelCheckpoint, which writes .keras files.")
