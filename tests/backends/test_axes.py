"""What is said of the axes that pass a primitive: computed in parts, as each map says, its results are the same."""

import collections
import itertools
import math

import numpy as np
import pytest
from cases import CASES, tolerance

from pronghorn.engine.backends.numpy import IMPLEMENTATIONS
from pronghorn.engine.graph import dtypes
from pronghorn.engine.graph.axes import EXTENTS
from pronghorn.engine.graph.ir import Aval
from pronghorn.engine.graph.primitives import PRIMITIVES
from pronghorn.engine.graph.primitives import axes as rules

#: Primitives along whose axes nothing passes, whatever their parameters.
NOTHING_PASSES = {"constant", "extent", "random_bits", "foreign_call"}
WITH_GRAPHS = {"scan", "while_loop", "cond", "custom_vjp"}


def maps(case):
    return list(PRIMITIVES[case.prim].axes(*(a.shape for a in case.args()), **case.params))


def results(name, arrays, params):
    found = IMPLEMENTATIONS[name](*arrays, **params)
    return found if isinstance(found, (tuple, list)) else [found]


def parts_of(found, arrays, outputs):
    """Into how many parts the operands and results can be cut, at most."""
    extents = [a.shape[own] for a, own in zip(arrays, found.operands) if own is not None]
    if found.result is not None:
        extents += [out.shape[found.result] for out in outputs]
    return math.gcd(*extents)


def in_parts(case, found, count):
    """The results, computed in so many parts."""
    arrays = case.args()
    pieces = [[a] * count if own is None else np.split(a, count, own) for a, own in zip(arrays, found.operands)]
    params = dict(case.params)
    if found.result is not None:
        for name in EXTENTS & params.keys():
            extents = list(params[name])
            extents[found.result] //= count
            params[name] = tuple(extents)
    made = [results(case.prim, list(operands), params) for operands in zip(*pieces)] if arrays else []
    made = made or [results(case.prim, [], params)] * count
    for number in zip(*made):
        if found.result is not None:
            yield np.concatenate(number, found.result)
        else:
            whole = number[0]
            for other in number[1:]:
                whole = IMPLEMENTATIONS[found.joined](whole, other)
            yield whole


#: Sums of parts in narrow types round otherwise than those of the whole; the same cases are there in wide ones.
WIDE = [case for case in CASES if not any(str(a.dtype) in (*dtypes.LOW_PRECISION, *dtypes.FLOAT8) for a in case.args())]
CUT = [case for case in WIDE if maps(case)]


@pytest.mark.parametrize("case", CUT, ids=lambda case: case.id)
def test_parts_give_what_the_whole_gives(case):
    arrays = case.args()
    expected = results(case.prim, arrays, case.params)
    for found in maps(case):
        assert len(found.operands) == len(arrays)
        assert (found.result is None) == bool(found.joined)
        most = parts_of(found, arrays, expected)
        for count in {n for n in (2, 3, most) if n > 1 and most % n == 0}:
            for got, wanted in zip(in_parts(case, found, count), expected, strict=True):
                assert got.dtype == wanted.dtype
                # Sums are of parts, and NumPy's products round by their size.
                np.testing.assert_allclose(got, wanted, **tolerance(str(wanted.dtype)))


def test_every_primitive_is_cut_by_some_case():
    counted = collections.Counter()
    for case in CUT:
        outputs = results(case.prim, case.args(), case.params)
        counted[case.prim] += sum(parts_of(found, case.args(), outputs) > 1 for found in maps(case))
    assert {name for name in PRIMITIVES if not counted[name]} == NOTHING_PASSES | WITH_GRAPHS
    assert {name for name, prim in PRIMITIVES.items() if prim.axes is rules.none} == NOTHING_PASSES
    assert {name for name, prim in PRIMITIVES.items() if prim.axes is rules.of_graphs} == WITH_GRAPHS


def unnamed(case, outputs):
    """Maps to axes of the results to which none of the rule's lead."""
    named = {found.result for found in maps(case)}
    arrays = case.args()
    if any(a.size == 0 or np.array_equal(a, outputs[0]) for a in arrays):
        return  # nothing is done to the operand
    for axis in range(outputs[0].ndim):
        extent = outputs[0].shape[axis]
        if axis in named or extent < 2 or any(out.shape[axis : axis + 1] != (extent,) for out in outputs):
            continue
        if all(np.array_equal(out, np.roll(out, 1, axis)) for out in outputs):
            continue  # all elements are alike
        choices = [[None, *(own for own, e in enumerate(a.shape) if e == extent)] for a in arrays]
        for operands in itertools.product(*choices):
            if any(own is not None for own in operands):
                yield rules.AxisMap(operands, axis)


@pytest.mark.parametrize("case", [c for c in WIDE if c.prim not in NOTHING_PASSES | WITH_GRAPHS], ids=lambda c: c.id)
def test_no_axis_is_left_out(case):
    """An axis that no map names cannot be computed in parts."""
    expected = results(case.prim, case.args(), case.params)
    for found in unnamed(case, expected):
        try:
            made = list(in_parts(case, found, expected[0].shape[found.result]))
        except (ValueError, IndexError, TypeError):
            continue  # parts do not even fit
        alike = [a.shape == b.shape and np.array_equal(a, b) for a, b in zip(made, expected)]
        assert not all(alike), found


def test_types_of_parts_agree_with_the_rule_for_types():
    for case in CUT:
        arrays, prim = case.args(), PRIMITIVES[case.prim]
        for found in maps(case):
            if found.result is None:
                continue
            avals = [Aval(a.shape, str(a.dtype)) for a in arrays]
            assert all(found.result < len(out.shape) for out in prim.infer(avals, case.params)), case.id
