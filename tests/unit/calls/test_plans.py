"""Plans of calls: kept for a kind of call, and left alone as soon as something is not as it was."""

import contextlib
import threading

import numpy as np
import pytest

import pronghorn as keras
from pronghorn import layers, ops
from pronghorn.calls.batch import as_batch
from pronghorn.calls.plans import MOST_PLANS, Plan, Plans
from pronghorn.calls.step import StepFunction, run_functions_eagerly
from pronghorn.calls.worth import MOST_OP_BY_OP
from pronghorn.engine.graph import exactness
from pronghorn.engine.graph.variable import moves, substituted
from pronghorn.utils.masking import set_mask
from pronghorn.variables import Variable


@pytest.fixture(autouse=True)
def machine_code(monkeypatch):
    monkeypatch.setenv("PRONGHORN_BACKEND", "llvm")


@pytest.fixture
def planned(monkeypatch):
    """The shapes of the arrays that ran by a plan."""
    found = []
    plain = Plan.run

    def run(self, array):
        found.append(array.shape)
        return plain(self, array)

    monkeypatch.setattr(Plan, "run", run)
    return found


def data(*shape):
    return np.random.default_rng(0).normal(size=shape).astype("float32")


def dense():
    return keras.Sequential([keras.Input((4,)), layers.Dense(8, activation="relu"), layers.Dense(3)])


def known(model, x=None, **options):
    """The model, whose calls with such an array are compiled and have a plan, and what it gives."""
    x = data(5, 4) if x is None else x
    outputs = [model(x, **options) for _ in range(MOST_OP_BY_OP + 3)]
    return model, np.asarray(outputs[-1])


# -- plans of a step ---------------------------------------------------------------------------------------------------
def noted(step, x):
    """The step's plans after a run."""
    batch = as_batch(x)
    step(batch)
    step.plans.note(batch)
    return step.plans


def test_a_plan_is_for_a_shape_and_a_type():
    step = StepFunction(lambda x: x * 2, "double")
    plans = noted(step, data(3, 2))
    assert plans.find(data(3, 2)) is not None
    np.testing.assert_array_equal(plans.find(data(3, 2)).run(data(3, 2)), 2 * data(3, 2))
    for other in (data(4, 2), data(3, 2).astype("float16"), data(6)):
        assert plans.find(other) is None
    assert plans.find(data(3, 2), "way") is None


def test_what_else_programs_depend_on():
    step = StepFunction(lambda x: x * 2, "double")
    plans = noted(step, data(3, 2))
    with exactness.summing(not exactness.exact_convolutions()):
        assert plans.find(data(3, 2)) is None
    assert plans.find(data(3, 2)) is not None
    Variable(np.zeros(2, "float32")).replace(np.zeros(3, "float32"))
    assert plans.find(data(3, 2)) is None
    assert noted(step, data(3, 2)).find(data(3, 2)) is not None


@pytest.mark.parametrize(
    ("step", "x"),
    [
        (lambda x: x[0] + x[1], [data(2), data(2)]),
        (lambda x: x * 2, np.float32(3.0)),
    ],
    ids=["two arrays", "no samples"],
)
def test_calls_of_other_kinds_have_none(step, x):
    function = StepFunction(step, "step")
    batch = as_batch(x)
    function(batch)
    function.plans.note(batch)
    assert function.plans.find(batch.arrays[0]) is None


def test_a_step_that_assigns_has_none():
    count = Variable(np.zeros((), "float32"))
    step = StepFunction(lambda x: x + count.assign_add(1.0).value, "counting")
    assert noted(step, data(2)).find(data(2)) is None


def test_plans_are_not_kept_without_end():
    step = StepFunction(lambda x: x * 2, "double")
    for rows in range(1, MOST_PLANS + 5):
        noted(step, data(rows, 1))
    assert len(step.plans._kept) <= MOST_PLANS and step.plans.find(data(MOST_PLANS + 4, 1)) is not None
    assert Plans(step).find(data(1, 1)) is None


def test_a_value_that_moves_is_told():
    v = Variable(np.zeros(2, "float32"))
    ways = [lambda: v.assign([1.0, 2.0]), lambda: v.replace(np.ones(2, "float32")), lambda: v.lay_out("elsewhere")]
    for move in ways:
        before = moves.last
        move()
        assert moves.last != before
    v.lay_out(None)
    before = moves.last
    with substituted([(v, np.ones(2, "float32"))]):
        assert moves.last != before
        inside = moves.last
    assert moves.last != inside
    before = moves.last
    v.numpy(), v.value
    assert moves.last == before


def test_a_value_for_a_while_is_seen():
    scale = Variable(np.float32([2.0]))
    step = StepFunction(lambda x: x * scale, "scaled")
    plan = noted(step, data(2, 1)).find(data(2, 1))
    with substituted([(scale, np.float32([3.0]))]):
        np.testing.assert_array_equal(plan.run(data(2, 1)), 3 * data(2, 1))
    np.testing.assert_array_equal(plan.run(data(2, 1)), 2 * data(2, 1))


# -- calls of models ---------------------------------------------------------------------------------------------------
@pytest.mark.parametrize("options", [{}, {"training": False}, {"training": None}])
def test_a_model_s_calls(planned, options):
    model, outputs = known(dense(), **options)
    assert len(planned) >= 2
    for x in (data(5, 4), ops.convert_to_tensor(data(5, 4))):
        planned.clear()
        again = model(x, **options)
        assert len(planned) == 1 and type(again) is type(ops.ones(1))
        np.testing.assert_array_equal(again, outputs)


