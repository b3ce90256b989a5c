"""LLVM IR as text, written quickly.

Kernels are strings of LLVM IR; this module only spares their authors the bookkeeping: fresh names, block labels,
loops, declarations of intrinsics, literals. Values are strings (SSA names or literals); wherever an ``i64`` is
expected a Python ``int`` may stand for a constant, and the ``i64`` helpers (:meth:`FunctionBuilder.add`,
:meth:`FunctionBuilder.mul`, ...) fold constants so that static extents leave no arithmetic behind.

Types are strings too, as LLVM spells them: ``"float"``, ``"i64"``, ``"ptr"``, ``"<16 x float>"``.

>>> module = ModuleBuilder()
>>> fb = module.function("sum3", [("ptr", "x")], "float")
>>> total = fb.alloca("float")
>>> fb.store("float", fb.literal(0.0, "float"), total)
>>> with fb.loop(0, 3) as i:
...     item = fb.load("float", fb.gep("float", "%x", i))
...     fb.store("float", fb.op("fadd", "float", fb.load("float", total), item), total)
>>> fb.ret("float", fb.load("float", total))
>>> "define float @sum3(ptr %x)" in module.text()
True
"""

from __future__ import annotations

import operator
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass

from pronghorn.engine.codegen.llvm_types import element, is_float, lanes, literal, llvm_type, mangle, size_of, vec
from pronghorn.engine.runtime.host import Target

__all__ = [
    "FunctionBuilder",
    "Loop",
    "ModuleBuilder",
    "Operand",
    "element",
    "is_float",
    "lanes",
    "literal",
    "llvm_type",
    "mangle",
    "size_of",
    "vec",
]

Operand = str | int
"""An SSA name or literal, or a Python int that stands for a constant."""

_COMPARED = {
    "eq": operator.eq, "ne": operator.ne, "slt": operator.lt, "sle": operator.le, "sgt": operator.gt, "sge": operator.ge
}  # fmt: skip


_HAVE_VECTOR_LETTERS = ("x86_64", "aarch64")
"""The architectures in whose assembly a letter stands for a vector register."""


def _only_lane(mask: Operand) -> int | None:
    """The one lane of a mask written out as a constant in which a single lane is set."""
    text = str(mask)
    if not text.startswith("<") or text.count("true") != 1:
        return None
    return text[: text.index("true")].count(",")


def _decided(mask: Operand) -> bool | None:
    """Whether a mask written out as a constant holds in every lane, or in none; None for all others."""
    text = str(mask)
    if not text.startswith("<") or ("true" in text and "false" in text):
        return None
    return "true" in text


