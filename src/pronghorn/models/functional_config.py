"""Functional models to configurations and back."""

from __future__ import annotations

from collections import deque
from collections.abc import Hashable
from heapq import heappop, heappush
from typing import Any

from pronghorn import tree
from pronghorn.engine.graph.messages import short_messages
from pronghorn.ops.function_operation import FunctionOperation
from pronghorn.serialization import keras_operations
from pronghorn.serialization import objects as serialization
from pronghorn.serialization.objects import serialize_keras_object
from pronghorn.symbolic.keras_tensor import KerasTensor
from pronghorn.symbolic.node import Node


def functional_config(model: Any) -> dict[str, Any]:
    """The configuration of a functional model: its layers, and for each the calls that belong to the model."""
    indices = _node_indices(model)
    layers = [_operation_config(operation, indices) for operation in model._operations]

    def where(x: KerasTensor) -> list[Any]:
        operation, index, position = x._keras_history
        return [operation.name, indices.get(operation._inbound_nodes[index], 0), position]

    return {
        "name": model.name,
        "trainable": model.trainable,
        "layers": layers,
        "input_layers": _mapped(where, model._inputs_struct),
        "output_layers": _mapped(where, model._outputs_struct),
    }


def _mapped(where: Any, structure: Any) -> Any:
    return tree.map_structure(where, structure)


def _operation_config(operation: Any, indices: dict[Node, int]) -> dict[str, Any]:
    """A layer or a function, and its calls that belong to the model."""
    nodes = [node for node in operation._inbound_nodes if node in indices and not node.is_input]
    spelled = _as_keras_operation(operation, nodes)
    if spelled is not None:
        row, settings, args, kwargs = spelled
        return {
            "module": row.module,
            "class_name": row.name,
            "config": {"name": operation.name, **serialization.serialize_keras_object(settings)},
            "registered_name": row.name,
            "name": operation.name,
            "inbound_nodes": [_node_config(args, kwargs, indices)],
        }
    data = serialization.serialize_keras_object(operation)
    data["name"] = operation.name
    data["inbound_nodes"] = [_node_config(node.arguments.args, node.arguments.kwargs, indices) for node in nodes]
    return data


def _as_keras_operation(operation: Any, nodes: list[Node]) -> Any:
    """The spelling of a function that Keras has as well; None for layers and other functions."""
    if not isinstance(operation, FunctionOperation) or len(nodes) != 1:
        return None
    found = keras_operations.spell(operation.fn, nodes[0].arguments.args, nodes[0].arguments.kwargs)
    if found is None or any(isinstance(x, KerasTensor) for x in tree.flatten(found[1])):
        return None
    return found


def _node_indices(model: Any) -> dict[Node, int]:
    """For each call in the model, the how-manieth of its operation it is there."""
    own = set(model._nodes)
    indices: dict[Node, int] = {}
    for operation in model._operations:
        for i, node in enumerate(n for n in operation._inbound_nodes if n in own):
            indices[node] = i
    return indices


def _node_config(args: Any, kwargs: Any, indices: dict[Node, int]) -> dict[str, Any]:
    def plain(x: Any) -> Any:
        data = serialize_keras_object(x)
        if isinstance(x, KerasTensor):
            operation, index, position = x._keras_history
            history = [operation.name, indices[operation._inbound_nodes[index]], position]
            data["config"]["keras_history"] = history
        return data

    return {
        "args": tree.map_structure(plain, list(args)),
        "kwargs": tree.map_structure(plain, dict(kwargs)),
    }


