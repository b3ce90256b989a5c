"""Other processes, and processes that had the real Keras already."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

import pronghorn
from pronghorn.cli import aliases

SOURCE = str(Path(pronghorn.__file__).parents[1])
CHILD = 'import subprocess, sys; subprocess.run([sys.executable, "-c", "import keras; print(keras.layers.__name__)"])'


def _python(*arguments, **environment):
    everything = {**os.environ, "PYTHONPATH": SOURCE, **environment}
    return subprocess.run([sys.executable, *arguments], env=everything, capture_output=True, text=True, timeout=120)


def test_a_child_of_a_script_gets_the_alias(tmp_path):
    script = tmp_path / "script.py"
    script.write_text(CHILD)
    done = _python("-m", "pronghorn", "run", str(script))
    assert done.stdout.strip() == "pronghorn.layers", done.stderr


@pytest.mark.slow
def test_the_switch_leaves_children_alone(tmp_path):
    pytest.importorskip("keras")
    script = tmp_path / "script.py"
    script.write_text(CHILD)
    done = _python("-m", "pronghorn", "run", str(script), PRONGHORN_CHILDREN="0", KERAS_BACKEND="jax")
    assert done.stdout.strip() == "keras.layers", done.stderr


def test_install_after_another_keras_replaces_it_and_says_so(tmp_path):
    (tmp_path / "keras.py").write_text("real = True")
    code = "import keras; from pronghorn.cli import aliases; aliases.install(); import keras; print(keras.layers.Dense)"
    done = _python("-c", code, PYTHONPATH=os.pathsep.join([str(tmp_path), SOURCE]))
    assert "Dense" in done.stdout and "imported already" in done.stderr


@pytest.mark.parametrize("name", ["keras", "tensorflow"])
def test_a_child_of_another_environment_has_its_own(name, tmp_path):
    (tmp_path / f"{name}.py").write_text("real = True")
    path = os.pathsep.join([str(aliases.FOR_CHILDREN), str(tmp_path)])
    code = f"import {name}; print({name}.real)"
    done = _python("-S", "-c", code, PYTHONPATH=path)  # without the packages that are installed, Pronghorn among them
    assert done.stdout.strip() == "True", done.stderr
