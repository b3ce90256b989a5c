"""A panel that the first tile of a unit copies for the others gives the same bits as a B that is packed before."""

import importlib
from functools import partial

import numpy as np
import pytest
from contraction_problems import Problem, check, run

from pronghorn.engine.codegen.contraction import plan
from pronghorn.engine.runtime.host import named_target

planning = importlib.import_module("pronghorn.engine.codegen.contraction.plan")
TARGETS = ("native", "avx512-emulated")


def gradient(rows, columns, batch, times=128, **options):
    """A dense layer's filter gradient, of some samples of so many steps in time."""
    axes = [("m", rows, 1, 0, columns), ("n", columns, 0, 1, 1)]
    summed = [("k0", batch, times * rows, times * columns), ("k1", times, rows, columns)]
    return Problem([*axes, *summed], runtime=("k0",), **options)


@pytest.mark.parametrize("target", TARGETS)
@pytest.mark.parametrize("batch", [0, 1, 5])
@pytest.mark.parametrize(("rows", "columns"), [(64, 1024), (95, 1024), (197, 1024), (520, 256)])
def test_same_bits_as_packed_before(native, rows, columns, batch, target, monkeypatch):
    if target == "native" and named_target("native").vector_bits != 512:
        pytest.skip("such a machine's narrow tiles have both operands packed before")
    problem = gradient(rows, columns, batch)
    got, made = run(native, problem, target, cuts=(0.3, 0.55))
    assert made.pack_near and [kernel.role for kernel in made.kernels] == ["main", "combine"]
    monkeypatch.setattr(planning, "_packs_near", lambda *_: 0)
    usual, made = run(native, problem, target)
    assert made.pack and not made.pack_near and made.kernels[0].role == "pack"
    np.testing.assert_array_equal(got, usual)


def test_steps_that_are_left_out_are_not_copied_either(native):
    problem = gradient(64, 1024, 5)
    problem.arrays[1].reshape(-1, 1024)[70:500] = 0
    usual, _ = run(native, problem, "avx512-emulated")
    got, made = run(native, problem, "avx512-emulated", planner=partial(plan, skip_zeros=True))
    assert made.pack_near and made.zeros == "steps"
    np.testing.assert_array_equal(got, usual)


@pytest.mark.parametrize("steps", [1, 7, 64])
def test_chunks_longer_than_the_buffer(native, steps, monkeypatch):
    """Part by part, each adding to what the one before left."""
    monkeypatch.setattr(planning, "_panel_steps", lambda *_: steps)
    made = check(native, gradient(64, 1024, 2, times=64), "avx512-emulated")
    assert made.pack_near == steps


@pytest.mark.parametrize("rows", [64, 95, 96, 128, 192, 197, 256, 1003])
def test_every_block_of_rows_has_a_tile_that_copies(rows):
    made = plan(gradient(rows, 1024, 1).spec, named_target("avx512"))
    (step,) = (factor for _, factor in made.tile.rows)
    block = next(level.step for level in made.levels if level.axis is not None and level.axis.name == "m")
    blocks = -(-rows // block)
    assert made.pack_near and block % step == 0
    assert rows - (blocks - 1) * block >= step


def test_where_it_is_worth_it():
    machine = named_target("avx512")
    assert plan(gradient(256, 1024, 1).spec, machine).pack_near
    assert not plan(gradient(256, 1000, 1).spec, machine).pack  # rows of B do not compete
    assert not plan(gradient(40, 1024, 1).spec, machine).pack_near  # too few tiles share a panel
    assert not plan(gradient(256, 1024, 1, dtypes=("bfloat16",) * 3).spec, machine).pack_near  # widened by packing
    assert not plan(gradient(256, 1024, 1).spec, named_target("avx2")).pack_near


def test_units_are_enough_for_many_cores():
    """A filter gradient of 256 to 1,024 over 4,096 rows: chunks, panels and blocks of rows."""
    made = plan(gradient(256, 1024, 1).spec, named_target("avx512"))
    main = next(kernel for kernel in made.kernels if kernel.role == "main")
    assert main.units.evaluate({"k0": 32}) >= 128
    assert main.units.evaluate({"k0": 1}) >= 32
