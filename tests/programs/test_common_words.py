"""No sentence of Keras's in ours; see tests/keras_suite/common_words.py, which says how far the rule reaches."""

import sys
from pathlib import Path

import pytest

pytest.importorskip("keras")

sys.path.insert(0, str(Path(__file__).parents[1] / "keras_suite"))
import common_words
import run


@pytest.mark.slow
def test_no_nine_words_in_a_row_are_in_keras_too():
    assert common_words.common(run.ROOT / "src", run.keras_source()) == []


@pytest.fixture
def trees(tmp_path):
    """Two folders with a module each, as functions of their sources."""

    def make(ours, theirs):
        for name, source in (("ours", ours), ("theirs", theirs)):
            (tmp_path / name).mkdir()
            (tmp_path / name / "module.py").write_text(source)
        return common_words.common(tmp_path / "ours", tmp_path / "theirs")

    return make


THEIRS = '''
def f(x):
    """The value of `x` must be one of the extents that are known here."""
'''


@pytest.mark.parametrize(
    "ours",
    [
        '"""the value of must be one of the extents that are known"""',
        'text = "The VALUE of `another` must, be one " "of the {extents} that are known here".format()'.replace("{", "")
        .replace("}", ""),
        "def f(n):\n    raise ValueError(f'the value of {n!r} must be one of the extents, 3, that are known')",
        "# The value of must be one of\n# the extents that are known.",
    ],
    ids=["docstring", "pieces", "f-string", "comment"],
)  # fmt: skip
def test_a_sentence_in_common_is_found(trees, ours):
    (line,) = trees(ours, THEIRS)
    assert line.startswith("module.py:")
    assert "the value of must be one of the extents that are known" in line


MESSAGE = "f'Axis {axis} of the input must have {n} entries, and the weights were made for {m} of them.'"


@pytest.mark.parametrize(
    ("ours", "theirs"),
    [
        ("'axis %d of the input must have %-3s entries, and the weights were made for' % (axis, n)", MESSAGE),
        ("'axis %(a)s of the input must have {0:{width}} entries, and the weights were made'.format(n)", MESSAGE),
        ("'axis ' + str(axis) + f' of the input must have {n} entries, and the ' + 'weights were made'", MESSAGE),
        ("'Axis number two of the input must have three entries, and the weights were made'", MESSAGE),
        (MESSAGE, "'axis number two of the input must have three entries, and the weights were made'"),
        (
            "f'axis {a} must not be: ' + f(f'axis {a} of the input must have {n} entries, and the weights were')",
            MESSAGE,
        ),
    ],
    ids=["percent", "format", "sum", "words for ours", "words for theirs", "inside a sum"],
)
def test_a_placeholder_ends_no_run(trees, ours, theirs):
    (line,) = trees(ours, theirs)
    assert "of the input must have entries and the weights were" in line


@pytest.mark.parametrize(("behind", "found"), [("three or", 1), ("three or four", 0)])
def test_a_placeholder_stands_for_two_words_at_most(trees, behind, found):
    assert len(trees(f"'the input must have {behind} entries and the weights were'", MESSAGE)) == found


@pytest.mark.parametrize(
    ("ours", "theirs"),
    [
        ('"""the value of must be one of the extents"""', THEIRS.replace("extents that", "axes that")),
        (
            "x = 'cat dog horse cow hen duck goose pig sheep goat'",
            "y = 'cat dog horse cow hen duck goose pig sheep goat'",
        ),
        ("'the value of must be'\n'one of the extents that are known'", THEIRS),
    ],
    ids=["eight words", "names", "two literals"],
)
def test_what_is_not_a_sentence_in_common(trees, ours, theirs):
    assert trees(ours, theirs) == []
