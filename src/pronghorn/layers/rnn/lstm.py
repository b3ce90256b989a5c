"""Long short-term memory (Hochreiter and Schmidhuber 1997)."""

from __future__ import annotations

from typing import Any

from pronghorn import initializers, ops
from pronghorn.layers import settings
from pronghorn.layers.input_spec import InputSpec
from pronghorn.layers.layer import Layer
from pronghorn.layers.rnn.dropout_cell import DropoutRNNCell
from pronghorn.layers.rnn.gated_layer import CellRNN
from pronghorn.random.seed_generator import SeedGenerator


class LSTMCell(DropoutRNNCell, Layer):
    """One step of an LSTM; the states are the hidden one and the cell's.

    Args:
        units: the extent of the outputs and of the state.
        activation: of the new values.
        recurrent_activation: of the gates.
        use_bias: whether there is a bias.
        kernel_initializer: how the kernel for the inputs starts.
        recurrent_initializer: how the kernel for the state starts.
        bias_initializer: how the bias starts.
        unit_forget_bias: whether the bias of the forget gate starts at one.
        kernel_regularizer: a function of the kernel that is added to the loss.
        recurrent_regularizer: the same for the recurrent kernel.
        bias_regularizer: the same for the bias.
        kernel_constraint: applied to the kernel after each update.
        recurrent_constraint: the same for the recurrent kernel.
        bias_constraint: the same for the bias.
        dropout: the share of the inputs that is dropped while training.
        recurrent_dropout: the share of the state that is dropped while training.
        seed: for dropout.
        kwargs: those of `Layer`.

    Call arguments:
        inputs: ``[batch, features]``.
        states: a list of arrays ``[batch, units]``.
        training: whether to drop.

    Example:

    >>> cell = LSTMCell(4)
    >>> output, states = cell(ops.ones((2, 3)), cell.get_initial_state(2))
    >>> output.shape, len(states)
    ((2, 4), 2)
    """

    def __init__(
        self,
        units: int,
        activation: Any = "tanh",
        recurrent_activation: Any = "sigmoid",
        use_bias: bool = True,
        kernel_initializer: Any = "glorot_uniform",
        recurrent_initializer: Any = "orthogonal",
        bias_initializer: Any = "zeros",
        unit_forget_bias: bool = True,
        kernel_regularizer: Any = None,
        recurrent_regularizer: Any = None,
        bias_regularizer: Any = None,
        kernel_constraint: Any = None,
        recurrent_constraint: Any = None,
        bias_constraint: Any = None,
        dropout: float = 0.0,
        recurrent_dropout: float = 0.0,
        seed: int | None = None,
        **kwargs: Any,
    ) -> None:
        implementation = kwargs.pop("implementation", 2)
        super().__init__(**kwargs)
        self.units = settings.positive(units, "LSTMCell", "units")
        self.implementation = implementation
        settings.take(
            self,
            activation=activation,
            recurrent_activation=recurrent_activation,
            use_bias=use_bias,
            kernel_initializer=kernel_initializer,
            recurrent_initializer=recurrent_initializer,
            bias_initializer=bias_initializer,
            unit_forget_bias=unit_forget_bias,
            kernel_regularizer=kernel_regularizer,
            recurrent_regularizer=recurrent_regularizer,
            bias_regularizer=bias_regularizer,
            kernel_constraint=kernel_constraint,
            recurrent_constraint=recurrent_constraint,
            bias_constraint=bias_constraint,
        )
        self.dropout, self.recurrent_dropout = _share(dropout), _share(recurrent_dropout)
        self.seed = seed
        self.seed_generator = SeedGenerator(seed=seed)
        self.state_size: Any = [self.units, self.units]
        self.output_size = self.units

    def build(self, input_shape: Any) -> None:
        self.kernel = self.add_weight(
            shape=(input_shape[-1], self.units * 4),
            name="kernel",
            initializer=self.kernel_initializer,
            regularizer=self.kernel_regularizer,
            constraint=self.kernel_constraint,
        )
        self.recurrent_kernel = self.add_weight(
            shape=(self.units, self.units * 4),
            name="recurrent_kernel",
            initializer=self.recurrent_initializer,
            regularizer=self.recurrent_regularizer,
            constraint=self.recurrent_constraint,
        )
        self.bias = None
        if self.use_bias:
            self.bias = self.add_weight(
                shape=(self.units * 4,),
                name="bias",
                initializer=self._initial_bias,
                regularizer=self.bias_regularizer,
                constraint=self.bias_constraint,
            )

    def _initial_bias(self, shape: Any, dtype: Any = None) -> Any:
        """The bias of the four gates: input, forget, new values, output."""
        if not self.unit_forget_bias:
            return self.bias_initializer(shape, dtype)
        units = self.units
        return ops.concatenate(
            [
                self.bias_initializer((units,), dtype),
                initializers.Ones()((units,), dtype),
                self.bias_initializer((units * 2,), dtype),
            ],
            axis=0,
        )

    def project(self, inputs: Any, training: Any = False) -> Any:
        """The part of a step that does not depend on the state; of all steps at once where time is the first axis."""
        mask = self.get_dropout_mask(inputs) if training and self.dropout else None
        if mask is not None:
            inputs = inputs * mask
        x = ops.matmul(inputs, self.kernel)
        return x if self.bias is None else ops.add(x, self.bias)

    def step(self, projected: Any, states: Any, training: Any = False) -> tuple[Any, list[Any]]:
        """A step, given what `project` made of its inputs."""
        h, c = states
        h = self._dropped(h, training)
        z = projected + ops.matmul(h, self.recurrent_kernel)
        i, f, g, o = (z[..., k * self.units : (k + 1) * self.units] for k in range(4))
        c = self.recurrent_activation(f) * c + self.recurrent_activation(i) * self.activation(g)
        h = self.recurrent_activation(o) * self.activation(c)
        return h, [h, c]

    def _dropped(self, state: Any, training: Any) -> Any:
        mask = self.get_recurrent_dropout_mask(state) if training and self.recurrent_dropout else None
        return state if mask is None else state * mask

    def call(self, inputs: Any, states: Any, training: Any = False) -> tuple[Any, Any]:
        output, new_states = self.step(self.project(inputs, training), states, training)
        return output, new_states if isinstance(states, (list, tuple)) else new_states[0]

    def get_initial_state(self, batch_size: Any = None) -> list[Any]:
        """Zero states for a batch of that size."""
        return [ops.zeros((batch_size, self.units), dtype=self.compute_dtype) for _ in range(2)]

    def get_config(self) -> dict[str, Any]:
        return {**super().get_config(), **settings.give(self, *_CELL_SETTINGS)}


