"""`Trainer`: what `Model` can do with data."""

from __future__ import annotations

import warnings
from typing import Any

import numpy as np

from pronghorn import ops, optimizers, tree
from pronghorn.autodiff.tape import GradientTape
from pronghorn.graph.tensor import Tensor
from pronghorn.losses.reduction import count
from pronghorn.metrics import Mean
from pronghorn.trainers import checks, compiling
from pronghorn.trainers.batch import Batch, as_batch
from pronghorn.trainers.compile_loss import CompileLoss
from pronghorn.trainers.compile_metrics import CompileMetrics
from pronghorn.trainers.data_adapters import make_adapter
from pronghorn.trainers.data_adapters.adapter import class_weights
from pronghorn.trainers.data_adapters.arrays import split_arrays, to_arrays
from pronghorn.trainers.epoch_iterator import EpochIterator
from pronghorn.trainers.step import StepFunction
from pronghorn.utils.data_tuple import unpack_x_y_sample_weight


class Trainer:
    """Mixed into `Model`: `compile`, `fit`, `evaluate`, `predict`, and the steps they run, which can be overridden."""

    def __init__(self) -> None:
        set_plain = object.__setattr__
        set_plain(self, "optimizer", None)
        set_plain(self, "loss", None)
        set_plain(self, "loss_weights", None)
        set_plain(self, "compiled", False)
        set_plain(self, "stop_training", False)
        set_plain(self, "steps_per_execution", 1)
        set_plain(self, "_jit_compile", None)
        set_plain(self, "_run_eagerly", False)
        set_plain(self, "_compile_loss", None)
        set_plain(self, "_compile_metrics", None)
        set_plain(self, "_loss_tracker", Mean(name="loss"))
        set_plain(self, "_compile_config", None)
        self._forget_functions()

    def _forget_functions(self) -> None:
        for name in ("train_function", "test_function", "predict_function"):
            object.__setattr__(self, name, None)

    # -- compile ----------------------------------------------------------------------------------------------------
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
    ) -> None:
        """Set how the model is trained.

        Args:
            optimizer: an optimizer or its name.
            loss: a loss, its name or a function `(y_true, y_pred)`; for several outputs a list or a dict of them.
            loss_weights: factors of the outputs' losses, a list or a dict.
            metrics: a list of metrics, their names or functions; for several outputs a list or a dict of lists.
            weighted_metrics: the same, for metrics that take sample weights and class weights.
            run_eagerly: whether steps run as they are, without compilation, so that they can be debugged.
            steps_per_execution: batches that are run between two calls of the callbacks.
            jit_compile: accepted; steps are always compiled unless `run_eagerly`.
            auto_scale_loss: whether to wrap the optimizer in a `LossScaleOptimizer` under the policy mixed_float16.

        Raises:
            ValueError: for unknown names, with the nearest ones.
        """
        set_plain = object.__setattr__
        optimizer = optimizers.get(optimizer)
        set_plain(self, "optimizer", compiling.scaled_optimizer(self, optimizer) if auto_scale_loss else optimizer)
        set_plain(self, "loss", loss)
        set_plain(self, "loss_weights", loss_weights)
        names = compiling.known_output_names(self)
        set_plain(self, "_compile_loss", CompileLoss(loss, loss_weights, output_names=names) if loss else None)
        has_metrics = metrics is not None or weighted_metrics is not None
        set_plain(
            self,
            "_compile_metrics",
            CompileMetrics(metrics, weighted_metrics, output_names=names) if has_metrics else None,
        )
        checks.check_flags(run_eagerly, steps_per_execution, jit_compile)
        set_plain(self, "_run_eagerly", bool(run_eagerly))
        set_plain(self, "_jit_compile", jit_compile)
        set_plain(self, "steps_per_execution", steps_per_execution)
        set_plain(self, "stop_training", False)
        set_plain(self, "compiled", True)
        set_plain(self, "_loss_tracker", Mean(name="loss"))
        set_plain(
            self,
            "_compile_config",
            {
                "optimizer": optimizer,
                "loss": loss,
                "loss_weights": loss_weights,
                "metrics": metrics,
                "weighted_metrics": weighted_metrics,
                "run_eagerly": run_eagerly,
                "steps_per_execution": steps_per_execution,
                "jit_compile": jit_compile,
            },
        )
        self._forget_functions()

    @property
    def run_eagerly(self) -> bool:
        """Whether steps run without compilation."""
        return self._run_eagerly

    @run_eagerly.setter
    def run_eagerly(self, value: bool) -> None:
        object.__setattr__(self, "_run_eagerly", bool(value))
        self._forget_functions()

    @property
    def jit_compile(self) -> bool:
        """Whether steps are compiled."""
        return not self._run_eagerly and self._jit_compile is not False

    @jit_compile.setter
    def jit_compile(self, value: Any) -> None:
        object.__setattr__(self, "_jit_compile", value)

    def get_compile_config(self) -> dict[str, Any]:
        """Return the arguments of `compile` as a config."""
        from pronghorn.saving import serialize_keras_object

        return serialize_keras_object(self._compile_config) if self.compiled else {}

    def compile_from_config(self, config: dict[str, Any]) -> None:
        """Compile with the arguments that `get_compile_config` returned."""
        from pronghorn.saving import deserialize_keras_object

        if type(self).compile is not Trainer.compile:
            warnings.warn(
                f"{type(self).__name__} has a compile() of its own, so it cannot be compiled from a config; call "
                "compile() again, or override compile_from_config() and get_compile_config().",
                stacklevel=2,
            )
            return
        self.compile(**deserialize_keras_object(config))
        if self.optimizer is not None and getattr(self, "built", False):
            self.optimizer.build(self.trainable_variables)

    # -- metrics ----------------------------------------------------------------------------------------------------
    @property
    def metrics(self) -> list[Any]:
        """The loss's mean, the model's own metrics and those of `compile`."""
        found: list[Any] = []
        if self.compiled and (self.loss is not None or self._compile_loss is not None or self._uses_built_in_step):
            found.append(self._loss_tracker)
        if self._compile_metrics is not None:
            found.append(self._compile_metrics)
        found += self._metrics
        for layer in self._flatten_layers(include_self=False, recursive=False):
            if not isinstance(layer, Trainer):  # a model inside has metrics for its own training
                found += layer.metrics
        if self._compile_loss is not None:
            found += self._compile_loss.metrics
        return found

    @property
    def _uses_built_in_step(self) -> bool:
        return type(self).train_step is Trainer.train_step

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
        for extra in self.losses:
            extra = ops.sum(ops.cast(extra, total.dtype if total is not None else "float32"))
            total = extra if total is None else total + extra
        if total is None and training:
            if self._compile_loss is None and type(self).compute_loss is Trainer.compute_loss:
                warnings.warn(
                    f"The model {self.name!r} has no loss: pass `loss` to compile(), or call add_loss() in a layer.",
                    stacklevel=2,
                )
            total = ops.zeros(())
        return total

    def _compute_loss(
        self, x: Any = None, y: Any = None, y_pred: Any = None, sample_weight: Any = None, training: bool = True
    ) -> Any:
        """`compute_loss`, also where a subclass overrides it without `training`."""
        arguments = {"x": x, "y": y, "y_pred": y_pred, "sample_weight": sample_weight}
        if checks.takes_training(type(self).compute_loss):
            arguments["training"] = training
        return self.compute_loss(**arguments)

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
        saved = [variable.value for variable, _ in pairs]
        try:
            for variable, value in pairs:
                variable.assign(value)
            loss = self._compute_loss(x, y, y_pred, sample_weight, training)
            after = tuple([v.value for v in variables] for variables, _ in groups)
            return loss, after
        finally:
            for (variable, _), value in zip(pairs, saved):
                variable.assign(value)

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
        if weights and self.optimizer is not None:
            self.optimizer.apply(tape.gradient(scaled, weights), weights)
        elif not weights:
            warnings.warn(f"The model {self.name!r} has no trainable weights.", stacklevel=2)
        return self.compute_metrics(x, y, y_pred, sample_weight=sample_weight)

    def test_step(self, data: Any) -> dict[str, Any]:
        """Evaluate a batch; override it for an evaluation of your own. See `train_step`."""
        x, y, sample_weight = unpack_x_y_sample_weight(data)
        y_pred = self._call_on(x, training=False)
        loss = self._compute_loss(x=x, y=y, y_pred=y_pred, sample_weight=sample_weight, training=False)
        if loss is not None:
            self._loss_tracker.update_state(loss, sample_weight=_samples(x))
        return self.compute_metrics(x, y, y_pred, sample_weight=sample_weight)

    def predict_step(self, data: Any) -> Any:
        """Return the outputs for a batch; override it for predictions of your own. See `train_step`."""
        x, _, _ = unpack_x_y_sample_weight(data)
        return self._call_on(x, training=False)

    def _call_on(self, x: Any, training: bool) -> Any:
        return self(x, training=training) if checks.call_takes_training(self) else self(x)

    # -- step functions ---------------------------------------------------------------------------------------------
    def _make_function(self, kind: str, force: bool) -> StepFunction:
        existing = getattr(self, f"{kind}_function")
        if existing is not None and not force:
            return existing
        method = f"{kind}_step"
        function = StepFunction(
            lambda data: getattr(self, method)(data),
            f"{self.name}.{method}",
            state_key=lambda: compiling.state_key(self, kind),
            run_eagerly=self._run_eagerly,
        )
        object.__setattr__(self, f"{kind}_function", function)
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

    # -- fit --------------------------------------------------------------------------------------------------------
    def fit(
        self,
        x: Any = None,
        y: Any = None,
        batch_size: int | None = None,
        epochs: int = 1,
        verbose: Any = "auto",
        callbacks: Any = None,
        validation_split: float = 0.0,
        validation_data: Any = None,
        shuffle: bool | str = True,
        class_weight: dict[int, float] | None = None,
        sample_weight: Any = None,
        initial_epoch: int = 0,
        steps_per_epoch: int | None = None,
        validation_steps: int | None = None,
        validation_batch_size: int | None = None,
        validation_freq: Any = 1,
    ) -> Any:
        """Train the model.

        Args:
            x: inputs: an array, a list or a dict of arrays, a pandas table; or a generator, a `PyDataset`, a tf.data
                data set or a torch DataLoader that gives batches (x, y) or (x, y, sample_weight).
            y: targets, for arrays.
            batch_size: samples a step, for arrays; 32 by default.
            epochs: number of the last epoch.
            verbose: 0 silent, 1 (and `"auto"`) a progress bar, 2 one line an epoch.
            callbacks: callbacks.
            validation_split: share of the last samples that is left out for validation, for arrays.
            validation_data: (x, y), (x, y, sample_weight), or anything that `x` may be.
            shuffle: whether each epoch has the samples in another order; `"batch"` shuffles whole batches.
            class_weight: weights of classes, by their numbers.
            sample_weight: a weight for each sample, for arrays.
            initial_epoch: epochs done before.
            steps_per_epoch: steps an epoch; as many as the data has by default.
            validation_steps: steps of each validation; as many as the data has by default.
            validation_batch_size: samples a step of the validation; `batch_size` by default.
            validation_freq: every how many epochs there is a validation, or a list of epochs, counted from 1.

        Returns:
            A `History` with the logs of all epochs.

        Raises:
            ValueError: if the model was not compiled, or the data does not fit it.
        """
        checks.check_compiled(self, "fit")
        epochs = checks.limited_epochs(epochs, initial_epoch)
        object.__setattr__(self, "stop_training", False)
        if validation_split and validation_data is None:
            (x, y, sample_weight), validation_data = split_arrays((x, y, sample_weight), validation_split)
        adapter = make_adapter(x, y, sample_weight, batch_size, shuffle, class_weight)
        steps = EpochIterator(adapter, steps_per_epoch, self.steps_per_execution)
        checks.check_data(self, adapter)
        validation = None
        if validation_data is not None:
            validation = self._validation_steps(validation_data, validation_batch_size or batch_size, validation_steps)
        callbacks = compiling.callback_list(
            callbacks, model=self, add_history=True, add_progbar=verbose != 0, verbose=verbose, epochs=epochs,
            steps=steps.num_batches,
        )  # fmt: skip
        function = self.make_train_function()
        function.refresh()
        callbacks.on_train_begin()
        epoch_logs: dict[str, Any] = {}
        for epoch in range(initial_epoch, epochs):
            if steps.is_exhausted:
                checks.warn_exhausted(epoch, epochs)
                break
            self.reset_metrics()
            callbacks.on_epoch_begin(epoch)
            logs = self._run_epoch(function, steps, callbacks)
            epoch_logs = self._final_logs(logs)
            if validation is not None and checks.is_validation_epoch(epoch, validation_freq):
                results = self._evaluate(validation, callbacks)
                epoch_logs.update({f"val_{name}": value for name, value in results.items()})
            callbacks.on_epoch_end(epoch, epoch_logs)
            if self.stop_training:
                break
        if self.optimizer is not None and epochs > initial_epoch and self._uses_built_in_step:
            self.optimizer.finalize_variable_values(self.trainable_variables)
        callbacks.on_train_end(epoch_logs)
        return self.history

    def _run_epoch(self, function: StepFunction, steps: EpochIterator, callbacks: Any) -> Any:
        """The training steps of an epoch; returns the last step's logs."""
        wanted = callbacks.has_train_batch_hooks
        logs: Any = None
        for number, batches in steps.epoch():
            if wanted:
                callbacks.on_train_batch_begin(number)
            for batch in batches:
                logs = function(batch)
            if wanted:
                callbacks.on_train_batch_end(number + len(batches) - 1, _as_floats(logs))
            if self.stop_training:
                break
        if logs is None:
            raise ValueError("The data set is empty: it gave no batch in this epoch.")
        return logs

    def _final_logs(self, logs: Any) -> dict[str, Any]:
        """The logs of an epoch: what the metrics say, or what a step of the user's own returned."""
        results = self.get_metrics_result()
        if isinstance(logs, dict) and set(logs) != set(results):
            return _as_floats(logs)
        return _as_floats(results)

    def _validation_steps(self, data: Any, batch_size: int | None, steps: int | None) -> EpochIterator:
        x, y, weight = unpack_x_y_sample_weight(data) if isinstance(data, tuple) else (data, None, None)
        own_batches = y is None and not hasattr(x, "shape") and not isinstance(x, list | tuple | dict)
        adapter = make_adapter(x, y, weight, None if own_batches else batch_size)
        checks.check_data(self, adapter)
        return EpochIterator(adapter, steps, self.steps_per_execution)

    # -- evaluate ---------------------------------------------------------------------------------------------------
    def evaluate(
        self,
        x: Any = None,
        y: Any = None,
        batch_size: int | None = None,
        verbose: Any = "auto",
        sample_weight: Any = None,
        steps: int | None = None,
        callbacks: Any = None,
        return_dict: bool = False,
        **kwargs: Any,
    ) -> Any:
        """Compute the loss and the metrics on data.

        Args:
            x: inputs; see `fit`.
            y: targets, for arrays.
            batch_size: samples a step, for arrays; 32 by default.
            verbose: 0 silent, 1 (and `"auto"`) a progress bar, 2 one line.
            sample_weight: a weight for each sample, for arrays.
            steps: number of steps; as many as the data has by default.
            callbacks: callbacks.
            return_dict: whether to return a dict rather than a list.

        Returns:
            The loss, or a list of it and the metrics (in the order of `metrics`), or a dict of them.
        """
        checks.check_compiled(self, "evaluate")
        if kwargs:
            raise ValueError(f"evaluate: unknown arguments {', '.join(kwargs)}.")
        adapter = make_adapter(x, y, sample_weight, batch_size)
        checks.check_data(self, adapter)
        iterator = EpochIterator(adapter, steps, self.steps_per_execution)
        callbacks = compiling.callback_list(
            callbacks, model=self, add_progbar=verbose != 0, verbose=verbose, epochs=1, steps=iterator.num_batches
        )
        logs = self._evaluate(iterator, callbacks)
        return logs if return_dict else self._in_order(logs)

    def _evaluate(self, steps: EpochIterator, callbacks: Any) -> dict[str, Any]:
        object.__setattr__(self, "stop_evaluating", False)
        function = self.make_test_function()
        function.refresh()
        callbacks.on_test_begin()
        self.reset_metrics()
        wanted = callbacks.has_test_batch_hooks
        logs: Any = None
        for number, batches in steps.epoch():
            if wanted:
                callbacks.on_test_batch_begin(number)
            for batch in batches:
                logs = function(batch)
            if wanted:
                callbacks.on_test_batch_end(number + len(batches) - 1, _as_floats(logs))
            if self.stop_evaluating:
                break
        if logs is None:
            raise ValueError("The data set is empty: it gave no batch to evaluate.")
        final = self._final_logs(logs)
        callbacks.on_test_end(final)
        return final

    def _in_order(self, logs: dict[str, Any]) -> Any:
        """Logs as a list in the order of `metrics`, or a single value."""
        names: list[str] = []
        for metric in self.metrics:
            names += [m.name for m in metric.metrics] if isinstance(metric, CompileMetrics) else [metric.name]
        ordered = [logs[name] for name in dict.fromkeys(names) if name in logs]
        ordered += [logs[name] for name in sorted(logs) if name not in names]
        return ordered[0] if len(ordered) == 1 else ordered

    # -- predict ----------------------------------------------------------------------------------------------------
    def predict(
        self,
        x: Any,
        batch_size: int | None = None,
        verbose: Any = "auto",
        steps: int | None = None,
        callbacks: Any = None,
    ) -> Any:
        """Return the outputs for data, as NumPy arrays.

        Args:
            x: inputs; see `fit`.
            batch_size: samples a step, for arrays; 32 by default.
            verbose: 0 silent, 1 (and `"auto"`) a progress bar, 2 one line.
            steps: number of steps; as many as the data has by default.
            callbacks: callbacks.

        Returns:
            An array, or arrays in the structure of the model's outputs, with a row for each sample.
        """
        adapter = make_adapter(x, batch_size=batch_size, check=False)
        iterator = EpochIterator(adapter, steps, self.steps_per_execution)
        callbacks = compiling.callback_list(
            callbacks, model=self, add_progbar=verbose != 0, verbose=verbose, epochs=1, steps=iterator.num_batches
        )
        object.__setattr__(self, "stop_predicting", False)
        function = self.make_predict_function()
        function.refresh()
        callbacks.on_predict_begin()
        wanted = callbacks.has_predict_batch_hooks
        outputs: list[Any] = []
        for number, batches in iterator.epoch():
            if wanted:
                callbacks.on_predict_batch_begin(number)
            for batch in batches:
                outputs.append(function(batch))
            if wanted:
                callbacks.on_predict_batch_end(number + len(batches) - 1, {"outputs": outputs[-1]})
            if self.stop_predicting:
                break
        callbacks.on_predict_end()
        if not outputs:
            raise ValueError("The data set is empty: it gave no batch to predict.")
        if len(outputs) == 1:
            return outputs[0]
        return tree.map_structure(lambda *parts: np.concatenate(parts), *outputs)

    # -- single batches ---------------------------------------------------------------------------------------------
    def train_on_batch(
        self,
        x: Any,
        y: Any = None,
        sample_weight: Any = None,
        class_weight: dict[int, float] | None = None,
        return_dict: bool = False,
    ) -> Any:
        """Train on one batch; return its loss and metrics, as `evaluate` does.

        Args:
            x: inputs.
            y: targets.
            sample_weight: a weight for each sample.
            class_weight: weights of classes, by their numbers.
            return_dict: whether to return a dict rather than a list.
        """
        checks.check_compiled(self, "train_on_batch")
        batch = self._one_batch(x, y, sample_weight, class_weight)
        checks.build(self, batch)
        function = self.make_train_function()
        function.refresh()
        self.reset_metrics()
        logs = _as_floats(function(batch))
        return logs if return_dict else self._in_order(logs)

    def test_on_batch(self, x: Any, y: Any = None, sample_weight: Any = None, return_dict: bool = False) -> Any:
        """Evaluate one batch; return its loss and metrics, as `evaluate` does.

        Args:
            x: inputs.
            y: targets.
            sample_weight: a weight for each sample.
            return_dict: whether to return a dict rather than a list.
        """
        checks.check_compiled(self, "test_on_batch")
        batch = self._one_batch(x, y, sample_weight)
        checks.build(self, batch)
        function = self.make_test_function()
        function.refresh()
        self.reset_metrics()
        logs = _as_floats(function(batch))
        return logs if return_dict else self._in_order(logs)

    def predict_on_batch(self, x: Any) -> Any:
        """Return the outputs for one batch, as NumPy arrays."""
        function = self.make_predict_function()
        function.refresh()
        return function(self._one_batch(x))

    def _one_batch(self, x: Any, y: Any = None, sample_weight: Any = None, class_weight: Any = None) -> Batch:
        x, y, sample_weight = (
            to_arrays(part, name) for part, name in ((x, "x"), (y, "y"), (sample_weight, "sample_weight"))
        )
        if class_weight is not None:
            checks.validation.check_class_weight(class_weight, sample_weight, y)
            sample_weight = class_weights(y, class_weight)
        return as_batch((x,) if y is None and sample_weight is None else (x, y, sample_weight))


def _samples(x: Any) -> Any:
    """The number of samples of a batch, as the weight of its loss in the mean."""
    first = next((leaf for leaf in tree.flatten(x) if leaf is not None and len(leaf.shape)), None)
    return None if first is None else count(first.shape[:1], "float32")


def _as_floats(logs: Any) -> Any:
    """Logs with Python floats for scalars, in the order of their names."""
    if not isinstance(logs, dict):
        return logs
    return {name: _as_float(logs[name]) for name in sorted(logs)}


def _as_float(value: Any) -> Any:
    if isinstance(value, float):
        return value
    if isinstance(value, dict):
        return _as_floats(value)
    array = np.asarray(value)
    if array.dtype == object:
        return value
    # A metric of one class is an array of one number, and stays one.
    return float(array) if array.ndim == 0 and array.dtype.kind in "fiub" else array
