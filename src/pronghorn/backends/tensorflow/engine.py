"""TensorFlow as an engine: steps are compiled by `tf.function` and XLA."""

from __future__ import annotations

import functools
from typing import Any

import numpy as np
import tensorflow as tf
from tensorflow.python.eager import record

from pronghorn.backends.engine import Engine, Step
from pronghorn.backends.tensorflow import registry
from pronghorn.backends.tensorflow.registry import TABLE


class TensorFlowEngine(Engine):
    """TensorFlow. A step is traced again for other shapes, as its functions take them in numbers.

    As Keras does on TensorFlow, steps are given to XLA. Those with an operation that XLA does not have, or not as
    exactly (factorisations of matrices), run operation by operation.
    """

    name = "tensorflow"
    library = "tensorflow"
    roots = ("tensorflow",)
    table = TABLE

    def from_numpy(self, array: np.ndarray) -> Any:
        return tf.constant(np.array(array, copy=True))  # TensorFlow may keep the memory that it is given

    def borrowed(self, array: np.ndarray) -> Any:
        return tf.constant(array)

    def to_numpy(self, value: Any) -> np.ndarray:
        return value.numpy()

    def shape_of(self, value: Any) -> tuple[int, ...]:
        """A tensor's shape.

        Raises:
            TypeError: for an extent that a TensorFlow graph does not know yet.
        """
        if not value.shape.is_fully_defined():
            raise TypeError(
                f"A tensor of a TensorFlow graph has no values yet, and the shape of this one is {value.shape}: "
                "extents have to be numbers. Batch with drop_remainder=True, say the shape with tf.ensure_shape, or go "
                "through tf.numpy_function."
            )
        return tuple(value.shape)

    def is_concrete(self, value: Any) -> bool:
        return not tf.is_symbolic_tensor(value)

    def is_plain(self, value: Any) -> bool:
        return self.is_concrete(value) and not record.could_possibly_record()  # which arrays a tape watches is not told

    def dtype_of(self, value: Any) -> str:
        return value.dtype.name

    def compile(self, step: Step) -> Step:
        # Partials, since TensorFlow counts retracings by a function's code, which all steps share.
        plain = tf.function(functools.partial(step), autograph=False)
        fused = tf.function(functools.partial(step), autograph=False, jit_compile=True)
        chosen: Step | None = None

        def run(*arrays: Any) -> Any:
            nonlocal chosen
            if chosen is None:
                before = registry.unfused()
                plain.get_concrete_function(*arrays)
                chosen = fused if registry.unfused() == before + 1 else plain
            return chosen(*arrays)

        return run

    def version(self) -> str:
        return tf.__version__  # the package is called otherwise where it is for the processor alone

    def devices(self) -> list[str]:
        found = [d.name.rpartition("physical_device:")[2] for d in tf.config.list_physical_devices()]
        return [name.lower() for name in found]


ENGINE = TensorFlowEngine()
