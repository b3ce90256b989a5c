"""NaN in the data: refused where they make the loss or the weights NaN, and only there.

A model may fill gaps in its first layer, and a loss may leave out labels that are missing. So `fit` tries a step on
samples with NaN before it trains: the variables are copied and get their values back, and where the step makes the loss
or a weight NaN, an error says where the NaN stand. Data without NaN costs nothing.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import numpy as np

from pronghorn import tree
from pronghorn.callbacks.resumption import seed_variables
from pronghorn.callbacks.terminate_on_nan import TerminateOnNaN
from pronghorn.calls.batch import Batch
from pronghorn.calls.layout import RowsPlace
from pronghorn.calls.step import StepFunction
from pronghorn.distribution import together
from pronghorn.engine.graph import dtypes
from pronghorn.engine.graph.user_code import warn
from pronghorn.engine.graph.variable import noted_assignments
from pronghorn.optimizers import Optimizer
from pronghorn.random.states import Seeds
from pronghorn.trainers.data_adapters.adapter import DataAdapter
from pronghorn.trainers.validation import has_nan, where_nan
from pronghorn.utils.data_tuple import unpack_x_y_sample_weight

_MEND = (
    "Drop those samples, or fill the gaps, for example with np.nan_to_num. NaN that are meant can stay where the first "
    "layer fills them, ops.where(ops.isnan(x), 0, x), or the loss leaves such labels out."
)


def nan_in(batch: Batch) -> dict[str, np.ndarray]:
    """The arrays of a batch that hold NaN, by their names."""
    arrays = batch.gather()
    found = {}
    for name, part in zip(("x", "y", "sample_weight"), unpack_x_y_sample_weight(batch.layout.structure)):
        for path, place in tree.flatten_with_path(part) if part is not None else ():
            number = place.number if isinstance(place, RowsPlace) else place
            if number is not None and has_nan(arrays[number]):
                found[name + "".join(f"[{key!r}]" for key in path)] = arrays[number]
    return found


def check_step(model: Any, function: StepFunction, adapter: DataAdapter, callbacks: Iterable[Any]) -> None:
    """Try a training step on samples with NaN, where the data of a `fit` holds some; the model is as before.

    Of arrays, a batch is tried that has some samples with NaN, and else whole ones, so that a loss that leaves missing
    labels out has others. Of other data, which nobody has looked through, it is the first batch, if that is at hand.
    With `TerminateOnNaN` nothing is tried: it says itself what happens.

    Args:
        model: the model, built.
        function: its training step.
        adapter: the data.
        callbacks: of the run.

    Raises:
        ValueError: the step makes the loss or a weight NaN.
    """
    if any(isinstance(each, TerminateOnNaN) for each in callbacks):
        return
    batch = adapter.at_hand()
    if adapter.nan is None:
        arrays = {} if batch is None else nan_in(batch)
        found = [f"`{name}` of the first batch holds {where_nan(array)}" for name, array in arrays.items()]
    else:
        found = list(adapter.nan.values())
    if not together.any_of(bool(found)):
        return
    batch = adapter.batch_with_nan() if adapter.nan else batch
    spoiled = None if batch is None else _spoiled(model, function, batch)
    if spoiled:
        holds = " and ".join(found) or "The data of another process holds NaN"
        raise ValueError(f"{holds}. It makes the {spoiled} NaN, so the model would be lost in one step. {_MEND}")


def _spoiled(model: Any, function: StepFunction, batch: Batch) -> str | None:
    """What a training step makes NaN, in words; None where it does not. It is taken back."""
    program = function.prepare(batch)  # makes what variables there are not yet
    if isinstance(model.optimizer, Optimizer) and not model.optimizer.built:
        model.optimizer.build(model.trainable_variables)
    if any(map(_is_nan, model.weights)):
        return None  # the model is lost, whatever the data holds
    changing = [*_variables(model), *(() if program is None else program.traced.updated)]
    seeds, before = Seeds.now(), {v: v.numpy() for v in changing}
    noted: dict[Any, np.ndarray] = {}
    try:
        with noted_assignments() as noted:
            logs = function(batch)
        if _loss_is_nan(logs):
            return "loss"
        return "weights (not the loss, but its gradient)" if any(map(_is_nan, model.weights)) else None
    finally:
        for variable, value in {**noted, **before}.items():
            variable.assign(value)
        seeds.restore()


def _variables(model: Any) -> list[Any]:
    """The variables that a step may change and that the model or its parts hold.

    A step may change others, such as those of an optimizer in a closure: the traced step names what it assigns, and
    what runs eagerly is noted.
    """
    parts = model._flatten_layers()
    held = [x for part in parts for x in (getattr(part, "optimizer", None), *tree.flatten(vars(part)))]
    of_optimizers = [v for x in held if isinstance(x, Optimizer) for v in x.variables]
    found = [*model.weights, *seed_variables(model), *of_optimizers, *model.metrics_variables]
    return list({id(v): v for v in found}.values())


def warn_of_results(logs: Any, adapter: DataAdapter) -> None:
    """Warn, once for each data set, where the loss of a run is NaN and the data holds NaN.

    Args:
        logs: the results of the run.
        adapter: the data.
    """
    if adapter.nan and _loss_is_nan(logs):
        holds, adapter.nan = " and ".join(adapter.nan.values()), {}
        warn(f"The loss on data that holds NaN is NaN: {holds}. {_MEND}")


def warn_of_batch(logs: Any, batch: Batch, method: str) -> None:
    """Warn where the loss of a single batch is NaN and the batch holds NaN.

    Args:
        logs: the results of the batch.
        batch: the batch.
        method: what was called, for the message, which is the same for all batches so that it is shown once.
    """
    if _loss_is_nan(logs) and (found := nan_in(batch)):
        names = " and ".join(f"`{name}`" for name in found)
        spoiled = ", and so are the weights" if method == "train_on_batch" else ""
        warn(f"{method}: {names} of the batch holds NaN, and the loss is NaN{spoiled}. {_MEND}")


def _loss_is_nan(logs: Any) -> bool:
    loss = np.asarray(logs.get("loss") if isinstance(logs, dict) else None)
    return (loss.dtype.kind == "f" or loss.dtype.name == "bfloat16") and bool(np.isnan(loss).any())


def _is_nan(variable: Any) -> bool:
    return dtypes.is_float(variable.dtype) and bool(np.isnan(variable.numpy()).any())
