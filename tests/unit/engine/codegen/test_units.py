"""Counts and units: numbers that may be known at run time only."""

from pronghorn.engine.codegen.units import Count, Units
from pronghorn.engine.graph.dim import Dim

ROWS = Dim.symbol("rows")


def test_counts():
    assert Count(6 * ROWS, 4).evaluate({"rows": 3}) == 5
    assert Count(100, 1, 16).evaluate({}) == Count(100, 1, 16).most == 16
    assert Count(ROWS, 8).typical == 8 and Count(ROWS, 8, 4).typical == 4
    assert Count(ROWS, 1, 16).most == 16 and Count(ROWS, 8).most.evaluate({"rows": 17}) == 3
    assert Count(ROWS, 8, 4).evaluate({"rows": 0}) == 0


def test_units():
    units = Units.of(2, Count(7, 2), Count(ROWS, 2))
    assert units == Units(8, (Count(ROWS, 2),))
    assert units.evaluate({"rows": 5}) == 24 and units.typical == 8 * 32
    assert Units.of().evaluate({}) == 1 and Units.of(0, ROWS).evaluate({"rows": 5}) == 0
    few = Units(3, only=(ROWS, 2, 4))
    assert [few.evaluate({"rows": rows}) for rows in range(6)] == [0, 0, 3, 3, 0, 0]


def test_units_that_share_work_are_taken_together_where_there_are_many():
    few, many = (Units(4 * blocks, group=4).grain({}, 1e6) for blocks in (3, 64))
    assert few == (12, 1, 12)
    assert many == (256, 4, 64)
