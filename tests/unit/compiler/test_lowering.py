"""Which values lie in memory."""

from pronghorn.compiler.storing import choose_stored
from pronghorn.graph import primitives as P
from pronghorn.graph.ir import Aval
from pronghorn.graph.trace import trace
from pronghorn.runtime.host import host_target

SHAPE = (64, 32)


def stored_sums(many, readers):
    """How many sums of ``many`` arrays are stored that ``readers`` reductions and products read."""

    def function(*arrays):
        total = arrays[0]
        for array in arrays[1:]:
            total = P.add(total, array)
        return [P.reduce_sum(P.neg(total) if reader % 2 else P.abs(total), axes=(reader,)) for reader in range(readers)]

    graph = trace(function, [Aval(SHAPE, "float32")] * many).graph
    sums = [n.outputs[0] for n in graph.nodes if n.prim is P.add]
    return len(choose_stored(graph, host_target()) & set(sums))


def test_a_sum_is_stored_where_that_is_less_to_read():
    assert stored_sums(many=6, readers=2) == 1  # 12 reads, or 8 and a write


def test_a_sum_is_computed_where_it_is_used():
    assert stored_sums(many=2, readers=2) == 0
    assert stored_sums(many=6, readers=1) == 0
