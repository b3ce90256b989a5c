"""docs/inside/compiler.md shows what the compiler prints now."""

import importlib.util
import platform
import sys
from pathlib import Path

import pytest

DOCS = Path(__file__).resolve().parents[2] / "docs"


@pytest.mark.skipif(platform.machine().lower() not in ("x86_64", "amd64"), reason="the page is of x86-64 with AVX2")
def test_the_page_is_fresh(monkeypatch):
    monkeypatch.syspath_prepend(str(DOCS))
    spec = importlib.util.spec_from_file_location("make_compiler", DOCS / "make_compiler.py")
    script = importlib.util.module_from_spec(spec)
    monkeypatch.setitem(sys.modules, "make_compiler", script)
    spec.loader.exec_module(script)
    parts = script.made()
    assert parts.pop("assembly").count("vfmadd") == 12  # LLVM's own, which differs with its version
    text = script.PAGE.read_text(encoding="utf-8")
    assert script.page(text, parts) == text, "run python docs/make_compiler.py"
