"""Compiled steps in the on-disk cache: a step whose graph has been compiled before is neither lowered nor written anew.

An entry is named by the graph, the compiler's source, the machine and LLVM's version; it holds the plan of the step's
tables and its machine code.
"""

from __future__ import annotations

import functools
import hashlib
from collections.abc import Collection
from pathlib import Path

from pronghorn._version import __version__
from pronghorn.engine.backends.llvm.step_plan import StepPlan, from_bytes, to_bytes
from pronghorn.engine.compiler.stages import skipped
from pronghorn.engine.graph.fingerprint import NotPlain, fingerprint
from pronghorn.engine.graph.trace import Traced
from pronghorn.engine.runtime import cache
from pronghorn.engine.runtime.compile import cache_key
from pronghorn.engine.runtime.host import Target
from pronghorn.engine.runtime.signals import is_from_handler

MOST_CONSTANT_BYTES = 16 << 20  # a step with larger ones is not kept


def key(traced: Traced, gathered: Collection[int], target: Target, prepares: bool = False) -> str | None:
    """The name of a function's entry; None if there can be none."""
    try:
        graph = fingerprint(traced.graph)
    except NotPlain:
        return None
    numbers = {v: i for i, v in enumerate(traced.variables)}
    updated = [numbers[v] for v in traced.updated]
    kind = f"{len(numbers)} {updated} {traced.num_results} {sorted(gathered)} {sorted(skipped())} {target!r}"
    kind += f" {sorted(traced.donated.items())} {prepares}"
    return cache_key(f"step {compiler()}\n{kind}\n{graph}", target)


def load(name: str) -> tuple[StepPlan, bytes] | None:
    """An entry's plan and machine code, or None."""
    data = cache.load(name)
    if data is None:
        return None
    try:
        return from_bytes(data)
    except (ValueError, KeyError, TypeError) as error:
        if is_from_handler(error):
            raise
        return None


def store(name: str, plan: StepPlan, code: bytes) -> None:
    """Write an entry, unless its constants are large."""
    if sum(a.nbytes for a in plan.constants.values()) <= MOST_CONSTANT_BYTES:
        cache.store(name, to_bytes(plan) + code)


@functools.cache
def compiler() -> str:
    """A hash of the source of all that stands between a graph and its code, so that no change of it meets old code."""
    digest = hashlib.sha256(__version__.encode())
    root = Path(__file__).parents[2]
    for folder in ("graph", "compiler", "codegen", "runtime", "backends/llvm", "backends/numpy"):
        for path in sorted((root / folder).rglob("*.py")):
            digest.update(path.read_bytes())
    return digest.hexdigest()
