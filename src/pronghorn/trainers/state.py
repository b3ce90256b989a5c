"""`TrainerState`: everything a model remembers of `compile`, and of the runs that follow."""

from __future__ import annotations

import operator
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from pronghorn.engine.backends.kept import Kept
from pronghorn.metrics import Mean
from pronghorn.trainers.compile_loss import CompileLoss
from pronghorn.trainers.compile_metrics import CompileMetrics

if TYPE_CHECKING:
    from pronghorn.calls.step import StepFunction
    from pronghorn.trainers.run import TrainingRun

#: So many kinds of batches are known by the outputs that a model has for them.
MOST_SPECS = 32


@dataclass
class TrainerState:
    """What a model remembers of `compile`, and of the runs that follow.

    A model holds it in one attribute and shows its fields as properties (`shown`). It is no layer, metric or container,
    so what it holds is neither part of the model's variables nor of its files.

    Attributes:
        optimizer: the optimizer, wrapped where it scales losses; or what a model of the user's puts there.
        loss: the loss as it was given.
        loss_weights: factors of the outputs' losses as they were given.
        compiled: whether there was a `compile`.
        run_eagerly: whether steps run as they are.
        jit_compile: the argument of `compile`.
        steps_per_execution: batches between two calls of the callbacks.
        engine: what runs the steps; None for what is chosen for the process.
        compile_loss: the loss of all outputs; None without one.
        compile_metrics: the metrics of all outputs; None without any.
        loss_tracker: the mean of the loss.
        given: the arguments of `compile`, for the configuration; empty before.
        has_met_data: whether there was a `fit`, an `evaluate` or a single batch since.
        train_function, test_function, predict_function: the steps as functions, once they were needed.
        output_specs: the outputs for kinds of batches; see `checks.known_output_spec`.
        run: the run of `fit` that goes on, or the last one.
        stop_training, stop_evaluating, stop_predicting: whether the run ends after its step.
    """

    optimizer: Any = None
    loss: Any = None
    loss_weights: Any = None
    compiled: bool = False
    run_eagerly: bool = False
    jit_compile: bool | str | None = None
    steps_per_execution: int = 1
    engine: str | None = None
    compile_loss: CompileLoss | None = None
    compile_metrics: CompileMetrics | None = None
    loss_tracker: Mean = field(default_factory=lambda: Mean(name="loss"))
    given: Mapping[str, Any] = field(default_factory=dict)
    has_met_data: bool = False
    train_function: StepFunction | None = None
    test_function: StepFunction | None = None
    predict_function: StepFunction | None = None
    output_specs: Kept[Any] = field(default_factory=lambda: Kept(MOST_SPECS))
    run: TrainingRun | None = None
    stop_training: bool = False
    stop_evaluating: bool = False
    stop_predicting: bool = False

    def forget_functions(self) -> None:
        """Have all steps be made anew."""
        self.train_function = self.test_function = self.predict_function = None
        self.output_specs.clear()


def shown(name: str, doc: str) -> Any:
    """A property of a model that reads and sets a field of its `TrainerState`.

    Args:
        name: the field.
        doc: what it is.
    """

    def set(model: Any, value: Any) -> None:
        setattr(model._trainer_state, name, value)

    return property(operator.attrgetter(f"_trainer_state.{name}"), set, doc=doc)
