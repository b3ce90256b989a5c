"""Optimizers: what they do to weights, their state, configs and errors."""

from __future__ import annotations

import numpy as np
import pytest

from pronghorn import ops, optimizers
from pronghorn.engine.graph.trace import trace
from pronghorn.variables import Variable

ALL = [
    "SGD", "Adam", "AdamW", "RMSprop", "Adagrad", "Adadelta", "Adamax", "Nadam", "Ftrl", "Lion", "Lamb", "Adafactor",
    "Muon", "ScheduleFreeAdamW",
]  # fmt: skip


def weight(values=(1.0, 2.0), name="w"):
    return Variable(np.asarray(values, "float32"), name=name)


def test_sgd_by_hand():
    w = weight()
    optimizers.SGD(0.1).apply([np.array([1.0, -1.0], "float32")], [w])
    np.testing.assert_allclose(w.numpy(), [0.9, 2.1], rtol=1e-6)


def test_momentum_by_hand():
    w, grad = weight(), np.ones(2, "float32")
    optimizer = optimizers.SGD(0.1, momentum=0.5)
    optimizer.apply([grad], [w])
    optimizer.apply([grad], [w])
    np.testing.assert_allclose(w.numpy(), np.array([1.0, 2.0]) - 0.1 - 0.15, rtol=1e-6)


def test_adams_first_step_is_the_learning_rate():
    w = weight()
    optimizers.Adam(0.01).apply([np.array([5.0, -0.1], "float32")], [w])
    np.testing.assert_allclose(w.numpy(), [0.99, 2.01], rtol=1e-4)


@pytest.mark.parametrize("name", ALL)
def test_a_quadratic_gets_smaller(name):
    w = Variable(np.full((3, 3), 1.0, "float32"), name="w")
    optimizer = getattr(optimizers, name)(0.05)
    before = float(np.square(w.numpy()).sum())
    for _ in range(10):
        optimizer.apply([2 * w.numpy()], [w])
    assert float(np.square(w.numpy()).sum()) < before
    assert int(optimizer.iterations) == 10


@pytest.mark.parametrize("name", ALL)
def test_configs_and_state_go_round(name):
    w = Variable(np.ones((2, 3), "float32"), name="w")
    optimizer = getattr(optimizers, name)(0.03)
    again = optimizers.deserialize(optimizers.serialize(optimizer))
    assert type(again) is type(optimizer)
    for one in (optimizer, again):
        one.build([w])
    optimizer.apply([np.ones((2, 3), "float32")], [w])
    store = {}
    optimizer.save_own_variables(store)
    again.load_own_variables(store)
    for a, b in zip(optimizer.variables, again.variables):
        np.testing.assert_array_equal(a.numpy(), b.numpy())


@pytest.mark.parametrize("scaled", [False, True])
def test_nadams_product_of_momenta_follows_where_a_file_lacks_it(scaled):
    w = Variable(np.ones(3, "float32"), name="w")
    one, again = (optimizers.Nadam(0.03) for _ in range(2))
    if scaled:
        one, again = optimizers.LossScaleOptimizer(one), optimizers.LossScaleOptimizer(again)
    for optimizer in (one, again):
        optimizer.build([w])
    for _ in range(3):
        one.apply([np.ones(3, "float32")], [w])
    store = {}
    one.save_own_variables(store)
    del store[str(len(store) - 1)]
    again.load_own_variables(store)
    for a, b in zip(one.variables, again.variables, strict=True):
        np.testing.assert_allclose(a.numpy(), b.numpy(), rtol=1e-6)
    del store[str(len(store) - 1)]
    with pytest.warns(UserWarning, match="Skipping the variables"):
        again.load_own_variables(store)


