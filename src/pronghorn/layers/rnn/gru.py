"""Gated recurrent units (Cho et al. 2014)."""

from __future__ import annotations

from typing import Any

from pronghorn import ops
from pronghorn.layers import settings
from pronghorn.layers.input_spec import InputSpec
from pronghorn.layers.layer import Layer
from pronghorn.layers.rnn.dropout_cell import DropoutRNNCell
from pronghorn.layers.rnn.gated_layer import CellRNN
from pronghorn.random.seed_generator import SeedGenerator


class GRUCell(DropoutRNNCell, Layer):
    """One step of a GRU; the state is its output.

    Args:
        units: the extent of the outputs and of the state.
        activation: of the new values.
        recurrent_activation: of the gates.
        use_bias: whether there is a bias.
        kernel_initializer: how the kernel for the inputs starts.
        recurrent_initializer: how the kernel for the state starts.
        bias_initializer: how the bias starts.
        kernel_regularizer: a function of the kernel that is added to the loss.
        recurrent_regularizer: the same for the recurrent kernel.
        bias_regularizer: the same for the bias.
        kernel_constraint: applied to the kernel after each update.
        recurrent_constraint: the same for the recurrent kernel.
        bias_constraint: the same for the bias.
        dropout: the share of the inputs that is dropped while training.
        recurrent_dropout: the share of the state that is dropped while training.
        reset_after: whether the reset gate comes after the product with the recurrent kernel.
        seed: for dropout.
        kwargs: those of `Layer`.

    Call arguments:
        inputs: ``[batch, features]``.
        states: a list of arrays ``[batch, units]``.
        training: whether to drop.

    Example:

    >>> cell = GRUCell(4)
    >>> output, states = cell(ops.ones((2, 3)), cell.get_initial_state(2))
    >>> output.shape, len(states)
    ((2, 4), 1)
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
        kernel_regularizer: Any = None,
        recurrent_regularizer: Any = None,
        bias_regularizer: Any = None,
        kernel_constraint: Any = None,
        recurrent_constraint: Any = None,
        bias_constraint: Any = None,
        dropout: float = 0.0,
        recurrent_dropout: float = 0.0,
        reset_after: bool = True,
        seed: int | None = None,
        **kwargs: Any,
    ) -> None:
        implementation = kwargs.pop("implementation", 2)
        super().__init__(**kwargs)
        self.units = settings.positive(units, "GRUCell", "units")
        self.implementation = implementation
        self.reset_after = reset_after
        settings.take(
            self,
            activation=activation,
            recurrent_activation=recurrent_activation,
            use_bias=use_bias,
            kernel_initializer=kernel_initializer,
            recurrent_initializer=recurrent_initializer,
            bias_initializer=bias_initializer,
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
        self.state_size: Any = self.units
        self.output_size = self.units

    def build(self, input_shape: Any) -> None:
        self.kernel = self.add_weight(
            shape=(input_shape[-1], self.units * 3),
            name="kernel",
            initializer=self.kernel_initializer,
            regularizer=self.kernel_regularizer,
            constraint=self.kernel_constraint,
        )
        self.recurrent_kernel = self.add_weight(
            shape=(self.units, self.units * 3),
            name="recurrent_kernel",
            initializer=self.recurrent_initializer,
            regularizer=self.recurrent_regularizer,
            constraint=self.recurrent_constraint,
        )
        self.bias = None
        if self.use_bias:
            self.bias = self.add_weight(
                shape=(2, self.units * 3) if self.reset_after else (self.units * 3,),
                name="bias",
                initializer=self.bias_initializer,
                regularizer=self.bias_regularizer,
                constraint=self.bias_constraint,
            )

    def project(self, inputs: Any, training: Any = False) -> Any:
        """The part of a step that does not depend on the state; of all steps at once where time is the first axis."""
        mask = self.get_dropout_mask(inputs) if training and self.dropout else None
        if mask is not None:
            inputs = inputs * mask
        x = ops.matmul(inputs, self.kernel)
        if self.bias is None:
            return x
        return ops.add(x, self.bias[0] if self.reset_after else self.bias)

    def step(self, projected: Any, states: Any, training: Any = False) -> tuple[Any, list[Any]]:
        """A step, given what `project` made of its inputs."""
        before = states[0] if isinstance(states, (list, tuple)) else states
        h, units = self._dropped(before, training), self.units
        kernel = self.recurrent_kernel.value
        if self.reset_after:
            inner = ops.matmul(h, kernel)
            if self.bias is not None:
                inner = ops.add(inner, self.bias[1])
            gates = self.recurrent_activation(projected[..., : 2 * units] + inner[..., : 2 * units])
            z, r = gates[..., :units], gates[..., units:]
            new = projected[..., 2 * units :] + r * inner[..., 2 * units :]
        else:
            inner = ops.matmul(h, kernel[:, : 2 * units])
            gates = self.recurrent_activation(projected[..., : 2 * units] + inner)
            z, r = gates[..., :units], gates[..., units:]
            new = projected[..., 2 * units :] + ops.matmul(r * h, kernel[:, 2 * units :])
        h = z * before + (1.0 - z) * self.activation(new)
        return h, [h]

    def _dropped(self, state: Any, training: Any) -> Any:
        mask = self.get_recurrent_dropout_mask(state) if training and self.recurrent_dropout else None
        return state if mask is None else state * mask

    def call(self, inputs: Any, states: Any, training: Any = False) -> tuple[Any, Any]:
        output, new_states = self.step(self.project(inputs, training), states, training)
        return output, new_states if isinstance(states, (list, tuple)) else new_states[0]

    def get_initial_state(self, batch_size: Any = None) -> list[Any]:
        """Zero states for a batch of that size."""
        return [ops.zeros((batch_size, self.units), dtype=self.compute_dtype) for _ in range(1)]

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
    "kernel_regularizer",
    "recurrent_regularizer",
    "bias_regularizer",
    "kernel_constraint",
    "recurrent_constraint",
    "bias_constraint",
    "dropout",
    "recurrent_dropout",
    "reset_after",
    "seed",
)


def _share(value: float) -> float:
    return min(1.0, max(0.0, value))


class GRU(CellRNN):
    """Gated recurrent units (Cho et al. 2014).

    Args:
        units: the extent of the outputs and of the state.
        activation: of the new values.
        recurrent_activation: of the gates.
        use_bias: whether there is a bias.
        kernel_initializer: how the kernel for the inputs starts.
        recurrent_initializer: how the kernel for the state starts.
        bias_initializer: how the bias starts.
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
        reset_after: whether the reset gate comes after the product with the recurrent kernel.
        use_cudnn: accepted for compatibility.
        kwargs: those of `Layer`.

    Call arguments:
        sequences: ``[batch, time, features]``.
        initial_state: the states to start with; zeros if None.
        mask: ``[batch, time]``, False for the steps to skip.
        training: whether to drop.

    Example:

    >>> GRU(4)(ops.ones((2, 5, 3))).shape
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
        reset_after: bool = True,
        use_cudnn: Any = "auto",
        **kwargs: Any,
    ) -> None:
        cell = GRUCell(
            units=units,
            activation=activation,
            recurrent_activation=recurrent_activation,
            use_bias=use_bias,
            kernel_initializer=kernel_initializer,
            recurrent_initializer=recurrent_initializer,
            bias_initializer=bias_initializer,
            kernel_regularizer=kernel_regularizer,
            recurrent_regularizer=recurrent_regularizer,
            bias_regularizer=bias_regularizer,
            kernel_constraint=kernel_constraint,
            recurrent_constraint=recurrent_constraint,
            bias_constraint=bias_constraint,
            dropout=dropout,
            recurrent_dropout=recurrent_dropout,
            reset_after=reset_after,
            seed=seed,
            name="gru_cell",
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
