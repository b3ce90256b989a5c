"""PyTensor, the successor of Theano: a graph of its variables a primitive. Importing this package imports PyTensor."""

from pronghorn.backends.pytensor import control, table
from pronghorn.backends.pytensor.engine import ENGINE

__all__ = ["ENGINE", "control", "table"]
