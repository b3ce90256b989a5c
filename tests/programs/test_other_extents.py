"""Every op and primitive, compiled with a symbol for an axis and called at other extents than it was traced at, gives
what it gives eagerly: the same results, or the same refusal.

The interpreter of graphs (PRONGHORN_BACKEND=numpy) is quick and shows what tracing and its guards do wrong, along every
axis; machine code is tried along the first axis, with NaN, infinities and -0.0 in the data.
"""

import sys
from pathlib import Path

import numpy as np
import pytest

import pronghorn
from pronghorn import tree
from pronghorn.engine.graph.primitives.registry import PRIMITIVES

sys.path.insert(0, str(Path(__file__).parent))
sys.path.insert(0, str(Path(__file__).parents[1] / "backends"))
from cases import CASES as PRIMITIVE_CASES
from extents import Varied, differences, every_axis, with_edges
from ops_cases import CASES as OP_CASES
from test_ops_compiled import _compilable, _moving, _op

FEW = (5, 3, 17, 1, 0)
# Eagerly these refuse values that they have no result for; a compiled step cannot, and gives NaN.
REFUSE_VALUES = {"cholesky", "inv", "solve", "det", "logdet", "slogdet", "eigh", "pinv", "lstsq", "svd", "matrix_rank"}
# Of 0.0 and -0.0 either is the largest; elements that no window chose get 0.0 added, or nothing.
EITHER_ZERO = {"reduce_max", "reduce_min", "cummax", "cummin", "max", "min", "window_max", "unpool"}


def _different_kinds():
    """The cases of primitives but for those that differ from an earlier one in the element type alone."""
    kinds = {}
    for case in PRIMITIVE_CASES:
        shapes = tuple(a.shape for a in case.args())
        kinds.setdefault((case.prim, shapes, repr(case.params)), case)
    return list(kinds.values())


def _op_call(case):
    """A case of an op as a function of the arrays among its arguments, and these arrays."""
    op, moving = _op(case.name), _moving(case)
    nests = [case.args[i] for i in moving]
    arrays = [a if a.dtype != np.float64 else a.astype("float32") for a in tree.flatten(nests)]

    def call(*leaves):
        args = list(case.args)
        for i, nest in zip(moving, tree.pack_sequence_as(nests, list(leaves)) if nests else []):
            args[i] = nest
        return op(*args, **case.kwargs)

    return call, arrays


OPS = [c for c in OP_CASES if _compilable(c) and _op_call(c)[1]]
KINDS = [c for c in _different_kinds() if any(a.ndim and a.shape[0] for a in c.args())]


@pytest.mark.mostly_slow(every=60)
@pytest.mark.parametrize("case", OPS, ids=lambda c: c.id)
def test_ops_along_every_axis(case, monkeypatch):
    monkeypatch.setenv("PRONGHORN_BACKEND", "numpy")
    call, arrays = _op_call(case)
    assert not [d for varied in every_axis(arrays) for d in differences(call, arrays, varied)]


@pytest.mark.mostly_slow(every=60)
@pytest.mark.parametrize("case", KINDS, ids=lambda c: c.id)
def test_primitives_along_every_axis(case, monkeypatch):
    monkeypatch.setenv("PRONGHORN_BACKEND", "numpy")
    arrays = case.args()

    def call(*leaves):
        return PRIMITIVES[case.prim](*leaves, **case.params)

    assert not [d for varied in every_axis(arrays) for d in differences(call, arrays, varied, FEW)]


@pytest.mark.mostly_slow(every=40)
@pytest.mark.parametrize("case", OPS, ids=lambda c: c.id)
def test_ops_in_machine_code(case):
    call, arrays = _op_call(case)
    spoil = (lambda a: a) if case.name in REFUSE_VALUES else with_edges
    first = next(v for v in every_axis(arrays))
    assert not differences(call, arrays, first, FEW, spoil)


@pytest.mark.mostly_slow(every=40)
@pytest.mark.parametrize("case", KINDS, ids=lambda c: c.id)
def test_primitives_in_machine_code(case):
    arrays = case.args()
    lead = next(i for i, a in enumerate(arrays) if a.ndim and a.shape[0])
    assert not differences(
        lambda *leaves: PRIMITIVES[case.prim](*leaves, **case.params),
        arrays,
        Varied(lead, 0),
        FEW,
        zeros=case.prim not in EITHER_ZERO,
    )


def test_nothing_is_read_from_an_axis_without_elements(monkeypatch):
    """Compiled for some rows and called with none: what takes rows refuses, as eagerly, or has nothing to take."""
    monkeypatch.setenv("PRONGHORN_DEBUG", "poison")  # where any read of an empty array ends the process
    ops, rows = pronghorn.ops, np.array([0, 2, 1], "int32")
    first = pronghorn.jit(lambda x: ops.concatenate([ops.take(x, rows, axis=0) * 2, ops.ones((1, 3))], axis=0))
    none = pronghorn.jit(lambda x: ops.concatenate([ops.take(x, rows[:0], axis=0) * 2, ops.ones((1, 3))], axis=0))
    own = pronghorn.jit(
        lambda x: ops.pad(ops.take(x, ops.zeros_like(x[:, 0], dtype="int32"), axis=0), [[1, 1], [0, 0]])
    )
    some, empty = np.ones((5, 3), "float32"), np.ones((0, 3), "float32")
    assert [f(some).shape for f in (first, none, own)] == [(4, 3), (1, 3), (7, 3)]
    with pytest.raises(ValueError, match="no elements to take"):
        first(empty)
    np.testing.assert_array_equal(none(empty), np.ones((1, 3)))
    np.testing.assert_array_equal(own(empty), np.zeros((2, 3)))
