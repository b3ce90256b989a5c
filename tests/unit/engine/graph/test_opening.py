"""Symbols for extents that are not known, and what is tried where a function does not take these."""

import pytest

from pronghorn.engine.graph.dim import SAMPLES, Dim, ExtentsMayDiffer, SymbolicDimError, identical
from pronghorn.engine.graph.opening import Alike, Opening, first_that_fits

SHAPES = [(None, 3, None), (None, None), (), (0, 1)]


@pytest.mark.parametrize(
    ("alike", "names"),
    [
        (Alike.SAME_AXIS, {"batch", "axis1", "axis2"}),
        (Alike.SAMPLES, {"batch", "input0_axis2", "input1_axis1"}),
        (Alike.NONE, {"input0_axis0", "input0_axis2", "input1_axis0", "input1_axis1"}),
    ],
)
def test_which_extents_are_the_same(alike, names):
    opening = Opening(alike, 7)
    shapes = [opening.shape(shape, place) for place, shape in enumerate(SHAPES)]
    assert [len(shape) for shape in shapes] == [3, 2, 0, 2]
    assert shapes[0][1] == 3 and shapes[2:] == [(), (0, 1)]
    assert opening.symbols == names and opening.numbers == dict.fromkeys(names, 7)
    assert identical(shapes[0][0], SAMPLES) == (alike is not Alike.NONE)
    assert Opening(alike).numbers is None


def test_the_first_that_fits():
    tried = []

    def attempt(opening):
        tried.append(opening.alike)
        first, second = (opening.extent(0, place) for place in range(2))
        if identical(first, second):
            raise ValueError("the same")
        return first

    found = first_that_fits(map(Opening, (Alike.SAME_AXIS, Alike.SAMPLES, Alike.NONE)), attempt)
    assert identical(found, Dim.symbol("input0_axis0")) and tried == [Alike.SAME_AXIS, Alike.SAMPLES, Alike.NONE]


@pytest.mark.parametrize("order", [(Alike.SAME_AXIS, Alike.NONE), (Alike.NONE, Alike.SAME_AXIS)])
def test_the_error_is_that_of_what_asks_least(order):
    def attempt(opening):
        extents = opening.extent(1, 0), opening.extent(1, 1)
        raise IndexError("the function's own") if identical(*extents) else ExtentsMayDiffer(*extents)

    with pytest.raises(IndexError, match="own"):
        first_that_fits(map(Opening, order), attempt)


def test_nothing_is_tried_again_where_all_is_known():
    tried = []

    def attempt(opening):
        tried.append(opening.shape((2, 3), 0))
        raise SymbolicDimError("not of these")

    with pytest.raises(SymbolicDimError):
        first_that_fits(map(Opening, Alike), attempt)
    assert tried == [(2, 3)]


def test_other_errors_are_raised_at_once():
    def attempt(opening):
        opening.extent(0, 0)
        raise KeyError("name")

    with pytest.raises(KeyError):
        first_that_fits(map(Opening, Alike), attempt)


def test_a_result_that_will_not_do_is_taken_where_there_is_no_other():
    def attempt(opening):
        opening.extent(0, 0)
        if opening.alike is Alike.NONE:
            raise ValueError
        return opening.alike

    ways = [Opening(Alike.SAME_AXIS), Opening(Alike.NONE)]
    assert first_that_fits(ways, attempt, lambda found: False) is Alike.SAME_AXIS
