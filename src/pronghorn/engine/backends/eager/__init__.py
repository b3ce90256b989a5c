"""Eager calls on large arrays as small compiled functions; small ones stay with NumPy.

`worth` decides which calls are worth it, `shapes` for which other calls a kernel holds, `kernels` makes, keeps and runs
them. With ``PRONGHORN_BACKEND=numpy`` there are none.
"""

from pronghorn.engine.backends.eager.kernels import is_enabled, run, run_function
from pronghorn.engine.backends.eager.worth import LEAST
from pronghorn.engine.graph.primitives.registry import use_kernels

__all__ = ["is_enabled", "run", "run_function"]

use_kernels(run, LEAST)
