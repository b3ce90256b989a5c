"""Random bits: Philox-4x32-10 (Salmon et al. 2011, doi 10.1145/2063384.2063405), one block an element.

As in the NumPy backend, the element with index i is the first word of the block whose 128-bit counter is i, so that any
part of an array can be made by itself, by any thread.
"""

from __future__ import annotations

from collections.abc import Sequence

from pronghorn.codegen.builder import FunctionBuilder, Operand, literal, vec

__all__ = ["emit_philox", "emit_random_bits"]

_MULTIPLIERS = (0xD2511F53, 0xCD9E8D57)
_WEYL = (0x9E3779B9, 0xBB67AE85)
_ROUNDS = 10
_FIRST, _LAST = 1, 2  # rounds outside of the loop
_LOW = 0xFFFFFFFF


def emit_random_bits(fb: FunctionBuilder, key0: Operand, key1: Operand, index: Operand, lanes: int = 1) -> str:
    """The random words of elements ``index``, ``index + 1``, ...

    Args:
        fb: the function being written.
        key0: the key's first word, an i32.
        key1: its second.
        index: the row-major index of the first lane's element, an i64.
        lanes: how many words to make.

    Returns:
        ``<lanes x i32>``, or an i32 for one lane.
    """
    wide = vec("i64", lanes)
    first = fb.splat(index, "i64", lanes) if not isinstance(index, int) else literal(index, wide)
    counter = first if lanes == 1 else fb.op("add", wide, first, fb.lane_ids("i64", lanes))
    high = fb.op("lshr", wide, counter, literal(32, wide))
    zero = literal(0, wide)
    word = emit_philox(fb, (counter, high, zero, zero), (key0, key1), lanes)[0]
    return fb.cast("trunc", word, wide, vec("i32", lanes))


def emit_philox(
    fb: FunctionBuilder, counter: Sequence[str], key: Sequence[Operand], lanes: int
) -> tuple[str, str, str, str]:
    """The four words of the blocks with the given counters.

    Counter and result are i64 registers of which only the low halves count: a product of two such words is one
    instruction (``pmuludq``), which ignores the upper halves as well. The key's words are i32 scalars.
    """
    wide = vec("i64", lanes)
    words = [*counter, *(_key(fb, word, lanes) for word in key)]
    # Written out, all rounds are ten times the code and no faster: a processor works on several blocks anyway. But of
    # the first and the last two, much is for nothing where words of the counter are 0, or one word is wanted.
    for _ in range(_FIRST):
        words = _round(fb, words, wide)
    with fb.loop_carry(0, _ROUNDS - _FIRST - _LAST, [(wide, word) for word in words]) as loop:
        loop.following.extend(_round(fb, loop.carried, wide))
    words = loop.results
    for _ in range(_LAST):
        words = _round(fb, words, wide)
    return words[0], words[1], words[2], words[3]


def _round(fb: FunctionBuilder, words: Sequence[str], wide: str) -> list[str]:
    """The words of blocks and the key's after one more round."""
    c0, c1, c2, c3, k0, k1 = words
    product0, product1 = _product(fb, c0, 0, wide), _product(fb, c2, 1, wide)
    high0, high1 = (fb.op("lshr", wide, p, literal(32, wide)) for p in (product0, product1))
    c0 = fb.op("xor", wide, fb.op("xor", wide, high1, c1), k0)
    c2 = fb.op("xor", wide, fb.op("xor", wide, high0, c3), k1)
    following = [fb.op("add", wide, k, literal(step, wide)) for k, step in zip((k0, k1), _WEYL)]
    return [c0, product1, c2, product0, *following]


def _key(fb: FunctionBuilder, word: Operand, lanes: int) -> str:
    return fb.splat(fb.cast("zext", word, "i32", "i64"), "i64", lanes)


def _product(fb: FunctionBuilder, word: str, which: int, wide: str) -> str:
    return fb.op("mul", wide, fb.op("and", wide, word, literal(_LOW, wide)), literal(_MULTIPLIERS[which], wide))
