"""Tokenizers of folders: what the libraries say, what is missing, and the command that writes with them."""

import io
import json
import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest
from click.testing import CliRunner

import pronghorn
from pronghorn import text
from pronghorn._extras import install_command
from pronghorn.cli.main import main
from pronghorn.text.tokenizers import TextStream

pytest.importorskip("safetensors")
sys.path.append(str(Path(__file__).parent))
import llama_folder

TEXT = "The quick brown fox jumps → über the lazy dog 😀."


def byte_pairs():
    tokenizers = pytest.importorskip("tokenizers")
    found = tokenizers.Tokenizer(tokenizers.models.BPE())
    found.pre_tokenizer = tokenizers.pre_tokenizers.ByteLevel(add_prefix_space=False)
    found.decoder = tokenizers.decoders.ByteLevel()
    alphabet = tokenizers.pre_tokenizers.ByteLevel.alphabet()
    trainer = tokenizers.trainers.BpeTrainer(vocab_size=280, initial_alphabet=alphabet, show_progress=False)
    found.train_from_iterator([TEXT] * 4, trainer)
    return found


def test_a_tokenizers_file(tmp_path):
    library = byte_pairs()
    library.enable_truncation(3)  # which the file keeps, and a prompt does not want
    library.save(str(tmp_path / "tokenizer.json"))
    found = text.load_tokenizer(tmp_path)
    library.no_truncation()
    assert found.size == 280 and len(found.encode(TEXT)) > 3
    assert found.encode(TEXT) == library.encode(TEXT).ids
    assert found.decode(found.encode(TEXT)) == TEXT


def test_files_of_merges(tmp_path):
    library = byte_pairs()
    library.model.save(str(tmp_path))
    found = text.load_tokenizer(tmp_path)
    assert found.encode(TEXT) == library.encode(TEXT).ids
    assert found.decode(found.encode(TEXT)) == TEXT


@pytest.mark.parametrize("begins", [True, False, None])
def test_a_model_of_sentencepiece(tmp_path, begins):
    sentencepiece = pytest.importorskip("sentencepiece")
    written = io.BytesIO()
    settings = {"vocab_size": 300, "byte_fallback": True, "model_type": "bpe", "minloglevel": 2}
    sentencepiece.SentencePieceTrainer.train(
        sentence_iterator=iter([TEXT] * 4), model_writer=written, **settings, hard_vocab_limit=False
    )
    (tmp_path / "tokenizer.model").write_bytes(written.getvalue())
    if begins is not None:
        (tmp_path / "tokenizer_config.json").write_text(json.dumps({"add_bos_token": begins}))
    library = sentencepiece.SentencePieceProcessor(model_proto=written.getvalue())
    found = text.load_tokenizer(tmp_path)
    first = [] if begins is False else [library.bos_id()]
    assert found.encode(TEXT) == first + library.encode(TEXT)
    assert found.decode(found.encode(TEXT)) == TEXT
    stream = TextStream(found, found.encode("A"))
    assert "".join(map(stream.add, library.encode("word to word"))).split() == ["word", "to", "word"]


@pytest.mark.parametrize("name", ["tokenizer.json", "tokenizer.model"])
def test_damaged_files_are_refused(tmp_path, name):
    pytest.importorskip("tokenizers" if name.endswith("json") else "sentencepiece")
    (tmp_path / name).write_text("{}")
    with pytest.raises(ValueError, match=f"{name} is no"):
        text.load_tokenizer(tmp_path)


@pytest.mark.parametrize("name, library", [("tokenizer.json", "tokenizers"), ("tokenizer.model", "sentencepiece")])
def test_a_missing_library_is_named(tmp_path, monkeypatch, name, library):
    llama_folder.make(tmp_path)
    (tmp_path / name).write_text("{}")
    monkeypatch.setitem(sys.modules, library, None)
    with pytest.raises(ImportError, match=rf"{name} needs the library {library}; .*pip install .*\[text\]'"):
        text.load_tokenizer(tmp_path)
    result = CliRunner().invoke(main, ["generate", str(tmp_path), "--prompt", "a"])
    assert result.exit_code == 1 and install_command("text") in result.output


@pytest.fixture
def folder(tmp_path, monkeypatch):
    """A small Llama that knows the tokenizer's tokens and has many positions."""
    monkeypatch.setitem(llama_folder.SIZES, "vocab_size", 280)
    monkeypatch.setitem(llama_folder.SIZES, "max_position_embeddings", 100_000)
    byte_pairs().save(str(tmp_path / "tokenizer.json"))
    return llama_folder.make(tmp_path)


def start(folder, *options):
    command = [sys.executable, "-m", "pronghorn", "generate", str(folder), "--prompt", "The fox", *options]
    env = {**os.environ, "PYTHONPATH": str(Path(pronghorn.__file__).parents[1]), "PYTHONIOENCODING": "utf-8"}
    return subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, env=env)


def test_the_command_writes_and_tells_the_speed_elsewhere(folder):
    said, told = start(folder, "--max-tokens", "20", "--temperature", "1", "--seed", "1").communicate(timeout=120)
    options = {"max_tokens": 20, "temperature": 1.0, "seed": 1}
    assert said.decode() == text.generate(text.load(folder), "The fox", **options) + "\n"
    assert told.decode().startswith("20 tokens, ") and told.decode().endswith(" a second\n")


def test_what_the_command_refuses_is_a_line(folder):
    for options, words in ((["--prompt", ""], "the prompt is empty"), (["--top-p", "2"], "top_p is a share")):
        result = CliRunner().invoke(main, ["generate", str(folder), "--prompt", "a", *options])
        assert result.exit_code == 1 and words in result.output
    assert CliRunner().invoke(main, ["generate", str(folder)]).exit_code == 2


@pytest.mark.skipif(os.name != "posix", reason="needs signals")
def test_ctrl_c_leaves_what_was_written(folder):
    process = start(folder, "--max-tokens", "90000", "--temperature", "1")
    try:
        first = process.stdout.read(1)
        process.send_signal(signal.SIGINT)
        said, told = process.communicate(timeout=60)
    finally:
        process.kill()
    assert process.returncode == 130
    assert first and said.endswith(b"\n")
    assert told.decode().endswith("Interrupted.\n") and "token" in told.decode() and "Traceback" not in told.decode()
