"""The loops over data: the epochs of `fit`, the steps of an epoch, those of `evaluate` and `predict`."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from pronghorn.calls.grouping import grouped, joined, outputs_of
from pronghorn.calls.step import StepFunction
from pronghorn.distribution import together
from pronghorn.trainers import checks, missing
from pronghorn.trainers.epoch_iterator import EpochIterator
from pronghorn.trainers.run import TrainingRun
from pronghorn.trainers.settings import settings_of


def run_epochs(
    run: TrainingRun, epochs: range, validate: Callable[[], dict[str, Any]] | None, frequency: Any
) -> dict[str, Any]:
    """Train for some epochs, or until a callback stops it; return the logs of the last.

    Args:
        run: what goes on.
        epochs: their numbers.
        validate: computes the loss and the metrics on other data; None without such data.
        frequency: when it does; see `fit`.
    """
    model, callbacks, logs = run.model, run.callbacks, run.logs
    lost = checks.LostLoss()
    for epoch in epochs:
        if run.steps.is_exhausted:
            checks.warn_exhausted(epoch, epochs.stop)
            break
        if not run.is_begun(epoch):
            model.reset_metrics()
        callbacks.on_epoch_begin(epoch)
        agree_on_settings("fit", model)  # which callbacks may have changed
        logs = final_logs(model, None if run.is_over(epoch) else _train_epoch(run))
        missing.warn_of_results(logs, run.steps.adapter)
        if validate is not None and checks.is_validation_epoch(epoch, frequency):
            logs.update({f"val_{name}": value for name, value in validate().items()})
        logs = together.leveled(model, dict(sorted(logs.items())))
        callbacks.on_epoch_end(epoch, logs)
        lost.see(logs)
        model.stop_training = together.any_of(model.stop_training)
        if model.stop_training:
            break
    return logs


def _train_epoch(run: TrainingRun) -> Any:
    """The training steps of an epoch; returns the last one's logs."""
    callbacks = run.callbacks
    hooks = (callbacks.on_train_batch_begin, callbacks.on_train_batch_end) if callbacks.has_train_batch_hooks else None
    count, logs = _run_steps(run.steps, run.function, hooks, lambda: run.model.stop_training)
    if not count and not run.steps.is_resumed:
        raise ValueError("The data set is empty: it gave no batch in this epoch.")
    return logs


def run_test(model: Any, function: StepFunction, steps: EpochIterator, callbacks: Any) -> dict[str, Any]:
    """The loss and the metrics of a model on data.

    Args:
        model: the model.
        function: its test step.
        steps: the data's steps; a validation comes back to them after each epoch.
        callbacks: the `CallbackList`.
    """
    steps.restart()
    callbacks.on_test_begin()
    model.reset_metrics()
    hooks = (callbacks.on_test_batch_begin, callbacks.on_test_batch_end) if callbacks.has_test_batch_hooks else None
    count, last = _run_steps(steps, function, hooks, lambda: model.stop_evaluating)
    if not count:
        raise ValueError(f"The data set is empty: it gave no batch to evaluate.{checks.used_up(steps.adapter)}")
    logs = final_logs(model, last)
    missing.warn_of_results(logs, steps.adapter)
    callbacks.on_test_end(logs)
    return logs


def _run_steps(
    steps: EpochIterator,
    function: StepFunction,
    hooks: tuple[Callable[[int], Any], Callable[[int, Any], Any]] | None,
    is_stopped: Callable[[], bool],
) -> tuple[int, Any]:
    """Run an epoch's steps until the end or until they are stopped; how many executions that were, and the last logs.

    Args:
        steps: the epoch's steps.
        function: the step.
        hooks: what is called before and after each execution; None where nobody listens, which saves making the logs.
        is_stopped: asked after each execution.
    """
    count, logs = 0, None
    is_watched = together.any_of(hooks is not None)  # what a callback stops on one process, it stops on all
    for number, batches in steps.epoch():
        if hooks:
            hooks[0](number)
        for batch in batches:
            logs = function(batch)
        if hooks:
            hooks[1](number + steps.steps_per_execution - 1, as_floats(logs))
        count += 1
        if together.any_of(is_stopped()) if is_watched else is_stopped():
            break
    return count, logs


def run_predict(model: Any, function: StepFunction, steps: EpochIterator, callbacks: Any) -> Any:
    """The outputs of a model for data, as arrays; see `run_test`."""
    callbacks.on_predict_begin()
    wanted = callbacks.has_predict_batch_hooks
    outputs: list[Any] = []

    def join() -> bool:
        return not (callbacks.watches_predictions or model.stop_predicting)

    for numbers, batches in grouped(steps.epoch(), function, join):
        for number in numbers if wanted else ():
            callbacks.on_predict_batch_begin(number)
        outputs.append(outputs_of(function, batches))
        for number in numbers if wanted else ():
            callbacks.on_predict_batch_end(number + steps.steps_per_execution - 1, {"outputs": outputs[-1]})
        if model.stop_predicting:
            break
    callbacks.on_predict_end()
    if not outputs:
        raise ValueError("The data set is empty: it gave no batch to predict.")
    return joined(outputs)


def agree_on_settings(what: str, model: Any) -> None:
    """See that all processes train with the same settings.

    Args:
        what: what is about to be done.
        model: the compiled model.

    Raises:
        ProcessesDiffer: on every process, if they do not.
    """
    together.agree(what, lambda: {"settings of training": settings_of(model)})


def final_logs(model: Any, logs: Any) -> dict[str, Any]:
    """The logs of an epoch: what the metrics say, or what a step of the user's own returned.

    Args:
        model: the model.
        logs: what its last step returned; None without one.
    """
    logs, results = as_floats(logs), as_floats(model.get_metrics_result())
    return logs if isinstance(logs, dict) and set(logs) != set(results) else results


def as_floats(logs: Any) -> Any:
    """Logs with Python floats for scalars, in the order of their names; dicts inside are taken apart."""
    if not isinstance(logs, dict):
        return logs
    flat: dict[str, Any] = {}
    for name, value in logs.items():
        if isinstance(value, dict):
            flat.update(as_floats(value))
        else:
            flat[name] = _as_float(value)
    return {name: flat[name] for name in sorted(flat)}


def _as_float(value: Any) -> Any:
    if isinstance(value, float):
        return value
    array = np.asarray(value)
    if array.dtype == object:
        return value
    # A metric of one class is an array of one number, and stays one.
    return float(array) if array.ndim == 0 and array.dtype.kind in "fiub" else array
