"""What KerasHub's language models write here, beside what they write under Keras on JAX."""

import json
import os
import subprocess
import sys
from importlib.util import find_spec
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
SCRIPT = Path(__file__).parent / "scripts" / "keras_hub_answers.py"
EXPECTED = json.loads((ROOT / "tests" / "data" / "keras_hub.json").read_text("utf-8"))
TEXTS = EXPECTED.pop("texts")
MODELS = list(EXPECTED)

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(
        not all(map(find_spec, ("keras_hub", "regex", "tokenizers"))),
        reason="KerasHub, or what it needs, is not installed",
    ),
]


@pytest.fixture(scope="module")
def found(tmp_path_factory):
    file = tmp_path_factory.mktemp("keras_hub") / "found.json"
    kept = {name: value for name, value in os.environ.items() if not name.endswith("_BACKEND")}
    done = subprocess.run(
        [sys.executable, "-m", "pronghorn", "run", str(SCRIPT), str(file)],
        env={**kept, "PYTHONPATH": str(ROOT / "src")},
        capture_output=True,
        text=True,
        timeout=300,
    )
    assert done.returncode == 0, done.stderr[-4000:]
    return json.loads(file.read_text("utf-8"))


@pytest.mark.parametrize("name", MODELS)
@pytest.mark.parametrize("way", ["greedy", "beams"])
def test_tokens_are_those_of_keras(name, way, found):
    assert found[name][way] == EXPECTED[name][way]


@pytest.mark.parametrize("name", TEXTS)
def test_tokenizers_need_no_tensorflow_text(name, found):
    assert found["texts"][name] == TEXTS[name]


def test_the_answers_are_of_some_variety():
    """A model that repeats one token would say little."""
    for name, ways in EXPECTED.items():
        assert len(ways) == 2
        for rows in ways.values():
            assert all(len(set(row)) > 5 for row in rows), name
        assert len(ways["greedy"][0]) > 200
