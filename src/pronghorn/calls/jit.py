"""Functions of one's own as compiled functions: for training loops that are written by hand."""

from __future__ import annotations

import functools
import types
from collections.abc import Callable, Collection
from typing import Any

import numpy as np

from pronghorn import tree
from pronghorn.calls.batch import Batch
from pronghorn.calls.layout import take_call_apart
from pronghorn.calls.step import StepFunction, runs_eagerly
from pronghorn.engine.backends.kept import Kept
from pronghorn.engine.graph.active import TraceError, active_tapes, current_trace
from pronghorn.engine.graph.layout import Layout, has_numbers, kinds
from pronghorn.engine.graph.tensor import Tensor, tensor_of
from pronghorn.engine.graph.user_code import warn
from pronghorn.engine.runtime.signals import is_from_handler

# With more kinds of arguments than this, one of them is likely to be a Python number that changes in every call.
_MOST_KINDS = 32


class _Step(StepFunction):
    """A step that leaves it to its caller to run what cannot be compiled."""

    def _fall_back(self, error: Exception) -> None:
        self.run_eagerly = True
        warn(
            f"{self.name} cannot be compiled, so it runs eagerly, which is slower: {error} Use ops in place of what "
            "needs the values, or leave jit (or tf.function) out to say that this is meant.",
        )


class CompiledFunction:
    """What `jit` returns. `python_function` is the function that was given.

    Args:
        function: the function.
        donated: the places of positional arguments that callers give up: results of the same shapes and types, in their
            order, are written into the memory of their arrays, and whoever still has these finds the results there.
    """

    def __init__(self, function: Callable[..., Any], donated: Collection[int] = ()):
        self.python_function = function
        self._donated = donated
        self._steps: Kept[StepFunction] = Kept(_MOST_KINDS)
        functools.update_wrapper(self, function)

    def __get__(self, instance: Any, owner: type | None = None) -> Any:
        return self if instance is None else types.MethodType(self, instance)

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        # Inside of another compiled function it is a part of that; a tape outside has to see what it does.
        if runs_eagerly() or current_trace() is not None or active_tapes():
            return self._run_as_it_is(args, kwargs)
        layout, given = take_call_apart(args, kwargs, _is_array)
        arrays = [np.asarray(x.data if isinstance(x, Tensor) else x) for x in given]
        step = self._step(layout) if all(map(has_numbers, arrays)) else None
        if step is None or step.run_eagerly:
            return self._run_as_it_is(args, kwargs)
        batch = Batch(layout, arrays, key=kinds(arrays))
        try:
            program = step.prepare(batch)
        except Exception as error:
            if is_from_handler(error):
                raise
            # Its own fault, or something that only works with values: running it tells, with the plainer message.
            results = self._run_as_it_is(args, kwargs)
            step._fall_back(error if isinstance(error, TraceError) else TraceError(f"{type(error).__name__}: {error}"))
            return results
        if program is None:
            return self._run_as_it_is(args, kwargs)
        results = program(batch)
        return tensor_of(results) if type(results) is np.ndarray else tree.map_structure(_as_result, results)

    def _run_as_it_is(self, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
        # Compiled, it gets tensors whatever arrays came: so it does here.
        args, kwargs = tree.map_structure(lambda x: tensor_of(np.asarray(x)) if has_numbers(x) else x, (args, kwargs))
        return self.python_function(*args, **kwargs)

    def _step(self, layout: Layout) -> StepFunction | None:
        """The compiled functions for arguments of a layout."""
        key = layout.key
        step = self._steps.get(key)
        if step is None and not self._steps.is_full:

            def run(data: Any) -> Any:
                args, kwargs = data
                return self.python_function(*args, **kwargs)

            step = self._steps.keep(key, self._new_step(run))
            if self._donated:
                step.given_up = self._leaves_given_up(layout)
        return step

    def _leaves_given_up(self, layout: Layout) -> list[int]:
        """The numbers of the arrays in the arguments that are given up."""
        arguments = [argument for i, argument in enumerate(layout.structure[0]) if i in self._donated]
        return [leaf for leaf in tree.flatten(arguments) if type(leaf) is int]

    def _new_step(self, run: Callable[[Any], Any]) -> StepFunction:
        return _Step(run, getattr(self.python_function, "__name__", "function"))


_ARRAYS = (Tensor, np.ndarray, np.generic)


def _is_array(x: Any) -> bool:
    return isinstance(x, _ARRAYS)


def _as_result(x: Any) -> Any:
    return tensor_of(np.asarray(x)) if isinstance(x, np.ndarray | np.generic) else x


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
