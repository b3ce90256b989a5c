"""Vectors of 32-bit words, each of which holds eight halves of bytes."""

from __future__ import annotations

from collections.abc import Sequence

from pronghorn.engine.codegen.builder import FunctionBuilder, Operand, literal, vec
from pronghorn.engine.codegen.contraction.few_rows.quads import HasQuads

__all__ = ["halves_of", "in_order", "looks_up", "words_at"]


def looks_up(machine: HasQuads) -> bool:
    """Whether a machine finds floats by four bits each in a table of 16 in a register."""
    return machine.vector_bits == 512 and not machine.emulated_on and machine.has("avx512f")


def halves_of(fb: FunctionBuilder, words: str, number: int, lanes: int, is_signed: bool, from_table: bool) -> str:
    """One of the eight numbers of each word, as floats; number 0 is in the lowest bits. ``from_table``: `looks_up`."""
    ty, floats = vec("i32", lanes), vec("float", lanes)
    shift = 4 * number
    if from_table:
        words = fb.op("lshr", ty, words, literal(shift, ty)) if number else words
        table = [float(n - 16 if is_signed and n > 7 else n) for n in range(16)]
        held = "<" + ", ".join(f"float {n}" for n in table) + ">"
        # It looks at the lowest four bits of each index alone.
        return fb.call("llvm.x86.avx512.permvar.sf.512", floats, [(floats, held), (ty, words)])
    if is_signed:
        words = fb.op("shl", ty, words, literal(28 - shift, ty)) if number < 7 else words
        words = fb.op("ashr", ty, words, literal(28, ty))
    else:
        words = fb.op("lshr", ty, words, literal(shift, ty)) if number else words
        words = fb.op("and", ty, words, literal(15, ty))
    return fb.cast("sitofp", words, ty, floats)


def words_at(fb: FunctionBuilder, pointer: str, count: Operand | None, lanes: int, is_whole: bool = False) -> str:
    """A vector of words, of which ``count`` bytes are there, or all; ``is_whole``: bytes make whole words."""
    ty = vec("i32", lanes)
    if count is None:
        return fb.load(ty, pointer, 1)
    whole, rest = fb.div(count, 4), fb.rem(count, 4)
    words = fb.masked_load(ty, pointer, fb.mask_first(whole, lanes))
    if is_whole:
        return words
    behind = fb.gep("i8", pointer, fb.mul(whole, 4))
    with fb.loop_carry(0, rest, [("i32", "0")]) as loop:  # the last byte first
        byte = fb.load("i8", fb.gep("i8", behind, fb.sub(fb.sub(rest, 1), loop.index)))
        higher = fb.op("shl", "i32", loop.carried[0], 8)
        loop.following.append(fb.op("or", "i32", higher, fb.cast("zext", byte, "i8", "i32")))
    lane = fb.min(whole, lanes - 1)
    last = fb.select(fb.cmp("sgt", "i64", rest, 0), "i32", loop.results[0], fb.extract(ty, words, lane))
    return fb.insert(ty, words, last, lane)


def in_order(fb: FunctionBuilder, vectors: Sequence[str], lanes: int) -> list[str]:
    """Vectors with every eighth (or fourth) of some floats as eight (or four) vectors of neighbours."""
    found, distance = list(vectors), len(vectors) // 2
    while distance:  # neighbours are brought together, from the farthest to the nearest
        found, distance = _interleaved(fb, found, distance, lanes), distance // 2
    return found


def _interleaved(fb: FunctionBuilder, vectors: Sequence[str], distance: int, lanes: int) -> list[str]:
    """Vector ``i`` and the one ``distance`` behind as the two halves of all of their elements in turn."""
    found = [""] * len(vectors)
    for i in (i for i in range(len(vectors)) if not i & distance):
        for upper in (0, 1):
            lower = range(upper * lanes // 2, (upper + 1) * lanes // 2)
            picked = [n + which for n in lower for which in (0, lanes)]
            found[i + upper * distance] = fb.shuffle(vec("float", lanes), vectors[i], vectors[i + distance], picked)
    return found
