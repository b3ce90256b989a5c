"""`StackedRNNCells`: cells on top of each other as one."""

from __future__ import annotations

from typing import Any, Unpack

from pronghorn import ops, tree
from pronghorn.layers.arguments import LayerArguments
from pronghorn.layers.call import parameters_of
from pronghorn.layers.layer import Layer
from pronghorn.serialization.objects import deserialize_keras_object, serialize_keras_object


class StackedRNNCells(Layer):
    """Cells on top of each other: the output of one is the input of the next.

    Args:
        cells: the cells.
        kwargs: those of `Layer`.

    Raises:
        ValueError: if there are none, or one lacks ``call`` or ``state_size``.

    Example:

    >>> from pronghorn import layers
    >>> layers.RNN(StackedRNNCells([layers.GRUCell(4), layers.GRUCell(3)]))(ops.ones((2, 5, 6))).shape
    (2, 3)
    """

    def __init__(self, cells: Any, **kwargs: Unpack[LayerArguments]) -> None:
        super().__init__(**kwargs)
        if not cells:
            raise ValueError("StackedRNNCells: at least one cell should be provided.")
        for cell in cells:
            for name in ("call", "state_size"):
                if name not in dir(cell):
                    raise ValueError(f"StackedRNNCells: all cells must have a `{name}`; {cell!r} has none.")
        self.cells = list(cells)

    @property
    def state_size(self) -> list[Any]:
        return [c.state_size for c in self.cells]

    @property
    def output_size(self) -> Any:
        last = self.cells[-1]
        size = getattr(last, "output_size", None)
        if size is not None:
            return size
        return last.state_size if isinstance(last.state_size, int) else last.state_size[0]

    def get_initial_state(self, batch_size: Any = None) -> list[Any]:
        """Zero states of all cells."""

        def zeros(sizes: Any) -> Any:
            if hasattr(sizes, "__iter__"):
                return [zeros(size) for size in sizes]
            return ops.zeros((batch_size, sizes), dtype=self.compute_dtype)

        own = [getattr(cell, "get_initial_state", None) for cell in self.cells]
        return [
            start(batch_size=batch_size) if start else zeros(cell.state_size) for cell, start in zip(self.cells, own)
        ]

    def build(self, input_shape: Any) -> None:
        for cell in self.cells:
            if isinstance(cell, Layer) and not cell.built:
                cell.build(input_shape)
                cell.built = True
            size = getattr(cell, "output_size", None)
            if size is None:
                size = cell.state_size if isinstance(cell.state_size, int) else cell.state_size[0]
            batch = input_shape[0] if tree.tree.is_shape(input_shape) else None
            input_shape = (batch, size) if isinstance(size, int) else (batch, *size)

    def call(self, inputs: Any, states: Any, training: Any = False, **kwargs: Any) -> tuple[Any, Any]:
        new_states = []
        for cell, state in zip(self.cells, states):
            nested = state if tree.is_nested(state) else [state]
            keywords = {"training": training} if "training" in parameters_of(cell.call).names else {}
            inputs, new = cell(inputs, nested, **keywords)
            if not tree.is_nested(state) and tree.is_nested(new):
                new = tree.flatten(new)[0]
            new_states.append(new)
        return inputs, new_states

    def get_config(self) -> dict[str, Any]:
        return {**super().get_config(), "cells": [serialize_keras_object(c) for c in self.cells]}

    @classmethod
    def from_config(cls, config: dict[str, Any], custom_objects: Any = None) -> StackedRNNCells:
        config = dict(config)
        cells = [deserialize_keras_object(c, custom_objects=custom_objects) for c in config.pop("cells")]
        return cls(cells, **config)
