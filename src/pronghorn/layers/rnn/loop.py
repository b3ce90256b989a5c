"""The loop over time: a cell along the second axis of its inputs, with masks."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from pronghorn import ops, tree
from pronghorn.engine.graph.dim import comparable

Step = Callable[[Any, Any], tuple[Any, Any]]


def run_over_time(
    step: Step,
    inputs: Any,
    states: Any,
    mask: Any = None,
    go_backwards: bool = False,
    unroll: bool = False,
    return_sequences: bool = False,
    zero_output_for_mask: bool = False,
) -> tuple[Any, Any]:
    """Apply ``step(input, states) -> (output, states)`` to every time step.

    Where the mask is False, the states stay, and the output is that of the step before (zeros at the start, or always
    with ``zero_output_for_mask``).

    Args:
        step: the cell.
        inputs: nested arrays ``[batch, time, ...]`` with at least one time step; see `check_steps`.
        states: nested arrays ``[batch, ...]``.
        mask: ``[batch, time]`` or ``[batch, time, 1]``.
        go_backwards: whether to start at the last step; outputs are in the order in which they are made.
        unroll: whether the steps become one after the other instead of a loop.
        return_sequences: whether outputs of all steps are returned, ``[batch, time, ...]``, or that of the last.
        zero_output_for_mask: see above.

    Returns:
        The outputs and the last states.
    """
    inputs = tree.map_structure(time_first, inputs)
    if mask is not None:
        mask = ops.cast(mask, "bool")
        if len(mask.shape) == 3:
            mask = ops.squeeze(mask, -1)
        mask = ops.transpose(mask, (1, 0))
    runner = _Runner(step, mask is not None, return_sequences, zero_output_for_mask)
    loop = _unrolled if unroll else _scanned
    outputs, states = loop(runner, inputs, states, mask, go_backwards)
    if return_sequences:
        outputs = tree.map_structure(time_first, outputs)
    return outputs, states


def check_steps(inputs: Any) -> None:
    """Raise a ValueError where nested ``[batch, time, ...]`` have no time steps, of which there is no last one."""
    shape = tree.flatten(inputs)[0].shape
    if comparable(shape[1]) and shape[1] == 0:
        raise ValueError(
            f"a sequence needs at least one time step, and the inputs of shape {tuple(shape)} (batch, time, ...) have "
            "none. Leave empty sequences out, or pad them to one step and mask it."
        )


def time_first(x: Any) -> Any:
    """The first two axes exchanged: ``[batch, time, ...]`` and ``[time, batch, ...]``."""
    return ops.transpose(x, (1, 0, *range(2, len(x.shape))))


def _at(structure: Any, index: Any) -> Any:
    return tree.map_structure(lambda x: x[index], structure)


class _Runner:
    """One step with its mask; the carry is ``(states, previous output)``, the latter only where it is needed."""

    def __init__(self, step: Step, masked: bool, return_sequences: bool, zero_output: bool) -> None:
        self.step, self.masked, self.zero_output = step, masked, zero_output
        self.return_sequences = return_sequences
        # Whether the step's output is the first of its states, as it is in all usual cells: then the last output is
        # the last state and no outputs have to be kept for it.
        self.output_is_state = False
        self.keeps_output = masked and not zero_output

    def start(self, first: Any, states: Any) -> tuple[Any, Any]:
        """The first carry."""
        if not self.keeps_output:
            return states, ()
        return states, tree.map_structure(ops.zeros_like, self._example(first, states))

    def _example(self, first: Any, states: Any) -> Any:
        """Arrays shaped like a step's output; as only their shapes are used, the compiler drops their computation."""
        return self.step(first, states)[0]

    def __call__(self, carry: tuple[Any, Any], x: Any, valid: Any = None) -> tuple[tuple[Any, Any], Any]:
        states, previous = carry
        output, new_states = self.step(x, states)
        new_states = tree.pack_sequence_as(states, tree.flatten(new_states))
        first_state = tree.flatten(new_states)[0]
        self.output_is_state = not self.masked and output is first_state
        if valid is not None:
            kept = previous if self.keeps_output else tree.map_structure(ops.zeros_like, output)
            output = tree.map_structure(lambda new, old: ops.where(_wide(valid, new), new, old), output, kept)
            new_states = tree.map_structure(lambda new, old: ops.where(_wide(valid, new), new, old), new_states, states)
        emitted = output if self.return_sequences or not (self.output_is_state or self.keeps_output) else None
        return (new_states, output if self.keeps_output else ()), emitted

    def last_output(self, carry: tuple[Any, Any], outputs: Any, last: int) -> Any:
        """The last step's output."""
        if self.keeps_output:
            return carry[1]
        return tree.flatten(carry[0])[0] if self.output_is_state else _at(outputs, last)


def _wide(valid: Any, like: Any) -> Any:
    """``[batch]`` with as many axes as ``like``."""
    return ops.reshape(valid, (valid.shape[0], *(1,) * (len(like.shape) - 1)))


def _scanned(runner: _Runner, inputs: Any, states: Any, mask: Any, go_backwards: bool) -> tuple[Any, Any]:
    carry = runner.start(_at(inputs, 0), states)
    if mask is None:
        carry, outputs = ops.scan(runner, carry, inputs, reverse=go_backwards)
    else:
        carry, outputs = ops.scan(lambda c, x: runner(c, *x), carry, (inputs, mask), reverse=go_backwards)
    if not runner.return_sequences:
        return runner.last_output(carry, outputs, 0 if go_backwards else -1), carry[0]
    if go_backwards:  # a reversed scan stacks in the order of its inputs
        outputs = tree.map_structure(lambda x: ops.flip(x, axis=0), outputs)
    return outputs, carry[0]


def _unrolled(runner: _Runner, inputs: Any, states: Any, mask: Any, go_backwards: bool) -> tuple[Any, Any]:
    steps = tree.flatten(inputs)[0].shape[0]
    if not isinstance(steps, int):
        raise ValueError(
            f"An RNN with unroll=True needs a fixed number of time steps; got {steps}. Give Input() the "
            "length of the sequences, or leave unroll out."
        )
    carry = runner.start(_at(inputs, 0), states)
    outputs = []
    for t in reversed(range(steps)) if go_backwards else range(steps):
        carry, output = runner(carry, _at(inputs, t), None if mask is None else mask[t])
        outputs.append(output)
    if not runner.return_sequences:
        if runner.keeps_output or runner.output_is_state:
            return runner.last_output(carry, None, -1), carry[0]
        return outputs[-1], carry[0]
    return tree.map_structure(lambda *xs: ops.stack(list(xs), axis=0), *outputs), carry[0]
