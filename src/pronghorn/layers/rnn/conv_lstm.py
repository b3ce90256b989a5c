"""ConvLSTM in one, two and three dimensions (Shi et al. 2015): an LSTM whose products are convolutions."""

from __future__ import annotations

from typing import Any, Unpack

from pronghorn import ops
from pronghorn.layers import settings
from pronghorn.layers.arguments import ConvLSTMArguments, LayerArguments
from pronghorn.layers.convolutional.base import check_fits, check_strides, conv_extent, pair_with_batch, spatial_axes
from pronghorn.layers.input_spec import InputSpec
from pronghorn.layers.rnn.gated_cell import GatedCell, LongShortTerm
from pronghorn.layers.rnn.gated_layer import CellRNN


class ConvLSTMCell(LongShortTerm, GatedCell):
    """One step of a ConvLSTM. See `ConvLSTM2D` for the arguments."""

    def __init__(
        self,
        rank: int,
        filters: int,
        kernel_size: Any,
        strides: Any = 1,
        padding: str = "valid",
        data_format: str | None = None,
        dilation_rate: Any = 1,
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
        **kwargs: Unpack[LayerArguments],
    ) -> None:
        super().__init__(**settings.arguments(locals()))
        check_strides(self)
        self.input_spec = InputSpec(ndim=rank + 2)

    setting_names = settings.names(__init__, without=("rank",))

    @property
    def _extent(self) -> int:
        return self.filters

    @property
    def _channel_axis(self) -> int:
        return -1 if self.data_format == "channels_last" else 1

    def build(self, inputs_shape: Any, states_shape: Any = None) -> None:
        channels = inputs_shape[self._channel_axis]
        if channels is None:
            raise ValueError(
                f"Layer {self.name!r} (ConvLSTMCell): the number of channels of its inputs must be known, got "
                f"shape {tuple(inputs_shape)}."
            )
        self._add_weights((*self.kernel_size, channels), (*self.kernel_size, self.filters))

    def output_extents(self, space: Any) -> list[Any]:
        """The extents in space of the outputs and states."""
        sizes = zip(space, self.kernel_size, self.strides, self.dilation_rate)
        return [conv_extent(n, k, s, self.padding, d) for n, k, s, d in sizes]

    def project(self, inputs: Any, training: Any = False) -> Any:
        """The convolution of a step's inputs, or of those of all steps, time first: it is folded into the batch."""
        shape = tuple(inputs.shape)
        sequences = len(shape) == self.rank + 3
        inputs = self._dropped_inputs(inputs, training)
        if sequences:
            inputs = ops.reshape(inputs, (shape[0] * shape[1], *shape[2:]))
        x = ops.conv(
            inputs,
            self.kernel,
            strides=self.strides,
            padding=self.padding,
            data_format=self.data_format,
            dilation_rate=self.dilation_rate,
        )
        if self.bias is not None:
            bias = self.bias.tensor
            x = x + (bias if self._channel_axis == -1 else ops.reshape(bias, (1, -1, *(1,) * self.rank)))
        return ops.reshape(x, (shape[0], shape[1], *x.shape[1:])) if sequences else x

    def step(self, projected: Any, states: Any, training: Any = False) -> tuple[Any, list[Any]]:
        """A step, given what `project` made of its inputs."""
        h, c = states
        h = self._dropped(h, training)
        z = projected + ops.conv(h, self.recurrent_kernel, strides=1, padding="same", data_format=self.data_format)
        return self._pass_gates(ops.split(z, 4, axis=self._channel_axis), c)


class ConvLSTM(CellRNN):
    """What ConvLSTM layers share; see `ConvLSTM2D` for the arguments."""

    cell_class = ConvLSTMCell
    #: How many axes of space there are.
    rank: int

    def __init__(
        self,
        filters: int,
        kernel_size: Any,
        strides: Any = 1,
        padding: str = "valid",
        data_format: str | None = None,
        dilation_rate: Any = 1,
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
        **kwargs: Unpack[ConvLSTMArguments],
    ) -> None:
        super().__init__(rank=self.rank, **settings.arguments(locals()))
        self.input_spec = InputSpec(ndim=self.rank + 3)

    def _state_shape(self, sequences_shape: Any) -> tuple[Any, ...]:
        cell = self.cell
        step = (sequences_shape[0], *sequences_shape[2:])
        space = [step[a] for a in spatial_axes(cell.data_format, cell.rank)]
        out = cell.output_extents(space)
        check_fits(cell, [d if isinstance(d, int) else None for d in out], space, cell.kernel_size)
        return pair_with_batch(out, step[0], cell.filters, cell.data_format)

    def build(self, sequences_shape: Any, initial_state_shape: Any = None) -> None:
        if self.stateful and sequences_shape[0] is not None:
            object.__setattr__(self, "_built_for", tuple(sequences_shape))
        super().build(sequences_shape, initial_state_shape)

    def get_initial_state(self, batch_size: Any) -> Any:
        shape = self._state_shape((batch_size, *getattr(self, "_built_for", (None,) * (self.cell.rank + 3))[1:]))
        if any(d is None for d in shape):
            return [ops.zeros((1,)), ops.zeros((1,))]
        return [ops.zeros(shape, dtype=self.cell.compute_dtype) for _ in range(2)]

    def call(self, sequences: Any, initial_state: Any = None, mask: Any = None, training: Any = False) -> Any:
        object.__setattr__(self, "_built_for", tuple(sequences.shape))
        return super().call(sequences, initial_state=initial_state, mask=mask, training=training)

    def compute_output_shape(self, sequences_shape: Any, initial_state_shape: Any = None) -> Any:
        state = self._state_shape(sequences_shape)
        output = (state[0], sequences_shape[1], *state[1:]) if self.return_sequences else state
        return [output, state, state] if self.return_state else output

    def compute_mask(self, _: Any, mask: Any = None) -> Any:
        if isinstance(mask, (list, tuple)):
            mask = mask[0]
        output_mask = mask if self.return_sequences else None
        return [output_mask, None, None] if self.return_state else output_mask


class ConvLSTM1D(ConvLSTM):
    """A ConvLSTM on sequences of lines ``[batch, time, width, channels]``.

    See `ConvLSTM2D` for the arguments.

    Example:

    >>> ConvLSTM1D(4, 3)(ops.ones((1, 2, 5, 3))).shape
    (1, 3, 4)
    """

    rank = 1


class ConvLSTM2D(ConvLSTM):
    """A ConvLSTM on sequences of images ``[batch, time, height, width, channels]``.

    Args:
        filters: the number of output channels.
        kernel_size: the extents of the kernels; one integer for all.
        strides: steps between outputs, of the inputs' convolution.
        padding: ``"valid"`` or ``"same"``, of the inputs' convolution.
        data_format: ``"channels_last"`` or ``"channels_first"``; the default one if None.
        dilation_rate: steps between the kernel's taps.
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
        kwargs: those of `Layer`, and ``unroll``.

    Example:

    >>> ConvLSTM2D(4, 3)(ops.ones((1, 2, 5, 5, 3))).shape
    (1, 3, 3, 4)
    """

    rank = 2


class ConvLSTM3D(ConvLSTM):
    """A ConvLSTM on sequences of volumes ``[batch, time, depth, height, width, channels]``.

    See `ConvLSTM2D` for the arguments.

    Example:

    >>> ConvLSTM3D(4, 3)(ops.ones((1, 2, 5, 5, 5, 3))).shape
    (1, 3, 3, 3, 4)
    """

    rank = 3
