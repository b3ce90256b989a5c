"""Functions of SavedModels as parts of our graphs."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import tensorflow as tf

from pronghorn.engine.graph.foreign_functions import ForeignFunction, GradientOf
from pronghorn.engine.graph.ir import Aval


class TensorFlowFunction(ForeignFunction):
    """A function that reads variables of TensorFlow's, from their values and its arguments.

    Args:
        name: what errors call it.
        fn: from a list of tensors, the arguments, to a list of tensors.
        variables: which get the first arrays before it runs.
    """

    engine = "tensorflow"

    def __init__(self, name: str, fn: Callable[[Sequence[Any]], Sequence[Any]], variables: Sequence[Any]):
        self.name, self._fn, self._variables = name, fn, variables

    def __call__(self, *arrays: Any) -> tuple[Any, ...]:
        self._assign(arrays)
        return tuple(self._fn(arrays[len(self._variables) :]))

    def _assign(self, arrays: Sequence[Any]) -> None:
        for variable, value in zip(self._variables, arrays):
            variable.assign(value)

    def types(self, *avals: Aval) -> list[Aval]:
        arguments = [tf.TensorSpec(a.shape, a.dtype) for a in avals[len(self._variables) :]]
        traced = tf.function(lambda *xs: tuple(self._fn(xs)), autograph=False).get_concrete_function(*arguments)
        return [Aval(tuple(y.shape), y.dtype.name) for y in traced.outputs]

    def gradient(self, wanted: Sequence[int], given: Sequence[int], count: int) -> ForeignFunction:
        return _Gradient(self, wanted, given, count)


class _Gradient(GradientOf):
    def __init__(self, function: TensorFlowFunction, wanted: Sequence[int], given: Sequence[int], count: int):
        super().__init__(function, wanted, given, count)
        self._function = function

    def __call__(self, *arrays: Any) -> tuple[Any, ...]:
        function, variables = self._function, self._function._variables
        arguments, cotangents = arrays[: self._count], arrays[self._count :]
        function._assign(arguments)
        sources = [*variables, *arguments[len(variables) :]]
        wanted = [sources[i] for i in self._wanted]
        with tf.GradientTape() as tape:
            for source in wanted:
                tape.watch(source)
            results = function._fn(arguments[len(variables) :])
        found = tape.gradient(
            [results[k] for k in self._given],
            wanted,
            list(cotangents),
            unconnected_gradients=tf.UnconnectedGradients.ZERO,
        )
        return tuple(map(tf.convert_to_tensor, found))


def load(path: str) -> Any:
    """What a SavedModel holds."""
    return tf.saved_model.load(path)


def variables_of(functions: Sequence[Any]) -> tuple[list[Any], list[Any]]:
    """The variables that functions of a SavedModel use: the trainable ones, and the others."""
    found: dict[int, Any] = {}
    for function in functions:
        concrete = [function] if hasattr(function, "variables") else []
        concrete += getattr(function, "concrete_functions", [])
        for each in concrete:
            found.update((id(v), v) for v in each.variables)
    return [v for v in found.values() if v.trainable], [v for v in found.values() if not v.trainable]


def flatten(nest: Any) -> tuple[list[Any], Any]:
    """The tensors of a nest, and the nest."""
    return tf.nest.flatten(nest), nest


def unflatten(structure: Any, leaves: Sequence[Any]) -> Any:
    """A nest with other leaves."""
    return tf.nest.pack_sequence_as(structure, list(leaves))
