"""The table of cases itself: it covers every primitive, and NumPy's results are what the shape rules promise."""

import numpy as np
import pytest
from cases import CASES

from pronghorn.engine.backends.numpy import IMPLEMENTATIONS, run
from pronghorn.engine.graph import dtypes
from pronghorn.engine.graph.ir import Aval
from pronghorn.engine.graph.primitives import PRIMITIVES
from pronghorn.engine.graph.trace import trace
from pronghorn.engine.graph.verify import verify


def test_tables_have_the_same_keys():
    from pronghorn.engine.autodiff.registry import RULES, vjp_rule

    vjp_rule(PRIMITIVES["add"])  # loads the rules
    assert set(IMPLEMENTATIONS) == set(PRIMITIVES)
    assert set(RULES) == set(PRIMITIVES)


def test_every_primitive_has_a_case():
    assert {c.prim for c in CASES} == set(PRIMITIVES)
    assert len({c.id for c in CASES}) == len(CASES)


@pytest.mark.parametrize("prim", PRIMITIVES)
def test_shape_rule_and_interpreter(prim):
    for case in [c for c in CASES if c.prim == prim]:
        arrays = case.args()
        avals = [Aval(a.shape, dtypes.name_of(a.dtype)) for a in arrays]

        def call(*xs, case=case):
            out = PRIMITIVES[case.prim](*xs, **case.params)
            return out if isinstance(out, tuple) else (out,)

        graph = verify(trace(call, avals).graph)
        traced = run(graph, arrays)
        direct = IMPLEMENTATIONS[prim](*arrays, **case.params)
        direct = direct if isinstance(direct, tuple) else (direct,)
        assert len(direct) == len(graph.outputs), case.id
        for a, b, value in zip(direct, traced, graph.outputs):
            assert Aval(a.shape, dtypes.name_of(a.dtype)) == value.aval, case.id
            np.testing.assert_array_equal(a, b, err_msg=case.id)
