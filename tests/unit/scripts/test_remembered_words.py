"""Functions of words in other libraries: they are asked once for a word, and answer as before."""

import importlib
import sys

import pytest

from pronghorn.scripts import remembered_words
from pronghorn.scripts.remembered_words import RememberingFinder, remembering

SOURCE = """
CALLS = []

def casefold_utf8(text):
    "Fold."
    CALLS.append(text)
    return text.casefold()
"""


@pytest.fixture
def library(tmp_path, monkeypatch):
    """Writes a library with KerasHub's names, and imports its module after the finder is there."""
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.setattr(sys, "meta_path", [RememberingFinder(), *sys.meta_path])

    def make(source):
        folder = tmp_path
        for name in ("keras_hub", "src", "utils"):
            folder = folder / name
            folder.mkdir()
            (folder / "__init__.py").write_text("")
        (folder / "tensor_utils.py").write_text(source)
        return importlib.import_module("keras_hub.src.utils.tensor_utils")

    for name in [name for name in sys.modules if name.startswith("keras_hub")]:
        monkeypatch.delitem(sys.modules, name)
    yield make
    for name in [name for name in sys.modules if name.startswith("keras_hub")]:
        del sys.modules[name]


def test_a_word_is_folded_once(library):
    module = library(SOURCE)
    assert [module.casefold_utf8(word) for word in ("Straße", "A", "Straße", "A")] == ["strasse", "a"] * 2
    assert module.CALLS == ["Straße", "A"] and module.casefold_utf8.__doc__ == "Fold."
    long = "Ab" * 1000  # a text, which is no word: it would take memory
    assert module.casefold_utf8(long) == module.casefold_utf8(long) == long.casefold()
    assert module.CALLS[2:] == [long, long]


def test_a_version_without_the_function_is_as_it_is(library):
    module = library("def other(text):\n    return text\n")
    assert not hasattr(module, "casefold_utf8") and module.other("A") == "A"


def test_a_library_that_is_not_there(monkeypatch):
    monkeypatch.setattr(sys, "meta_path", [RememberingFinder(), *sys.meta_path])
    name = "no_such_library_at_all"
    monkeypatch.setitem(remembered_words._FUNCTIONS, name, ("f",))
    with pytest.raises(ModuleNotFoundError, match=name):
        importlib.import_module(name)


def test_other_arguments_and_errors_go_through():
    def first(word, other=None):
        if not word:
            raise ValueError("no word")
        return word[0], other

    kept = remembering(first)
    assert kept("ab") == kept("ab") == ("a", None)
    assert kept("ab", other=1) == ("a", 1) and kept("ab", 2) == ("a", 2) and kept(["ab"]) == ("ab", None)
    for _ in range(2):
        with pytest.raises(ValueError, match="no word"):
            kept("")
