"""`clone_model`: the same model with new weights."""

from __future__ import annotations

import dataclasses
import inspect
from collections.abc import Callable
from typing import Any

from pronghorn import saving, tree
from pronghorn._wording import shown
from pronghorn.layers.core.input_layer import Input, InputLayer
from pronghorn.layers.layer import Layer
from pronghorn.layers.registry import clone_layer
from pronghorn.models.functional import Functional
from pronghorn.models.model import Model
from pronghorn.models.sequential import Sequential
from pronghorn.symbolic.keras_tensor import is_keras_tensor


def clone_model(
    model: Model,
    input_tensors: Any = None,
    clone_function: Callable[[Layer], Layer] | None = None,
    call_function: Callable[..., Any] | None = None,
    recursive: bool = False,
    **kwargs: Any,
) -> Model:
    """A model with the same layers and new weights; built and compiled where the first one is.

    Args:
        model: a functional or sequential model; a subclassed one, or a layer, needs a ``get_config``.
        input_tensors: KerasTensors to use as inputs, instead of new ones.
        clone_function: makes the new layer from an old one (inputs aside).
        call_function: ``(layer, *args, **kwargs)``: calls a new layer, functional models only.
        recursive: whether layers in models in the model are cloned by ``clone_function`` too.

    Raises:
        ValueError: for arguments that do not fit the kind of model.

    Example:

    >>> from pronghorn import layers
    >>> model = Sequential([layers.Input((3,)), layers.Dense(2)])
    >>> clone_model(model).count_params()
    8
    """
    cache = kwargs.pop("cache", None)
    if kwargs:
        raise ValueError(f"clone_model: unknown keyword arguments {kwargs}.")
    if not isinstance(model, Layer):
        raise ValueError(f"clone_model: `model` must be a Model, got {shown(model)} of type {type(model).__name__}.")
    options = {"clone_function": clone_function, "call_function": call_function}
    clone = _Clones(options, recursive, {} if cache is None else cache)
    if isinstance(model, Sequential):
        if call_function is not None:
            raise ValueError("clone_model: `call_function` is for functional models, and this one is sequential.")
        return _compiled_like(model, _clone_sequential(model, clone, input_tensors))
    if isinstance(model, Functional):
        simple = clone_function is None and call_function is None and input_tensors is None
        if simple and type(model) is not Functional and not _made_from_tensors(model):
            return type(model).from_config(model.get_config())
        return _compiled_like(model, _clone_functional(model, clone, input_tensors, call_function))
    if recursive or clone_function is not None or input_tensors is not None or call_function is not None:
        raise ValueError(
            "clone_model: `clone_function`, `input_tensors`, `call_function` and `recursive` are for functional and "
            f"sequential models; {type(model).__name__} is a subclassed one."
        )
    return saving.deserialize_keras_object(
        saving.serialize_keras_object(model), custom_objects={type(model).__name__: type(model)}
    )


def _compiled_like(model: Model, clone: Model) -> Model:
    """``clone``, compiled with the settings that ``model`` was compiled with, its convolutions as exact."""
    clone.exact_convolutions = model.exact_convolutions
    if getattr(model, "compiled", False):
        clone.compile_from_config(model.get_compile_config())
    return clone


def _made_from_tensors(model: Functional) -> bool:
    return "inputs" in inspect.signature(type(model).__init__).parameters


@dataclasses.dataclass
class _Clones:
    """Layers to their clones, each made when it is first asked for: a layer that is shared stays shared."""

    options: dict[str, Any]  # of `clone_model`, for the models within the model
    recursive: bool
    made: dict[int, Any]

    def __call__(self, layer: Any) -> Any:
        if id(layer) not in self.made:
            self.made[id(layer)] = self._new(layer)
        return self.made[id(layer)]

    def _new(self, layer: Any) -> Any:
        if not self.recursive or not isinstance(layer, (Sequential, Functional)):
            return (self.options["clone_function"] or clone_layer)(layer)
        options = dict(self.options)
        if isinstance(layer, Sequential):
            del options["call_function"]  # for functional models only
        return clone_model(layer, **options, recursive=True, cache=self.made)


def _input_like(x: Any) -> Any:
    """A new Input of a model's input."""
    name = x._keras_history.operation.name
    return Input(batch_shape=x.shape, dtype=x.dtype, sparse=x.sparse, ragged=x.ragged, name=name)


def _clone_sequential(model: Sequential, clone: Any, input_tensors: Any) -> Sequential:
    layers: list[Any] = [clone(layer) for layer in model.layers]
    if input_tensors is not None:
        flat = tree.flatten(input_tensors)
        if len(flat) != 1 or not is_keras_tensor(flat[0]):
            raise ValueError(
                f"clone_model: a sequential model has one input, so `input_tensors` must be one KerasTensor, got "
                f"{input_tensors!r}."
            )
        return Sequential([flat[0], *layers], name=model.name)
    if model._sequence and isinstance(model._sequence[0], InputLayer):
        return Sequential([_input_like(model._sequence[0].output), *layers], name=model.name)
    return Sequential(layers, name=model.name)


def _clone_functional(model: Functional, clone: Any, input_tensors: Any, call_function: Any) -> Any:
    if input_tensors is not None:
        flat = tree.flatten(input_tensors)
        if not all(is_keras_tensor(x) for x in flat):
            raise ValueError(f"clone_model: `input_tensors` must be KerasTensors, got {input_tensors!r}.")
        try:
            tree.assert_same_structure(input_tensors, model._inputs_struct)
        except ValueError as error:
            if len(flat) != len(model.inputs) or isinstance(model._inputs_struct, dict):
                raise ValueError(
                    f"clone_model: `input_tensors` are not nested as the model's inputs are: {error}"
                ) from None
    else:
        flat = [_input_like(x) for x in model.inputs]

    def operation_fn(operation: Any) -> Any:
        made = clone(operation) if isinstance(operation, Layer) else type(operation).from_config(operation.get_config())
        if call_function is not None:
            return lambda *args, **kwargs: call_function(made, *args, **kwargs)
        return made

    outputs = model._run_through_graph(tree.pack_sequence_as(model._inputs_struct, flat), operation_fn)
    inputs = tree.pack_sequence_as(model._inputs_struct, flat)
    cls = type(model) if _made_from_tensors(model) else Functional
    return cls(inputs=inputs, outputs=outputs, name=model.name)