@pytest.mark.parametrize("name", ALL)
def test_an_update_traces_into_one_graph(name):
    w = Variable(np.ones((2, 3), "float32"), name="w")
    optimizer = getattr(optimizers, name)(0.05)

    def step():
        optimizer.apply([w.value * 2.0], [w])
        return []

    traced = trace(step, [])
    assert {id(w), id(optimizer._iterations)} <= {id(v) for v in traced.updated}
    np.testing.assert_array_equal(w.numpy(), np.ones((2, 3)))  # tracing changes nothing

    from pronghorn.engine.backends.numpy.executable import NumpyExecutable

    run = NumpyExecutable(traced)
    twin = Variable(np.ones((2, 3), "float32"), name="w")
    other = getattr(optimizers, name)(0.05)
    for _ in range(3):
        run()
        other.apply([twin.value * 2.0], [twin])
    np.testing.assert_allclose(w.numpy(), twin.numpy(), rtol=1e-6)


def test_scalars_are_computed_once_a_step():
    weights = [Variable(np.ones(3, "float32"), name=f"w{i}") for i in range(4)]
    optimizer = optimizers.Adam()

    def step():
        optimizer.apply([w.value for w in weights], weights)
        return []

    traced = trace(step, [])
    assert sum(node.prim.name == "pow" for node in traced.graph.nodes) == 2


def test_clipping():
    for argument, wanted in (("clipnorm", [0.6, 0.8]), ("clipvalue", [1.0, 1.0]), ("global_clipnorm", [0.6, 0.8])):
        w = weight((0.0, 0.0))
        optimizers.SGD(1.0, **{argument: 1.0}).apply([np.array([3.0, 4.0], "float32")], [w])
        np.testing.assert_allclose(-w.numpy(), wanted, rtol=1e-6)


@pytest.mark.parametrize("bad", [np.inf, np.nan])
def test_a_global_norm_that_is_no_number_leaves_none(bad):
    a, b = Variable([1.0, 2.0]), Variable([3.0])
    gradients = [np.array([1.0, bad], "float32"), np.array([1.0], "float32")]
    optimizers.SGD(1.0, global_clipnorm=1.0).apply(gradients, [a, b])
    assert np.isnan(a.numpy()).all() and np.isnan(b.numpy()).all()


def test_global_clipping_is_over_all_gradients():
    a, b = weight((0.0,), "a"), weight((0.0,), "b")
    optimizers.SGD(1.0, global_clipnorm=1.0).apply([np.array([3.0], "float32"), np.array([4.0], "float32")], [a, b])
    np.testing.assert_allclose([-a.numpy()[0], -b.numpy()[0]], [0.6, 0.8], rtol=1e-6)


def test_weight_decay_and_its_exceptions():
    kernel, bias = weight(name="kernel"), weight(name="bias")
    optimizer = optimizers.SGD(1.0, weight_decay=0.1)
    optimizer.exclude_from_weight_decay(var_names=["bias"])
    optimizer.apply([np.zeros(2, "float32")] * 2, [kernel, bias])
    np.testing.assert_allclose(kernel.numpy(), [0.9, 1.8], rtol=1e-6)
    np.testing.assert_allclose(bias.numpy(), [1.0, 2.0])
    with pytest.raises(ValueError, match="before"):
        optimizer.exclude_from_weight_decay(var_names=["kernel"])


def test_gradients_accumulate():
    w = weight((0.0,))
    optimizer = optimizers.SGD(1.0, gradient_accumulation_steps=2)
    optimizer.apply([np.array([1.0], "float32")], [w])
    assert w.numpy()[0] == 0.0 and int(optimizer.iterations) == 0
    optimizer.apply([np.array([3.0], "float32")], [w])
    assert w.numpy()[0] == -2.0 and int(optimizer.iterations) == 1


def test_averages_of_weights():
    w = weight((0.0,))
    optimizer = optimizers.SGD(1.0, use_ema=True, ema_momentum=0.5)
    for _ in range(2):
        optimizer.apply([np.array([1.0], "float32")], [w])
    other = weight((7.0,))
    with pytest.raises(ValueError, match="needs the 1 weights .* got 1"):
        optimizer.finalize_variable_values([other])
    optimizer.finalize_variable_values([w, other])
    np.testing.assert_allclose(w.numpy(), [-1.5])
    assert other.numpy()[0] == 7.0


