"""Notebooks: as scripts of `pronghorn run`, and in a kernel, where errors are short and progress is a bar."""

from __future__ import annotations

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
