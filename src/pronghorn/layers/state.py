"""The state of a layer: variables, weights, sublayers, losses; what `Layer` has besides being called."""

from __future__ import annotations

import contextlib
import functools
from collections.abc import Iterable, Iterator
from typing import Any, Self

import numpy as np

from pronghorn import dtype_policies, ops
from pronghorn._wording import counted
from pronghorn.engine.backends import choice
from pronghorn.engine.backends.foreign_calls import on_its_engine
from pronghorn.engine.graph.active import current_trace, state
from pronghorn.engine.graph.tensor import Tensor
from pronghorn.engine.graph.variable import substituted
from pronghorn.layers.call import parameters_of
from pronghorn.layers.tracking import Tracker
from pronghorn.symbolic.operation import Operation
from pronghorn.variables import Variable

ON_TORCH = frozenset(
    (
        "parameters",
        "named_parameters",
        "zero_grad",
        "torch_params",
        "state_dict",
        "load_state_dict",
        "train",
        "eval",
        "to",
    )
)
"""What layers have beside the rest while the engine is torch, as they have on Keras's own."""


class StatefulOperation(Operation):
    """An operation that owns variables and other operations that do."""

    def __new__(cls, *args: Any, **kwargs: Any) -> Self:
        instance = super().__new__(cls, *args, **kwargs)
        object.__setattr__(instance, "_tracker", Tracker(instance))
        return instance

    def __setattr__(self, name: str, value: Any) -> None:
        if name in _UNTRACKED:
            object.__setattr__(self, name, value)
            return
        try:
            object.__setattr__(self, name, self._tracker.track(value))
        finally:  # a setter that fails may have done a part of its work
            self._tracker.changed()

    def __getattr__(self, name: str) -> Any:
        # Asked only for what is not there, or whose property raised an AttributeError: again, for its own words.
        if "_losses" in self.__dict__:
            if name in ON_TORCH and choice.chosen() == "torch":
                from pronghorn.layers.foreign import torch_methods

                found = getattr(torch_methods, name)
                return found(self) if name == "torch_params" else functools.partial(found, self)
            return object.__getattribute__(self, name)
        raise AttributeError(
            f"{type(self).__name__!r} object has no attribute {name!r}, because it is not initialized: call "
            "super().__init__() in the first line of its __init__()."
        )

    def __delattr__(self, name: str) -> None:
        value = self.__dict__.get(name)
        self._tracker.untrack(value)
        for entry in value if isinstance(value, (list, set, tuple)) else ():
            self._tracker.untrack(entry)
        for entry in value.values() if isinstance(value, dict) else ():
            self._tracker.untrack(entry)
        object.__delattr__(self, name)
        self._tracker.changed()

    # -- what it owns -----------------------------------------------------------------------------------------------
    @property
    def _layers(self) -> list[Any]:
        """The layers directly below this one, in the order in which they came."""
        return self._tracker.layers

    @_layers.setter
    def _layers(self, layers: Iterable[Any]) -> None:
        self._tracker.layers[:] = layers
        self._tracker.changed()

    @property
    def _metrics(self) -> list[Any]:
        return self._tracker.metrics

    @property
    def _seed_generators(self) -> list[Any]:
        return self._tracker.seed_generators

    @property
    def _trainable_variables(self) -> list[Variable]:
        return self._tracker.trainable_variables

    @property
    def _non_trainable_variables(self) -> list[Variable]:
        return self._tracker.non_trainable_variables

    def _own_weights(self) -> list[Variable]:
        return [*self._trainable_variables, *self._non_trainable_variables]

    def _weights_in_files(self) -> list[Variable]:
        """This layer's own weights in the order in which files have them."""
        return self._own_weights()

    def _other_shapes_in_files(self) -> dict[int, set[tuple[int, ...]]]:
        """Shapes of these weights in files of other versions that `load_own_variables` takes, too, by their number."""
        return {}

    def _flatten_layers(self, include_self: bool = True, recursive: bool = True) -> list[Any]:
        """This layer and those below it, each once."""
        found: list[Any] = [self] if include_self else []
        seen: set[int] = {id(self)}
        stack = list(reversed(self._layers))
        while stack:
            layer = stack.pop()
            if id(layer) in seen:
                continue
            seen.add(id(layer))
            found.append(layer)
            if recursive:
                stack.extend(reversed(layer._layers))
        return found

    def _stamps(self) -> tuple[int, ...]:
        """The stamps of the last changes of this layer and of those below it."""
        return tuple([layer._tracker.stamp for layer in self._flatten_layers()])

    @property
    def variables(self) -> list[Variable]:
        """All variables: the weights and the states of seed generators; not those of metrics."""
        found: list[Variable] = list(self._own_weights())
        found += [g.state for g in self._seed_generators]
        for layer in self._layers:
            found += layer.variables
        return _unique(found)

    @property
    def weights(self) -> list[Variable]:
        """The variables that are saved: this layer's own and those of the layers below."""
        found = list(self._own_weights())
        for layer in self._layers:
            found += layer.weights
        return _unique(found)

    @property
    def trainable_variables(self) -> list[Variable]:
        """The variables that training updates."""
        return [v for v in self.variables if v.trainable] if self.trainable else []

    @property
    def non_trainable_variables(self) -> list[Variable]:
        """The variables that training does not update by gradients, states of seed generators included."""
        return [v for v in self.variables if not v.trainable] if self.trainable else self.variables

    @property
    def trainable_weights(self) -> list[Variable]:
        """The weights that training updates."""
        return [v for v in self.weights if v.trainable] if self.trainable else []

    @property
    def non_trainable_weights(self) -> list[Variable]:
        """The weights that training does not update by gradients, such as moving averages."""
        return [v for v in self.weights if not v.trainable] if self.trainable else self.weights

    @property
    def trainable(self) -> bool:
        """Whether training updates this layer and those below it; setting it sets them all."""
        return self._trainable

    @trainable.setter
    def trainable(self, value: bool) -> None:
        value = bool(value)
        self._trainable = value
        self._tracker.noticed()
        for variable in self._trainable_variables:
            variable.trainable = value
        for layer in self._layers:
            layer.trainable = value

    @property
    def metrics(self) -> list[Any]:
        """The metrics of this layer and of those below."""
        found = list(self._metrics)
        for layer in self._layers:
            found += layer.metrics
        return found

    @property
    def metrics_variables(self) -> list[Variable]:
        """The variables of `metrics`."""
        return [v for m in self.metrics for v in m.variables]

    # -- values of the weights --------------------------------------------------------------------------------------
    def get_weights(self) -> list[np.ndarray]:
        """Copies of the weights' values, in the order of `weights`.

        >>> from pronghorn import layers
        >>> layer = layers.Dense(2, kernel_initializer="ones")
        >>> layer.build((None, 3))
        >>> [array.shape for array in layer.get_weights()]
        [(3, 2), (2,)]
        """
        return [v.numpy() for v in self.weights]

    def set_weights(self, weights: list[Any]) -> None:
        """Set the weights' values.

        Args:
            weights: arrays in the order of `weights`.

        Raises:
            ValueError: if their number or a shape is not right; then nothing is changed.

        Example:

        >>> from pronghorn import layers
        >>> layer = layers.Dense(2)
        >>> layer.build((None, 1))
        >>> layer.set_weights([[[1.0, 2.0]], [0.0, 0.0]])
        >>> layer.kernel.numpy()
        array([[1., 2.]], dtype=float32)
        """
        own = self.weights
        if len(own) != len(weights):
            raise ValueError(
                f"set_weights: layer {self.name!r} has {counted(len(own), 'weight')}, but "
                f"{counted(len(weights), 'array')} came."
                + ("" if self.built else " The layer is not built yet: call it once on data, or build() it.")
            )
        for variable, value in zip(own, weights):
            shape = tuple(np.shape(value))
            if shape != tuple(variable.shape):
                raise ValueError(
                    f"set_weights: layer {self.name!r}: the weight {variable.path!r} has shape {variable.shape}, "
                    f"but an array of shape {shape} was given for it."
                )
        for variable, value in zip(own, weights):
            variable.assign(value)

    def count_params(self) -> int:
        """The number of elements of all weights.

        Raises:
            ValueError: if the layer is not built yet.

        Example:

        >>> from pronghorn import layers
        >>> layer = layers.Dense(2)
        >>> layer.build((None, 3))
        >>> layer.count_params()
        8
        """
        if not self.built:
            raise ValueError(
                f"count_params: layer {self.name!r} has no weights yet, since it is not built. Call it once on data, "
                "or build(input_shape) it."
            )
        return sum(int(np.prod(v.shape)) for v in self.weights)

    def save_own_variables(self, store: Any) -> None:
        """Put the values of this layer's own weights into ``store``, under "0", "1", ..."""
        for i, variable in enumerate(self._own_weights()):
            store[f"{i}"] = variable.numpy()

    def load_own_variables(self, store: Any) -> None:
        """Take the values of this layer's own weights from ``store``.

        Raises:
            ValueError: if there are more or fewer than the layer has.
        """
        own = self._own_weights()
        if len(own) != len(store.keys()):
            hint = " It is not built: give it a build() that makes them from the input shape." if not self.built else ""
            raise ValueError(
                f"Layer {self.name!r} has {counted(len(own), 'weight')} of its own, but received "
                f"{counted(len(store.keys()), 'variable')} "
                f"from the file.{hint}"
            )
        for i, variable in enumerate(own):
            variable.assign(store[f"{i}"])

    # -- types ------------------------------------------------------------------------------------------------------
    @property
    def dtype_policy(self) -> Any:
        """Which types this layer's variables and computations have."""
        return self._dtype_policy

    @dtype_policy.setter
    def dtype_policy(self, value: Any) -> None:
        policy = dtype_policies.get(value)
        self._refuse_policy(policy)
        by_path = self.__dict__.get("_dtype_policy")
        if isinstance(by_path, dtype_policies.DTypePolicyMap) and self.path:  # this layer's entry, not the others'
            if self.path in by_path:  # pop() would ask the map, which answers for every path
                del by_path[self.path]
            by_path[self.path] = policy
        else:
            self._dtype_policy = policy
        self._quantize_for(policy)

    def _own_policy(self) -> Any:
        """The policy; where layers have theirs by path, this layer's."""
        policy = self._dtype_policy
        if isinstance(policy, dtype_policies.DTypePolicyMap):
            return policy[self.path or self.name]
        return policy

    @property
    def dtype(self) -> str:
        """Same as `variable_dtype`."""
        return self.variable_dtype

    @property
    def variable_dtype(self) -> str:
        """The element type that weights are kept in."""
        return self._own_policy().variable_dtype

    @property
    def compute_dtype(self) -> str:
        """The element type of the layer's computations."""
        return self._own_policy().compute_dtype

    @property
    def input_dtype(self) -> str:
        """The element type that float inputs are cast to."""
        return self.compute_dtype

    @property
    def _call_has_training_arg(self) -> bool:  # this and the next are Keras's, for libraries that ask layers
        return "training" in parameters_of(self.call).names

    @property
    def _call_has_mask_arg(self) -> bool:
        return "mask" in parameters_of(self.call).names

    @property
    def quantization_mode(self) -> str | None:
        """The mode of the layer's policy, if that is one of quantized layers; else None."""
        return self._own_policy().quantization_mode

    # -- losses -----------------------------------------------------------------------------------------------------
    def add_loss(self, loss: Any) -> None:
        """Add to the loss that training minimises; to be called in ``call``.

        Args:
            loss: a scalar, or a list of scalars. Larger arrays are added as their mean.

        Example:

        >>> from pronghorn import layers, ops
        >>> class Small(layers.Layer):
        ...     def call(self, inputs):
        ...         self.add_loss(ops.mean(inputs**2))
        ...         return inputs
        >>> layer = Small()
        >>> outputs = layer(ops.array([[1.0, 3.0]]))
        >>> float(layer.losses[0])
        5.0
        """
        for value in loss if isinstance(loss, (list, tuple)) else [loss]:
            tensor = ops.convert_to_tensor(value)
            self._losses.append(tensor if tensor.shape == () else ops.mean(tensor))
        if state.foreign is not None:
            state.foreign.keep(self._losses)

    def add_metric(self, *args: Any, **kwargs: Any) -> None:
        """Of Keras 2.

        Raises:
            NotImplementedError: always, as in Keras 3.
        """
        raise NotImplementedError(
            f"{type(self).__name__} {self.name!r}: `add_metric` is of Keras 2. Make a keras.metrics object in __init__ "
            "and call its update_state in call, or name the metric in compile(metrics=[...])."
        )

    @property
    def losses(self) -> list[Tensor]:
        """What `add_loss` and regularizers contribute to the loss, for this layer and those below."""
        found: list[Tensor] = []
        for layer in self._flatten_layers():
            found += layer._losses
        for variable in self.trainable_weights:
            if variable.regularizer is not None:
                found.append(ops.convert_to_tensor(variable.regularizer(variable.value)))
        return found

    @contextlib.contextmanager
    def _keeping_losses(self) -> Iterator[None]:
        """Forget what is added to the loss inside this context: a call that is traced for shapes only."""
        before = [(layer, len(layer._losses)) for layer in self._flatten_layers()]
        yield
        for layer, count in before:
            del layer._losses[count:]

    def _clear_losses(self) -> None:
        for layer in self._flatten_layers():
            layer._losses.clear()

    # -- functions of the state -------------------------------------------------------------------------------------
    @on_its_engine
    def stateless_call(
        self,
        trainable_variables: list[Any],
        non_trainable_variables: list[Any],
        *args: Any,
        return_losses: bool = False,
        **kwargs: Any,
    ) -> tuple[Any, ...]:
        """Call the layer with other values of its variables, and change none of them.

        Args:
            trainable_variables: values, in the order of `trainable_variables`.
            non_trainable_variables: values, in the order of `non_trainable_variables`.
            args: arguments of the call.
            return_losses: whether to return `losses` as well.
            kwargs: keyword arguments of the call.

        Returns:
            The results, the non-trainable variables' new values, and the losses if asked for.

        Raises:
            ValueError: if the layer is not built, or a list has the wrong length.
        """
        if not self.built:
            raise ValueError(f"stateless_call: layer {self.name!r} is not built yet; build it or call it first.")
        pairs: list[tuple[Variable, Any]] = []
        for what, variables, values in (
            ("trainable_variables", self.trainable_variables, trainable_variables),
            ("non_trainable_variables", self.non_trainable_variables, non_trainable_variables),
        ):
            if len(variables) != len(values):
                raise ValueError(
                    f"stateless_call: layer {self.name!r} has {len(variables)} {what}, but {len(values)} values were "
                    "given."
                )
            pairs += zip(variables, values)
        with substituted(pairs):
            outputs = self(*args, **kwargs)
            updated = [v.eager_value() if current_trace() is None else v.tensor for v in self.non_trainable_variables]
            losses = self.losses if return_losses else None
        return (outputs, updated, losses) if return_losses else (outputs, updated)


_UNTRACKED = frozenset(
    (
        *("_tracker", "_losses", "_input_shape_arg", "_dtype_policy", "_inbound_nodes", "_outbound_nodes"),
        *("_trainable", "trainable", "_called", "_call_context_args", "_parent_path"),
    )
)
"""Attributes that are kept as they are, and are no change of what was compiled; see `layers.versions`."""


def _unique(variables: list[Variable]) -> list[Variable]:
    return list({id(v): v for v in variables}.values())
