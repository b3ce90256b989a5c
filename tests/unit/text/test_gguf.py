"""GGUF files: the scores and tokens of llama.cpp (tests/programs/gguf_models.py), kinds of numbers, damaged files."""

import json
import struct
import sys
from pathlib import Path

import numpy as np
import pytest
from click.testing import CliRunner

from pronghorn import text
from pronghorn._extras import install_command
from pronghorn.cli.main import main
from pronghorn.text.gguf_files import read_gguf

sys.path.append(str(Path(__file__).resolve().parents[2] / "programs"))
import gguf_models
import gguf_vocabularies
import language_models

gguf = pytest.importorskip("gguf")
ANSWERS = json.loads(gguf_models.FILE.read_text())
MODELS = json.loads(language_models.FILE.read_text())
TOKENS = language_models.TOKENS
KIND = gguf.GGMLQuantizationType


@pytest.fixture
def path(tmp_path):
    return tmp_path / "model.gguf"


@pytest.fixture
def llama(path):
    gguf_models.write(path, MODELS["llama"])
    return path


@pytest.mark.parametrize("name", ANSWERS)
def test_the_tokens_and_scores_of_llama_cpp(path, name):
    gguf_models.write(path, MODELS[name])
    model = text.load(path)
    tokens = text.generate(model, gguf_models.PROMPT, max_tokens=gguf_models.COUNT)
    assert tokens == ANSWERS[name]["tokens"]
    scores = np.asarray(model(np.array([gguf_models.PROMPT + tokens[:-1]], "int32")))[0, len(gguf_models.PROMPT) - 1 :]
    expected = np.array(ANSWERS[name]["scores"])
    # llama.cpp takes GELU from a table in half precision, of 11 bits.
    tolerance = 2 * 2**-11 if "gelu" in model.settings.activation else 5e-6
    np.testing.assert_allclose(scores, expected, rtol=0, atol=tolerance * np.abs(expected).max())


# A file has no factor for the scores of Gemma 2, and that of the folder is unusual.
@pytest.mark.parametrize("name", [name for name in ANSWERS if name != "gemma2"])
def test_a_file_gives_what_its_folder_gives(path, name):
    gguf_models.write(path, MODELS[name])
    expected = np.array(MODELS[name]["scores"])
    np.testing.assert_allclose(np.asarray(text.load(path)(TOKENS)), expected, rtol=1e-4, atol=2e-5)


def wide():
    """A configuration and shapes whose rows are as long as the largest blocks."""
    config = {**MODELS["llama"]["config"], "num_hidden_layers": 1}
    config |= {"hidden_size": 256, "intermediate_size": 256, "head_dim": 64}
    sizes = {16: 256, 28: 256, 8: 128}
    shapes = {
        name: [sizes.get(n, n) for n in shape]
        for name, shape in MODELS["llama"]["shapes"].items()
        if "layers.1" not in name
    }
    return {"config": config, "shapes": shapes}


@pytest.mark.parametrize("kind", ["F16", "BF16", "Q4_0", "Q4_1", "Q5_0", "Q5_1", "Q8_0", "TQ1_0", "TQ2_0", "MXFP4"])
@pytest.mark.parametrize("dtype", ["float32", "bfloat16"])
def test_kinds_of_numbers_are_those_of_the_library(path, kind, dtype):
    arrays = gguf_models.write(path, wide(), quantize=KIND[kind])
    weights = text.load(path, dtype=dtype).parameters()
    for name, ours in (("blk.0.attn_v", "blocks.0.value.kernel"), ("blk.0.ffn_down", "blocks.0.down.kernel")):
        array = arrays[f"{name}.weight"]
        expected = gguf.quants.dequantize(gguf.quants.quantize(array, KIND[kind]), KIND[kind])
        found = weights[ours].numpy()
        assert weights[ours].dtype == dtype
        np.testing.assert_array_equal(found, expected.T.astype(found.dtype))
    embedding = arrays["token_embd.weight"]
    expected = gguf.quants.dequantize(gguf.quants.quantize(embedding, KIND[kind]), KIND[kind])
    found = weights["embedding.embeddings"].numpy()
    np.testing.assert_array_equal(found, expected.astype(found.dtype))


def test_blocks_can_be_kept_as_they_are(path):
    arrays = gguf_models.write(path, wide(), quantize=KIND.Q8_0)
    found = read_gguf(path).arrays["blk.0.ffn_down.weight"]
    expected = gguf.quants.quantize(arrays["blk.0.ffn_down.weight"], KIND.Q8_0)
    np.testing.assert_array_equal(found.blocks(), expected)
    np.testing.assert_array_equal(found.blocks(slice(3, 5)), expected[3:5])
    assert not found.blocks().flags.writeable


