"""The kernels of eager calls: made at the first call of a kind, kept in a bounded table and in the on-disk cache."""

from __future__ import annotations

import functools
import threading
from collections import OrderedDict
from collections.abc import Callable, Hashable, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from pronghorn.engine.backends import choice
from pronghorn.engine.backends.eager.shapes import ROWS, Call, elementwise, general
from pronghorn.engine.backends.eager.worth import is_worth_it
from pronghorn.engine.graph import dtypes
from pronghorn.engine.graph.dim import Shape, SymbolicDimError
from pronghorn.engine.graph.ir import Aval, Graph, Value
from pronghorn.engine.graph.primitives.registry import Primitive
from pronghorn.engine.graph.primitives.structure import broadcast_in_dim
from pronghorn.engine.graph.tensor import Tensor
from pronghorn.engine.graph.trace import Traced, trace
from pronghorn.engine.runtime import forks

if TYPE_CHECKING:
    from pronghorn.engine.backends.llvm import Executable

MOST_KERNELS = 1024


class _Kernels:
    """Kernels by what they are for, the least recently used forgotten first; None where there can be none."""

    def __init__(self) -> None:
        self.lock = threading.RLock()
        self.known: OrderedDict[Hashable, Executable | None] = OrderedDict()
        forks.renew(self)

    def renew_in_child(self) -> None:
        self.lock = threading.RLock()

    def get(self, key: Hashable, make: Callable[[], Traced]) -> Executable | None:
        with self.lock:
            if key in self.known:
                self.known.move_to_end(key)
            else:
                self.known[key] = _compiled(make)
                if len(self.known) > MOST_KERNELS:
                    self.known.popitem(last=False)
            return self.known[key]


_kernels = _Kernels()


def _compiled(make: Callable[[], Traced]) -> Executable | None:
    from pronghorn.engine.backends.llvm import Executable
    from pronghorn.engine.runtime.compile import CompilationError

    try:
        return Executable(make())
    except (SymbolicDimError, CompilationError):
        return None


def is_enabled() -> bool:
    """Whether eager calls may be compiled."""
    return choice.chosen() != "numpy"


def run(prim: Primitive, arrays: Sequence[np.ndarray], params: dict[str, Any], result: Aval) -> np.ndarray | None:
    """A primitive's output by a compiled kernel; None where the call stays with NumPy.

    Args:
        prim: a primitive with one output.
        arrays: its operands.
        params: its parameters.
        result: its output's shape and type.
    """
    if not is_worth_it(prim.name, arrays, result.shape, params) or not is_enabled():
        return None
    if prim.elementwise:
        return _run_elementwise(prim, arrays, params, result)
    if prim.name == "random_bits":
        return run_function(prim, prim, arrays, result.shape)
    for call in general(prim.name, arrays, params):
        kernel = _kernels.get((prim.name, call.key), functools.partial(_graph_of, prim, call))
        if kernel is not None:
            return kernel(*call.arrays)[0]
    return None


def _run_elementwise(
    prim: Primitive, arrays: Sequence[np.ndarray], params: dict[str, Any], result: Aval
) -> np.ndarray | None:
    call, given = elementwise(arrays, params)
    if not call.shape or any(not a.flags.c_contiguous for a in call.arrays):
        return None  # NumPy walks through others in the order of their memory
    kernel = _kernels.get((prim.name, call.key), functools.partial(_graph_of, prim, call))
    if kernel is None:
        return None
    out = kernel(*call.arrays)[0].reshape(given)
    return out if out.shape == result.shape else np.broadcast_to(out, result.shape)


def _graph_of(prim: Primitive, call: Call) -> Traced:
    graph = Graph(f"eager {prim.name}")
    values: list[Value] = []
    for array, shape, axes in zip(call.arrays, call.shapes, call.repeats):
        value = graph.add_input(Aval(shape, dtypes.name_of(array.dtype)))
        if axes is not None:
            (value,) = graph.add_node(broadcast_in_dim, [value], {"shape": call.shape, "dims": axes})
        values.append(value)
    graph.outputs = graph.add_node(prim, values, call.params)
    return Traced(graph, len(call.arrays), [], [], 1)


def run_function(
    key: Hashable, function: Callable[..., Tensor], arrays: Sequence[np.ndarray], shape: Shape
) -> np.ndarray | None:
    """``function(*arrays, shape=shape)`` by one kernel that serves all shapes; None where there can be none.

    Args:
        key: stands for the function.
        function: from tensors to an array of which each element depends on its row-major number alone.
        arrays: its arguments.
        shape: of the result.
    """
    if not is_enabled():
        return None
    kinds = tuple((a.shape, a.dtype.name) for a in arrays)

    def make() -> Traced:
        avals = [Aval(a.shape, dtypes.name_of(a.dtype)) for a in arrays]
        # An array without elements says how many are to be made.
        return trace(lambda *xs: [function(*xs[1:], shape=(ROWS,))], [Aval((ROWS, 0), "bool"), *avals], name="drawing")

    kernel = _kernels.get((key, kinds), make)
    if kernel is None:
        return None
    count = int(np.prod(shape, dtype=np.int64))
    return kernel(np.empty((count, 0), bool), *arrays)[0].reshape(shape)
