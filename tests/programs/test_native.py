"""Models as C libraries: what they predict and how they train is what the model in Python does, bit by bit."""

from __future__ import annotations

import concurrent.futures
import ctypes
import itertools
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

sys.path[:0] = [str(Path(__file__).parent), str(Path(__file__).parents[2] / "bench")]

import export_sweep  # noqa: E402
import workloads  # noqa: E402
from native_library import HAS_COMPILER, Memory, NativeLibrary  # noqa: E402

import pronghorn as keras  # noqa: E402
from pronghorn import layers, ops  # noqa: E402
from pronghorn.engine.graph import dtypes  # noqa: E402
from pronghorn.engine.runtime.host import native_target  # noqa: E402
from pronghorn.engine.runtime.machines import MACHINES, machine  # noqa: E402
from pronghorn.export.native import linking  # noqa: E402

pytestmark = pytest.mark.skipif(not HAS_COMPILER, reason="there is no C compiler")
STEPS = 20


def arrays(x):
    return x if isinstance(x, list) else [x]


def exported(model, folder, **options):
    model.export(folder, format="native", verbose=False, **options)
    return NativeLibrary(folder)


def built(library, *options, run=True):
    """The test program of a library, compiled and run with some options; what it printed."""
    command = [*linking.compiler(machine("native")), "-std=c99", "-Wall", "-Wextra", "-Werror", "-pedantic", *options]
    files = [f"{library.name}_test.c", f"lib{library.name}.a", "-o", "program"]
    done = subprocess.run([*command, *files], cwd=library.folder, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    if run:
        ran = subprocess.run(["./program"], cwd=library.folder, capture_output=True, text=True, check=False)
        assert ran.returncode == 0, ran.stdout + ran.stderr
        return ran.stdout
    return ""


def small():
    """A model with convolutions, normalisation, dropout, a loop and two outputs."""
    image, words = keras.Input((8, 8, 2), name="image"), keras.Input((6,), dtype="int32", name="words")
    x = layers.Conv2D(4, 3, activation="relu")(image)
    x = layers.Dropout(0.3, seed=1)(layers.BatchNormalization()(x))
    x = layers.Flatten()(layers.MaxPooling2D()(x))
    y = layers.GRU(5)(layers.Embedding(10, 4)(words))
    z = layers.Concatenate()([x, y])
    outputs = [layers.Dense(3, activation="softmax", name="kind")(z), layers.Dense(1, name="size")(z)]
    return keras.Model([image, words], outputs, name="small")


def data(rows):
    rng = np.random.default_rng(rows)
    x = [rng.normal(size=(rows, 8, 8, 2)).astype("float32"), rng.integers(0, 10, (rows, 6)).astype("int32")]
    return x, [rng.integers(0, 3, rows).astype("int32"), rng.normal(size=(rows, 1)).astype("float32")]


# -- predictions ------------------------------------------------------------------------------------------------------
@pytest.mark.mostly_slow("lstm")
@pytest.mark.parametrize("name", workloads.WORKLOADS)
def test_workloads_predict(name, tmp_path):
    work = workloads.WORKLOADS[name](keras, np.random.default_rng(0))
    library = exported(work.model, tmp_path / name)
    for rows in (1, 5, 37):
        x = [a[:rows] for a in arrays(work.x)]
        mine = arrays(work.model.predict(x if isinstance(work.x, list) else x[0], batch_size=rows, verbose=0))
        for a, b in zip(mine, library.predict(*x), strict=True):
            assert a.tobytes() == b.tobytes()


@pytest.mark.mostly_slow(every=50)
@pytest.mark.parametrize("case", export_sweep.cases(), ids=lambda c: c.id)
def test_layers(case, tmp_path):
    model, like = export_sweep.model_of(case)
    if "native" in export_sweep.NOT_THERE.get(case.layer, ()):
        with pytest.raises(NotImplementedError, match="nothing was written|no arrays of strings|works on strings"):
            model.export(tmp_path / "layer", format="native", verbose=False)
        assert not any(tmp_path.iterdir())
        return
    model.export(tmp_path / "layer", format="native", verbose=False)
    rows = [n for n in (0, *export_sweep.ROWS) if n or case.layer not in export_sweep.NEED_A_ROW]
    batches = (export_sweep.batch(like, n) for n in rows)
    assert max(export_sweep.differences(model, tmp_path / "layer", batches, "native")) == 0


def test_open_extents_and_loops(tmp_path):
    x = keras.Input((None, 3), name="x")
    y = keras.Input((None, 3), name="y")
    h = layers.Conv1D(4, 5, strides=2)(x)
    outputs = [layers.LSTM(3, return_sequences=True)(h), ops.sort(ops.cumsum(y, axis=1), axis=1)]
    model = keras.Model([x, y], outputs)
    library = exported(model, tmp_path / "loops")
    assert list(library.about["sizes"]) == ["batch", "axis1"]
    for rows, steps in ((1, 5), (0, 7), (2, 6), (40, 9), (3, 64)):
        batch = [np.random.default_rng(i).normal(size=(rows, steps, 3)).astype("float32") for i in range(2)]
        for a, b in zip(model.predict_on_batch(batch), library.predict(*batch), strict=True):
            assert a.tobytes() == b.tobytes(), (rows, steps)
    assert library.arena_size(2, 1) == 0 and library.arena_size(2, -1) == 0  # the convolution finds no place


@pytest.mark.mostly_slow("bfloat16", "float64")
@pytest.mark.parametrize("dtype", ["float16", "bfloat16", "float64"])
def test_other_types(dtype, tmp_path):
    inputs = keras.Input((5,), dtype=dtype, name="x")
    flags = keras.Input((5,), dtype="bool", name="flags")
    x = layers.Dense(4, activation="gelu" if dtype != "float64" else "tanh", dtype=dtype)(inputs)
    outputs = [x, ops.logical_not(flags), ops.argmax(x, axis=-1)]
    model = keras.Model([inputs, flags], outputs)
    library = exported(model, tmp_path / "kinds")
    rng = np.random.default_rng(0)
    batch = [rng.normal(size=(7, 5)).astype("float32").astype(dtypes.to_numpy(dtype)), rng.random((7, 5)) < 0.5]
    for a, b in zip(model.predict_on_batch(batch), library.predict(*batch), strict=True):
        assert np.asarray(a).tobytes() == b.tobytes() and a.dtype == b.dtype
    assert "all is well" in built(library)


def test_special_values(tmp_path):
    model = keras.Sequential([keras.Input((4,), name="x"), layers.Dense(6, activation="tanh"), layers.Softmax()])
    library = exported(model, tmp_path / "special")
    x = np.float32([[np.nan, 1, 2, 3], [np.inf, -np.inf, 0, 1], [-0.0, 0.0, 1e-42, -1e-42], [3e38, -3e38, 1, 1]])
    assert model.predict(x, verbose=0).tobytes() == library.predict(x)[0].tobytes()


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_remainders_of_floats(dtype, tmp_path):
    x, y = (keras.Input((5,), dtype=dtype, name=name) for name in "xy")
    model = keras.Model([x, y], [ops.mod(x, y), ops.floor_divide(x, y)])
    library = exported(model, tmp_path / "rest")
    rng = np.random.default_rng(0)
    batch = [(rng.normal(size=(9, 5)) * scale).astype("float32").astype(dtype) for scale in (1e6, 1.0)]
    batch[1][0] = 0, np.inf, -np.inf, np.nan, -0.0
    for a, b in zip(model.predict_on_batch(batch), library.predict(*batch), strict=True):
        np.testing.assert_array_equal(np.asarray(a), b)
        assert (np.signbit(a) == np.signbit(b))[~np.isnan(b)].all()


NAMES = ("bytes", "status", "wrong", "i", "malloc", "NULL", "stdin", "mixed", "names_predict", "names_logs", "run")


@pytest.mark.parametrize("options", [{}, {"training": True}, {"weights": "file", "parallel": True}], ids=str)
def test_names_that_c_has_a_use_for(options, tmp_path):
    inputs = {"a*/b": keras.Input((2,)), "/*": keras.Input((2,)), "\\\n": keras.Input((0,))}
    inputs |= {name: keras.Input((2,)) for name in NAMES}
    x = layers.Concatenate()(list(inputs.values()))
    outputs = {f"{name}_": layers.Dense(1)(x) for name in (*NAMES, "*/")}
    model = keras.Model(inputs, outputs)
    model.compile("sgd", dict.fromkeys(outputs, "mse"), metrics={"bytes_": [keras.metrics.MeanSquaredError(name="*/")]})
    library = exported(model, tmp_path / "names", **options)
    assert "all is well" in built(library, "-Wshadow", "-Wconversion")


def test_angles(tmp_path):
    x = keras.Input((5,), name="x")
    library = exported(keras.Model(x, [ops.sin(x), ops.cos(x), ops.tan(x)]), tmp_path / "angles")
    batch = (np.random.default_rng(0).normal(size=(90, 5)) * 1e5).astype("float32")
    exact = [f(batch.astype("float64")) for f in (np.sin, np.cos, np.tan)]
    for a, b in zip(exact, library.predict(batch), strict=True):
        np.testing.assert_allclose(b, a, rtol=1e-7)


# -- training ---------------------------------------------------------------------------------------------------------
class Noted(keras.callbacks.Callback):
    """Keeps the logs of all steps."""

    def __init__(self, found):
        super().__init__()
        self.found = found

    def on_train_batch_end(self, batch, logs=None):
        self.found.append(dict(logs))


def trains_alike(model, library, x, y, batch_size, steps):
    """Whether steps of a library give what `fit` gives, and leave the state that the model has then."""
    state = library.new_state()
    arena = Memory(library.arena_size(batch_size))
    found = []
    for i in range(steps):
        rows = slice(i * batch_size, (i + 1) * batch_size)
        found.append(library.train("train_step", [a[rows] for a in x], [a[rows] for a in y], arena))
    logs = []
    inputs, targets = (part if len(part) > 1 else part[0] for part in (x, y))
    model.fit(
        inputs, targets, batch_size=batch_size, steps_per_epoch=steps, shuffle=False, verbose=0, callbacks=[Noted(logs)]
    )
    assert [sorted(each.values()) for each in found] == [sorted(map(float, each.values())) for each in logs]
    state.check()
    path = library.folder / "trained"
    state.bytes.tofile(path)
    held = [*model.variables, *model.optimizer.variables, *model.metrics_variables]
    before = [v.numpy().tobytes() for v in held]
    for v in held:
        v.assign(np.zeros_like(v.numpy()))
    keras.export.read_state(path, model)
    assert before == [v.numpy().tobytes() for v in held]
    return state, arena


@pytest.mark.mostly_slow("tabular")
@pytest.mark.parametrize("name", workloads.WORKLOADS)
def test_workloads_train(name, tmp_path):
    work = workloads.WORKLOADS[name](keras, np.random.default_rng(0))
    targets = work.y.astype("float32") if work.y.dtype.kind == "f" else work.y
    spec = keras.InputSpec(shape=(None, *targets.shape[1:]), dtype=targets.dtype.name)
    library = exported(work.model, tmp_path / name, training=True, target_signature=spec)
    trains_alike(work.model, library, arrays(work.x), [targets], work.batch_size, STEPS)


def test_several_outputs_train_and_are_evaluated(tmp_path):
    model = small()
    losses = {"kind": "sparse_categorical_crossentropy", "size": "mse"}
    model.compile(keras.optimizers.Adam(clipnorm=1.0), losses, metrics={"kind": ["accuracy"], "size": ["mae"]})
    library = exported(model, tmp_path / "small", training=True)
    x, y = data(35)
    state, arena = trains_alike(model, library, x, y, 7, 5)
    assert "all is well" in built(library)
    # predictions and an evaluation with what was trained
    for a, b in zip(model.predict(x, batch_size=35, verbose=0), library.predict(*x), strict=True):
        assert a.tobytes() == b.tobytes()
    assert library.function("reset_metrics")(state.address) == 0
    found = [library.train("evaluate_step", [a[r] for a in x], [a[r] for a in y], Memory(library.arena_size(20)))
             for r in (slice(0, 20), slice(20, 35))][-1]  # fmt: skip
    expected = model.evaluate(x, y, batch_size=20, verbose=0, return_dict=True)
    assert found == {name: float(np.float32(value)) for name, value in expected.items()}
    # the metrics alone begin anew
    content = state.bytes.copy()
    assert library.function("reset_metrics")(state.address) == 0
    changed = np.flatnonzero(state.bytes != content)
    assert 0 < len(changed) <= 4 * sum(v.size for v in model.metrics_variables)


def test_scaled_losses_and_schedules_train(tmp_path):
    model = keras.Sequential([keras.Input((4,)), layers.Dense(8, "relu"), layers.Dense(1)], name="half")
    for layer in model.layers:
        layer.dtype_policy = "mixed_float16"
    rate = keras.optimizers.schedules.ExponentialDecay(0.1, 3, 0.5)
    model.compile(keras.optimizers.LossScaleOptimizer(keras.optimizers.SGD(rate, momentum=0.9)), "mse")
    library = exported(model, tmp_path / "half", training=True)
    rng = np.random.default_rng(0)
    x, y = rng.normal(size=(40, 4)).astype("float32"), rng.normal(size=(40, 1)).astype("float32")
    trains_alike(model, library, [x], [y], 8, 5)


def test_weights_of_samples(tmp_path):
    model = small()
    losses = {"kind": "sparse_categorical_crossentropy", "size": "mse"}
    model.compile("adam", losses, weighted_metrics={"size": ["mae"]})
    library = exported(model, tmp_path / "weighted", training=True, sample_weight=True)
    x, y = data(12)
    weight = np.linspace(0, 2, 12, dtype="float32")
    library.new_state()
    found = library.train("train_step", x, [*y, weight], Memory(library.arena_size(12)))
    expected = model.train_on_batch(x, y, sample_weight=weight, return_dict=True)
    assert found == {name: float(np.float32(value)) for name, value in expected.items()}


def test_a_fixed_number_of_samples(tmp_path):
    model = keras.Sequential([keras.Input((4,), name="x"), layers.Dropout(0.2), layers.Dense(3, name="y")])
    model.compile("sgd", "mse", metrics=["mae"])
    signature = [keras.InputSpec(shape=(6, 4), dtype="float32")]
    library = exported(model, tmp_path / "fixed", training=True, sample_weight=True, input_signature=signature)
    assert library.about["sizes"] == []
    assert f"#define FIXED_ARENA_BYTES {library.arena_size()}\n" in (library.folder / "fixed.h").read_text()
    assert "all is well" in built(library)
    rng = np.random.default_rng(0)
    x, y, weight = (rng.random(shape, "float32") for shape in ((6, 4), (6, 3), (6,)))
    library.new_state()
    found = library.train("train_step", [x], [y, weight], Memory(library.arena_size()))
    expected = model.train_on_batch(x, y, sample_weight=weight, return_dict=True)
    assert found == {name: float(np.float32(value)) for name, value in expected.items()}


def test_losses_that_layers_add(tmp_path):
    model = keras.Sequential([keras.Input((4,)), layers.Dense(3, name="y"), layers.ActivityRegularization(0.1)])
    model.compile("sgd")
    library = exported(model, tmp_path / "added", training=True)
    x = np.random.default_rng(0).normal(size=(6, 4)).astype("float32")
    library.new_state()
    found = library.train("train_step", [x], [], Memory(library.arena_size(6)))
    assert found == {"loss": model.train_on_batch(x, return_dict=True)["loss"]}


PROCESS = """
import sys
import numpy as np
import pronghorn as keras

model = keras.saving.load_model(sys.argv[1])
keras.export.read_state(sys.argv[2], model)
print(model.predict(np.ones((2, 3), "float32"), verbose=0).tobytes().hex(), int(model.optimizer.iterations.numpy()))
"""


@pytest.mark.slow
def test_a_state_is_read_in_another_process(tmp_path):
    layers.Dense(1), layers.Dense(1)  # so that names differ there
    model = keras.Sequential([keras.Input((3,)), layers.Dense(4), layers.BatchNormalization(), layers.Dense(2)])
    model.compile("adam", "mse", metrics=["mae"])
    model.save(tmp_path / "m.keras")
    library = exported(model, tmp_path / "net", training=True)
    state = library.new_state()
    x, y = np.eye(6, 3, dtype="float32"), np.ones((6, 2), "float32")
    for _ in range(5):
        library.train("train_step", [x], [y], Memory(library.arena_size(6)))
    state.bytes.tofile(tmp_path / "trained")
    command = [sys.executable, "-c", PROCESS, str(tmp_path / "m.keras"), str(tmp_path / "trained")]
    told = subprocess.run(command, capture_output=True, text=True, check=True).stdout.split()
    assert told == [library.predict(np.ones((2, 3), "float32"))[0].tobytes().hex(), "5"]


def test_a_state_in_a_file(tmp_path):
    model = keras.Sequential([keras.Input((3,)), layers.Dense(2)], name="net")
    model.compile("adam", "mse")
    library = exported(model, tmp_path / "net", training=True, weights="file")
    content = np.fromfile(library.folder / "net.state", np.uint8)
    size = library.function("state_size")()
    assert len(content) == size
    state = Memory(size)
    state.bytes[:] = content
    check = library.function("state_check")
    assert check(state.address, ctypes.c_size_t(size)) == 0
    library.block = [state.address]
    x = np.ones((2, 3), "float32")
    assert library.predict(x)[0].tobytes() == model.predict(x, verbose=0).tobytes()
    assert check(state.address, ctypes.c_size_t(size - 1)) == 5
    assert check(ctypes.c_void_p(state.bytes.ctypes.data + 4), ctypes.c_size_t(size)) == 2
    assert check(None, ctypes.c_size_t(size)) == 1
    state.bytes[9] ^= 1  # another model
    assert check(state.address, ctypes.c_size_t(size)) == 5
    assert library.function("reset_metrics")(state.address) == 5
    assert library.call("predict", [2], [x, np.empty((2, 2), "float32")]) == 5


# -- as C -------------------------------------------------------------------------------------------------------------
def test_the_program_of_a_library_compiles_without_a_warning(tmp_path):
    library = exported(small(), tmp_path / "small")
    assert built(library).count("all bits are the same") == 2
    (library.folder / "plus.cpp").write_text('#include "small.h"\nint main() { return small_arena_size(1) ? 0 : 1; }\n')
    compiler = linking.compiler(machine("native"))[0].replace("gcc", "g++").replace("cc", "c++")
    if shutil.which(compiler):
        command = [compiler, "-Wall", "-Wextra", "-Werror", "plus.cpp", "libsmall.a", "-o", "plus"]
        subprocess.run(command, cwd=library.folder, check=True)
        subprocess.run(["./plus"], cwd=library.folder, check=True)


def test_weights_in_a_file(tmp_path):
    model = small()
    library = exported(model, tmp_path / "small", weights="file")
    assert built(library).count("all bits are the same") == 2
    weights = np.fromfile(library.folder / "small.weights", np.uint8)
    x, _ = data(4)
    memory = Memory(len(weights))
    memory.bytes[:] = weights
    library.block = [memory.address]
    for a, b in zip(model.predict(x, batch_size=4, verbose=0), library.predict(*x), strict=True):
        assert a.tobytes() == b.tobytes()
    memory.bytes[8] ^= 1  # the weights of another model
    outputs = [np.empty((4, 3), "float32"), np.empty((4, 1), "float32")]
    assert library.call("predict", [4], [*x, *outputs]) == 5


def test_what_is_wrong_is_told_by_a_number(tmp_path):
    model = keras.Sequential([keras.Input((3,), name="x"), layers.Dense(2, name="y")], name="net")
    library = exported(model, tmp_path / "net")
    x, y = np.ones((4, 3), "float32"), np.full((4, 2), 7, "float32")
    assert [library.arena_size(n) for n in (-1, -(2**63), 2**62, 2**63 - 1, 2**48)] == [0] * 5
    assert library.arena_size(0) > 0
    small_arena = Memory(library.arena_size(4) - 1)
    assert library.call("predict", [4], [x, y], small_arena) == 4
    assert library.call("predict", [-1], [x, y], Memory(1000)) == 3
    arena = Memory(library.arena_size(4))
    predict, nbytes = library.function("predict"), ctypes.c_size_t(arena.bytes.nbytes)
    address = [ctypes.c_void_p(a.ctypes.data) for a in (x, y)]
    for place in range(3):
        given = [arena.address, *address]
        given[place] = None
        assert predict(given[0], nbytes, ctypes.c_int64(4), *given[1:]) == 1
    crooked = ctypes.c_void_p(x.ctypes.data + 2)
    assert predict(arena.address, nbytes, ctypes.c_int64(4), crooked, address[1]) == 2
    assert predict(arena.address, nbytes, ctypes.c_int64(4), address[0], crooked) == 2
    assert (y == 7).all()


def test_threads_call_one_library(tmp_path):
    model = small()
    library = exported(model, tmp_path / "small")
    batches = [data(rows)[0] for rows in range(1, 9)]
    expected = [[a.tobytes() for a in model.predict(x, batch_size=8, verbose=0)] for x in batches]

    def run(number):
        return all([b.tobytes() for b in library.predict(*batches[number])] == expected[number] for _ in range(50))

    with concurrent.futures.ThreadPoolExecutor(8) as threads:  # ctypes lets go of the interpreter while C runs
        assert all(threads.map(run, range(8)))


def parallel_for(threads, counts):
    """A parallel-for for C on some threads of Python's, which notes how many calls it was asked for each time."""
    body_type = ctypes.CFUNCTYPE(None, ctypes.c_void_p, ctypes.c_int64)

    def run(context, count, body, data):
        counts.append(count)
        body = body_type(body)
        list(threads.map(lambda i: body(data, i), reversed(range(count))))

    return ctypes.CFUNCTYPE(None, ctypes.c_void_p, ctypes.c_int64, ctypes.c_void_p, ctypes.c_void_p)(run)


@pytest.mark.mostly_slow("native")
@pytest.mark.parametrize("target", ["native", "x86-64"])
def test_the_caller_shares_the_work_out(target, tmp_path):
    if target == "x86-64" and native_target().arch != "x86_64":
        pytest.skip("this is another machine")
    image = keras.Input((20, 20, 3), name="image")
    x = layers.MaxPooling2D()(layers.Conv2D(24, 3, activation="relu")(layers.Conv2D(16, 3, activation="relu")(image)))
    x = layers.Dense(64, activation="relu")(layers.Dropout(0.2)(layers.Flatten()(x)))
    model = keras.Model(image, layers.Dense(5, activation="softmax")(x), name="shared")
    model.compile("adam", "sparse_categorical_crossentropy")
    library = exported(model, tmp_path / "shared", training=True, parallel=True, target=target)
    rng = np.random.default_rng(0)
    x, y = rng.random((64, 20, 20, 3), "float32"), rng.integers(0, 5, 64).astype("int32")
    arena = Memory(library.arena_size(64))
    state = library.new_state()
    alone = [library.train("train_step", [x], [y], arena) for _ in range(2)]
    trained, counts = state.bytes.copy(), []
    with concurrent.futures.ThreadPoolExecutor(4) as threads:
        run = parallel_for(threads, counts)
        state = library.new_state()
        library.block = [run, None, *library.block]
        assert [library.train("train_step_parallel", [x], [y], arena) for _ in range(2)] == alone
        assert max(counts) > 1 and (state.bytes == trained).all()
        counts.clear()
        together = np.empty((64, 5), "float32")
        assert library.call("predict_parallel", [64], [x, together], arena) == 0
        assert max(counts) > 1
        library.block[0] = None  # without one, the calling thread does all
        again = np.empty((64, 5), "float32")
        assert library.call("predict_parallel", [64], [x, again], arena) == 0
    library.block = library.block[2:]
    assert library.predict(x)[0].tobytes() == together.tobytes() == again.tobytes()
    assert "all is well" in built(library)


def test_a_model_without_weights(tmp_path):
    model = keras.Sequential([keras.Input((3,), name="x"), layers.Rescaling(2.0)], name="plain")
    x = np.ones((2, 3), "float32")
    library = exported(model, tmp_path / "plain")
    assert (library.predict(x)[0] == 2 * x).all() and "all is well" in built(library)
    library = exported(model, tmp_path / "in_file", weights="file")
    assert "all is well" in built(library)


@pytest.mark.slow
@pytest.mark.parametrize("kind", ["address", "undefined"])
def test_sanitizers_find_nothing(kind, tmp_path):
    model = small()
    losses = {"kind": "sparse_categorical_crossentropy", "size": "mse"}
    model.compile("adam", losses)
    for training in (False, True):
        library = exported(model, tmp_path / f"small{training}", training=training)
        built(library, f"-fsanitize={kind}", "-g", run=False)
        ran = subprocess.run(["./program"], cwd=library.folder, capture_output=True, text=True, check=False)
        assert ran.returncode == 0 and "error" not in ran.stderr, ran.stderr


@pytest.mark.slow
@pytest.mark.skipif(shutil.which("valgrind") is None, reason="valgrind is not installed")
def test_valgrind_finds_nothing(tmp_path):
    library = exported(small(), tmp_path / "small", target="x86-64-v3")  # valgrind knows no 512-bit vectors
    built(library, "-g", run=False)
    command = ["valgrind", "-q", "--error-exitcode=9", "--leak-check=full", "./program"]
    ran = subprocess.run(command, cwd=library.folder, capture_output=True, text=True, check=False)
    assert ran.returncode == 0, ran.stderr


# -- other machines ---------------------------------------------------------------------------------------------------
@pytest.mark.mostly_slow("aarch64")
@pytest.mark.parametrize("target", MACHINES)
def test_every_machine_gets_a_library(target, tmp_path):
    model = small()
    model.compile("adam", {"kind": "sparse_categorical_crossentropy", "size": "mse"})
    model.export(tmp_path / "small", format="native", target=target, verbose=False)
    assert (tmp_path / "small" / "libsmall.a").is_file()


def runs(target):
    """The command that runs programs for a machine, which has all that the machine has; None without an emulator."""
    mine, its = native_target(), MACHINES[target].target
    if MACHINES[target].system != sys.platform:
        wine = shutil.which("wine")
        return wine and its.arch == mine.arch and [wine]
    if its.arch == mine.arch:
        return [] if its.vector_bits <= mine.vector_bits else None
    emulator = shutil.which(f"qemu-{its.arch}")
    return emulator and [emulator, "-cpu", "max"]


ON_EACH = ("small", "tutorial_cnn", "transformer", "bidirectional_gru")


@pytest.mark.slow
@pytest.mark.parametrize(
    ("target", "name"),
    [
        *itertools.product([name for name, each in MACHINES.items() if each.has_system], ON_EACH),
        *(("x86-64-windows", name) for name in workloads.WORKLOADS if name not in ON_EACH),
    ],
)
def test_other_machines_predict_and_train_alike(target, name, tmp_path):
    emulator, command = runs(target), linking.compiler(MACHINES[target])
    if emulator is None or command is None:
        pytest.skip(f"there is no emulator or no compiler for {target}")
    if name == "small":
        model, given = small(), None
        model.compile("adam", {"kind": "sparse_categorical_crossentropy", "size": "mse"})
    else:
        work = workloads.WORKLOADS[name](keras, np.random.default_rng(0))
        model, given = work.model, keras.InputSpec(shape=(None, *work.y.shape[1:]), dtype=work.y.dtype.name)
    library = tmp_path / name
    model.export(library, format="native", target=target, training=True, target_signature=given, verbose=False)
    program = "program.exe" if MACHINES[target].system == "windows" else "program"
    files = [f"{name}_test.c", f"lib{name}.a", "-o", program]
    subprocess.run([*command, "-static", *files], cwd=library, check=True, capture_output=True)
    command = [*emulator, f"./{program}"]
    ran = subprocess.run(command, cwd=library, capture_output=True, text=True, check=False, timeout=300)
    assert ran.returncode == 0, ran.stdout + ran.stderr


@pytest.fixture(scope="session", autouse=True)
def a_windows_of_our_own(tmp_path_factory):
    """Wine keeps what a system has in a folder, which two processes had better not make at the same time."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("WINEPREFIX", str(tmp_path_factory.mktemp("windows")))
        patch.setenv("WINEDEBUG", "-all")
        patch.setenv("WINEDLLOVERRIDES", "mscoree,mshtml=")  # asks for no download
        yield


@pytest.mark.slow
@pytest.mark.skipif(not runs("x86-64-windows"), reason="wine is not installed")
def test_a_library_of_windows_is_loaded_by_programs(tmp_path):
    """Through its table of exports, which has what the header describes and nothing else."""
    command = linking.compiler(MACHINES["x86-64-windows"])
    model = small()
    model.export(tmp_path / "small", format="native", target="x86-64-windows", verbose=False)
    assert (tmp_path / "small" / "small.dll").is_file()
    files = ["small_test.c", "small.dll", "-o", "program.exe"]
    subprocess.run([*command, *files], cwd=tmp_path / "small", check=True, capture_output=True)
    command = [*runs("x86-64-windows"), "./program.exe"]
    ran = subprocess.run(command, cwd=tmp_path / "small", check=False, timeout=300)
    assert ran.returncode == 0


@pytest.mark.slow
@pytest.mark.skipif(shutil.which("qemu-x86_64") is None, reason="qemu-x86_64 is not installed")
@pytest.mark.parametrize("processor", ["qemu64", "Nehalem", "Haswell", "max"])
def test_one_library_for_all_x86_64(processor, tmp_path):
    model = small()
    model.compile("adam", {"kind": "sparse_categorical_crossentropy", "size": "mse"})
    for name in ("small", "trained"):
        model.export(tmp_path / name, format="native", target="x86-64", training=name == "trained", verbose=False)
        command = [*linking.compiler(MACHINES["x86-64"]), "-static", f"{name}_test.c", f"lib{name}.a", "-o", "program"]
        subprocess.run(command, cwd=tmp_path / name, check=True)
        command = ["qemu-x86_64", "-cpu", processor, "./program"]
        ran = subprocess.run(command, cwd=tmp_path / name, capture_output=True, text=True, check=False)
        assert ran.returncode == 0, ran.stdout + ran.stderr
