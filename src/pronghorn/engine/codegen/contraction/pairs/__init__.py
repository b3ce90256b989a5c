"""Products of bfloat16 and of int8 by instructions that multiply several at a time: AMX's tiles, AVX-512 BF16, VNNI.

Such an instruction takes neighbouring elements of a row of A and of a column of B, 32 bits of them: two of bfloat16, or
four of int8. It multiplies them and adds all products to a float32, or to an int32. So both operands are brought into
tiles of 16 rows, or columns, by 16 such words of the sum, 64 bytes a row: the elements of A as they are, those of B
word by word (what Intel calls VNNI's order). B is copied ahead, as a whole; A where it is used, some rows at a time,
into the caches, or ahead as well. Sums are in a buffer on the stack, from which the usual epilogue takes them.

:mod:`.unit` says what a machine has, :mod:`.plan` plans (rows, columns, and how tiles are filled), :mod:`.panels` fills
tiles, :mod:`.packing` does so ahead, :mod:`.products` multiplies them by the :mod:`.instructions` (or what
:mod:`.emulation` has in their place), and :mod:`.kernels` are the loops around it all.
"""

from pronghorn.engine.codegen.contraction.pairs.kernels import emit_pairs
from pronghorn.engine.codegen.contraction.pairs.plan import (
    PACKED,
    PairPlan,
    multiplies_pairs,
    pairs_for_few_rows,
    plan_pairs,
)

__all__ = ["PACKED", "PairPlan", "emit_pairs", "multiplies_pairs", "pairs_for_few_rows", "plan_pairs"]