_CELL_SETTINGS = (
    "units",
    "activation",
    "recurrent_activation",
    "use_bias",
    "kernel_initializer",
    "recurrent_initializer",
    "bias_initializer",
    "unit_forget_bias",
    "kernel_regularizer",
    "recurrent_regularizer",
    "bias_regularizer",
    "kernel_constraint",
    "recurrent_constraint",
    "bias_constraint",
    "dropout",
    "recurrent_dropout",
    "seed",
)


def _share(value: float) -> float:
    return min(1.0, max(0.0, value))


class LSTM(CellRNN):
    """Long short-term memory (Hochreiter and Schmidhuber 1997).

    Args:
        units: the extent of the outputs and of the state.
        activation: of the new values.
        recurrent_activation: of the gates.
        use_bias: whether there is a bias.
        kernel_initializer: how the kernel for the inputs starts.
        recurrent_initializer: how the kernel for the state starts.
        bias_initializer: how the bias starts.
        unit_forget_bias: whether the bias of the forget gate starts at one.
        kernel_regularizer: a function of the kernel that is added to the loss.
        recurrent_regularizer: the same for the recurrent kernel.
        bias_regularizer: the same for the bias.
        activity_regularizer: the same for the outputs.
        kernel_constraint: applied to the kernel after each update.
        recurrent_constraint: the same for the recurrent kernel.
        bias_constraint: the same for the bias.
        dropout: the share of the inputs that is dropped while training.
        recurrent_dropout: the share of the state that is dropped while training.
        seed: for dropout.
        return_sequences: whether to return the outputs of all steps, or that of the last.
        return_state: whether to return the last states as well.
        go_backwards: whether to start at the last step.
        stateful: whether a batch starts with the states that the batch before ended with.
        unroll: whether the steps are compiled one by one instead of as a loop.
        use_cudnn: accepted for compatibility.
        kwargs: those of `Layer`.

    Call arguments:
        sequences: ``[batch, time, features]``.
        initial_state: the states to start with; zeros if None.
        mask: ``[batch, time]``, False for the steps to skip.
        training: whether to drop.

    Example:

    >>> LSTM(4)(ops.ones((2, 5, 3))).shape
    (2, 4)
    """

    cell_settings = _CELL_SETTINGS

    def __init__(
        self,
        units: int,
        activation: Any = "tanh",
        recurrent_activation: Any = "sigmoid",
        use_bias: bool = True,
        kernel_initializer: Any = "glorot_uniform",
        recurrent_initializer: Any = "orthogonal",
        bias_initializer: Any = "zeros",
        unit_forget_bias: bool = True,
        kernel_regularizer: Any = None,
        recurrent_regularizer: Any = None,
        bias_regularizer: Any = None,
        activity_regularizer: Any = None,
        kernel_constraint: Any = None,
        recurrent_constraint: Any = None,
        bias_constraint: Any = None,
        dropout: float = 0.0,
        recurrent_dropout: float = 0.0,
        seed: int | None = None,
        return_sequences: bool = False,
        return_state: bool = False,
        go_backwards: bool = False,
        stateful: bool = False,
        unroll: bool = False,
        use_cudnn: Any = "auto",
        **kwargs: Any,
    ) -> None:
        cell = LSTMCell(
            units=units,
            activation=activation,
            recurrent_activation=recurrent_activation,
            use_bias=use_bias,
            kernel_initializer=kernel_initializer,
            recurrent_initializer=recurrent_initializer,
            bias_initializer=bias_initializer,
            unit_forget_bias=unit_forget_bias,
            kernel_regularizer=kernel_regularizer,
            recurrent_regularizer=recurrent_regularizer,
            bias_regularizer=bias_regularizer,
            kernel_constraint=kernel_constraint,
            recurrent_constraint=recurrent_constraint,
            bias_constraint=bias_constraint,
            dropout=dropout,
            recurrent_dropout=recurrent_dropout,
            seed=seed,
            name="lstm_cell",
            dtype=kwargs.get("dtype"),
            trainable=kwargs.get("trainable", True),
        )
        kwargs.pop("implementation", None)
        super().__init__(
            cell,
            return_sequences=return_sequences,
            return_state=return_state,
            go_backwards=go_backwards,
            stateful=stateful,
            unroll=unroll,
            activity_regularizer=activity_regularizer,
            **kwargs,
        )
        self.use_cudnn = use_cudnn
        self.input_spec = InputSpec(ndim=3)
