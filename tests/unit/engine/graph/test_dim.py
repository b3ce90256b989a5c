"""Symbolic extents: arithmetic, comparison, and what cannot be known."""

import random

import pytest

from pronghorn.engine.graph.dim import Dim, SymbolicDimError, evaluate, identical, is_static, product, substitute

N, M = Dim.symbol("n"), Dim.symbol("m")


@pytest.mark.parametrize(
    ("extent", "expected"),
    [
        (N + 1 - 1, N),
        (N - N, 0),
        (N * 0, 0),
        (2 * N + N, 3 * N),
        ((N + 1) * (N - 1), N * N - 1),
        (N * M - M * N, 0),
        ((4 * N + 6) // 2, 2 * N + 3),
        ((N * 6) // N, 6),
        ((N * M * 6) // (2 * N), 3 * M),
        ((N * 4) % 2, 0),
        (N // 1, N),
        (5 - N, -N + 5),
        (0 - (-N), N),
    ],
)
def test_arithmetic(extent, expected):
    assert extent == expected
    assert hash(extent) == hash(expected)


def test_floor_division_that_is_not_exact():
    half = (N - 3) // 2 + 1
    for n in range(3, 12):
        assert half.evaluate({"n": n}) == (n - 3) // 2 + 1
    assert half == (N - 3) // 2 + 1
    assert half != (N - 2) // 2 + 1
    assert half.symbols == {"n"}
    assert (N % 3).evaluate({"n": 7}) == 1


def test_random_polynomials_evaluate_like_numbers():
    rng = random.Random(0)
    for _ in range(200):
        env = {"n": rng.randint(1, 9), "m": rng.randint(1, 9)}
        extent, number = N, env["n"]
        for _ in range(6):
            other, value = rng.choice([(N, env["n"]), (M, env["m"]), (3, 3), (2 * M + 1, 2 * env["m"] + 1)])
            extent, number = rng.choice(
                [(extent + other, number + value), (extent - other, number - value), (extent * other, number * value),
                 (extent // 3, number // 3)]
            )  # fmt: skip
        assert evaluate(extent, env) == number
        assert evaluate(substitute(extent, {"n": 2 * M, "m": 5}), {"m": 7}) == evaluate(extent, {"n": 14, "m": 5})


def test_order_for_all_extents_from_one():
    assert N > 0 and N >= 1 and N + 1 > N and 2 * N > 1
    assert N < N + 1 and N <= N and not N < N
    assert N + M > N
    with pytest.raises(SymbolicDimError, match="n and 3 compare"):
        assert N > 3
    with pytest.raises(SymbolicDimError, match="not known before"):
        assert N < M


def test_numbers_cannot_be_had():
    for question in (int, range, lambda d: [0][d], lambda d: 7 // d, lambda d: d // M):
        with pytest.raises(SymbolicDimError):
            question(N)


def test_is_true_and_prints():
    assert N
    assert repr(2 * N * M + N + 3) == "2*m*n + n + 3"
    assert str((N + 1) // 2) == "floor((n + 1)/2)"


def test_shapes():
    assert is_static((2, 3)) and not is_static((N, 3))
    assert product((N, 3, 2)) == 6 * N
    assert product(()) == 1
    assert substitute(4, {"n": 3}) == 4
    assert substitute(N * N, {"n": M + 1}) == M * M + 2 * M + 1


def test_equality_is_structural():
    assert N != M and N != 1 and {N, N + 0, M} == {N, M}


def test_whole_parts_stand_outside_of_a_floor():
    assert identical((N + 4) // 3 + 1, (N - 2) // 3 + 3)
    assert str((N - 1) // 2) == "floor((n + 1)/2) + -1"
    assert [int(((N - 7) // 3).evaluate({"n": n})) for n in range(9)] == [(n - 7) // 3 for n in range(9)]


def test_order_does_not_take_floors_for_growing():
    shrinking = -((4 - N) // 3)  # 0 for 2, 1 for 5, 2 for 8
    assert [evaluate(shrinking, {"n": n}) for n in (2, 5, 8)] == [0, 1, 2]
    with pytest.raises(SymbolicDimError):
        assert shrinking < 1
    assert N // 2 >= 0 and N * M >= 1 and N // 2 + M > 0
