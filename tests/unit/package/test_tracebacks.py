"""What Python prints of an error that nobody caught: the user's lines, and of the package's at most one."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

import pronghorn
from pronghorn import _tracebacks

_SOURCE = Path(__file__).parents[3] / "src"

_HEAD = """
import numpy as np
import pronghorn as keras
from pronghorn import layers, ops


class Broken(layers.Layer):
    def call(self, x):
        return ops.matmul(x, ops.ones((5, 2)))


class Failing(keras.callbacks.Callback):
    def on_epoch_end(self, epoch, logs=None):
        {}["x"]


model = keras.Sequential([keras.Input((4,)), layers.Dense(2)])
model.compile("sgd", "mse")
x, y = np.ones((3, 4)), np.ones((3, 2))
"""


def _said(tmp_path, lines, *command):
    script = tmp_path / "script.py"
    script.write_text(_HEAD + lines)
    env = {**os.environ, "PYTHONPATH": str(_SOURCE), "PRONGHORN_BACKEND": "numpy"}
    result = subprocess.run([sys.executable, *command, str(script)], capture_output=True, text=True, env=env)
    assert result.returncode == 1, result.stderr
    return result.stderr


def _files(said):
    return [Path(line.split('"')[1]) for line in said.splitlines() if line.startswith('  File "')]


@pytest.mark.parametrize("command", [(), ("-m", "pronghorn", "run")], ids=["python", "pronghorn run"])
@pytest.mark.parametrize(
    ("lines", "frames", "last"),
    [
        ("model.fit(x[:, :3], y)", 1, "ValueError: Layer 'sequential' (Sequential): Layer 'dense' (Dense): an input"),
        ("def train():\n    model.fit(x, y, callbacks=[Failing()], verbose=0)\ntrain()", 3, "KeyError: 'x'"),
        ("Broken()(x)", 2, "ValueError: Layer 'broken' (Broken): matmul: shapes (3, 4) and (5, 2) do not fit"),
        (
            "try:\n    Broken()(x)\nexcept ValueError as error:\n    raise KeyError('mine') from error",
            3,
            "KeyError: 'm",
        ),
    ],
    ids=["fit", "callback", "layer", "cause"],
)
def test_the_users_frames_alone(tmp_path, command, lines, frames, last):
    said = _said(tmp_path, lines, *command)
    assert [path.name for path in _files(said)] == ["script.py"] * frames, said
    assert said.splitlines()[-1].startswith(last)
    assert "(83," not in said and "(89," not in said


def test_where_another_library_raised_one_frame_of_ours_says_who_called_it(tmp_path):
    lines = "keras.datasets._source.load_npz"  # a name that is not there: an error of ours, for comparison
    assert len(_files(_said(tmp_path, lines))) == 1
    (tmp_path / "broken.keras").write_bytes(b"PK\x03\x04 and no more")
    ours = [p for p in _files(_said(tmp_path, "keras.saving.load_model('broken.keras')")) if _SOURCE in p.parents]
    assert len(ours) <= 1


def test_faults_of_the_library_are_shown_in_full(tmp_path):
    said = _said(tmp_path, "model._tracker = None\nmodel.fit(x, y)")
    assert len(_files(said)) > 4 and "left out" not in said


def test_the_filter_can_be_turned_off_and_leaves_errors_as_they_are(tmp_path):
    assert len(_files(_said(tmp_path, "keras.config.disable_traceback_filtering()\nBroken()(x)"))) > 4
    lines = """
import sys, traceback
previous = sys.excepthook
def hook(kind, error, trace):
    previous(kind, error, trace)
    print(len(traceback.extract_tb(error.__traceback__)), file=sys.stderr)
sys.excepthook = hook
Broken()(x)
"""
    assert int(_said(tmp_path, lines).splitlines()[-1]) > 4  # for debuggers, after it was shown


def test_extents_that_are_not_known_are_none_in_messages(tmp_path):
    lines = """
class Needs(layers.Layer):
    def call(self, x):
        n = int(x.shape[0])
        raise ValueError(f"rows {n}, twice {2 * n}, axis {x.shape[1]}")
Needs()(keras.Input((7,)))
"""
    assert "rows None, twice None, axis 7" in _said(tmp_path, lines).splitlines()[-1]


_NOT_SUPPORTED = "raise NotImplementedError('Unsupported backend: ' + keras.config.backend())"


def _shown(line, capsys):
    """What the hook for uncaught errors writes of a program of one line."""
    try:
        exec(compile(line, "program.py", "exec"), {"keras": pronghorn})
    except Exception as error:
        _tracebacks.install()
        sys.excepthook(type(error), error, error.__traceback__)
    return capsys.readouterr().err


def test_who_knows_no_backend_of_our_name_can_hear_another(capsys):
    shown = _shown(_NOT_SUPPORTED, capsys)
    assert "PRONGHORN_BACKEND_NAME=jax" in shown and shown.endswith(
        "NotImplementedError: Unsupported backend: pronghorn\n"
    )


@pytest.mark.parametrize(
    "line",
    [
        "raise ValueError('Unsupported backend: jax')",
        "raise ValueError('pronghorn is an animal')",
        "raise KeyError('backend pronghorn')",
        "raise OSError('/lib/pronghorn/backends: the backend is gone')",
        "raise ValueError('no backend in pronghorn.backends')",
        "keras.config.set_backend_name('pronghorm')",
        "keras.config.set_backend('pronghorn, a backend')",
    ],
)
def test_other_errors_say_nothing_of_backends_names(line, capsys):
    shown = _shown(line, capsys)
    assert "Error: " in shown and "PRONGHORN_BACKEND_NAME=jax" not in shown


def test_an_error_that_cannot_say_what_it_is_is_shown(capsys):
    shown = _shown("raise type('Mute', (ValueError,), {'__str__': lambda self: 1 / 0})()", capsys)
    assert "Mute: " in shown and "ZeroDivisionError" not in shown
