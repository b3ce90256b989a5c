"""Products of a few rows with a large matrix, as a language model has when it writes a token.

Each element of the matrix takes part in a few multiply-adds alone, so that reading the matrix takes the time. The
general tile (:mod:`..tile`) takes some columns through the whole sum, and so reads a few lines of each of many rows,
which lie far apart. Here the matrix is read once, in the order in which it lies. The sums wait in a buffer on the
stack, which is in a cache.

:mod:`.plan` says when and how, :mod:`.kernels` writes the code, :mod:`.half_bytes` that for matrices of half bytes.
"""

from pronghorn.engine.codegen.contraction.few_rows.plan import (
    MOST_ROWS,
    FewRowsPlan,
    Halves,
    plan_few_rows,
    plan_halves,
)
from pronghorn.engine.codegen.contraction.few_rows.unpack import UNPACKED, emit_unpacked, unpacks

__all__ = [
    "MOST_ROWS",
    "UNPACKED",
    "FewRowsPlan",
    "Halves",
    "emit_unpacked",
    "plan_few_rows",
    "plan_halves",
    "unpacks",
]
