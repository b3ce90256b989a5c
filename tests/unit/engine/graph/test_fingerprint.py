import numpy as np
import pytest

from pronghorn import ops
from pronghorn.engine.graph import primitives as P
from pronghorn.engine.graph.dim import Dim
from pronghorn.engine.graph.fingerprint import NotPlain, fingerprint
from pronghorn.engine.graph.ir import Aval, Graph
from pronghorn.engine.graph.trace import trace

VECTOR = Aval((4,), "float32")


def of(fn, *avals):
    return fingerprint(trace(fn, list(avals) or [VECTOR]).graph)


GRAPHS = {
    "add": lambda: of(lambda x: [P.add(x, x)]),
    "mul": lambda: of(lambda x: [P.mul(x, x)]),
    "another type": lambda: of(lambda x: [P.add(x, x)], Aval((4,), "float64")),
    "another extent": lambda: of(lambda x: [P.add(x, x)], Aval((5,), "float32")),
    "any extent": lambda: of(lambda x: [P.add(x, x)], Aval((Dim.symbol("n"),), "float32")),
    "an input more": lambda: of(lambda x, y: [P.add(x, x)], VECTOR, VECTOR),
    "its second operand": lambda: of(lambda x, y: [P.add(x, y)], VECTOR, VECTOR),
    "operands exchanged": lambda: of(lambda x, y: [P.add(y, x)], VECTOR, VECTOR),
    "two results": lambda: of(lambda x: [P.add(x, x), x]),
    "results exchanged": lambda: of(lambda x: [x, P.add(x, x)]),
    "a constant": lambda: of(lambda x: [P.add(x, np.float32([1, 2, 3, 4]))]),
    "another constant": lambda: of(lambda x: [P.add(x, np.float32([1, 2, 3, 5]))]),
    "a negative zero": lambda: of(lambda x: [P.add(x, np.float32([0, 0, 0, -0.0]))]),
    "a zero": lambda: of(lambda x: [P.add(x, np.float32([0, 0, 0, 0.0]))]),
    "an axis": lambda: of(lambda x: [P.reduce_sum(x, axes=(0,))], Aval((4, 4), "float32")),
    "another axis": lambda: of(lambda x: [P.reduce_sum(x, axes=(1,))], Aval((4, 4), "float32")),
}


def test_graphs_that_differ_have_prints_that_differ():
    prints = {name: make() for name, make in GRAPHS.items()}
    assert len(set(prints.values())) == len(GRAPHS)
    assert prints == {name: make() for name, make in GRAPHS.items()}


def test_names_do_not_count():
    graphs = [trace(lambda x: [P.add(x, x)], [VECTOR], name=name).graph for name in ("one", "two")]
    graphs[0].nodes[0].scope = "a layer"
    assert fingerprint(graphs[0]) == fingerprint(graphs[1])


def test_bodies_of_loops_count():
    def doubled_by(factor):
        def step(carry, x):
            return ops.multiply(carry, float(factor)), x

        return of(lambda x: list(ops.scan(step, x[0], x)), Aval((3, 4), "float32"))

    assert doubled_by(2) == doubled_by(2) != doubled_by(3)


def test_what_is_not_plain_is_refused():
    graph = Graph()
    x = graph.add_input(VECTOR)
    graph.outputs = graph.add_node(P.reduce_sum, [x], {"axes": (0,)})
    graph.nodes[0].params["call"] = print
    with pytest.raises(NotPlain, match="builtin_function"):
        fingerprint(graph)
    graph.nodes[0].params["call"] = np.array([object()])
    with pytest.raises(NotPlain, match="objects"):
        fingerprint(graph)


def test_a_shape_of_another_kind_of_tuple_is_that_shape():
    class Shape(tuple):
        pass

    same = of(lambda x: [P.reshape(x, shape=(2, 2))])
    assert of(lambda x: [P.reshape(x, shape=Shape((2, 2)))]) == same
