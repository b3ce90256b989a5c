"""The verifier finds what a faulty pass could leave behind."""

import numpy as np
import pytest

from pronghorn.engine.graph import primitives as P
from pronghorn.engine.graph.ir import Aval, Graph, Value
from pronghorn.engine.graph.primitives import axes
from pronghorn.engine.graph.primitives.registry import Primitive, ShapeError
from pronghorn.engine.graph.trace import trace, trace_body
from pronghorn.engine.graph.verify import InvalidGraph, verify

VECTOR = Aval((3,), "float32")


@pytest.fixture
def graph():
    return trace(lambda x, y: [P.mul(P.add(x, y), y)], [VECTOR, VECTOR]).graph


def test_accepts_what_tracing_makes(graph):
    assert verify(graph) is graph


def test_order(graph):
    graph.nodes.reverse()
    with pytest.raises(InvalidGraph, match="mul uses .* before it is defined"):
        verify(graph)


def test_types_of_outputs(graph):
    graph.nodes[0].outputs[0].dtype = "float64"
    with pytest.raises(InvalidGraph, match="add should give"):
        verify(graph)


def test_operands_that_do_not_fit(graph):
    graph.inputs[0].shape = (4,)
    with pytest.raises((InvalidGraph, ShapeError), match="add"):
        verify(graph)


def test_undefined_output(graph):
    graph.outputs.append(Value(VECTOR, graph))
    with pytest.raises(InvalidGraph, match="the output .* is not defined"):
        verify(graph)


def test_primitives_outside_of_the_set():
    graph = Graph()
    graph.outputs = graph.add_node(
        Primitive("add", "elementwise", lambda x, y: x, axes.elementwise), [graph.add_input(VECTOR)] * 2, {}
    )
    with pytest.raises(InvalidGraph, match="closed set"):
        verify(graph)


def test_looks_into_subgraphs():
    def fn(x):
        body = trace_body(lambda h: [P.sin(h)], [VECTOR])
        return P.scan(x, body=body.graph, num_consts=0, num_carry=1, length=2, reverse=False)

    graph = trace(fn, [VECTOR]).graph
    verify(graph)
    graph.subgraphs()[0].nodes[0].inputs[0] = Value(VECTOR, graph)
    with pytest.raises(InvalidGraph, match="sin uses"):
        verify(graph)


def test_prints_one_node_a_line(graph):
    text = str(graph)
    assert text.count("\n") == 3
    assert "%2:float32[3] = add(%0, %1)" in text


def test_constants_are_shared():
    array = np.float32([1, 2, 3])
    graph = trace(lambda x: [P.add(P.add(x, array), 1.0)], [VECTOR]).graph
    assert [n.prim.name for n in graph.nodes].count("constant") == 2
