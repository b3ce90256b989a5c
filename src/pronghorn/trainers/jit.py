"""Functions of one's own as compiled functions: for training loops that are written by hand."""

from __future__ import annotations

import functools
import types
from collections.abc import Callable, Hashable, Sequence
from typing import Any

import numpy as np

from pronghorn import tree
from pronghorn.graph.active import TraceError, active_tapes, current_trace
from pronghorn.graph.tensor import Tensor
from pronghorn.graph.user_code import warn
from pronghorn.trainers.batch import Batch, Layout, kinds
from pronghorn.trainers.step import StepFunction

# With more kinds of arguments than this, one of them is likely to be a Python number that changes in every call.
_MOST_KINDS = 32


class _Settings:
    run_eagerly = False


def run_functions_eagerly(run_eagerly: bool) -> None:
    """Have functions made by `jit` run as they are written, for debugging, or compiled again."""
    _Settings.run_eagerly = bool(run_eagerly)


def runs_eagerly() -> bool:
    """Whether `run_functions_eagerly` has switched compilation off."""
    return _Settings.run_eagerly


class _Known:
    """An argument, or a part of one, that is no array: the compiled function holds for this very value."""

    __slots__ = ("key", "value")

    def __init__(self, value: Any):
        self.value = value
        try:
            hash(value)
            self.key: Hashable = (type(value), value)
        except TypeError:
            self.key = (type(value), id(value))


class _Arguments(Layout):
    """The structure of a call's arguments, with numbers in the places of arrays."""

    __slots__ = ()

    def __init__(self, structure: Any):
        self.structure, self.key, self.texts = structure, None, ()

    def pack(self, leaves: Sequence[Any]) -> Any:
        return tree.map_structure(lambda x: x.value if isinstance(x, _Known) else leaves[x], self.structure)


class _Step(StepFunction):
    """A step that leaves it to its caller to run what cannot be compiled."""

    def _fall_back(self, error: Exception) -> None:
        self.run_eagerly = True
        warn(
            f"{self.name} cannot be compiled, so it runs eagerly, which is slower: {error} Use ops in place of what "
            "needs the values, or leave jit (or tf.function) out to say that this is meant.",
        )


class CompiledFunction:
    """What `jit` returns. `python_function` is the function that was given."""

    def __init__(self, function: Callable[..., Any]):
        self.python_function = function
        self._steps: dict[Hashable, _Step] = {}
        functools.update_wrapper(self, function)

    def __get__(self, instance: Any, owner: type | None = None) -> Any:
        return self if instance is None else types.MethodType(self, instance)

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        # Inside of another compiled function it is a part of that; a tape outside has to see what it does.
        if _Settings.run_eagerly or current_trace() is not None or active_tapes():
            return self._run_as_it_is(args, kwargs)
        structure, arrays, key = _take_apart(args, kwargs)
        step = self._step(structure, key) if arrays is not None else None
        if step is None or step.run_eagerly:
            return self._run_as_it_is(args, kwargs)
        batch = Batch(_Arguments(structure), arrays or [], key=kinds(arrays or []))
        try:
            program = step.prepare(batch)
        except Exception as error:
            # Its own fault, or something that only works with values: running it tells, with the plainer message.
            results = self._run_as_it_is(args, kwargs)
            step._fall_back(error if isinstance(error, TraceError) else TraceError(f"{type(error).__name__}: {error}"))
            return results
        if program is None:
            return self._run_as_it_is(args, kwargs)
        results = program(batch)
        return Tensor(results) if type(results) is np.ndarray else tree.map_structure(_as_result, results)

    def _run_as_it_is(self, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
        # Compiled, it gets tensors whatever arrays came: so it does here.
        args, kwargs = tree.map_structure(lambda x: Tensor(np.asarray(x)) if _is_numbers(x) else x, (args, kwargs))
        return self.python_function(*args, **kwargs)

    def _step(self, structure: Any, key: Hashable) -> _Step | None:
        """The compiled functions for arguments of this structure, with these values of what is no array."""
        step = self._steps.get(key)
        if step is None and len(self._steps) < _MOST_KINDS:

            def run(data: Any) -> Any:
                args, kwargs = data
                return self.python_function(*args, **kwargs)

            step = self._steps[key] = _Step(run, getattr(self.python_function, "__name__", "function"))
        return step


def _take_apart(args: tuple[Any, ...], kwargs: dict[str, Any]) -> tuple[Any, list[np.ndarray] | None, Hashable]:
    """The structure of arguments, their arrays (None where some cannot be compiled), and what else they are."""
    if not kwargs and all(type(x) is Tensor or type(x) is np.ndarray for x in args):  # the most usual call, quickly
        given = [x.data if type(x) is Tensor else x for x in args]
        if all(type(x) is np.ndarray for x in given):
            return (_numbers(len(args)), {}), given if all(map(_is_numbers, given)) else None, len(args)
    arrays: list[np.ndarray] = []
    known: list[Hashable] = []
    compilable = True

    def leaf(x: Any) -> Any:
        nonlocal compilable
        array = x.data if isinstance(x, Tensor) else x if isinstance(x, np.ndarray | np.generic) else None
        if array is None:
            constant = _Known(x)
            known.append(constant.key)
            return constant
        array = np.asarray(array)
        compilable = compilable and _is_numbers(array)
        arrays.append(array)
        return len(arrays) - 1

    structure = tree.map_structure(leaf, (args, kwargs))
    key = (repr(tree.map_structure(lambda x: x if type(x) is int else -1, structure)), tuple(known))
    return structure, arrays if compilable else None, key


_numbers = functools.cache(lambda count: tuple(range(count)))


def _is_numbers(x: Any) -> bool:
    return isinstance(x, np.ndarray | np.generic) and x.dtype.kind not in "OUSM"


def _as_result(x: Any) -> Any:
    return Tensor(np.asarray(x)) if isinstance(x, np.ndarray | np.generic) else x


def jit(function: Callable[..., Any]) -> CompiledFunction:
    """Return a function that does what `function` does, compiled: the whole of it runs as one native function.

    It may read and assign variables, use `GradientTape`, `value_and_grad`, optimizers and metrics. It is traced once
    for each kind of arguments: the number of rows may vary, and what else is seen to, if the function does not need to
    know it; types may not. What is no array (a number, a text, a model) is taken as it is, so that every other value
    compiles anew. A function that needs the values of arrays in Python cannot be compiled; it runs as it is, with a
    warning.

    Args:
        function: from arrays, or structures of arrays, to arrays or structures of arrays.

    Raises:
        TypeError: for what is no function.

    >>> from pronghorn import ops
    >>> @jit
    ... def total(x):
    ...     return ops.sum(x * x)
    >>> float(total(np.array([1.0, 2.0, 3.0], "float32")))
    14.0
    """
    if not callable(function):
        raise TypeError(f"jit: expected a function, got {function!r}.")
    return function if isinstance(function, CompiledFunction) else CompiledFunction(function)
