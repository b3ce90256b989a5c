"""`Trainer`: what `Model` can do with data."""

from __future__ import annotations

import functools
import sys
from typing import TYPE_CHECKING, Any

from pronghorn.calls.batch import Batch, as_batch
from pronghorn.calls.grouping import in_pieces
from pronghorn.calls.step import StepFunction
from pronghorn.distribution import together
from pronghorn.engine.backends.choice import keeps_engine
from pronghorn.trainers import checks, compiling, missing, predictions
from pronghorn.trainers.arguments import check_run, check_validation, known_arguments
from pronghorn.trainers.compile_metrics import CompileMetrics
from pronghorn.trainers.compiled import CompiledModel
from pronghorn.trainers.data_adapters import make_adapter
from pronghorn.trainers.data_adapters.adapter import class_weights
from pronghorn.trainers.data_adapters.arrays import split_arrays, to_arrays
from pronghorn.trainers.epoch_iterator import EpochIterator
from pronghorn.trainers.loops import agree_on_settings, as_floats, run_epochs, run_predict, run_test
from pronghorn.trainers.profiling import profile_step
from pronghorn.trainers.run import TrainingRun
from pronghorn.utils.data_tuple import pack_x_y_sample_weight, unpack_x_y_sample_weight

if TYPE_CHECKING:
    from pronghorn.callbacks.history import History


