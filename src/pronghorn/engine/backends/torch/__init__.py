"""PyTorch as an engine: a table from primitive to a function on tensors, in modules named like `backends.numpy`'s."""

from pronghorn.engine.backends.complex_order import also_of_complex_numbers
from pronghorn.engine.backends.torch.engine import ENGINE
from pronghorn.engine.backends.torch.registry import TABLE, formulas

from pronghorn.engine.backends.torch import (  # isort: skip  (importing a family registers it)
    contraction,
    control,
    elementwise,
    linalg,
    random,
    reduction,
    structure,
    window,
)

also_of_complex_numbers(TABLE, formulas)

__all__ = ["ENGINE"]