def test_the_header_is_that_of_the_library(path):
    def add(writer):
        writer.add_array("a.texts", ["x", "", "é😀"])
        writer.add_array("a.numbers", [1, -2, 3])
        writer.add_array("a.fractions", [0.5, 1.5])
        writer.add_bool("a.yes", True)
        for kind in ("uint8", "int8", "uint16", "int16", "uint32", "int32", "uint64", "int64", "float32", "float64"):
            getattr(writer, f"add_{kind}")(f"a.{kind}", 7)
        writer.add_tokenizer_model("no_vocab")

    gguf_models.write(path, MODELS["qwen3"], tokenizer=add)
    ours, library = read_gguf(path), gguf.GGUFReader(path)
    fields = {name: field.contents() for name, field in library.fields.items() if not name.startswith("GGUF.")}
    assert {k: v.tolist() if isinstance(v, np.ndarray) else v for k, v in ours.fields.items()} == fields
    assert ours.arrays.keys() == {tensor.name for tensor in library.tensors}
    for tensor in library.tensors:
        np.testing.assert_array_equal(ours.arrays[tensor.name].values(), tensor.data)
        assert ours.arrays[tensor.name].shape == tensor.data.shape


def test_a_model_in_several_files(tmp_path, path):
    gguf_models.write(path, MODELS["llama"])
    expected = np.asarray(text.load(path)(TOKENS))
    path.unlink()
    gguf_models.write(path, MODELS["llama"], most_arrays=5)
    files = sorted(tmp_path.iterdir())
    assert len(files) > 2 and files[0].name.startswith("model-00001-of-")
    np.testing.assert_array_equal(np.asarray(text.load(files[0])(TOKENS)), expected)
    with pytest.raises(ValueError, match=f"is one of {len(files)} files of a model; give the first"):
        text.load(files[1])
    files[1].unlink()
    with pytest.raises(FileNotFoundError, match=f"missing: {files[1].name}. Fetch the rest"):
        text.load(files[0])


def test_a_file_by_another_name(llama, tmp_path):
    llama.rename(tmp_path / "blob")
    assert text.load(tmp_path / "blob").settings.blocks == 2


@pytest.mark.parametrize("share", [0.001, 0.01, 0.1, 0.3, 0.6, 0.95, 0.999])
def test_a_file_that_is_cut_off_is_told(llama, share):
    data = llama.read_bytes()
    llama.write_bytes(data[: int(len(data) * share)])
    with pytest.raises(ValueError, match="fetch it again|does not begin with GGUF"):
        text.load(llama)


def test_files_that_are_none(tmp_path, path):
    with pytest.raises(FileNotFoundError, match="There is no file .*model.gguf"):
        text.load(path)
    for data in (b"", b"GGU", b"PK\3\4 and so on"):
        path.write_bytes(data)
        with pytest.raises(ValueError, match="model.gguf is no GGUF file"):
            text.load(path)
    (tmp_path / "weights.bin").write_bytes(b"abc")
    with pytest.raises(FileNotFoundError, match=r"weights.bin' is a file; a model is a folder .* or a GGUF file"):
        text.load(tmp_path / "weights.bin")
    for version, said in ((1, "of version 1;"), (4, "of version 4;"), (3 << 24, "in the order of bytes of other")):
        path.write_bytes(b"GGUF" + struct.pack("<IQQ", version, 0, 0))
        with pytest.raises(ValueError, match=said):
            text.load(path)
    # counts that would take memory and time, if they were believed
    huge = 1 << 60
    for body in (
        struct.pack("<QQ", huge, 0),
        struct.pack("<QQ", 0, huge),
        struct.pack("<QQQ", 0, 1, huge) + b"a" * 50,
        *(struct.pack("<QQQ", 0, 1, 1) + b"a" + struct.pack("<IIQ", 9, kind, huge) + b"b" * 50 for kind in (0, 8, 9)),
        struct.pack("<QQQ", 1, 0, 1) + b"a" + struct.pack("<I", 1 << 31) + b"b" * 50,
        struct.pack("<QQQ", 1, 0, 1) + b"a" + struct.pack("<IQQIQ", 2, huge, huge, 0, 0) + b"b" * 50,
        struct.pack("<QQQ", 1, 0, 1) + b"a" + struct.pack("<IQIQ", 1, 8, 0, huge) + b"b" * 50,
    ):
        path.write_bytes(b"GGUF" + struct.pack("<I", 3) + body)
        with pytest.raises(ValueError, match="fetch it again"):
            text.load(path)


