"""Models as plain functions for predictions, whose weights stay as they were."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NoReturn

import numpy as np

from pronghorn.calls.batch import Batch, as_array, as_batch
from pronghorn.calls.frozen_weights import FrozenWeights
from pronghorn.calls.grouping import in_pieces
from pronghorn.calls.step import StepFunction
from pronghorn.engine.graph.dim import Shape
from pronghorn.engine.graph.layout import Layout
from pronghorn.engine.graph.tensor import Tensor
from pronghorn.engine.graph.trace import Traced
from pronghorn.layers.versions import version_of
from pronghorn.models.model import Model
from pronghorn.trainers.indices import check_indices

_ONE_ARRAY = Layout(0)


class _FrozenStep(StepFunction):
    """A step of weights that stay."""

    def __init__(self, model: Model, weights: FrozenWeights) -> None:
        def call(inputs: Any) -> Any:
            try:
                return model(inputs, training=False)
            finally:
                model._clear_losses()  # they would be of the trace, no numbers

        super().__init__(call, f"{model.name}.frozen", engine=model._engine)
        self._model, self._weights, self._version = model, weights, version_of(model).stamps

    def _traced(self, batch: Batch, shapes: Sequence[Shape], numbers: Any = None) -> tuple[Traced, Any]:
        if version_of(self._model).stamps != self._version:
            raise ValueError(
                f"The layers of model {self._model.name!r} have been changed since freeze(model), and inputs of a new "
                "kind came, for which its layers would have to be called. Freeze the model again."
            )
        traced, layout = super()._traced(batch, shapes, numbers)
        return self._weights.freeze(traced), layout

    def _fall_back(self, error: Exception) -> NoReturn:
        raise ValueError(
            f"freeze: model {self._model.name!r} cannot be compiled, so it cannot be frozen: {error} Call the model "
            "itself."
        ) from error


class FrozenModel:
    """What `freeze` returns: call it with inputs as `Model.predict` takes them, and it gives arrays of NumPy's.

    Args:
        model: a model that is built.
    """

    def __init__(self, model: Model):
        self._model = model
        self._step = _FrozenStep(model, FrozenWeights(model.variables))
        self._looks_up = any(layer._looks_at_values for layer in model._flatten_layers())

    def __call__(self, inputs: Any) -> Any:
        """The outputs for inputs of any number of rows.

        Args:
            inputs: an array ``[rows, ...]``, or what the model takes as a list or dict of arrays.

        Returns:
            The outputs as arrays of NumPy's, nested as the model's are.

        Raises:
            ValueError: for inputs that the model does not take; if the model assigns variables when it is called;
                where its layers have been changed and inputs of a new kind come.
        """
        array = inputs.data if isinstance(inputs, Tensor) else inputs
        if type(array) is not np.ndarray:
            return self._run(inputs)
        if array.dtype == np.float64:
            array = as_array(array)
        plan = self._step.plans.find(array)
        if plan is None or not array.flags.c_contiguous:
            return self._run(array)
        if self._looks_up:
            check_indices(self._model, array)
        return plan.run(array)

    def _run(self, inputs: Any) -> Any:
        batch = as_batch(inputs)
        if self._looks_up:
            check_indices(self._model, batch.layout.pack(batch.arrays))
        outputs = in_pieces(self._step, batch)
        if batch.layout.key == _ONE_ARRAY.key and batch.arrays[0].flags.c_contiguous:
            self._step.plans.note(batch)
        return outputs

    def __repr__(self) -> str:
        return f"<FrozenModel of {self._model.name!r}>"


def freeze(model: Model) -> FrozenModel:
    """Return a model as a function for predictions, with the weights that it has now.

    The function is faster than the model where its weights allow that. What depends on weights alone is computed once.
    Batch normalization right behind a dense layer or a convolution becomes a part of its weights, so that results
    differ from the model's in their last bits. Weights are packed once.

    Weights that are written afterwards, as by `fit` or `load_weights`, change nothing: the function has copies. It does
    not notice them. Freeze the model again to have the new ones. It may be called from several threads.

    Args:
        model: a model that is built. Its layers have to stay as they are.

    Raises:
        TypeError: for what is no model.
        ValueError: if it is not built yet.

    >>> from pronghorn import Input, Sequential, layers
    >>> model = Sequential([Input((3,)), layers.Dense(2, kernel_initializer="ones")])
    >>> frozen = freeze(model)
    >>> model.set_weights([weight * 0 for weight in model.get_weights()])
    >>> frozen(np.ones((1, 3), "float32"))
    array([[3., 3.]], dtype=float32)
    """
    if not isinstance(model, Model):
        raise TypeError(f"freeze: expected a model, got {type(model).__name__}.")
    if not model.built:
        raise ValueError(
            f"freeze: model {model.name!r} has no weights yet. Call it on data first, or model.build(shape)."
        )
    return FrozenModel(model)
