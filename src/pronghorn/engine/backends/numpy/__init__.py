"""The NumPy backend: the meaning of every primitive.

One function a primitive, from arrays and the primitive's parameters to an array (or a tuple of arrays), in modules
named like the families in `pronghorn.engine.graph.primitives`. Every other backend is tested against these. They also
serve eager calls, so they are vectorised, but clear first.
"""

from pronghorn.engine.backends.numpy.interpreter import run
from pronghorn.engine.backends.numpy.registry import IMPLEMENTATIONS

from pronghorn.engine.backends.numpy import (  # isort: skip  (importing a family registers it)
    contraction,
    control,
    elementwise,
    foreign,
    indexing,
    linalg,
    random,
    reduction,
    structure,
    window,
)

__all__ = ["IMPLEMENTATIONS", "run"]