class ModuleBuilder:
    """The text of one LLVM module: functions, global constants, and each declaration once."""

    def __init__(self) -> None:
        self._declared: dict[str, str] = {}
        self._globals: list[str] = []
        self._constants: dict[tuple[str, str], str] = {}
        self.functions: list[FunctionBuilder | str] = []
        self.target: Target | None = None  # the machine the code is for; the host if None

    def declare(self, name: str, result: str, parameters: Sequence[str], attributes: str = "") -> str:
        """Declares an external function or intrinsic (``name`` without the ``@``); declaring it again does nothing.

        Returns the name with its ``@``.
        """
        if name not in self._declared:
            self._declared[name] = f"declare {result} @{name}({', '.join(parameters)}) {attributes}".rstrip()
        return f"@{name}"

    def constant(self, ty: str, values: Sequence[float | int], align: int = 64) -> str:
        """A private constant array of scalars; equal ones are stored once. Returns its name, a ``ptr``."""
        body = ", ".join(f"{ty} {literal(value, ty)}" for value in values)
        key = (ty, body)
        if key not in self._constants:
            name = f"@table.{len(self._constants)}"
            self._globals.append(
                f"{name} = private unnamed_addr constant [{len(values)} x {ty}] [{body}], align {align}"
            )
            self._constants[key] = name
        return self._constants[key]

    def raw(self, text: str) -> None:
        """Adds whole functions or globals given as LLVM IR text."""
        self.functions.append(text)

    def function(
        self,
        name: str,
        parameters: Sequence[tuple[str, str]],
        result: str = "void",
        linkage: str = "",
        attributes: str = "",
    ) -> FunctionBuilder:
        """Starts a function. ``parameters`` are (type with attributes, name) pairs, e.g. ``("ptr noalias", "x")``.

        The caller ends it with :meth:`FunctionBuilder.ret`; its arguments are ``%x``.
        """
        builder = FunctionBuilder(self, name, parameters, result, linkage, attributes)
        self.functions.append(builder)
        return builder

    def text(self) -> str:
        """The module as LLVM IR."""
        return self.text_of(self.functions) + self.shared()

    def text_of(self, functions: Sequence[FunctionBuilder | str]) -> str:
        """Functions, or text that was given as it is, as LLVM IR."""
        return "".join(f"{item if isinstance(item, str) else item.text()}\n" for item in functions)

    def shared(self) -> str:
        """The constants and declarations, as LLVM IR."""
        defined = {item.name for item in self.functions if isinstance(item, FunctionBuilder)}
        declared = (line for name, line in self._declared.items() if name not in defined)
        return "".join(f"{line}\n" for line in (*self._globals, *declared))

    def replace(self, function: FunctionBuilder, by: str) -> bool:
        """Drops a function; those that call it call ``by`` instead. Whether any does."""
        self.functions.remove(function)
        if self._declared.pop(function.name, None) is None:  # called by name only from outside
            return False
        redirected = [f.redirect(function.name, by) for f in self.functions if isinstance(f, FunctionBuilder)]
        return any(redirected)

    def defines(self, name: str) -> bool:
        """Whether a function of this name has been started."""
        return any(isinstance(item, FunctionBuilder) and item.name == name for item in self.functions)


@dataclass(slots=True)
class Loop:
    """What :meth:`FunctionBuilder.loop_carry` yields.

    ``index`` is the i64 induction variable, ``carried`` the values at the start of an iteration; the body appends the
    values for the next iteration to ``following``, and may set ``onward``, the next index if that is not a step on;
    after the loop ``results`` holds the final values.
    """

    index: str
    carried: list[str]
    following: list[str]
    results: list[str]
    onward: Operand | None = None


