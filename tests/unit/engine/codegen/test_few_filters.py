"""Convolutions of many channels to a few filters, against NumPy; which contractions are taken so."""

from __future__ import annotations

import ctypes

import numpy as np
import pytest
from contraction_problems import TARGETS, Problem, check, conv, depthwise, input_gradient, machine_for, matmul, run

import pronghorn as keras
from pronghorn.engine.codegen.builder import ModuleBuilder, vec
from pronghorn.engine.codegen.contraction import FewFiltersPlan, emit, plan, plan_few_filters
from pronghorn.engine.codegen.contraction.few_filters.folding import fold, groups_of
from pronghorn.engine.codegen.slots import Tables
from pronghorn.engine.runtime.host import named_target


def few(spec, machine, multiples=None):
    """The plan, whatever it gains."""
    made = plan_few_filters(spec, machine, below=float("inf"))
    assert isinstance(made, FewFiltersPlan)
    return made


def conv3d(n, size, cin, cout, **options):
    d, h, w = size
    od, oh, ow = (extent - 2 for extent in size)
    return Problem(
        [
            ("n", n, d * h * w * cin, 0, od * oh * ow * cout),
            ("od", od, h * w * cin, 0, oh * ow * cout),
            ("oh", oh, w * cin, 0, ow * cout),
            ("ow", ow, cin, 0, cout),
            ("co", cout, 0, 1, 1),
            ("kd", 3, h * w * cin, 9 * cin * cout),
            ("kh", 3, w * cin, 3 * cin * cout),
            ("kw", 3, cin, cin * cout),
            ("ci", cin, 1, cout),
        ],
        **options,
    )


CASES = {
    "one filter": lambda **o: conv(2, 18, 18, 32, 1, 3, 3, **o),
    "three filters": lambda **o: conv(2, 18, 18, 32, 3, 3, 3, **o),
    "rest of a row": lambda **o: conv(2, 9, 25, 32, 1, 3, 3, **o),
    "rest of a row, two filters": lambda **o: conv(2, 9, 25, 32, 2, 3, 3, **o),
    "channels that fill no vector": lambda **o: conv(2, 9, 13, 21, 1, 3, 3, **o),
    "channels that fill no vector, three filters": lambda **o: conv(2, 9, 13, 21, 3, 3, 3, **o),
    "few channels": lambda **o: conv(2, 9, 13, 3, 1, 3, 3, **o),
    "one channel": lambda **o: conv(2, 9, 13, 2, 2, 3, 3, **o),
    "two columns": lambda **o: conv(3, 5, 4, 40, 1, 3, 3, **o),
    "strides": lambda **o: conv(2, 17, 23, 24, 1, 3, 3, stride=2, **o),
    "strides, two filters": lambda **o: conv(2, 17, 23, 24, 2, 3, 3, stride=2, **o),
    "strides as long as the filter": lambda **o: conv(2, 16, 16, 24, 1, 2, 2, stride=2, **o),
    "strides with gaps": lambda **o: conv(2, 16, 24, 24, 1, 2, 2, stride=3, **o),
    "dilation": lambda **o: conv(2, 17, 23, 24, 1, 3, 3, dilation=3, **o),
    "wide taps": lambda **o: conv(1, 14, 30, 24, 1, 7, 7, **o),
    "one row of taps": lambda **o: conv(2, 3, 40, 16, 1, 1, 3, **o),
    "one column of taps": lambda **o: conv(2, 9, 20, 16, 1, 3, 1, **o),
    "input gradient": lambda **o: input_gradient(2, 12, 14, 1, 32, 3, 3, **o),
    "input gradient, three channels": lambda **o: input_gradient(2, 12, 14, 3, 20, 3, 3, **o),
    "a long row": lambda **o: conv(1, 1, 3000, 16, 1, 1, 5, **o),
    "three dimensions": lambda **o: conv3d(2, (5, 6, 20), 16, 1, **o),
    "three dimensions, four filters": lambda **o: conv3d(2, (5, 6, 11), 16, 4, **o),
}


