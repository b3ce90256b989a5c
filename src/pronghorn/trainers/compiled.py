"""`CompiledModel`: what `compile` sets, and the steps that follow from it."""

from __future__ import annotations

import functools
from typing import Any

from pronghorn import ops, optimizers, tree
from pronghorn.calls.step import StepFunction
from pronghorn.engine.autodiff.tape import GradientTape
from pronghorn.engine.backends import choice
from pronghorn.engine.backends.foreign_calls import on_its_engine
from pronghorn.engine.graph.tensor import Tensor
from pronghorn.engine.graph.user_code import warn
from pronghorn.losses.reduction import count
from pronghorn.metrics import Mean
from pronghorn.serialization.objects import deserialize_keras_object, serialize_keras_object
from pronghorn.trainers import checks, compiling, logits
from pronghorn.trainers.arguments import known_arguments
from pronghorn.trainers.compile_loss import CompileLoss
from pronghorn.trainers.compile_metrics import CompileMetrics
from pronghorn.trainers.library_steps import Programs, also_of_state
from pronghorn.trainers.older_steps import OlderSteps
from pronghorn.trainers.state import TrainerState, shown
from pronghorn.utils.data_tuple import unpack_x_y_sample_weight

_OF_RUNS = frozenset(
    (
        *("history", "stop_training", "stop_evaluating", "stop_predicting"),
        *("train_function", "test_function", "predict_function"),
    )
)
"""What runs put on a model and no call reads, so that what was compiled holds; see `layers.versions`."""


