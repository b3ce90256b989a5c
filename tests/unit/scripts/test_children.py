"""Other processes, and processes that had the real Keras already."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

import pronghorn
from pronghorn.scripts import aliases

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
    code = (
        "import keras; from pronghorn.scripts import aliases; aliases.install(); "
        "import keras; print(keras.layers.Dense)"
    )
    done = _python("-c", code, PYTHONPATH=os.pathsep.join([str(tmp_path), SOURCE]))
    assert "Dense" in done.stdout and "imported already" in done.stderr


@pytest.mark.parametrize("name", ["keras", "tensorflow"])
def test_a_child_of_another_environment_has_its_own(name, tmp_path):
    (tmp_path / f"{name}.py").write_text("real = True")
    path = os.pathsep.join([str(aliases.FOR_CHILDREN), str(tmp_path)])
    code = f"import {name}; print({name}.real)"
    done = _python("-S", "-c", code, PYTHONPATH=path)  # without the packages that are installed, Pronghorn among them
    assert done.stdout.strip() == "True", done.stderr


THREADS = """
import subprocess, sys
code = '''
import threading
found = []
def load(number):
    if number % 2:
        import tensorflow as tf
        found.append((tf.keras.layers.Dense, tf.keras.__version__))
    else:
        import keras
        found.append((keras.layers.Dense, keras.__version__))
threads = [threading.Thread(target=load, args=(number,)) for number in range(8)]
[thread.start() for thread in threads]
[thread.join() for thread in threads]
print(len(found), len(set(found)))
'''
subprocess.run([sys.executable, "-c", code])
"""


def test_threads_of_a_child_that_import_at_the_same_time(tmp_path):
    (tmp_path / "script.py").write_text(THREADS)
    done = _python("-m", "pronghorn", "run", str(tmp_path / "script.py"))
    assert (done.stdout, done.stderr) == ("8 1\n", "")


def test_a_child_with_another_installation(tmp_path):
    other = shutil.copytree(SOURCE, tmp_path / "other", ignore=shutil.ignore_patterns("__pycache__"))
    script = tmp_path / "script.py"
    script.write_text(
        "import os, subprocess, sys\n"
        f"os.environ['PYTHONPATH'] += os.pathsep + {str(other)!r}\n"
        f"os.environ['PYTHONPATH'] = os.environ['PYTHONPATH'].replace({SOURCE + os.pathsep!r}, '')\n"
        "code = 'import keras.ops as a, tensorflow.keras.ops as b, pronghorn; print(a is b, pronghorn.__file__)'\n"
        "subprocess.run([sys.executable, '-c', code])\n"
    )
    done = _python("-m", "pronghorn", "run", str(script))
    assert (done.stdout.split(), done.stderr) == (["True", str(other / "pronghorn" / "__init__.py")], "")
