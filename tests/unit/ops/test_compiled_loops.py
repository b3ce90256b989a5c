"""Loops that are called on arrays run as one native loop from some round on; Python's results are the oracle."""

import gc
import threading
import time

import numpy as np
import pytest

import pronghorn
from pronghorn import ops, random
from pronghorn.calls.jit import run_functions_eagerly
from pronghorn.models import compiled_loops
from pronghorn.ops import _compiled_loops as rounds
from pronghorn.variables import Variable

FACTOR = ops.convert_to_tensor(np.float32([0.5, 0.25]))


@pytest.fixture(autouse=True)
def switched_on(monkeypatch):
    monkeypatch.setattr(rounds, "ON", True)


@pytest.fixture(autouse=True)
def programs(monkeypatch):
    """Loops pay as soon as they have been looked at; the programs that have run, one entry for each time."""
    ran = []
    rest = compiled_loops.Entry.rest

    def noted(self, *args):
        found = rest(self, *args)
        ran.extend([] if found is None else [self])
        return found

    monkeypatch.setattr(compiled_loops.Entry, "rest", noted)
    monkeypatch.setattr(compiled_loops, "COMPILING", 0.0)
    monkeypatch.setattr(compiled_loops, "COMPILING_EACH", 0.0)
    compiled_loops.forget()
    yield ran
    compiled_loops.forget()


def count_of(entry):
    return sum(len(variants.programs()) for variants in entry._step._variants.values()) + sum(
        len(lengths.programs()) for lengths in entry._step._lengths.values()
    )


def scaled(by, start, count=20):
    def body(i, x):
        return i + 1, x * by + 1.0

    return ops.while_loop(lambda i, x: i < count, body, (0, start))[1]


def by_python(by, start, count=20):
    x = np.asarray(start)
    for _ in range(count):
        x = x * np.asarray(by) + np.float32(1)
    return x


def test_what_closures_hold_is_an_input(programs):
    for by in ([0.5, 0.25], [0.125, 2.0], [-1.0, 0.0]):
        for kind in (np.asarray, ops.convert_to_tensor):
            given = kind(np.float32(by))
            start = ops.convert_to_tensor(np.float32([1, 2]))
            np.testing.assert_array_equal(scaled(given, start).numpy(), by_python(given, start.numpy()))
    assert len(programs) == 6 and len(set(programs)) == 1 and count_of(programs[0]) == 1


def test_numbers_in_closures_are_part_of_the_key(programs):
    start = ops.convert_to_tensor(np.float32([1, 2]))
    for by in (0.5, 0.25, -0.0, 0.0, float("nan")):
        np.testing.assert_array_equal(scaled(by, start).numpy(), by_python(np.float32(by), start.numpy()))
    assert len(set(programs)) == 5


def test_functions_arguments_and_globals_are_looked_into(programs):
    def make(table, own):
        def inner(x, offset=own["offset"]):
            return x * table[0] + offset + FACTOR

        return lambda i, x: (i + 1, inner(x))

    for value in (1.0, 2.0):
        offset = ops.convert_to_tensor(np.float32([value, value]))
        table = [ops.convert_to_tensor(np.float32(value / 4))]
        found = ops.while_loop(lambda i, x: i < 12, make(table, {"offset": offset}), (0, ops.zeros((2,))))[1]
        x = np.zeros(2, "float32")
        for _ in range(12):
            x = x * np.float32(value / 4) + np.float32(value) + FACTOR.numpy()
        np.testing.assert_allclose(found.numpy(), x, rtol=1e-6)
    assert len(programs) == 2 and len(set(programs)) == 1


def test_the_number_of_rounds_may_vary(programs):
    body = lambda x: x + 1  # noqa: E731
    for most in (30, 9, 5, 4, 1, 0):
        assert int(ops.while_loop(lambda x: True, body, 0, maximum_iterations=most)) == most
        assert int(ops.while_loop(lambda x: True, body, 0, maximum_iterations=ops.convert_to_tensor(most))) == most
    assert count_of(programs[0]) == 1


