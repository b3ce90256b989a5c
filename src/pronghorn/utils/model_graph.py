"""Questions about the graph of symbolic tensors."""

from __future__ import annotations

from typing import Any


def get_source_inputs(tensor: Any) -> list[Any]:
    """Return the inputs that a symbolic tensor is computed from.

    Args:
        tensor: a tensor of a functional model.

    Returns:
        The tensors that `Input` made, or that have no history, in the order in which they are met.

    Example:

    >>> from pronghorn import layers
    >>> inputs = layers.Input((3,))
    >>> get_source_inputs(layers.Dense(2)(inputs))[0] is inputs
    True
    """
    sources: list[Any] = []
    pending, seen = [tensor], set()
    while pending:
        current = pending.pop(0)
        if id(current) in seen:
            continue
        seen.add(id(current))
        history = getattr(current, "_keras_history", None)
        if history is None:
            sources.append(current)
            continue
        operation, node_index, _ = history
        node = operation._inbound_nodes[node_index]
        if node.input_tensors:
            pending = [*node.input_tensors, *pending]  # depth first: from left to right as the model was written
        else:
            sources += [output for output in node.output_tensors if all(output is not known for known in sources)]
    return sources
