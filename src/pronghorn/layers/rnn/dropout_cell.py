"""Dropout in recurrent cells: one mask for all steps of a sequence."""

from __future__ import annotations

from typing import Any

from pronghorn import ops, random


class DropoutRNNCell:
    """Mixed into cells that have ``dropout``, ``recurrent_dropout`` and a ``seed_generator``.

    The masks are drawn when they are first asked for and kept until `reset_dropout_mask`, so that every step of a
    sequence sees the same ones. `RNN` draws them before its loop and resets them after it.
    """

    def get_dropout_mask(self, step_input: Any) -> Any:
        """The factors for a step's inputs, or None without dropout."""
        if self.dropout == 0:
            return None
        if getattr(self, "_input_mask", None) is None:
            object.__setattr__(self, "_input_mask", self._draw(step_input, self.dropout))
        return self._input_mask

    def get_recurrent_dropout_mask(self, state: Any) -> Any:
        """The factors for the state, or None without recurrent dropout."""
        if self.recurrent_dropout == 0:
            return None
        if getattr(self, "_state_mask", None) is None:
            object.__setattr__(self, "_state_mask", self._draw(state, self.recurrent_dropout))
        return self._state_mask

    def _draw(self, like: Any, rate: float) -> Any:
        return random.dropout(ops.ones_like(like), rate=rate, seed=self.seed_generator)

    def reset_dropout_mask(self) -> None:
        """Have the inputs' mask drawn anew when it is next needed."""
        object.__setattr__(self, "_input_mask", None)

    def reset_recurrent_dropout_mask(self) -> None:
        """Have the state's mask drawn anew when it is next needed."""
        object.__setattr__(self, "_state_mask", None)