class _Counter:
    def __init__(self):
        self.count = 0


def _appends(seen, i):
    seen.append(float(i))


def _counts(seen, i):
    seen[0].count += 1


def _prints(seen, i):
    print("round")


def _draws(seen, i):
    seen.append(np.random.rand())


def _asks_the_clock(seen, i):
    return time.perf_counter()


@pytest.mark.parametrize("effect", [_appends, _counts, _prints, _draws, _asks_the_clock])
def test_what_does_more_than_compute_runs_by_python(programs, effect, capsys):
    seen = [_Counter()]

    def body(i):
        effect(seen, i)
        return i + 1

    for again in (1, 2):
        assert int(ops.while_loop(lambda i: i < 10, body, 0)) == 10
        assert len(seen) - 1 in (0, 10 * again)
        assert seen[0].count in (0, 10 * again)
    assert not programs
    assert capsys.readouterr().out == ("round\n" * 20 if effect is _prints else "")


def test_what_is_kept_outside_of_the_body_runs_by_python(programs):
    last = None

    def body(i):
        nonlocal last
        last = i
        return i + 1

    ops.while_loop(lambda i: i < 10, body, 0)
    assert int(last) == 9 and not programs


def test_what_needs_values_runs_by_python(programs):
    def body(i, x):
        return i + 1, x * 2.0 if float(x) < 100 else x

    for _ in range(2):
        assert float(ops.while_loop(lambda i, x: i < 20, body, (0, 1.0))[1]) == 128.0
    assert not programs


def test_shapes_that_change_run_by_python(programs):
    body = lambda i, x: (i + 1, ops.concatenate([x, x[-1:]]))  # noqa: E731
    for _ in range(2):
        assert ops.while_loop(lambda i, x: i < 8, body, (0, ops.ones((1,))))[1].shape == (9,)
    assert not programs


def test_errors_of_bodies_are_raised(programs):
    def body(i):
        if int(i) == 7:
            raise KeyError("seven")
        return i + 1

    for _ in range(2):
        with pytest.raises(KeyError, match="seven"):
            ops.while_loop(lambda i: i < 10, body, 0)


def test_variables_and_seeds_go_on_as_by_python(programs):
    def run():
        total, seeds = Variable(0.0), random.SeedGenerator(3)

        def body(i, x):
            x = x + random.uniform((2,), seed=seeds)
            total.assign_add(ops.sum(x))
            return i + 1, x

        found = ops.while_loop(lambda i, x: i < 12, body, (0, ops.zeros((2,))))[1]
        return found.numpy(), total.numpy(), seeds.state.numpy()

    mine = run()
    assert programs
    run_functions_eagerly(True)
    try:
        expected = run()
    finally:
        run_functions_eagerly(False)
    assert len(programs) == 1
    for a, b in zip(mine, expected):
        np.testing.assert_allclose(a, b, rtol=1e-6)


def test_lengths_that_vary_share_a_program(programs):
    by = ops.convert_to_tensor(np.float32(0.5))
    for length in (3, 4, 5, 6, 7):
        start = ops.ones((2, length))
        np.testing.assert_array_equal(scaled(by, start).numpy(), by_python(0.5, np.ones((2, length), "float32")))
    assert len(programs) == 5 and len(set(programs)) == 1 and count_of(programs[0]) == 2


def test_tapes_see_each_round(programs):
    x = ops.convert_to_tensor(np.float32([1, 2]))
    for _ in range(2):
        with pronghorn.GradientTape() as tape:
            tape.watch(x)
            y = scaled(0.5, x)
        np.testing.assert_allclose(tape.gradient(y, x).numpy(), np.full(2, 0.5**20), rtol=1e-6)
    assert not programs


def test_a_program_goes_with_what_it_was_made_for(programs):
    class Settings:
        by = None

    def run(settings):
        return ops.while_loop(lambda i, x: i < 10, lambda i, x: (i + 1, x * settings.by), (0, 1.0))[1]

    settings = Settings()
    for by in (2.0, 0.5):
        settings.by = ops.convert_to_tensor(by)
        assert float(run(settings)) == by**10
    assert len(set(programs)) == 2 == compiled_loops.count()
    programs.clear()
    del settings
    gc.collect()
    assert compiled_loops.count() == 0


