"""The simplest recurrent layer."""

from __future__ import annotations

from typing import Any, Unpack

from pronghorn import ops
from pronghorn.layers import settings
from pronghorn.layers.arguments import LayerArguments, RecurrentArguments
from pronghorn.layers.rnn.gated_cell import DenseCell
from pronghorn.layers.rnn.gated_layer import CellRNN


class SimpleRNNCell(DenseCell):
    """One step: ``activation(inputs @ kernel + bias + state @ recurrent_kernel)``.

    Args:
        units: the extent of the outputs and of the state.
        activation: of the new values.
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
        seed: for dropout.
        kwargs: those of `Layer`.

    Call arguments:
        inputs: ``[batch, features]``.
        states: a list of arrays ``[batch, units]``.
        training: whether to drop.

    Example:

    >>> cell = SimpleRNNCell(4)
    >>> output, states = cell(ops.ones((2, 3)), cell.get_initial_state(2))
    >>> output.shape, len(states)
    ((2, 4), 1)
    """

    def __init__(
        self,
        units: int,
        activation: Any = "tanh",
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
        seed: int | None = None,
        **kwargs: Unpack[LayerArguments],
    ) -> None:
        super().__init__(**settings.arguments(locals()))

    setting_names = settings.names(__init__)

    def step(self, projected: Any, states: Any, training: Any = False) -> tuple[Any, list[Any]]:
        """A step, given what `project` made of its inputs."""
        h = self._dropped(states[0] if isinstance(states, (list, tuple)) else states, training)
        h = self.activation(projected + ops.matmul(h, self.recurrent_kernel))
        return h, [h]


class SimpleRNN(CellRNN):
    """The simplest recurrent layer.

    Args:
        units: the extent of the outputs and of the state.
        activation: of the new values.
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
        return_sequences: whether to return the outputs of all steps, or that of the last.
        return_state: whether to return the last states as well.
        go_backwards: whether to start at the last step.
        stateful: whether a batch starts with the states that the batch before ended with.
        unroll: whether the steps are compiled one by one instead of as a loop.
        seed: for dropout.
        kwargs: those of `Layer`.

    Call arguments:
        sequences: ``[batch, time, features]``.
        initial_state: the states to start with; zeros if None.
        mask: ``[batch, time]``, False for the steps to skip.
        training: whether to drop.

    Example:

    >>> SimpleRNN(4)(ops.ones((2, 5, 3))).shape
    (2, 4)
    """

    cell_class = SimpleRNNCell

    def __init__(
        self,
        units: int,
        activation: Any = "tanh",
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
        return_sequences: bool = False,
        return_state: bool = False,
        go_backwards: bool = False,
        stateful: bool = False,
        unroll: bool = False,
        seed: int | None = None,
        **kwargs: Unpack[RecurrentArguments],
    ) -> None:
        super().__init__(**settings.arguments(locals()))
