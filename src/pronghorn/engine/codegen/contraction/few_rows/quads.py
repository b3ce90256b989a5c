"""Products of bytes by x86's `vpdpbusd`, which adds the products of four neighbouring bytes to each 32-bit sum.

It multiplies unsigned bytes by signed ones: those of the matrix have 128 added, which adds 128 times the sum of a row's
numbers to its results. Four steps of a sum are four rows of the matrix. Their bytes are brought side by side within 128
bits of a vector, as that takes the fewest instructions. So sums of 64 columns come in another order, and are put into
their own at the end.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

from pronghorn.engine.codegen.builder import FunctionBuilder, literal
from pronghorn.engine.codegen.contraction.spec import Contraction
from pronghorn.engine.codegen.contraction.tiling import Machine

__all__ = ["OFFSET", "QUAD", "QUAD_ROWS", "HasQuads", "dot", "in_order", "multiplies_quads", "side_by_side"]

QUAD = 4  # steps that are multiplied at a time, and vectors of sums that they make
QUAD_ROWS = 6  # whose sums are in registers at a time
OFFSET = 128  # what is added to the bytes of the matrix
_BYTES, _WORDS, _SUMS = "<64 x i8>", "<32 x i16>", "<16 x i32>"


class HasQuads(Machine, Protocol):
    """The part of :class:`pronghorn.engine.runtime.host.Target` that is looked at here."""

    @property
    def emulated_on(self) -> int: ...
    def has(self, feature: str) -> bool: ...


def multiplies_quads(spec: Contraction, machine: HasQuads) -> bool:
    """Whether a machine can compute a contraction so: A and B are int8, summed in int32."""
    types = (spec.a.dtype, spec.b.dtype, spec.sum_dtype)
    has = machine.vector_bits == 512 and not machine.emulated_on and machine.has("avx512vnni")
    return has and types == ("int8", "int8", "int32")


def side_by_side(fb: FunctionBuilder, rows: Sequence[str]) -> list[str]:
    """Four rows of 64 bytes as four vectors of 16 columns each, whose four bytes are neighbours, 128 added.

    Vector ``m`` has, in its 128 bits number ``n``, columns ``16 * n + 4 * m`` and the three behind.
    """
    rows = [fb.op("xor", _BYTES, row, literal(-128, _BYTES)) for row in rows]
    pairs = [_interleaved(fb, _BYTES, 64, *rows[i : i + 2]) for i in (0, 2)]
    words = [[fb.cast("bitcast", half, _BYTES, _WORDS) for half in pair] for pair in pairs]
    found = []
    for low, high in zip(*words, strict=True):
        found += [fb.cast("bitcast", v, _WORDS, _SUMS) for v in _interleaved(fb, _WORDS, 32, low, high)]
    return found


def _interleaved(fb: FunctionBuilder, ty: str, lanes: int, x: str, y: str) -> list[str]:
    """Elements of two vectors in turn: of the lower half of each 128 bits, then of the upper."""
    block = lanes // 4
    return [
        fb.shuffle(
            ty, x, y, [i + which for n in range(4) for i in _half(n * block, block, upper) for which in (0, lanes)]
        )
        for upper in (False, True)
    ]


def _half(first: int, block: int, upper: bool) -> range:
    start = first + (block // 2 if upper else 0)
    return range(start, start + block // 2)


def dot(fb: FunctionBuilder, total: str, matrix: str, numbers: str) -> str:
    """Sums with the products of four bytes added: ``matrix`` as `side_by_side` gives it, ``numbers`` signed."""
    arguments = [(_SUMS, total), (_SUMS, matrix), (_SUMS, numbers)]
    return fb.call("llvm.x86.avx512.vpdpbusd.512", _SUMS, arguments)


def in_order(fb: FunctionBuilder, sums: Sequence[str]) -> list[str]:
    """The sums of 64 columns in the columns' order."""
    found = []
    for n in range(4):
        halves = [
            fb.shuffle("<16 x i32>", x, y, [*range(4 * n, 4 * n + 4), *range(16 + 4 * n, 20 + 4 * n)])
            for x, y in (sums[:2], sums[2:])
        ]
        found.append(fb.shuffle("<8 x i32>", halves[0], halves[1], range(16)))
    return found
