"""What Python prints of an error that nobody caught: the user's lines, and of the package's at most one."""

from __future__ import annotations

import os
import subprocess
import sys
import threading
import traceback
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
        "raise OSError('/lib/pronghorn/engine/backends: the backend is gone')",
        "raise ValueError('no backend in pronghorn.engine.backends')",
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


# What was caught on the way: by the library itself, by a program; and what groups have.
_CHAINS = """
def lost():
    model.save(path)

def own():
    try:
        lost()
    except OSError as error:
        raise RuntimeError("own") from error

def handling():
    try:
        lost()
    except OSError:
        {}["handled"]

def grouped():
    errors = []
    for function in (lost, own):
        try:
            function()
        except Exception as error:
            errors.append(error)
    raise ExceptionGroup("several", errors)
"""


@pytest.fixture
def chains(tmp_path):
    """The functions of a program, which save below what is no folder."""
    (tmp_path / "nowhere.keras").write_text("a file, and no folder")
    model = pronghorn.Sequential([pronghorn.Input((4,)), pronghorn.layers.Dense(2)])
    names = {"model": model, "path": str(tmp_path / "nowhere.keras" / "m.keras")}
    exec(compile(_CHAINS, "program.py", "exec"), names)
    return names


def _raised(function):
    with pytest.raises(Exception) as caught:
        function()
    error = caught.value
    return error.with_traceback(error.__traceback__.tb_next)  # without the frame above


@pytest.fixture(params=["main", "thread"])
def shows(request, monkeypatch, capsys):
    """What Python prints of an error that nobody caught, in the main thread or in another."""
    monkeypatch.setattr(sys, "excepthook", sys.__excepthook__)
    monkeypatch.setattr(threading, "excepthook", threading.__excepthook__)
    _tracebacks.install()

    def printed(error):
        if request.param == "main":
            sys.excepthook(type(error), error, error.__traceback__)
        else:
            ended = (type(error), error, error.__traceback__, threading.current_thread())
            threading.excepthook(threading.ExceptHookArgs(ended))
        return capsys.readouterr().err

    return printed


@pytest.mark.parametrize(("name", "frames"), [("lost", 1), ("own", 3), ("handling", 3), ("grouped", 7)])
def test_causes_and_groups_show_the_users_frames_alone(chains, shows, name, frames):
    error = _raised(chains[name])
    said = shows(error)
    files = [line.split('"')[1] for line in said.splitlines() if 'File "' in line]
    assert files == ["program.py"] * frames, said
    assert "could not be written" in said and said.count("are left out") == 1
    links = list(_tracebacks.chain(error))
    assert any(str(_SOURCE) in "".join(traceback.format_tb(link.__traceback__)) for link in links)  # for debuggers
    assert any(isinstance(link, OSError) and "could not be" not in str(link) for link in links)


def test_causes_are_whole_where_the_filter_is_off(chains, shows, monkeypatch):
    monkeypatch.setattr(_tracebacks, "enabled", False)
    said = shows(_raised(chains["grouped"]))
    assert said.count("mkdir") >= 2 and str(_SOURCE) in said and "left out" not in said


def test_a_cause_that_another_package_has_caught_stays(shows):
    theirs = str(Path(pytest.__file__).parent / "nobody.py")
    names = {"ours": pronghorn.ops.reshape}
    exec(compile("def call(*a):\n  try:\n    ours(*a)\n  except ValueError:\n    {}['x']", theirs, "exec"), names)
    exec(compile("def own():\n  call([1, 2], (3,))", "program.py", "exec"), names)
    said = shows(_raised(names["own"]))
    assert "reshape" in said and "KeyError" in said and "program.py" in said


def test_another_hook_of_threads_is_left_alone(monkeypatch):
    monkeypatch.setattr(sys, "excepthook", sys.__excepthook__)
    monkeypatch.setattr(threading, "excepthook", print)
    _tracebacks.install()
    assert threading.excepthook is print  # it may keep errors, which stay whole


def test_ipython_shows_causes_so_too(chains):
    ultratb = pytest.importorskip("IPython.core.ultratb")
    error = _raised(chains["own"])
    formatter = ultratb.FormattedTB("Context")
    _tracebacks._install_in_ipython(formatter)
    shown = "\n".join(formatter.structured_traceback(type(error), error, error.__traceback__))
    assert "could not be written" in shown and "program.py" in shown
    assert str(_SOURCE) not in shown and "mkdir" not in shown
    assert error.__cause__.__cause__ is not None  # the error itself is as it was
