"""PyTensor, the successor of Theano: a graph of its variables a primitive. Importing this package imports PyTensor."""

from pronghorn.engine.backends.pytensor import contraction, control, table
from pronghorn.engine.backends.pytensor.engine import ENGINE

__all__ = ["ENGINE", "contraction", "control", "table"]
