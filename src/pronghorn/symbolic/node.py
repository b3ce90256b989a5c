"""One call of an operation on symbolic tensors: the edge of a functional model's graph."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from pronghorn import tree
from pronghorn.symbolic.keras_tensor import KerasHistory, KerasTensor, symbolic_leaves


class SymbolicArguments:
    """The arguments of a call, some of which are KerasTensors.

    Attributes:
        args: positional arguments.
        kwargs: keyword arguments.
        keras_tensors: the KerasTensors among them, in order, with repetitions.
    """

    def __init__(self, args: tuple[Any, ...], kwargs: dict[str, Any]) -> None:
        self.args = tree.map_structure(lambda x: x, args)
        self.kwargs = tree.map_structure(lambda x: x, kwargs)
        self.keras_tensors = symbolic_leaves((args, kwargs))
        self._single = len(args) == 1 and not kwargs and isinstance(args[0], KerasTensor)

    def convert(self, conversion: Callable[[Any], Any]) -> None:
        """Replace every leaf by ``conversion(leaf)``."""
        self.args = tree.map_structure(conversion, self.args)
        self.kwargs = tree.map_structure(conversion, self.kwargs)

    def fill_in(self, values: dict[int, Any]) -> tuple[tuple[Any, ...], dict[str, Any]]:
        """The arguments with each KerasTensor replaced by what ``values`` has under its id."""
        if self._single:  # nearly every call of a sequential stack
            return (values[id(self.args[0])],), {}

        def fill(x: Any) -> Any:
            return values.get(id(x), x) if isinstance(x, KerasTensor) else x

        return tree.map_structure(fill, self.args), tree.map_structure(fill, self.kwargs)


class Node:
    """One call of ``operation``; wires itself to the operations that its arguments come from.

    Args:
        operation: what was called.
        call_args: positional arguments.
        call_kwargs: keyword arguments.
        outputs: nested KerasTensors.
    """

    def __init__(
        self,
        operation: Any,
        call_args: tuple[Any, ...] = (),
        call_kwargs: dict[str, Any] | None = None,
        outputs: Any = None,
    ) -> None:
        self.operation = operation
        self.arguments = SymbolicArguments(call_args, call_kwargs or {})
        self.outputs = [] if outputs is None else symbolic_leaves(outputs)
        parents: dict[Node, None] = {}
        for x in self.arguments.keras_tensors:
            if not hasattr(x, "_keras_history"):
                continue  # made by hand, to ask for shapes; no model can be made of what comes of it
            parent, index, _ = x._keras_history
            node = parent._inbound_nodes[index]
            if node not in parents:
                parents[node] = None
                parent._outbound_nodes.append(self)
        self._parents = list(parents)
        operation._inbound_nodes.append(self)
        node_index = len(operation._inbound_nodes) - 1
        for i, output in enumerate(self.outputs):
            output._keras_history = KerasHistory(operation, node_index, i)

    @property
    def input_tensors(self) -> list[KerasTensor]:
        return self.arguments.keras_tensors

    @property
    def output_tensors(self) -> list[KerasTensor]:
        return self.outputs

    @property
    def parent_nodes(self) -> list[Node]:
        """The calls that made this call's arguments."""
        return self._parents

    @property
    def is_input(self) -> bool:
        """Whether this is an `Input`."""
        return not self.arguments.keras_tensors

    def __repr__(self) -> str:
        return f"<Node operation={self.operation.name} index={self.operation._inbound_nodes.index(self)}>"
