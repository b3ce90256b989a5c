"""What every step's code calls, compiled once for the process: taking grains, meeting, going through the list.

A quarter of the time that LLVM took for a small model went into these functions, when each step had them to itself.
"""

from __future__ import annotations

import functools

import llvmlite.binding as llvm

from pronghorn.codegen import walker
from pronghorn.runtime import native
from pronghorn.runtime.compile import CompiledModule, compile_ir


def declarations() -> str:
    """The LLVM IR with which a step's module names these functions."""
    return native.declarations() + walker.declarations()


def definitions() -> str:
    """The LLVM IR of these functions, for a module that is to have them to itself."""
    return native.RUNTIME_IR + walker.walkers("internal")


@functools.cache
def link(version: str) -> CompiledModule:
    """Have these functions be found by every module that is loaded from now on.

    Args:
        version: stands for their code in the cache; another where that is another.

    Returns:
        Their module, which has to stay.
    """

    def text() -> str:
        return native.exported(native.RUNTIME_IR) + walker.walkers()

    module = compile_ir(text, name="launching", key=f"launching {version}")
    for name in (*native.EXPORTED, *walker.WALKERS.values()):
        llvm.add_symbol(name, module.address(name))
    return module
