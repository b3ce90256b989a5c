"""The programs of examples/native are built, run and learn, and what they learn goes back into Python."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parent))

import microcontrollers

import pronghorn as keras

FOLDER = Path(__file__).parents[2] / "examples" / "native"
pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(
        shutil.which("make") is None or shutil.which("cc") is None, reason="make or a C compiler is not installed"
    ),
]


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """A copy of the folder, with libraries and programs."""
    copy = tmp_path_factory.mktemp("examples") / "native"
    shutil.copytree(FOLDER, copy, ignore=shutil.ignore_patterns("digits", "learner", "mnist", "*.state"))
    told(copy, sys.executable, "make_libraries.py", "--images", "6400", "--epochs", "2")
    told(copy, "make", "CFLAGS=-O1 -std=c99 -Wall -Wextra -Wpedantic -Werror")
    return copy


def told(folder, *command):
    """What a command prints, which has to go well."""
    environment = os.environ | {"PYTHONPATH": str(Path(keras.__file__).parents[1])}
    done = subprocess.run(command, cwd=folder, env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def test_digits_are_read(folder):
    text = told(folder, "./classify", "mnist/t10k-images-idx3-ubyte", "mnist/t10k-labels-idx1-ubyte")
    right = re.search(r"(\d+) of 6400 digits are right", text)
    assert right and int(right[1]) > 5500


def test_the_network_is_trained_and_goes_on(folder):
    first = told(folder, "./train", "mnist", "2", "trained.state")
    again = told(folder, "./train", "mnist", "1", "trained.state")
    accuracies = [float(each) for each in re.findall(r"test accuracy ([\d.]+)%", first + again)]
    assert 85 < accuracies[0] < accuracies[1] and "goes on from trained.state" in again
    # what was trained, in Python
    model = keras.Sequential(
        [
            keras.Input((28, 28, 1)),
            keras.layers.Conv2D(32, 3, activation="relu"),
            keras.layers.MaxPooling2D(2),
            keras.layers.Conv2D(64, 3, activation="relu"),
            keras.layers.MaxPooling2D(2),
            keras.layers.Flatten(),
            keras.layers.Dropout(0.5),
            keras.layers.Dense(10, activation="softmax"),
        ]
    )
    model.compile("adam", loss="categorical_crossentropy", metrics=["accuracy"])
    keras.export.read_state(folder / "trained.state", model)
    _, (x, y) = keras.datasets.mnist.load_data()
    x, y = x[:6400, ..., None].astype("float32") / 255, keras.utils.to_categorical(y[:6400], 10)
    assert round(100 * model.evaluate(x, y, verbose=0)[1], 2) == accuracies[1]


def test_files_of_others_are_refused(folder):
    (folder / "none.state").write_bytes(b"no state")
    for command in (
        ["./train", "mnist", "1", "none.state"],
        ["./train", "nowhere", "1", "new.state"],
        ["./classify", "train.c", "mnist/t10k-labels-idx1-ubyte"],
    ):
        done = subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False)
        assert done.returncode == 2 and done.stderr, command
    assert not (folder / "new.state").exists()


@pytest.mark.skipif(not microcontrollers.IS_THERE, reason="qemu-system-arm or arm-none-eabi-gcc is not installed")
def test_a_microcontroller_reads_a_digit(folder):
    assert "This is a 7," in told(folder / "cortex_m", "make", "run")
