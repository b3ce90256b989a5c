"""Random bits: Philox-4x32-10 (Salmon et al. 2011, doi 10.1145/2063384.2063405), four elements a block.

As in the NumPy backend, the element with index i is word i % 4 of the block whose 128-bit counter is i // 4. So any
part of an array can be made by itself, by any thread.
"""

from __future__ import annotations

from collections.abc import Sequence

from pronghorn.engine.codegen.builder import FunctionBuilder, Operand, literal, vec
from pronghorn.engine.graph.primitives.random import MULTIPLIERS, ROUNDS, WEYL, WORDS

__all__ = ["emit_philox", "emit_random_bits"]

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
    block, word = fb.div(index, WORDS), fb.rem(index, WORDS)
    if lanes == 1:
        return _word_of(fb, _blocks(fb, block, (key0, key1), 1), word)
    # Where the first element is not the first of its block, the last ones are in the next vector of whole blocks.
    blocks = -(-lanes // WORDS)
    room = fb.alloca("i32", 2 * blocks * WORDS, align=64)
    with fb.loop(0, fb.ceil_div(fb.add(word, lanes), blocks * WORDS)) as number:
        words = _blocks(fb, fb.add(block, fb.mul(number, blocks)), (key0, key1), blocks)
        _store_in_order(fb, words, fb.gep("i32", room, fb.mul(number, blocks * WORDS)), blocks)
    return fb.load(vec("i32", lanes), fb.gep("i32", room, word), align=4)


def _blocks(fb: FunctionBuilder, first: Operand, key: Sequence[Operand], count: int) -> tuple[str, str, str, str]:
    """The words of ``count`` blocks from the one whose counter is ``first``, an i64."""
    wide = vec("i64", count)
    counter = fb.splat(first, "i64", count) if not isinstance(first, int) else literal(first, wide)
    if count > 1:
        counter = fb.op("add", wide, counter, fb.lane_ids("i64", count))
    high = fb.op("lshr", wide, counter, literal(32, wide))
    zero = literal(0, wide)
    return emit_philox(fb, (counter, high, zero, zero), key, count)


def _word_of(fb: FunctionBuilder, words: Sequence[str], number: Operand) -> str:
    """One word of a block, an i32."""
    found = words[0]
    for other in range(1, WORDS):
        found = fb.select(fb.cmp("eq", "i64", number, other), "i64", words[other], found)
    return fb.cast("trunc", found, "i64", "i32")


def _store_in_order(fb: FunctionBuilder, words: Sequence[str], pointer: str, count: int) -> None:
    """Stores the words of blocks, those of a block one after the other."""
    wide = vec("i64", count)

    def pair(low: str, high: str) -> str:
        return fb.op(
            "or", wide, fb.op("and", wide, low, literal(_LOW, wide)), fb.op("shl", wide, high, literal(32, wide))
        )

    first, second = pair(words[0], words[1]), pair(words[2], words[3])
    if count == 1:
        fb.store("i64", first, pointer)
        fb.store("i64", second, fb.gep("i64", pointer, 1))
    else:
        order = [lane + count * which for lane in range(count) for which in (0, 1)]
        fb.store(vec("i64", 2 * count), fb.shuffle(wide, first, second, order), pointer, align=4 * WORDS)


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
    with fb.loop_carry(0, ROUNDS - _FIRST - _LAST, [(wide, word) for word in words]) as loop:
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
    following = [fb.op("add", wide, k, literal(step, wide)) for k, step in zip((k0, k1), WEYL)]
    return [c0, product1, c2, product0, *following]


def _key(fb: FunctionBuilder, word: Operand, lanes: int) -> str:
    return fb.splat(fb.cast("zext", word, "i32", "i64"), "i64", lanes)


def _product(fb: FunctionBuilder, word: str, which: int, wide: str) -> str:
    return fb.op("mul", wide, fb.op("and", wide, word, literal(_LOW, wide)), literal(MULTIPLIERS[which], wide))
