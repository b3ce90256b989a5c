"""Calls of `predict` that are like one before: what that one came to is kept, and runs without a loop over data.

These are calls with one NumPy array that is one batch, silent, without callbacks and steps. All others go the long
way, and so does each that finds something changed that the long way depends on.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from pronghorn import config
from pronghorn.calls.batch import as_array, as_batch
from pronghorn.calls.plans import Plan
from pronghorn.calls.step import StepFunction
from pronghorn.placement.active import distribution
from pronghorn.trainers import checks
from pronghorn.trainers.arguments import BATCH_SIZE
from pronghorn.trainers.compiled import CompiledModel


def again(model: Any, x: Any, batch_size: Any = None) -> Any:
    """The outputs of `predict` without callbacks and steps, where a call of this kind is kept; else None."""
    if type(x) is not np.ndarray:
        return None
    function = _function_of(model)
    if function is None:
        return None
    if x.dtype == np.float64:
        x = as_array(x)
    plan = function.plans.find(x, type(model).predict_step)
    if plan is None or not _is_one_batch(plan, len(x), batch_size) or not x.flags.c_contiguous:
        return None
    checks.indices.check_indices(model, x)
    model._trainer_state.stop_predicting = False
    return plan.run(x)


def note(model: Any, x: Any) -> None:
    """Keep what a call of `predict` came to for the next ones with such an array."""
    if type(x) is not np.ndarray or not x.flags.c_contiguous or x.dtype.kind in "OUS" or checks.loses_rows(model):
        return
    function = _function_of(model)
    if function is not None:
        function.plans.note(as_batch(x), type(model).predict_step)


def _function_of(model: Any) -> StepFunction | None:
    """The step that `predict` runs, where that and what it does with data are as the library has them."""
    function = model._trainer_state.predict_function
    if type(function) is not StepFunction or function.is_library_program:
        return None
    is_plain = distribution() is None and config.max_steps_per_epoch() is None
    makes_it = type(model).make_predict_function is CompiledModel.make_predict_function
    return function if is_plain and makes_it and "make_predict_function" not in model.__dict__ else None


def _is_one_batch(plan: Plan, rows: int, batch_size: Any) -> bool:
    """Whether the rows are computed at once for a batch size: those of batches that do not meet are, too."""
    if batch_size is None:
        return not plan.rows_meet or rows <= BATCH_SIZE
    return type(batch_size) is int and batch_size > 0 and (not plan.rows_meet or rows <= batch_size)
