"""A test of learning rates: a few steps, each with a larger rate than the one before."""

from __future__ import annotations

import math

import numpy as np

from pronghorn.callbacks.callback import Callback, Logs
from pronghorn.callbacks.learning_rate import optimizers_by_name

_LEAST_STEPS = 10
_PART = 3  # a line through so large a part of the losses tells how fast they fall: single steps tell batches apart
_BETWEEN = 0.02  # of the loss's height: how much it has to fall before a rate is suggested


class LearningRateFinder(Callback):
    """Finds a learning rate: trains for some steps, each with a larger rate, and looks when the loss falls fastest.

    This is the range test of L. Smith (Cyclical Learning Rates for Training Neural Networks, arXiv 1506.01186). Too
    small a rate changes nothing, too large a one makes the loss grow; between them it falls. `fit` ends when the rates
    have been gone through or the loss grows, and the model is then as it was before: weights, the optimizer's state and
    its rate. `visualization.plot_learning_rates` draws what was found.

    Args:
        lowest: the first rate.
        highest: the last.
        steps: how many rates are tried, one a step; fewer if `fit` has fewer steps.
        stop_at: training ends when the smoothed loss is so many times the lowest, or no number.

    Attributes:
        rates: the rates that were tried.
        losses: the loss of each of these steps, of its batch alone.
        suggestion: the rate at which the smoothed loss fell fastest, or None where it fell nowhere. Compile the model
            anew with it; a half or a third of it is on the safe side.

    Raises:
        ValueError: for rates that are not positive and growing, too few steps, and in `fit`, for an optimizer whose
            rate a schedule decides, and for a `train_step` of the model's own that returns no `loss`.

    Example:

    >>> import numpy as np
    >>> import pronghorn as keras
    >>> keras.utils.set_random_seed(0)
    >>> x = np.random.normal(size=(512, 8)); y = x @ np.arange(8.0)
    >>> model = keras.Sequential([keras.Input((8,)), keras.layers.Dense(1)])
    >>> model.compile("sgd", "mse")
    >>> finder = keras.callbacks.LearningRateFinder(lowest=1e-4)
    >>> history = model.fit(x, y, batch_size=16, epochs=4, callbacks=[finder], verbose=0)
    >>> 0.001 < finder.suggestion < 0.5
    True
    >>> model.compile(keras.optimizers.SGD(finder.suggestion / 2), "mse")
    """

    def __init__(self, lowest: float = 1e-6, highest: float = 10.0, steps: int = 100, stop_at: float = 4.0) -> None:
        super().__init__()
        if not 0 < lowest < highest < math.inf:
            raise ValueError(
                "LearningRateFinder: lowest and highest must be positive and growing rates, got "
                f"{lowest!r} and {highest!r}."
            )
        if steps < _LEAST_STEPS:
            raise ValueError(f"LearningRateFinder: {_LEAST_STEPS} steps or more are needed, got {steps!r}.")
        self.lowest, self.highest, self.steps, self.stop_at = lowest, highest, steps, stop_at
        self.rates: list[float] = []
        self.losses: list[float] = []

    @property
    def smoothed(self) -> list[float]:
        """The losses, each as a mean of those up to it, the last of which count most."""
        found, mean = [], 0.0
        kept = 1 - 1 / max(2.0, len(self.losses) / 20)
        for number, loss in enumerate(self.losses, 1):
            mean = kept * mean + (1 - kept) * loss
            found.append(mean / (1 - kept**number))
        return found

    @property
    def suggestion(self) -> float | None:
        """The rate at which the smoothed loss fell fastest, or None."""
        losses = np.array(self.smoothed)
        losses = losses[: len(losses) if np.isfinite(losses).all() else int(np.argmin(np.isfinite(losses)))]
        if len(losses) < _LEAST_STEPS // 2:
            return None
        end = int(np.argmin(losses))
        if end < 2 or losses[:end].max() - losses[end] < _BETWEEN * abs(losses[: end + 1]).max():
            return None
        fitted = min(end + 1, max(3, len(self.losses) // _PART))
        along = np.arange(fitted) - (fitted - 1) / 2  # against the logarithm of the rate, whose steps are alike
        slopes = np.correlate(losses[: end + 1], along, "valid")  # of the lines, but for a factor
        return self.rates[int(np.argmin(slopes)) + fitted // 2]

    def on_train_begin(self, logs: Logs = None) -> None:
        found = optimizers_by_name(self.model)
        if len(found) != 1:
            raise ValueError("LearningRateFinder: the model needs one optimizer with a learning_rate.")
        self._optimizer = next(iter(found.values()))
        before = float(np.asarray(self._optimizer.learning_rate))
        try:
            self._optimizer.learning_rate = before
        except TypeError:
            raise ValueError(
                "LearningRateFinder: a schedule decides the optimizer's learning rate. Compile the model with a "
                "number, such as Adam(learning_rate=0.001), to find one."
            ) from None
        self.rates, self.losses, self._rate, self._seen = [], [], before, (0, 0.0)
        if not self.model.optimizer.built:
            self.model.optimizer.build(self.model.trainable_variables)
        self._weights = self.model.get_weights()
        self._state = [np.array(variable.numpy()) for variable in self.model.optimizer.variables]
        steps, epochs = (self.params or {}).get("steps"), (self.params or {}).get("epochs")
        if steps and epochs:  # as many calls as there will be, some for several steps each
            steps = -(-steps // getattr(self.model, "steps_per_execution", 1))
            self._count = min(self.steps, steps * epochs)
        else:
            self._count = self.steps

    def on_epoch_begin(self, epoch: int, logs: Logs = None) -> None:
        self._seen = 0, 0.0

    def on_train_batch_begin(self, batch: int, logs: Logs = None) -> None:
        share = len(self.rates) / max(1, self._count - 1)
        rate = self.lowest * (self.highest / self.lowest) ** min(1.0, share)
        self._optimizer.learning_rate = rate
        self.rates.append(rate)

    def on_train_batch_end(self, batch: int, logs: Logs = None) -> None:
        if "loss" not in (logs or {}):
            raise ValueError(
                "LearningRateFinder: the model's train_step returns no 'loss', which the rates are judged by, but "
                f"{sorted(logs or {})}. Return the one that the optimizer minimizes as 'loss', too."
            )
        mean = float((logs or {})["loss"])  # of the epoch so far
        count, before = self._seen
        loss = (mean * (batch + 1) - before * count) / (batch + 1 - count)
        self._seen = batch + 1, mean
        self.losses.append(loss)
        smoothed = self.smoothed
        grows = len(smoothed) >= _LEAST_STEPS and smoothed[-1] > self.stop_at * min(smoothed) > 0
        if grows or not math.isfinite(loss) or len(self.losses) >= self._count:
            self.model.stop_training = True

    def on_train_end(self, logs: Logs = None) -> None:
        self._restore()

    def _on_train_failed(self) -> None:
        del self.rates[len(self.losses) :]  # the step that failed has no loss
        self._restore()

    def _restore(self) -> None:
        self.model.set_weights(self._weights)
        for variable, value in zip(self.model.optimizer.variables, self._state):
            variable.assign(value)
        self._optimizer.learning_rate = self._rate