def test_constraints_are_applied():
    w = weight((0.05,))
    w.constraint = lambda value: value * 0.0
    optimizers.SGD(0.1).apply([np.array([1.0], "float32")], [w])
    assert w.numpy()[0] == 0.0


def test_the_learning_rate_can_be_set():
    optimizer = optimizers.SGD(0.1)
    optimizer.learning_rate = 0.5
    assert float(optimizer.learning_rate) == 0.5
    optimizer.learning_rate = optimizers.schedules.ExponentialDecay(1.0, 1, 0.5)
    w = weight((0.0,))
    for _ in range(2):
        optimizer.apply([np.array([1.0], "float32")], [w])
    np.testing.assert_allclose(w.numpy(), [-1.5])
    with pytest.raises(TypeError, match="schedule"):
        optimizer.learning_rate = 0.1
    assert float(optimizers.SGD(lambda: 0.25).learning_rate) == 0.25


def test_stateless_apply_changes_nothing():
    w = weight()
    optimizer = optimizers.Adam(0.1)
    optimizer.build([w])
    values, state = optimizer.stateless_apply(optimizer.variables, [np.ones(2, "float32")], [w])
    np.testing.assert_allclose(values[0].numpy(), [0.9, 1.9], rtol=1e-5)
    assert int(state[0]) == 1
    np.testing.assert_array_equal(w.numpy(), [1.0, 2.0])
    assert int(optimizer.iterations) == 0


def test_loss_scaling_skips_bad_steps():
    w = weight((1.0,))
    optimizer = optimizers.LossScaleOptimizer(optimizers.SGD(0.1), initial_scale=4.0, dynamic_growth_steps=2)
    optimizer.build([w])
    for gradient, wanted, scale in ((4.0, 0.9, 4.0), (4.0, 0.8, 8.0), (np.inf, 0.8, 4.0), (2.0, 0.75, 4.0)):
        optimizer.apply([np.array([gradient], "float32")], [w])
        np.testing.assert_allclose(w.numpy(), [wanted], rtol=1e-6)
        assert float(optimizer.dynamic_scale) == scale
    assert float(optimizer.scale_loss(2.0)) == 8.0
    with pytest.raises(ValueError, match="inner_optimizer"):
        optimizers.LossScaleOptimizer(optimizers.SGD(), clipnorm=1.0)


def test_several_optimizers():
    a, b = weight((0.0,), "a"), weight((0.0,), "b")
    mapping = optimizers.OptimizerMap(optimizers.SGD(1.0), {"b": optimizers.SGD(0.5)})
    optimizer = optimizers.MultiOptimizer(mapping)
    optimizer.apply([np.ones(1, "float32")] * 2, [a, b])
    assert (a.numpy()[0], b.numpy()[0]) == (-1.0, -0.5)
    assert isinstance(optimizers.deserialize(optimizers.serialize(optimizer)), optimizers.MultiOptimizer)
    with pytest.raises(AttributeError, match="single optimizers"):
        _ = optimizer.learning_rate


def test_get_by_name():
    assert isinstance(optimizers.get("ADAM"), optimizers.Adam)
    assert optimizers.get(None) is None
    with pytest.raises(ValueError, match="rmsprop"):
        optimizers.get("rmsprp")
    with pytest.raises(ValueError, match="instance"):
        optimizers.get(optimizers.Adam)
    with pytest.raises(ImportError, match="optimizers.Adam"):
        optimizers.legacy.Adam()


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        ({"clipnorm": 1, "clipvalue": 1}, "clipnorm"),
        ({"foo": 1}, "foo"),
        ({"use_ema": True, "ema_momentum": 2}, "ema_momentum"),
        ({"use_ema": True, "ema_overwrite_frequency": 0.5}, "ema_overwrite_frequency"),
        ({"gradient_accumulation_steps": 1}, "gradient_accumulation_steps"),
        ({"gradient_accumulation_steps": "2"}, "got '2'"),
        ({"momentum": -1.0}, "momentum"),
    ],
)
def test_bad_arguments(arguments, words):
    with pytest.raises(ValueError, match=words):
        optimizers.SGD(**arguments)


