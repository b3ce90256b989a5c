"""The one source of randomness: counter-based bits (Philox-4x32-10, Salmon et al. 2011, doi
10.1145/2063384.2063405), whose blocks of four words are numbered from 0: element ``i``, in row-major order, is word
``i % 4`` of block ``i // 4``."""

from __future__ import annotations

from pronghorn.engine.graph.dim import Shape
from pronghorn.engine.graph.ir import Aval
from pronghorn.engine.graph.primitives import axes
from pronghorn.engine.graph.primitives.registry import RANDOM, fail, primitive

#: Philox-4x32-10: what words are multiplied by, what the key grows by in each round, rounds, and words of a block.
MULTIPLIERS = (0xD2511F53, 0xCD9E8D57)
WEYL = (0x9E3779B9, 0xBB67AE85)
ROUNDS = 10
WORDS = 4


@primitive("random", axes.none, RANDOM)
def random_bits(key: Aval, *, shape: Shape) -> Aval:
    if key != Aval((2,), "uint32"):
        raise fail("random_bits", f"the key must be uint32[2], got {key}.")
    return Aval(shape, "uint32")
