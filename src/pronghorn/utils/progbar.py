"""The progress bar of `fit`, `evaluate` and `predict`, with Keras 3's content."""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Iterable, Sequence
from typing import Any

import numpy as np

from pronghorn.utils import io
from pronghorn.utils.progress_output import Line, cut, output, wrapped

#: Pairs of name and value, or a function that gives them, called only when they are shown.
Values = Sequence[tuple[str, Any]] | Callable[[], Sequence[tuple[str, Any]]]


class Progbar:
    """A progress bar: on a terminal one line drawn anew, elsewhere one plain line at the end.

    Args:
        target: number of steps, or None where it is not known.
        width: width of the bar in characters.
        verbose: 0 silent, 1 a bar, 2 one line when finished.
        interval: least number of seconds between two drawings; with 0 every call is shown, even where no line can be
            drawn anew.
        stateful_metrics: names of values shown as they are; all others are averaged over the steps.
        stateless_metrics: the opposite: names of values that are averaged; give one of the two.
        unit_name: what a step is called.

    >>> bar = Progbar(3, verbose=2)
    >>> bar.update(1, [("loss", 2.0)])
    >>> bar.update(3, [("loss", 1.0)])  # doctest: +ELLIPSIS
    3/3 - 0s - ...s/step - loss: 1.0000
    """

    def __init__(
        self,
        target: int | None,
        width: int = 20,
        verbose: int = 1,
        interval: float = 0.05,
        stateful_metrics: Iterable[str] | None = None,
        stateless_metrics: Iterable[str] | None = None,
        unit_name: str = "step",
    ) -> None:
        if stateful_metrics is not None and stateless_metrics is not None:
            raise ValueError("Progbar: Only one of stateful_metrics and stateless_metrics can be given, not both.")
        self.target = target
        self.width = width
        self.verbose = verbose
        self.interval = interval
        self.unit_name = unit_name
        self._stateful = set(stateful_metrics or ())
        self._stateless = None if stateless_metrics is None else set(stateless_metrics)
        # name -> [weighted sum, weight], or [value, None] for what is shown as it is
        self._values: dict[str, list[Any]] = {}
        self._seen_so_far = 0
        self._start = time.time()
        self._last_drawn = 0.0
        self._after_first_step: float | None = None
        self._output: Any = None

    def add(self, n: int, values: Sequence[tuple[str, Any]] | None = None) -> None:
        """Move on by `n` steps; see `update`."""
        self.update(self._seen_so_far + n, values)

    def update(self, current: int, values: Values | None = None, finalize: bool | None = None) -> None:
        """Take the step number `current` and the values of this step, and draw if it is time to.

        Args:
            current: steps done.
            values: pairs of name and value; averaged, weighted by the steps since the last call; those of the
                last call are shown as they are. A function that gives the pairs is called only when they are
                shown, so it must give values that need no averaging.
            finalize: whether this is the last call; by default when `current` reaches the target.
        """
        if finalize is None:
            finalize = self.target is not None and current >= self.target
        if values is not None and not callable(values):
            self._take(current, values, finalize)
        self._seen_so_far = current
        now = time.time()
        seconds_a_step = self._seconds_a_step(current, now)
        if self.verbose == 1:
            waits = now - self._last_drawn < self.interval or (self.interval > 0 and not io.stdout_redraws())
            if waits and not finalize:
                return
            self._take_lazily(current, values)
            self._draw(current, now - self._start, seconds_a_step, finalize)
        elif self.verbose == 2 and finalize:
            self._take_lazily(current, values)
            count = f"{current:d}/{current if self.target is None else self.target:d}"
            elapsed = f"{now - self._start:.0f}s"
            self._write_line([count, f" - {elapsed}", f" - {self._step_text(seconds_a_step)}", *self._value_texts()])
        self._last_drawn = now

    @staticmethod
    def _write_line(parts: list[str]) -> None:
        """Write words on a line, or on several where a terminal has no room for them on one."""
        room = io.columns()
        shown, rest = cut(parts, room)
        io.write("\n".join(["".join(shown), *wrapped(rest, room)]))

    def _take(self, current: int, values: Sequence[tuple[str, Any]], finalize: bool) -> None:
        for name, value in values:
            averaged = name not in self._stateful if self._stateless is None else name in self._stateless
            if not averaged or finalize:  # the last call brings the results of the whole run
                self._values[name] = [value, None]
                continue
            # A step counts once even where `update` is called twice with the same number.
            weight = max(current - self._seen_so_far, 1)
            entry = self._values.setdefault(name, [0.0, 0])
            entry[0] += value * weight
            entry[1] += weight

    def _take_lazily(self, current: int, values: Values | None) -> None:
        if callable(values):
            self._take(current, values(), finalize=True)

    def _seconds_a_step(self, current: int, now: float) -> float:
        """The mean over the steps after the first, which also holds the compilation."""
        if not current:
            return 0.0
        if self._after_first_step is not None and current > 1:
            seconds = (now - self._after_first_step) / (current - 1)
        else:
            seconds = (now - self._start) / current
        if current == 1:
            self._after_first_step = now
        return seconds

    def _draw(self, current: int, elapsed: float, seconds_a_step: float, finalize: bool) -> None:
        if self.target and not finalize:
            timing = _eta_text(seconds_a_step * (self.target - current))
        else:
            timing = f"{elapsed:.0f}s"
        self._show(current, timing, [f" {self._step_text(seconds_a_step)}", *self._value_texts()], finalize)

    def _show(self, current: int, timing: str, parts: list[str], final: bool) -> None:
        if self._output is None:
            self._output = output()
        count = f"{current:>{len(str(self.target))}d}/{self.target:d}" if self.target else f"{current:>7d}/Unknown"
        share = current / self.target if self.target else None
        self._output.draw(Line(count, share, self.width, timing, parts), final)

    def tell(self, what: str, seconds: float) -> None:
        """Say in place of the times and values what goes on meanwhile, such as compiling, where a line can be redrawn.

        Args:
            what: in a few words.
            seconds: since when.
        """
        if self.verbose == 1 and io.stdout_redraws():
            self._show(self._seen_so_far, f"{seconds:.0f}s", [f" {what}"], False)

    def _value_texts(self) -> list[str]:
        parts = []
        for name, (total, weight) in self._values.items():
            value = total if weight is None else total / max(weight, 1)
            parts.append(f" - {name}:{_value_text(value)}")
        return parts

    def _step_text(self, seconds: float) -> str:
        if seconds >= 1 or seconds == 0:
            return f"{seconds:.0f}s/{self.unit_name}"
        if seconds >= 1e-3:
            return f"{seconds * 1e3:.0f}ms/{self.unit_name}"
        return f"{seconds * 1e6:.0f}us/{self.unit_name}"


def _value_text(value: Any) -> str:
    if value is None or isinstance(value, str):
        return f" {value}"
    number = float(np.mean(np.asarray(value, dtype="float64")))
    if math.isnan(number):
        return " nan"
    return f" {number:.4f}" if abs(number) > 1e-3 else f" {number:.4e}"


def _eta_text(seconds: float) -> str:
    whole = int(seconds)
    if seconds > 3600:
        return f"{whole // 3600}:{whole % 3600 // 60:02d}:{whole % 60:02d}"
    if seconds > 60:
        return f"{whole // 60}:{whole % 60:02d}"
    return f"{whole}s"
