"""Folders of models: shards, types, and files that do not fit together or come from anywhere."""

import json
import shutil
import sys
from pathlib import Path

import ml_dtypes
import numpy as np
import pytest
from click.testing import CliRunner

from pronghorn import quantizers, text
from pronghorn.cli.main import main
from pronghorn.saving import load_model
from pronghorn.saving.safetensors_store import map_arrays

pytest.importorskip("safetensors")
sys.path.append(str(Path(__file__).parent))
from llama_folder import SIZES, llama_weights, make, write_weights

TOKENS = np.array([[1, 2, 3]], "int32")


@pytest.fixture
def folder(tmp_path):
    (tmp_path / "model").mkdir()
    return make(tmp_path / "model")


def change(folder, **fields):
    config = {name: value for name, value in {**SIZES, **fields}.items() if value is not ...}
    (folder / "config.json").write_text(json.dumps(config))


def in_shards(folder, count=3):
    """The same weights in several files."""
    weights, files = llama_weights(SIZES), {}
    for n in range(count):
        name = f"model-{n + 1:05}-of-{count:05}.safetensors"
        part = dict(list(weights.items())[n::count])
        write_weights(folder / name, part)
        files |= dict.fromkeys(part, name)
    (folder / "model.safetensors").unlink()
    (folder / "model.safetensors.index.json").write_text(json.dumps({"weight_map": files}))
    return files


def test_shards_are_one_model(folder):
    whole = np.asarray(text.load(folder)(TOKENS))
    in_shards(folder)
    np.testing.assert_array_equal(np.asarray(text.load(folder)(TOKENS)), whole)


def test_names_without_the_first_module(folder):
    """GPT-2's first files have them so."""
    whole = np.asarray(text.load(folder)(TOKENS))
    weights = {name.removeprefix("model."): array for name, array in llama_weights(SIZES).items()}
    write_weights(folder / "model.safetensors", weights)
    np.testing.assert_array_equal(np.asarray(text.load(folder)(TOKENS)), whole)


@pytest.mark.parametrize("dtype", ["float16", "bfloat16"])
def test_weights_of_half_the_size(folder, dtype):
    weights = {
        name: array.astype(np.dtype(getattr(ml_dtypes, dtype, dtype))) for name, array in llama_weights(SIZES).items()
    }
    write_weights(folder / "model.safetensors", weights)
    mapped = map_arrays(folder / "model.safetensors")
    assert all((mapped[name] == weights[name]).all() and not mapped[name].flags.writeable for name in weights)
    wide, narrow = text.load(folder), text.load(folder, dtype="bfloat16")
    assert {weight.dtype for weight in wide.parameters().values()} == {"float32"}
    assert narrow.embedding.embeddings.dtype == "bfloat16"
    found, expected = np.asarray(narrow(TOKENS)), np.asarray(wide(TOKENS))
    assert found.dtype == np.float32
    np.testing.assert_allclose(found, expected, atol=0.05 * np.abs(expected).max())


@pytest.mark.parametrize("given", ["int8", "int4", quantizers.Int4QuantizationConfig(block_size=None)])
def test_weights_may_be_quantized_as_they_are_read(folder, given):
    whole, found = text.load(folder), text.load(folder, quantization=given)
    with pytest.warns(UserWarning, match="norm"):
        whole.quantize(**({"mode": given} if isinstance(given, str) else {"config": given}))
    for own, other in zip(found.weights, whole.weights, strict=True):
        assert own.name == other.name and own.dtype == other.dtype
        np.testing.assert_array_equal(np.asarray(own), np.asarray(other))
    assert {"int8"} == {layer.kernel.dtype for layer in found.blocks[0].parts.values() if hasattr(layer, "_kernel")}
    np.testing.assert_array_equal(np.asarray(found(TOKENS)), np.asarray(whole(TOKENS)))
    assert len(text.generate(found, TOKENS[0], max_tokens=3)) == 3


def test_a_quantization_that_needs_data_is_refused_before_anything_is_read(tmp_path):
    with pytest.raises(ValueError, match="'int8', 'int4'.*data"):
        text.load(tmp_path / "none", quantization="gptq")
    said = CliRunner().invoke(main, ["generate", str(tmp_path), "--prompt", "text", "--quantization", "int3"])
    assert said.exit_code == 1


def test_the_tokens_that_end_a_text(folder):
    change(folder, eos_token_id=5)
    assert text.load(folder).end_tokens == (5,)
    (folder / "generation_config.json").write_text('{"eos_token_id": [5, 7]}')
    assert text.load(folder).end_tokens == (5, 7)


def test_a_missing_shard_is_named(folder):
    files = in_shards(folder)
    (folder / files["model.norm.weight"]).unlink()
    with pytest.raises(FileNotFoundError, match=f"2 of 3 files of weights; missing: {files['model.norm.weight']}"):
        text.load(folder)


@pytest.mark.parametrize("name", ["../other.safetensors", "/etc/passwd", "weights.bin"])
def test_an_index_that_points_elsewhere_is_refused(folder, name):
    (folder / "model.safetensors").rename(folder / "model-1.safetensors")
    index = {"weight_map": {"a": "model-1.safetensors", "b": name}}
    (folder / "model.safetensors.index.json").write_text(json.dumps(index))
    with pytest.raises(ValueError, match="only .safetensors files of the same folder"):
        text.load(folder)


