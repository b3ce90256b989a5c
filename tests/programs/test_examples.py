"""Each script in examples/ runs through `pronghorn run`, a few steps of it, in a folder of its own, and learns."""

import os
import re
import subprocess
import sys
from pathlib import Path
from typing import NamedTuple

import pytest

import pronghorn
from pronghorn.engine.backends import engine as engines

ROOT = Path(__file__).resolve().parents[2]
EXAMPLES = sorted((ROOT / "examples").glob("*.py"))


class Short(NamedTuple):
    """A short run of an example: what limits it, and what it has to print.

    `finds` are pairs of a pattern with a number in it, and the range that the number has to be in: far from what an
    untrained network gives. `engine` is the one that it is written for.
    """

    finds: list
    epochs: int = 1
    steps: int = 20
    arguments: tuple = ()
    engine: str | None = None


def learner(engine, least):
    """A short run of a script that learns digits on an engine."""
    return Short([(r"test accuracy ([\d.]+)%", least, 100)], 1, 100, ("--epochs", "1", "--images", "6400"), engine)


SHORT = {
    "mnist_cnn": Short([(r"test accuracy ([\d.]+)%", 60, 100)]),
    "multi_input_output": Short(
        [(r"Rain: ([\d.]+)% right", 80, 100), (r"Temperature: ([\d.]+) degrees off", 0, 3)], epochs=3, steps=80
    ),
    "lstm_text_classifier": Short([(r"Test accuracy ([\d.]+)%", 95, 100)], epochs=4, steps=100),
    "bidirectional_gru": Short(
        [(r"both_ways: ([\d.]+)%", 92, 100), (r"forwards: ([\d.]+)%", 60, 92)], epochs=2, steps=110
    ),
    "transformer": Short([(r"([\d.]+)% of the digits in place", 40, 100)], steps=60),
    "sharded_transformer": Short([(r"([\d.]+)% of the digits in place", 60, 100)], epochs=2, steps=100, engine="jax"),
    "resnet": Short([(r"Test loss ([\d.]+)", 0, 2.4)], steps=10),
    "convolutional_autoencoder": Short([(r"([\d.]+) without", 0.01, 0.15)], steps=80),
    "vae": Short([(r"Drawing loss on test images: [\d.]+ before, ([\d.]+) after", 100, 270)], steps=40),
    "custom_loop_jax": learner("jax", 85),
    "custom_loop_tensorflow": learner("tensorflow", 80),
    "custom_loop_torch": learner("torch", 85),
    "custom_step_jax": learner("jax", 70),
    "custom_step_tensorflow": learner("tensorflow", 80),
    "custom_step_torch": learner("torch", 80),
    "dcgan": Short([(r"correlation (-?[\d.]+)", 0.5, 1)], steps=80),
    "siamese_network": Short([(r"Digits it knows: ([\d.]+)%", 75, 100)], steps=40),
    "transfer_learning": Short(
        [(r"Digits 0 to 6, [\d,]+ images: ([\d.]+)%", 90, 100), (r"with frozen eyes: ([\d.]+)%", 60, 100)],
        epochs=15,
        steps=40,
    ),
    "fine_tuning": Short(
        [(r"Digits 0 to 6: ([\d.]+)%", 60, 100), (r"a new end: ([\d.]+)%", 45, 100), (r"tuned: ([\d.]+)%", 45, 100)],
        epochs=30,
        steps=313,  # its moving statistics need them all
    ),
    "custom_layer_and_loss": Short(
        [(r"; ([\d.]+)% of new points", 60, 95), (r"at the left end, ([\d.]+) at the right", 0.8, 2)],
        epochs=6,
        steps=63,
    ),
    "gradient_tape_loop": Short(
        [(r"test accuracy ([\d.]+)%", 85, 100)], arguments=("--epochs", "1", "--images", "10000")
    ),
    "time_series_forecast": Short([(r"LSTM: ([\d.]+) degrees off", 0, 2.5)], epochs=2, steps=60),
    "structured_data": Short([(r"Test accuracy ([\d.]+)%", 85, 100)], epochs=3, steps=80),
    "optuna_search": Short([(r"Best validation accuracy ([\d.]+)%", 90, 100)]),
    "mlflow_tracking": Short(
        [(r"rate 0\.01: validation accuracy ([\d.]+)%", 85, 100), (r"(\d+) epochs noted", 10, 10)], epochs=10
    ),
    "wandb_offline": Short(
        [(r"Test accuracy ([\d.]+)%", 80, 100), (r"epoch/val_loss: (\d+) bytes", 500, 1e6)], steps=150
    ),
    "tensorboard_logs": Short([(r"Validation accuracy ([\d.]+)% in epoch 1", 85, 100)], epochs=2, steps=150),
    "shap_explanations": Short(
        [
            (r"Kernel: ([\d.]+)% for inputs that do not count", 0, 15),
            (r"Permutation: ([\d.]+)% for inputs that do not count", 0, 15),
            (r"Kernel: largest gap ([\d.]+)", 0, 1e-4),
            (r"Permutation: largest gap ([\d.]+)", 0, 1e-4),
        ],
        epochs=3,
        steps=200,  # `predict` is limited, too
    ),
    "lime_explanations": Short(
        [(r"Test accuracy ([\d.]+)%", 85, 100), (r"Case 1: ([\d.]+)% harmless", 0, 30)], epochs=10, steps=200
    ),
    "sklearn_grid_search": Short([(r"Test accuracy ([\d.]+)%", 85, 100)], epochs=15),
    "fastapi_service": Short(
        [
            (r"Test accuracy ([\d.]+)%", 80, 100),
            (r"/alone: (\d+) requests a second, all answers right", 5, 1e5),
            (r"/batched: (\d+) requests a second, all answers right", 5, 1e5),
        ],
        steps=150,
        arguments=("--requests", "200", "--port", "0"),
    ),
    "tiny_llama": Short(
        [(r"(\d+) tokens, \d+ a second", 20, 20)],
        arguments=(
            *(str(ROOT / "tests" / "data" / "stories260K" / "stories260K.bin"), "--tokens", "20"),
            *("--tokenizer", str(ROOT / "tests" / "data" / "stories260K" / "tok512.bin")),
        ),
    ),
    "character_model": Short(
        [(r"([\d.]+)% of the letters right", 35, 100), (r"(\d+) letters, \d+ a second", 60, 60)],
        epochs=3,
        steps=37,
        arguments=("--letters", "60"),
    ),
    "value_and_grad_loop": Short([(r"step 60: loss [\d.]+, ([\d.]+)% right", 80, 100)], arguments=("--steps", "60")),
}

