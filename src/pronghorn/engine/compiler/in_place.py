"""Stage *inplace*: temporaries that are computed where an operand of theirs lies.

A softmax, a gradient through an activation or a sum with a shortcut reads each element of an array for the last time
and writes one of the same size. Written elsewhere, every line of the result is fetched only to be overwritten, and
takes the place of others in the caches; written over the operand, it is there already.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field

from pronghorn.engine.compiler.expr import Load, walk
from pronghorn.engine.compiler.kernels import Nest, Program, root_of
from pronghorn.engine.compiler.outputs import may_overwrite
from pronghorn.engine.graph.ir import Value

__all__ = ["compute_in_place"]


def compute_in_place(program: Program) -> Program:
    """The program with results in the memory of operands that nothing reads any more.

    That is so where a kernel is the last to read an operand, each element as it writes its own, and waits for all
    others that read it anyway: there are no more barriers than before. Outputs, and arrays that are made in parts, stay
    where they are.

    Not for bodies of loops: what is the same in every step is computed once ahead of it, and must not be overwritten.
    """
    uses = _Uses.of(program)
    over: dict[Value, Value] = {}  # a result, and the first of those whose memory it takes
    for number, kernel in enumerate(program.kernels):
        if not isinstance(kernel, Nest):
            continue
        taken: set[Value] = set()
        for store in kernel.stores:
            new = store.value
            if uses.maker.get(new) != number:
                continue
            for old in _operands(kernel):
                is_free = old not in taken and uses.is_last(old, number)
                if is_free and old.dtype == new.dtype and may_overwrite(kernel, new, old):
                    taken.add(old)
                    over[new] = over.get(old, old)
                    break
    if not over:
        return program
    aliases = {value: over.get(memory, memory) for value, memory in program.aliases.items()}
    return Program(program.graph, program.kernels, {**aliases, **over})


def _operands(kernel: Nest) -> Iterator[Value]:
    """What a kernel's expressions read, in their order."""
    yield from dict.fromkeys(e.value for e in walk(*(s.expr for s in kernel.stores)) if isinstance(e, Load))


@dataclass
class _Uses:
    """Which kernels make and read what a program has.

    Attributes:
        maker: for each temporary that one kernel stores by itself, in memory of its own, that kernel's number.
        readers: by memory (that of a temporary in `maker` is itself), the numbers of the kernels that read it.
        after: for each kernel, the last of those before it whose results it reads.
    """

    maker: dict[Value, int] = field(default_factory=dict)
    readers: dict[Value, list[int]] = field(default_factory=dict)
    after: list[int] = field(default_factory=list)

    @staticmethod
    def of(program: Program) -> _Uses:
        """Those of a program."""
        uses, aliases = _Uses(), program.aliases
        made: dict[Value, int] = {}
        for number, kernel in enumerate(program.kernels):
            read = {root_of(v, aliases) for v in kernel.reads}
            for memory in read:
                uses.readers.setdefault(memory, []).append(number)
            uses.after.append(max((made[memory] for memory in read if memory in made), default=-1))
            for value in kernel.writes:
                made[root_of(value, aliases)] = number
                if isinstance(kernel, Nest):
                    uses.maker[value] = number
        kept = {root_of(v, aliases) for v in program.graph.outputs}
        in_parts = {root_of(v, aliases) for kernel in program.kernels for v in kernel.writes if v in aliases}
        for value in [*kept, *in_parts, *aliases]:
            uses.maker.pop(value, None)
        return uses

    def is_last(self, value: Value, number: int) -> bool:
        """Whether a kernel is the last to read a temporary, and all others that do are done when it begins."""
        if value not in self.maker or value not in self.readers:
            return False
        *others, last = self.readers[value]
        return last == number and all(other <= self.after[number] for other in others)