def test_errors_of_a_step():
    w = weight()
    optimizer = optimizers.SGD()
    optimizer.build([w])
    with pytest.raises(ValueError, match="2 gradients"):
        optimizer.apply([np.ones(2)] * 2)
    with pytest.raises(ValueError, match="Unknown variable"):
        optimizer.apply([np.ones(2)], [weight(name="other")])
    with pytest.raises(ValueError, match="no variable has a gradient"):
        optimizer.apply([None], [w])
    with pytest.warns(UserWarning, match="other"):
        optimizers.SGD().apply([np.ones(2, "float32"), None], [w, weight(name="other")])


@pytest.mark.parametrize("name", ["CosineDecay", "ExponentialDecay", "PolynomialDecay", "InverseTimeDecay"])
def test_schedules_reject_no_steps(name):
    arguments = (0.1, 0) if name in ("CosineDecay", "PolynomialDecay") else (0.1, 0, 0.5)
    with pytest.raises(ValueError, match="decay_steps"):
        getattr(optimizers.schedules, name)(*arguments)


def test_schedules_go_round():
    schedule = optimizers.schedules.PiecewiseConstantDecay([2, 5], [1.0, 0.5, 0.1])
    again = optimizers.schedules.deserialize(optimizers.schedules.serialize(schedule))
    assert [float(again(i)) for i in (0, 2, 3, 5, 6)] == pytest.approx([1.0, 1.0, 0.5, 0.5, 0.1])
    with pytest.raises(ValueError, match="one value more"):
        optimizers.schedules.PiecewiseConstantDecay([2], [1.0])


def test_gradients_are_accumulated_without_their_scale():
    w, grad = weight(), np.ones(2, "float32")
    optimizer = optimizers.SGD(0.1, gradient_accumulation_steps=2, loss_scale_factor=4.0)
    optimizer.apply([grad], [w])
    np.testing.assert_allclose(optimizer.variables[-1].numpy(), grad / 4)
    optimizer.apply([grad], [w])
    np.testing.assert_allclose(w.numpy(), [1.0 - 0.025, 2.0 - 0.025], rtol=1e-6)


def test_averages_and_constraints_also_follow_steps_that_only_accumulate():
    w = Variable(np.array([1.0, 2.0], "float32"), name="w")
    w.constraint = lambda value: value * 0.5
    optimizer = optimizers.SGD(0.1, gradient_accumulation_steps=2, use_ema=True, ema_momentum=0.5)
    optimizer.apply([np.zeros(2, "float32")], [w])
    np.testing.assert_allclose(w.numpy(), [0.5, 1.0])
    for _ in range(2):
        optimizer.apply([np.zeros(2, "float32")], [w])
    [average] = [v for v in optimizer.variables if "average" in v.path]
    np.testing.assert_allclose(average.numpy(), [0.375, 0.75])  # of 0.5 and 0.25, the constraint comes after it


def test_several_optimizers_have_one_loss_scale():
    inner = optimizers.SGD(0.1, loss_scale_factor=4.0)
    several = optimizers.MultiOptimizer(optimizers.OptimizerMap(inner))
    several.build([weight()])
    assert inner.loss_scale_factor is None
    several.loss_scale_factor = 2.0
    assert inner.loss_scale_factor == 2.0


def test_slots_come_in_the_order_of_kerass_files():
    weights = [weight(name="a"), weight(np.ones((2, 3)), name="b")]
    for optimizer, shapes in (
        (optimizers.Ftrl(), [(2,), (2,), (2, 3), (2, 3)]),
        (optimizers.Adafactor(), [(), (), (2,), (2,), (3,), (2, 3)]),
    ):
        optimizer.build(weights)
        assert [v.shape for v in optimizer.variables[2:]] == shapes


