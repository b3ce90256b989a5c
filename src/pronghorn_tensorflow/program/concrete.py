"""A function for arguments of one kind, and its graph: what `tf.function` gives where it is asked for one."""

from __future__ import annotations

import contextlib
import functools
import inspect
import itertools
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np

from pronghorn import tree
from pronghorn.data.element import Array
from pronghorn.data.element_types import dtype_name, type_of
from pronghorn.data.tensor_spec import TensorShape, TensorSpec
from pronghorn.engine.graph.ir import Graph, Node, Value
from pronghorn.engine.graph.tensor import Tensor
from pronghorn.export.signature import Inference, Purpose, inference_of, to_spec
from pronghorn_tensorflow.program.errors import InvalidArgumentError, UnimplementedError

_PURPOSE = Purpose(
    who="get_concrete_function",
    keeper="the graph",
    fixing="Pass TensorSpecs with numbers in the shapes.",
    telling="Pass a TensorSpec for each argument.",
)


def is_tensor(x: Any) -> bool:
    """Whether an argument is an array, or the description of one; all else is kept as it is."""
    return isinstance(x, TensorSpec | Tensor | np.ndarray | np.generic | Array)


class ConcreteFunction:
    """What `get_concrete_function` gives: a function for tensors of certain kinds, with all other arguments kept.

    It computes with the program that `tf.function` compiles. `graph` and what belongs to it are traced once they are
    asked for.

    Args:
        called: what is called with the arguments.
        function: the function as it is written, whose parameters have the names.
        args: arguments, with descriptions (or examples) in the places of tensors.
        kwargs: those by name.

    Raises:
        TypeError: for arguments that the function does not have.
    """

    def __init__(
        self, called: Callable[..., Any], function: Callable[..., Any], args: tuple[Any, ...], kwargs: dict[str, Any]
    ) -> None:
        self._called, self._function = called, function
        self._signature = inspect.signature(function)
        bound = self._signature.bind(*args, **kwargs)
        bound.apply_defaults()
        self._bound = bound
        functools.update_wrapper(self, function)

    @property
    def name(self) -> str:
        """The function's name."""
        return getattr(self._function, "__name__", "function")

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        given = self._signature.bind_partial(*args, **kwargs).arguments
        arguments = dict(self._bound.arguments)
        for name, value in given.items():
            kept = arguments[name]
            if not tree.is_nested(kept) and not is_tensor(kept) and not is_same(kept, value):
                raise TypeError(
                    f"{self.name}: {name}={kept!r} is part of the concrete function; the call has {value!r}."
                )
            if is_tensor(kept):
                _check(f"{self.name}: {name}", value, kept)
            arguments[name] = value
        missing = [
            name for name, value in arguments.items() if name not in given and any(map(is_tensor, tree.flatten(value)))
        ]
        if missing:
            raise TypeError(f"{self.name}: the call has nothing for {', '.join(missing)}.")
        bound = inspect.BoundArguments(self._signature, arguments)  # type: ignore[arg-type]
        return self._called(*bound.args, **bound.kwargs)

    @property
    def structured_input_signature(self) -> tuple[tuple[Any, ...], dict[str, Any]]:
        """The arguments by place and by name, with descriptions in the places of tensors."""
        described = {
            name: tree.map_structure(lambda x, name=name: _described(x, name), value)
            for name, value in self._bound.arguments.items()
        }
        bound = inspect.BoundArguments(self._signature, described)  # type: ignore[arg-type]
        return bound.args, bound.kwargs

    @functools.cached_property
    def _inference(self) -> Inference:
        args, kwargs = self.structured_input_signature
        leaves = tree.flatten((args, kwargs))
        places = [i for i, leaf in enumerate(leaves) if is_tensor(leaf)]

        def call(*tensors: Any) -> Any:
            filled = list(leaves)
            for place, tensor in zip(places, tensors):
                filled[place] = tensor
            positional, named = tree.pack_sequence_as((args, kwargs), filled)
            return self._function(*positional, **named)

        specs = tuple(to_spec(leaves[place]) for place in places)
        return inference_of(call, specs, self.name, purpose=_PURPOSE)

    @functools.cached_property
    def graph(self) -> FuncGraph:
        """What the function computes, as operations.

        Raises:
            ValueError: if that depends on extents that are not known.
        """
        return FuncGraph(self._inference)

    @property
    def inputs(self) -> list[SymbolicTensor]:
        """The graph's tensors for the arguments."""
        return self.graph.inputs

    @property
    def outputs(self) -> list[SymbolicTensor]:
        """The graph's tensors for the results, flat."""
        return self.graph.outputs

    @property
    def structured_outputs(self) -> Any:
        """The results, with the graph's tensors in them."""
        return self.graph.structured_outputs

    @property
    def variables(self) -> tuple[Any, ...]:
        """The variables that the function uses."""
        return self.graph.variables

    @property
    def trainable_variables(self) -> tuple[Any, ...]:
        """Those that are trained."""
        return self.graph.trainable_variables


def is_same(kept: Any, value: Any) -> bool:
    """Whether an argument is what was kept."""
    return value is kept or (type(value) is type(kept) and bool(np.all(value == kept)))


