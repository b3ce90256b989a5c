"""`Function`: operations between symbolic inputs and outputs, put in order and run on arrays."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterator
from typing import Any

from pronghorn import tree
from pronghorn.layers.core.input_layer import InputLayer
from pronghorn.symbolic.keras_tensor import KerasTensor
from pronghorn.symbolic.node import Node
from pronghorn.symbolic.operation import Operation


class Function(Operation):
    """What lies between ``inputs`` and ``outputs``, as one operation.

    Args:
        inputs: nested KerasTensors.
        outputs: nested KerasTensors that were made from ``inputs``.
        name: a name; automatic if None.

    Attributes:
        operations: all operations, inputs first.

    Raises:
        ValueError: if an output depends on a tensor that is not among the inputs.

    Example:

    >>> from pronghorn import ops
    >>> from pronghorn.layers import Input
    >>> x = Input((2,))
    >>> double = Function(x, x * 2.0)
    >>> double(ops.ones((1, 2))).tolist()
    [[2.0, 2.0]]
    """

    def __init__(self, inputs: Any, outputs: Any, name: str | None = None) -> None:
        super().__init__(name=name)
        self._set_graph(inputs, outputs)

    def _set_graph(self, inputs: Any, outputs: Any) -> None:
        set_plain = (
            object.__setattr__
        )  # results have these structures, so a layer must not track them as lists of its own
        set_plain(self, "_inputs_struct", tree.map_structure(lambda x: x, inputs))
        set_plain(self, "_outputs_struct", tree.map_structure(lambda x: x, outputs))
        self._inputs = tree.flatten(inputs)
        self._outputs = tree.flatten(outputs)
        for argument, flat in (("inputs", self._inputs), ("outputs", self._outputs)):
            if not flat:
                raise ValueError(
                    f"{type(self).__name__}: the `{argument}` argument cannot be empty, got inputs={inputs!r} and "
                    f"outputs={outputs!r}."
                )
        for x in self._inputs:
            if not isinstance(x, KerasTensor):
                raise ValueError(
                    f"{type(self).__name__}: all `inputs` must be KerasTensors, got {x!r} of type {type(x).__name__}."
                )
            if not hasattr(x, "_keras_history"):  # made by hand: an Input of its own
                InputLayer(input_tensor=x)
        paths = [".".join(map(str, path)) for path, _ in tree.flatten_with_path(outputs)]
        graph = map_graph(self._inputs, self._outputs, paths)
        self._nodes, self._nodes_by_depth = graph.nodes, graph.nodes_by_depth
        self._operations, self._operations_by_depth = graph.operations, graph.operations_by_depth
        self._run_order = [
            n for depth in sorted(self._nodes_by_depth, reverse=True) for n in self._nodes_by_depth[depth]
        ]
        given = {id(x) for x in self._inputs}
        self._run_order = [n for n in self._run_order if not all(id(x) in given for x in n.outputs)]

    @property
    def operations(self) -> list[Operation]:
        return list(self._operations)

    @property
    def inputs(self) -> list[KerasTensor]:
        """The symbolic inputs, flattened."""
        return self._inputs

    @property
    def outputs(self) -> list[KerasTensor]:
        """The symbolic outputs, flattened."""
        return self._outputs

    def call(self, inputs: Any) -> Any:
        self._check_structure(inputs)
        self._check_shapes(inputs)
        return self._run_through_graph(inputs, lambda operation: operation)

    def compute_output_spec(self, inputs: Any) -> Any:
        self._check_structure(inputs)
        flat = tree.flatten(inputs)
        if all(a.shape == b.shape and a.dtype == b.dtype for a, b in zip(flat, self._inputs)):
            return tree.map_structure(lambda x: KerasTensor(x.shape, x.dtype), self._outputs_struct)
        return self._run_through_graph(inputs, lambda operation: operation.compute_output_spec)

    def compute_output_shape(self, input_shape: Any) -> Any:
        """The outputs' shapes, given the inputs'."""
        shapes = [input_shape] if tree.tree.is_shape(input_shape) else _shapes_of(input_shape)
        inputs = [KerasTensor(s, x.dtype) for s, x in zip(shapes, self._inputs)]
        spec = self._run_through_graph(
            tree.pack_sequence_as(self._inputs_struct, inputs), lambda operation: operation.compute_output_spec
        )
        return tree.map_structure(lambda x: x.shape, spec)

    def _check_structure(self, inputs: Any) -> None:
        try:
            tree.assert_same_paths(self._inputs_struct, inputs)
        except ValueError:
            expected = tree.map_structure(lambda x: x.name, self._inputs_struct)
            raise ValueError(
                f"{type(self).__name__} {self.name!r}: invalid input structure. It was made with inputs of the "
                f"structure {expected}; it got {tree.map_structure(lambda x: getattr(x, 'shape', x), inputs)}."
            ) from None

    def _check_shapes(self, inputs: Any) -> None:
        for expected, x in zip(self._inputs, tree.flatten(inputs)):
            shape = getattr(x, "shape", expected.shape)
            fits = len(shape) == len(expected.shape) and all(
                n is None or not isinstance(m, int) or m == n for m, n in zip(shape, expected.shape)
            )
            if not fits:
                raise ValueError(
                    f"{type(self).__name__} {self.name!r}: incompatible inputs. It was made for {expected.name} of "
                    f"shape {expected.shape}; it got one of shape {tuple(shape)}."
                )

    def _run_through_graph(self, inputs: Any, operation_fn: Callable[[Operation], Callable[..., Any]]) -> Any:
        """Run the nodes in order; ``operation_fn`` says what to call for an operation."""
        values: dict[int, Any] = {id(x): v for x, v in zip(self._inputs, tree.flatten(inputs))}
        for node in self._run_order:
            if any(id(x) not in values for x in node.input_tensors):
                continue  # belongs to another call of a shared layer
            args, kwargs = node.arguments.fill_in(values)
            results = operation_fn(node.operation)(*args, **kwargs)
            if len(node.outputs) == 1 and not tree.is_nested(results):
                values[id(node.outputs[0])] = results
            else:
                results = (
                    [r for r in tree.flatten(results) if r is not None]
                    if None in node.outputs
                    else tree.flatten(results)
                )
                if len(results) < len(node.outputs):
                    raise ValueError(self._says_otherwise(node, len(results)))
                for tensor, value in zip(node.outputs, results):
                    values[id(tensor)] = value
        flat = [values[id(x)] for x in self._outputs]
        return tree.pack_sequence_as(self._outputs_struct, flat)

    def _says_otherwise(self, node: Node, count: int) -> str:
        """What is wrong where an operation gives fewer results than it gave symbolic tensors."""
        operation = node.operation
        return (
            f"{type(self).__name__} {self.name!r}: {type(operation).__name__} {operation.name!r} gave {count} of the "
            f"{len(node.outputs)} arrays for which it had symbolic tensors when the model was made. What it returns "
            "must have one structure, whatever it is given (see its compute_output_spec)."
        )


def _shapes_of(structure: Any) -> list[Any]:
    found: list[Any] = []
    tree.map_shape_structure(found.append, structure)
    return found


class Graph:
    """Nodes and operations by their depth: how many calls lie between them and the outputs.

    Attributes:
        nodes: the calls that lead to the outputs.
        nodes_by_depth: these by depth, outputs at 0. Within a depth they are in the order in which a walk from the
            outputs back meets them, as Keras runs them: a layer that is called twice and has a state shows it.
        operations: in the order in which a model lists its layers.
        operations_by_depth: these by depth.
    """

    def __init__(self) -> None:
        self.nodes: list[Node] = []
        self.nodes_by_depth: dict[int, list[Node]] = defaultdict(list)
        self.operations: list[Operation] = []
        self.operations_by_depth: dict[int, list[Operation]] = defaultdict(list)


def map_graph(inputs: list[KerasTensor], outputs: list[KerasTensor], paths: list[str] | None = None) -> Graph:
    """Sort the operations between ``inputs`` and ``outputs``, whose ``paths`` errors name."""
    order, seen_at = _topological(inputs, outputs, paths or [""] * len(outputs))
    given_nodes = {node_of(x): None for x in inputs}
    node_depth: dict[Node, int] = {}
    operation_depth: dict[int, int] = {}
    operations: dict[int, Operation] = {}
    for node in reversed(order):
        depth = max(node_depth.get(node, 0), operation_depth.get(id(node.operation), 0))
        node_depth[node] = operation_depth[id(node.operation)] = depth
        operations[id(node.operation)] = node.operation
        for parent in () if node in given_nodes else _parents(node):
            node_depth[parent] = max(depth + 1, node_depth.get(parent, 0))
    for node in given_nodes:  # those that no output needs
        if not node.is_input:
            continue
        if id(node.operation) not in operation_depth:
            operation_depth[id(node.operation)] = 0
            operations[id(node.operation)] = node.operation
            seen_at[id(node.operation)] = -1
            node_depth[node] = 0
            order.append(node)
    graph = Graph()
    graph.nodes = order
    for node, depth in node_depth.items():
        graph.nodes_by_depth[depth].append(node)
    happens = {id(n.operation) for n in order if n.is_input or n not in given_nodes}
    for key, operation in operations.items():
        if key not in happens:
            continue  # it made an input, and is not part of what happens after
        graph.operations_by_depth[operation_depth[key]].append(operation)
    for depth in sorted(graph.operations_by_depth, reverse=True):
        graph.operations_by_depth[depth].sort(key=lambda op: seen_at[id(op)])
        graph.operations += graph.operations_by_depth[depth]
    _check_names(graph.operations)
    return graph


def node_of(x: KerasTensor) -> Node:
    operation, index, _ = x._keras_history
    return operation._inbound_nodes[index]


def _parents(node: Node) -> list[Node]:
    """The nodes that made a node's arguments, each once."""
    return list(dict.fromkeys(node_of(x) for x in node.input_tensors))


