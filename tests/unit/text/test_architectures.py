"""Each architecture gives the scores of `transformers` (tests/programs/language_models.py), at once and by steps."""

import json
import sys
import warnings
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
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", "load: .* has a part for pictures")
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


def test_older_configurations_of_gemma_3():
    """Before version 5 of `transformers`, each number of rotations was a field of its own."""
    from pronghorn.text.architectures import architecture_of

    config = dict(ANSWERS["gemma3"]["config"])
    _, expected = architecture_of(config, "config.json")
    both = config.pop("rope_parameters")
    config |= {"rope_theta": both["full_attention"].pop("rope_theta"), "rope_scaling": both["full_attention"]}
    config |= {"rope_local_base_freq": both["sliding_attention"]["rope_theta"], "sliding_window_pattern": 3}
    del config["layer_types"]
    _, found = architecture_of(config, "config.json")
    for block in range(3):
        for ours, theirs in zip(found.rotation(block), expected.rotation(block), strict=True):
            np.testing.assert_array_equal(ours, theirs)
    assert found.windows == expected.windows == (5, 5, None)


def test_a_configuration_of_gemma_3_with_pictures_may_leave_sizes_out():
    """So are those that were published: sizes that the type's classes have anyway are not in the file."""
    from pronghorn.text.architectures import architecture_of

    part = {"model_type": "gemma3_text", "hidden_size": 2560, "intermediate_size": 10240, "num_hidden_layers": 34}
    part |= {"rope_scaling": {"factor": 8.0, "rope_type": "linear"}, "sliding_window": 1024}
    config = {"model_type": "gemma3", "text_config": part, "vision_config": {"hidden_size": 1152}}
    _, found = architecture_of(config, "config.json")
    assert (found.vocabulary, found.width, found.heads, found.groups, found.head_size) == (262208, 2560, 8, 4, 256)
    assert found.windows[:6] == (1024,) * 5 + (None,) and found.is_tied and found.positions == 131072
    assert found.parameters() == 3_880_263_168  # what is published as 4B, without 0.4B for pictures
    with pytest.raises(ValueError, match=r"config.json has no 'text_config', which a model of the type 'gemma3' needs"):
        architecture_of({"model_type": "gemma3"}, "config.json")
    with pytest.raises(ValueError, match="has a field that makes no sense"):
        architecture_of({"model_type": "gemma3", "text_config": [1]}, "config.json")


def test_a_part_for_pictures_is_left_out_and_that_is_said(tmp_path):
    """Newer files have the part's name behind the first one."""
    answer = ANSWERS["gemma3 with pictures"]
    (tmp_path / "config.json").write_text(json.dumps(answer["config"]))
    arrays = {name: language_models.draw(name, tuple(shape)) for name, shape in answer["shapes"].items()}
    renamed = {name.replace("language_model.model.", "model.language_model."): array for name, array in arrays.items()}
    (tmp_path / "model.safetensors").write_bytes(safetensors.save(renamed))
    with pytest.warns(UserWarning, match="has a part for pictures, too, which is left out"):
        model = text.load(tmp_path)
    np.testing.assert_allclose(np.asarray(model(language_models.TOKENS)), answer["scores"], rtol=1e-4, atol=2e-5)
    assert model.end_tokens == (answer["config"]["text_config"]["eos_token_id"],)


def test_the_blocks_of_smollm3_that_do_not_rotate_need_not_be_listed():
    from pronghorn.text.architectures import architecture_of

    config = dict(ANSWERS["smollm3 of five blocks"]["config"])
    del config["no_rope_layers"], config["no_rope_layer_interval"]
    assert architecture_of(config, "config.json")[1].unrotated == (3,)
    assert architecture_of({**config, "no_rope_layer_interval": 2}, "config.json")[1].unrotated == (1, 3)


def test_a_long_prompt_is_turned_by_its_whole_length():
    """What goes by the length of the text is not that of the prompt's parts."""
    scaling = {"rope_type": "dynamic", "factor": 10.0, "original_max_position_embeddings": 20}
    sizes = {"vocabulary": 40, "width": 16, "hidden": 24, "blocks": 2, "heads": 4, "groups": 2, "head_size": 4}
    model = text.Decoder({**sizes, "positions": 200, "rotary_size": 4, "rotary_scaling": scaling})
    rng = np.random.default_rng(0)
    for weight in model.parameters().values():
        weight.assign(rng.standard_normal(weight.shape))
    for length in (19, 20, 21, 64, 65, 150):
        prompt = rng.integers(0, 40, length).tolist()
        scores = np.asarray(model(np.array([prompt], "int32")))[0, -1]
        assert text.generate(model, prompt, max_tokens=1) == [int(scores.argmax())]
