"""Which values get a buffer; the others are computed where they are used, or are views."""

from __future__ import annotations

from collections.abc import Container

from pronghorn.engine.compiler.contractions import covers, narrower, parts_of, strided_view
from pronghorn.engine.compiler.costs import DEEPEST, MOST_CYCLES, MOST_READ, MOVES, RANDOM_CODE, REUSED_CYCLES, cost_of
from pronghorn.engine.compiler.derivatives import derivatives_to_keep
from pronghorn.engine.compiler.expr import Apply, Bits, Expr, Index, LoopVar, Quotient, Remainder
from pronghorn.engine.compiler.half_bytes import half_bytes, made_of_half_bytes
from pronghorn.engine.compiler.lowering import CONTRACTIONS, REDUCTIONS, is_virtual
from pronghorn.engine.compiler.placing import place_parts
from pronghorn.engine.compiler.pooled import pooled_operands
from pronghorn.engine.compiler.remaking import make_again
from pronghorn.engine.compiler.storage import Storage
from pronghorn.engine.compiler.virtual import reshape_index
from pronghorn.engine.graph.dim import Extent
from pronghorn.engine.graph.ir import Graph, Node, Value
from pronghorn.engine.graph.regions import starts_again
from pronghorn.engine.runtime.host import Target

# How many levels a primitive adds, if not one: a guard takes more (and a concatenation has one for each piece).
LEVELS = {"pad": 8, "dynamic_update_slice": 8, "unpool": 8, "pool_gather": 8, "concatenate": 2}


def choose_stored(graph: Graph, target: Target) -> Storage:
    """The values that get a buffer.

    Stored are: inputs, outputs of nodes that are kernels of their own, the operands of those (a contraction reads its
    operands many times), and virtual values that would be computed again and again: expensive ones with several
    users or behind a broadcast, those for which their users would read more than once what they are made of, and
    whatever lies behind a reshape that would need quotients to look through. Not stored is what a product reads as
    halves of bytes.
    """
    stored = Storage(graph.inputs)
    unpacked, matrices = made_of_half_bytes(graph)
    uses = _uses(graph)
    for value in graph.outputs:
        _store(value, stored)
    _cut_deep(graph, stored, unpacked)
    for node in graph.nodes:
        if starts_again(node):  # else all that its operand is made of would be kept for it
            _store(node.inputs[0], stored)
        if not is_virtual(node):
            stored.update(v for v in node.outputs)
            if node.prim.name in CONTRACTIONS:
                _store_operands(node, stored, target, matrices)
            elif node.prim.name not in REDUCTIONS or node.prim.family == "window":
                for operand in operands_in_memory(node):
                    _store(operand, stored)
    cost: dict[Value, int] = dict.fromkeys(stored, 0)
    reads: dict[Value, frozenset[Value]] = {}
    reused: dict[Value, int] = {}
    # in order, so that what an operand costs is known when its user is looked at
    for node in graph.nodes:
        for value in node.outputs:
            if value in stored:
                cost[value] = 0
        if not is_virtual(node):
            continue
        (value,) = node.outputs
        if value not in stored and value not in unpacked:
            reused.update(_consider(node, value, stored, cost, uses))
            _consider_reads(node, value, stored, reads, uses, target)
    for derivative, beneath in derivatives_to_keep(graph, stored):
        stored.add(derivative)
        stored.difference_update(reused.keys() & beneath)
    make_again(graph, stored, reused, target)
    for value, node in matrices.items():
        if half_bytes(node, value, stored) is None:  # something on the way to it is stored after all
            _store(value, stored)
    place_parts(graph, stored, target)
    return stored


def _cut_deep(graph: Graph, stored: set[Value], unpacked: set[Value]) -> None:
    """Store values so that no chain of virtual ones is longer than `DEEPEST`."""
    depth: dict[Value, int] = {}
    for node in graph.nodes:
        if not is_virtual(node):
            continue
        own = LEVELS.get(node.prim.name, 1) * (len(node.inputs) if node.prim.name == "concatenate" else 1)
        for v in node.inputs:
            if own + depth.get(v, 0) > DEEPEST and depth[v] and v not in unpacked:
                _store(v, stored)
                depth[v] = 0
        depth[node.outputs[0]] = own + max((depth.get(v, 0) for v in node.inputs if v not in stored), default=0)


def code_of(expr: Expr) -> int:
    """About how much code an expression takes besides its operands', in additions."""
    if isinstance(expr, Bits):
        return RANDOM_CODE
    return cost_of(expr.name) if isinstance(expr, Apply) else 1


def operands_in_memory(node: Node) -> list[Value]:
    """The operands that a special kernel reads: a scatter into zeros makes these itself."""
    return node.inputs[1:] if node.prim.name == "scatter" and is_zeros(node.inputs[0]) else node.inputs


def is_zeros(value: Value) -> bool:
    """Whether a value is an array of (positive) zeros."""
    node = value.node
    while node is not None and node.prim.name == "broadcast_in_dim":
        node = node.inputs[0].node
    return node is not None and node.prim.name == "constant" and not any(node.params["value"].tobytes())