def _topological(
    inputs: list[KerasTensor], outputs: list[KerasTensor], paths: list[str]
) -> tuple[list[Node], dict[int, int]]:
    """Nodes with every node after its parents, and for each operation when the search from the outputs met it."""
    order: list[Node] = []
    given = {node_of(x) for x in inputs}
    done: set[Node] = set()
    seen_at: dict[int, int] = {}
    for output, path in zip(outputs, paths):
        who = f"Output with path `{path}`" if path else "The output"
        if not hasattr(output, "_keras_history"):
            raise ValueError(
                f"{who}, {output!r}, was not made by calling layers on an Input(), so it cannot be an output of a "
                "functional model."
            )

        def enter(node: Node, who: str = who) -> tuple[Node, Iterator[Node]]:
            seen_at.setdefault(id(node.operation), len(seen_at))
            parents = [] if node in given else _parents(node)
            if not parents and node not in given:
                raise ValueError(
                    f"{who} is not connected to the model's inputs alone: it depends on {node.outputs[0]!r} of "
                    f"{node.operation.name!r}, which is not among them. Add that to `inputs`."
                )
            return node, iter(parents)

        first = node_of(output)
        stack = [] if first in done else [enter(first)]
        while stack:
            node, parents = stack[-1]
            parent = next((p for p in parents if p not in done), None)
            if parent is not None:
                stack.append(enter(parent))
            else:
                stack.pop()
                done.add(node)
                order.append(node)
    return order, seen_at


def _check_names(operations: list[Operation]) -> None:
    seen: dict[str, Operation] = {}
    for operation in operations:
        if operation.name in seen:
            raise ValueError(
                f"{sum(o.name == operation.name for o in operations)} operations of the model have the name "
                f"{operation.name!r}, by which saved weights would be found: give them different ones."
            )
        seen[operation.name] = operation
