"""C libraries for Cortex-M processors, run on the boards that qemu-system-arm has."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

sys.path[:0] = [str(Path(__file__).parent), str(Path(__file__).parents[2] / "bench")]

import microcontrollers  # noqa: E402
import mlperf_tiny  # noqa: E402

import pronghorn as keras  # noqa: E402
from pronghorn import layers, ops  # noqa: E402
from pronghorn.engine.backends.aot import ALLOWED  # noqa: E402
from pronghorn.engine.runtime import objects  # noqa: E402

pytestmark = pytest.mark.skipif(
    not microcontrollers.IS_THERE, reason="qemu-system-arm or arm-none-eabi-gcc is not installed"
)
TARGETS = list(microcontrollers.BOARDS)


def runs_right(model, folder, target, **options):
    """What the test program of a model's library prints on a board."""
    model.export(folder, format="native", target=target, verbose=False, **options)
    name = folder.name
    for part in microcontrollers.objects((folder / f"lib{name}.a").read_bytes()):
        assert not {each for each in objects.undefined(part) if not each.startswith(name)} - ALLOWED
    program = microcontrollers.build(folder, target, [f"{name}_test.c", f"lib{name}.a"])
    status, told = microcontrollers.run(program, target)
    assert status == 0, told
    return told


@pytest.mark.mostly_slow("thumbv7em")
@pytest.mark.parametrize("target", TARGETS)
def test_one_layer_is_trained(target, tmp_path):
    model = keras.Sequential([keras.Input((4,), name="x"), layers.Dense(3, activation="tanh", name="y")])
    model.compile("adam", "mse", metrics=["mae"])
    assert "all is well" in runs_right(model, tmp_path / "one", target, training=True)
    assert not (tmp_path / "one" / "libone.so").exists()


@pytest.mark.slow
@pytest.mark.parametrize("name", mlperf_tiny.NETWORKS)
@pytest.mark.parametrize("target", TARGETS)
def test_mlperf_tiny(target, name, tmp_path):
    model = mlperf_tiny.NETWORKS[name](keras)
    if target == "thumbv8.1m.main" and model.count_params() > 100_000:
        pytest.skip("the board has 512 KB for code and constants")
    assert "all is well" in runs_right(model, tmp_path / name, target)


@pytest.mark.slow
@pytest.mark.parametrize("target", TARGETS)
def test_recurrence_doubles_and_integers(target, tmp_path):
    words, size = keras.Input((6,), dtype="int32", name="words"), keras.Input((3,), dtype="float64", name="size")
    x = layers.GRU(5)(layers.Embedding(10, 4, mask_zero=True)(words))
    y = ops.cast(ops.exp(size) / 3.0 - ops.sum(size, axis=-1, keepdims=True), "float64")
    outputs = [layers.Dense(3, name="a")(x), y, ops.cast(size * 1e10, "int64"), ops.cast(words, "int64") // 3]
    assert "all is well" in runs_right(keras.Model([words, size], outputs), tmp_path / "mixed", target)


@pytest.mark.slow
@pytest.mark.parametrize("target", TARGETS)
def test_training(target, tmp_path):
    model = keras.Sequential(
        [
            keras.Input((8, 8, 1), name="x"),
            layers.Conv2D(4, 3, activation="relu"),
            layers.BatchNormalization(),
            layers.MaxPooling2D(),
            layers.Dropout(0.3, seed=1),
            layers.Flatten(),
            layers.Dense(3, activation="softmax", name="y"),
        ]
    )
    rate = keras.optimizers.schedules.CosineDecay(0.01, 100)
    model.compile(keras.optimizers.Adam(rate), "sparse_categorical_crossentropy", metrics=["accuracy"])
    assert "all is well" in runs_right(model, tmp_path / "trained", target, training=True)
