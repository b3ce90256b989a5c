"""PyTensor as an engine: a step is one PyTensor function for each shape that it is called with."""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from typing import Any

import numpy as np
import pytensor.tensor as pt

from pronghorn.engine.backends.engine import Engine, Step
from pronghorn.engine.backends.interpreter import Bound
from pronghorn.engine.backends.pytensor.mode import compiled
from pronghorn.engine.backends.pytensor.registry import TABLE, constant_of, run, shape_of
from pronghorn.engine.graph import dtypes
from pronghorn.engine.graph.ir import Graph

_NO_TYPE = "PyTensor has no such type; use float32 or float16"


class PyTensorEngine(Engine):
    """PyTensor. Arrays with values are NumPy's; its variables stand for some in a graph."""

    name = "pytensor"
    library = "pytensor"
    roots = ("pytensor",)
    table = TABLE
    lacks = {
        **dict.fromkeys(("bfloat16", *dtypes.FLOAT8), _NO_TYPE),
        "foreign_call": "no layer has a function of PyTensor's",
    }

    def from_numpy(self, array: np.ndarray) -> Any:
        return np.array(array, copy=True)

    def borrowed(self, array: np.ndarray) -> Any:
        return array

    def to_numpy(self, value: Any) -> np.ndarray:
        return np.asarray(value)

    def shape_of(self, value: Any) -> tuple[int, ...]:
        return value.shape if isinstance(value, np.ndarray) else shape_of(value)

    def is_concrete(self, value: Any) -> bool:
        return isinstance(value, np.ndarray)

    def compile(self, step: Step) -> Step:
        functions: dict[Any, Any] = {}

        def call(*groups: Sequence[Any]) -> tuple[list[Any], list[Any]]:
            arrays = [*itertools.chain(*groups)]
            kind = tuple((a.shape, a.dtype) for a in arrays)
            if kind not in functions:
                functions[kind] = _function(step, groups)
            count, function = functions[kind]
            found = function(*arrays)
            return found[:count], found[count:]

        return call

    def run(self, graph: Graph | Bound, arrays: Sequence[Any]) -> list[Any]:
        return run(graph, [constant_of(a) if isinstance(a, np.ndarray) else a for a in arrays])

    def devices(self) -> list[str]:
        return ["cpu:0"]


def _function(step: Step, groups: Sequence[Sequence[Any]]) -> tuple[int, Any]:
    """The number of a step's results, and the compiled function of all its arrays."""
    variables = [[pt.TensorType(a.dtype.name, shape=a.shape)() for a in group] for group in groups]
    results, values = step(*variables)
    return len(results), compiled([*itertools.chain(*variables)], [*results, *values])


ENGINE = PyTensorEngine()
