"""Compiled functions whose callers give arguments up: results lie where these did, and nothing else is written over."""

import threading

import numpy as np
import pytest

from pronghorn import ops
from pronghorn.calls.jit import CompiledFunction

ROWS = np.random.default_rng(0).normal(size=(12, 3)).astype("float32")


@pytest.fixture(params=["", "poison,verify"], autouse=True)
def on_arrays_or_guarded_copies(request, monkeypatch):
    monkeypatch.setenv("PRONGHORN_BACKEND", "llvm")
    monkeypatch.setenv("PRONGHORN_DEBUG", request.param)


def given_up(places=(0, 1)):
    """A function of two arrays and a number that changes a row of the first, and all of the second."""

    def change(first, second, i):
        return ops.sum(first), ops.slice_update(first, (i, 0), ops.zeros((1, 3))), second + 1.0

    return CompiledFunction(change, donated=places)


def test_results_take_the_places_of_what_is_given_up():
    function = given_up()
    for i in range(3):
        first, second = ROWS.copy(), ROWS.copy()
        total, one, other = function(first, second, np.int32(i))
        assert np.shares_memory(one.data, first) and np.shares_memory(other.data, second)
        expected = ROWS.copy()
        expected[i] = 0.0
        np.testing.assert_array_equal(one, expected)
        np.testing.assert_array_equal(other, ROWS + 1.0)
        np.testing.assert_allclose(total, ROWS.sum(), rtol=1e-6)


def test_what_may_not_be_written_over_stays():
    function, fixed = given_up(), ROWS.copy()
    fixed.flags.writeable = False
    same = ROWS.copy()
    for first, second in ((fixed, fixed), (same, same), (np.broadcast_to(ROWS[:1], ROWS.shape), ROWS[::-1])):
        before = np.array(first), np.array(second)
        _, one, other = function(first, second, np.int32(1))
        np.testing.assert_array_equal(first, before[0])
        np.testing.assert_array_equal(second, before[1])
        np.testing.assert_array_equal(np.delete(one, 1, 0), np.delete(before[0], 1, 0))
        np.testing.assert_array_equal(other, before[1] + 1.0)


def test_what_is_not_given_up_stays():
    first, second = ROWS.copy(), ROWS.copy()
    _, one, other = given_up((0,))(first, second, np.int32(1))
    np.testing.assert_array_equal(second, ROWS)
    assert np.shares_memory(one.data, first)
    assert not np.shares_memory(other.data, first) and not np.shares_memory(other.data, second)


@pytest.mark.parametrize("rows", [1, 2])
def test_results_that_are_arguments_as_they_came_or_change_places(rows):
    function = CompiledFunction(lambda a, b, c: (b, a, c, a * 2.0), donated=range(3))
    given = [np.full((rows, 2), number, "float32") for number in (1.0, 2.0, 3.0)]
    found = function(*given)
    assert [float(x[0, 0]) for x in found] == [2.0, 1.0, 3.0, 2.0]


def test_an_engine_may_leave_what_is_given_up(monkeypatch):
    monkeypatch.setenv("PRONGHORN_BACKEND", "numpy")
    _, one, _ = given_up()(ROWS.copy(), ROWS.copy(), np.int32(0))
    np.testing.assert_array_equal(one, np.concatenate([np.zeros((1, 3)), ROWS[1:]]).astype("float32"))


def test_threads_that_call_it_at_once_have_arrays_of_their_own():
    function, found = given_up(), [None] * 4

    def run(number):
        first, second = np.full((12, 3), number, "float32"), np.zeros((12, 3), "float32")
        for i in range(12):
            _, first, second = function(first, second, np.int32(i))
        found[number] = np.asarray(first), np.asarray(second)

    threads = [threading.Thread(target=run, args=(number,)) for number in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    for first, second in found:
        np.testing.assert_array_equal(first, np.zeros((12, 3)))
        np.testing.assert_array_equal(second, np.full((12, 3), 12.0))
