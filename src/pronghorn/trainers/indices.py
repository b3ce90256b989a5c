"""The check that data only number rows which the embeddings have: compiled code takes the nearest row instead."""

from __future__ import annotations

import weakref
from typing import TYPE_CHECKING, Any

import numpy as np

from pronghorn import tree

if TYPE_CHECKING:
    from pronghorn.layers.core.embedding import Embedding

_lookups: weakref.WeakKeyDictionary[Any, list[tuple[int, Embedding]]] = weakref.WeakKeyDictionary()


def is_checked(model: Any, layer: Any) -> bool:
    """Whether `check_indices` checks what a layer of the model gets."""
    graph = _graph_of(model)
    return graph is not None and any(lookup is layer for _, lookup in _lookups_in(graph))


def check_indices(model: Any, inputs: Any) -> None:
    """Raise a ValueError where data hold an index that the `Embedding` right behind their input has no row for.

    Args:
        model: any model; those that are no graph of layers are not checked.
        inputs: nested NumPy arrays, all of the data; None if they are not known beforehand.
    """
    graph = _graph_of(model)
    found = [] if inputs is None or graph is None else _lookups_in(graph)
    if not found or graph is None:
        return
    arrays = _by_input(graph, inputs)
    for position, layer in found:
        if position < len(arrays) and isinstance(arrays[position], np.ndarray):
            layer._check_indices(arrays[position])


def _graph_of(model: Any) -> Any:
    graph = model if hasattr(model, "_nodes") else getattr(model, "_functional", None)
    return graph if hasattr(graph, "_nodes") else None


def _lookups_in(graph: Any) -> list[tuple[int, Embedding]]:
    found = _lookups.get(graph)
    if found is None:
        found = _lookups[graph] = _lookups_of(graph)
    return found


def _lookups_of(graph: Any) -> list[tuple[int, Embedding]]:
    """The embeddings that are called on an input as it is, and the inputs' positions."""
    positions = {id(x): i for i, x in enumerate(graph.inputs)}
    return [
        (positions[id(node.input_tensors[0])], node.operation)
        for node in graph._nodes
        if hasattr(node.operation, "_check_indices") and id(node.input_tensors[0]) in positions
    ]


def _by_input(graph: Any, inputs: Any) -> list[Any]:
    """The arrays in the order of the model's inputs."""
    if isinstance(inputs, dict) and not isinstance(graph.input, dict):
        return [inputs.get(name) for name in graph.input_names]
    return tree.flatten(inputs)
