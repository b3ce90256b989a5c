"""Expressions to machine code, one element or one vector of elements at a time.

LLVM's light pipeline does not move code out of loops, so the evaluator does: `bind` is called as each loop is entered,
and writes there whatever depends on the loops entered so far: the start of addresses, scalars, and their splats.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from contextlib import ExitStack, contextmanager
from typing import Any

from pronghorn.engine.codegen.builder import FunctionBuilder, Operand, literal, vec
from pronghorn.engine.codegen.casts import emit_cast
from pronghorn.engine.codegen.convert import storage_type
from pronghorn.engine.codegen.elementwise import emit_elementwise
from pronghorn.engine.codegen.philox import emit_random_bits
from pronghorn.engine.codegen.slots import Slots
from pronghorn.engine.codegen.streaming import past_caches
from pronghorn.engine.codegen.values import decode, load_value, store_value, value_type
from pronghorn.engine.compiler.expr import (
    Accumulated,
    Apply,
    Bits,
    Bound,
    Const,
    Expr,
    Guard,
    Index,
    IndexValue,
    Load,
    Loaded,
    LoopVar,
    Quotient,
    Remainder,
    depends,
    walk,
)
from pronghorn.engine.compiler.kernels import Store
from pronghorn.engine.graph import dtypes
from pronghorn.engine.graph.dim import Extent, product
from pronghorn.engine.graph.ir import Value

SCATTERED = 4  # lanes that are stored apart, in one turn of the loop over them


class Evaluator:
    """Writes the values of expressions.

    Args:
        fb: the function being written.
        slots: where buffers and run-time extents are found.
        roots: every expression that will be asked for.
        vector: the loop variable along which vectors run, if any.
        step: how much it grows from one lane to the next.
        targets: the elements that `stores` will be asked to write, where their addresses are to be worked out from loop
            to loop, as those of loads are.
    """

    def __init__(
        self,
        fb: FunctionBuilder,
        slots: Slots,
        roots: Iterable[Expr],
        vector: LoopVar | None,
        step: Extent = 1,
        targets: Iterable[tuple[Value, Index]] = (),
    ):
        self.fb, self.slots, self.vector, self.step = fb, slots, vector, step
        self.roots = list(roots)
        self.bound: dict[LoopVar, Operand] = {}
        self.mask: Operand | None = None  # lanes that exist, in the last, partial vector
        self.streams = False  # whether stores of large arrays may go past the caches, which takes code for both ways
        self._guards: list[tuple[Operand | None, Operand | None]] = []  # (scalar condition, lane mask)
        self._levels: list[dict[Any, Operand]] = [{}]
        self._order = _postorder(self.roots)
        self._unguarded = _unguarded(self.roots)
        self._loads = [e for e in self._order if isinstance(e, Load)]
        self._targets = {target: Load(*target) for target in targets}
        self._touched = [*self._loads, *self._targets.values()]
        self._settled: set[str] = set()  # addresses of which the optimiser does not know how they are made
        for load in self._touched:
            self._pointer_prefix(load)

    # -- loops ------------------------------------------------------------------------------------------------------
    @contextmanager
    def bind(self, var: LoopVar, value: Operand, lanes: int = 1, hoist: bool = True) -> Iterator[None]:
        """Inside the loop of ``var``, whose value is ``value``; writes what can be written here already."""
        self._levels.append({})
        self.bound[var] = value
        for load in self._touched:
            self._advance(load, var, value)
        if hoist:
            self.hoist()
        yield
        del self.bound[var]
        self._levels.pop()

    def hoist(self) -> None:
        """Write the scalars that depend only on loops entered so far."""
        for expr in self._order:
            if id(expr) not in self._unguarded or isinstance(expr, (Const, Accumulated)) or self._varies(expr):
                continue
            if self._find(("value", id(expr), 1)) is None and self._ready(expr):
                self.scalar(expr)

    def splats(self, lanes: int) -> None:
        """Write the vectors that hold one scalar in every lane, before the loop that uses them."""
        for expr in self._order:
            if self._varies(expr) or id(expr) not in self._unguarded or isinstance(expr, (Const, Accumulated)):
                continue
            if self._ready(expr):
                self.vector_of(expr, lanes)

    def _ready(self, expr: Expr) -> bool:
        """Whether every loop and accumulator below ``expr`` is there."""
        for e in walk(expr):
            if isinstance(e, Accumulated) and self._find(("acc", e.number, 1)) is None:
                return False
            if any(not self._index_ready(i) for i in e.indices()):
                return False
        return True

    def _index_ready(self, index: Index) -> bool:
        for term in index.terms:
            if isinstance(term, LoopVar):
                if term not in self.bound:
                    return False
            elif isinstance(term, (Quotient, Remainder)) and not self._index_ready(term.index):
                return False
        return True

    def _varies(self, expr: Expr) -> bool:
        return self.vector is not None and expr.depends_on(self.vector)

    def set_accumulated(self, number: int, value: Operand, lanes: int) -> None:
        """Give the result of the kernel's reduction or contraction."""
        self._levels[-1][("acc", number, lanes)] = value

    @contextmanager
    def level(self) -> Iterator[None]:
        """A region whose values are not valid after it."""
        self._levels.append({})
        yield
        self._levels.pop()

    def _find(self, key: Any) -> Operand | None:
        for level in reversed(self._levels):
            if key in level:
                return level[key]
        return None

    def _remember(self, key: Any, value: Operand) -> Operand:
        self._levels[-1][key] = value
        return value

    # -- indices ----------------------------------------------------------------------------------------------------
    def index(self, index: Index) -> Operand:
        """A scalar index: that of the first lane."""
        key = ("index", index)
        known = self._find(key)
        if known is not None:
            return known
        total: Operand = self.slots.extent(index.const)
        for term, c in index.terms.items():
            total = self.fb.add(total, self.fb.mul(self._term(term), self.slots.extent(c)))
        return self._remember(key, total)

    def _term(self, term: Any) -> Operand:
        if isinstance(term, LoopVar):
            return self.bound[term]
        if isinstance(term, Quotient):
            return self.fb.div(self.index(term.index), self.slots.divisor(term.divisor))
        if isinstance(term, Remainder):
            return self.fb.rem(self.index(term.index), self.slots.divisor(term.divisor))
        assert isinstance(term, Loaded)
        key = ("loaded", id(term))
        known = self._find(key)
        if known is None:
            wide = emit_cast(self.fb, str(self.scalar(term.expr)), term.expr.dtype, "int64", 1)
            top = self.fb.sub(self.slots.extent(term.extent), 1)
            known = self.fb.max(self.fb.min(wide, top), 0)
            self._remember(key, known)
        return known

    def _index_vector(self, index: Index, lanes: int) -> str:
        """An index in every lane, ``<lanes x i64>``."""
        key = ("index vector", index, lanes)
        known = self._find(key)
        if known is not None:
            return str(known)
        assert self.vector is not None
        ty = vec("i64", lanes)
        bent = {t: c for t, c in index.terms.items() if t is not self.vector and depends(t, self.vector)}
        straight = Index(index.const, {t: c for t, c in index.terms.items() if t not in bent})
        total = self.fb.splat(self.index(straight), "i64", lanes)
        if self.vector in straight.terms:
            total = self.fb.op("add", ty, total, self._lane_steps(straight.terms[self.vector] * self.step, lanes))
        for term, c in bent.items():
            lane = self._term_vector(term, lanes)
            if not (isinstance(c, int) and c == 1):
                lane = self.fb.op("mul", ty, lane, self.fb.splat(self.slots.extent(c), "i64", lanes))
            total = self.fb.op("add", ty, total, lane)
        return str(self._remember(key, total))

    def _lane_steps(self, step: Extent, lanes: int) -> str:
        """How much is added in each lane where an index grows by ``step`` from one to the next."""
        if isinstance(step, int):
            return "<" + ", ".join(f"i64 {step * lane}" for lane in range(lanes)) + ">"
        each = self.fb.splat(self.slots.extent(step), "i64", lanes)
        return self.fb.op("mul", vec("i64", lanes), self.fb.lane_ids("i64", lanes), each)

    def _term_vector(self, term: Any, lanes: int) -> str:
        """A term that does not grow evenly from lane to lane."""
        fb, ty = self.fb, vec("i64", lanes)
        if isinstance(term, (Quotient, Remainder)):
            opcode = "udiv" if isinstance(term, Quotient) else "urem"
            divisor = self.slots.divisor(term.divisor)
            # a Python int becomes a constant vector, which LLVM divides by with a multiplication
            by = literal(divisor, ty) if isinstance(divisor, int) else fb.splat(divisor, "i64", lanes)
            return fb.op(opcode, ty, self._index_vector(term.index, lanes), by)
        wide = emit_cast(fb, self.vector_of(term.expr, lanes), term.expr.dtype, "int64", lanes)
        top = fb.splat(fb.sub(self.slots.extent(term.extent), 1), "i64", lanes)
        low = fb.intrinsic("llvm.smin", ty, wide, top)
        return fb.intrinsic("llvm.smax", ty, low, literal(0, ty))

    # -- addresses --------------------------------------------------------------------------------------------------
    def settle(self) -> None:
        """Hide from the optimiser how the addresses were computed, in front of a loop that goes on from them.

        Its loop strength reduction would look for a best way through all terms of all loops around: half of the time
        that a reduction took to compile. Addresses a constant apart stay so, since a load adds a constant for nothing.
        """
        bases: dict[tuple[Value, frozenset[tuple[Any, Extent]]], tuple[str, int]] = {}
        for load in self._touched:
            key, pointer, const = self._pointer_key(load), self._pointer_prefix(load), load.offset.const
            if pointer in self._settled or all(term in self.bound for term in load.offset.terms):
                continue
            group = (load.value, frozenset(load.offset.terms.items()))
            if isinstance(const, int) and group in bases:
                base, first = bases[group]
                settled = self._gep(load.value, base, const - first)
            else:
                settled = self.fb.opaque(pointer)
                if isinstance(const, int):
                    bases[group] = settled, const
            self._settled.add(settled)
            self._remember(key, settled)

    def _pointer_key(self, load: Load) -> Any:
        return ("pointer", load.value, load.offset)

    def _advance(self, load: Load, var: LoopVar, value: Operand) -> None:
        c = load.offset.terms.get(var)
        if c is None or (value == 0 and isinstance(value, int)):
            return
        pointer = self._pointer_prefix(load)
        moved = self.fb.mul(value, self.slots.extent(c))
        self._remember(self._pointer_key(load), self._gep(load.value, pointer, moved))

    def _pointer_prefix(self, load: Load) -> str:
        """The address as far as the loops entered so far determine it (terms that are not loop variables left out)."""
        key = self._pointer_key(load)
        known = self._find(key)
        if known is None:
            start = self._gep(load.value, self.slots.pointer(load.value), self.slots.extent(load.offset.const))
            known = self._remember(key, start)
        return str(known)

    def _gep(self, value: Value, pointer: str, offset: Operand) -> str:
        return self.fb.gep(storage_type(value.dtype), pointer, offset)

    def _address(self, load: Load) -> str:
        """The address of the first lane's element."""
        pointer = self._pointer_prefix(load)
        for term, c in load.offset.terms.items():
            if not isinstance(term, LoopVar):
                moved = self.fb.mul(self._term(term), self.slots.extent(c))
                pointer = self._gep(load.value, pointer, moved)
        return pointer

    # -- values -----------------------------------------------------------------------------------------------------
    def value(self, expr: Expr, lanes: int) -> str:
        """The value of an expression: a scalar, or a vector of ``lanes``."""
        return self.scalar(expr) if lanes == 1 else self.vector_of(expr, lanes)

    def scalar(self, expr: Expr) -> str:
        """The value in the first lane, which is that in all lanes where it does not vary."""
        return self._evaluated(expr, 1)

    def _evaluated(self, expr: Expr, lanes: int) -> str:
        """The value of ``expr``, and first those of its operands, from the innermost outwards."""
        known = self._find(("value", id(expr), lanes))
        if known is not None:
            return str(known)
        write = self._scalar if lanes == 1 else self._vector
        stack = [expr]
        while stack:
            e = stack[-1]
            operands = e.children() if isinstance(e, Apply) and (lanes == 1 or self._varies(e)) else ()
            missing = [x for x in operands if self._find(("value", id(x), lanes)) is None]
            if missing:
                stack += reversed(missing)
                continue
            stack.pop()
            if self._find(("value", id(e), lanes)) is None:
                known = self._remember(("value", id(e), lanes), write(e, lanes))
        return str(known)

    def _scalar(self, expr: Expr, lanes: int = 1) -> str:
        fb = self.fb
        if isinstance(expr, Const):
            return literal(expr.number, value_type(expr.dtype))
        if isinstance(expr, Load):
            pointer = self._address(expr)
            condition = self._condition()
            if condition is not None:
                nothing = fb.module.constant("i64", [0])  # the array itself may have no element
                pointer = fb.select(condition, "ptr", pointer, nothing)
            return load_value(fb, expr.dtype, pointer)
        if isinstance(expr, IndexValue):
            return emit_cast(fb, str(self.index(expr.index)), "int64", expr.dtype, 1)
        if isinstance(expr, Apply):
            args = [self.scalar(a) for a in expr.args]
            return emit_elementwise(fb, expr.name, args, [a.dtype for a in expr.args], expr.dtype, 1, expr.params)
        if isinstance(expr, Guard):
            return self._guard(expr, 1)
        if isinstance(expr, Bits):
            k0, k1 = (self.scalar(k) for k in expr.key)
            return emit_random_bits(fb, k0, k1, self.index(expr.index), 1)
        assert isinstance(expr, Accumulated)
        known = self._find(("acc", expr.number, 1))
        assert known is not None, "the reduction's result is asked for before it is there"
        return str(known)

    def vector_of(self, expr: Expr, lanes: int) -> str:
        """The values in ``lanes`` lanes."""
        return self._evaluated(expr, lanes)

    def _vector(self, expr: Expr, lanes: int) -> str:
        fb = self.fb
        ty = value_type(expr.dtype, lanes)
        if isinstance(expr, Const):
            return literal(expr.number, ty)
        if isinstance(expr, Accumulated):
            known = self._find(("acc", expr.number, lanes))
            if known is not None:
                return str(known)
        if not self._varies(expr):
            return fb.splat(self.scalar(expr), value_type(expr.dtype), lanes)
        if isinstance(expr, Load):
            return self._load_vector(expr, lanes)
        if isinstance(expr, IndexValue):
            return emit_cast(fb, self._index_vector(expr.index, lanes), "int64", expr.dtype, lanes)
        if isinstance(expr, Apply):
            args = [self.vector_of(a, lanes) for a in expr.args]
            dtypes = [a.dtype for a in expr.args]
            return emit_elementwise(fb, expr.name, args, dtypes, expr.dtype, lanes, expr.params)
        if isinstance(expr, Guard):
            return self._guard(expr, lanes)
        assert isinstance(expr, Bits)
        k0, k1 = (self.scalar(k) for k in expr.key)
        if self._per_lane(expr.index) == 1:
            return emit_random_bits(fb, k0, k1, self.index(expr.index), lanes)
        return self._by_lane(expr, lanes, lambda i: emit_random_bits(fb, k0, k1, i, 1))

    def _by_lane(self, expr: Bits, lanes: int, one: Any) -> str:
        ty = value_type(expr.dtype, lanes)
        indices = self._index_vector(expr.index, lanes)
        result = "poison"
        for lane in range(lanes):
            index = self.fb.extract(vec("i64", lanes), indices, lane)
            result = self.fb.insert(ty, result, one(index), lane)
        return result

    def _per_lane(self, index: Index) -> Extent | None:
        """How much an index grows from one lane to the next, if that is the same for all."""
        c = index.coefficient(self.vector) if self.vector is not None else 0
        return None if c is None else c * self.step

    def _load_vector(self, load: Load, lanes: int) -> str:
        assert self.vector is not None
        mask = self._lane_mask(lanes)
        if self._per_lane(load.offset) == 1:
            return load_value(self.fb, load.dtype, self._address(load), lanes, mask)
        return self._gather(load, lanes, mask)

    def _gather(self, load: Load, lanes: int, mask: Operand | None) -> str:
        fb = self.fb
        memory = storage_type(load.dtype)
        ty, pointers = vec(memory, lanes), vec("ptr", lanes)
        step = self._per_lane(load.offset)
        if step is None:
            base, offsets = self.slots.pointer(load.value), self._index_vector(load.offset, lanes)
        else:
            base, offsets = self._address(load), self._lane_steps(step, lanes)
        address = fb.let(f"getelementptr {memory}, ptr {base}, {vec('i64', lanes)} {offsets}")
        mask_ty = vec("i1", lanes)
        suffix = f"v{lanes}{_suffix(memory)}.v{lanes}p0"
        arguments: list[tuple[str, Operand]] = [
            (pointers, address), ("i32", max(1, _width(memory))),
            (mask_ty, mask if mask is not None else literal(True, mask_ty)), (ty, literal(0, ty)),
        ]  # fmt: skip
        raw = fb.call(f"llvm.masked.gather.{suffix}", ty, arguments)
        if load.dtype == "bool":
            return fb.cmp("ne", ty, raw, literal(0, ty))
        return decode(fb, load.dtype, raw, lanes)

    # -- guards -----------------------------------------------------------------------------------------------------
    def _condition(self) -> Operand | None:
        """The scalar condition of the guards around what is being written."""
        conditions = [c for c, _ in self._guards if c is not None]
        return conditions[-1] if conditions else None

    def _lane_mask(self, lanes: int) -> Operand | None:
        mask = self.mask
        for condition, lane_mask in self._guards[-1:]:
            if lane_mask is not None:
                mask = lane_mask if mask is None else self.fb.op("and", vec("i1", lanes), mask, lane_mask)
            elif condition is not None:
                splat = self.fb.splat(condition, "i1", lanes)
                mask = splat if mask is None else self.fb.op("and", vec("i1", lanes), mask, splat)
        return mask

    def _guard(self, guard: Guard, lanes: int) -> str:
        fb = self.fb
        mask_ty = vec("i1", lanes)
        outer = self._guards[-1] if self._guards else (None, None)
        scalar: Operand | None = None
        lane: Operand | None = None
        for bound in guard.bounds:
            if lanes > 1 and self.vector is not None and depends(bound.index, self.vector):
                lane = self._and(mask_ty, lane, self._bound_vector(bound, lanes))
            else:
                scalar = self._and("i1", scalar, self._bound(bound))
        own_scalar, own_lane = scalar, lane
        if lanes > 1 and own_lane is not None and own_scalar is not None:
            own_lane = fb.op("and", mask_ty, own_lane, fb.splat(own_scalar, "i1", lanes))
        inner_scalar = self._and("i1", outer[0], own_scalar)
        inner_lane = None
        if lanes > 1 and (own_lane is not None or outer[1] is not None):
            outer_lane = outer[1]
            if outer_lane is None and outer[0] is not None:
                outer_lane = fb.splat(outer[0], "i1", lanes)
            inner_lane = self._and(mask_ty, outer_lane, own_lane)
            if own_lane is None and own_scalar is not None:
                inner_lane = self._and(mask_ty, inner_lane, fb.splat(own_scalar, "i1", lanes))
        self._guards.append((inner_scalar, inner_lane))
        with self.level():
            value = self.value(guard.value, lanes)
        self._guards.pop()
        other = self.value(guard.other, lanes)
        ty = value_type(guard.dtype, lanes)
        if own_lane is not None:
            return fb.select(own_lane, ty, value, other)
        if own_scalar is None:
            return value
        return fb.let(f"select i1 {own_scalar}, {ty} {value}, {ty} {other}")

    def _and(self, ty: str, a: Operand | None, b: Operand | None) -> Operand | None:
        if a is None or b is None:
            return b if a is None else a
        return self.fb.op("and", ty, a, b)

    def _range_of(self, bound: Bound) -> tuple[Operand, Operand]:
        """Where a bound's range starts, and how long it is: at an extent of 0 its end may lie before its start."""
        low, high = self.slots.extent(bound.low), self.slots.extent(bound.high)
        return low, self.fb.max(self.fb.sub(high, low), 0)

    def _bound(self, bound: Bound) -> Operand:
        """``low <= index < high`` as one unsigned comparison."""
        key = ("bound", bound)
        known = self._find(key)
        if known is None:
            fb = self.fb
            low, length = self._range_of(bound)
            inside = fb.sub(self.index(bound.index), low)
            known = fb.cmp("ult", "i64", inside, length)
            if bound.step != 1:
                whole = fb.cmp("eq", "i64", fb.let(f"srem i64 {inside}, {bound.step}"), 0)
                known = fb.op("and", "i1", known, whole)
            self._remember(key, known)
        return known

    def _bound_vector(self, bound: Bound, lanes: int) -> str:
        fb, ty = self.fb, vec("i64", lanes)
        low, length = self._range_of(bound)
        index = self._index_vector(bound.index, lanes)
        inside = fb.op("sub", ty, index, fb.splat(low, "i64", lanes))
        known = fb.cmp("ult", ty, inside, fb.splat(length, "i64", lanes))
        if bound.step != 1:
            rest = fb.op("srem", ty, inside, literal(bound.step, ty))
            known = fb.op("and", vec("i1", lanes), known, fb.cmp("eq", ty, rest, literal(0, ty)))
        return known

    # -- stores -----------------------------------------------------------------------------------------------------
    def stores(self, stores: Iterable[Store], offset: Index, lanes: int) -> None:
        """Write the expressions of ``stores`` to element ``offset`` of their values, or to their own. All are evaluated
        before any is written: they may read what another overwrites."""
        stores = list(stores)
        for s in stores:
            self.value(s.expr, lanes)
        for s in stores:
            self.store(s.value, s.offset or offset, s.expr, lanes)

    def store(self, value: Value, offset: Index, expr: Expr, lanes: int) -> None:
        """Write ``expr`` to element ``offset`` of a stored value, along the vector variable."""
        fb = self.fb
        result = self.value(expr, lanes)
        target = self._targets.get((value, offset))
        if target is not None:
            pointer = self._address(target)
        else:
            pointer = self._gep(value, self.slots.pointer(value), self.index(offset))
        if lanes == 1:
            store_value(fb, value.dtype, result, pointer)
            return
        assert self.vector is not None
        c = self._per_lane(offset)
        if c == 1:
            past = self._past_caches(value, offset, lanes) if self.streams and self.mask is None else None
            store_value(fb, value.dtype, result, pointer, lanes, self.mask, past)
            return
        self._scatter(value.dtype, result, pointer, self.slots.extent(c if c is not None else 0), lanes)

    def _past_caches(self, value: Value, offset: Index, lanes: int) -> str | None:
        """Where vectors of a value go past the caches, see `past_caches`; not of one whose memory is read here, too."""
        memory = self.slots.tables.root(value)
        if any(self.slots.tables.root(load.value) is memory for load in self._loads):
            return None
        nbytes = product(value.shape) * dtypes.itemsize(value.dtype)
        steps = [step for term, step in offset.terms.items() if term is not self.vector]
        return past_caches(self.fb, self.slots, vec(storage_type(value.dtype), lanes), nbytes, steps)

    def _scatter(self, dtype: str, result: str, pointer: str, step: Operand, lanes: int) -> None:
        """Store the lanes of a vector ``step`` elements apart.

        They go by way of the stack: taken out of the register, each lane is code of its own, which a processor runs no
        faster, and LLVM takes longer for than for all else in a short kernel.
        """
        fb, memory = self.fb, storage_type(dtype)
        slot = fb.shared_alloca(vec(memory, lanes))
        store_value(fb, dtype, result, slot, lanes)
        flags = "" if self.mask is None else fb.alloca(vec("i8", lanes))
        if flags:
            fb.store(vec("i8", lanes), fb.cast("zext", self.mask or 0, vec("i1", lanes), vec("i8", lanes)), flags)
        together = min(lanes, 1 if flags else SCATTERED)
        with fb.loop(0, lanes, together) as first:
            for lane in (fb.add(first, i) for i in range(together)):
                with ExitStack() as stack:
                    if flags:
                        flag = fb.load("i8", fb.gep("i8", flags, lane))
                        stack.enter_context(fb.if_(fb.cmp("ne", "i8", flag, 0)))
                    item = fb.load(memory, fb.gep(memory, slot, lane))
                    fb.store(memory, item, fb.gep(memory, pointer, fb.mul(lane, step)))


