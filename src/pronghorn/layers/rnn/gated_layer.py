"""What LSTM, GRU and SimpleRNN share: the products with the inputs of all steps at once, before the loop."""

from __future__ import annotations

from typing import Any

from pronghorn.layers import settings
from pronghorn.layers.input_spec import InputSpec
from pronghorn.layers.rnn.gated_cell import GatedCell
from pronghorn.layers.rnn.loop import time_first
from pronghorn.layers.rnn.rnn import RNN
from pronghorn.utils.naming import to_snake_case


class CellRNN(RNN):
    """An `RNN` whose cell has ``project`` and ``step``. The cell's settings can be read on the layer.

    The layer's arguments and configuration hold the cell's settings in place of the cell. A public layer has the
    signature, and hands over what it was given.
    """

    cell_class: type[GatedCell]

    def __init_subclass__(cls, **kwargs: Any) -> None:
        super().__init_subclass__(**kwargs)
        if "cell_class" in vars(cls):
            for name in cls.cell_class.setting_names:
                setattr(cls, name, _of_cell(name))

    def __init__(self, **given: Any) -> None:
        cell_class = self.cell_class
        own = {name: given.pop(name) for name in ("rank", *cell_class.setting_names) if name in given}
        given.pop("implementation", None)
        inherited = {name: given[name] for name in ("dtype", "trainable") if name in given}
        super().__init__(cell_class(**own, **inherited, name=to_snake_case(cell_class.__name__)), **given)
        self.input_spec = InputSpec(ndim=3)

    def get_config(self) -> dict[str, Any]:
        config = super().get_config()
        config.pop("cell", None)
        config.setdefault("activity_regularizer", None)
        return {**config, **settings.give(self.cell, *self.cell.setting_names)}

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
