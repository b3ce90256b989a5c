"""Convolutions whose channels stay apart, against NumPy and the general tiles; which contractions are taken so."""

from __future__ import annotations

import numpy as np
import pytest
from contraction_problems import (
    TARGETS,
    attention,
    check,
    conv,
    depthwise,
    depthwise_filter_gradient,
    machine_for,
    matmul,
    run,
)

import pronghorn as keras
from pronghorn.engine.codegen.contraction import ChannelwiseGradient, ChannelwisePlan, plan, plan_channelwise
from pronghorn.engine.runtime.host import named_target


def channelwise(spec, machine, multiples=None):
    """The plan, whatever it gains."""
    made = plan_channelwise(spec, machine)
    assert isinstance(made, ChannelwisePlan | ChannelwiseGradient)
    return made


RESULTS = {
    "even": lambda **o: depthwise(2, 18, 18, 64, 3, 3, **o),
    "rest of a row": lambda **o: depthwise(2, 9, 25, 32, 3, 3, **o),
    "channels that fill no vector": lambda **o: depthwise(2, 9, 8, 21, 3, 3, **o),
    "two columns": lambda **o: depthwise(3, 5, 4, 40, 3, 3, **o),
    "strides": lambda **o: depthwise(2, 17, 23, 24, 3, 3, stride=2, **o),
    "dilation": lambda **o: depthwise(2, 17, 23, 24, 3, 3, dilation=3, **o),
    "wide taps": lambda **o: depthwise(1, 14, 30, 24, 5, 5, **o),
    "one row of taps": lambda **o: depthwise(2, 3, 40, 16, 1, 3, **o),
    "one column of taps": lambda **o: depthwise(2, 9, 20, 16, 3, 1, **o),
    "one tap": lambda **o: depthwise(2, 9, 20, 16, 1, 1, **o),
    "backwards": lambda **o: depthwise(2, 18, 18, 40, 3, 3, flipped=True, **o),
    "a long row": lambda **o: depthwise(1, 3, 700, 16, 1, 3, **o),
}
GRADIENTS = {
    "gradient": lambda **o: depthwise_filter_gradient(3, 18, 18, 64, 3, 3, **o),
    "gradient, rest of a row": lambda **o: depthwise_filter_gradient(2, 9, 25, 32, 3, 3, **o),
    "gradient, channels that fill no vector": lambda **o: depthwise_filter_gradient(2, 9, 8, 21, 3, 3, **o),
    "gradient, blocks of channels": lambda **o: depthwise_filter_gradient(4, 9, 9, 600, 3, 3, **o),
    "gradient, strides": lambda **o: depthwise_filter_gradient(5, 17, 23, 24, 3, 3, stride=2, **o),
    "gradient, dilation": lambda **o: depthwise_filter_gradient(2, 17, 23, 24, 3, 3, dilation=3, **o),
    "gradient, wide taps": lambda **o: depthwise_filter_gradient(2, 14, 30, 24, 5, 5, **o),
    "gradient, many chunks": lambda **o: depthwise_filter_gradient(70, 20, 12, 16, 3, 3, **o),
}
CASES = RESULTS | GRADIENTS


@pytest.mark.parametrize("target", TARGETS)
@pytest.mark.parametrize("name", CASES)
def test_matches_numpy(native, name, target):
    check(native, CASES[name](), target, planner=channelwise)


@pytest.mark.parametrize("symbols", [("n",), ("n", "oh"), ("n", "oh", "ow")], ids=str)
@pytest.mark.parametrize("name", CASES)
def test_run_time_extents(native, name, symbols):
    check(native, CASES[name](runtime=symbols), planner=channelwise)


@pytest.mark.parametrize("target", TARGETS)
@pytest.mark.parametrize("size", [11, 12, 13, 27, 28, 29, 32])
@pytest.mark.parametrize("make", [depthwise, depthwise_filter_gradient])
def test_as_many_taps_as_registers(native, make, size, target):
    """Taps that leave no registers for two columns are for the general tiles."""
    problem, machine = make(2, 1, 100, 24, 1, size), machine_for(target)
    kept = 3 if make is depthwise else 2
    fits = size + kept + 2 <= machine.registers
    assert (plan_channelwise(problem.spec, machine) is not None) == fits
    check(native, problem, target, planner=channelwise if fits else plan)


