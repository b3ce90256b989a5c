"""Notebooks: as scripts of `pronghorn run`, and in a kernel, where errors are short and progress is a bar."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

_SOURCE = Path(__file__).parents[3] / "src"

_CELLS = [
    "%load_ext pronghorn\nimport numpy as np\nimport keras\nfrom keras import layers",
    "model = keras.Sequential([keras.Input((4,)), layers.Dense(2)])\nmodel.compile('sgd', 'mse')",
    "history = model.fit(np.ones((300, 4)), np.ones((300, 2)), epochs=2)\nprint(len(history.epoch), keras.__name__)",
    "model.fit(np.ones((3, 5)), np.ones((3, 2)))",
    "keras.visualization.plot_history(history)",
]


@pytest.fixture
def notebook(tmp_path):
    nbformat = pytest.importorskip("nbformat")
    book = nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell(code) for code in _CELLS])
    book.cells.insert(0, nbformat.v4.new_markdown_cell("# Words"))
    path = tmp_path / "book.ipynb"
    nbformat.write(book, path)
    return path


def test_run_runs_the_cells(notebook):
    environment = {**os.environ, "PYTHONPATH": str(_SOURCE)}
    command = [sys.executable, "-m", "pronghorn", "run", str(notebook)]
    result = subprocess.run(command, capture_output=True, text=True, env=environment)
    assert "2 pronghorn" in result.stdout or "2 keras" in result.stdout, result.stderr
    assert result.stderr.splitlines()[-1].startswith("ValueError: Layer 'sequential'")
    assert "model.fit(np.ones((3, 5))" in result.stderr  # the line itself, though the file is a notebook
    assert f'File "{notebook}, cell 4", line 1, in <module>' in result.stderr


def test_run_says_what_is_no_notebook(tmp_path):
    path = tmp_path / "book.ipynb"
    path.write_text("{}")
    environment = {**os.environ, "PYTHONPATH": str(_SOURCE)}
    command = [sys.executable, "-m", "pronghorn", "run", str(path)]
    result = subprocess.run(command, capture_output=True, text=True, env=environment)
    assert result.returncode == 2 and "is no notebook" in result.stderr and "Traceback" not in result.stderr


@pytest.mark.slow
def test_a_kernel_shows_short_errors_bars_and_pictures(notebook, monkeypatch):
    nbclient, nbformat = pytest.importorskip("nbclient"), pytest.importorskip("nbformat")
    pytest.importorskip("ipykernel")
    monkeypatch.setenv("PYTHONPATH", os.pathsep.join([str(_SOURCE), *sys.path]))
    book = nbformat.read(notebook, 4)
    nbclient.NotebookClient(book, timeout=120, kernel_name="python3", allow_errors=True).execute()
    outputs = [cell.outputs for cell in book.cells if cell.cell_type == "code"]
    text = "".join(output.text for output in outputs[2] if output.output_type == "stream")
    assert text.splitlines() == ["Epoch 1/2", "Epoch 2/2", "2 keras"] or "2 pronghorn" in text
    bars = [output.data for output in outputs[2] if output.output_type == "display_data"]
    assert len(bars) == 2 and all("10/10" in bar["text/html"] and "\b" not in bar["text/plain"] for bar in bars)
    (error,) = outputs[3]  # which says by itself that frames are left out
    assert error.output_type == "error" and error.ename == "ValueError"
    shown = re.sub(r"\x1b\[[\d;]*m", "", "\n".join(error.traceback))
    assert "model.fit" in shown and str(_SOURCE) not in shown and len(shown.splitlines()) < 10
    assert shown.count("are left out") == 1
    assert any("image/png" in output.get("data", {}) for output in outputs[4])


def run_cells(folder, *cells, **environment):
    path = folder / "book.ipynb"
    path.write_text(json.dumps({"cells": [{"cell_type": "code", "source": [cell]} for cell in cells]}))
    command = [sys.executable, "-m", "pronghorn", "run", str(path)]
    env = {**os.environ, "PYTHONPATH": str(_SOURCE), "PRONGHORN_BACKEND": "numpy", **environment}
    return subprocess.run(command, capture_output=True, text=True, env=env)


def test_errors_name_the_cell_and_its_line(tmp_path):
    result = run_cells(
        tmp_path,
        "from __future__ import annotations\nimport inspect",
        "class Mine:\n    two = 2\n\ndef wrong(n: int):\n    return 1 / n",
        "print(inspect.getsource(wrong), inspect.getsource(Mine), wrong.__annotations__)",
        "\n# a line\nif True:\n    wrong(0)",
    )
    lines = [line.strip() for line in result.stderr.splitlines()]
    cell = f'File "{tmp_path / "book.ipynb"}, cell'
    assert lines[1:3] == [f'{cell} 4", line 4, in <module>', "wrong(0)"]
    assert f'{cell} 2", line 5, in wrong' in lines and "return 1 / n" in lines
    assert "return 1 / n" in result.stdout and "two = 2" in result.stdout and "{'n': 'int'}" in result.stdout


def test_a_cell_that_is_no_python_is_told_before_others_run(tmp_path):
    result = run_cells(tmp_path, "print('run')", "x = 1\nx = = 2")
    assert result.returncode == 1 and result.stdout == ""
    assert f'File "{tmp_path / "book.ipynb"}, cell 2", line 2' in result.stderr
    assert str(_SOURCE) not in result.stderr and "x = = 2" in result.stderr


def test_a_backend_that_there_is_not_is_told_without_a_line_of_ours(tmp_path):
    result = run_cells(tmp_path, "print('run')", KERAS_BACKEND="theano")
    (line,) = result.stderr.splitlines()
    assert "KERAS_BACKEND='theano' is no backend" in line and "pronghorn/" not in line
    assert result.stdout == "run\n"