class FunctionBuilder:
    """Writes the body of one function; see the module's docstring for the conventions."""

    def __init__(
        self,
        module: ModuleBuilder,
        name: str,
        parameters: Sequence[tuple[str, str]],
        result: str,
        linkage: str,
        attributes: str,
    ) -> None:
        self.module = module
        self.name = name
        head = ", ".join(f"{ty} %{parameter}" for ty, parameter in parameters)
        words = ["define", linkage, result, f"@{name}({head})", attributes]
        self._head = " ".join(word for word in words if word)
        self._lines: list[str] = []
        self._entry: list[str] = []
        self._shared: dict[str, str] = {}
        self._count = 0
        self.streams: dict[str, None] = {}  # what tells, unless it is -1, that stores go past the caches
        self.block = "entry"
        """The label of the block being written, for use in :meth:`phi`."""

    def redirect(self, old: str, new: str) -> bool:
        """Calls ``new`` wherever ``old`` was called; whether it was."""
        called, instead = f"@{old}(", f"@{new}("
        if not any(called in line for line in self._lines):
            return False
        self._lines = [line.replace(called, instead) for line in self._lines]
        return True

    def text(self) -> str:
        """The function as LLVM IR."""
        return "\n".join([self._head + " {", "entry:", *self._entry, *self._lines, "}"])

    # -- names and lines ---------------------------------------------------------------------------------------------

    def name_value(self) -> str:
        """A fresh SSA name."""
        self._count += 1
        return f"%v{self._count}"

    def emit(self, line: str) -> None:
        """Writes one line as it is."""
        self._lines.append("  " + line)

    def let(self, expression: str) -> str:
        """Writes ``%new = expression`` and returns the name."""
        self._count += 1
        name = f"%v{self._count}"
        self._lines.append(f"  {name} = {expression}")
        return name

    def label(self, hint: str = "b") -> str:
        """A fresh block label (not yet placed)."""
        self._count += 1
        return f"{hint}{self._count}"

    def place(self, label: str) -> None:
        """Starts the block with this label; the block before must have ended with a branch."""
        self._lines.append(f"{label}:")
        self.block = label

    def branch(self, label: str) -> None:
        """Jumps."""
        self._lines.append(f"  br label %{label}")

    def branch_if(self, condition: Operand, then: str, otherwise: str) -> None:
        """Jumps to one of two blocks on an i1."""
        self._lines.append(f"  br i1 {condition}, label %{then}, label %{otherwise}")

    def ret(self, ty: str = "void", value: Operand = "") -> None:
        """Returns; no value for ``void``."""
        for bits in self.streams:  # others see such stores only behind a fence
            with self.if_(self.cmp("ne", "i64", bits, -1)):
                self.call("llvm.x86.sse.sfence", "void", [])
        self._lines.append(f"  ret {ty} {value}".rstrip())

    # -- arithmetic of any type --------------------------------------------------------------------------------------

    literal = staticmethod(literal)

    def op(self, opcode: str, ty: str, a: Operand, b: Operand, flags: str = "") -> str:
        """A binary instruction, e.g. ``op("fadd", "<16 x float>", x, y, "nnan")``."""
        return self.let(f"{opcode} {flags} {ty} {a}, {b}" if flags else f"{opcode} {ty} {a}, {b}")

    def fneg(self, ty: str, a: Operand) -> str:
        """The float with its sign flipped."""
        return self.let(f"fneg {ty} {a}")

    def cmp(self, predicate: str, ty: str, a: Operand, b: Operand) -> str:
        """A comparison; float predicates start with o or u (``oeq``, ``une``), integer ones are as in LLVM.

        Gives an i1, or a vector of i1.
        """
        if isinstance(a, int) and isinstance(b, int) and predicate in _COMPARED:
            return "true" if _COMPARED[predicate](a, b) else "false"  # the branch of a loop that never runs goes, too
        opcode = "fcmp" if is_float(ty) else "icmp"
        return self.let(f"{opcode} {predicate} {ty} {a}, {b}")

    def select(self, condition: Operand, ty: str, a: Operand, b: Operand) -> str:
        """``a`` where the condition (i1, or a vector of i1 with as many lanes as ``ty``) holds, else ``b``."""
        return self.let(f"select {vec('i1', lanes(ty))} {condition}, {ty} {a}, {ty} {b}")

    def cast(self, opcode: str, value: Operand, source: str, target: str) -> str:
        """A conversion instruction (``sitofp``, ``fptrunc``, ``zext``, ``bitcast``, ...)."""
        return self.let(f"{opcode} {source} {value} to {target}")

    def call(self, name: str, result: str, arguments: Sequence[tuple[str, Operand]], flags: str = "") -> str:
        """Calls ``@name`` and declares it if need be; returns the result's name, ``""`` for void."""
        name = name.removeprefix("@")
        self.module.declare(name, result, [ty for ty, _ in arguments])
        flags = flags and flags + " "
        text = f"call {flags}{result} @{name}({', '.join(f'{ty} {value}' for ty, value in arguments)})"
        if result == "void":
            self.emit(text)
            return ""
        return self.let(text)

    def intrinsic(self, name: str, ty: str, *arguments: Operand, flags: str = "") -> str:
        """Calls an overloaded intrinsic whose operands and result have one type: ``intrinsic("llvm.sqrt", ty, x)``."""
        return self.call(f"{name}.{mangle(ty)}", ty, [(ty, argument) for argument in arguments], flags)

    def fma(self, ty: str, a: Operand, b: Operand, c: Operand) -> str:
        """``a * b + c``, in one instruction where the target has one."""
        return self.intrinsic("llvm.fmuladd", ty, a, b, c)

    def phi(self, ty: str, incoming: Sequence[tuple[Operand, str]]) -> str:
        """A phi node over (value, label) pairs; it must come first in its block."""
        return self.let(f"phi {ty} " + ", ".join(f"[ {value}, %{label} ]" for value, label in incoming))

    def opaque(self, pointer: str) -> str:
        """The same pointer, but the optimiser no longer knows how it was computed (an empty piece of assembly).

        Where many addresses are a fixed way from one that a loop moves on, LLVM's loop strength reduction, which would
        look for the best of all ways to compute them, takes longer than all the rest of code generation.
        """
        return self.let(f'call ptr asm "", "=r,0"(ptr {pointer})')

    def opaque_number(self, number: Operand) -> Operand:
        """The same i64, hidden like a pointer in :meth:`opaque`; a constant stays one."""
        return number if isinstance(number, int) else self.let(f'call i64 asm "", "=r,0"(i64 {number})')

    # -- vectors -----------------------------------------------------------------------------------------------------

    def splat(self, scalar: Operand, ty: str, count: int) -> str:
        """A vector of ``count`` lanes, each the scalar of type ``ty``; one lane is the scalar itself."""
        if count == 1:
            return str(scalar)
        wide = vec(ty, count)
        first = self.let(f"insertelement {wide} poison, {ty} {scalar}, i64 0")
        return self.let(f"shufflevector {wide} {first}, {wide} poison, <{count} x i32> zeroinitializer")

    def extract(self, ty: str, vector: Operand, lane: Operand) -> str:
        """One lane of a vector of type ``ty``."""
        return self.let(f"extractelement {ty} {vector}, i64 {lane}")

    def insert(self, ty: str, vector: Operand, scalar: Operand, lane: Operand) -> str:
        """The vector with one lane replaced."""
        return self.let(f"insertelement {ty} {vector}, {element(ty)} {scalar}, i64 {lane}")

    def shuffle(self, ty: str, a: Operand, b: Operand, pattern: Sequence[int]) -> str:
        """Lanes picked from the concatenation of two vectors by a constant pattern."""
        mask = ", ".join(f"i32 {lane}" for lane in pattern)
        return self.let(f"shufflevector {ty} {a}, {ty} {b}, <{len(pattern)} x i32> <{mask}>")

    def lane_ids(self, ty: str, count: int) -> str:
        """The constant vector 0, 1, 2, ... of integer type ``ty`` (a literal)."""
        return "<" + ", ".join(f"{ty} {i}" for i in range(count)) + ">" if count > 1 else "0"

    def mask_first(self, valid: Operand, count: int) -> str:
        """The mask (``<count x i1>``) of the first ``valid`` lanes; a literal if ``valid`` is a Python int."""
        if isinstance(valid, int):
            return "<" + ", ".join(f"i1 {'true' if i < valid else 'false'}" for i in range(count)) + ">"
        narrow = self.let(f"trunc i64 {self.min(valid, count)} to i32")
        wide = self.splat(narrow, "i32", count)
        return self.cmp("ult", vec("i32", count), self.lane_ids("i32", count), wide)

    # -- memory ------------------------------------------------------------------------------------------------------

    def alloca(self, ty: str, count: int = 1, align: int = 0) -> str:
        """A stack slot, placed in the entry block (so that the optimiser turns scalars and vectors into registers)."""
        name = self.name_value()
        size = f", i64 {count}" if count != 1 else ""
        where = f", align {align}" if align else ""
        self._entry.append(f"  {name} = alloca {ty}{size}{where}")
        return name

    def entry_load(self, ty: str, table: str, slot: int) -> str:
        """Entry ``slot`` of a table given as a parameter, loaded in the entry block."""
        pointer, value = self.name_value(), self.name_value()
        self._entry.append(f"  {pointer} = getelementptr inbounds {ty}, ptr %{table}, i64 {slot}")
        self._entry.append(f"  {value} = load {ty}, ptr {pointer}, align 8, !invariant.load !{{}}")
        return value

    def entry_store(self, ty: str, value: Operand, pointer: str) -> None:
        """What a stack slot holds at first, stored in the entry block."""
        self._entry.append(f"  store {ty} {value}, ptr {pointer}")

    def entry_let(self, expression: str) -> str:
        """Writes ``%new = expression`` in the entry block and returns the name."""
        name = self.name_value()
        self._entry.append(f"  {name} = {expression}")
        return name

    def entry_mul(self, value: str, factor: int) -> str:
        """A run-time number times ``factor``, in the entry block."""
        if factor == 1:
            return value
        return self.entry_let(f"mul nsw i64 {value}, {factor}")

    def shared_alloca(self, ty: str) -> str:
        """An aligned stack slot of which a function has one for each type, for values that are needed only briefly."""
        if ty not in self._shared:
            self._shared[ty] = self.alloca(ty, align=size_of(ty))
        return self._shared[ty]

    def gep(self, ty: str, pointer: str, index: Operand, inbounds: bool = True) -> str:
        """The address of element ``index`` of an array of ``ty``; the pointer itself for the constant 0.

        ``inbounds``: it is in the array or just behind it; LLVM relies on that.
        """
        if index == 0:
            return pointer
        return self.let(f"getelementptr {'inbounds ' if inbounds else ''}{ty}, ptr {pointer}, i64 {index}")

    def load(self, ty: str, pointer: str, align: int = 0, metadata: str = "") -> str:
        """Loads; the alignment is the element's unless given, so unaligned vectors are right by default."""
        metadata = metadata and ", " + metadata
        return self.let(f"load {ty}, ptr {pointer}, align {align or size_of(element(ty))}{metadata}")

    def store(self, ty: str, value: Operand, pointer: str, align: int = 0, metadata: str = "") -> None:
        """Stores; alignment as in :meth:`load`."""
        metadata = metadata and ", " + metadata
        self._lines.append(f"  store {ty} {value}, ptr {pointer}, align {align or size_of(element(ty))}{metadata}")

    def masked_load(self, ty: str, pointer: str, mask: Operand, other: Operand = "zeroinitializer") -> str:
        """Loads the lanes of a vector where the mask holds, the others are ``other``; never touches their memory."""
        align = size_of(element(ty))
        mask_ty = vec("i1", lanes(ty))
        always = _decided(mask)
        if always is not None and other == "zeroinitializer":
            return self.load(ty, pointer, align) if always else "zeroinitializer"
        lane = _only_lane(mask)
        if lane is not None and other == "zeroinitializer":
            at = self.gep(element(ty), pointer, lane)
            return self.insert(ty, "zeroinitializer", self.load(element(ty), at, align), lane)
        if self._too_wide(ty) and other == "zeroinitializer":
            return self._load_in_halves(ty, pointer, mask)
        return self.call(
            f"llvm.masked.load.{mangle(ty)}.p0",
            ty,
            [("ptr", pointer), ("i32", align), (mask_ty, mask), (ty, other)],
        )

    def masked_store(self, ty: str, value: Operand, pointer: str, mask: Operand) -> None:
        """Stores the lanes where the mask holds."""
        align = size_of(element(ty))
        mask_ty = vec("i1", lanes(ty))
        always = _decided(mask)
        if always is not None:
            if always:
                self.store(ty, value, pointer, align)
            return
        lane = _only_lane(mask)
        if lane is not None:  # LLVM makes four bytes of a masked store of one 16-bit lane
            at = self.gep(element(ty), pointer, lane)
            self.store(element(ty), self.extract(ty, value, lane), at, align)
            return
        if self._too_wide(ty):
            for start, half, half_mask in self._halves(ty, mask):
                part = self.shuffle(ty, value, "poison", range(start, start + lanes(half)))
                self.masked_store(half, part, self.gep(element(ty), pointer, start), half_mask)
            return
        self.call(
            f"llvm.masked.store.{mangle(ty)}.p0",
            "void",
            [(ty, value), ("ptr", pointer), ("i32", align), (mask_ty, mask)],
        )

    def _too_wide(self, ty: str) -> bool:
        """Whether a vector needs several registers: LLVM 20 loses halves of their masked loads under constant masks."""
        target = self.module.target
        return target is not None and lanes(ty) > 2 and size_of(ty) * 8 > target.register_bits

    def _halves(self, ty: str, mask: Operand) -> list[tuple[int, str, str]]:
        """(first lane, type, mask) of the two halves of a vector."""
        count = lanes(ty)
        half = count // 2
        parts = []
        for start in (0, half):
            if str(mask).startswith("<"):
                part = "<" + ", ".join(str(mask).strip("<>").split(", ")[start : start + half]) + ">"
            else:
                part = self.shuffle(vec("i1", count), mask, "poison", range(start, start + half))
            parts.append((start, vec(element(ty), half), part))
        return parts

    def _load_in_halves(self, ty: str, pointer: str, mask: Operand) -> str:
        first, second = (
            self.masked_load(half, self.gep(element(ty), pointer, start), self._opaque_mask(half, half_mask))
            for start, half, half_mask in self._halves(ty, mask)
        )
        return self.shuffle(vec(element(ty), lanes(ty) // 2), first, second, range(lanes(ty)))

    def _opaque_mask(self, ty: str, mask: Operand) -> Operand:
        """The mask of one register's lanes, of which the optimiser knows nothing: where LLVM 20 finds out late that
        half of a mask never holds, it drops the mask, not the load. Where no letter names vector
        registers, the mask stays as it is."""
        if self.module.target is not None and self.module.target.arch not in _HAVE_VECTOR_LETTERS:
            return mask
        bits = size_of(ty) * 8 // lanes(ty)
        if str(mask).startswith("<") or self._too_wide(ty) or lanes(ty) < 2:
            return mask
        count = lanes(ty)
        wide = vec(f"i{bits}", count)
        register = "w" if self.module.target and self.module.target.arch == "aarch64" else "x"
        lanes_of = self.cast("sext", mask, vec("i1", count), wide)
        hidden = self.let(f'call {wide} asm "", "={register},0"({wide} {lanes_of})')
        return self.cmp("slt", wide, hidden, "zeroinitializer")

    # -- i64 arithmetic that folds constants -------------------------------------------------------------------------

    def add(self, a: Operand, b: Operand) -> Operand:
        """``a + b`` on i64."""
        if isinstance(a, int) and isinstance(b, int):
            return a + b
        if a == 0:
            return b
        if b == 0:
            return a
        return self.let(f"add nsw i64 {a}, {b}")

    def sub(self, a: Operand, b: Operand) -> Operand:
        """``a - b`` on i64."""
        if isinstance(a, int) and isinstance(b, int):
            return a - b
        return a if b == 0 else self.let(f"sub nsw i64 {a}, {b}")

    def mul(self, a: Operand, b: Operand) -> Operand:
        """``a * b`` on i64."""
        if isinstance(a, int) and isinstance(b, int):
            return a * b
        if a == 0 or b == 0:
            return 0
        if a == 1:
            return b
        return a if b == 1 else self.let(f"mul nsw i64 {a}, {b}")

    def div(self, a: Operand, b: Operand) -> Operand:
        """``a // b`` of non-negative i64s."""
        if isinstance(a, int) and isinstance(b, int):
            return a // b
        return a if b == 1 else self.let(f"udiv i64 {a}, {b}")

    def rem(self, a: Operand, b: Operand) -> Operand:
        """``a % b`` of non-negative i64s."""
        if isinstance(a, int) and isinstance(b, int):
            return a % b
        return 0 if b == 1 else self.let(f"urem i64 {a}, {b}")

    def ceil_div(self, a: Operand, b: Operand) -> Operand:
        """``ceil(a / b)`` of non-negative i64s."""
        return a if b == 1 else self.div(self.add(a, self.sub(b, 1)), b)

    def min(self, a: Operand, b: Operand) -> Operand:
        """The smaller of two i64s."""
        if isinstance(a, int) and isinstance(b, int):
            return min(a, b)
        return self.intrinsic("llvm.smin", "i64", a, b)

    def max(self, a: Operand, b: Operand) -> Operand:
        """The larger of two i64s."""
        if isinstance(a, int) and isinstance(b, int):
            return max(a, b)
        return self.intrinsic("llvm.smax", "i64", a, b)

    # -- control flow ------------------------------------------------------------------------------------------------

    @contextmanager
    def loop(self, start: Operand, stop: Operand, step: int = 1) -> Iterator[Operand]:
        """``for i in range(start, stop, step)`` with a positive step; yields the i64 induction variable.

        A loop that a constant bound shows to run exactly once yields the Python int and writes no loop.
        """
        if isinstance(start, int) and isinstance(stop, int) and start < stop <= start + step:
            yield start
            return
        with self.loop_carry(start, stop, [], step) as loop:
            yield loop.index

    @contextmanager
    def loop_carry(
        self, start: Operand, stop: Operand, initial: Sequence[tuple[str, Operand]], step: int = 1
    ) -> Iterator[Loop]:
        """A loop with values carried from one iteration to the next, given as (type, initial value) pairs.

        Written bottom-tested behind a guard (no guard where constants show that it runs), the form that needs no
        loop rotation by the optimiser. How its bounds were computed is hidden, as addresses are (:meth:`opaque`).
        """
        head, latch, done = self.label("loop"), self.label("latch"), self.label("done")
        before = self.block
        start, stop = self.opaque_number(start), self.opaque_number(stop)
        guarded = not (isinstance(start, int) and isinstance(stop, int) and start < stop)
        if guarded:
            self.branch_if(self.cmp("slt", "i64", start, stop), head, done)
        else:
            self.branch(head)
        self.place(head)
        mark = len(self._lines)
        index = self.name_value()
        carried = [self.name_value() for _ in initial]
        state = Loop(index, carried, [], [])
        yield state
        if len(state.following) != len(initial):
            raise ValueError(f"The loop carries {len(initial)} values, its body gave {len(state.following)}.")
        self.branch(latch)
        self.place(latch)
        following = state.onward
        if following is None:
            following = self.let(f"add nuw nsw i64 {index}, {step}")
        self.branch_if(self.cmp("slt", "i64", following, stop), head, done)
        phis = [f"  {index} = phi i64 [ {start}, %{before} ], [ {following}, %{latch} ]"]
        for name, (ty, first), last in zip(carried, initial, state.following, strict=True):
            phis.append(f"  {name} = phi {ty} [ {first}, %{before} ], [ {last}, %{latch} ]")
        self._lines[mark:mark] = phis
        self.place(done)
        if not guarded:  # what the last iteration gave is known here
            state.results.extend(map(str, state.following))
            return
        for (ty, first), last in zip(initial, state.following, strict=True):
            state.results.append(self.phi(ty, [(last, latch), (first, before)]))

    @contextmanager
    def if_(self, condition: Operand) -> Iterator[None]:
        """Runs the body where the i1 holds; a Python bool is decided now (the body is then not written for False).

        The body must still be written by the caller; for ``False`` it lands in an unreachable block.
        """
        then, done = self.label("then"), self.label("endif")
        self.branch_if(literal(condition, "i1") if isinstance(condition, bool | int) else condition, then, done)
        self.place(then)
        yield
        self.branch(done)
        self.place(done)

    @contextmanager
    def if_else(self, condition: Operand) -> Iterator[tuple[_Arm, _Arm]]:
        """Two arms, each a context manager, written in order: ``with fb.if_else(c) as (yes, no): with yes: ...``.

        Join their values afterwards with ``phi(ty, [(a, yes.end), (b, no.end)])``.
        """
        done = self.label("endif")
        yes, no = _Arm(self, self.label("then"), done), _Arm(self, self.label("else"), done)
        self.branch_if(condition, yes.start, no.start)
        yield yes, no
        for arm in (yes, no):
            if not arm.end:
                with arm:
                    pass
        self.place(done)


class _Arm:
    """One side of :meth:`FunctionBuilder.if_else`; ``end`` is the label its last block had."""

    def __init__(self, builder: FunctionBuilder, start: str, done: str) -> None:
        self._builder, self.start, self._done = builder, start, done
        self.end = ""

    def __enter__(self) -> None:
        self._builder.place(self.start)

    def __exit__(self, kind: type | None, *_: object) -> None:
        if kind is None:
            self.end = self._builder.block
            self._builder.branch(self._done)
