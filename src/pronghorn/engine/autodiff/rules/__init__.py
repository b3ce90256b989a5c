"""The rules, one module a family of primitives. Importing this registers all of them."""

from pronghorn.engine.autodiff.rules import (
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
