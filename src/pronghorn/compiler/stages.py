"""The stages from a traced graph to kernels, in order, each graph in and graph (at last, program) out.

``PRONGHORN_DEBUG=graph`` prints the graph after each, ``fused`` the kernels; ``verify`` checks the graph after each.
"""

from __future__ import annotations

from collections.abc import Callable

from pronghorn.compiler.complex_numbers import split_complex
from pronghorn.compiler.decompose import decompose
from pronghorn.compiler.float8 import widen_float8
from pronghorn.compiler.kernels import Program
from pronghorn.compiler.narrow import narrow
from pronghorn.compiler.pool_fusion import fuse_pools
from pronghorn.compiler.pooled import pool_gradients
from pronghorn.compiler.printer import print_program
from pronghorn.compiler.schedule import fuse
from pronghorn.compiler.simplify import eliminate_dead, simplify
from pronghorn.compiler.sparse import sparse_sums
from pronghorn.graph.ir import Graph
from pronghorn.graph.verify import verify
from pronghorn.runtime import debug

GRAPH_STAGES: list[tuple[str, Callable[[Graph], Graph]]] = [
    ("simplify", simplify),
    ("pooled gradients", pool_gradients),
    ("simplify pooled", simplify),
    ("narrow", narrow),
    ("simplify narrowed", simplify),
    ("sparse sums", sparse_sums),
    ("decompose", decompose),
    ("widen float8", widen_float8),
    ("split complex", split_complex),
    ("eliminate dead", eliminate_dead),
]


def rewrite(graph: Graph, check: bool = False) -> Graph:
    """The graph after all stages that are graph to graph. With ``check`` it is verified after each."""
    debug.emit("graph", f"{graph.name}: traced", graph.__str__)
    check = check or debug.enabled("verify")
    for name, stage in GRAPH_STAGES:
        graph = stage(graph)
        debug.emit("graph", f"{graph.name}: {name}", graph.__str__)
        if check:
            verify(graph)
    return graph


def lower(graph: Graph) -> Program:
    """The program of a graph that has been rewritten."""
    program = fuse_pools(fuse(graph))
    debug.emit("fused", graph.name, lambda: print_program(program))
    return program
