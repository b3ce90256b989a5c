"""The stages from a traced graph to kernels in planned memory, in order.

Each stage on graphs is graph in, graph out, those on programs program in, program out. ``PRONGHORN_DEBUG=graph`` prints
the graph after each, ``fused`` the kernels, and ``verify`` checks both after each. ``PRONGHORN_SKIP=pooled,narrow``
leaves stages out by name, so that whoever meets a wrong result can tell where it comes from.
"""

from __future__ import annotations

import difflib
import functools
import os
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Generic, TypeVar

from pronghorn.engine.compiler.blocks import compute_in_blocks
from pronghorn.engine.compiler.column_sums import fuse_sums
from pronghorn.engine.compiler.complex_numbers import is_separated, split_complex
from pronghorn.engine.compiler.decompose import decompose
from pronghorn.engine.compiler.derivatives import factor_derivatives
from pronghorn.engine.compiler.float8 import widen_float8
from pronghorn.engine.compiler.in_place import compute_in_place
from pronghorn.engine.compiler.kernels import Program
from pronghorn.engine.compiler.matrices import join_axes
from pronghorn.engine.compiler.narrow import narrow
from pronghorn.engine.compiler.pads import join_pads
from pronghorn.engine.compiler.pool_fusion import fuse_pools
from pronghorn.engine.compiler.pooled import pool_gradients
from pronghorn.engine.compiler.printer import print_program
from pronghorn.engine.compiler.repeats import share_repeats
from pronghorn.engine.compiler.schedule import fuse
from pronghorn.engine.compiler.simplify import eliminate_dead, simplify
from pronghorn.engine.compiler.sparse import sparse_sums
from pronghorn.engine.compiler.updates import update_in_place, update_inputs_in_place
from pronghorn.engine.compiler.verify import verify_program
from pronghorn.engine.graph.ir import Graph
from pronghorn.engine.graph.joining import join_loops
from pronghorn.engine.graph.regions import open_regions
from pronghorn.engine.graph.verify import verify
from pronghorn.engine.runtime import debug
from pronghorn.engine.runtime.host import Target

VARIABLE = "PRONGHORN_SKIP"

T = TypeVar("T", Graph, Program)


@dataclass(frozen=True)
class Stage(Generic[T]):
    """One stage.

    Attributes:
        name: what debugging prints, and what leaves it out.
        run: the stage: from a graph or program and the target, which those that are general do not look at.
        is_needed: whether what comes after it relies on it, so that it cannot be left out.
        is_general: whether it helps engines of other libraries too; what it gives is a graph of the same primitives.
        is_for_bodies: whether it is for the bodies of loops and branches, too.
    """

    name: str
    run: Callable[[T, Any], T]
    is_needed: bool = False
    is_general: bool = False
    is_for_bodies: bool = True


def _anywhere(stage: Callable[[T], T]) -> Callable[[T, Any], T]:
    """A stage that is the same for every target."""
    return lambda given, target: stage(given)


GRAPH_STAGES: tuple[Stage[Graph], ...] = (
    Stage("regions", _anywhere(open_regions), is_needed=True),
    Stage("loops", _anywhere(join_loops), is_general=True),
    Stage("updates", _anywhere(update_in_place)),
    Stage("simplify", _anywhere(simplify), is_general=True),
    Stage("pooled", _anywhere(pool_gradients)),
    Stage("simplify", _anywhere(simplify)),
    Stage("narrow", _anywhere(narrow)),
    Stage("repeats", _anywhere(share_repeats)),
    Stage("matrices", _anywhere(join_axes)),
    Stage("blocks", _anywhere(compute_in_blocks)),
    Stage("simplify", _anywhere(simplify)),
    Stage("derivatives", _anywhere(factor_derivatives)),
    Stage("sparse", _anywhere(sparse_sums)),
    Stage("pads", _anywhere(join_pads), is_general=True),
    Stage("decompose", decompose, is_needed=True),
    Stage("float8", _anywhere(widen_float8), is_needed=True),
    Stage("complex", _anywhere(split_complex), is_needed=True),
    Stage("dead", _anywhere(eliminate_dead)),
)
ENGINE_STAGES: tuple[Stage[Graph], ...] = tuple(stage for stage in GRAPH_STAGES if stage.is_general)
"""What comes before another library runs a graph."""

PROGRAM_STAGES: tuple[Stage[Program], ...] = (
    Stage("pools", _anywhere(fuse_pools)),
    Stage("sums", _anywhere(fuse_sums)),
    Stage("inplace", _anywhere(compute_in_place), is_for_bodies=False),
)
OPTIONAL = tuple(
    dict.fromkeys(
        [
            *(stage.name for stage in (*GRAPH_STAGES, *ENGINE_STAGES) if not stage.is_needed),
            *(stage.name for stage in PROGRAM_STAGES),
        ]
    )
)


def skipped() -> frozenset[str]:
    """The stages that ``PRONGHORN_SKIP`` leaves out.

    Raises:
        ValueError: it names no stage, or one that cannot be left out.
    """
    return _parse(os.environ.get(VARIABLE, ""))


@functools.lru_cache(maxsize=8)
def _parse(text: str) -> frozenset[str]:
    words = text.lower().replace(",", " ").split()
    for word in words:
        if word not in OPTIONAL:
            near = difflib.get_close_matches(word, OPTIONAL, n=1)
            hint = f"; did you mean {near[0]!r}?" if near else ""
            raise ValueError(
                f"The environment variable {VARIABLE} contains {word!r}, which is none of the stages that can be left "
                f"out: {', '.join(OPTIONAL)}{hint}"
            )
    return frozenset(words)


def rewrite(graph: Graph, target: Target, check: bool = False, places: Sequence[int | None] = ()) -> Graph:
    """The graph after all stages that are graph to graph. With ``check`` it is verified after each.

    ``places``: for each output, the number of the input whose memory it takes, if any; see `outputs.place_outputs`.
    """
    debug.emit("graph", f"{graph.name}: traced", graph.__str__)
    check = check or debug.enabled("verify")
    left_out = skipped()
    made: dict[str, Graph] = {}
    for stage in GRAPH_STAGES:
        if stage.name in left_out:
            continue
        if made.get(stage.name) is not graph:  # one that comes again finds nothing more in what it has made
            graph = made[stage.name] = stage.run(graph, target)
        if stage.name == "updates":
            graph = update_inputs_in_place(graph, places)
        debug.emit("graph", f"{graph.name}: {stage.name}", graph.__str__)
        if check:
            verify(graph, is_separated)
    return graph


def rewrite_for_engines(graph: Graph) -> Graph:
    """The graph after the stages that hold for every engine, whatever library runs it."""
    left_out = skipped()
    for stage in ENGINE_STAGES:
        if stage.name not in left_out:
            graph = stage.run(graph, None)
            debug.emit("graph", f"{graph.name}: {stage.name}", graph.__str__)
    return graph


def lower(graph: Graph, target: Target, check: bool = False, is_body: bool = False) -> Program:
    """The program of a graph that has been rewritten. With ``check`` it is verified after each stage.

    ``is_body``: the graph is that of a loop or branch.
    """
    check = check or debug.enabled("verify")
    left_out = skipped()
    program = fuse(graph, target)
    for stage in (None, *PROGRAM_STAGES):
        if stage is not None and stage.name not in left_out and (stage.is_for_bodies or not is_body):
            program = stage.run(program, target)
        if check:
            verify_program(program)
    debug.emit("fused", graph.name, lambda: print_program(program))
    return program