def test_a_functional_model_and_its_structure(planned):
    x = keras.Input((4,))
    model = keras.Model(x, {"a": layers.Dense(2)(x), "b": [x]})
    for _ in range(MOST_OP_BY_OP + 3):
        outputs = model(data(5, 4))
    assert planned and type(outputs) is dict and type(outputs["b"]) is list
    np.testing.assert_array_equal(outputs["b"][0], data(5, 4))


def without_plan(model, planned, *args, **kwargs):
    """The result of a call that must not run by a plan."""
    planned.clear()
    result = model(*args, **kwargs)
    assert not planned
    return result


def test_kinds_of_calls_without_a_plan(planned):
    model, outputs = known(dense())
    x = data(5, 4)
    for other in (np.asfortranarray(x), np.repeat(x, 2, axis=0)[::2], x.astype("float64")):
        np.testing.assert_allclose(without_plan(model, planned, other), outputs, rtol=1e-5, atol=1e-6)
    without_plan(model, planned, x, training=True)
    without_plan(model, planned, x, training=1)
    masked = ops.convert_to_tensor(x)
    set_mask(masked, ops.ones((5,), dtype="bool"))
    without_plan(model, planned, masked)


def test_those_who_watch_see_each_operation(planned):
    model, outputs = known(dense())
    with keras.GradientTape() as tape:
        loss = ops.sum(without_plan(model, planned, data(5, 4)))
    assert all(g is not None for g in tape.gradient(loss, model.trainable_variables))
    outer = keras.Sequential([keras.Input((4,)), model])
    np.testing.assert_allclose(without_plan(outer, planned, data(5, 4)), outputs, rtol=1e-5, atol=1e-6)
    run_functions_eagerly(True)
    try:
        without_plan(model, planned, data(5, 4))
    finally:
        run_functions_eagerly(False)
    assert without_plan(model, planned, keras.KerasTensor((5, 4))).shape == (5, 3)


def test_values_of_a_scope_are_seen(planned):
    """They were not, once a model had been called ten times."""
    model, outputs = known(dense())
    zeros = [(v, np.zeros(v.shape, "float32")) for v in model.variables]
    with keras.StatelessScope(state_mapping=zeros):
        assert not np.asarray(without_plan(model, planned, data(5, 4))).any()
    np.testing.assert_array_equal(model(data(5, 4)), outputs)


def zeroed(model):
    for weight in model.weights:
        weight.assign(ops.zeros_like(weight))


@pytest.mark.parametrize(
    "change",
    [
        zeroed,
        lambda model: model.set_weights([w * 0 for w in model.get_weights()]),
        lambda model: setattr(model.layers[-1], "activation", ops.zeros_like),
        lambda model: setattr(model.layers[-1], "call", ops.zeros_like),
        lambda model: setattr(model, "call", lambda x: ops.zeros_like(x)),
        lambda model: model.add(layers.Dense(3, kernel_initializer="zeros")),
    ],
    ids=["assigned", "set", "activation", "layer's call", "model's call", "added"],
)
def test_changes_are_seen(change):
    model, _ = known(dense())
    change(model)
    for _ in range(MOST_OP_BY_OP + 3):
        assert not np.asarray(model(data(5, 4))).any()


def test_a_layer_that_was_taken_away():
    model, _ = known(dense())
    model.pop()
    assert known(model)[1].shape == (5, 8)


def test_a_quantized_model():
    model, before = known(dense())
    model.quantize("int8")
    after = known(model)[1]
    assert not np.array_equal(before, after)
    np.testing.assert_allclose(before, after, atol=0.1)


def test_a_policy_that_was_set():
    model, before = known(dense())
    for layer in (model, *model.layers):
        layer.dtype_policy = "mixed_bfloat16"
    after = known(model)[1]
    assert after.dtype == "bfloat16"
    np.testing.assert_allclose(before, after.astype("float32"), atol=0.1)


def test_run_eagerly(planned):
    model, outputs = known(dense())
    model.run_eagerly = True
    np.testing.assert_allclose(without_plan(model, planned, data(5, 4)), outputs, rtol=1e-5, atol=1e-6)
    model.run_eagerly = False
    assert np.array_equal(known(model)[1], outputs) and planned


def test_a_call_operator_of_the_user_s():
    class Model(keras.Sequential):
        def __call__(self, *args, **kwargs):
            return super().__call__(*args, **kwargs) + 1

    model = Model([keras.Input((4,)), layers.Dense(3, kernel_initializer="zeros")])
    assert (known(model)[1] == 1).all()


def test_another_engine(monkeypatch, planned):
    model, outputs = known(dense())
    monkeypatch.setenv("PRONGHORN_BACKEND", "numpy")
    np.testing.assert_allclose(without_plan(model, planned, data(5, 4)), outputs, rtol=1e-5, atol=1e-6)
    monkeypatch.setenv("PRONGHORN_BACKEND", "llvm")
    model(data(5, 4))
    assert len(planned) == 1


def test_a_model_without_layers_says_so():
    with contextlib.suppress(ValueError):
        keras.Sequential()(data(1, 1))
    with pytest.raises(ValueError, match="no layers"):
        keras.Sequential()(data(1, 1))


def test_threads_side_by_side(planned):
    model, _ = known(dense())
    inputs = [data(5, 4) + i for i in range(4)]
    expected = [np.asarray(model(x)) for x in inputs]
    planned.clear()
    wrong = []

    def work(x, y):
        for _ in range(300):
            if not np.array_equal(model(x), y):
                wrong.append(x)

    threads = [threading.Thread(target=work, args=pair) for pair in zip(inputs, expected)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not wrong and len(planned) == 4 * 300
