"""The LLVM backend: traced functions as machine code."""

from pronghorn.engine.backends.llvm.executable import Executable

__all__ = ["Executable"]