def test_threads(programs):
    results = {}

    def run(k):
        by = np.float32([k / 16, -k / 16])
        for _ in range(5):
            results.setdefault(k, []).append(scaled(by, ops.ones((2,))).numpy())

    threads = [threading.Thread(target=run, args=(k,)) for k in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    for k in range(6):
        for found in results[k]:
            np.testing.assert_array_equal(found, by_python(np.float32([k / 16, -k / 16]), np.ones(2, "float32")))


def test_short_loops_are_not_looked_at(programs, monkeypatch):
    monkeypatch.setattr(rounds, "_compiler", lambda: pytest.fail("looked at"))
    body = lambda i: i + 1  # noqa: E731
    for _ in range(3):
        assert int(ops.while_loop(lambda i: i < rounds.ROUNDS_BY_PYTHON - 1, body, 0)) == 3


def test_loops_compile_when_they_have_cost_as_much(programs, monkeypatch):
    monkeypatch.setattr(compiled_loops, "COMPILING", 150 * compiled_loops.BY_PYTHON)
    monkeypatch.setattr(compiled_loops, "TRACING", {})  # no other library is in this process
    by = ops.convert_to_tensor(np.float32(0.5))
    for _ in range(10):
        scaled(by, ops.ones((2,)), 8)
    assert 0 < len(programs) < 8


def test_loops_over_a_range(programs):
    for low, high, by in ((0, 12, 0.5), (3, 9, 0.25), (-7, 20, 2.0), (5, 5, 1.0), (0, 3, 1.0)):
        given = ops.convert_to_tensor(np.float32(by))
        found = ops.fori_loop(low, high, lambda i, v, by=given: v * by + ops.cast(i, "float32"), ops.zeros((2,)))
        x = np.zeros(2, "float32")
        for i in range(low, high):
            x = x * np.float32(by) + np.float32(i)
        np.testing.assert_allclose(found.numpy(), x, rtol=1e-6)
    assert len(programs) == 4 and len(set(programs)) == 1 and count_of(programs[0]) == 1


def test_each_program_has_to_pay(programs, monkeypatch):
    monkeypatch.setattr(compiled_loops, "COMPILING", 150 * compiled_loops.BY_PYTHON)
    monkeypatch.setattr(compiled_loops, "TRACING", {})  # no other library is in this process
    by = ops.convert_to_tensor(np.float32(0.5))
    for length in range(2, 12):
        scaled(by, ops.ones((length,)), 6)
    assert len(set(programs)) == 1 and count_of(programs[0]) <= 4


@pytest.mark.parametrize("reverse", [False, True])
def test_scans(programs, reverse):
    for length in (9, 9, 5, 1, 0):
        for by in (0.5, 0.25):
            xs = {"a": np.arange(length, dtype="float32"), "b": np.ones((length, 2), "float32")}
            factor = ops.convert_to_tensor(np.float32(by))

            def step(carry, x, factor=factor):
                carry = carry * factor + x["a"] * x["b"]
                return carry, {"sum": ops.sum(carry), "none": None, "row": (carry,)}

            last, found = ops.scan(step, ops.zeros((2,)), xs, reverse=reverse)
            carry, rows = np.zeros(2, "float32"), np.zeros((length, 2), "float32")
            for i in range(length)[:: -1 if reverse else 1]:
                rows[i] = carry = carry * np.float32(by) + xs["a"][i]
            np.testing.assert_allclose(last.numpy(), carry, rtol=1e-6)
            np.testing.assert_allclose(found["row"][0].numpy(), rows, rtol=1e-6)
            np.testing.assert_allclose(found["sum"].numpy(), rows.sum(1), rtol=1e-6)
            assert found["none"] is None
    assert programs and len(set(programs)) == 1
    np.testing.assert_array_equal(ops.map(lambda x: x * 2, np.arange(20)).numpy(), np.arange(20) * 2)