def _consider(
    node: Node, value: Value, stored: set[Value], cost: dict[Value, int], uses: dict[Value, int]
) -> dict[Value, int]:
    """Store what is too expensive to be virtual; gives ``value`` and its cost where it is only so for all its users."""
    name = node.prim.name
    own = cost_of(name)
    operand_costs = [0 if v in stored else cost.get(v, 0) for v in node.inputs]
    if name in ("broadcast_in_dim", "reshape"):
        (x,) = node.inputs
        grows = (
            name == "broadcast_in_dim" and any(a != value.shape[d] for a, d in zip(x.shape, node.params["dims"]))
        ) or (name == "broadcast_in_dim" and len(x.shape) < len(value.shape))
        splits = name == "reshape" and not _affine_reshape(value.shape, x.shape)
        if (grows or splits) and operand_costs[0] > 0:
            _store(x, stored)
            cost[x] = 0
            operand_costs = [0]
    total = own + sum(operand_costs)
    if (uses[value] > 1 and total >= REUSED_CYCLES) or total > MOST_CYCLES:
        stored.add(value)
        cost[value] = 0
        return {value: total} if total <= MOST_CYCLES else {}
    cost[value] = total
    return {}


def _consider_reads(
    node: Node,
    value: Value,
    stored: set[Value],
    reads: dict[Value, frozenset[Value]],
    uses: dict[Value, int],
    target: Target,
) -> None:
    """Store what several users would each compute from several arrays of its own size, if that is less to read."""
    if value in stored:
        return
    found: set[Value] = set()
    for operand in node.inputs:
        if operand in stored:
            found |= {operand} if len(operand.shape) >= len(value.shape) else set()
        else:
            found |= {v for v in reads.get(operand, ()) if len(v.shape) >= len(value.shape)}
    many, readers = len(found), uses[value]
    if many > 1 and readers > 1 and _ends_a_product(node, value, uses, target):
        stored.add(value)
    if many > MOST_READ:
        stored.add(value)
    if node.prim.elementwise and many * readers > many + 1 + readers:  # reads, or reads and a write
        stored.add(value)
    reads[value] = frozenset(found)


def _ends_a_product(node: Node, value: Value, uses: dict[Value, int], target: Target) -> bool:
    """Whether ``value`` is all that a contraction's result is needed for: it is then written in that one's place."""
    if not node.prim.elementwise:
        return False
    for operand in node.inputs:
        maker = operand.node
        if maker is None or uses[operand] > 1 or len(operand.shape) < len(value.shape):
            continue
        if _takes_an_epilogue(maker, target) or _ends_a_product(maker, value, uses, target):
            return True
    return False


def _takes_an_epilogue(node: Node, target: Target) -> bool:
    """Whether a contraction's kernel computes what follows it, too."""
    if node.prim.name not in CONTRACTIONS or pooled_operands(node, target) is not None:
        return False
    return node.prim.name != "conv_input_grad" or covers(node)


def _store_operands(node: Node, stored: Storage, target: Target, unpacked: Container[Value]) -> None:
    """A contraction reads strided views of buffers, and those in ``unpacked``; other operands are stored."""
    pooled = pooled_operands(node, target)
    if pooled is not None:
        for operand in pooled.arrays():
            _store(operand, stored)
        return
    for operand in node.inputs:
        if operand not in unpacked and strided_view(operand, stored) is None:
            operand = narrower(operand, stored)
            _store(_padded_rows(operand) or operand, stored)
    parts = parts_of(node, stored)
    for part in parts or ():
        if any(
            axis.a == 0 and axis.b == 0 and axis.extent != 1 for axis in part.axes
        ):  # both broadcast: one has to be real
            for operand in node.inputs:
                _store(operand, stored)


def _padded_rows(value: Value) -> Value | None:
    """The padded array that ``value`` is a part of, if it is: rows are padded so that they are read from there."""
    node = value.node
    if node is None or node.prim.name != "slice" or node.inputs[0].node is None:
        return None
    return node.inputs[0] if node.inputs[0].node.prim.name == "pad" else None


def _affine_reshape(shape: tuple[Extent, ...], into: tuple[Extent, ...]) -> bool:
    """Whether the indices before the reshape are affine in those after it."""
    index = tuple(Index.of(LoopVar(f"r{i}", e)) for i, e in enumerate(shape))
    inner = reshape_index(index, shape, into)
    if inner is None:
        return False
    return not any(isinstance(t, (Quotient, Remainder)) for i in inner for t in i.terms)


def _store(value: Value, stored: set[Value]) -> None:
    """Store ``value``, or what it is a reshape of."""
    while value not in stored:
        node = value.node
        if node is None or node.prim.name not in ("reshape", "stop_gradient"):
            stored.add(value)
            return
        value = node.inputs[0]


def _uses(graph: Graph) -> dict[Value, int]:
    """How many nodes (or outputs) use a value, looking through moves."""
    uses: dict[Value, int] = dict.fromkeys(graph.inputs, 0)
    for node in graph.nodes:
        for v in node.outputs:
            uses[v] = 0
    for v in graph.outputs:
        uses[v] += 1
    for node in reversed(graph.nodes):
        passes = max((uses[v] for v in node.outputs), default=0) if node.prim.name in MOVES else 1
        for v in node.inputs:
            uses[v] += passes
    return uses