@pytest.mark.parametrize(
    "fields, said",
    [
        ({"model_type": "lama"}, "'lama', which is not read; nearest: llama.*Known are gemma"),
        ({"model_type": ...}, "of the type None"),
        ({"model_type": ["llama"]}, "which is not read"),
        ({"hidden_size": ...}, "has no 'hidden_size'"),
        ({"hidden_size": "16"}, "field that makes no sense"),
        ({"num_hidden_layers": 2.0}, "number of blocks is a positive integer"),
        ({"num_hidden_layers": -1}, "number of blocks is a positive integer"),
        ({"num_attention_heads": 0}, "makes no sense"),
        ({"num_key_value_heads": 3}, "4 heads of queries cannot share 3"),
        ({"hidden_act": "xielu"}, "the activation 'xielu' is not known"),
        ({"rope_scaling": {"rope_type": "longrope", "factor": 2.0}}, "Rotations of the kind 'longrope'"),
        ({"rope_scaling": {"rope_type": "linear", "factor": 0}}, "factor of rotations is a positive number, not 0"),
        ({"rope_scaling": {"rope_type": "linear"}}, "has no 'factor'"),
        ({"rope_scaling": [1]}, "field that makes no sense"),
        ({"rope_theta": 0}, "rotary_theta is a positive number"),
        ({"rms_norm_eps": "1e-5"}, "epsilon is a positive number"),
        ({"model_type": "mistral", "sliding_window": -4}, "windows are positive integers"),
        ({"quantization_config": {}}, "quantized weights"),
        ({"num_hidden_layers": 3}, "has no array 'model.layers.2"),
        ({"vocab_size": 25}, r"shape \(24, 16\).*asks for .* shape \(25, 16\)"),
        ({"num_hidden_layers": 1 << 13}, "describes 8,192 blocks, but has no more than 20 arrays"),
        ({"num_hidden_layers": 1 << 30}, "number of blocks is a positive integer up to 16,384, not 1073741824"),
        ({"model_type": "mistral", "sliding_window": 4, "num_hidden_layers": 1 << 30}, "number of blocks"),
        ({"model_type": "gemma3_text", "sliding_window": 4, "num_hidden_layers": 1 << 30}, "number of blocks"),
        ({"head_dim": 1 << 30}, "head_size is a positive integer below"),
        ({"rope_scaling": {"rope_type": "yarn", "factor": -2.0}}, "factor of rotations is a positive number, not -2.0"),
        ({"rope_scaling": {"rope_type": "yarn", "factor": 2.0, "beta_fast": "x"}}, "beta fast of rotations is a pos"),
        ({"rope_scaling": {"rope_type": "yarn", "factor": 2.0}, "rope_theta": 1.0}, "is more than 1, not 1.0"),
        (
            {"rope_scaling": {"rope_type": "dynamic", "factor": float("nan")}},
            "factor of rotations is a positive number, not nan",
        ),
        ({"rope_scaling": {"rope_type": "llama3", "factor": 2.0}}, "has no 'low_freq_factor'"),
        ({"vocab_size": 1 << 30}, "asks for"),
        ({"tie_word_embeddings": False}, "has no array 'lm_head.weight'"),
    ],
)
def test_configurations_that_do_not_fit_are_refused(folder, fields, said):
    change(folder, **fields)
    with pytest.raises(ValueError, match=said) as told:
        text.load(folder)
    assert len(str(told.value)) < 600


def test_damaged_files_are_refused(folder):
    with pytest.raises(FileNotFoundError, match="There is no folder"):
        text.load(folder / "no")
    data = (folder / "model.safetensors").read_bytes()
    (folder / "model.safetensors").write_bytes(data[:-5])
    with pytest.raises(ValueError, match="no safetensors file, or it is damaged"):
        text.load(folder)
    (folder / "model.safetensors").unlink()
    with pytest.raises(FileNotFoundError, match="neither model.safetensors nor"):
        text.load(folder)
    (folder / "pytorch_model.bin").write_bytes(b"")
    with pytest.raises(FileNotFoundError, match="pytorch_model.bin is not read, since such files can run code"):
        text.load(folder)
    (folder / "config.json").write_text("[1]")
    with pytest.raises(ValueError, match="has a list where an object"):
        text.load(folder)
    (folder / "config.json").write_text("{")
    with pytest.raises(ValueError, match="is no JSON"):
        text.load(folder)
    (folder / "config.json").unlink()
    with pytest.raises(FileNotFoundError, match="has no config.json"):
        text.load(folder)


def test_integers_are_no_weights(folder):
    weights = llama_weights(SIZES)
    weights["model.norm.weight"] = np.ones(16, "int32")
    write_weights(folder / "model.safetensors", weights)
    with pytest.raises(ValueError, match="type int32"):
        text.load(folder)


def test_a_folder_without_a_tokenizer(folder):
    with pytest.raises(FileNotFoundError, match="none of a tokenizer's files"):
        text.generate(text.load(folder), "text")
    result = CliRunner().invoke(main, ["generate", str(folder), "--prompt", "text"])
    assert result.exit_code == 1 and "none of a tokenizer's files" in result.output
    shutil.rmtree(folder)
    result = CliRunner().invoke(main, ["generate", str(folder), "--prompt", "text"])
    assert result.exit_code == 1 and "Error: " in result.output


def test_a_loaded_model_is_saved_and_read_as_any_other(folder, tmp_path):
    model = text.load(folder)
    model.save(tmp_path / "model.keras")
    again = load_model(tmp_path / "model.keras")
    np.testing.assert_array_equal(np.asarray(again(TOKENS)), np.asarray(model(TOKENS)))
