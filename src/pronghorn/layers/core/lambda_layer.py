"""`Lambda`: a function as a layer."""

from __future__ import annotations

import inspect
import types
from collections.abc import Callable
from typing import Any, Unpack

from pronghorn import tree
from pronghorn._packages import is_ours
from pronghorn.engine.graph.user_code import defined_in
from pronghorn.layers import rows
from pronghorn.layers.arguments import LayerArguments
from pronghorn.layers.layer import Layer
from pronghorn.serialization import objects as serialization
from pronghorn.serialization.objects import deserialize_keras_object, serialize_keras_object
from pronghorn.serialization.registration import get_registered_object
from pronghorn.symbolic.keras_tensor import KerasTensor


class Lambda(Layer):
    """Apply a function to the inputs. A subclass of `Layer` is better: it can be saved.

    Args:
        function: takes the inputs first; also ``mask`` and ``training`` if it has such arguments.
        output_shape: the outputs' shape without the batch, or a function of the inputs' shape; found out if None.
        mask: the outputs' mask, or a function ``(inputs, mask)`` that gives it.
        arguments: further keyword arguments for ``function``.
        kwargs: those of `Layer`.

    Example:

    >>> from pronghorn import ops
    >>> Lambda(lambda x: x ** 2)(ops.convert_to_tensor([3.0])).tolist()
    [9.0]
    """

    _looks_at_values = True
    _takes_text = True
    _takes_rows = rows.WHOLE

    def __init__(
        self,
        function: Callable[..., Any],
        output_shape: Any = None,
        mask: Any = None,
        arguments: Any = None,
        **kwargs: Unpack[LayerArguments],
    ) -> None:
        super().__init__(**kwargs)
        if not callable(function):
            raise TypeError(
                f"Lambda: the first argument must be a function of the inputs, got {function!r} of type "
                f"{type(function).__name__}."
            )
        self.arguments = arguments or {}
        self.function = function
        self.supports_masking = mask is not None
        self.mask = mask
        self._output_shape = output_shape
        parameters = inspect.signature(function).parameters
        self._passed = [n for n in ("mask", "training") if n in parameters and n not in self.arguments]

    def compute_output_shape(self, input_shape: Any) -> Any:
        if self._output_shape is None:
            inputs = tree.map_shape_structure(lambda s: KerasTensor(s, dtype=self.compute_dtype), input_shape)
            try:
                spec = _infer(self, inputs)
            except Exception as error:
                raise NotImplementedError(
                    f"Layer {self.name!r} (Lambda): the shape of its output could not be found ({error}). Pass "
                    "`output_shape`."
                ) from error
            return tree.map_structure(lambda x: x.shape, spec)
        if callable(self._output_shape):
            return self._output_shape(input_shape)
        batch = _batch(input_shape)

        def with_batch(shape: Any) -> Any:
            return (batch, *shape)

        return tree.map_shape_structure(with_batch, self._output_shape)

    def call(self, inputs: Any, mask: Any = None, training: Any = None) -> Any:
        extra = {k: v for k, v in (("mask", mask), ("training", training)) if k in self._passed}
        return self.function(inputs, **self.arguments, **extra)

    def compute_output_spec(self, inputs: Any, mask: Any = None, training: Any = None) -> Any:
        if self._output_shape is None:
            return _infer(self, inputs)
        return tree.map_shape_structure(
            lambda s: KerasTensor(s, dtype=self.compute_dtype),
            self.compute_output_shape(tree.map_structure(lambda x: x.shape, inputs)),
        )

    def compute_mask(self, inputs: Any, mask: Any = None) -> Any:
        return self.mask(inputs, mask) if callable(self.mask) else self.mask

    def get_config(self) -> dict[str, Any]:
        config = {**super().get_config(), "function": _function_config(self.function)}
        if self._output_shape is not None:
            shape = self._output_shape
            config["output_shape"] = _function_config(shape) if callable(shape) else shape
        if self.mask is not None:
            config["mask"] = _function_config(self.mask) if callable(self.mask) else serialize_keras_object(self.mask)
        config["arguments"] = serialize_keras_object(dict(self.arguments))
        return config

    @classmethod
    def from_config(cls, config: dict[str, Any], custom_objects: Any = None, safe_mode: bool | None = None) -> Lambda:
        safe = serialization.in_safe_mode() if safe_mode is None else safe_mode
        config = dict(config)
        for key in ("function", "output_shape", "mask"):
            value = config.get(key)
            if isinstance(value, dict):
                config[key] = deserialize_keras_object(value, custom_objects=custom_objects, safe_mode=safe)
            elif isinstance(value, (list, tuple)) and key == "output_shape" and tree.tree.is_shape(value):
                config[key] = tuple(value)
        _check_function(config["function"])
        if "arguments" in config:
            config["arguments"] = deserialize_keras_object(
                config["arguments"], custom_objects=custom_objects, safe_mode=safe
            )
        return cls(**config)


def _infer(layer: Lambda, inputs: Any) -> Any:
    return rows.infer_spec_on_rows(layer._run_call, (inputs,), {})


def _batch(input_shape: Any) -> Any:
    first = input_shape
    while isinstance(first, (list, tuple, dict)) and not tree.tree.is_shape(first):
        first = next(iter(first.values() if isinstance(first, dict) else first))
    return first[0] if first else None


def _function_config(function: Any) -> Any:
    return serialize_keras_object(function)


def _check_function(function: Any) -> None:
    """A saved Lambda may only call functions, not make objects or load files."""
    if isinstance(function, types.FunctionType):
        module = defined_in(function)
        known = module.startswith(("pronghorn.ops", "pronghorn.activations", "pronghorn.serialization.python_code"))
        if known or not is_ours(module) or get_registered_object(function.__name__) is function:
            return
    if callable(function) and not inspect.isclass(function) and not isinstance(function, types.FunctionType):
        return
    raise ValueError(
        f"The Lambda layer in the configuration calls {function!r}, which is none of pronghorn.ops and no function of "
        "yours (registered, or in custom_objects), so it is refused."
    )
