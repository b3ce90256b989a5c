"""TensorFlow as an engine: a table from primitive to a function on its tensors."""

from pronghorn.engine.backends.tensorflow.engine import ENGINE

from pronghorn.engine.backends.tensorflow import contraction, control, table  # isort: skip  (importing a family registers it)

__all__ = ["ENGINE", "contraction", "control", "table"]
