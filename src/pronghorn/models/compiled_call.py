"""Calls of a model on arrays, `model(x)`: the first few run op by op, those after them as one compiled function.

Op by op is what one wants at first: nothing to wait for, and errors name the layer. Who calls a model again and again
wants speed. So calls are compiled once those op by op are expected to have taken as long as compiling does
(`calls.worth`); and from the first one on where `fit`, `evaluate` or `predict` have compiled the model, since then its
code is known. From one way to the other results differ as the last bits of sums do. Compiled are only models of
Pronghorn's own layers, since Python code of a user's may do more than compute; and only calls that nobody watches: no
gradient tape, no outer layer, no trace.

Where lengths vary from call to call, as that of a text does that grows by a word at a time, none of them comes often.
There is one function for all of them then, after as many calls, if the model can be traced so (`calls.lengths`).
"""

from __future__ import annotations

from collections.abc import Hashable
from typing import Any

import numpy as np

from pronghorn import tree
from pronghorn.calls.batch import Batch
from pronghorn.calls.grouping import in_pieces
from pronghorn.calls.layout import known_arrays
from pronghorn.calls.plans import Plans
from pronghorn.calls.step import StepFunction, runs_eagerly
from pronghorn.calls.variants import MOST_FAILURES, MOST_REMEMBERED
from pronghorn.calls.worth import MOST_OP_BY_OP, calls_op_by_op
from pronghorn.engine.backends.kept import Kept
from pronghorn.engine.graph.active import active_tapes, current_trace
from pronghorn.engine.graph.layout import Layout, has_numbers, kinds
from pronghorn.engine.graph.tensor import Tensor, tensor_of
from pronghorn.engine.graph.variable import overlays
from pronghorn.engine.runtime.signals import is_from_handler
from pronghorn.layers import call as calls
from pronghorn.layers.own_code import is_own_code
from pronghorn.layers.versions import Version, version_of
from pronghorn.trainers.indices import check_indices, is_checked

#: Calls are kept for so many choices of what is trainable.
MOST_VERSIONS = 8


class NotCompilable(Exception):
    """The call has results that only running op by op gives."""


class _Family:
    """The calls for arrays that differ in extents alone.

    Attributes:
        step: what compiles them.
        first: the kind of the first of them.
        count: how many there were.
        op_by_op: how many run op by op, of arrays of one kind or of all of them; None before that was looked at.
        is_compilable: whether they can be compiled, as far as is known; None before that was looked at.
    """

    __slots__ = ("count", "first", "is_compilable", "op_by_op", "step")

    def __init__(self, step: StepFunction, first: Hashable):
        self.step, self.first, self.count = step, first, 0
        self.op_by_op: int | None = None
        self.is_compilable: bool | None = None


class OpByOp:
    """What `CompiledCalls.run` gives for a call that is to run op by op: its extents count if it gives a result.

    >>> OpByOp().went_well()
    """

    __slots__ = ("_noted",)

    def __init__(self, *noted: tuple[StepFunction, Batch]):
        self._noted = noted

    def went_well(self) -> None:
        """The call gave a result."""
        for step, batch in self._noted:
            step.note_extents(batch)


class CompiledCalls:
    """The compiled calls of one model; `run` gives an `OpByOp` for a call that is to run so."""

    def __init__(self, model: Any):
        self._model = model
        self._now: tuple[Version, CallsOfVersion] | None = None
        self._kept: Kept[CallsOfVersion] = Kept(MOST_VERSIONS)  # by what is trainable

    def run(self, inputs: Any, training: bool | None) -> Any:
        """The outputs of ``model(inputs, training=training)`` as nested tensors, or an `OpByOp`."""
        if _is_watched():
            return OpByOp()
        found = _arrays_of(inputs)
        if found is None or runs_eagerly() or self._model.run_eagerly:
            return OpByOp()
        return self.of_now().run(*found, training)

    def again(self, inputs: Any, training: bool | None) -> Any:
        """What `run` gives for a call with one array for which there is a plan (`calls.plans`); else None."""
        array = inputs.data if isinstance(inputs, Tensor) else inputs
        if type(array) is not np.ndarray or self._now is None:
            return None
        if _is_watched():
            return None
        if runs_eagerly() or self._model.run_eagerly or calls.get_mask(inputs) is not None:
            return None
        return self.of_now().again(array, training)

    def of_now(self) -> CallsOfVersion:
        """The calls of the model as it is now; where layers have changed, what was compiled may no longer hold."""
        version = version_of(self._model)
        if self._now is None or self._now[0] is not version:
            kept = self._kept.during(version.stamps)
            found = kept.get(version.trainable) or kept.keep(version.trainable, CallsOfVersion(self._model))
            self._now = version, found
        return self._now[1]


