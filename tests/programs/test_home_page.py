"""The home page's drawings are as their script makes them, and the tables of times are those it draws."""

import importlib.util
import sys
from pathlib import Path
from xml.etree import ElementTree

import pytest

DOCS = Path(__file__).resolve().parents[2] / "docs"


@pytest.fixture(scope="module")
def script():
    spec = importlib.util.spec_from_file_location("make_home", DOCS / "make_home.py")
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module  # as dataclasses want it
    spec.loader.exec_module(module)
    yield module
    del sys.modules[spec.name]


def _rows(script):
    return [row for table in script.tables() for row in table.rows]


def test_the_logo_and_the_chart_are_current(script):
    assert script.stale() == []


def test_drawings_are_xml():
    for file in [*DOCS.glob("assets/*.svg"), *DOCS.glob("pictures/*.svg")]:
        assert ElementTree.parse(file).getroot().tag == "{http://www.w3.org/2000/svg}svg"


def test_the_recorded_ratios_fit_the_times(script):
    for row in _rows(script):
        assert min(row.others) / row.ours == pytest.approx(row.ratio, rel=0.04), row.workload


def test_the_tables_show_the_recorded_times(script):
    page = (DOCS / "measured.md").read_text(encoding="utf-8")
    for row in _rows(script):
        times = " | ".join(f"{ms:,}" for ms in (row.ours, *row.others))
        assert f"| {row.workload} | {times} | **{row.ratio}** |" in page


def test_the_text_says_the_recorded_median(script):
    for page in ("index.md", "measured.md"):
        assert f"median {'is' if page == 'index.md' else 'of'} {script.median():.1f}" in (DOCS / page).read_text(
            "utf-8"
        )


def test_the_text_names_what_is_below_two(script):
    page = (DOCS / "measured.md").read_text(encoding="utf-8")
    below = [row.ratio for row in _rows(script) if row.ratio < 2]
    assert len(below) == 5 and "Five of the ratios are" in page
    assert all(f"({ratio})" in page for ratio in below)
