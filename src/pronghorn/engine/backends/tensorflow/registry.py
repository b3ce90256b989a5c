"""The table from a primitive's name to its function, and how functions are made to fit types that TensorFlow lacks."""

from __future__ import annotations

import contextlib
import contextvars
import dataclasses
from collections.abc import Callable, Iterator, Sequence
from typing import Any

import numpy as np
import tensorflow as tf

from pronghorn.engine.backends import interpreter
from pronghorn.engine.backends.formulas import Formulas
from pronghorn.engine.backends.interpreter import Bound, concrete
from pronghorn.engine.backends.substitution import substituted
from pronghorn.engine.backends.tensorflow.extents import declared, extents, is_exporting, is_open, shape_of
from pronghorn.engine.graph import dtypes
from pronghorn.engine.graph.dim import Dim, Shape, identical
from pronghorn.engine.graph.ir import Graph

Function = Callable[..., Any]
Ints = tuple[int, ...]

TABLE: dict[str, Function] = {}
formulas = Formulas(TABLE, shape_of, lambda x: x.dtype.name)
widened = formulas.widened


def implements(fn: Function) -> Function:
    """Register a function under its own name."""
    TABLE[fn.__name__.rstrip("_")] = fn
    return fn


def run(graph: Graph | Bound, arrays: Sequence[Any]) -> list[Any]:
    """A graph's results, or those of the body that a primitive of control flow has."""
    if not is_open():
        return interpreter.run(graph, arrays, TABLE, shape_of=shape_of)
    if isinstance(graph, Bound):  # a loop's own tensors are known to TensorFlow alone
        shapes = [concrete(v.shape, graph.extents) for v in graph.graph.inputs]
        arrays = [declared(a, shape) for a, shape in zip(arrays, shapes)]
    return interpreter.run(graph, arrays, TABLE, shape_of=shape_of, typed=declared)


def shaped(x: Any, shape: Shape) -> Any:
    """A tensor's elements in another shape."""
    return x if identical(shape_of(x), tuple(shape)) else tf.reshape(x, extents(shape))


def is_integer(x: Any) -> bool:
    """Whether an array is one of integers (bools are none)."""
    return x.dtype.is_integer


# What TensorFlow has kernels for everywhere: the other integers are computed in int64.
_WIDE = {"int32", "int64"}
_AS_MOVED = {"uint16": tf.int16, "uint32": tf.int32, "uint64": tf.int64, "bfloat16": tf.int16}
_AS_MOVED |= dict.fromkeys(dtypes.FLOAT8, tf.float16)
_TOP = np.int64(np.iinfo(np.int64).min)


def _is_narrow(dtype: Any) -> bool:
    return dtype.is_integer and dtype.name not in _WIDE


def _in_int64(x: Any) -> Any:
    return tf.bitcast(x, tf.int64) if x.dtype == tf.uint64 else tf.cast(x, tf.int64)


def _back(out: Any, dtype: Any) -> Any:
    """int64 as another type of integers: the lower bits."""
    if out.dtype != tf.int64:
        return out
    return tf.bitcast(out, dtype) if dtype == tf.uint64 else tf.cast(out, dtype)


def _as_ordered(x: Any) -> Any:
    """uint64's order in int64: the highest bit inverted."""
    return tf.bitwise.bitwise_xor(tf.bitcast(x, tf.int64), _TOP)


def _from_ordered(out: Any, dtype: Any) -> Any:
    return tf.bitcast(tf.bitwise.bitwise_xor(out, _TOP), dtype) if out.dtype == tf.int64 else out


def signed(fn: Function) -> Function:
    """``fn``, in which only the lower bits matter, of every type of integers: in int64, and then they wrap around."""
    return substituted(fn, _is_narrow, _in_int64, _back)


def ordered(fn: Function) -> Function:
    """``fn``, which compares its operands and takes some, of every type of integers: in int64, in the same order."""
    return substituted(signed(fn), lambda dtype: dtype == tf.uint64, _as_ordered, _from_ordered)


def moved(fn: Function) -> Function:
    """``fn``, which moves elements of its operands, of types for which TensorFlow does not have it."""
    return substituted(
        fn, lambda dtype: dtype.name in _AS_MOVED, lambda x: _same_bits(x, _AS_MOVED[x.dtype.name]), _same_bits
    )


def _same_bits(x: Any, dtype: Any) -> Any:
    """A tensor of another type that has the same bits; of eight-bit floats, which have none, the same numbers."""
    narrow = {x.dtype.name, tf.as_dtype(dtype).name} & set(dtypes.FLOAT8)
    return tf.cast(x, dtype) if narrow else tf.bitcast(x, dtype)


@dataclasses.dataclass
class Tracing:
    """How what is being traced will run, and what was met there.

    Attributes:
        is_fused: XLA compiles it.
        in_pieces: what lies between convolutions is compiled by XLA.
        has_unfused: something was met that XLA does not have, or not as exactly.
        has_pieces: a graph was met that had better run in pieces.
    """

    is_fused: bool = False
    in_pieces: bool = False
    has_unfused: bool = False
    has_pieces: bool = False


_tracing = contextvars.ContextVar("tracing", default=Tracing())  # noqa: B039 (what is noted in this one nobody reads)


def tracing() -> Tracing:
    """How what is being traced will run."""
    return _tracing.get()


@contextlib.contextmanager
def tracing_as(how: Tracing) -> Iterator[Tracing]:
    """What is traced inside will run like this."""
    token = _tracing.set(how)
    try:
        yield how
    finally:
        _tracing.reset(token)


def unfused() -> None:
    """To be called where a function is traced that XLA does not have, or not as exactly."""
    tracing().has_unfused = True


def on_host(fn: Function, x: Any, results: Sequence[tuple[Any, Any]], *rest: Any) -> tuple[Any, ...]:
    """``fn`` of NumPy's arrays, for what TensorFlow lacks and nobody does often.

    Args:
        fn: the function; it gives as many arrays as there are ``results``.
        x: its first operand.
        results: a shape and a type for each.
        rest: the other operands.
    """
    if is_exporting():
        raise NotImplementedError("TensorFlow has no operation for it, and Python cannot be exported")
    unfused()
    found = tf.numpy_function(fn, [x, *rest], [dtype for _, dtype in results])
    found = found if isinstance(found, list | tuple) else [found]  # eagerly, one result comes as it is
    known = [[None if isinstance(n, Dim) else n for n in shape] for shape, _ in results]
    return tuple(tf.ensure_shape(a, shape) for a, shape in zip(found, known))


def elementwise_on_host(fn: Function) -> Function:
    """`on_host` for a function whose result is an array like its first operand."""
    return lambda x, *rest: on_host(lambda *arrays: [fn(*arrays)], x, [(x.shape, x.dtype)], *rest)[0]