def _check(who: str, value: Any, spec: Any) -> None:
    """Refuse a tensor of another kind than the function is for."""
    if isinstance(value, Tensor) and not (
        dtype_name(value.dtype) == dtype_name(spec.dtype)
        and TensorSpec(spec.shape, spec.dtype).is_compatible_with(value)
    ):
        raise InvalidArgumentError(
            f"{who} is a tensor of shape {tuple(value.shape)}, dtype {dtype_name(value.dtype)}; the function is "
            f"for shape {spec.shape}, dtype {dtype_name(spec.dtype)}."
        )


def _described(x: Any, name: str) -> Any:
    """A tensor's description, called after its argument where it has no name; anything else as it is."""
    if not is_tensor(x):
        return x
    return TensorSpec(x.shape, dtype_name(x.dtype), name=getattr(x, "name", None) or name)


# -- graphs -----------------------------------------------------------------------------------------------------------
class SymbolicTensor:
    """An array of a graph: its name, type and shape, in which None stands for open extents."""

    def __init__(self, name: str, value: Value, op: Operation) -> None:
        self.name, self.op = name, op
        self.dtype = type_of(value.dtype)
        self.shape = TensorShape([n if isinstance(n, int) else None for n in value.shape])

    def __repr__(self) -> str:
        return f"<tf.Tensor {self.name!r} shape={tuple(self.shape)} dtype={self.dtype.name}>"


class Operation:
    """One step of a graph. Its type is the primitive's name: those of Pronghorn, not of TensorFlow."""

    def __init__(self, name: str, type: str, inputs: tuple[SymbolicTensor, ...], values: list[Value]) -> None:
        self.name, self.type, self.inputs = name, type, inputs
        self.outputs = [SymbolicTensor(f"{name}:{i}", value, self) for i, value in enumerate(values)]

    def __repr__(self) -> str:
        return f"<tf.Operation {self.name!r} type={self.type}>"


class FuncGraph:
    """What a function computes: operations in order, of the arguments and the variables to the results.

    Args:
        found: the function, traced.
    """

    def __init__(self, found: Inference) -> None:
        graph = found.traced.graph
        self.name = graph.name
        self.variables = tuple(found.traced.variables)
        self.trainable_variables = tuple(variable for variable in self.variables if variable.trainable)
        self._operations: dict[str, Operation] = {}
        self._names: dict[str, Iterator[int]] = {}
        tensors = self._read(graph, found)
        self.inputs = [tensors[value] for value in graph.inputs[: found.traced.num_args]]
        self.outputs = [tensors[value] for value in graph.outputs[: found.traced.num_results]]
        self.structured_outputs = tree.pack_sequence_as(found.structure, self.outputs)

    def _read(self, graph: Graph, found: Inference) -> dict[Value, SymbolicTensor]:
        tensors: dict[Value, SymbolicTensor] = {}
        names = [*found.inputs, *(variable.path for variable in found.traced.variables)]
        for place, (value, name) in enumerate(zip(graph.inputs, names)):
            kind = "Placeholder" if place < found.traced.num_args else "ReadVariable"
            self._add(name, kind, (), [value], tensors)
        for node in graph.nodes:
            self._add(_name_of(node), node.prim.name, tuple(tensors[v] for v in node.inputs), node.outputs, tensors)
        return tensors

    def _add(
        self,
        name: str,
        type: str,
        inputs: tuple[SymbolicTensor, ...],
        values: list[Value],
        tensors: dict[Value, SymbolicTensor],
    ) -> None:
        number = next(self._names.setdefault(name, itertools.count()))
        name = f"{name}_{number}" if number else name
        self._operations[name] = operation = Operation(name, type, inputs, values)
        tensors.update(zip(values, operation.outputs))

    def get_operations(self) -> list[Operation]:
        """Return the operations, each after those whose results it takes."""
        return list(self._operations.values())

    def get_operation_by_name(self, name: str) -> Operation:
        """Return an operation.

        Raises:
            KeyError: if there is none of that name.
        """
        if name not in self._operations:
            raise KeyError(f"The graph {self.name!r} has no operation {name!r}; get_operations() lists them.")
        return self._operations[name]

    def get_tensor_by_name(self, name: str) -> SymbolicTensor:
        """Return a result of an operation: `"x:0"` is the first of `"x"`.

        Raises:
            KeyError: if there is none of that name.
        """
        operation, _, place = name.partition(":")
        outputs = self.get_operation_by_name(operation).outputs
        if not place.isdecimal() or int(place) >= len(outputs):
            raise KeyError(f"The graph {self.name!r} has no tensor {name!r}: {operation!r} has {len(outputs)} of them.")
        return outputs[int(place)]

    @contextlib.contextmanager
    def as_default(self) -> Iterator[FuncGraph]:
        """A block in which nothing is different: functions are traced by calls here."""
        yield self

    def as_graph_def(self, *ignored: Any, **ignored_too: Any) -> Any:
        """Refuse: TensorFlow's description of graphs is made of TensorFlow's operations.

        Raises:
            NotImplementedError: always.
        """
        raise UnimplementedError(
            f"graph.as_graph_def(): the graph {self.name!r} is one of Pronghorn's, whose operations are not "
            "TensorFlow's. get_operations() lists them; a SavedModel that model.export(path) writes with the real "
            "TensorFlow has one."
        )


def _name_of(node: Node) -> str:
    return f"{node.scope}/{node.prim.name}" if node.scope else node.prim.name