def needs_registers(name, target):
    if "four" in name and machine_for(target).registers < 32:
        pytest.skip("four filters of three taps and their sums find no room in 16 registers")


@pytest.mark.parametrize("target", TARGETS)
@pytest.mark.parametrize("name", CASES)
def test_matches_numpy(native, name, target):
    needs_registers(name, target)
    check(native, CASES[name](), target, planner=few)


@pytest.mark.parametrize("symbols", [("n",), ("n", "oh"), ("n", "oh", "ow")], ids=str)
@pytest.mark.parametrize("name", ["one filter", "rest of a row, two filters", "strides", "three dimensions"])
def test_run_time_extents(native, name, symbols):
    check(native, CASES[name](runtime=symbols), planner=few)


@pytest.mark.parametrize("images", [0, 1, 7])
def test_any_batch(native, images):
    check(native, conv(images, 9, 9, 20, 1, 3, 3, runtime=("n",)), planner=few)
    check(native, conv(images, 9, 9, 20, 3, 3, 3, runtime=("n",)), planner=few)


@pytest.mark.parametrize("name", CASES)
def test_bits_do_not_depend_on_the_cuts(native, name):
    needs_registers(name, "native")
    whole, _ = run(native, CASES[name](), planner=few, target="native")
    cut, _ = run(native, CASES[name](), planner=few, target="native", cuts=(0.1, 0.33, 0.5, 0.9))
    np.testing.assert_array_equal(whole, cut)


@pytest.mark.parametrize("dtypes", [("bfloat16",) * 3, ("float16",) * 3, ("bfloat16", "float32", "float32")], ids=str)
def test_low_precision(native, dtypes):
    for name in ("rest of a row", "channels that fill no vector, three filters", "strides"):
        check(native, CASES[name](dtypes=dtypes), planner=few)


@pytest.mark.parametrize("name", ["channels that fill no vector", "channels that fill no vector, three filters"])
def test_a_nan_reaches_its_own_results_only(native, name):
    problem = CASES[name]()
    before, _ = run(native, problem, "native", planner=few)
    before = problem.result(before).copy()
    problem.arrays[0].reshape(2, 9, 13, 21)[1, 4, 7, 20] = np.nan
    after, _ = run(native, problem, "native", planner=few)
    hit = np.isnan(problem.result(after))
    assert hit[1, 2:5, 5:8].all()
    assert hit.sum() == 9 * hit.shape[-1] if hit.ndim == 4 else hit.sum() == 9
    np.testing.assert_array_equal(problem.result(after)[~hit], before[~hit])


@pytest.mark.parametrize("lanes", [4, 8, 16])
def test_lanes_are_added_up_each_for_itself(native, lanes):
    for many in range(1, 2 * lanes + 2):
        for masked in (True, False):
            module = ModuleBuilder()
            fb = module.function("k", [("ptr", "from"), ("ptr", "to")])
            sums = [fb.load(vec("float", lanes), fb.gep("float", "%from", n * lanes), 4) for n in range(many)]
            groups = groups_of(many, lanes, masked)
            assert [first for first, _, _ in groups] == np.cumsum([0, *(size for _, size, _ in groups)])[:-1].tolist()
            assert sum(size for _, size, _ in groups) == many
            for first, size, width in groups:
                assert size <= width <= lanes and (masked or size == width)
                total = fold(fb, sums[first : first + size], lanes, width)
                fb.store(vec("float", width), total, fb.gep("float", "%to", first), 4)
            fb.ret()
            function = native(module.text()).function("k", ctypes.c_void_p, ctypes.c_void_p)
            data = np.random.default_rng(0).standard_normal((many, lanes)).astype("float32")
            out = np.full(many + lanes, np.nan, "float32")
            function(data.ctypes.data, out.ctypes.data)
            np.testing.assert_allclose(out[:many], data.sum(axis=1), atol=1e-5)


def chosen(problem, target="avx512-emulated"):
    machine = named_target(target)
    return plan_few_filters(problem.spec, machine, plan(problem.spec, machine).tile.cycles)