class CallsOfVersion:
    """The compiled calls of a model while its layers stay as they are."""

    def __init__(self, model: Any):
        self._model = model
        # By kinds of arrays, whose extents may keep changing.
        self._counts: Kept[int] = Kept(MOST_REMEMBERED)
        self._failures: Kept[int] = Kept(MOST_REMEMBERED)
        self.steps: Kept[_Family | None] = Kept(MOST_REMEMBERED)  # of those that come often
        self._families: dict[Hashable, _Family] = {}
        self._plans: dict[Hashable, Plans] = {}  # of steps that take one array, by its type, axes and the training flag
        self._looks_up = False  # whether values are checked before a call

    def run(self, layout: Layout, arrays: list[np.ndarray], training: bool | None) -> Any:
        """The outputs for these arrays, or an `OpByOp`."""
        key = (layout.key, kinds(arrays), training)
        batch = Batch(layout, arrays, key=key)
        comes_often = True
        family = self.steps.get(key)
        if family is None:
            if key in self.steps:
                return OpByOp()
            family, comes_often = self._after_some_calls(key, batch, training)
            if not comes_often and (not _is_past(family) or not family.step.takes_any_length(batch)):
                return OpByOp((family.step, batch))
            if not self._is_compilable(family):
                self.steps.keep(key, None)
                return OpByOp()
            if comes_often:
                self.steps.keep(key, family)
        if self._looks_up:
            check_indices(self._model, layout.pack(arrays))
        return self._outputs(key, family, batch, comes_often)

    def again(self, array: np.ndarray, training: bool | None) -> Any:
        """The outputs for an array for which there is a plan; else None."""
        plans = self._plans.get((array.dtype, array.ndim, training))
        plan = None if plans is None else plans.find(array)
        if plan is None or not array.flags.c_contiguous:
            return None
        if self._looks_up:
            check_indices(self._model, array)
        return _as_tensors(plan.run(array))

    def _after_some_calls(self, key: Hashable, batch: Batch, training: bool | None) -> tuple[_Family, bool]:
        """Count a call; what compiles such calls, and whether there were enough of them with these extents."""
        count = self._counts.keep(key, self._counts.get(key, 0) + 1)
        family = self._families.get((batch.kind, training))
        if family is None:
            family = self._families[batch.kind, training] = _Family(self._step(batch.kind, training), key)
        family.count += 1
        if key == family.first and _has_compiled(self._model):
            return family, True
        if family.op_by_op is None and family.count > 1:
            family.op_by_op = self._calls_op_by_op(family, batch)
        return family, family.op_by_op is not None and count > family.op_by_op

    def _calls_op_by_op(self, family: _Family, batch: Batch) -> int:
        """How many calls run op by op: none more where they cannot be compiled, which is found out then."""
        if not self._is_compilable(family):
            return 0
        try:
            return calls_op_by_op(family.step.graph(batch))
        except Exception:  # it says more where it runs op by op
            return MOST_OP_BY_OP

    def _is_compilable(self, family: _Family) -> bool:
        """Whether calls can be compiled, as far as is known; looked at once."""
        if family.is_compilable is None:
            self._looks_up = any(layer._looks_at_values for layer in self._model._flatten_layers())
            family.is_compilable = can_be_compiled(self._model)
        return family.is_compilable

    def _step(self, kind: Hashable, training: bool | None) -> StepFunction:
        model = self._model

        def call(inputs: Any) -> Any:
            try:
                outputs = model(inputs) if training is None else model(inputs, training=training)
                if any(layer._losses for layer in model._flatten_layers()) or calls.any_mask(calls.masks_of(outputs)):
                    self._families[kind, training].is_compilable = False
                    raise NotCompilable
                return outputs
            finally:
                model._clear_losses()  # they would be of the trace, no numbers

        return StepFunction(call, f"{model.name}.call", engine=model._engine)

    def _outputs(self, key: tuple[Any, ...], family: _Family, batch: Batch, comes_often: bool) -> Any:
        step = family.step
        try:
            program = step.prepare(batch) if comes_often else step.prepare_for_any_length(batch)
        except Exception as error:  # it says more where it runs op by op
            if is_from_handler(error):
                raise
            failures = self._failures.keep(key, self._failures.get(key, 0) + 1)
            if isinstance(error, NotCompilable) or failures > MOST_FAILURES:
                self.steps.keep(key, None)
            return OpByOp()
        if program is None:
            if step.run_eagerly:
                self.steps.keep(key, None)
            return OpByOp()
        outputs = in_pieces(step, batch)
        if batch.layout is _ONE_ARRAY and comes_often:
            array = batch.arrays[0]
            self._plans[array.dtype, array.ndim, key[-1]] = step.plans
            step.plans.note(batch)
        return _as_tensors(outputs)


def _is_watched() -> bool:
    """Whether something has to see each op of a call, or gives the variables other values for a while."""
    if current_trace() is not None or calls.current_call_context() is not None:
        return True
    return bool(active_tapes() or overlays.stack)


def _has_compiled(model: Any) -> bool:
    """Whether `fit`, `evaluate` or `predict` have compiled the model."""
    state = model._trainer_state
    functions = (state.train_function, state.test_function, state.predict_function)
    return any(getattr(function, "has_compiled", False) for function in functions)


def _is_past(family: _Family) -> bool:
    """Whether as many calls as are to run op by op have done so."""
    return family.op_by_op is not None and family.count > family.op_by_op


def _as_tensors(outputs: Any) -> Any:
    return tensor_of(outputs) if isinstance(outputs, np.ndarray) else tree.map_structure(tensor_of, outputs)


_ONE_ARRAY = Layout(0)


def _arrays_of(inputs: Any) -> tuple[Layout, list[np.ndarray]] | None:
    """The arrays of numbers in a call's inputs, or None where there is anything else, such as masks."""
    if isinstance(inputs, Tensor | np.ndarray):  # the most usual call, quickly
        array = inputs.data if isinstance(inputs, Tensor) else inputs
        fits = isinstance(array, np.ndarray) and has_numbers(array) and calls.get_mask(inputs) is None
        return (_ONE_ARRAY, [array]) if fits else None
    if not isinstance(inputs, list | tuple | dict):
        return None
    found = known_arrays(inputs)
    return None if found is None or calls.any_mask(calls.masks_of(inputs)) else found


def can_be_compiled(model: Any) -> bool:
    """Whether a model computes nothing but what its inputs and variables say, with no more than tensors as results."""
    layers = list(model._flatten_layers())
    return model.built and all(
        is_own_code(layer) and (not layer._looks_at_values or is_checked(model, layer)) for layer in layers
    )
