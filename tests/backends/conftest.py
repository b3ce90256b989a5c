"""Lets the tests of this folder import its table of cases, which is no test itself; and the engines that are there."""

import sys
from pathlib import Path

import pytest

from pronghorn.engine.backends import choice
from pronghorn.engine.backends import engine as engines

sys.path.insert(0, str(Path(__file__).parent))

ENGINES = [
    pytest.param(
        name,
        marks=[
            pytest.mark.slow,  # the libraries compile for long
            pytest.mark.skipif(not engines.is_installed(name), reason=f"{name} is not installed"),
        ],
    )
    for name in engines.NAMES
]


@pytest.fixture(params=ENGINES)
def engine(request):
    """Each engine in turn, where its library is installed."""
    return engines.engine(request.param)


@pytest.fixture
def free_choice(monkeypatch):
    """The environment names no engine, and the one that a test chooses is given up at its end."""
    monkeypatch.delenv(choice.VARIABLE, raising=False)
    monkeypatch.setattr(choice._choice, "name", choice._choice.name)
