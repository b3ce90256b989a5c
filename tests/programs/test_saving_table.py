"""docs/saving.md says what is true: each kind of model in each format, tried anew."""

import importlib.util
from pathlib import Path

import pytest

pytest.importorskip("keras")
pytest.importorskip("safetensors")

SCRIPT = Path(__file__).parents[2] / "docs" / "make_saving.py"


@pytest.mark.slow
def test_the_page_says_what_happens():
    spec = importlib.util.spec_from_file_location("make_saving", SCRIPT)
    script = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(script)
    found = script.try_all()
    wrong = {cell: outcome for cell, outcome in found.items() if outcome not in ("pass", "pass (1)", "(2)", "(3)")}
    assert not wrong
    assert script.PAGE.read_text(encoding="utf-8") == script.page(found), "run python docs/make_saving.py"
