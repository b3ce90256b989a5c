"""C functions on a block of variables that the caller holds: making one, checking it, setting a part of it back."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from pronghorn.engine.backends.aot.refusals import BLOCK_ALIGNMENT, Status, demand, demand_words
from pronghorn.engine.codegen.builder import FunctionBuilder, ModuleBuilder
from pronghorn.engine.runtime.machines import Machine


@dataclass(frozen=True)
class StateFunctions:
    """The functions on a state.

    Attributes:
        name: what their names begin with.
        size: bytes of a state.
        words: what a state begins with, as 64-bit numbers.
        image: the symbol of constants and the offset in them at which a new state lies; None where it is a file.
        metrics: first and last byte of what `reset_metrics` sets back.
        values: symbol and offset of what it is set back to.
    """

    name: str
    size: int
    words: Sequence[int]
    image: tuple[str, int] | None
    metrics: tuple[int, int]
    values: tuple[str, int]

    @property
    def names(self) -> list[str]:
        """The functions."""
        made = ["init"] if self.image is not None else []
        return [f"{self.name}_state_{word}" for word in ("size", "check", *made)] + [f"{self.name}_reset_metrics"]

    def text(self, machine: Machine) -> str:
        """Their LLVM IR."""
        module = ModuleBuilder()
        size = machine.size_type
        fb = module.function(f"{self.name}_state_size", [], size, attributes="nounwind")
        fb.ret(size, self.size)
        given = [("ptr", "state"), (size, "bytes")]
        fb = module.function(f"{self.name}_state_check", given, "i32", attributes="nounwind")
        self._pointer(fb)
        self._is_large(fb, size)
        self._words(fb)
        fb.ret("i32", Status.OK)
        if self.image is not None:
            fb = module.function(f"{self.name}_state_init", given, "i32", attributes="nounwind")
            self._pointer(fb)
            self._is_large(fb, size)
            _copy(fb, "%state", fb.gep("i8", f"@{self.image[0]}", self.image[1]), self.size, size)
            fb.ret("i32", Status.OK)
        fb = module.function(f"{self.name}_reset_metrics", [("ptr", "state")], "i32", attributes="nounwind")
        self._pointer(fb)
        self._words(fb)
        begin, end = self.metrics
        if end > begin:
            source = fb.gep("i8", f"@{self.values[0]}", self.values[1])
            _copy(fb, fb.gep("i8", "%state", begin), source, end - begin, size)
        fb.ret("i32", Status.OK)
        return module.text()

    def _pointer(self, fb: FunctionBuilder) -> None:
        demand(fb, fb.cmp("ne", "ptr", "%state", "null"), Status.NULL)
        low = fb.let(f"and i64 {fb.cast('ptrtoint', '%state', 'ptr', 'i64')}, {BLOCK_ALIGNMENT - 1}")
        demand(fb, fb.cmp("eq", "i64", low, 0), Status.ALIGNMENT)

    def _is_large(self, fb: FunctionBuilder, size: str) -> None:
        demand(fb, fb.cmp("uge", size, "%bytes", self.size), Status.BLOCK)

    def _words(self, fb: FunctionBuilder) -> None:
        demand_words(fb, "%state", self.words)


def _copy(fb: FunctionBuilder, target: str, source: str, nbytes: int, size: str) -> None:
    given = [("ptr", target), ("ptr", source), (size, nbytes), ("i1", "false")]
    fb.call(f"llvm.memcpy.p0.p0.{size}", "void", given)