@pytest.mark.parametrize("target", ["avx512-emulated", "avx2", "sse2"])
def test_where_it_is_taken(target):
    assert chosen(conv(8, 30, 30, 32, 1, 3, 3), target) is not None
    assert chosen(input_gradient(8, 30, 30, 1, 64, 3, 3), target) is not None
    assert chosen(conv(8, 30, 30, 64, 8, 3, 3), target) is None
    assert chosen(conv(8, 30, 30, 3, 1, 3, 3), "avx512-emulated") is None  # lanes that are not used cost more


def test_three_filters_are_taken_so_with_registers_enough():
    assert chosen(conv(8, 66, 66, 64, 3, 3, 3)) is not None


@pytest.mark.parametrize(
    "problem",
    [
        conv(2, 12, 12, 32, 16, 3, 3),
        conv(2, 12, 12, 32, 1, 1, 1),
        matmul(32, 32, 1),
        depthwise(2, 12, 12, 32, 3, 3),
        conv(2, 12, 12, 32, 1, 3, 3, dtypes=("float64",) * 3),
        conv(2, 12, 12, 32, 1, 3, 3, dtypes=("int32",) * 3),
        conv(2, 12, 12, 32, 1, 3, 3, runtime=("kh",)),
        conv(2, 12, 12, 32, 1, 3, 3, runtime=("ci",)),
    ],
    ids=["many filters", "one tap", "matmul", "depthwise", "float64", "int32", "unknown taps", "unknown channels"],
)
def test_others_are_left_alone(problem):
    assert plan_few_filters(problem.spec, named_target("avx512-emulated"), float("inf")) is None


def test_enough_units_for_many_threads():
    problem = conv(1, 28, 28, 32, 1, 3, 3, runtime=("n",))
    assert few(problem.spec, machine_for("avx512-emulated")).kernels[-1].units.evaluate(problem.env) >= 8


def test_lines_of_the_row_behind_are_asked_for_where_they_stay_near():
    def asks(problem):
        module, machine = ModuleBuilder(), named_target("avx512-emulated")
        module.target = machine
        made = few(problem.spec, machine)
        emit(module, "k", made, machine, Tables(), scratch_slots=range(3, 3 + len(made.scratch)))
        return "llvm.prefetch" in module.text()

    assert asks(conv(8, 30, 30, 32, 1, 3, 3)) and asks(conv(8, 30, 30, 32, 1, 3, 3, runtime=("n",)))
    assert not asks(conv(8, 1, 30_000, 32, 1, 1, 3)) and not asks(conv(1, 1, 30, 32, 1, 1, 3))


@pytest.mark.parametrize("target", ["host", "avx2", "sse2"])
def test_a_training_step_is_that_of_numpy(target, on_target):
    """With what is computed behind sums, and of what the gradients' epilogues read."""
    on_target(target)
    layers = keras.layers

    def trained(backend):
        keras.utils.set_random_seed(0)
        inputs = keras.Input((11, 13, 20))
        x = layers.Conv2D(1, 3, padding="same", activation="sigmoid")(inputs)
        y = layers.Conv2D(3, (2, 5), padding="same", activation="relu")(inputs)
        x = layers.Conv2D(32, 3, padding="same", activation="relu")(layers.Concatenate()([x, y]))
        x = layers.BatchNormalization()(layers.Conv2DTranspose(3, 3, strides=2, activation="silu")(x))
        model = keras.Model(inputs, layers.Conv2DTranspose(1, 3, padding="same", activation="tanh")(x))
        model.compile(keras.optimizers.SGD(0.1), "mse", backend=backend)
        rng = np.random.default_rng(0)
        images = rng.standard_normal((6, 11, 13, 20)).astype("float32")
        targets = rng.standard_normal((6, *model.output_shape[1:])).astype("float32")
        model.fit(images, targets, batch_size=4, epochs=2, verbose=0)
        return [*model.get_weights(), model.predict(images, verbose=0), model.predict(images[:1], verbose=0)]

    for ours, theirs in zip(trained("llvm"), trained("numpy"), strict=True):
        np.testing.assert_allclose(ours, theirs, atol=5e-5, rtol=2e-4)
