"""Calls of other libraries' functions: NumPy's arrays go there and back."""

from __future__ import annotations

from typing import Any

import numpy as np

from pronghorn.engine.backends.engine import engine
from pronghorn.engine.backends.numpy.registry import implements
from pronghorn.engine.graph.foreign_functions import ForeignFunction


@implements("foreign_call")
def foreign_call(*xs: np.ndarray, call: ForeignFunction) -> tuple[Any, ...]:
    if call.engine is None:
        return call(*xs)
    library = engine(call.engine)
    with library.computing():
        return tuple(np.array(library.to_numpy(y)) for y in call(*(library.from_numpy(x) for x in xs)))
