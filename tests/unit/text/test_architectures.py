"""Each architecture gives the scores of `transformers` (tests/programs/language_models.py), at once and by steps."""

import json
import sys
from pathlib import Path

import numpy as np
import pytest

from pronghorn import text

sys.path.append(str(Path(__file__).resolve().parents[2] / "programs"))
import language_models

ANSWERS = json.loads(language_models.FILE.read_text())
safetensors = pytest.importorskip("safetensors.numpy")


@pytest.fixture(scope="module", params=ANSWERS)
def case(request, tmp_path_factory):
    """A model and the scores that it has to give."""
    answer = ANSWERS[request.param]
    folder = tmp_path_factory.mktemp("model")
    (folder / "config.json").write_text(json.dumps(answer["config"]))
    arrays = {name: language_models.draw(name, tuple(shape)) for name, shape in answer["shapes"].items()}
    (folder / "model.safetensors").write_bytes(safetensors.save(arrays))
    return text.load(folder), np.array(answer["scores"], "float32")


def test_all_tokens_at_once(case):
    model, scores = case
    assert model(language_models.TOKENS).shape == scores.shape
    np.testing.assert_allclose(np.asarray(model(language_models.TOKENS)), scores, rtol=1e-4, atol=2e-5)


def test_token_by_token_with_a_cache(case):
    model, scores = case
    if any(rotation.growth for rotation in model.rotations):
        pytest.skip("what is turned by the length of the text so far differs from the whole text's at once")
    tokens, cache = language_models.TOKENS, model.make_cache(2, 16)
    found, *cache = model.step(tokens[:, :4], 0, 3, *cache)
    rows = [found]
    for i in range(4, tokens.shape[1]):
        found, *cache = model.step(tokens[:, i : i + 1], i, 0, *cache)
        rows.append(found)
    np.testing.assert_allclose(np.stack(rows, axis=1), scores[:, 3:], rtol=1e-4, atol=2e-5)


def test_the_answers_are_of_all_types_of_models():
    from pronghorn.text.architectures import ARCHITECTURES

    assert {answer["config"]["model_type"] for answer in ANSWERS.values()} == ARCHITECTURES.keys()


def test_writing_with_a_cache(case, request):
    model, _ = case
    model.end_tokens = ()
    answer = ANSWERS[request.node.callspec.params["case"]]
    assert text.generate(model, language_models.PROMPT, max_tokens=language_models.COUNT) == answer["written"]
    tokens = np.array([language_models.PROMPT + answer["written"]], "int32")
    cache = model.make_cache(1, tokens.shape[1])
    for i in range(tokens.shape[1] - 1):
        found, *cache = model.step(tokens[:, i : i + 1], i, 0, *cache)
    np.testing.assert_allclose(np.asarray(found)[0], answer["last"], rtol=1e-4, atol=2e-5)
