"""What every step's code calls, compiled once for the process: taking grains, meeting, going through the list.

A quarter of the time that LLVM took for a small model went into these functions, when each step had them to itself.
"""

from __future__ import annotations

import functools

import llvmlite.binding as llvm

from pronghorn.engine.codegen import walker
from pronghorn.engine.runtime import native, parts
from pronghorn.engine.runtime.compile import CompiledModule, compile_ir


def _definitions() -> str:
    return native.exported(native.RUNTIME_IR) + walker.walkers()


@functools.cache
def declarations() -> str:
    """The LLVM IR with which a step's module names these functions."""
    return parts.declarations(_definitions())


_modules: dict[str, CompiledModule] = {}
_linked: set[str] = set()


def link(version: str) -> None:
    """Have these functions be found by every module that is loaded from now on.

    Args:
        version: stands for their code in the cache; another where that is another.
    """
    if version in _linked:
        return
    made = compile_ir(_definitions, name="launching", key=f"launching {version}")
    # Of threads that come here together one's module is taken by all: steps call it for ever, and others' are let go.
    module = _modules.setdefault(version, made)
    for name in (*native.EXPORTED, *walker.WALKERS.values(), *walker.ROW_WALKERS.values()):
        llvm.add_symbol(name, module.address(name))
    _linked.add(version)