class CompiledModel(OlderSteps):
    """A model with a loss, an optimizer and metrics: the base of `Trainer`."""

    optimizer: Any = shown("optimizer", "The optimizer, or None.")
    loss: Any = shown("loss", "The loss, as `compile` was given it.")
    loss_weights: Any = shown("loss_weights", "Factors of the outputs' losses, as `compile` was given them.")
    compiled: bool = shown("compiled", "Whether the model was compiled.")
    steps_per_execution: int = shown("steps_per_execution", "Batches that are run between two calls of the callbacks.")
    stop_training: bool = shown("stop_training", "Whether `fit` ends after this step; callbacks set it.")
    stop_evaluating: bool = shown("stop_evaluating", "Whether `evaluate` ends after this step; callbacks set it.")
    stop_predicting: bool = shown("stop_predicting", "Whether `predict` ends after this step; callbacks set it.")
    train_function: Any = shown("train_function", "The compiled `train_step`, or None before it was needed.")
    test_function: Any = shown("test_function", "The compiled `test_step`, or None before it was needed.")
    predict_function: Any = shown("predict_function", "The compiled `predict_step`, or None before it was needed.")
    _compile_loss: CompileLoss | None = shown("compile_loss", "The loss of all outputs.")
    _compile_metrics: CompileMetrics | None = shown("compile_metrics", "The metrics of all outputs.")
    _loss_tracker: Mean = shown("loss_tracker", "The mean of the loss.")
    _engine: str | None = shown("engine", "The engine that `compile` was given; None for that of the process.")

    def __init_subclass__(cls, **kwargs: Any) -> None:
        super().__init_subclass__(**kwargs)
        for name, value in list(vars(cls).items()):
            if isinstance(vars(CompiledModel).get(name), property) and not hasattr(value, "__get__"):
                delattr(cls, name)  # such as `optimizer = None`: what each model has of its own hides it

    def __init__(self) -> None:
        self._trainer_state = TrainerState()

    def __setattr__(self, name: str, value: Any) -> None:
        if name in _OF_RUNS:
            object.__setattr__(self, name, self._tracker.track(value))
        else:
            super().__setattr__(name, value)

    @functools.cached_property
    def _trainer_state(self) -> TrainerState:
        return TrainerState()  # of a model that sets its optimizer, say, before it calls super().__init__()

    # -- compile ----------------------------------------------------------------------------------------------------
    @known_arguments
    def compile(
        self,
        optimizer: Any = "rmsprop",
        loss: Any = None,
        loss_weights: Any = None,
        metrics: Any = None,
        weighted_metrics: Any = None,
        run_eagerly: bool = False,
        steps_per_execution: int = 1,
        jit_compile: bool | str | None = "auto",
        auto_scale_loss: bool = True,
        backend: str | None = None,
    ) -> None:
        """Set how the model is trained. A loss and metrics that an earlier call was given are kept where none are now.

        Args:
            optimizer: an optimizer or its name.
            loss: a loss, its name or a function `(y_true, y_pred)`; for several outputs a list or a dict of them.
            loss_weights: factors of the outputs' losses, a list or a dict.
            metrics: a list of metrics, their names or functions; for several outputs a list or a dict of lists.
            weighted_metrics: the same, for metrics that take sample weights and class weights.
            run_eagerly: whether steps run as they are, without compilation, so that they can be debugged.
            steps_per_execution: batches that are run between two calls of the callbacks.
            jit_compile: True has PyTorch compile steps on its engine (`torch.compile`, which needs a C++ compiler);
                elsewhere steps are always compiled, unless `run_eagerly`.
            auto_scale_loss: whether to wrap the optimizer in a `LossScaleOptimizer` under the policy mixed_float16.
            backend: the engine that runs this model's steps, such as `"jax"`; by default that of
                `config.set_backend`. A model that is trained further on another engine keeps its optimizer's state
                if it is compiled with the same optimizer: `model.compile(model.optimizer, ..., backend="jax")`.

        Raises:
            ValueError: for unknown names, with the nearest ones.
            ImportError: the engine is not installed.
            RuntimeError: it is another one than that on which a `fit` of this model is running.

        Example:

        >>> from pronghorn import layers, losses, models, optimizers
        >>> model = models.Sequential([layers.Input((3,)), layers.Dense(2)])
        >>> loss = losses.SparseCategoricalCrossentropy(from_logits=True)
        >>> model.compile(optimizers.Adam(1e-3, clipnorm=1.0), loss, metrics=["accuracy"])
        >>> model.compiled
        True
        """
        given = "compile()" if backend is None else f"compile(backend={backend!r})"
        engine = None if backend is None else choice.checked_name(backend, given)
        choice.check_may_change(self, engine, given)
        optimizer = optimizers.get(optimizer)
        checks.check_flags(run_eagerly, steps_per_execution, jit_compile)
        names = compiling.known_output_names(self)
        has_metrics = metrics is not None or weighted_metrics is not None
        before = self._trainer_state
        if loss is None:
            compile_loss = before.compile_loss
        else:
            compile_loss = CompileLoss(loss, loss_weights, output_names=names) if loss else None
        self._trainer_state = TrainerState(
            optimizer=compiling.scaled_optimizer(self, optimizer) if auto_scale_loss else optimizer,
            loss=before.loss if loss is None else loss,
            loss_weights=loss_weights,
            compiled=True,
            run_eagerly=bool(run_eagerly),
            jit_compile=jit_compile,
            steps_per_execution=steps_per_execution,
            engine=engine,
            compile_loss=compile_loss,
            compile_metrics=(
                CompileMetrics(metrics, weighted_metrics, output_names=names) if has_metrics else before.compile_metrics
            ),
            given={
                "optimizer": optimizer,
                "loss": loss,
                "loss_weights": loss_weights,
                "metrics": metrics,
                "weighted_metrics": weighted_metrics,
                "run_eagerly": run_eagerly,
                "steps_per_execution": steps_per_execution,
                "jit_compile": jit_compile,
            },
            run=before.run,  # of a callback that compiles the model that it trains
        )

    @property
    def run_eagerly(self) -> bool:
        """Whether steps run without compilation."""
        return self._trainer_state.run_eagerly

    @run_eagerly.setter
    def run_eagerly(self, value: bool) -> None:
        self._trainer_state.run_eagerly = bool(value)
        self._trainer_state.forget_functions()

    @property
    def jit_compile(self) -> bool:
        """Whether steps are compiled; on an engine that does so only on request, as PyTorch, whether that came."""
        asked = self._trainer_state.jit_compile
        if self.run_eagerly or asked is False:
            return False
        return asked is True or not choice.compiles_on_request(self._engine or choice.chosen())

    @jit_compile.setter
    def jit_compile(self, value: Any) -> None:
        self._trainer_state.jit_compile = value

    def get_compile_config(self) -> dict[str, Any]:
        """Return the arguments of `compile` as a config."""
        return serialize_keras_object(dict(self._trainer_state.given)) if self.compiled else {}

    def compile_from_config(self, config: dict[str, Any]) -> None:
        """Compile with the arguments that `get_compile_config` returned."""
        if type(self).compile is not CompiledModel.compile:
            warn(
                f"{type(self).__name__} has a compile() of its own, so it cannot be compiled from a config; call "
                "compile() again, or override compile_from_config() and get_compile_config()."
            )
            return
        self._compile_with(config)

    def _compile_with(self, config: dict[str, Any]) -> None:
        self.compile(**deserialize_keras_object(config))
        if self.optimizer is not None and getattr(self, "built", False):
            self.optimizer.build(self.trainable_variables)

    # -- metrics ----------------------------------------------------------------------------------------------------
    @property
    def metrics(self) -> list[Any]:
        """The loss's mean, the model's own metrics and those of `compile`."""
        found: list[Any] = []
        if self.compiled and (
            self._trainer_state.loss is not None or self._compile_loss is not None or self._uses_built_in_step
        ):
            found.append(self._loss_tracker)
        if self._compile_metrics is not None:
            found.append(self._compile_metrics)
        found += self._metrics
        for layer in self._flatten_layers(include_self=False, recursive=False):
            if not isinstance(layer, CompiledModel):  # a model inside has metrics for its own training
                found += layer.metrics
        if self._compile_loss is not None:
            found += self._compile_loss.metrics
        return found

    @property
    def _uses_built_in_step(self) -> bool:
        return type(self).train_step is CompiledModel.train_step

    @property
    def _uses_built_in_loss(self) -> bool:
        return type(self).compute_loss is CompiledModel.compute_loss

    @property
    def metrics_names(self) -> list[str]:
        """The names of `metrics`."""
        return [metric.name for metric in self.metrics]

    @property
    def metrics_variables(self) -> list[Any]:
        """The variables of `metrics`."""
        return [v for metric in self.metrics for v in metric.variables]

    def reset_metrics(self) -> None:
        """Forget what the metrics collected."""
        for metric in self.metrics:
            metric.reset_state()

    @on_its_engine
    def get_metrics_result(self) -> dict[str, Any]:
        """Return the results of all metrics, by their names in logs."""
        results: dict[str, Any] = {}
        for metric in self.metrics:
            value = metric.result()
            if isinstance(value, dict):
                results.update(value)
            else:
                results[metric.name] = value
        return results

    # -- loss and metrics of a batch --------------------------------------------------------------------------------
    @on_its_engine
    def compute_loss(
        self, x: Any = None, y: Any = None, y_pred: Any = None, sample_weight: Any = None, training: bool = True
    ) -> Tensor | None:
        """Return the loss of a batch, a scalar: that of `compile` and those that layers added.

        Args:
            x: inputs.
            y: targets.
            y_pred: what the model made of the inputs.
            sample_weight: weights of the samples.
            training: whether this is a training step.
        """
        total = None
        if self._compile_loss is not None:
            total = self._compile_loss(y, y_pred, sample_weight)
            logits.warn_of_traced_logits(self, self._compile_loss, y_pred)
        for extra in self.losses:
            extra = ops.sum(ops.cast(extra, total.dtype if total is not None else "float32"))
            total = extra if total is None else total + extra
        if total is None and training:
            if not self._has_loss:
                warn(f"The model {self.name!r} has no loss: pass `loss` to compile(), or call add_loss() in a layer.")
            total = ops.zeros(())
        return total

    @property
    def _has_loss(self) -> bool:
        own = not self._uses_built_in_loss
        return own or self._compile_loss is not None or bool(self.losses)

    def _compute_loss(
        self, x: Any = None, y: Any = None, y_pred: Any = None, sample_weight: Any = None, training: bool = True
    ) -> Any:
        """`compute_loss`, also where a subclass overrides it without `training`."""
        arguments = {"x": x, "y": y, "y_pred": y_pred, "sample_weight": sample_weight}
        if checks.takes_training(type(self).compute_loss):
            arguments["training"] = training
        return self.compute_loss(**arguments)

    @on_its_engine
    def stateless_compute_loss(
        self,
        trainable_variables: Any,
        non_trainable_variables: Any,
        metrics_variables: Any,
        x: Any = None,
        y: Any = None,
        y_pred: Any = None,
        sample_weight: Any = None,
        training: bool = True,
    ) -> tuple[Any, tuple[Any, Any, Any]]:
        """Return the loss for values of the variables that are given, and their values afterwards."""
        groups = [
            (self.trainable_variables, trainable_variables),
            (self.non_trainable_variables, non_trainable_variables),
            (self.metrics_variables, metrics_variables),
        ]
        pairs = [pair for variables, values in groups for pair in zip(variables, values)]
        saved = [variable.tensor for variable, _ in pairs]
        try:
            for variable, value in pairs:
                variable.assign(value)
            loss = self._compute_loss(x, y, y_pred, sample_weight, training)
            after = tuple([v.tensor for v in variables] for variables, _ in groups)
            return loss, after
        finally:
            for (variable, _), value in zip(pairs, saved):
                variable.assign(value)

    @on_its_engine
    def compute_metrics(self, x: Any, y: Any, y_pred: Any, sample_weight: Any = None) -> dict[str, Any]:
        """Take a batch into the metrics of `compile`, and return all results so far.

        Args:
            x: inputs.
            y: targets.
            y_pred: what the model made of the inputs.
            sample_weight: weights of the samples.
        """
        if self._compile_metrics is not None:
            self._compile_metrics.update_state(y, y_pred, sample_weight)
        return self.get_metrics_result()

    # -- steps ------------------------------------------------------------------------------------------------------
    @also_of_state("train")
    def train_step(self, data: Any) -> dict[str, Any]:
        """Train on a batch; override it for training of your own.

        It is traced once and compiled, so write it with ops. Gradients come from `GradientTape` or from
        `pronghorn.value_and_grad`.

        Args:
            data: x, (x, y) or (x, y, sample_weight), as tensors.

        Returns:
            The logs: a dict of scalars.
        """
        x, y, sample_weight = unpack_x_y_sample_weight(data)
        with GradientTape() as tape:
            y_pred = self._call_on(x, training=True)
            loss = self._compute_loss(x=x, y=y, y_pred=y_pred, sample_weight=sample_weight, training=True)
            scaled = loss if self.optimizer is None else self.optimizer.scale_loss(loss)
        weights = self.trainable_variables
        self._loss_tracker.update_state(loss, sample_weight=_samples(x))
        if weights and self.optimizer is not None and self._has_loss:
            self.optimizer.apply(tape.gradient(scaled, weights), weights)
        elif not weights:
            warn(f"The model {self.name!r} has no trainable weights.")
        return self.compute_metrics(x, y, y_pred, sample_weight=sample_weight)

    @also_of_state("test")
    def test_step(self, data: Any) -> dict[str, Any]:
        """Evaluate a batch; override it for an evaluation of your own. See `train_step`."""
        x, y, sample_weight = unpack_x_y_sample_weight(data)
        y_pred = self._call_on(x, training=False)
        loss = self._compute_loss(x=x, y=y, y_pred=y_pred, sample_weight=sample_weight, training=False)
        if loss is not None:
            self._loss_tracker.update_state(loss, sample_weight=_samples(x))
        return self.compute_metrics(x, y, y_pred, sample_weight=sample_weight)

    @also_of_state("predict")
    def predict_step(self, data: Any) -> Any:
        """Return the outputs for a batch; override it for predictions of your own. See `train_step`."""
        x, _, _ = unpack_x_y_sample_weight(data)
        return self._call_on(x, training=False)

    def _call_on(self, x: Any, training: bool) -> Any:
        return self(x, training=training) if checks.call_takes_training(self) else self(x)

    # -- step functions ---------------------------------------------------------------------------------------------
    def _make_function(self, kind: str, force: bool) -> StepFunction:
        name = f"{kind}_function"
        existing = getattr(self, name)
        if existing is not None and not force:
            return existing
        method = f"{kind}_step"

        def step(data: Any) -> Any:
            try:
                returned = getattr(self, method)(data)
                return returned if kind == "predict" else compiling.checked_logs(self, method, returned)
            finally:
                self._clear_losses()  # those that layers added are of this batch, and where it is traced, no numbers

        function = StepFunction(
            step,
            f"{self.name}.{method}",
            state_key=lambda: compiling.state_key(self, kind),
            run_eagerly=self.run_eagerly,
            engine=self._engine,
            jit=self._trainer_state.jit_compile is True,
            as_program=Programs(self, kind, step, CompiledModel.test_step),
            is_shared=True,
        )
        setattr(self._trainer_state, name, function)
        return function

    def make_train_function(self, force: bool = False) -> StepFunction:
        """Make `train_function`, the compiled `train_step`."""
        return self._make_function("train", force)

    def make_test_function(self, force: bool = False) -> StepFunction:
        """Make `test_function`, the compiled `test_step`."""
        return self._make_function("test", force)

    def make_predict_function(self, force: bool = False) -> StepFunction:
        """Make `predict_function`, the compiled `predict_step`."""
        return self._make_function("predict", force)


def _samples(x: Any) -> Any:
    """The number of samples of a batch, as the weight of its loss in the mean."""
    first = next((leaf for leaf in tree.flatten(x) if leaf is not None and len(leaf.shape)), None)
    return None if first is None else count(first.shape[:1], "float32")
