"""Stage *fuse*: a graph becomes a list of kernels.

Each stored value is computed by one kernel. An elementwise value joins the kernel that made its operands when both run
over the same elements (as the epilogue of a contraction or reduction, or as one more store of a loop), so that it is
computed from registers.
"""

from __future__ import annotations

import functools

from pronghorn.engine.compiler.contractions import covers, parts_of
from pronghorn.engine.compiler.costs import LOOK_BACK, MOST_CODE, MOST_READ, MOST_STORES, MOST_SUMS, POOLED_CHUNKS
from pronghorn.engine.compiler.expr import Accumulated, Const, Expr, Index, Load, LoopVar, walk
from pronghorn.engine.compiler.kernels import (
    ContractionKernel,
    Kernel,
    LoopKernel,
    Nest,
    NodeKernel,
    PooledKernel,
    PooledOperands,
    Program,
    Reduction,
    Store,
)
from pronghorn.engine.compiler.lowering import (
    CONTRACTIONS,
    REDUCTIONS,
    Lowering,
    is_virtual,
    view_of,
)
from pronghorn.engine.compiler.pooled import pooled_operands
from pronghorn.engine.compiler.reductions import (
    chosen_element,
    is_axis_reduction,
    joined_reduction,
    reduction_of,
    split_reduction,
)
from pronghorn.engine.compiler.storing import choose_stored, code_of, operands_in_memory
from pronghorn.engine.compiler.virtual import VIRTUAL, linear, reshape_index
from pronghorn.engine.graph import primitives as P
from pronghorn.engine.graph.dim import Shape
from pronghorn.engine.graph.dtypes import LOW_PRECISION
from pronghorn.engine.graph.ir import Aval, Graph, Node, Value, users_of
from pronghorn.engine.graph.regions import starts_again
from pronghorn.engine.runtime.host import Target


