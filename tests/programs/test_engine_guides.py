"""Scripts in the style of Keras's guides for JAX, PyTorch and TensorFlow print the same figures as under Keras."""

import importlib.util
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from pronghorn.engine.backends import engine as engines

SOURCE = Path(__file__).parents[2] / "src"
SCRIPTS = Path(__file__).parent / "scripts"

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(importlib.util.find_spec("keras") is None, reason="keras is not installed"),
]


def figures(command, script, folder, **environment):
    """The lines with figures that a script prints: what they are, and the numbers."""
    kept = {k: v for k, v in os.environ.items() if not k.endswith("_BACKEND") and k != "PYTHONPATH"}
    env = {**kept, "KERAS_HOME": str(folder), "TF_CPP_MIN_LOG_LEVEL": "3", **environment}
    done = subprocess.run(
        [sys.executable, *command, str(SCRIPTS / f"{script}.py")], env=env, capture_output=True, text=True, timeout=300
    )
    assert done.returncode == 0, done.stderr[-4000:]
    lines = [line.split() for line in done.stdout.splitlines() if line.startswith("FIGURES")]
    count = [next(i for i, word in enumerate(line) if _is_number(word)) for line in lines]
    return [(" ".join(line[1:i]), [float(word) for word in line[i:]]) for i, line in zip(count, lines)]


def _is_number(word):
    try:
        float(word)
    except ValueError:
        return False
    return True


@pytest.mark.parametrize("kind", ["step", "loop"])
@pytest.mark.parametrize("engine", ["jax", "tensorflow", "torch"])
def test_a_guides_script_ends_as_under_keras(engine, kind, tmp_path):
    if not engines.is_installed(engine):
        pytest.skip(f"{engine} is not installed")
    script = f"guide_{kind}_{engine}"
    expected = figures([], script, tmp_path, KERAS_BACKEND=engine)
    ours = {"PYTHONPATH": str(SOURCE)}
    got = figures(["-m", "pronghorn", "run"], script, tmp_path, KERAS_BACKEND=engine, **ours)
    assert len(expected) > 8 and [name for name, _ in got] == [name for name, _ in expected]
    for (name, ours), (_, theirs) in zip(got, expected):
        np.testing.assert_allclose(ours, theirs, rtol=1e-3, atol=1e-3, err_msg=name)
