"""Calls of a model on arrays, `model(x)`: the first few run op by op, those after them as one compiled function.

Op by op is what one wants at first: nothing to wait for, and errors name the layer. Who calls a model again and again
wants speed. From one way to the other results differ as the last bits of sums do. Compiled are only models of
Pronghorn's own layers, since Python code of a user's may do more than compute; and only calls that nobody watches: no
gradient tape, no outer layer, no trace.
"""

from __future__ import annotations

from collections.abc import Hashable
from typing import Any

import numpy as np

from pronghorn import tree
from pronghorn.data.ragged import RaggedTensor
from pronghorn.graph.active import active_tapes, current_trace
from pronghorn.graph.tensor import Tensor
from pronghorn.layers import call as calls
from pronghorn.layers.own_code import is_own_code
from pronghorn.layers.tracking import changes
from pronghorn.trainers import jit
from pronghorn.trainers.batch import Batch, Layout, flatten_batch, kinds
from pronghorn.trainers.grouping import in_pieces
from pronghorn.trainers.indices import check_indices, is_checked
from pronghorn.trainers.step import StepFunction
from pronghorn.trainers.variants import MOST_FAILURES

#: So many calls for arrays of one kind run op by op.
CALLS_OP_BY_OP = 10


class NotCompilable(Exception):
    """The call has results that only running op by op gives."""


class CompiledCalls:
    """The compiled calls of one model; `run` returns None for a call that is to run op by op."""

    def __init__(self, model: Any):
        self._model = model
        self._changes = -1
        self._counts: dict[Hashable, int] = {}
        self._failures: dict[Hashable, int] = {}
        self._steps: dict[Hashable, StepFunction | None] = {}
        self._looks_up = False  # whether values are checked before a call

    def run(self, inputs: Any, training: bool | None) -> Any:
        """The outputs of ``model(inputs, training=training)`` as nested tensors, or None."""
        if current_trace() is not None or calls.current_call_context() is not None or active_tapes():
            return None
        found = _arrays_of(inputs)
        if found is None or jit.runs_eagerly() or self._model.run_eagerly:
            return None
        layout, arrays = found
        if self._changes != changes.count:  # an attribute of some layer: what was compiled may no longer hold
            self._changes = changes.count
            self._counts.clear()
            self._failures.clear()
            self._steps.clear()
        key = (layout.key, kinds(arrays), training)
        step = self._steps.get(key)
        if step is None:
            step = self._after_some_calls(key, training)
            if step is None:
                return None
        if self._looks_up:
            check_indices(self._model, layout.pack(arrays))
        return self._outputs(key, step, Batch(layout, arrays, key=key))

    def _after_some_calls(self, key: Hashable, training: bool | None) -> StepFunction | None:
        """A compiled function for a kind of calls once there were enough of them."""
        if key in self._steps:
            return None
        count = self._counts[key] = self._counts.get(key, 0) + 1
        if count <= CALLS_OP_BY_OP:
            return None
        self._looks_up = any(layer._looks_at_values for layer in self._model._flatten_layers())
        self._steps[key] = self._step(training) if can_be_compiled(self._model) else None
        return self._steps[key]

    def _step(self, training: bool | None) -> StepFunction:
        model = self._model

        def call(inputs: Any) -> Any:
            try:
                outputs = model(inputs) if training is None else model(inputs, training=training)
                if any(layer._losses for layer in model._flatten_layers()) or calls.any_mask(calls.masks_of(outputs)):
                    raise NotCompilable
                return outputs
            finally:
                model._clear_losses()  # they would be of the trace, no numbers

        return StepFunction(call, f"{model.name}.call", engine=model._engine)

    def _outputs(self, key: Hashable, step: StepFunction, batch: Batch) -> Any:
        try:
            program = step.prepare(batch)
        except Exception as error:  # it says more where it runs op by op
            self._failures[key] = self._failures.get(key, 0) + 1
            if isinstance(error, NotCompilable) or self._failures[key] > MOST_FAILURES:
                self._steps[key] = None
            return None
        if program is None:
            if step.run_eagerly:
                self._steps[key] = None
            return None
        outputs = in_pieces(step, batch)
        return Tensor(outputs) if isinstance(outputs, np.ndarray) else tree.map_structure(Tensor, outputs)


_ONE_ARRAY = flatten_batch(0)[0]


def _arrays_of(inputs: Any) -> tuple[Layout, list[np.ndarray]] | None:
    """The arrays of numbers in a call's inputs, or None where there is anything else."""
    if isinstance(inputs, Tensor | np.ndarray):
        array = _array(inputs)
        return None if array is None else (_ONE_ARRAY, [array])
    if not isinstance(inputs, list | tuple | dict):
        return None
    if any(isinstance(x, RaggedTensor) for x in tree.flatten(inputs)):
        return None
    layout, leaves = flatten_batch(inputs)
    arrays = [_array(leaf) for leaf in leaves]
    return (layout, arrays) if arrays and all(a is not None for a in arrays) else None  # type: ignore[return-value]


def _array(x: Any) -> np.ndarray | None:
    if isinstance(x, Tensor):
        if calls.get_mask(x) is not None:
            return None
        x = x.data
    return x if isinstance(x, np.ndarray) and x.dtype.kind not in "OUSM" else None


def can_be_compiled(model: Any) -> bool:
    """Whether a model computes nothing but what its inputs and variables say, with no more than tensors as results."""
    layers = list(model._flatten_layers())
    return model.built and all(
        is_own_code(layer) and (not layer._looks_at_values or is_checked(model, layer)) for layer in layers
    )