class Trainer(CompiledModel):
    """Mixed into `Model`: `compile`, `fit`, `evaluate`, `predict`, and the steps they run, which can be overridden."""

    # -- fit --------------------------------------------------------------------------------------------------------
    @known_arguments
    @keeps_engine
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
    ) -> History:
        """Train the model.

        Args:
            x: inputs: an array, a list or a dict of arrays, a pandas table; or a generator, a `PyDataset`, a tf.data
                data set or a torch DataLoader that gives batches (x, y) or (x, y, sample_weight).
            y: targets, for arrays.
            batch_size: samples a step, for arrays; by default 32, or what spreads all samples over the steps asked for.
                Where several processes train the model, this is what all of them take together: the global batch.
            epochs: number of the last epoch.
            verbose: 0 silent, 1 (and `"auto"`) a progress bar, 2 one line an epoch.
            callbacks: callbacks.
            validation_split: share of the last samples that is left out for validation, for arrays.
            validation_data: (x, y), (x, y, sample_weight), or anything that `x` may be.
            shuffle: whether each epoch has the samples in another order; `"batch"` shuffles within each batch.
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

        Example:

        >>> import numpy as np
        >>> from pronghorn import layers, models
        >>> model = models.Sequential([layers.Input((3,)), layers.Dense(1)])
        >>> model.compile("sgd", "mse")
        >>> x, y = np.ones((8, 3)), np.ones((8, 1))
        >>> history = model.fit(x, y, batch_size=4, epochs=2, validation_split=0.25, verbose=0)
        >>> sorted(history.history), history.epoch
        (['loss', 'val_loss'], [0, 1])
        """
        checks.check_compiled(self, "fit")
        counts = {"initial_epoch": initial_epoch, "steps_per_epoch": steps_per_epoch}
        check_run("fit", verbose, **counts, validation_steps=validation_steps)
        check_validation(validation_data, validation_batch_size, validation_freq, self._compile_loss is not None)
        epochs = checks.limited_epochs(epochs, initial_epoch)
        checks.warn_of_lost_batch(self)
        self._trainer_state.stop_training = False

        if validation_split and validation_data is None:
            (x, y, sample_weight), validation_data = split_arrays((x, y, sample_weight), validation_split)
        adapter = make_adapter(x, y, sample_weight, batch_size, shuffle, class_weight, steps=steps_per_epoch)
        if checks.is_new(self):
            adapter.skip_first()
        steps = EpochIterator(adapter, steps_per_epoch, self.steps_per_execution)
        checks.check_data(self, adapter)
        self._trainer_state.has_met_data = True
        others = self._validation_steps(validation_data, validation_batch_size or batch_size, validation_steps)
        callbacks = compiling.callback_list(
            callbacks, model=self, add_history=True, add_progbar=verbose != 0, verbose=verbose, epochs=epochs,
            steps=steps.num_batches,
        )  # fmt: skip
        together.begins("fit", numbers_of_epochs=epochs, numbers_of_batches=steps.num_batches)
        run = self._trainer_state.run = TrainingRun(self, self._function("train"), steps, callbacks)
        validate = None if others is None else functools.partial(self._test, others, callbacks)

        missing.check_step(self, run.function, adapter, callbacks.callbacks)
        callbacks.on_train_begin()
        try:
            logs = run_epochs(run, run.epochs(initial_epoch, epochs), validate, validation_freq)
        except BaseException:
            callbacks._on_train_failed()
            raise
        if self.optimizer is not None and epochs > initial_epoch:
            self.optimizer.finalize_variable_values(self.trainable_variables)
        callbacks.on_train_end(logs)
        together.meet()  # what the first process has written is there for all
        return self.history

    def _validation_steps(self, data: Any, batch_size: int | None, steps: int | None) -> EpochIterator | None:
        if data is None:
            return None
        x, y, weight = unpack_x_y_sample_weight(data) if isinstance(data, tuple) else (data, None, None)
        own_batches = y is None and not hasattr(x, "shape") and not isinstance(x, list | tuple | dict)
        adapter = make_adapter(x, y, weight, None if own_batches else batch_size, steps=steps)
        checks.check_data(self, adapter)
        return EpochIterator(adapter, steps, self.steps_per_execution)

    # -- evaluate ---------------------------------------------------------------------------------------------------
    @keeps_engine
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
            batch_size: samples a step, for arrays; by default 32, or what spreads all samples over the steps asked for.
            verbose: 0 silent, 1 (and `"auto"`) a progress bar, 2 one line.
            sample_weight: a weight for each sample, for arrays.
            steps: number of steps; as many as the data has by default.
            callbacks: callbacks.
            return_dict: whether to return a dict rather than a list.

        Returns:
            The loss, or a list of it and the metrics (in the order of `metrics`), or a dict of them.

        Example:

        >>> import numpy as np
        >>> from pronghorn import layers, models
        >>> model = models.Sequential([layers.Input((3,)), layers.Dense(1)])
        >>> model.compile("sgd", "mse")
        >>> results = model.evaluate(np.ones((8, 3)), np.ones((8, 1)), return_dict=True, verbose=0)
        >>> list(results)
        ['loss']
        """
        checks.check_compiled(self, "evaluate")
        if kwargs:
            raise ValueError(f"evaluate: unknown arguments {', '.join(kwargs)}.")
        check_run("evaluate", verbose, steps=steps)
        checks.warn_of_lost_batch(self)
        adapter = make_adapter(x, y, sample_weight, batch_size, steps=steps)
        checks.check_data(self, adapter)
        self._trainer_state.has_met_data = True
        iterator = EpochIterator(adapter, steps, self.steps_per_execution)
        callbacks = compiling.callback_list(
            callbacks, model=self, add_progbar=verbose != 0, verbose=verbose, epochs=1, steps=iterator.num_batches
        )
        together.begins("evaluate", numbers_of_batches=iterator.num_batches)
        logs = self._test(iterator, callbacks)
        return logs if return_dict else self._in_order(logs)

    def _test(self, steps: EpochIterator, callbacks: Any) -> dict[str, Any]:
        self._trainer_state.stop_evaluating = False
        return run_test(self, self._function("test"), steps, callbacks)

    def _in_order(self, logs: dict[str, Any]) -> Any:
        """Logs as a list in the order of `metrics`, or a single value; what has one name stands there as often."""
        names: list[str] = []
        for metric in self.metrics:
            names += [m.name for m in metric.metrics] if isinstance(metric, CompileMetrics) else [metric.name]
        ordered = [logs[name] for name in names if name in logs]
        ordered += [logs[name] for name in sorted(logs) if name not in names]
        return ordered[0] if len(ordered) == 1 else ordered

    # -- predict ----------------------------------------------------------------------------------------------------
    @known_arguments
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
            batch_size: samples a step, for arrays; by default 32, or what spreads all samples over the steps asked for.
            verbose: 0 silent, 1 (and `"auto"`) a progress bar, 2 one line.
            steps: number of steps; as many as the data has by default.
            callbacks: callbacks.

        Returns:
            An array, or arrays in the structure of the model's outputs, with a row for each sample.

        Example:

        >>> import numpy as np
        >>> from pronghorn import layers, models
        >>> model = models.Sequential([layers.Input((3,)), layers.Dense(1)])
        >>> model.compile("sgd", "mse")
        >>> model.predict(np.ones((8, 3)), verbose=0).shape
        (8, 1)
        """
        is_plain = verbose == 0 and isinstance(verbose, int) and steps is None and callbacks is None
        if is_plain and (outputs := predictions.again(self, x, batch_size)) is not None:
            return outputs
        outputs = self._predict(x, batch_size, verbose, steps, callbacks)
        if is_plain:
            predictions.note(self, x)
        return outputs

    @keeps_engine
    def _predict(self, x: Any, batch_size: int | None, verbose: Any, steps: int | None, callbacks: Any) -> Any:
        check_run("predict", verbose, steps=steps)
        checks.warn_of_lost_batch(self)
        adapter = make_adapter(x, batch_size=batch_size, check=False, steps=steps)
        checks.indices.check_indices(self, adapter.inputs())
        iterator = EpochIterator(adapter, steps, self.steps_per_execution)
        callbacks = compiling.callback_list(
            callbacks, model=self, add_progbar=verbose != 0, verbose=verbose, epochs=1, steps=iterator.num_batches
        )
        self._trainer_state.stop_predicting = False
        together.begins("predict", numbers_of_batches=iterator.num_batches)
        return run_predict(self, self._function("predict"), iterator, callbacks)

    # -- profile ----------------------------------------------------------------------------------------------------
    def profile(
        self,
        x: Any,
        y: Any = None,
        batch_size: int | None = None,
        steps: int = 20,
        step: str = "train",
        sample_weight: Any = None,
        verbose: int = 1,
    ) -> Any:
        """Measure what each kernel of a step takes. The model is as before afterwards.

        Args:
            x: inputs; see `fit`.
            y: targets, for arrays.
            batch_size: samples a step, for arrays; 32 by default.
            steps: how many steps to measure.
            step: `"train"`, `"test"` or `"predict"`.
            sample_weight: a weight for each sample, for arrays.
            verbose: 0 silent, 1 prints the table of kernels with more than 0.5 % of the time, 2 that of all.

        Returns:
            A profile: `ms` a step; `kernels`, a row for each with the layer it came from, its milliseconds, its
            GFLOP/s, their share of the machine's measured peak, and the bytes it touches; `layers`, milliseconds by
            layer; `show()`; and `save_trace(path)`, which writes a step as a Chrome trace.

        Raises:
            ValueError: if the model was not compiled, or the data does not fit it.
            RuntimeError: if the step runs eagerly.

        >>> import numpy as np
        >>> import pronghorn as keras
        >>> model = keras.Sequential([keras.Input((4,)), keras.layers.Dense(3, name="scores")])
        >>> model.compile("sgd", "mse")
        >>> profile = model.profile(np.ones((8, 4)), np.ones((8, 3)), steps=2, verbose=0)
        >>> any("scores" in row.layer for row in profile.kernels), profile.steps
        (True, 2)
        """
        found = profile_step(self, x, y, sample_weight, batch_size, steps, step)
        if verbose:
            found.show(smallest=0.005 if verbose == 1 else 0.0)
        return found

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

        Example:

        >>> import numpy as np
        >>> from pronghorn import layers, models
        >>> model = models.Sequential([layers.Input((3,)), layers.Dense(1)])
        >>> model.compile("sgd", "mse")
        >>> logs = model.train_on_batch(np.ones((8, 3)), np.ones((8, 1)), return_dict=True)
        >>> list(logs)
        ['loss']
        """
        checks.check_compiled(self, "train_on_batch")
        batch = self._one_batch(x, y, sample_weight, class_weight)
        checks.build(self, batch)
        self._trainer_state.has_met_data = True
        if self._trainer_state.train_function is None:
            agree_on_settings("train_on_batch", self)
        function = self._function("train")
        self.reset_metrics()
        logs = as_floats(function(batch))
        missing.warn_of_batch(logs, batch, "train_on_batch")
        return logs if return_dict else self._in_order(logs)

    def test_on_batch(self, x: Any, y: Any = None, sample_weight: Any = None, return_dict: bool = False) -> Any:
        """Evaluate one batch; return its loss and metrics, as `evaluate` does.

        Args:
            x: inputs.
            y: targets.
            sample_weight: a weight for each sample.
            return_dict: whether to return a dict rather than a list.

        Example:

        >>> import numpy as np
        >>> from pronghorn import layers, models
        >>> model = models.Sequential([layers.Input((3,)), layers.Dense(1)])
        >>> model.compile("sgd", "mse")
        >>> logs = model.test_on_batch(np.ones((8, 3)), np.ones((8, 1)), return_dict=True)
        >>> list(logs)
        ['loss']
        """
        checks.check_compiled(self, "test_on_batch")
        batch = self._one_batch(x, y, sample_weight)
        checks.build(self, batch)
        self._trainer_state.has_met_data = True
        function = self._function("test")
        self.reset_metrics()
        logs = as_floats(function(batch))
        missing.warn_of_batch(logs, batch, "test_on_batch")
        return logs if return_dict else self._in_order(logs)

    def predict_on_batch(self, x: Any) -> Any:
        """Return the outputs for one batch, as NumPy arrays.

        >>> import numpy as np
        >>> from pronghorn import layers, models
        >>> model = models.Sequential([layers.Input((3,)), layers.Dense(1)])
        >>> model.compile("sgd", "mse")
        >>> model.predict_on_batch(np.ones((8, 3))).shape
        (8, 1)
        """
        outputs = predictions.again(self, x, sys.maxsize)
        if outputs is None:
            outputs = in_pieces(self._function("predict"), self._one_batch(x))
            predictions.note(self, x)
        return outputs

    def state_sync(self) -> None:
        """Bring the model's variables up to date with what was trained: they are, after every step, so nothing is done.

        A callback that reads weights between two batches calls this in Keras 3.16, whose JAX engine keeps them
        elsewhere while it trains.

        >>> import numpy as np
        >>> from pronghorn import callbacks, layers, models
        >>> model = models.Sequential([layers.Dense(1, kernel_initializer="ones", use_bias=False)])
        >>> model.compile("sgd", "mse")
        >>> def show(batch, logs):
        ...     model.state_sync()
        ...     print(round(model.get_weights()[0].item(), 2))
        >>> history = model.fit(
        ...     np.ones((2, 1)), np.zeros((2, 1)), batch_size=1, verbose=0,
        ...     callbacks=[callbacks.LambdaCallback(on_train_batch_end=show)])
        0.98
        0.96
        """

    def _function(self, kind: str) -> StepFunction:
        """A step as a function, for the model as it is now: "train", "test" or "predict"."""
        function: StepFunction = getattr(self, f"make_{kind}_function")()
        function.refresh()
        return function

    def _one_batch(self, x: Any, y: Any = None, sample_weight: Any = None, class_weight: Any = None) -> Batch:
        x, y, sample_weight = (
            to_arrays(part, name) for part, name in ((x, "x"), (y, "y"), (sample_weight, "sample_weight"))
        )
        if class_weight is not None:
            checks.validation.check_class_weight(class_weight, sample_weight, y)
            sample_weight = class_weights(y, class_weight)
        return as_batch(pack_x_y_sample_weight(x, y, sample_weight))
