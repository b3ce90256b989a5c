"""The table from a primitive's name to its function, and primitives as operations of PyTensor's own kind."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import pytensor.tensor as pt
from pytensor.gradient import DisconnectedType, disconnected_type
from pytensor.graph.basic import Apply
from pytensor.graph.op import Op

from pronghorn.engine.autodiff.backward import backward
from pronghorn.engine.backends import interpreter
from pronghorn.engine.backends.formulas import Formulas
from pronghorn.engine.backends.interpreter import Bound
from pronghorn.engine.backends.numpy import IMPLEMENTATIONS
from pronghorn.engine.graph import dtypes
from pronghorn.engine.graph.dim import evaluate
from pronghorn.engine.graph.ir import Aval, Graph
from pronghorn.engine.graph.primitives import PRIMITIVES
from pronghorn.engine.graph.trace import trace

Function = Callable[..., Any]
Ints = tuple[int, ...]

TABLE: dict[str, Function] = {}


def shape_of(x: Any) -> Ints:
    """A variable's shape, which its type says.

    Raises:
        ValueError: for an extent that its type does not say.
    """
    if None in x.type.shape:
        raise ValueError(
            f"The PyTensor variable {x} has the shape {x.type.shape}, in which an extent is not known. Give it in "
            "numbers: pytensor.tensor.tensor(name, shape=(32, 10)) or pytensor.tensor.specify_shape(x, (32, 10))."
        )
    return x.type.shape


formulas = Formulas(TABLE, shape_of, lambda x: x.type.dtype)
widened = formulas.widened


def implements(fn: Function) -> Function:
    """Register a function under its own name."""
    TABLE[fn.__name__.rstrip("_")] = fn
    return fn


def is_integer(x: Any) -> bool:
    """Whether a variable is one of integers (bools are none)."""
    return np.dtype(x.type.dtype).kind in "iu"


def shaped(x: Any, shape: Sequence[int]) -> Any:
    """A variable whose type says its shape, where PyTensor does not see it by itself."""
    return x if x.type.shape == tuple(shape) else pt.specify_shape(x, tuple(shape))


def run(body: Graph | Bound, variables: Sequence[Any]) -> list[Any]:
    """A graph's results, in PyTensor's variables."""
    return interpreter.run(body, variables, TABLE, shape_of=shape_of)


class Primitive(Op):
    """A primitive as one operation, for what PyTensor has none: computed by its NumPy meaning.

    Its gradient is that of our own rules.
    """

    __props__ = ("name", "key")

    def __init__(self, name: str, params: dict[str, Any]):
        self.name, self.params = name, params
        # Operations are the same if these are; with a body each is one of its own.
        self.key = tuple((k, object() if isinstance(p, (Graph, Bound)) else p) for k, p in sorted(params.items()))

    def make_node(self, *variables: Any) -> Apply:
        outputs = [pt.TensorType(a.dtype, shape=a.shape)() for a in self.inferred([_aval(x) for x in variables])]
        return Apply(self, list(variables), outputs)

    def inferred(self, avals: Sequence[Aval]) -> Sequence[Aval]:
        """The results' shapes and types."""
        return PRIMITIVES[self.name].infer(avals, self.params)

    def perform(self, node: Apply, inputs: Sequence[Any], output_storage: Sequence[Any]) -> None:
        found = self.computed(node, [np.asarray(x) for x in inputs])
        for storage, variable, array in zip(output_storage, node.outputs, found, strict=True):
            # A copy of what is but a view: PyTensor may write into results.
            storage[0] = np.array(array, variable.type.dtype, copy=None if array.base is None else True)

    def computed(self, node: Apply, arrays: Sequence[np.ndarray]) -> Sequence[np.ndarray]:
        """The results for arrays."""
        found = IMPLEMENTATIONS[self.name](*arrays, **self.params)
        return found if isinstance(found, tuple) else (found,)

    def pullback(self, inputs: Sequence[Any], outputs: Sequence[Any], cotangents: Sequence[Any]) -> list[Any]:
        given = [not isinstance(c.type, DisconnectedType) for c in cotangents]
        places: list[bool] = []
        params = _unbound(self.params)

        def gradients(*tensors: Any) -> list[Any]:
            operands, rest = tensors[: len(inputs)], tensors[len(inputs) :]
            results = PRIMITIVES[self.name](*operands, **params)
            results = results if isinstance(results, tuple) else (results,)
            found = backward([r for r, there in zip(results, given) if there], rest, operands)
            places[:] = [g is not None for g in found]
            return [g for g in found if g is not None]

        known = [*inputs, *(c for c, there in zip(cotangents, given) if there)]
        found = iter(run(trace(gradients, [_aval(x) for x in known]).graph, known))
        return [next(found) if there else disconnected_type() for there in places]


def _aval(x: Any) -> Aval:
    return Aval(shape_of(x), x.type.dtype)


def _unbound(params: dict[str, Any]) -> dict[str, Any]:
    """Parameters with graphs, whose extents are numbers, in the places of bodies."""
    return {k: _in_numbers(p) if isinstance(p, Bound) else p for k, p in params.items()}


def _in_numbers(body: Bound) -> Graph:
    avals = [Aval(tuple(evaluate(d, body.extents) for d in v.shape), v.dtype) for v in body.graph.inputs]
    return trace(lambda *xs: interpreter.run(body, xs, _PRIMITIVES), avals, body.graph.name).graph


_PRIMITIVES = {
    name: lambda *xs, prim=prim, **params: prim(*xs, **_unbound(params)) for name, prim in PRIMITIVES.items()
}


def by_meaning(name: str) -> Function:
    """A primitive's function, by `Primitive`."""
    several = PRIMITIVES[name].has_several

    def call(*variables: Any, **params: Any) -> Any:
        found = Primitive(name, params)(*variables, return_list=True)
        return tuple(found) if several else found[0]

    return call


def constant_of(value: Any, dtype: str | None = None) -> Any:
    """A constant, of the element type of its array."""
    array = np.asarray(value, None if dtype is None else dtypes.to_numpy(dtype))
    return pt.constant(array, dtype=array.dtype.name)
