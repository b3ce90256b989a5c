"""The transforms of minimal filtering on exact numbers: they make the sums that they stand for, of the same inputs."""

from __future__ import annotations

import math
from fractions import Fraction

import numpy as np
import pytest

from pronghorn.engine.codegen.contraction import Axis
from pronghorn.engine.codegen.contraction.winograd.shape import SINGLE, SIZES, Taps, phases_of, points_of
from pronghorn.engine.codegen.contraction.winograd.transforms import Transforms


class Exact:
    """In the place of a function builder: it computes at once, on any numbers."""

    def op(self, name, ty, a, b):
        if name == "fmul":
            assert "0.5" in b or "0x3FE0000000000000" in b, b
            return a * Fraction(1, 2) if not isinstance(a, float) else a * 0.5
        return a + b if name == "fadd" else a - b

    def fneg(self, ty, a):
        return -a


def axis(size, stride=1):
    return Taps(Axis("out", 10, a=stride), Axis("tap", size, a=1))


def pairs():
    for stride in (1, 2):
        for down in SIZES:
            yield pytest.param((axis(down, stride), SINGLE), id=f"{down}, stride {stride}")
            for across in SIZES:
                two = axis(down, stride), axis(across, stride)
                yield pytest.param(two, id=f"{down}x{across}, stride {stride}")


def numbers(rng, rows, columns):
    return [[Fraction(int(n)) for n in line] for line in rng.integers(-9, 10, (rows, columns))]


def get(grid):
    return lambda i, j: grid[i][j]


def results_of(two, inputs, filters):
    """The sums, written out."""
    rows, columns = two
    return [
        [
            sum(
                filters[k][m] * inputs[i * rows.stride + k][j * columns.stride + m]
                for k in range(rows.size)
                for m in range(columns.size)
            )
            for j in range(columns.step)
        ]
        for i in range(rows.step)
    ]


def products(transforms, inputs, filters):
    lines = zip(transforms.inputs(get(inputs)), transforms.filters(get(filters)), strict=True)
    return [[a * b for a, b in zip(*line, strict=True)] for line in lines]


def setup(two, seed=0):
    rng = np.random.default_rng(seed)
    rows, columns = two
    return (
        Transforms(Exact(), "float", two),
        numbers(rng, rows.window, columns.window),
        numbers(rng, rows.size, columns.size),
        numbers(rng, rows.step, columns.step),
    )


@pytest.mark.parametrize("two", [*pairs()])
def test_results(two):
    transforms, inputs, filters, _ = setup(two)
    made = products(transforms, inputs, filters)
    assert (len(made), len(made[0])) == (two[0].points, two[1].points)
    assert len(made) * len(made[0]) == points_of(two)
    assert transforms.results(get(made)) == results_of(two, inputs, filters)


@pytest.mark.parametrize("two", [*pairs()])
def test_filter_gradients(two):
    transforms, inputs, _, gradients = setup(two)
    rows, columns = two
    lines = zip(transforms.inputs(get(inputs)), transforms.result_gradients(get(gradients)), strict=True)
    sums = [[a * b for a, b in zip(*line, strict=True)] for line in lines]
    found = dict(transforms.filter_gradients(lambda points: sums[points.start : points.stop]))
    assert sorted(found) == list(range(rows.size))
    for k in range(rows.size):
        for m in range(columns.size):
            steps = [(i, j) for i in range(rows.step) for j in range(columns.step)]
            expected = sum(gradients[i][j] * inputs[i * rows.stride + k][j * columns.stride + m] for i, j in steps)
            assert found[k][m] == expected


@pytest.mark.parametrize("two", [*pairs()])
def test_turns_add_up(two):
    """Some groups of taps give lines of points of their own, and what they add to the results."""
    transforms, inputs, filters, gradients = setup(two)
    total = [[0] * two[1].step for _ in range(two[0].step)]
    made = products(transforms, inputs, filters)
    all_inputs, all_gradients = list(transforms.inputs(get(inputs))), list(transforms.result_gradients(get(gradients)))
    phases, behind = phases_of(two), 0
    for phase in phases:
        assert phase.first == behind and phase.points % two[1].points == 0
        lines = slice(phase.first // two[1].points, (phase.first + phase.points) // two[1].points)
        assert list(transforms.inputs(get(inputs), phase.groups)) == all_inputs[lines]
        assert list(transforms.result_gradients(get(gradients), phase.groups)) == all_gradients[lines]
        part = transforms.results(get(made[lines]), phase.groups)
        total = [[a + b for a, b in zip(*line, strict=True)] for line in zip(total, part, strict=True)]
        behind += phase.points
    assert behind == points_of(two) and total == results_of(two, inputs, filters)


@pytest.mark.parametrize("two", [*pairs()])
def test_a_result_is_made_of_its_own_inputs(two):
    """So a NaN does not reach others, and zeros give exactly zero whatever lies beside them."""
    transforms, inputs, filters, _ = setup(two)
    rows, columns = two
    floats = [[float(n) for n in line] for line in filters]
    for i in range(rows.step):
        for j in range(columns.step):
            own = {(i * rows.stride + k, j * columns.stride + m) for k in range(rows.size) for m in range(columns.size)}
            for inside, outside in ((None, math.nan), (0.0, 0.1)):
                grid = [[float(n) for n in line] for line in inputs]
                for a in range(rows.window):
                    for b in range(columns.window):
                        grid[a][b] = outside if (a, b) not in own else grid[a][b] if inside is None else inside
                result = transforms.results(get(products(transforms, grid, floats)))[i][j]
                assert result == (results_of(two, inputs, filters)[i][j] if inside is None else 0)


@pytest.mark.parametrize(
    ("size", "stride", "groups", "points"),
    [
        (3, 1, ((0, 1, 2),), 4),
        (4, 1, ((0, 1), (2, 3)), 6),
        (5, 1, ((0, 1, 2), (3, 4)), 7),
        (3, 2, ((0, 2), (1,)), 5),
        (4, 2, ((0, 2), (1, 3)), 6),
        (5, 2, ((0, 2, 4), (1, 3)), 7),
    ],
)
def test_groups(size, stride, groups, points):
    pair = axis(size, stride)
    assert pair.groups == groups and pair.points == points and pair.window == size + stride


def test_no_second_axis():
    assert SINGLE.groups == ((0,),) and SINGLE.points == SINGLE.window == SINGLE.step == 1
