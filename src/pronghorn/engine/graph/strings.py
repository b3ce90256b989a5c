"""Strings in a traced function: they stay outside of the graph, and what numbers are made of them comes into it.

A compiled function computes with numbers only. A batch of strings is therefore traced as a `StringArray`. A layer that
makes numbers of it, such as `StringLookup`, runs through `on_host`: the numbers become one more input of the graph, and
the way to compute them from the strings is kept beside it, to be run in front of every call.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from pronghorn.engine.graph import dtypes
from pronghorn.engine.graph.active import TraceError, current_trace, eager
from pronghorn.engine.graph.dim import Shape
from pronghorn.engine.graph.ir import Aval
from pronghorn.engine.graph.tensor import Tensor, tensor_of

Strings = Sequence[np.ndarray]


def is_text(array: np.ndarray) -> bool:
    """Whether an array holds strings or bytes."""
    kind = np.asarray(array).dtype.kind
    if kind == "O":
        return array.size > 0 and isinstance(array.flat[0], str | bytes)
    return kind in "UST"


def holds_text(x: Any) -> bool:
    """Whether something is strings: one, a list or an array of them, or a `StringArray`."""
    if isinstance(x, str | bytes | StringArray):
        return True
    if isinstance(x, list | tuple):
        return bool(x) and holds_text(x[0])
    return isinstance(x, np.ndarray) and is_text(x)


class StringArray:
    """Strings of a batch while a function is traced.

    Args:
        sample: the strings of the batch that it is traced with.
        shape: their shape, in which the number of rows may be symbolic.
        source: computes the strings from those of a batch.
    """

    dtype = "string"

    def __init__(self, sample: np.ndarray, shape: Shape, source: Callable[[Strings], np.ndarray]):
        self.sample, self.shape, self.source = sample, shape, source

    def __repr__(self) -> str:
        return f"<StringArray shape={self.shape}>"

    @property
    def ndim(self) -> int:
        """The number of axes."""
        return len(self.shape)

    def __getitem__(self, key: Any) -> StringArray:
        return self._changed(lambda strings: strings[key])

    def _changed(self, change: Callable[[np.ndarray], np.ndarray]) -> StringArray:
        sample = np.asarray(change(self.sample), object)
        source = self.source
        return StringArray(sample, _shape_like(sample, self), lambda strings: np.asarray(change(source(strings))))

    def __array__(self, *args: Any, **kwargs: Any) -> Any:
        raise TraceError("The strings of a batch are not known while a step is compiled.")

    def numpy(self) -> Any:
        """Not possible while a function is traced."""
        return self.__array__()

    def __pronghorn_tensor__(self) -> Tensor:
        raise ValueError(
            f"x: got an array of strings, shape {self.sample.shape}, where numbers are needed. Turn the strings into "
            "numbers first, for example with a StringLookup or TextVectorization layer, in the model or in front of it."
        )


@dataclass(frozen=True)
class Lookup:
    """What numbers are made of an input's strings, where that can be written down.

    Attributes:
        source: the input's name.
        table: strings and their numbers.
        unknown: the number of all others.
    """

    source: str
    table: Mapping[str, int]
    unknown: int

    def __call__(self, strings: np.ndarray) -> np.ndarray:
        """The numbers.

        >>> Lookup("words", {"a": 2}, 1)(np.array([["a", "b"]]))
        array([[2, 1]])
        """
        return np.array([self.table.get(text, self.unknown) for text in strings.ravel().tolist()], np.int64).reshape(
            strings.shape
        )


class OpenStrings(StringArray):
    """Strings of an input of which there is no sample: the graph is to be written down, not run.

    Args:
        name: the input's.
        shape: of the strings.
    """

    def __init__(self, name: str, shape: Shape):
        super().__init__(np.empty((), object), shape, self._python)
        self.name = name

    def _python(self, strings: Strings) -> np.ndarray:
        raise NotImplementedError(
            f"What is done with the strings of the input {self.name!r} is Python, which cannot be exported. Do it in "
            "front of the model, or look each string up with StringLookup."
        )

    def _changed(self, change: Callable[[np.ndarray], np.ndarray]) -> StringArray:
        return StringArray(self._python([]), self.shape, self._python)

    def looked_up(self, table: Mapping[str, int], unknown: int) -> Tensor:
        """The strings' numbers, ``int64``, as one more input of the graph whose `Lookup` is kept beside it."""
        trace = current_trace()
        assert trace is not None
        return trace.add_host_input(Aval(self.shape, "int64"), Lookup(self.name, table, unknown))


def has_strings(*arguments: Any) -> bool:
    """Whether there are strings that are traced among arguments, or in lists and tuples of them."""
    return any(isinstance(x, StringArray) or (isinstance(x, list | tuple) and has_strings(*x)) for x in arguments)


def on_host(function: Callable[..., Any], *arguments: Any) -> Any:
    """Apply a function of NumPy arrays, some of strings, that cannot be traced.

    Args:
        function: returns an array, with as many rows as its arguments have.
        arguments: `StringArray`s, values that are known, and lists of those.

    Returns:
        A traced tensor, or a `StringArray` where the result is strings.

    Raises:
        TraceError: if an argument is a traced tensor.
    """

    for strings in _flat(arguments):
        if isinstance(strings, OpenStrings):
            strings.source([])

    def values(argument: Any, read: Callable[[StringArray], np.ndarray]) -> Any:
        if isinstance(argument, list | tuple):
            return type(argument)(values(part, read) for part in argument)
        if isinstance(argument, Tensor) and argument.is_traced:
            raise TraceError("A layer that takes strings cannot take what is computed in the model beside them.")
        return read(argument) if isinstance(argument, StringArray) else argument

    def compute(strings: Strings) -> np.ndarray:
        with eager():
            return np.asarray(function(*(values(argument, lambda x: x.source(strings)) for argument in arguments)))

    with eager():
        sample = np.asarray(function(*(values(argument, lambda x: x.sample) for argument in arguments)))
    like = next(x for x in _flat(arguments) if isinstance(x, StringArray))
    shape = _shape_like(sample, like)
    if is_text(sample):
        return StringArray(sample, shape, compute)
    trace = current_trace()
    while trace is not None and not trace.own_state:
        trace = trace.parent
    if trace is None:
        return tensor_of(sample)
    return trace.add_host_input(Aval(shape, dtypes.name_of(sample.dtype)), compute)


def _flat(arguments: Sequence[Any]) -> list[Any]:
    return [x for a in arguments for x in (_flat(a) if isinstance(a, list | tuple) else [a])]


def _shape_like(array: np.ndarray, like: StringArray) -> Shape:
    """The shape of an array; its number of rows is that of `like`, where they have the same."""
    if array.ndim and like.shape and len(array) == len(like.sample):
        return (like.shape[0], *array.shape[1:])
    return array.shape
