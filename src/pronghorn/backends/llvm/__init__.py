"""The LLVM backend: traced functions as machine code."""

from pronghorn.backends.llvm.executable import Executable

__all__ = ["Executable"]