def _suffix(memory: str) -> str:
    return {"float": "f32", "double": "f64"}.get(memory, memory)


def _width(memory: str) -> int:
    return {"float": 4, "double": 8}.get(memory) or int(memory[1:]) // 8


def _postorder(roots: Iterable[Expr]) -> list[Expr]:
    """What is below ``roots``, each once, after what it is computed from."""
    order: list[Expr] = []
    seen: set[int] = set()
    for root in roots:
        stack = [] if id(root) in seen else [(root, iter(_below(root)))]
        seen.add(id(root))
        while stack:
            _, rest = stack[-1]
            child = next((c for c in rest if id(c) not in seen), None)
            if child is None:
                order.append(stack.pop()[0])
            else:
                seen.add(id(child))
                stack.append((child, iter(_below(child))))
    return order


def _below(expr: Expr) -> list[Expr]:
    """The expressions that ``expr`` is computed from, those in its indices after its children."""
    found = list(expr.children())
    for index in expr.indices():
        for term in index.terms:
            _visit_term(term, found.append)
    return found


def _visit_term(term: Any, visit: Any) -> None:
    if isinstance(term, Loaded):
        visit(term.expr)
    elif isinstance(term, (Quotient, Remainder)):
        for inner in term.index.terms:
            _visit_term(inner, visit)


def _unguarded(roots: Iterable[Expr]) -> set[int]:
    """Expressions that are computed whatever guards say (they may be computed early)."""
    found: set[int] = set()
    stack = list(roots)
    while stack:
        expr = stack.pop()
        if id(expr) in found:
            continue
        found.add(id(expr))
        if isinstance(expr, Guard):
            stack.append(expr.other)
            for index in expr.indices():
                for term in index.terms:
                    _visit_term(term, stack.append)
            continue
        stack.extend(_below(expr))
    return found
