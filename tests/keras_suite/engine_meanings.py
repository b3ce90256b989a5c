"""Eager calls by an engine's table, one primitive at a time: what the tests of ops try where an engine is chosen."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from pronghorn.engine.backends import choice
from pronghorn.engine.backends.engine import Engine
from pronghorn.engine.graph.primitives import registry


def install() -> None:
    """Have every primitive that is applied at once run on the engine that is chosen; nothing where that is ours."""
    engine = choice.current_engine()
    if engine is None:
        return
    registry.use_kernels(lambda prim, arrays, params, result: None, least=0)
    registry.MEANINGS = {name: _on(engine, name) for name in registry.MEANINGS}  # engines use the table that there was


def _on(engine: Engine, name: str) -> Callable[..., Any]:
    """A primitive's function from NumPy's arrays to NumPy's arrays, by the engine's table."""

    def meaning(*arrays: np.ndarray, **params: Any) -> Any:
        for word in (name, *(str(a.dtype) for a in arrays)):
            if word in engine.lacks:
                raise NotImplementedError(f"The engine {engine.name!r} cannot do {word}: {engine.lacks[word]}.")
        with engine.computing():
            out = engine.table[name](*map(engine.from_numpy, map(np.asarray, arrays)), **params)
            if isinstance(out, (tuple, list)):
                return tuple(np.array(engine.to_numpy(o)) for o in out)
            return np.array(engine.to_numpy(out))

    return meaning
