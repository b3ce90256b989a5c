"""Operations: what can be called on symbolic tensors and becomes a node of a functional model."""

from __future__ import annotations

import inspect
from collections.abc import Callable
from typing import Any, Self

from pronghorn import tree
from pronghorn._wording import shown
from pronghorn.serialization.objects import is_serializable, serialize_keras_object
from pronghorn.symbolic.infer import infer_spec
from pronghorn.symbolic.keras_tensor import any_symbolic_tensors
from pronghorn.symbolic.node import Node
from pronghorn.symbolic.remat_scopes import current_scope
from pronghorn.utils.arguments import CheckedArguments
from pronghorn.utils.naming import auto_name


class Operation(CheckedArguments):
    """Base of layers and of the ops in functional models.

    A subclass writes ``call`` and, where tracing it is not enough, ``compute_output_spec``.

    Args:
        name: a name without ``/``; automatic if None.

    Raises:
        ValueError: if the name is no string or has a ``/``.

    >>> from pronghorn import layers, models, ops
    >>> class Halved(Operation):
    ...     def call(self, x):
    ...         return x / 2
    >>> inputs = layers.Input((1,))
    >>> model = models.Model(inputs, Halved()(inputs))
    >>> model(ops.ones((1, 1))).numpy()
    array([[0.5]], dtype=float32)
    """

    #: The `RematScope` that it was made in.
    _remat_mode: Any = None

    def __new__(cls, *args: Any, **kwargs: Any) -> Self:
        instance = super().__new__(cls)
        # For get_config() of subclasses that do not write one; `object` since layers track what is set on them.
        object.__setattr__(instance, "_init_arguments", (args, kwargs))
        return instance

    def __init__(self, name: str | None = None) -> None:
        if name is None:
            name = auto_name(type(self).__name__)
        if not isinstance(name, str) or "/" in name:
            raise ValueError(
                f"{type(self).__name__}: `name` must be a string without '/', got name={name!r} of type "
                f"{type(name).__name__}."
            )
        self.name = name
        if (scope := current_scope()) is not None:
            object.__setattr__(self, "_remat_mode", scope)
        self._inbound_nodes: list[Node] = []
        self._outbound_nodes: list[Node] = []

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        if any_symbolic_tensors(args, kwargs):
            return self.symbolic_call(*args, **kwargs)
        return self.rematerialized_call(self._call_of_mode(), *args, **kwargs)(*args, **kwargs)

    def _call_of_mode(self) -> Callable[..., Any]:
        """``call``, or what takes its place where the operation is quantized."""
        return self.call if getattr(self, "quantization_mode", None) is None else self.quantized_call

    def rematerialized_call(self, call: Callable[..., Any], *args: Any, **kwargs: Any) -> Callable[..., Any]:
        """``call`` as the `RematScope` has it in which this was made: with what it computes computed again in the
        backward pass, or as it is."""
        scope = self._remat_mode
        return call if scope is None else scope.rematerialized(self, call)

    def symbolic_call(self, *args: Any, **kwargs: Any) -> Any:
        """Record a call on KerasTensors; its results as KerasTensors."""
        outputs = self.compute_output_spec(*args, **kwargs)
        Node(self, args, kwargs, outputs)
        return outputs

    def call(self, *args: Any, **kwargs: Any) -> Any:
        """The computation, on arrays."""
        raise NotImplementedError(f"{type(self).__name__} has no call(), which computes its outputs; write one.")

    def quantized_call(self, *args: Any, **kwargs: Any) -> Any:
        """The computation of an operation with a ``quantization_mode``, in the place of ``call``."""
        raise NotImplementedError(
            f"{type(self).__name__}: with a quantization_mode, quantized_call() takes the place of call(); write it."
        )

    def compute_output_spec(self, *args: Any, **kwargs: Any) -> Any:
        """Shapes and dtypes of the results, as nested KerasTensors."""
        return infer_spec(self.call, args, kwargs)

    # -- configuration ----------------------------------------------------------------------------------------------
    def get_config(self) -> dict[str, Any]:
        """The arguments that make another operation like this one."""
        config: dict[str, Any] = {"name": self.name}
        if type(self).__init__ in (Operation.__init__, object.__init__):
            return config
        parameters = inspect.signature(type(self).__init__).parameters
        named = "name" in parameters or any(p.kind is inspect.Parameter.VAR_KEYWORD for p in parameters.values())
        return {**constructor_arguments(self), **(config if named else {})}

    @classmethod
    def from_config(cls, config: dict[str, Any]) -> Any:
        """An operation with the configuration that `get_config` gave.

        Raises:
            TypeError: if the constructor does not take it.
        """
        try:
            return cls(**config)
        except (ValueError, TypeError) as error:
            message = f"{cls.__name__} could not be made from its configuration {shown(config, 500)}: {error}"
            if isinstance(error, TypeError):
                message += (
                    ". If the constructor takes other arguments than get_config() returns, write both to match, or a "
                    "from_config() of its own."
                )
            raise TypeError(message) from error

    # -- symbolic inputs and outputs --------------------------------------------------------------------------------
    @property
    def input(self) -> Any:
        """The symbolic input of the first call."""
        return self._of_first_node("input")

    @property
    def output(self) -> Any:
        """The symbolic output of the first call."""
        return self._of_first_node("output")

    def _of_first_node(self, what: str) -> Any:
        if not self._inbound_nodes:
            raise AttributeError(
                f"{type(self).__name__} {self.name!r} has no defined {what}: it was not called on a KerasTensor."
            )
        tensors = getattr(self._inbound_nodes[0], f"{what}_tensors")
        return tensors[0] if len(tensors) == 1 else list(tensors)


def constructor_arguments(operation: Operation) -> dict[str, Any]:
    """What the operation was made with, by parameter name.

    Raises:
        NotImplementedError: where the values are no plain data, so that a get_config() has to be written.
    """
    args, kwargs = operation._init_arguments
    signature = inspect.signature(type(operation).__init__)
    bound = signature.bind(operation, *args, **kwargs)
    bound.apply_defaults()
    config: dict[str, Any] = {}
    for i, (name, value) in enumerate(bound.arguments.items()):
        if i == 0:
            continue  # self
        kind = signature.parameters[name].kind
        if kind is inspect.Parameter.VAR_KEYWORD:
            config.update(value)
        elif kind is inspect.Parameter.VAR_POSITIONAL:
            if not value:
                continue
            raise _needs_config(operation, name, value)
        else:
            config[name] = value
    for name, value in config.items():
        if not all(is_serializable(leaf) for leaf in tree.flatten(value)):
            raise _needs_config(operation, name, value)
    return {name: serialize_keras_object(value) for name, value in config.items()}


def _needs_config(operation: Operation, name: str, value: Any) -> NotImplementedError:
    return NotImplementedError(
        f"{type(operation).__name__} was made with {name}={value!r}, which cannot be saved as it is. Write a "
        f"get_config() method in {type(operation).__name__} that returns plain values for its constructor's arguments."
    )
