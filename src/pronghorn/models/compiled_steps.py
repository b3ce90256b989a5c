"""Functions of models that are made as Keras makes `train_function` of `train_step`, for steps of other names.

Libraries on Keras give models steps of their own, such as one that writes text. What they call stands in the
attribute ``NAME_function``: a compiled function for the backends that they know, the method ``NAME_step`` itself for
any other. The method that is set so is compiled here.
"""

from __future__ import annotations

import types
from collections.abc import Callable
from typing import Any

import numpy as np

from pronghorn import config, tree
from pronghorn.calls import jit
from pronghorn.calls.step import StepFunction
from pronghorn.engine.backends import choice
from pronghorn.engine.graph.foreign import without_framework
from pronghorn.engine.graph.tensor import Tensor
from pronghorn.layers import call as calls
from pronghorn.layers.versions import version_of
from pronghorn.placement.active import distribution


def as_function(model: Any, name: str, value: Any) -> Any:
    """What a model keeps as its attribute ``name``: ``value``, or, if that is the model's step, a compiled function.

    >>> as_function(None, "train_function", len)
    <built-in function len>
    """
    is_own = isinstance(value, types.MethodType) and value.__self__ is model and not hasattr(type(model), name)
    is_step = is_own and name.endswith("_function") and value.__name__ == name.removesuffix("_function") + "_step"
    return _CompiledStep(model, value) if is_step else value


class _Step(StepFunction):
    """A step that its caller runs as it is where it cannot be compiled: nobody has asked for it to be."""

    def _fall_back(self, error: Exception) -> None:
        self.run_eagerly = True


class _CompiledStep(jit.CompiledFunction):
    """A model's step as a compiled function, while the model's layers stay as they are.

    It runs as it is where the model runs eagerly, another engine is chosen, or it cannot be compiled.
    """

    def __init__(self, model: Any, step: Callable[..., Any]):
        super().__init__(step)
        self._model = model

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        model = self._model
        is_own = choice.chosen() == "llvm" and (model._engine or "llvm") == "llvm" and distribution() is None
        if not is_own or model.run_eagerly or calls.current_call_context() is not None:
            return self.python_function(*args, **kwargs)
        self._steps.during((version_of(model), config.floatx(), config.image_data_format()))
        return super().__call__(*tree.map_structure(_as_array, args), **tree.map_structure(_as_array, kwargs))

    def _run_as_it_is(self, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
        return self.python_function(*args, **kwargs)

    def _new_step(self, run: Callable[[Any], Any]) -> StepFunction:
        return _Step(run, f"{self._model.name}.{self.python_function.__name__}", fewest_shapes=2)


def _as_array(x: Any) -> Any:
    """An array of another library as NumPy's; all else as it is."""
    if x is None or isinstance(x, bool | int | float | str | Tensor | np.ndarray):
        return x
    return without_framework(x, "data")
