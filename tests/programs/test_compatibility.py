"""docs/compatibility.md says what is true: every public name of Keras's is there, or explained."""

import doctest
import importlib.util
import sys
from pathlib import Path

import pytest

import pronghorn as keras

_SCRIPT = Path(__file__).parents[2] / "docs" / "make_compatibility.py"


@pytest.fixture(scope="module")
def script():
    spec = importlib.util.spec_from_file_location("make_compatibility", _SCRIPT)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.fixture(scope="module")
def explained(script):
    return sys.modules["explained_names"]  # which the script has imported


def test_every_name_is_there_or_explained(script, explained):
    unexplained = [name for name in script.read_names() if explained.status(name).kind == "unexplained"]
    assert not unexplained


def test_the_page_is_fresh(script):
    stale = script.PAGE.read_text(encoding="utf-8") != script.page(script.read_names())
    assert not stale, "run python docs/make_compatibility.py"


def test_explanations_are_of_names_that_exist(script, explained):
    known = {name.removeprefix("keras.") for name in script.read_names()}
    tables = {**explained.PARTLY, **explained.NOT, **explained._ALIASES, **explained.NEEDS}
    assert set(tables) <= known


def test_what_is_not_there_raises_when_used(script, explained):
    for name in script.read_names():
        if explained.status(name).kind == "not" and name != "keras.src":
            value = explained._resolve(name.removeprefix("keras."))
            with pytest.raises((NotImplementedError, ImportError), match=r"\w+ .*[a-z]{3}"):
                value()


def test_private_modules_say_so():
    with pytest.raises(AttributeError, match="private to the Keras package"):
        keras.src  # noqa: B018


def test_the_examples_of_the_explanations(explained):
    assert doctest.testmod(explained).failed == 0