class Scheduler:
    """Builds the kernels of one graph."""

    def __init__(self, graph: Graph, target: Target):
        self.graph, self.target = graph, target
        self.stored = choose_stored(graph, target)
        self.kernels: list[Kernel] = []
        self.made_by: dict[Value, int] = {}
        self.lowerings: dict[int, Lowering] = {}
        self._loaded: dict[int, tuple[int, set[Value]]] = {}
        self._earliest: dict[Value, int] = {}  # the first kernel that may make what is computed again

    def run(self) -> Program:
        """The program."""
        for node in inputs_first(self.graph):
            self._note_earliest(node)
            if is_virtual(node):
                (value,) = node.outputs
                if value in self.stored:
                    self._map(value, node)
            elif node.prim.name in CONTRACTIONS:
                self._contraction(node)
            elif node.prim.name in REDUCTIONS or node.prim.name == "unpool":
                self._reduction(node)
            elif node.prim.name != "constant":
                self._special(node)
        self._drop_dead_stores()
        self._add_frames()
        aliases = {value: place.whole for value, place in self.stored.places.items()}
        for node in self.graph.nodes:
            for v in node.outputs:
                root = view_of(v, self.stored)
                if root is not None and root is not v:
                    aliases[v] = root
        return Program(self.graph, self.kernels, aliases)

    def _note_earliest(self, node: Node) -> None:
        if starts_again(node):
            self._earliest[node.outputs[0]] = len(self.kernels)
        elif self._earliest:
            first = max((self._earliest.get(v, 0) for v in node.inputs), default=0)
            if first:
                self._earliest.update(dict.fromkeys(node.outputs, first))

    def _drop_dead_stores(self) -> None:
        """Leave out stores that nothing reads, and kernels that are left with none."""
        needed = {view_of(v, self.stored) or v for v in self.graph.outputs}
        needed.update(part for part, place in self.stored.places.items() if place.whole in needed)
        kept = []
        for kernel in reversed(self.kernels):
            if isinstance(kernel, Nest):
                kernel.stores = [s for s in kernel.stores if s.value in needed]
                if not kernel.stores:
                    continue
            if not isinstance(kernel, PooledKernel):
                kernel.reads, kernel.writes = self._memory(kernel)
            needed |= kernel.reads
            needed.update(part for v in kernel.reads & self.stored.frames.keys() for part in self.stored.parts(v))
            kept.append(kernel)
        self.kernels = kept[::-1]

    def _add_frames(self) -> None:
        """Have borders filled before the first part of what they surround is written: no later than needed, and with no
        barrier of its own, since whatever that part waits for is waited for anyway."""
        framed: set[Value] = set()
        kernels: list[Kernel] = []
        for kernel in self.kernels:
            for part in kernel.writes:
                place = self.stored.places.get(part)
                if place is not None and place.whole not in framed:
                    framed.add(place.whole)
                    kernels += [self._border(sides, place.whole) for sides in self.stored.frames[place.whole].borders]
            kernels.append(kernel)
        self.kernels = kernels

    def _border(self, sides: tuple[Value, ...], whole: Value) -> Kernel:
        """Zeros in parts of ``whole``, of one shape."""
        vars = self._vars(sides[0].shape)
        stores = [self._store_at(side, Const(0, side.dtype), vars) for side in sides]
        scope = whole.node.scope if whole.node is not None else ""
        return LoopKernel(vars=vars, stores=stores, writes=set(sides), scope=scope)

    # -- making kernels ---------------------------------------------------------------------------------------------
    def _new(self, kernel: Kernel, lowering: Lowering, outputs: list[Value]) -> None:
        number = len(self.kernels)
        self.kernels.append(kernel)
        self.lowerings[number] = lowering
        for v in outputs:
            self.made_by[v] = number

    def _vars(self, shape: Shape) -> tuple[LoopVar, ...]:
        return tuple(LoopVar(f"i{a}", e) for a, e in enumerate(shape))

    def _store_at(self, value: Value, expr: Expr, vars: tuple[LoopVar, ...]) -> Store:
        inside = value in self.stored.places
        return Store(value, expr, self.stored.offset(value, tuple(map(Index.of, vars))) if inside else None)

    def _copy_part(self, part: Value, source: Value, scope: str) -> None:
        """A part of a larger array that is a copy of ``source``, or computed like it."""
        if self._store_twice(part, source):
            return
        lowering, vars = Lowering(self.graph, self.stored), self._vars(part.shape)
        expr = lowering.element(source, tuple(map(Index.of, vars)))
        self._new(LoopKernel(vars=vars, stores=[self._store_at(part, expr, vars)], scope=scope), lowering, [part])

    def _store_twice(self, part: Value, source: Value) -> bool:
        """Have the kernel that computes ``source`` store it in ``part``, too, where it has it in registers."""
        number = self.made_by.get(source, -1)
        lowering = self.lowerings.get(number)
        if lowering is None:
            return False
        kernel = self.kernels[number]
        if not isinstance(kernel, LoopKernel) or kernel.domain != part.shape:
            return False
        index, expr = lowering.computed.get(source, ((), None))
        if expr is None or index != tuple(map(Index.of, kernel.vars)) or len(kernel.stores) >= MOST_STORES:
            return False
        kernel.stores.append(self._store_at(part, expr, kernel.vars))
        self.made_by[part] = number
        return True

    def _map(self, value: Value, node: Node) -> None:
        frame = self.stored.frames.get(value)
        if frame is not None:
            for part, source in frame.copies:
                self._copy_part(part, source, node.scope)
            self.made_by[value] = max(self.made_by.get(part, -1) for part in self.stored.parts(value))
            return
        if self._join(value, node):
            return
        lowering = Lowering(self.graph, self.stored)
        vars = self._vars(value.shape)
        index = tuple(map(Index.of, vars))
        expr = _virtual_element(lowering, value, node, index)
        kernel = LoopKernel(vars=vars, stores=[self._store_at(value, expr, vars)], scope=node.scope)
        lowering.computed[value] = (index, expr)
        self._new(kernel, lowering, [value])

    def _join(self, value: Value, node: Node) -> bool:
        """Add ``value`` to an earlier kernel over the same elements, where it may go and something is gained."""
        probe = Lowering(self.graph, self.stored)
        index = tuple(map(Index.of, self._vars(value.shape)))
        loads = {e.value for e in walk(_virtual_element(probe, value, node, index)) if isinstance(e, Load)}
        last = max((self.made_by.get(v, -1) for v in loads), default=-1)
        last = max(last, self._earliest.get(value, 0))
        candidates = sorted({self.made_by[v] for v in loads if v in self.made_by}, reverse=True)
        recent = range(len(self.kernels) - 1, max(-1, len(self.kernels) - LOOK_BACK), -1)
        candidates += [k for k in recent if k not in candidates and loads & self._loads(k)]
        return any(number >= last and self._join_kernel(number, value, node) for number in candidates)

    def _loads(self, number: int) -> set[Value]:
        """The arrays that a kernel reads."""
        kernel = self.kernels[number]
        roots = _roots(kernel)
        known, loads = self._loaded.get(number, (-1, set()))
        if known != len(roots):
            loads = {e.value for e in walk(*roots) if isinstance(e, Load) and e.value.shape}
            self._loaded[number] = (len(roots), loads)
        return loads

    def _join_kernel(self, number: int, value: Value, node: Node) -> bool:
        kernel, lowering = self.kernels[number], self.lowerings.get(number)
        if lowering is None or not isinstance(kernel, Nest) or kernel.domain != value.shape:
            return False
        if isinstance(kernel, ContractionKernel) and kernel.zero_first:
            return False
        if len(kernel.stores) >= MOST_STORES:
            return False
        index = tuple(map(Index.of, kernel.vars))
        expr = _virtual_element(lowering, value, node, index)
        own = {s.value for s in kernel.stores} | set(kernel.accumulated)
        own.update(self.stored.places[v].whole for v in own & self.stored.places.keys())
        if any(isinstance(e, Load) and e.value in own for e in walk(expr)):
            return False  # reads other elements of what this kernel makes
        below = list(walk(expr, *_roots(kernel)))
        if sum(map(code_of, below)) > MOST_CODE or len({e.value for e in below if isinstance(e, Load)}) > MOST_READ:
            return False
        kernel.stores.append(self._store_at(value, expr, kernel.vars))
        lowering.computed[value] = (index, expr)
        self.made_by[value] = number
        return True

    def _accumulate(self, kernel: Nest, lowering: Lowering, value: Value, number: int = 0) -> None:
        expr = Accumulated(number, value.dtype, kernel.vars)
        kernel.accumulated.append(value)
        kernel.stores.append(self._store_at(value, expr, kernel.vars))
        lowering.computed[value] = (tuple(map(Index.of, kernel.vars)), expr)

    def _pooled(self, node: Node, operands: PooledOperands) -> None:
        """A convolution's gradient from pooled values: a kernel of its own; filter gradients in chunks that are
        summed."""
        (value,) = node.outputs
        kernel = PooledKernel(node=node, operands=operands, scope=node.scope)
        kernel.reads = {view_of(v, self.stored) or v for v in operands.arrays()}
        if node.prim.name == "conv_input_grad":
            kernel.writes = {value}
            self._new(kernel, Lowering(self.graph, self.stored), [value])
            return
        *spatial, ci, co = value.shape
        turned = (co, *spatial, ci)  # as the kernel has it: summed first, then turned, everything is read in order
        dtype = "float32" if value.dtype in LOW_PRECISION else value.dtype
        partial = self._buffer((POOLED_CHUNKS, *turned), dtype)
        kernel.writes = {partial}
        self._new(kernel, Lowering(self.graph, self.stored), [partial])
        total = self._buffer(turned, dtype)
        lowering, vars, chunk = Lowering(self.graph, self.stored), self._vars(turned), LoopVar("chunk", POOLED_CHUNKS)
        element = lowering.element(partial, (Index.of(chunk), *map(Index.of, vars)))
        sums = LoopKernel(vars=vars, reductions=[Reduction("sum", element, (chunk,), dtype)], scope=node.scope)
        self._accumulate(sums, lowering, total)
        self._new(sums, lowering, [total])
        self._turn(node, total, value)

    def _buffer(self, shape: Shape, dtype: str) -> Value:
        value = Value(Aval(shape, dtype), self.graph)
        self.stored.add(value)
        return value

    def _turn(self, node: Node, source: Value, value: Value) -> None:
        """``value`` from ``source``, which has its last axis first."""
        lowering, vars = Lowering(self.graph, self.stored), self._vars(value.shape)
        *where, channel = map(Index.of, vars)
        expr = lowering.element(source, (channel, *where))
        expr = lowering.apply("cast", (expr,), value.dtype, {"dtype": value.dtype})
        lowering.computed[value] = (tuple(map(Index.of, vars)), expr)
        self._new(
            LoopKernel(vars=vars, stores=[self._store_at(value, expr, vars)], scope=node.scope), lowering, [value]
        )

    def _contraction(self, node: Node) -> None:
        (value,) = node.outputs
        pooled = pooled_operands(node, self.target)
        if pooled is not None:
            self._pooled(node, pooled)
            return
        parts = parts_of(node, self.stored)
        if parts is None:
            self._reduction(node)
            return
        vars = self._vars(value.shape)
        zero_first = node.prim.name == "conv_input_grad" and not covers(node)
        kernel = ContractionKernel(vars=vars, parts=parts, zero_first=zero_first, node=node, scope=node.scope)
        lowering = Lowering(self.graph, self.stored)
        self._accumulate(kernel, lowering, value)
        self._new(kernel, lowering, [value])

    def _reduction(self, node: Node) -> None:
        (value,) = node.outputs
        lowering = Lowering(self.graph, self.stored)
        vars = self._vars(value.shape)
        index = tuple(map(Index.of, vars))
        reduction = reduction_of(lowering, node, index)
        chosen = chosen_element(lowering, node, index, reduction)
        if chosen is not None:
            lowering.computed[value] = (index, chosen)
            kernel = LoopKernel(vars=vars, stores=[self._store_at(value, chosen, vars)], scope=node.scope)
            self._new(kernel, lowering, [value])
            return
        split = split_reduction(reduction, vars, value)
        if split is not None:
            first, partial = split
            self.stored.add(partial)
            if not self._join_sums(node, partial):
                self._new(first, lowering, [partial])
            lowering = Lowering(self.graph, self.stored)
            reduction = _combine(lowering, reduction, partial, vars)
        kernel = LoopKernel(vars=vars, reductions=[reduction], node=node, scope=node.scope)
        self._accumulate(kernel, lowering, value)
        self._new(kernel, lowering, [value])

    def _join_sums(self, node: Node, partial: Value) -> bool:
        """Have an earlier kernel of partial sums over the same elements make ``partial``, too, if it reads the same."""
        if not is_axis_reduction(node):
            return False
        (x,) = node.inputs
        earliest = self._earliest.get(node.outputs[0], 0)
        for number in range(len(self.kernels) - 1, max(earliest - 1, len(self.kernels) - LOOK_BACK), -1):
            kernel = self.kernels[number]
            if not isinstance(kernel, LoopKernel) or not kernel.reductions or kernel.domain != partial.shape:
                continue
            (_, *rest), lowering, first = kernel.vars, self.lowerings[number], kernel.reductions[0]
            if first.chunk is None or len(kernel.reductions) >= MOST_SUMS:
                continue
            reduction = joined_reduction(lowering, node, tuple(map(Index.of, rest)), first)
            if reduction is None:
                continue
            below = list(walk(reduction.element, *_roots(kernel)))
            loads = {e.value for e in walk(reduction.element) if isinstance(e, Load)}
            whole = {v for v in loads & self._loads(number) if v.shape == x.shape}
            if not whole or any(self.made_by.get(v, -1) >= number for v in loads):
                continue
            if sum(map(code_of, below)) > MOST_CODE or len({e.value for e in below if isinstance(e, Load)}) > MOST_READ:
                continue
            kernel.stores.append(Store(partial, Accumulated(len(kernel.reductions), partial.dtype, kernel.vars)))
            kernel.reductions.append(reduction)
            self.made_by[partial] = number
            return True
        return False

    def _special(self, node: Node) -> None:
        kernel = NodeKernel(node=node, scope=node.scope, leading=self._leading(node))
        self._new(kernel, Lowering(self.graph, self.stored), list(node.outputs))
        del self.lowerings[len(self.kernels) - 1]

    @functools.cached_property
    def _users(self) -> dict[Value, list[Node]]:
        return users_of(self.graph)

    def _leading(self, node: Node) -> int | None:
        """How many elements of a sorted row anything reads, if it is the first few: as many as `top_k` asks for."""
        if node.prim is not P.sort or any(v in self.graph.outputs for v in node.outputs):
            return None
        axis, most = node.params["axis"], 0
        for reader in (reader for v in node.outputs for reader in self._users.get(v, ())):
            if reader.prim is not P.slice_ or reader.params["start"][axis] != 0 or reader.params["stride"][axis] != 1:
                return None
            limit = reader.params["limit"][axis]
            if not isinstance(limit, int):
                return None
            most = max(most, limit)
        return most

    def _memory(self, kernel: Kernel) -> tuple[set[Value], set[Value]]:
        """Stored values that the kernel reads and writes."""
        if isinstance(kernel, NodeKernel):
            reads = {view_of(v, self.stored) or v for v in operands_in_memory(kernel.node)}
            return reads, set(kernel.node.outputs)
        assert isinstance(kernel, Nest)
        reads = {e.value for e in walk(*_roots(kernel)) if isinstance(e, Load)}
        if isinstance(kernel, ContractionKernel):
            reads |= {v for part in kernel.parts for v in (part.a, part.b)}
            reads.update(*(part.halves.reads() for part in kernel.parts if part.halves is not None))
        return reads, {s.value for s in kernel.stores}


