"""Compiling ahead of time: steps as object files with C functions, which need neither Python nor a runtime.

`machines` (in `runtime`) names the targets. `entry` writes the C function around a step: it checks its arguments and
fills in the step's tables, as `llvm.layout` does in Python, with code that `sizes` writes. `sequential` has what a step
calls. `library` puts them together; `objects` (in `runtime`) reads and writes object files.
"""

from pronghorn.engine.backends.aot.entry import Block, Entry, limits_of
from pronghorn.engine.backends.aot.library import ALLOWED, Data, calls_outside, compile_library
from pronghorn.engine.backends.aot.refusals import Status
from pronghorn.engine.backends.aot.state import StateFunctions
from pronghorn.engine.runtime.objects import ALIGNMENT

__all__ = [
    "ALIGNMENT",
    "ALLOWED",
    "Block",
    "Data",
    "Entry",
    "StateFunctions",
    "Status",
    "calls_outside",
    "compile_library",
    "limits_of",
]
