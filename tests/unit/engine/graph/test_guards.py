import pytest

from pronghorn import ops, value_and_grad
from pronghorn.engine.graph.dim import Dim, SymbolicDimError, comparable, identical
from pronghorn.engine.graph.guards import Guards, HoldsOnce, guarding
from pronghorn.engine.graph.ir import Aval
from pronghorn.engine.graph.trace import trace, trace_body

N, M = Dim.symbol("n"), Dim.symbol("m")


def asked(hint, *questions):
    guards = Guards({"n": hint})
    with guarding(guards):
        return [question() for question in questions], guards


def test_comparisons_are_answered_by_the_hint_and_kept():
    answers, guards = asked(7, lambda: N > 5, lambda: N <= 9, lambda: N == 8, lambda: N != 3, lambda: bool(N))
    assert answers == [True, True, False, True, True]
    assert str(guards) == "Guards(n >= 6, n <= 9, n != 8)"
    assert [n for n in range(1, 20) if guards.hold({"n": n})] == [6, 7, 9]


def test_what_follows_is_not_kept():
    questions = [lambda: N >= 1, lambda: N + 1 > N, lambda: 2 * N > 1, lambda: N * N > 0, lambda: 2 * N == 3]
    answers, guards = asked(4, *questions)
    assert answers == [True, True, True, True, False] and not guards
    _, guards = asked(4, lambda: N > 3, lambda: N > 2, lambda: 3 * N - 5 > 0, lambda: N == 2, lambda: N // 2 >= 2)
    assert str(guards) == "Guards(n >= 4)"


@pytest.mark.parametrize("hint", [1, 2, 3, 6, 7, 12])
def test_guards_hold_exactly_where_the_answers_are_the_same(hint):
    questions = [
        lambda n: 3 * n > 7, lambda n: 10 - 2 * n >= 0, lambda n: n % 4 > 1, lambda n: n * n - 6 * n > 3,
        lambda n: 4 - n > -5, lambda n: n // 3 < 2,
    ]  # fmt: skip
    for question in questions:
        guards = Guards({"n": hint})
        with guarding(guards):
            answer = question(N)
        assert answer == question(hint)
        for n in range(1, 40):
            assert guards.hold({"n": n}) == (question(n) == answer), (n, guards)


def test_excluded_numbers_at_the_ends_move_the_ends():
    _, guards = asked(5, lambda: N == 1, lambda: N == 3, lambda: N == 2)
    assert str(guards) == "Guards(n >= 4)"


def test_an_answer_that_fixes_the_number_asks_for_it():
    for question in (lambda: N == 6, lambda: bool(N - 6), lambda: N % 3 == 0):
        with pytest.raises(HoldsOnce):
            asked(6, question)


def test_a_trace_that_was_told_so_is_no_trace_even_if_the_error_was_caught():
    def body(x):
        try:
            return [x * 2 if x.shape[0] == 6 else x]
        except TypeError:
            return [x]

    with pytest.raises(HoldsOnce):
        trace(body, [Aval((N,), "float32")], hints={"n": 6})
    assert str(trace(body, [Aval((N,), "float32")], hints={"n": 5}).guards) == "Guards(n != 6)"


def test_without_a_hint_only_the_form_answers():
    assert not comparable(N) and comparable(3)
    with pytest.raises(SymbolicDimError):
        assert N > 3
    assert N != 3
    _, guards = asked(5, lambda: comparable(N, N // 2, 1))
    with guarding(guards):
        assert comparable(N) and not comparable(M) and not comparable(N * M)
        with pytest.raises(SymbolicDimError):
            assert M > 3


def test_forms_hashes_and_caches_ask_nothing():
    batch, guards = Dim.symbol("batch"), Guards({"batch": 5})
    with guarding(guards):
        kept = {batch: 1, (batch, 3): 2, batch // 2: 3}
        assert identical(batch, batch) and not identical(batch, 1) and not identical((batch, 2), (1, 2))
        assert (batch,) == (batch,)
        same = Dim.symbol("batch")
        assert (kept[same], kept[(same, 3)], kept[same // 2], kept.get(5)) == (1, 2, 3, None)
    assert not guards


def test_a_function_that_looks_up_a_length_needs_its_number():
    for table in ({8: 2}, {8}, frozenset({N})):
        guards = Guards({"n": 5})
        with guarding(guards), pytest.raises(SymbolicDimError, match="The extent n is looked up"):
            assert N not in table
        assert guards.needs_numbers is not None


def test_bodies_of_loops_are_guarded_by_the_trace_around_them():
    def body(x):
        inner = trace_body(lambda y: [y * 2 if y.shape[0] > 3 else y], [Aval(x.shape, x.dtype)])
        assert len(inner.graph.nodes) > 0
        return [x]

    assert str(trace(body, [Aval((N,), "float32")], hints={"n": 5}).guards) == "Guards(n >= 4)"


@pytest.mark.parametrize(
    "function",
    [
        lambda x: x + ops.ones((1, 3)), lambda x: ops.softmax(x) * ops.mean(x, 0, keepdims=True), lambda x: x[:, None],
        lambda x: ops.matmul(x, ops.ones((3, 3))), lambda x: ops.reshape(x, (-1, 1, 3)), lambda x: x.T @ x,
        lambda x: ops.concatenate([x, x], 0), lambda x: ops.einsum("bi,bj->ij", x, x), lambda x: x[::-1],
        lambda x: ops.where(x > 0, x, 0.0), lambda x: ops.max(x, 0), lambda x: ops.expand_dims(x, 0) * x[0],
        lambda x: value_and_grad(lambda w: ops.sum(x * w))(ops.ones((1, 3)))[1],
    ],
)  # fmt: skip
def test_what_holds_for_every_extent_has_no_guards(function):
    assert not trace(lambda x: [function(x)], [Aval((N, 3), "float32")], hints={"n": 5}).guards