def _roots(kernel: Kernel) -> list[Expr]:
    """The expressions that a kernel computes."""
    stored = [s.expr for s in kernel.stores] if isinstance(kernel, Nest) else []
    return stored + ([r.element for r in kernel.reductions] if isinstance(kernel, LoopKernel) else [])


def inputs_first(graph: Graph) -> list[Node]:
    """The nodes, in front of the others those that only bring inputs into another dtype, and single numbers made of
    inputs and of nothing else.

    In mixed precision a weight is converted where it is used, such as a bias after the product that it is added to;
    done before, the addition can be the product's epilogue. So can an optimizer's update, if what it asks of the number
    of steps is known. Where something is computed again, casts of what it reads come first, and no earlier.
    """
    first: list[Node] = []
    among: dict[Value, list[Node]] = dict.fromkeys(graph.inputs, first)
    parts: list[list[Node]] = [first, []]
    for node in graph.nodes:
        place = parts[-1]
        if starts_again(node):
            if parts[-1]:
                parts += [[], []]
            place = parts[-2]
        elif node.prim.name in ("cast", "reshape", "stop_gradient"):
            place = among.get(node.inputs[0], place)
        elif _is_number(node) and all(among.get(v) is first for v in node.inputs):
            place = first
        if place is not parts[-1]:
            among.update(dict.fromkeys(node.outputs, place))
        place.append(node)
    return [node for part in parts for node in part]


