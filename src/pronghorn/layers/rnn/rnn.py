"""`RNN`: any cell along time."""

from __future__ import annotations

from typing import Any, Unpack

from pronghorn import ops, tree
from pronghorn.layers.arguments import LayerArguments
from pronghorn.layers.call import parameters_of
from pronghorn.layers.layer import Layer
from pronghorn.layers.rnn.dropout_cell import DropoutRNNCell
from pronghorn.layers.rnn.loop import check_steps, run_over_time
from pronghorn.layers.rnn.stacked_cells import StackedRNNCells
from pronghorn.serialization.objects import deserialize_keras_object, serialize_keras_object
from pronghorn.variables import Variable


class RNN(Layer):
    """Applies a cell to every time step of its inputs ``[batch, time, ...]``.

    Args:
        cell: a layer with ``call(inputs, states) -> (output, states)`` and ``state_size``; or a list of them, which are
            stacked. It may have ``output_size`` and ``get_initial_state(batch_size)``.
        return_sequences: whether to return the outputs of all steps, or that of the last.
        return_state: whether to return the last states as well.
        go_backwards: whether to start at the last step.
        stateful: whether a batch starts with the states that the batch before ended with.
        unroll: whether the steps are compiled one by one instead of as a loop.
        zero_output_for_mask: whether masked steps give zeros, rather than the output before.
        kwargs: those of `Layer`.

    Call arguments:
        sequences: the inputs.
        initial_state: the states to start with; zeros if None.
        mask: ``[batch, time]``, False for the steps to skip.
        training: passed to the cell.

    Example:

    >>> from pronghorn import layers
    >>> RNN(layers.LSTMCell(4), return_sequences=True)(ops.ones((2, 3, 5))).shape
    (2, 3, 4)
    """

    def __init__(
        self,
        cell: Any,
        return_sequences: bool = False,
        return_state: bool = False,
        go_backwards: bool = False,
        stateful: bool = False,
        unroll: bool = False,
        zero_output_for_mask: bool = False,
        **kwargs: Unpack[LayerArguments],
    ) -> None:
        if isinstance(cell, (list, tuple)):
            cell = StackedRNNCells(cell)
        for name, what in (("call", "method"), ("state_size", "attribute")):
            if name not in dir(cell):
                raise ValueError(f"RNN: the `cell` argument must have a `{name}` {what}; {cell!r} has none.")
        super().__init__(**kwargs)
        self.cell = cell
        self.return_sequences, self.return_state, self.go_backwards = return_sequences, return_state, go_backwards
        self.stateful, self.unroll, self.zero_output_for_mask = stateful, unroll, zero_output_for_mask
        self.supports_masking = True
        self.input_spec = None
        self.states: Any = None
        size = getattr(cell, "state_size", None)
        if size is None:
            raise ValueError(f"RNN: the cell {cell!r} has the `state_size` None; it says how large a state is.")
        self.single_state = isinstance(size, int)

    # -- building ---------------------------------------------------------------------------------------------------
    def build(self, sequences_shape: Any, initial_state_shape: Any = None) -> None:
        if self.unroll and tree.tree.is_shape(sequences_shape) and sequences_shape[1] is None:
            raise ValueError(
                f"Layer {self.name!r} ({type(self).__name__}): unroll=True needs a fixed number of time steps, got "
                f"inputs of shape {tuple(sequences_shape)}. Give Input() the length of the sequences."
            )
        if isinstance(self.cell, Layer) and not self.cell.built:
            self.cell.build(_step_shape(sequences_shape))
            self.cell.built = True
        if self.stateful:
            if self.states is not None:
                self.reset_state()
            else:
                batch = sequences_shape[0]
                if batch is None:
                    raise ValueError(
                        f"Layer {self.name!r} ({type(self).__name__}) is stateful and keeps a state for each sample, "
                        "so the batch size must be known. Give Input() a batch_size."
                    )
                self._create_state_variables(batch)

    def _create_state_variables(self, batch: int) -> None:
        with self._open_name_scope():
            states = tree.map_structure(
                lambda x: Variable(x, dtype=self.variable_dtype, trainable=False, name="rnn_state"),
                self.get_initial_state(batch),
            )
        # What a batch leaves for the next one is no weight: it is not counted, and not saved.
        object.__setattr__(self, "states", states)

    def get_initial_state(self, batch_size: Any) -> Any:
        """Zero states for a batch of that size."""
        getter = getattr(self.cell, "get_initial_state", None)
        if getter is not None:
            initial = getter(batch_size=batch_size)
        else:
            size = self.cell.state_size
            sizes = [size] if self.single_state else list(size)
            initial = [_zeros(batch_size, s, self.cell.compute_dtype) for s in sizes]
        return initial if tree.is_nested(initial) else [initial]

    # -- calling ----------------------------------------------------------------------------------------------------
    def call(self, sequences: Any, initial_state: Any = None, mask: Any = None, training: Any = False) -> Any:
        first = tree.flatten(sequences)[0]
        if isinstance(mask, (list, tuple)):
            mask = mask[0]
        if self.stateful and self.states is not None:
            kept = tree.flatten(self.states)[0].shape[0]
            if isinstance(first.shape[0], int) and first.shape[0] != kept:
                raise ValueError(
                    f"Layer {self.name!r} ({type(self).__name__}) is stateful and keeps states for a batch size of "
                    f"{kept}, but got a batch of {first.shape[0]}. Every batch must have the same size."
                )
        if initial_state is None:
            initial_state = (
                tree.map_structure(lambda v: v.tensor, self.states)
                if self.stateful and self.states is not None
                else self.get_initial_state(first.shape[0])
            )
        else:
            initial_state = initial_state if tree.is_nested(initial_state) else [initial_state]
            self._check_states(initial_state)
        dtype = getattr(self.cell, "compute_dtype", self.compute_dtype)  # the cell's own: its steps give states in it
        initial_state = tree.map_structure(lambda x: ops.cast(ops.convert_to_tensor(x), dtype), initial_state)
        outputs, states = self.inner_loop(
            sequences=sequences, initial_state=list(initial_state), mask=mask, training=training
        )
        outputs = tree.map_structure(lambda x: ops.cast(x, self.compute_dtype), outputs)
        states = tree.map_structure(lambda x: ops.cast(x, self.compute_dtype), states)
        if self.stateful:
            for variable, value in zip(tree.flatten(self.states), tree.flatten(states)):
                variable.assign(ops.cast(value, variable.storage_dtype))
        return (outputs, *states) if self.return_state else outputs

    def _check_states(self, states: Any) -> None:
        """Raise an error where initial states are not those that the cell needs."""
        given, wanted = tree.flatten(states), tree.flatten(self.get_initial_state(1))
        if len(given) != len(wanted):
            raise ValueError(
                f"Layer {self.name!r} ({type(self).__name__}): its cell has {len(wanted)} state(s), but "
                f"`initial_state` has {len(given)}. Pass a list of {len(wanted)} arrays."
            )
        for x, like in zip(given, wanted):
            known = [(a, b) for a, b in zip(x.shape[1:], like.shape[1:]) if isinstance(a, int) and isinstance(b, int)]
            if len(like.shape) > 1 and (len(x.shape) != len(like.shape) or any(a != b for a, b in known)):
                raise ValueError(
                    f"Layer {self.name!r} ({type(self).__name__}): a state of its cell has the shape (batch, "
                    f"{', '.join(map(str, like.shape[1:]))}), but `initial_state` has an array of shape "
                    f"{tuple(x.shape)} in its place."
                )

    def inner_loop(self, sequences: Any, initial_state: Any, mask: Any, training: Any = False) -> tuple[Any, Any]:
        """The cell along time: outputs and last states."""
        check_steps(sequences)
        keywords = {"training": training} if _takes_training(self.cell) else {}
        step_inputs, step = self._step(sequences, keywords)
        self._prepare_dropout(sequences, initial_state, training)
        try:
            return run_over_time(
                step,
                step_inputs,
                initial_state,
                mask=mask,
                go_backwards=self.go_backwards,
                unroll=self.unroll,
                return_sequences=self.return_sequences,
                zero_output_for_mask=self.zero_output_for_mask,
            )
        finally:
            self._reset_dropout()

    def _step(self, sequences: Any, keywords: dict[str, Any]) -> tuple[Any, Any]:
        """What runs along time, and on what."""

        def step(x: Any, states: Any) -> tuple[Any, Any]:
            output, new_states = self.cell(x, states, **keywords)
            return output, new_states if tree.is_nested(new_states) else [new_states]

        return sequences, step

    def _prepare_dropout(self, sequences: Any, states: Any, training: Any) -> None:
        """Draw the cells' dropout masks before the loop: inside they would be those of one step."""
        if not training:
            return
        cells = self.cell.cells if isinstance(self.cell, StackedRNNCells) else [self.cell]
        x = tree.flatten(sequences)[0][:, 0]
        flat = list(states)
        for cell, state in zip(cells, flat if len(cells) > 1 else [flat]):
            first = tree.flatten(state)[0]
            if isinstance(cell, DropoutRNNCell):
                cell.reset_dropout_mask()
                cell.reset_recurrent_dropout_mask()
                cell.get_dropout_mask(x)
                cell.get_recurrent_dropout_mask(first)
            x = first  # what the next cell of a stack gets has the shape of this one's output

    def _reset_dropout(self) -> None:
        cells = self.cell.cells if isinstance(self.cell, StackedRNNCells) else [self.cell]
        for cell in cells:
            if isinstance(cell, DropoutRNNCell):
                cell.reset_dropout_mask()
                cell.reset_recurrent_dropout_mask()

    # -- states -----------------------------------------------------------------------------------------------------
    def reset_state(self) -> None:
        """Set the kept states to zero."""
        if self.states is not None:
            for variable in tree.flatten(self.states):
                variable.assign(ops.zeros(variable.shape, dtype=variable.storage_dtype))

    def reset_states(self) -> None:
        """Same as `reset_state`."""
        self.reset_state()

    # -- shapes -----------------------------------------------------------------------------------------------------
    def compute_output_shape(self, sequences_shape: Any, initial_state_shape: Any = None) -> Any:
        batch, length = sequences_shape[0], sequences_shape[1]
        size = self.cell.state_size
        states = [(batch, size)] if self.single_state else _state_shapes(batch, size)
        output_size = getattr(self.cell, "output_size", None)
        if output_size is None:
            output_size = size if self.single_state else size[0]
        if not isinstance(output_size, (int, tuple)):
            raise ValueError(f"RNN: `output_size` of the cell must be an integer, got {output_size!r}.")
        extents = (output_size,) if isinstance(output_size, int) else tuple(output_size)
        output = (batch, length, *extents) if self.return_sequences else (batch, *extents)
        return (output, *states) if self.return_state else output

    def compute_mask(self, _: Any, mask: Any = None) -> Any:
        mask = tree.flatten(mask)[0] if mask is not None else None
        output_mask = mask if self.return_sequences else None
        if not self.return_state:
            return output_mask
        return [output_mask, *(None for _ in tree.flatten(self.get_initial_state(1)))]

    def get_config(self) -> dict[str, Any]:
        config = {
            "return_sequences": self.return_sequences,
            "return_state": self.return_state,
            "go_backwards": self.go_backwards,
            "stateful": self.stateful,
            "unroll": self.unroll,
            "zero_output_for_mask": self.zero_output_for_mask,
        }
        if type(self) is RNN or isinstance(self.cell, StackedRNNCells):
            config["cell"] = serialize_keras_object(self.cell)
        return {**super().get_config(), **config}

    @classmethod
    def from_config(cls, config: dict[str, Any], custom_objects: Any = None) -> Any:
        config = dict(config)
        if "cell" in config:
            return cls(deserialize_keras_object(config.pop("cell"), custom_objects=custom_objects), **config)
        return cls(**config)


def _zeros(batch: Any, size: Any, dtype: str) -> Any:
    extents = (size,) if isinstance(size, int) else tuple(size)
    return ops.zeros((batch, *extents), dtype=dtype)


def _state_shapes(batch: Any, size: Any) -> list[Any]:
    """Shapes of the states of a cell, or of each cell of a stack."""
    return [(batch, s) if isinstance(s, int) else _state_shapes(batch, s) for s in size]


def _step_shape(sequences_shape: Any) -> Any:
    """The shape of one time step's input."""
    if tree.tree.is_shape(sequences_shape):
        return (sequences_shape[0], *sequences_shape[2:])
    return tree.map_shape_structure(lambda s: (s[0], *s[2:]), sequences_shape)


def _takes_training(cell: Any) -> bool:
    return "training" in parameters_of(cell.call).names
