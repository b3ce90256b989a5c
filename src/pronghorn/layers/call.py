"""What happens around a layer's ``call``: its arguments by name, the training flag, masks, shapes."""

from __future__ import annotations

import functools
import inspect
import threading
from collections.abc import Callable, Iterable
from typing import Any

import numpy as np

from pronghorn import ops, tree
from pronghorn.engine.graph.tensor import Tensor, tensor_of
from pronghorn.layers.input_spec import known_shape
from pronghorn.symbolic.keras_tensor import KerasTensor
from pronghorn.utils.masking import get_mask
from pronghorn.variables import Variable

TENSORS = (Tensor, KerasTensor, Variable)


class CallContext:
    """The outermost layer call that is running, and what goes from it to the layers inside.

    Attributes:
        training: the training flag.
        values: other arguments by name, for the layers that registered them.
    """

    def __init__(self, entry_layer: Any) -> None:
        self.entry_layer = entry_layer
        self.training: Any = None
        self.values: dict[str, Any] = {}


class _Current(threading.local):
    def __init__(self) -> None:
        self.context: CallContext | None = None


_current = _Current()


def current_call_context() -> CallContext | None:
    """The context of the running layer call, or None outside of any."""
    return _current.context


def set_call_context(context: CallContext | None) -> None:
    """Make ``context`` the current one."""
    _current.context = context


class Parameters:
    """The parameters of a function that layers call, read once.

    Attributes:
        names: all parameters but self.
        positional: those that can be passed by position.
        defaults: default values by name.
        takes_kwargs: whether it has ``**kwargs``.
    """

    def __init__(self, fn: Callable[..., Any]) -> None:
        self.signature = inspect.signature(fn)
        parameters = list(self.signature.parameters.values())
        kinds = inspect.Parameter
        self.names = [p.name for p in parameters if p.kind not in (kinds.VAR_POSITIONAL, kinds.VAR_KEYWORD)]
        self.positional = [p.name for p in parameters if p.kind in (kinds.POSITIONAL_ONLY, kinds.POSITIONAL_OR_KEYWORD)]
        self.defaults = {p.name: p.default for p in parameters if p.default is not kinds.empty}
        self.takes_kwargs = any(p.kind is kinds.VAR_KEYWORD for p in parameters)
        self.takes_varargs = any(p.kind is kinds.VAR_POSITIONAL for p in parameters)

    def bind(self, args: tuple[Any, ...], kwargs: dict[str, Any]) -> dict[str, Any]:
        """Arguments by name; those of ``**kwargs`` too."""
        if not self.takes_varargs and len(args) <= len(self.positional) and len(self.positional) > 0:
            bound = dict(zip(self.positional, args))
            if not (bound.keys() & kwargs.keys()) and (self.takes_kwargs or kwargs.keys() <= set(self.names)):
                required = [n for n in self.names if n not in self.defaults]
                if all(n in bound or n in kwargs for n in required):
                    return {**bound, **kwargs}
        arguments = self.signature.bind(*args, **kwargs).arguments  # raises the error with Python's words
        flat: dict[str, Any] = {}
        for name, value in arguments.items():
            if self.signature.parameters[name].kind is inspect.Parameter.VAR_KEYWORD:
                flat.update(value)
            else:
                flat[name] = value
        return flat


def parameters_of(method: Callable[..., Any]) -> Parameters:
    """The `Parameters` of a bound method."""
    function = getattr(method, "__func__", None)
    if function is None:
        return Parameters(method)
    return _method_parameters(function)


@functools.lru_cache(maxsize=4096)
def _method_parameters(function: Callable[..., Any]) -> Parameters:
    return Parameters(functools.partial(function, None))


def is_tensor_like(x: Any) -> bool:
    """Whether ``x`` is an array of ours, symbolic or not."""
    return isinstance(x, TENSORS)


def has_tensors(structure: Any) -> bool:
    """Whether a nested structure is made of tensors (and Nones)."""
    if isinstance(structure, TENSORS):
        return True
    if not tree.is_nested(structure):
        return False
    leaves = tree.flatten(structure)
    return any(isinstance(x, TENSORS) for x in leaves) and all(x is None or isinstance(x, TENSORS) for x in leaves)


def resolve_context_arguments(
    names: Iterable[str], parameters: Parameters, args: tuple[Any, ...], kwargs: dict[str, Any], context: CallContext
) -> tuple[dict[str, Any], dict[str, Any]]:
    """Values of the arguments that go from a layer's call to the layers inside.

    Each is what was passed here, else what the call around this one has, else the default of ``call``.

    Returns:
        The keyword arguments for ``call``, and the values for the layers inside.
    """
    kwargs, values = dict(kwargs), dict(context.values)
    by_position = dict(zip(parameters.positional, args))
    for name in names:
        value = by_position.get(name, kwargs.get(name))
        if value is None:
            value = context.values.get(name)
            if value is not None and name in parameters.names:
                kwargs[name] = value
        if value is None:
            value = parameters.defaults.get(name)
        if value is not None:
            values[name] = value
        if name not in parameters.names and not parameters.takes_kwargs:
            kwargs.pop(name, None)
    return kwargs, values


class CallSpec:
    """One call of a layer: all arguments by name, and which of them are tensors.

    Attributes:
        arguments: by name, defaults included.
        tensors: those that are (nested) tensors, in the order of the parameters.
        first: the first argument.
    """

    def __init__(self, parameters: Parameters, args: tuple[Any, ...], kwargs: dict[str, Any]) -> None:
        given = parameters.bind(args, kwargs)
        self.given = given
        self.tensors = {k: v for k, v in given.items() if has_tensors(v)}
        self.first = next(iter(given.values()), None) if given else None
        self.first_name = next(iter(given), None)

    def shapes(self) -> dict[str, Any]:
        """Shapes of the tensor arguments, by ``<name>_shape``; unknown and symbolic extents are None."""

        def shape(x: Any) -> Any:
            return None if x is None else known_shape(x)

        return {f"{k}_shape": tree.map_structure(shape, v) for k, v in self.tensors.items()}


def masks_of(structure: Any) -> Any:
    """The masks of the tensors in a structure, None where there is none."""
    if isinstance(structure, TENSORS):
        return get_mask(structure)
    return tree.map_structure(get_mask, structure)


def any_mask(masks: Any) -> bool:
    """Whether there is a mask in a structure of masks."""
    return masks is not None and any(m is not None for m in tree.flatten(masks))


def without_masks_of(spec: CallSpec, outputs: Any) -> Any:
    """The outputs, those that are the inputs themselves as other tensors, which have no mask: where there is nothing to
    repeat, pad or crop, a call may return what it is given."""
    given = {
        id(x) for x in tree.flatten(list(spec.tensors.values())) if isinstance(x, Tensor) and get_mask(x) is not None
    }

    def without(x: Any) -> Any:
        if id(x) not in given:
            return x
        return tensor_of(x.data) if x.is_traced else ops.copy(x)

    return tree.map_structure(without, outputs) if given else outputs


def to_plain_shape(shape: Any) -> Any:
    """Nested shapes with NumPy integers as Python's."""

    def plain(x: Any) -> Any:
        return int(x) if isinstance(x, np.integer) else x

    return tree.map_structure(plain, shape)