def _is_number(node: Node) -> bool:
    return (node.prim.elementwise or node.prim.name == "constant") and node.outputs[0].shape == ()


def _virtual_element(lowering: Lowering, value: Value, node: Node, index: tuple[Index, ...]) -> Expr:
    """How a stored value that needs no kernel of its own is computed."""
    source = view_of(node.inputs[0], lowering.stored) if node.prim.name == "reshape" else None
    if source is not None:
        return lowering.element(source, reshape_index(index, value.shape, source.shape))
    return VIRTUAL[node.prim.name](lowering, node, index)


def _combine(lowering: Lowering, reduction: Reduction, partial: Value, vars: tuple[LoopVar, ...]) -> Reduction:
    """The second half of a split reduction: over the chunks' partial results."""
    chunk = LoopVar("chunk", partial.shape[0])
    element = lowering.element(partial, (Index.of(chunk), *map(Index.of, vars)))
    return Reduction(reduction.op, element, (chunk,), reduction.dtype)


def copy_kernel(source: Value, target: Value) -> Kernel:
    """``target = source``, both stored."""
    vars = tuple(LoopVar(f"i{a}", e) for a, e in enumerate(target.shape))
    offset = linear(tuple(map(Index.of, vars)), target.shape)
    kernel = LoopKernel(vars=vars, stores=[Store(target, Load(source, offset))])
    kernel.reads, kernel.writes = {source}, {target}
    return kernel


def fill_kernel(target: Value) -> Kernel:
    """``target = 0``."""
    vars = tuple(LoopVar(f"i{a}", e) for a, e in enumerate(target.shape))
    kernel = LoopKernel(vars=vars, stores=[Store(target, Const(0, target.dtype))])
    kernel.writes = {target}
    return kernel


def fuse(graph: Graph, target: Target) -> Program:
    """The graph as kernels."""
    return Scheduler(graph, target).run()
