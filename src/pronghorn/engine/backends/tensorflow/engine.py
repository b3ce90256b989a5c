"""TensorFlow as an engine: steps are compiled by `tf.function` and XLA."""

from __future__ import annotations

import functools
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import tensorflow as tf

from pronghorn.engine.backends.engine import Engine, Step
from pronghorn.engine.backends.foreign_calls import tell_of_tracing
from pronghorn.engine.backends.interpreter import Bound
from pronghorn.engine.backends.tensorflow import extents, pieces, registry
from pronghorn.engine.backends.tensorflow.registry import TABLE, Tracing
from pronghorn.engine.graph import dtypes
from pronghorn.engine.graph.dim import Dim, Shape
from pronghorn.engine.graph.ir import Graph
from pronghorn.engine.graph.tensor import Tensor
from pronghorn.engine.graph.variable import GraphVariable

try:  # what is private to TensorFlow may be missing some day
    from tensorflow.python.eager.record import could_possibly_record
except ImportError:

    def could_possibly_record() -> bool:
        """Whether a tape may record what is computed: then it had better not leave TensorFlow."""
        return True


try:
    from tensorflow.python.autograph.core import config

    # What AutoGraph makes of a program's own functions, it is not to make of ours.
    config.CONVERSION_RULES = (config.DoNotConvert("pronghorn"), *config.CONVERSION_RULES)
except (ImportError, AttributeError):  # it reads our functions too, which takes longer
    pass


class TensorFlowEngine(Engine):
    """TensorFlow. A step is traced again for other shapes, as its functions take them in numbers.

    Steps are given to XLA; those with convolutions in pieces (`pronghorn.engine.backends.tensorflow.pieces`). Those
    with an operation that XLA does not have, or not as exactly (factorisations of matrices), run operation by
    operation.
    """

    name = "tensorflow"
    library = "tensorflow"
    roots = ("tensorflow",)
    table = TABLE
    has_programs = True
    unknown_extents = extents.REMEDY

    def from_numpy(self, array: np.ndarray) -> Any:
        with tf.init_scope():  # it has values, also where a function is traced
            return tf.constant(np.array(array, copy=True))  # TensorFlow may keep the memory that it is given

    def borrowed(self, array: np.ndarray) -> Any:
        return tf.constant(array)

    def to_numpy(self, value: Any) -> np.ndarray:
        return value.numpy()

    def shape_of(self, value: Any) -> tuple[int, ...]:
        """A tensor's shape.

        Raises:
            TypeError: for an extent that a TensorFlow graph does not know yet, and for a ragged tensor.
        """
        _refuse_ragged(value)
        return extents.shape_of(value)  # type: ignore[return-value]

    def open_shape(self, value: Any, symbol: Callable[[int], Dim]) -> Shape:
        _refuse_ragged(value)
        if value.shape.rank is None:
            raise TypeError(f"A tensor of a TensorFlow graph has no shape yet, not even a rank. {extents.REMEDY}")
        return tuple(symbol(axis) if n is None else n for axis, n in enumerate(value.shape))

    def run_open(self, graph: Graph, arrays: Sequence[Any]) -> list[Any]:
        with extents.opened():
            # What is noted of tensors here is of this run: those of the program stay without.
            given = [extents.bound(tf.identity(x), value.shape) for x, value in zip(arrays, graph.inputs)]
            return [tf.identity(x) for x in registry.run(graph, given)]

    def is_concrete(self, value: Any) -> bool:
        return not tf.is_symbolic_tensor(value)

    def is_plain(self, value: Any) -> bool:
        return self.is_concrete(value) and not could_possibly_record()  # which arrays a tape watches is not told

    def dtype_of(self, value: Any) -> str:
        return value.dtype.name

    def lend(self, variable: GraphVariable) -> None:
        """Have a variable of TensorFlow's be the value, which tapes know, and functions read and assign as they run."""
        if variable.lent_to(self) is None:
            with tf.init_scope():
                value = tf.Variable(variable.on(self), trainable=not dtypes.is_integer(variable.storage_dtype))
            variable.lend(self, value)

    def can_give(self, variable: GraphVariable, value: Any) -> bool:
        return self.is_concrete(value) or variable.lent_to(self) is not None  # the function assigns it when it runs

    def operand(self, value: Any) -> Any:
        if isinstance(value, tf.SparseTensor):
            return tf.sparse.to_dense(value)
        return tf.convert_to_tensor(value)  # of a variable, or of the rows of a gradient

    def overwrite(self, value: tf.Variable, new: Any) -> None:
        value.assign(new)

    def program(self, step: Callable[..., Any]) -> Callable[..., Any]:
        return tf.function(step, autograph=False)

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
        return registry.run(graph, arrays)

    def checkpointed(self, fn: Callable[[], Any]) -> Any:
        return tf.recompute_grad(fn)()

    def version(self) -> str:
        return tf.__version__  # the package is called otherwise where it is for the processor alone

    def devices(self) -> list[str]:
        found = [d.name.rpartition("physical_device:")[2] for d in tf.config.list_physical_devices()]
        return [name.lower() for name in found]


def _as(how: Tracing, step: Step, *arrays: Any) -> Any:
    with registry.tracing_as(how):
        return step(*arrays)


def _refuse_ragged(x: Any) -> None:
    if isinstance(x, tf.RaggedTensor):
        raise TypeError(
            "A RaggedTensor has rows of different lengths, so it is no array. Its method to_tensor() makes one of it."
        )


ENGINE = TensorFlowEngine()


def _as_tensor(x: Any, dtype: Any = None, name: Any = None, as_ref: bool = False) -> Any:
    """An array or a variable of ours that a function of TensorFlow's got."""
    if isinstance(x, GraphVariable):
        x = x.value
    found = x if not isinstance(x, Tensor) else tf.constant(x.numpy())
    return tf.convert_to_tensor(found) if dtype is None else tf.cast(found, dtype)


for _class in (Tensor, GraphVariable):
    tf.register_tensor_conversion_function(_class, _as_tensor)


tell_of_tracing("tensorflow", tf.inside_function)
