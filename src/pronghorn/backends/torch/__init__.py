"""PyTorch as an engine: a table from primitive to a function on tensors, in modules named like `backends/numpy`'s."""

from pronghorn.backends.torch.engine import ENGINE

from pronghorn.backends.torch import (  # isort: skip  (importing a family registers it)
    contraction,
    control,
    elementwise,
    linalg,
    random,
    reduction,
    structure,
    window,
)

__all__ = ["ENGINE"]
