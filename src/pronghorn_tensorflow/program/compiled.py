"""`tf.function`, for `pronghorn run`, with the arguments that a signature describes."""

from __future__ import annotations

import functools
import inspect
import types
import weakref
from collections.abc import Callable
from typing import Any

import numpy as np

import pronghorn
from pronghorn import tree
from pronghorn._wording import counted
from pronghorn.calls.jit import CompiledFunction
from pronghorn.data import RaggedTensor
from pronghorn.data.element import Array, Text, has_shape
from pronghorn.data.element_types import dtype_name
from pronghorn_tensorflow.program.concrete import ConcreteFunction, is_same
from pronghorn_tensorflow.program.functions import constant
from pronghorn_tensorflow.program.kinds import Kinds

_OF_PLACES = (inspect.Parameter.POSITIONAL_ONLY, inspect.Parameter.POSITIONAL_OR_KEYWORD)


def function(func: Callable[..., Any] | None = None, input_signature: Any = None, **options: Any) -> Any:
    """`tf.function`: `pronghorn.jit`; with a signature, arguments become tensors of its types.

    Raises:
        TypeError: when called, for an argument that is not as the signature says.
    """
    if func is None:
        return functools.partial(function, input_signature=input_signature)
    if input_signature is not None:
        return WithSignature(pronghorn.jit(func), tuple(input_signature))
    return func if isinstance(func, Function) else Function(pronghorn.jit(func).python_function)


class Function(CompiledFunction):
    """A compiled function without a signature.

    Attributes:
        kinds: what it was called with.
    """

    def __init__(self, function: Callable[..., Any]) -> None:
        super().__init__(function)
        self.kinds = Kinds()
        self._kinds_of: weakref.WeakKeyDictionary[Any, Kinds] = weakref.WeakKeyDictionary()

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        self.kinds.note(args, kwargs)
        return super().__call__(*args, **kwargs)

    def kinds_of(self, own: Any) -> Kinds:
        """What it was called with as a method of an object."""
        try:
            return self._kinds_of.setdefault(own, Kinds())
        except TypeError:  # an object that cannot be a key
            return Kinds()

    def __get__(self, instance: Any, owner: type | None = None) -> Any:
        return self if instance is None else Method(self, instance)

    def get_concrete_function(self, *args: Any, **kwargs: Any) -> ConcreteFunction:
        """Return the function for such arguments: tensors, or descriptions of them, and all else as it is."""
        self.kinds.note(args, kwargs)
        return ConcreteFunction(self, self.python_function, args, kwargs)


class Method:
    """A compiled function of an object, with what Python's methods have."""

    def __init__(self, function: Function, own: Any) -> None:
        self.__func__, self.__self__, self.__doc__ = function, own, function.__doc__

    @property
    def kinds(self) -> Kinds:
        """What it was called with."""
        return self.__func__.kinds_of(self.__self__)

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        self.kinds.note(args, kwargs)
        return self.__func__(self.__self__, *args, **kwargs)

    def __getattr__(self, name: str) -> Any:
        return getattr(self.__func__, name)

    @property
    def __wrapped__(self) -> Any:
        return types.MethodType(self.__func__.python_function, self.__self__)

    def get_concrete_function(self, *args: Any, **kwargs: Any) -> ConcreteFunction:
        """Return the function for such arguments."""
        self.kinds.note(args, kwargs)
        return ConcreteFunction(self, self.__wrapped__, args, kwargs)


class WithSignature:
    """A compiled function that makes tensors of its first arguments, as a signature says; others keep their defaults.

    Args:
        compiled: the function.
        signature: what the arguments are to be: descriptions such as `TensorSpec`, or structures of them.
        own: the object, of a method, or nothing.
    """

    def __init__(self, compiled: Any, signature: tuple[Any, ...], own: tuple[Any, ...] = ()) -> None:
        functools.update_wrapper(self, compiled.python_function)
        self.python_function, self.input_signature = compiled.python_function, signature
        self._compiled, self.own = compiled, own
        self._who = getattr(self.python_function, "__name__", type(self.python_function).__name__)

    def __get__(self, instance: Any, owner: type | None = None) -> Any:
        return self if instance is None else WithSignature(self._compiled, self.input_signature, (instance,))

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        values = self._asked_for(args, kwargs)
        return self._compiled(*self.own, *map(functools.partial(_fitting, self._who), values, self.input_signature))

    def get_concrete_function(self, *args: Any, **kwargs: Any) -> ConcreteFunction:
        """Return the function for the tensors that the signature describes; no arguments are needed."""
        values = self._asked_for(args, kwargs) if args or kwargs else self.input_signature
        function = functools.partial(self.python_function, *self.own) if self.own else self.python_function
        return ConcreteFunction(self, function, tuple(values), {})

    def _asked_for(self, args: tuple[Any, ...], kwargs: dict[str, Any]) -> tuple[Any, ...]:
        """The arguments that the signature describes, in order.

        Raises:
            TypeError: for others than the function has, and where one that is not described has another value than
                its default.
        """
        parameters = [*inspect.signature(self.python_function).parameters.values()][len(self.own) :]
        count = len(self.input_signature)
        try:
            bound = inspect.Signature(parameters).bind(*args, **kwargs)
        except TypeError as error:
            raise TypeError(f"{self._who}: {error}; its input_signature has {counted(count, 'tensor')}.") from None
        bound.apply_defaults()
        places = [p for p in parameters if p.kind in _OF_PLACES]
        others = [*places[count:], *(p for p in parameters if p.kind == inspect.Parameter.KEYWORD_ONLY)]
        changed = [p.name for p in others if not is_same(bound.arguments[p.name], p.default)]
        changed += [f"{value!r}" for value in bound.args[max(count, len(places)) :]]
        changed += [name for p in parameters if p.kind == p.VAR_KEYWORD for name in bound.arguments[p.name]]
        if changed or len(bound.args) < count:
            which = f", and none for {', '.join(changed)}, which can only keep a default" if changed else ""
            raise TypeError(
                f"{self._who}: its input_signature has {counted(count, 'tensor')}{which}; the call has "
                f"{counted(len(args) + len(kwargs), 'argument')}. Describe each argument that is to vary by a "
                "TensorSpec."
            )
        return bound.args[:count]


def _fitting(who: str, value: Any, spec: Any) -> Any:
    """What the function gets for an argument: a tensor, or a structure of such as in the description.

    Raises:
        TypeError: for another structure, a tensor of another type, or another shape.
    """
    try:
        return tree.map_structure_up_to(spec, functools.partial(tensor_for, who), value, spec)
    except ValueError as error:
        raise TypeError(f"{who}: its input_signature has {spec}, and the call gave {value!r}: {error}") from None


def tensor_for(who: str, value: Any, spec: Any) -> Any:
    """A tensor of an argument; NumPy's arrays and Python's numbers become what the description says."""
    if isinstance(value, RaggedTensor):
        return value
    is_numpy = isinstance(value, np.ndarray | np.generic) and not isinstance(value, Array)
    if not hasattr(value, "dtype") or is_numpy:
        value = constant(value, spec.dtype)
    kind, wanted = ("string" if isinstance(x, Text) else dtype_name(x.dtype) for x in (value, spec))
    if kind != wanted or not has_shape(value.shape, spec.shape):
        raise TypeError(
            f"{who}: its input_signature has {spec}, and the call gave a tensor of shape {tuple(value.shape)}, dtype "
            f"{kind}. Cast or reshape it (tf.cast, tf.reshape), or write another signature; None stands for any extent."
        )
    return value
