"""`Sequential`: layers one after the other."""

from __future__ import annotations

import inspect
from collections.abc import Sequence
from typing import Any, Self

from pronghorn import dtype_policies, ops, tree
from pronghorn.data.element import as_objects
from pronghorn.data.ragged import RaggedTensor
from pronghorn.engine.graph import strings
from pronghorn.engine.graph.messages import short_messages
from pronghorn.layers import call as calls
from pronghorn.layers.core.input_layer import InputLayer
from pronghorn.layers.layer import Layer
from pronghorn.models.functional import Functional
from pronghorn.models.model import Model
from pronghorn.models.nesting import note_nesting
from pronghorn.serialization import objects as serialization
from pronghorn.serialization.objects import serialize_keras_object
from pronghorn.symbolic.keras_tensor import KerasTensor
from pronghorn.utils.naming import current_path

# What `add` and `pop` keep, and track themselves.
_PLAIN = frozenset({"_ends", "_graph", "_named", "_sequence"})


class Sequential(Model):
    """A model whose layers are applied one after the other.

    Args:
        layers: the layers; an `Input` may come first.
        trainable: whether training updates the weights.
        name: a name; automatic if None.

    Example:

    >>> from pronghorn import layers
    >>> model = Sequential([layers.Input((4,)), layers.Dense(8, activation="relu"), layers.Dense(1)])
    >>> model.output_shape, model.count_params()
    ((None, 1), 49)
    """

    _is_graph_of_layers = True
    _convert_input_args = False
    _allow_non_tensor_positional_args = True

    def __new__(cls, *args: Any, **kwargs: Any) -> Self:
        return Layer.__new__(cls, *args, **kwargs)

    def __init__(self, layers: Any = None, trainable: bool = True, name: str | None = None) -> None:
        super().__init__(trainable=trainable, name=name)
        self._ends: tuple[KerasTensor, Any] | None = None  # the symbolic input and output of the built layers
        self._graph: tuple[Any, Functional] | None = None
        self._sequence: list[Layer] = []
        self._named: dict[str, Layer] = {}  # the same by the names under which they came
        if layers:
            for layer in layers if isinstance(layers, (list, tuple)) else [layers]:
                self.add(layer, rebuild=False)
            self._maybe_rebuild()

    def __setattr__(self, name: str, value: Any) -> None:
        if name in _PLAIN:  # the layers are tracked by add() and pop()
            object.__setattr__(self, name, value)
        else:
            super().__setattr__(name, value)

    # -- its layers -------------------------------------------------------------------------------------------------
    @short_messages
    def add(self, layer: Any, rebuild: bool = True) -> None:
        """Append a layer.

        Args:
            layer: a layer, a model, or what `Input` returns.
            rebuild: whether to build the model again at once, where its input shape is known.

        Raises:
            ValueError: for anything else, for a second Input, for a name that is taken, or where models would be
            nested too deep (`pronghorn.models.nesting`).

        Example:

        >>> from pronghorn import layers, models
        >>> model = models.Sequential()
        >>> model.add(layers.Input((3,)))
        >>> model.add(layers.Dense(2))
        >>> model.output_shape
        (None, 2)
        """
        if isinstance(layer, KerasTensor) and hasattr(layer, "_keras_history"):
            layer = layer._keras_history.operation
        if not isinstance(layer, Layer):
            hint = " Did you mean an instance? Add parentheses." if inspect.isclass(layer) else ""
            raise ValueError(
                f"Sequential {self.name!r}: Only instances of Layer can be added, got {layer!r} of type "
                f"{type(layer).__name__}.{hint}"
            )
        if isinstance(layer, InputLayer) and self._sequence:
            if isinstance(self._sequence[0], InputLayer):
                raise ValueError(
                    f"Sequential {self.name!r} has already been configured to start with {self._sequence[0]!r}."
                )
            raise ValueError(f"Sequential {self.name!r}: an Input can only be the first layer.")
        other = self._named.get(layer.name)
        if other is not None and other.name == layer.name:  # and was not given another name since
            raise ValueError(
                f"Sequential {self.name!r}: all layers should have unique names; there is a layer called "
                f"{layer.name!r} in it already. Give this one another `name`."
            )
        if not self._sequence and not isinstance(layer, InputLayer):
            first = self._implied_input(layer)
            if first is not None:
                self._append(first)
        ends = self._ends
        self._append(layer)
        self.built, self._ends = False, None
        if rebuild and ends is not None:
            self._extend(ends, layer)
        elif rebuild:
            self._maybe_rebuild()

    def _implied_input(self, layer: Layer) -> InputLayer | None:
        """The Input that the first layer's ``input_shape`` argument, or a model as first layer, stands for."""
        shape = getattr(layer, "_input_shape_arg", None)
        if shape is not None:
            return InputLayer(shape=shape, dtype=_input_dtype(layer))
        if isinstance(layer, Functional) and len(layer.inputs) == 1:
            return InputLayer(batch_shape=layer.inputs[0].shape, dtype=layer.inputs[0].dtype)
        if isinstance(layer, Sequential) and layer.built and layer._functional is not None:
            x = layer._functional.inputs[0]
            return InputLayer(batch_shape=x.shape, dtype=x.dtype)
        return None

    def _append(self, layer: Layer) -> None:
        note_nesting(self, [layer])
        self._tracker.locked = False
        self._trainer_state.forget_functions()
        self._sequence.append(layer)
        self._named.pop(layer.name, None)  # of one that was renamed; this one comes last
        self._named[layer.name] = layer
        self._tracker.track(layer)

    def pop(self, rebuild: bool = True) -> Layer:
        """Take the last layer away and return it.

        >>> from pronghorn import layers, models
        >>> model = models.Sequential([layers.Input((3,)), layers.Dense(2), layers.Dense(1)])
        >>> model.pop().units, model.output_shape
        (1, (None, 2))
        """
        if not self.layers:
            raise TypeError(f"Sequential {self.name!r} has no layers to pop.")
        self._trainer_state.forget_functions()
        layer = self._sequence.pop()
        if self._named and next(reversed(self._named.values())) is layer:
            self._named.popitem()
        self._tracker.untrack(layer)
        self.built, self._ends = False, None
        if rebuild:
            self._maybe_rebuild()
        return layer

    def _maybe_rebuild(self) -> None:
        self.built, self._ends = False, None
        if self._sequence and isinstance(self._sequence[0], InputLayer) and len(self._sequence) > 1:
            self.build(self._sequence[0].batch_shape)
        elif self._sequence and isinstance(self._sequence[0], InputLayer):
            self.built = False

    def _extend(self, ends: tuple[KerasTensor, Any], layer: Layer) -> None:
        """Build ``layer``, which came after all others, on what they made; they are not called again."""
        with self._open_name_scope():
            self._path = current_path()
            self._call_layers(*ends, [layer])
            self._finish_build({"input_shape": self._sequence[0].batch_shape})

    @property
    def _functional(self) -> Functional | None:
        """The layers as a functional model, once they are built; put together when it is first asked for."""
        if self._ends is None:
            return None
        if self._graph is None or self._graph[0] is not self._ends:
            self._graph = (self._ends, Functional(*self._ends, name=self.name))
        return self._graph[1]

    @property
    def layers(self) -> list[Layer]:
        """The layers, without the Input."""
        return list(
            self._sequence[1:] if self._sequence and isinstance(self._sequence[0], InputLayer) else self._sequence
        )

    @layers.setter
    def layers(self, _: Any) -> None:
        raise AttributeError(
            "`Sequential.layers` is read only; `add()` appends a layer and `pop()` takes the last one away."
        )

    # -- building and calling ---------------------------------------------------------------------------------------
    def build(self, input_shape: Any = None) -> None:
        """Make all weights.

        Args:
            input_shape: the whole shape of the inputs, batch axis included; not needed if there is an Input.

        Raises:
            ValueError: if there are no layers, or if the shape does not fit one of them.
        """
        if not self._sequence:
            raise ValueError(
                f"Sequential {self.name!r} is empty: there is nothing to build. Add layers first, by model.add(...)."
            )
        if input_shape is None and isinstance(self._sequence[0], InputLayer):
            input_shape = self._sequence[0].batch_shape
        if input_shape is None:
            raise ValueError(
                f"Sequential {self.name!r}: the shape of the inputs is needed: pass it to build(), or add an Input()."
            )
        self._check_no_other_shape(input_shape)
        if tree.is_nested(input_shape) and not tree.tree.is_shape(input_shape):
            return  # a first layer that takes lists or dicts; the layers build themselves when they are called
        if not isinstance(self._sequence[0], InputLayer):
            first = InputLayer(batch_shape=tuple(input_shape), dtype=_input_dtype(self._sequence[0]))
            self._sequence.insert(0, first)
            self._tracker.track(first)
            self._tracker.layers.insert(0, self._tracker.layers.pop())
        self._call_layers(self._sequence[0].output, self._sequence[0].output, self._sequence[1:])

    def _call_layers(self, inputs: KerasTensor, x: Any, layers: Sequence[Layer]) -> None:
        """Call ``layers``, the last ones, on ``x``, which the ones before them made of ``inputs``."""
        for layer in layers:
            try:
                x = layer(x)
            except NotImplementedError:
                return  # its shapes are known only on real data
            except TypeError:
                self._check_takes_one_input(layer)
                raise
        self._ends = (inputs, x)
        if not all(isinstance(y, KerasTensor) for y in tree.flatten(x)):
            Functional(inputs, x)  # says what is wrong

    def _check_no_other_shape(self, shape: Any) -> None:
        """Raise a ValueError if there is an Input of another shape."""
        first = self._sequence[0]
        if not isinstance(first, InputLayer) or not tree.tree.is_shape(shape):
            return
        own, shape = first.batch_shape, tuple(shape)
        if len(own) != len(shape) or any(a != b and None not in (a, b) for a, b in zip(own, shape)):
            raise ValueError(
                f"Sequential {self.name!r}: build() got input_shape={shape}, but the model has already been configured "
                f"by its Input for the shape {own}. Call build() without a shape, or leave out the Input."
            )

    def _check_takes_one_input(self, layer: Layer) -> None:
        """Raise a ValueError if a layer cannot be called on one argument."""
        kinds = (inspect.Parameter.POSITIONAL_ONLY, inspect.Parameter.POSITIONAL_OR_KEYWORD)
        required = [
            p.name
            for p in inspect.signature(layer.call).parameters.values()
            if p.kind in kinds and p.default is p.empty
        ]
        if len(required) > 1:
            raise ValueError(
                f"Sequential {self.name!r}: the call() of its layer {layer.name!r} needs the arguments "
                f"{', '.join(required)}, but here a layer gets one argument, the output of "
                "the one before it. Give the others a default, or write the model with Model(inputs, outputs)."
            )

    def call(self, inputs: Any, training: Any = None, mask: Any = None) -> Any:
        if self._functional is not None:
            return self._functional.call(inputs, training=training, mask=mask)
        outputs = inputs
        for layer in self.layers:
            outputs = layer(outputs)
        return outputs

    def _run_call(self, *args: Any, **kwargs: Any) -> Any:
        return super()._run_call(*args, **kwargs)

    def __call__(self, inputs: Any = None, *args: Any, **kwargs: Any) -> Any:
        if not args and (outputs := self._again(inputs, kwargs)) is not None:
            return outputs
        if not self.layers:
            raise ValueError(f"Sequential {self.name!r} has no layers; add some before it is called.")
        if strings.holds_text(inputs):
            inputs = inputs if isinstance(inputs, strings.StringArray) else as_objects(inputs)
            if not self.built and inputs.shape:
                self.build((None, *inputs.shape[1:]))
        elif self._functional is None and not calls.has_tensors(inputs):
            if isinstance(inputs, RaggedTensor) and not self.built:
                self.build((None, *inputs.shape[1:]))
                return super().__call__(inputs, *args, **kwargs)
            arrays = tree.is_nested(inputs) and any(hasattr(x, "shape") for x in tree.flatten(inputs))
            convert = ops.convert_to_tensor
            inputs = tree.map_structure(convert, inputs) if arrays else convert(inputs)
        return super().__call__(inputs, *args, **kwargs)

    def _put_masks(self, spec: Any, outputs: Any, previous: Any) -> None:
        pass  # the layers inside have done it

    def compute_output_spec(self, inputs: Any, training: Any = None, mask: Any = None) -> Any:
        if self._functional is not None:
            return self._functional.compute_output_spec(inputs, training=training, mask=mask)
        outputs = inputs
        for layer in self.layers:
            outputs = layer.compute_output_spec(outputs)
        return outputs

    def compute_output_shape(self, input_shape: Any) -> Any:
        if self._functional is not None:
            return self._functional.compute_output_shape(input_shape)
        for layer in self.layers:
            input_shape = layer.compute_output_shape(input_shape)
        return input_shape

    # -- description ------------------------------------------------------------------------------------------------
    def _of_functional(self, name: str) -> Any:
        if self._functional is None:
            raise AttributeError(
                f"Sequential {self.name!r} has no defined {name} yet: it was not built. Add an Input() first, or call "
                "it on data."
            )
        return getattr(self._functional, name)

    @property
    def input_shape(self) -> Any:
        return self._of_functional("input_shape")

    @property
    def output_shape(self) -> Any:
        return self._of_functional("output_shape")

    @property
    def inputs(self) -> list[KerasTensor]:
        return self._of_functional("inputs")

    @property
    def outputs(self) -> list[KerasTensor]:
        return self._of_functional("outputs")

    @property
    def input(self) -> Any:
        return self._of_functional("input")

    @property
    def output(self) -> Any:
        return self._of_functional("output")

    @property
    def input_names(self) -> list[str]:
        return self._of_functional("input_names")

    @property
    def output_names(self) -> list[str]:
        return self._of_functional("output_names")

    def get_config(self) -> dict[str, Any]:
        config: dict[str, Any] = {
            "name": self.name,
            "trainable": self.trainable,
            "dtype": dtype_policies.serialize(self.dtype_policy),
            "layers": [serialize_keras_object(layer) for layer in self._sequence],
        }
        if self._functional is not None:
            config["build_input_shape"] = self._sequence[0].batch_shape
        return config

    @classmethod
    def from_config(cls, config: dict[str, Any], custom_objects: dict[str, Any] | None = None) -> Any:
        safe = serialization.in_safe_mode()
        model = cls(name=config.get("name"))
        for data in config["layers"]:
            layer = serialization.deserialize_keras_object(data, custom_objects=custom_objects, safe_mode=safe)
            model.add(layer, rebuild=False)
        model._maybe_rebuild()
        shape = config.get("build_input_shape")
        if model._functional is None and shape and model.layers and tree.tree.is_shape(shape):
            model.build(tuple(shape))
        if config.get("trainable") is False:
            model.trainable = False
        return model


def _input_dtype(layer: Layer) -> str:
    """The element type of the Input that goes before a layer."""
    return getattr(layer, "preferred_input_dtype", None) or layer.compute_dtype