# What a script says when something is wrong that no number shows.
WRONG = ("CHANGED", "DIFFERENT", "WRONG", "nan", "cannot be compiled")
# Packages that an example is about, or needs; without one it is skipped.
PACKAGES = (
    *("fastapi", "lime", "matplotlib", "mlflow", "optuna", "pandas", "shap", "sklearn", "tensorboard", "uvicorn"),
    "wandb",
)


@pytest.mark.slow
@pytest.mark.parametrize("script", EXAMPLES, ids=lambda path: path.stem)
def test_example_runs_and_learns(script, tmp_path):
    text = script.read_text()
    for package in PACKAGES:
        if re.search(rf"^(import|from) {package}\b", text, re.MULTILINE):
            pytest.importorskip(package)
    short = SHORT[script.stem]
    if short.engine is not None and not engines.is_installed(short.engine):
        pytest.skip(f"{short.engine} is not installed")
    env = {
        **os.environ,
        "PYTHONPATH": str(Path(pronghorn.__file__).parents[1]),
        "KERAS_MAX_EPOCHS": str(short.epochs),
        "KERAS_MAX_STEPS_PER_EPOCH": str(short.steps),
        "MPLBACKEND": "Agg",
        "TF_CPP_MIN_LOG_LEVEL": "3",
        **({} if short.engine is None else {"KERAS_BACKEND": short.engine, "PRONGHORN_BACKEND": ""}),
    }
    command = [sys.executable, "-m", "pronghorn", "run", str(script), *short.arguments]
    result = subprocess.run(command, cwd=tmp_path, env=env, capture_output=True, text=True, timeout=300)
    output = result.stdout + result.stderr
    assert result.returncode == 0, output[-6000:]
    assert "\x1b" not in result.stdout and "\b" not in result.stdout
    for pattern, least, most in short.finds:
        found = re.findall(pattern, result.stdout)
        assert found, f"{pattern!r} is not in: {output[-3000:]}"
        assert least <= float(found[-1].replace(",", "")) <= most, f"{pattern!r}: {found[-1]}\n{output[-3000:]}"
    for word in WRONG:
        assert not re.search(rf"\b{word}\b", output), output[-3000:]
    for picture in re.findall(r'savefig\("([^"]+)"', text):
        assert (tmp_path / picture).stat().st_size > 5_000, picture


def test_each_example_has_a_short_run_and_a_line_in_the_table():
    assert [path.stem for path in EXAMPLES] == sorted(SHORT)
    table = (ROOT / "examples" / "README.md").read_text()
    missing = [path.name for path in EXAMPLES if f"[{path.name}]({path.name})" not in table]
    assert not missing


def test_each_example_says_what_it_shows():
    for path in EXAMPLES:
        first = path.read_text().split('"""')[1]
        assert f"examples/{path.name}" in first, path.name
