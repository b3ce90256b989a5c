"""TensorFlow as an engine: steps are compiled by `tf.function` and XLA."""

from __future__ import annotations

import functools
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import tensorflow as tf
from tensorflow.python.eager import record

from pronghorn.backends.engine import Engine, Step
from pronghorn.backends.interpreter import Bound
from pronghorn.backends.tensorflow import pieces, registry
from pronghorn.backends.tensorflow.registry import TABLE, Tracing
from pronghorn.graph.ir import Graph


class TensorFlowEngine(Engine):
    """TensorFlow. A step is traced again for other shapes, as its functions take them in numbers.

    Steps are given to XLA; those with convolutions in pieces (`pronghorn.backends.tensorflow.pieces`). Those with an
    operation that XLA does not have, or not as exactly (factorisations of matrices), run operation by operation.
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
        def traced(how: Tracing) -> Callable[..., Any]:
            # A partial, since TensorFlow counts retracings by a function's code, which all steps share.
            fn = functools.partial(_as, how, step)
            return tf.function(fn, autograph=False, jit_compile=how.is_fused or None)

        chosen: Step | None = None

        def run(*arrays: Any) -> Any:
            nonlocal chosen
            if chosen is None:
                met = Tracing()
                plain = traced(met)
                plain.get_concrete_function(*arrays)
                if met.has_unfused:
                    chosen = plain
                else:
                    chosen = traced(Tracing(in_pieces=True) if met.has_pieces else Tracing(is_fused=True))
            return chosen(*arrays)

        return run

    def run(self, graph: Graph | Bound, arrays: Sequence[Any]) -> list[Any]:
        if isinstance(graph, Graph) and pieces.suits(graph):
            how = registry.tracing()
            if how.in_pieces:
                return pieces.run(graph, arrays)
            how.has_pieces = True
        return super().run(graph, arrays)

    def version(self) -> str:
        return tf.__version__  # the package is called otherwise where it is for the processor alone

    def devices(self) -> list[str]:
        found = [d.name.rpartition("physical_device:")[2] for d in tf.config.list_physical_devices()]
        return [name.lower() for name in found]


def _as(how: Tracing, step: Step, *arrays: Any) -> Any:
    with registry.tracing_as(how):
        return step(*arrays)


ENGINE = TensorFlowEngine()