class _Rebuilding:
    """A functional model being put together from its configuration."""

    def __init__(self, custom_objects: dict[str, Any] | None) -> None:
        self.custom_objects = custom_objects
        self.operations: dict[str, Any] = {}
        self.nodes: dict[str, list[Node]] = {}
        self.pending: list[tuple[Any, deque[dict[str, Any]]]] = []

    def add(self, data: dict[str, Any]) -> None:
        operation = serialization.deserialize_keras_object(
            {k: v for k, v in data.items() if k not in ("name", "inbound_nodes")},
            custom_objects=self.custom_objects,
            safe_mode=serialization.in_safe_mode(),
        )
        name = data.get("name", operation.name)
        operation.name = name
        self.operations[name] = operation
        # What the constructor called on itself (InputLayer; nested models) comes first.
        self.nodes[name] = [n for n in operation._inbound_nodes if n.is_input]
        if data.get("inbound_nodes"):
            self.pending.append((operation, deque(data["inbound_nodes"])))

    def connect(self) -> None:
        """Make the calls, each as soon as its arguments are there.

        The operations are gone through in their order, round by round; one that waits for others' outputs is not
        looked at again before the last of them is made, and so has its turn where it would have been found ready.
        """
        turns = [(0, place) for place in range(len(self.pending))]  # (round, which of the pending), in order: a heap
        missing: dict[int, set[Hashable]] = {}  # what an operation's next call waits for, by its place
        waiting: dict[Hashable, list[int]] = {}  # who waits for an output
        while turns:
            turn, place = heappop(turns)
            operation, calls = self.pending[place]
            while calls:
                missing[place] = self._call(operation, calls[0])
                if missing[place]:
                    break
                calls.popleft()
                made = (operation.name, len(self.nodes[operation.name]) - 1)
                for other in waiting.pop(made, ()):
                    missing[other].remove(made)
                    if not missing[other]:
                        heappush(turns, (turn if other > place else turn + 1, other))
            for output in missing[place]:
                waiting.setdefault(output, []).append(place)
        stuck = [(operation, calls) for operation, calls in self.pending if calls]
        if stuck:
            raise ValueError(self._why_stuck(stuck))

    def _why_stuck(self, waiting: list[tuple[Any, deque[dict[str, Any]]]]) -> str:
        """Why none of these calls can be made, for an error."""
        wanted = {name for _, nodes in waiting for name in _called_on(nodes[0])}
        missing = sorted(wanted - self.operations.keys())
        names = ", ".join(repr(operation.name) for operation, _ in waiting)
        what = "The configuration of the functional model makes no model: "
        if missing:
            return f"{what}{names} need what layers make that are not in it. Missing node: {', '.join(missing)}."
        return f"{what}{names} are in a loop, each waiting for what another one makes."

    def tensor(self, history: Any) -> KerasTensor | None:
        name, node_index, position = history[:3]
        nodes = self.nodes.get(name, [])
        return nodes[node_index].outputs[position] if node_index < len(nodes) else None

    def _call(self, operation: Any, data: Any) -> set[Hashable]:
        """Make a call, or say which outputs it lacks."""
        args, kwargs, missing = self._arguments(data)
        if missing:
            return missing
        if not any(isinstance(x, KerasTensor) for x in tree.flatten((args, kwargs))):
            # It would be computed here and now, and may take any time and memory; no model has such calls.
            raise ValueError(
                f"The configuration of the functional model calls {operation.name!r} on nothing that the model "
                "computes: a call's arguments must hold at least one output of another layer."
            )
        operation(*args, **kwargs)
        self.nodes[operation.name].append(operation._inbound_nodes[-1])
        return set()

    def _arguments(self, data: Any) -> tuple[tuple[Any, ...], dict[str, Any], set[Hashable]]:
        """A call's arguments, and which of the outputs among them (layer, number of its call) are not there yet."""
        missing: set[Hashable] = set()

        def output(history: Any) -> KerasTensor | None:
            found = self.tensor(history) if history else None
            if found is None:
                missing.add(tuple(history[:2]) if history else None)
            return found

        if isinstance(data, list):  # Keras 2: [[layer, node, tensor, kwargs], ...]
            tensors = [output(entry) for entry in data]
            inputs = tensors[0] if len(tensors) == 1 else tensors
            return (inputs,), dict(data[0][3]) if len(data[0]) > 3 else {}, missing

        def fill(x: Any) -> Any:
            return output(x._pre_serialization_keras_history) if isinstance(x, KerasTensor) else x

        safe = serialization.in_safe_mode()
        args = serialization.deserialize_keras_object(data["args"], self.custom_objects, safe_mode=safe)
        kwargs = serialization.deserialize_keras_object(data["kwargs"], self.custom_objects, safe_mode=safe)
        return tuple(tree.map_structure(fill, args)), tree.map_structure(fill, kwargs), missing


def _called_on(data: Any) -> set[str]:
    """The names of the layers whose outputs are the arguments of a call in a configuration."""
    if _is_history(data[:3] if isinstance(data, list) else data):
        return {data[0]}
    if isinstance(data, dict):
        history = data.get("keras_history")
        return {history[0]} if history else set().union(*map(_called_on, data.values()))
    return set().union(*map(_called_on, data)) if isinstance(data, list | tuple) else set()


@short_messages
def functional_from_config(cls: type, config: dict[str, Any], custom_objects: dict[str, Any] | None = None) -> Any:
    """The functional model of a configuration."""
    work = _Rebuilding(custom_objects)
    for data in config["layers"]:
        work.add(data)
    work.connect()

    def tensors(structure: Any) -> Any:
        if _is_history(structure):
            found = work.tensor(structure)
            if found is None:
                raise ValueError(f"The configuration of the functional model names {structure}, which is not in it.")
            return found
        if isinstance(structure, dict):
            return {k: tensors(v) for k, v in structure.items()}
        return type(structure)(tensors(s) for s in structure)

    inputs, outputs = tensors(config["input_layers"]), tensors(config["output_layers"])
    extra = {
        k: v for k, v in config.items() if k not in ("layers", "input_layers", "output_layers", "name", "trainable")
    }
    model = cls(inputs=inputs, outputs=outputs, name=config.get("name"), **extra)
    if config.get("trainable") is False:
        model.trainable = False
    return model


def _is_history(structure: Any) -> bool:
    return (
        isinstance(structure, (list, tuple))
        and len(structure) == 3
        and isinstance(structure[0], str)
        and isinstance(structure[1], int)
    )
