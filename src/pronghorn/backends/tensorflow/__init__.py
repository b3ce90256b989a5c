"""TensorFlow as an engine: a table from primitive to a function on its tensors."""

from pronghorn.backends.tensorflow.engine import ENGINE

from pronghorn.backends.tensorflow import contraction, control, table  # isort: skip  (importing a family registers it)

__all__ = ["ENGINE", "contraction", "control", "table"]
