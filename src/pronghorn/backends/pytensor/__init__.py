"""PyTensor, the successor of Theano: a graph of its variables a primitive. Importing this package imports PyTensor."""

from pronghorn.backends.pytensor import contraction, control, table
from pronghorn.backends.pytensor.engine import ENGINE

__all__ = ["ENGINE", "contraction", "control", "table"]
