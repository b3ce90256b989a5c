"""GGUF files: the scores and tokens of llama.cpp (tests/programs/gguf_models.py), kinds of numbers, and damaged files."""

import json
import os
import struct
import sys
from pathlib import Path

import numpy as np
import pytest
from click.testing import CliRunner

from pronghorn import text
from pronghorn.cli.main import main
from pronghorn.text.gguf_files import read_gguf

gguf = pytest.importorskip("gguf")
sys.path.append(str(Path(__file__).resolve().parents[2] / "programs"))
import gguf_models
import language_models

ANSWERS = json.loads(gguf_models.FILE.read_text())
MODELS = json.loads(language_models.FILE.read_text())


def make(path, name="llama", **options):
    """Write a small model, and return its path."""
    gguf_models.write(path / "model.gguf", MODELS[name], **options)
    return path / "model.gguf"


@pytest.mark.parametrize("name", ANSWERS)
def test_the_tokens_and_scores_of_llama_cpp(tmp_path, name):
    model = text.load(make(tmp_path, name))
    tokens = text.generate(model, gguf_models.PROMPT, max_tokens=gguf_models.COUNT)
    assert tokens == ANSWERS[name]["tokens"]
    scores = np.asarray(model(np.array([gguf_models.PROMPT + tokens[:-1]], "int32")))[0, len(gguf_models.PROMPT) - 1 :]
    expected = np.array(ANSWERS[name]["scores"])
    # llama.cpp's activations of feed-forward parts are tables in half precision for GELU
    tolerance = 2e-2 if "gemma" in name or name == "gpt2" else 2e-4
    np.testing.assert_allclose(scores, expected, atol=tolerance * np.abs(expected).max())


@pytest.mark.parametrize("name", [n for n in ANSWERS if "windows" not in n])
def test_a_file_gives_what_its_folder_gives(tmp_path, name):
    model, expected = text.load(make(tmp_path, name)), np.array(MODELS[name]["scores"])
    np.testing.assert_allclose(np.asarray(model(language_models.TOKENS)), expected, rtol=1e-4, atol=2e-5)
