"""What the cells of recurrent layers share: their settings, weights and dropout; and the gates of an LSTM."""

from __future__ import annotations

from typing import Any

from pronghorn import initializers, ops
from pronghorn.layers import settings
from pronghorn.layers.layer import Layer
from pronghorn.layers.rnn.dropout_cell import DropoutRNNCell
from pronghorn.random.seed_generator import SeedGenerator


class GatedCell(DropoutRNNCell, Layer):
    """A cell with a kernel for its inputs and one for its state, each as wide as its gates together.

    A public cell has the signature, and hands over what it was given.
    """

    #: The settings, in the order of the configuration.
    setting_names: tuple[str, ...] = ()
    #: How many products a step needs, and how many states it hands on.
    gates = 1
    state_count = 1

    def __init__(self, rank: int | None = None, **given: Any) -> None:
        own = {name: given.pop(name) for name in self.setting_names}
        implementation = given.pop("implementation", 2)
        super().__init__(**given)
        self.implementation = implementation
        if rank is not None:
            self.rank = rank
        settings.take(self, **own)
        self.seed_generator = SeedGenerator(seed=self.seed)
        self.state_size: Any = self._extent if self.state_count == 1 else [self._extent] * self.state_count

    @property
    def _extent(self) -> int:
        """The extent of the outputs and of each gate."""
        return self.units

    def _add_weights(self, inputs: tuple[int, ...], states: tuple[int, ...]) -> None:
        """Add the weights, given the shapes of the kernels but for their width."""
        width = self._extent * self.gates
        self.kernel = settings.weight(self, "kernel", (*inputs, width))
        self.recurrent_kernel = settings.weight(self, "recurrent_kernel", (*states, width), of="recurrent")
        self.bias = settings.bias(self, self._bias_shape(width), initializer=self._initial_bias)

    def _bias_shape(self, width: int) -> tuple[int, ...]:
        return (width,)

    @property
    def _initial_bias(self) -> Any:
        return self.bias_initializer

    def _dropped_inputs(self, inputs: Any, training: Any) -> Any:
        mask = self.get_dropout_mask(inputs) if training and self.dropout else None
        return inputs if mask is None else inputs * mask

    def _dropped(self, state: Any, training: Any) -> Any:
        mask = self.get_recurrent_dropout_mask(state) if training and self.recurrent_dropout else None
        return state if mask is None else state * mask

    def call(self, inputs: Any, states: Any, training: Any = False) -> tuple[Any, Any]:
        output, new_states = self.step(self.project(inputs, training), states, training)
        return output, new_states if isinstance(states, (list, tuple)) else new_states[0]

    def get_config(self) -> dict[str, Any]:
        return {**super().get_config(), **settings.give(self, *self.setting_names)}


class DenseCell(GatedCell):
    """A cell whose products are those of matrices."""

    def __init__(self, **given: Any) -> None:
        super().__init__(**given)
        self.output_size = self.units

    def build(self, input_shape: Any) -> None:
        self._add_weights((input_shape[-1],), (self.units,))

    def project(self, inputs: Any, training: Any = False) -> Any:
        """The part of a step that does not depend on the state; of all steps at once where time is the first axis."""
        x = ops.matmul(self._dropped_inputs(inputs, training), self.kernel)
        return x if self.bias is None else ops.add(x, self._input_bias())

    def _input_bias(self) -> Any:
        return self.bias

    def get_initial_state(self, batch_size: Any = None) -> list[Any]:
        """Zero states for a batch of that size."""
        return [ops.zeros((batch_size, self.units), dtype=self.compute_dtype) for _ in range(self.state_count)]


class LongShortTerm:
    """Mixed into cells with the gates of an LSTM: input, forget, new values, output."""

    gates = 4
    state_count = 2

    @property
    def _initial_bias(self) -> Any:
        return self._forgetful_bias if self.unit_forget_bias else self.bias_initializer

    def _forgetful_bias(self, shape: Any, dtype: Any = None) -> Any:
        extent = self._extent
        parts = [
            self.bias_initializer((extent,), dtype),
            initializers.Ones()((extent,), dtype),
            self.bias_initializer((extent * 2,), dtype),
        ]
        return ops.concatenate(parts, axis=0)

    def _pass_gates(self, gates: Any, c: Any) -> tuple[Any, list[Any]]:
        """The output and the states, given the products of the four gates and the cell's state."""
        i, f, g, o = gates
        c = self.recurrent_activation(f) * c + self.recurrent_activation(i) * self.activation(g)
        h = self.recurrent_activation(o) * self.activation(c)
        return h, [h, c]
