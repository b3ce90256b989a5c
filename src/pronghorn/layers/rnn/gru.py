"""Gated recurrent units (Cho et al. 2014)."""

from __future__ import annotations

from typing import Any, Unpack

from pronghorn import ops
from pronghorn.layers import settings
from pronghorn.layers.arguments import LayerArguments, RecurrentArguments
from pronghorn.layers.rnn.gated_cell import DenseCell
from pronghorn.layers.rnn.gated_layer import CellRNN


class GRUCell(DenseCell):
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

    gates = 3

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
        **kwargs: Unpack[LayerArguments],
    ) -> None:
        super().__init__(**settings.arguments(locals()))

    setting_names = settings.names(__init__)

    def _bias_shape(self, width: int) -> tuple[int, ...]:
        return (2, width) if self.reset_after else (width,)

    def _input_bias(self) -> Any:
        return self.bias[0] if self.reset_after else self.bias

    def step(self, projected: Any, states: Any, training: Any = False) -> tuple[Any, list[Any]]:
        """A step, given what `project` made of its inputs."""
        before = states[0] if isinstance(states, (list, tuple)) else states
        h, units = self._dropped(before, training), self.units
        kernel = self.recurrent_kernel.tensor
        if self.reset_after:
            inner = ops.matmul(h, kernel)
            if self.bias is not None:
                inner = ops.add(inner, self.bias[1])
            z, r = self._gates(projected, inner)
            new = projected[..., 2 * units :] + r * inner[..., 2 * units :]
        else:
            inner = ops.matmul(h, kernel[:, : 2 * units])
            z, r = self._gates(projected, inner)
            new = projected[..., 2 * units :] + ops.matmul(r * h, kernel[:, 2 * units :])
        h = z * before + (1.0 - z) * self.activation(new)
        return h, [h]

    def _gates(self, projected: Any, inner: Any) -> list[Any]:
        """The update and the reset gate, each ``[batch, units]`` as the state, so that one loop computes a step."""
        parts = [slice(k * self.units, (k + 1) * self.units) for k in range(2)]
        return [self.recurrent_activation(projected[..., part] + inner[..., part]) for part in parts]


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

    Returns:
        ``[batch, units]``, the output of the last step, or ``[batch, time, units]`` with ``return_sequences``. With
        ``return_state`` a tuple: this, and the last states ``[batch, units]``.

    Raises:
        ValueError: if ``units`` is no positive integer, or if the inputs do not have three axes.

    Example:

    >>> GRU(4)(ops.ones((2, 5, 3))).shape
    (2, 4)
    """

    cell_class = GRUCell

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
        **kwargs: Unpack[RecurrentArguments],
    ) -> None:
        super().__init__(**settings.arguments(locals(), without=("use_cudnn",)))
        self.use_cudnn = use_cudnn