@pytest.mark.parametrize("images", [0, 1, 7])
def test_any_batch(native, images):
    check(native, depthwise(images, 9, 9, 20, 3, 3, runtime=("n",)), planner=channelwise)
    check(native, depthwise_filter_gradient(images, 9, 9, 20, 3, 3, runtime=("n",)), planner=channelwise)


@pytest.mark.parametrize("target", ["native", "avx2"])
@pytest.mark.parametrize("name", RESULTS)
def test_same_bits_as_general_tiles(native, name, target):
    """Each result meets its taps in their order."""
    problem = RESULTS[name]()
    ours, _ = run(native, problem, target, planner=channelwise)
    general, _ = run(native, problem, target, planner=plan)
    np.testing.assert_array_equal(ours, general)


@pytest.mark.parametrize("name", CASES)
def test_bits_do_not_depend_on_the_cuts(native, name):
    whole, _ = run(native, CASES[name](), planner=channelwise, target="native")
    cut, _ = run(native, CASES[name](), planner=channelwise, target="native", cuts=(0.1, 0.33, 0.5, 0.9))
    np.testing.assert_array_equal(whole, cut)


@pytest.mark.parametrize("dtypes", [("bfloat16",) * 3, ("float16",) * 3, ("bfloat16", "float32", "float32")], ids=str)
def test_low_precision(native, dtypes):
    for name in ("rest of a row", "channels that fill no vector", "strides", "gradient, rest of a row"):
        check(native, CASES[name](dtypes=dtypes), planner=channelwise)


def test_a_nan_reaches_its_own_channel_only(native):
    problem = depthwise(1, 9, 25, 21, 3, 3)
    before, _ = run(native, problem, "native", planner=channelwise)
    before = problem.result(before).copy()
    problem.arrays[0].reshape(9, 25, 21)[4, 7, 5] = np.nan
    after, _ = run(native, problem, "native", planner=channelwise)
    hit = np.isnan(problem.result(after))
    assert hit.sum() == 9
    assert hit[0, 2:5, 5:8, 5].all()
    np.testing.assert_array_equal(problem.result(after)[~hit], before[~hit])


@pytest.mark.parametrize(
    "problem",
    [
        conv(2, 12, 12, 32, 16, 3, 3),
        matmul(32, 32, 32),
        attention(2, 4, 8, 8, 16),
        depthwise(2, 12, 12, 1, 3, 3),
        depthwise(1, 20, 20, 16, 7, 7),  # too many taps to be spelled out
        depthwise(2, 12, 12, 32, 3, 3, dtypes=("float64",) * 3),
        depthwise(2, 12, 12, 32, 3, 3, runtime=("kh",)),
    ],
    ids=["conv", "matmul", "attention", "one channel", "many taps", "float64", "unknown taps"],
)
def test_others_are_left_alone(problem):
    assert plan_channelwise(problem.spec, named_target("avx512-emulated")) is None


def test_enough_units_for_many_threads():
    machine = machine_for("avx512-emulated")
    for make in (depthwise, depthwise_filter_gradient):
        problem = make(1, 26, 26, 576, 3, 3, runtime=("n",))
        kernel = channelwise(problem.spec, machine).kernels[0]
        assert kernel.units.evaluate(problem.env) >= 8


@pytest.mark.parametrize("strides", [1, 2])
@pytest.mark.parametrize("size", [(3, 3), (2, 5)])
def test_a_training_step_is_that_of_numpy(strides, size):
    """With what is computed behind sums, and of what the gradients' epilogues read."""
    layers = keras.layers

    def trained(backend):
        keras.utils.set_random_seed(0)
        inputs = keras.Input((11, 13, 20))
        x = layers.DepthwiseConv2D(3, padding="same", activation="relu")(inputs)
        x = layers.DepthwiseConv2D(size, strides=strides, padding="same", activation="silu")(x)
        x = layers.BatchNormalization()(layers.DepthwiseConv2D(3, activation="relu6")(x))
        model = keras.Model(inputs, layers.GlobalAveragePooling2D()(x))
        model.compile(keras.optimizers.SGD(0.1), "mse", backend=backend)
        rng = np.random.default_rng(0)
        images = rng.standard_normal((6, 11, 13, 20)).astype("float32")
        model.fit(images, rng.standard_normal((6, 20)).astype("float32"), batch_size=3, epochs=2, verbose=0)
        return model.get_weights()

    for ours, theirs in zip(trained("llvm"), trained("numpy"), strict=True):
        np.testing.assert_allclose(ours, theirs, atol=2e-5, rtol=1e-4)
