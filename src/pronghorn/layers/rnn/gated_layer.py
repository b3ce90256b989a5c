"""What LSTM, GRU and SimpleRNN share: the products with the inputs of all steps at once, before the loop."""

from __future__ import annotations

from typing import Any

from pronghorn.layers import settings
from pronghorn.layers.rnn.loop import time_first
from pronghorn.layers.rnn.rnn import RNN


class CellRNN(RNN):
    """An `RNN` whose cell has ``project`` and ``step``. The cell's settings can be read on the layer.

    ``cell_settings`` names those that the layer's configuration holds in place of the cell's own.
    """

    cell_settings: tuple[str, ...] = ()

    def get_config(self) -> dict[str, Any]:
        config = super().get_config()
        config.pop("cell", None)
        config.setdefault("activity_regularizer", None)
        return {**config, **settings.give(self.cell, *self.cell_settings)}

    def _step(self, sequences: Any, keywords: dict[str, Any]) -> tuple[Any, Any]:
        training = keywords.get("training", False)
        if training:
            self.cell.reset_dropout_mask()
            self.cell.get_dropout_mask(sequences[:, 0])
        # One large product for all time steps; the loop is left with the state's. That wants time first, which is seen
        # to before the product: the inputs are seldom wider than what is made of them.
        projected = time_first(self.cell.project(time_first(sequences), training))
        return projected, lambda x, states: self.cell.step(x, states, training)

    def _prepare_dropout(self, sequences: Any, states: Any, training: Any) -> None:
        if training:
            self.cell.reset_recurrent_dropout_mask()
            self.cell.get_recurrent_dropout_mask(states[0])


def _of_cell(name: str) -> property:
    return property(lambda self: getattr(self.cell, name), doc=f"``{name}`` of the cell.")


for _name in (
    "units",
    "activation",
    "recurrent_activation",
    "use_bias",
    "unit_forget_bias",
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
):
    setattr(CellRNN, _name, _of_cell(_name))