def test_callbacks_change_the_learning_rates_of_all_optimizers():
    from pronghorn import Sequential, callbacks, layers

    slow, fast = optimizers.SGD(0.1, name="slow", use_ema=True), optimizers.SGD(0.01, name="fast")
    model = Sequential([layers.Dense(2, name="dense_1"), layers.Dense(1, name="dense_2")])
    model.compile(optimizers.MultiOptimizer(optimizers.OptimizerMap(fast, {".*dense_1/.*": slow})), "mse")
    halve = callbacks.LearningRateScheduler(lambda epoch, rate: rate / 2)
    plateau = callbacks.ReduceLROnPlateau("loss", factor=0.1, patience=1, min_delta=1e9)
    data = np.ones((8, 3), "float32"), np.zeros((8, 1), "float32")
    history = model.fit(*data, epochs=2, verbose=0, callbacks=[halve, plateau, callbacks.SwapEMAWeights()]).history
    np.testing.assert_allclose(history["learning_rate_slow"], [0.05, 0.025])
    np.testing.assert_allclose(history["learning_rate_fast"], [0.005, 0.0025])
    np.testing.assert_allclose([float(o.learning_rate) for o in (slow, fast)], [0.0025, 0.00025])
    before = model.get_weights()
    average = next(v for v in slow.variables if v.shape == (3, 2))
    average.assign(np.zeros((3, 2)))
    swap = callbacks.SwapEMAWeights()
    swap.set_model(model)
    swap.on_test_begin()
    during = model.get_weights()
    assert not during[0].any()
    np.testing.assert_array_equal(before[2], during[2])
    swap.on_test_end()
    np.testing.assert_array_equal(before[0], model.get_weights()[0])


def test_variables_overwritten_by_what_is_accumulated_for_them():
    value, weight = Variable([1.0, 2.0]), Variable([1.0, 2.0])
    value.overwrite_with_gradient = True
    optimizer = optimizers.SGD(1.0, gradient_accumulation_steps=2)
    seen = []
    for gradient in ([3.0, -4.0], [2.0, -5.0], [7.0, 1.0]):
        optimizer.apply_gradients([(np.float32(gradient), value), (np.float32(gradient), weight)])
        seen.append(value.numpy().tolist())
    assert seen == [[1.0, 2.0], [3.0, 0.0], [3.0, 0.0]]
    np.testing.assert_allclose(weight.numpy(), [1 - 2.5, 2 + 4.5])


@pytest.mark.parametrize("rate", [-1, True, "fast", "0.1", None, [0.1], 1j, np.array([0.1])])
def test_learning_rates_that_are_none(rate):
    with pytest.raises(ValueError, match="Adam: Invalid value for argument `learning_rate`.*Received: learning_rate="):
        optimizers.Adam(rate)


@pytest.mark.parametrize("rate", [0, 0.0, 1, -0.5, np.float32(0.25), lambda: 0.5])
def test_learning_rates_that_are_taken(rate):
    expected = rate() if callable(rate) else rate
    assert float(optimizers.Adam(rate).learning_rate) == expected


@pytest.mark.parametrize("rate", ["fast", None, 1j, {"rate": 1}])
def test_a_learning_rate_that_is_none_cannot_be_set(rate):
    optimizer = optimizers.SGD(0.5)
    with pytest.raises(ValueError, match="SGD: Invalid value for argument `learning_rate`"):
        optimizer.learning_rate = rate
    assert float(optimizer.learning_rate) == 0.5


@pytest.mark.parametrize(
    ("given", "words"),
    [
        (lambda g, v: g, "2 whose first entry is a (TensorFlow)?Tensor of shape \\(3, 2\\)"),
        (lambda g, v: [g[1]], "1 whose first"),  # of two numbers, which look like a pair
        (lambda g, v: (g, v), "2 whose first entry is a list"),
        (lambda g, v: zip(v, g), "a tuple"),
        (lambda g, v: [], "no pairs"),
    ],
)
def test_gradients_without_their_weights(given, words):
    weights = [Variable(np.ones((3, 2), "float32")), Variable(np.ones(2, "float32"))]
    gradients = [ops.ones((3, 2)), ops.ones(2)]
    with pytest.raises(ValueError, match=f"sgd.*: apply_gradients .*{words}") as caught:
        optimizers.SGD().apply_gradients(given(gradients, weights))
    mend = "apply_gradients(zip(gradients, model.trainable_variables))"
    assert (mend in str(caught.value)) == (words != "no pairs")
