"""Running a whole graph, node by node, with NumPy."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from pronghorn.engine.backends import interpreter
from pronghorn.engine.backends.interpreter import Bound
from pronghorn.engine.backends.numpy.registry import IMPLEMENTATIONS
from pronghorn.engine.graph.ir import Graph


def run(graph: Graph | Bound, arrays: Sequence[Any], extents: Mapping[str, int] | None = None) -> list[np.ndarray]:
    """The graph's outputs for the given inputs; see `pronghorn.engine.backends.interpreter.run`.

    >>> from pronghorn.engine.graph.dim import Dim
    >>> from pronghorn.engine.graph.ir import Aval
    >>> from pronghorn.engine.graph import primitives as P
    >>> from pronghorn.engine.graph.trace import trace
    >>> rows = Dim.symbol("batch")
    >>> traced = trace(lambda x: [P.reduce_sum(P.exp(x), axes=(1,))], [Aval((rows, 2), "float32")])
    >>> run(traced.graph, [np.zeros((3, 2), "float32")])
    [array([2., 2., 2.], dtype=float32)]
    """
    return interpreter.run(graph, [np.asarray(a) for a in arrays], IMPLEMENTATIONS, extents)
