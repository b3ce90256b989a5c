"""Each script in examples/ runs through `pronghorn run`, a few steps of it, in a folder of its own."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

import pronghorn

ROOT = Path(__file__).resolve().parents[2]
EXAMPLES = sorted((ROOT / "examples").glob("*.py"))


@pytest.mark.slow
@pytest.mark.parametrize("script", EXAMPLES, ids=lambda path: path.stem)
def test_example_runs(script, tmp_path):
    if "matplotlib" in script.read_text():
        pytest.importorskip("matplotlib")
    env = {
        **os.environ,
        "PYTHONPATH": str(Path(pronghorn.__file__).parents[1]),
        "KERAS_MAX_EPOCHS": "1",
        "KERAS_MAX_STEPS_PER_EPOCH": "20",
        "MPLBACKEND": "Agg",
    }
    command = [sys.executable, "-m", "pronghorn", "run", str(script)]
    result = subprocess.run(command, cwd=tmp_path, env=env, capture_output=True, text=True, timeout=300)
    assert result.returncode == 0, result.stdout[-2000:] + result.stderr[-4000:]
    assert "\x1b" not in result.stdout and "\b" not in result.stdout


def test_there_are_examples():
    assert ROOT / "examples" / "mnist_cnn.py" in EXAMPLES
