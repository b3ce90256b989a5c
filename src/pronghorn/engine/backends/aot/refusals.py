"""What a C function checks before it does anything, and the numbers that it returns."""

from __future__ import annotations

import enum
from collections.abc import Sequence

from pronghorn.engine.codegen.builder import FunctionBuilder, Operand

BLOCK_ALIGNMENT = 8
"""A block of variables that the caller holds lies at a multiple of that."""


class Status(enum.IntEnum):
    """What a C function returns."""

    OK = 0
    NULL = 1
    ALIGNMENT = 2
    SIZE = 3
    ARENA = 4
    BLOCK = 5


def demand(fb: FunctionBuilder, condition: Operand, status: Status) -> None:
    """Return an error's number unless a condition holds."""
    wrong, onward = fb.label("wrong"), fb.label("onward")
    fb.branch_if(condition, onward, wrong)
    fb.place(wrong)
    fb.ret("i32", status)
    fb.place(onward)


def demand_words(fb: FunctionBuilder, block: str, words: Sequence[int]) -> None:
    """Return an error's number unless a block begins with these numbers."""
    for i, word in enumerate(words):
        demand(fb, fb.cmp("eq", "i64", fb.load("i64", fb.gep("i64", block, i)), word), Status.BLOCK)
