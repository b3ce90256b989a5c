"""Warnings and errors point at the user's line."""

from __future__ import annotations

import subprocess
import sys
import threading

import numpy as np
import pytest

import pronghorn
from pronghorn import layers, optimizers
from pronghorn.engine.graph.user_code import user_frame, user_line, warn


def test_the_line():
    line = user_line()
    assert "test_user_code.py:" in line
    assert line.endswith(": `line = user_line()`")


def test_library_frames_are_passed_over():
    frames = []
    np.apply_along_axis(lambda row: frames.append(user_frame()) or 0, 0, np.ones((1, 1)))
    assert frames[0].f_code.co_filename == __file__
    assert sorted([1], key=lambda _: user_line().count("sorted")) == [1]


def test_a_thread():
    found = []
    thread = threading.Thread(target=lambda: found.append(user_line()))
    thread.start()
    thread.join()
    assert "found.append(user_line())" in found[0]


@pytest.mark.parametrize(
    "cause",
    [
        lambda: layers.Softmax()(np.ones((2, 1))),
        lambda: layers.InputLayer(input_shape=(2,)),
        lambda: optimizers.SGD(0.1, decay=0.1),
        lambda: pronghorn.callbacks.EarlyStopping(mode="best"),
        lambda: warn("look"),
    ],
)
def test_warnings_point_here(cause):
    with pytest.warns(UserWarning) as caught:
        cause()
    assert caught[0].filename == __file__


def test_the_line_in_a_script(tmp_path):
    script = tmp_path / "train.py"
    script.write_text("from pronghorn import ops\n\nops.softmax([[1.0], [2.0]])\n")
    done = subprocess.run([sys.executable, str(script)], capture_output=True, text=True, check=True)
    assert f"{script}:3: UserWarning" in done.stderr
    assert "ops.softmax([[1.0], [2.0]])" in done.stderr
