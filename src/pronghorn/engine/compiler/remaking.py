"""Which stored values are better made again by those who use them, so that memory and its traffic are saved.

The error function in a GELU, or the sigmoid in a SiLU, is needed forwards and backwards, and where it is needed, so is
what it is made of. Stored, it is one more array of that size to write, to keep and to read; made again, a few cycles.
So are the exponentials of logits: where they are needed, the logits may be read in their place.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from pronghorn.engine.compiler.costs import FAR_CYCLES, MOST_CYCLES, MOST_REMAKING_USERS, typical
from pronghorn.engine.compiler.lowering import REDUCTIONS, is_virtual
from pronghorn.engine.graph import dtypes
from pronghorn.engine.graph.dim import product
from pronghorn.engine.graph.ir import Graph, Node, Value, users_of
from pronghorn.engine.runtime.host import Target


def make_again(graph: Graph, stored: set[Value], reused: Mapping[Value, int], target: Target) -> None:
    """Take large, cheap values out of ``stored``: each user computes such a value again.

    A value is taken out if it is larger than the second-level cache, if computing it again costs less than reading it
    from memory, and if each user then reads at most one large array in its place.

    Args:
        graph: the graph.
        stored: the values that have a buffer.
        reused: those that have one because several users would each compute them, and the cycles of an element.
        target: the machine.
    """
    large = {v: cycles for v, cycles in reused.items() if v in stored and _nbytes(v) > target.l2_bytes}
    if not large:
        return
    users, outputs = users_of(graph), set(graph.outputs)
    for value, cycles in large.items():
        if value in outputs or value.node is None:
            continue
        readers = list(_readers(value, users, stored))
        if len(readers) > MOST_REMAKING_USERS or None in readers:
            continue
        read, virtual = _reads(value.node, stored, value)
        cycles += sum(large[v] for v in virtual if v in large)  # what is made again for this one, too
        far = FAR_CYCLES * dtypes.itemsize(value.dtype)
        if cycles * (len(readers) - 1) > far or cycles > MOST_CYCLES:
            continue
        made_of = {v for v in read if 2 * _nbytes(v) > _nbytes(value)}
        if all(len(made_of - _reads(node, stored, value)[0]) <= 1 for node in readers if node is not None):
            stored.remove(value)


def _nbytes(value: Value) -> int:
    return typical(product(value.shape)) * dtypes.itemsize(value.dtype)


def _readers(value: Value, users: Mapping[Value, list[Node]], stored: set[Value]) -> Iterator[Node | None]:
    """The nodes in whose kernels a value would be computed, each once; None for one that this knows nothing of."""
    found: set[Node] = set()
    waiting = [value]
    while waiting:
        for node in users.get(waiting.pop(), ()):
            if node in found:
                continue
            found.add(node)
            if is_virtual(node) and node.outputs[0] not in stored:
                if node.prim.elementwise:
                    waiting.append(node.outputs[0])
                else:
                    yield None
            else:
                yield node if node.prim.elementwise or node.prim.name in REDUCTIONS else None


def _reads(node: Node, stored: set[Value], without: Value) -> tuple[set[Value], set[Value]]:
    """The stored values that a node's output is computed from, but for one; and the others on the way to them."""
    found: set[Value] = set()
    seen: set[Value] = set()
    waiting = list(node.inputs)
    while waiting:
        value = waiting.pop()
        if value in seen or value is without:
            continue
        seen.add(value)
        if value in stored or value.node is None:
            found.add(value)
        else:
            waiting.extend(value.node.inputs)
    return found, seen - found
