"""The closed set of primitives: names, parameters, and rules for shapes and element types.

``from pronghorn.engine.graph import primitives as P`` and then ``P.add(x, y)``. What a primitive means is its NumPy
function (`pronghorn.engine.backends.numpy`), how it is differentiated its rule in `pronghorn.engine.autodiff`, how it
becomes machine code its lowering in `pronghorn.engine.compiler`: tables with the same keys and the same module names as
here.
"""

from typing import TYPE_CHECKING

from pronghorn.engine.graph.primitives.registry import PRIMITIVES, Primitive, ShapeError  # isort: skip
from pronghorn.engine.graph.primitives import (
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

__all__ = ["PRIMITIVES", "Primitive", "ShapeError", *PRIMITIVES]

# Primitives named like a Python keyword (and, or, not) or builtin are reached with a trailing underscore as well.
globals().update(PRIMITIVES)
globals().update({f"{name}_": PRIMITIVES[name] for name in ("and", "or", "not", "slice")})

if TYPE_CHECKING:

    def __getattr__(name: str) -> Primitive: ...  # what the line above adds