def test_flipped_bytes_never_give_more_than_a_sentence(llama):
    """Each byte of the header in turn: what is read is a model or a refusal."""
    data = llama.read_bytes()
    rng = np.random.default_rng(0)
    for at in rng.choice(len(data) - 15000, 100, replace=False):
        changed = bytearray(data)
        changed[at] ^= 1 << int(rng.integers(8))
        llama.write_bytes(changed)
        try:
            found = text.load(llama)
        except (ValueError, FileNotFoundError) as error:
            assert len(str(error)) < 600
        else:
            assert found.settings.vocabulary == 24


@pytest.mark.parametrize(
    "change, said",
    [
        ({"general.architecture": "lama"}, "of the type 'lama', which is not read from GGUF files; nearest: llama"),
        ({"general.architecture": "bert"}, "Known are gemma, "),
        ({"general.architecture": None}, "of the type None"),
        ({"llama.embedding_length": None}, "has no value 'llama.embedding_length'"),
        ({"llama.embedding_length": "16"}, "positive integers"),
        ({"llama.embedding_length": 32}, "asks for numbers with a point and shape"),
        ({"llama.attention.head_count": 0}, "positive integers"),
        ({"llama.attention.head_count_kv": 3}, "cannot share 3 heads"),
        ({"llama.block_count": 0}, "number of blocks is a positive integer"),
        ({"llama.block_count": 3}, "has no array 'blk.2"),
        ({"llama.block_count": 1 << 30}, "number of blocks is a positive integer up to"),
        ({"llama.block_count": 1 << 13}, "describes 8,192 blocks"),
        ({"llama.attention.key_length": 1 << 30, "llama.attention.value_length": 1 << 30}, "head_size is a positive"),
        ({"llama.expert_count": 8}, "a mixture of 8 experts"),
        ({"llama.attention.value_length": 2}, "values of another length than keys"),
        ({"llama.rope.freq_base": float("nan")}, "rotary_theta is a positive number"),
        ({"llama.rope.scaling.type": "longrope"}, "kind 'longrope'"),
        ({"llama.rope.scaling.type": "linear", "llama.rope.scaling.factor": 0.0}, "factor of rotations is a positive"),
        ({"llama.rope.dimension_count": 3}, "rotary_size is an even number"),
        (
            {"llama.rope.dimension_count": "4"},
            "model.gguf: .*rotary_size is an even number up to head_size, 4, not '4'",
        ),
        ({"llama.context_length": 0}, "positions is a positive integer"),
        ({"llama.feed_forward_length": [28, 27]}, "differs from block to block"),
        ({"llama.attention.layer_norm_rms_epsilon": -1.0}, "epsilon is a positive number"),
        ({"general.alignment": 0}, "aligned at 0 bytes"),
        ({"split.count": 3}, "is one of 3 files of a model"),
    ],
)
def test_headers_that_do_not_fit_are_refused(path, change, said):
    gguf_models.write(path, MODELS["llama"], change=change)
    with pytest.raises(ValueError, match=said) as told:
        text.load(path)
    assert len(str(told.value)) < 600


def test_numbers_that_the_library_cannot_make(path):
    gguf_models.write(path, MODELS["llama"])
    library = read_gguf(path)
    array = library.arrays["output_norm.weight"]
    array.kind = KIND.I32
    with pytest.raises(ValueError, match="of the kind I32 are not read; take a file of another kind"):
        array.check()


def test_a_missing_library_is_named(llama, monkeypatch):
    monkeypatch.setitem(sys.modules, "gguf", None)
    with pytest.raises(ImportError, match=r"need the library gguf; .*pip install .*\[text\]'"):
        text.load(llama)
    result = CliRunner().invoke(main, ["generate", str(llama), "--prompt", "a"])
    assert result.exit_code == 1 and install_command("text") in result.output


def test_a_file_without_a_tokenizer(llama):
    with pytest.raises(FileNotFoundError, match="has no tokenizer. Without one, .* takes tokens as the prompt"):
        text.generate(text.load(llama), "text")


def test_the_command_writes_with_a_file(path):
    pytest.importorskip("tokenizers")
    vocabulary = json.loads(gguf_vocabularies.FILE.read_text("utf-8"))["byte pairs"]
    answer = json.loads(json.dumps(MODELS["llama"]))
    answer["config"]["vocab_size"] = len(vocabulary["tokens"])
    for name in ("model.embed_tokens.weight", "lm_head.weight"):
        answer["shapes"][name][0] = len(vocabulary["tokens"])
    gguf_models.write(path, answer, tokenizer=lambda writer: gguf_vocabularies.describe(writer, vocabulary, "gpt-2"))
    model = text.load(path)
    assert model.end_tokens == (vocabulary["end"],)
    result = CliRunner().invoke(main, ["generate", str(path), "--prompt", "The quick", "--max-tokens", "9"])
    assert result.exit_code == 0
    assert text.generate(model, "The quick", max_tokens=9) in result.output
