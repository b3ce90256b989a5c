"""`pronghorn generate`: bad input is a line, before weights are read; pipes that close, encodings, terminals."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
from click.testing import CliRunner

import pronghorn
from pronghorn.cli.main import main
from pronghorn.text import weights

pytest.importorskip("safetensors")
sys.path.append(str(Path(__file__).parent))
import llama_folder

COMMAND = [sys.executable, "-m", "pronghorn", "generate"]
ENV = {**os.environ, "PYTHONPATH": os.pathsep.join([str(Path(pronghorn.__file__).parents[1]), *sys.path])}


POINTER = b"version https://git-lfs.github.com/spec/v1\noid sha256:4d7a2146\nsize 12345\n"  # in place of a file


@pytest.fixture
def folder(tmp_path, monkeypatch):
    """A small Llama whose tokens are bytes."""
    tokenizers = pytest.importorskip("tokenizers")
    alphabet = sorted(tokenizers.pre_tokenizers.ByteLevel.alphabet())
    found = tokenizers.Tokenizer(tokenizers.models.BPE({letter: i for i, letter in enumerate(alphabet)}, []))
    found.pre_tokenizer = tokenizers.pre_tokenizers.ByteLevel(add_prefix_space=False)
    found.decoder = tokenizers.decoders.ByteLevel()
    found.save(str(tmp_path / "tokenizer.json"))
    monkeypatch.setitem(llama_folder.SIZES, "vocab_size", 256)
    return llama_folder.make(tmp_path)


def damaged(name, data):
    return lambda folder: (folder / name).write_bytes(data)


def without(name):
    return lambda folder: (folder / name).unlink()


@pytest.mark.parametrize(
    "change, options, said",
    [
        (without("config.json"), [], "has no config.json, so it is no folder of a model; give the one that has it"),
        (damaged("config.json", b"{"), [], "config.json is no JSON ("),
        (damaged("config.json", POINTER), [], "config.json is no JSON (E; it only points to the file: run 'git lfs"),
        (damaged("config.json", b"\xff\xfe"), [], "config.json is no JSON ("),
        (damaged("config.json", b"[]"), [], "config.json has a list"),
        (damaged("config.json", b'{"model_type": "bert"}'), [], "of the type 'bert', which is not read"),
        (without("model.safetensors"), [], "has neither model.safetensors nor"),
        (damaged("model.safetensors", b""), [], "is damaged"),
        (damaged("model.safetensors", b"a" * 100), [], "bytes of names follow; fetch it again"),
        (damaged("model.safetensors", POINTER), [], "bytes of names follow; it only points to the file: run 'git lfs"),
        (damaged("model.safetensors", bytes(100)), [], "is no safetensors file, or it is damaged (E; fetch it again"),
        (without("tokenizer.json"), [], "has none of a tokenizer's files"),
        (damaged("tokenizer.json", b"{}"), [], "is no tokenizer's file, or it is damaged (E; fetch it again"),
        (damaged("tokenizer.json", b""), [], "is no tokenizer's file, or it is damaged (E; fetch it again"),
        (damaged("tokenizer.json", POINTER), [], "it only points to the file: run 'git lfs pull' in its folder"),
        (None, ["--prompt", ""], "the prompt is empty"),
        (None, ["--prompt", "a" * 200], "has 200 tokens, and the model has 200 positions"),
        (None, ["--max-tokens", "0"], "0 is not in the range"),
        (None, ["--max-tokens", "-3"], "-3 is not in the range"),
        (None, ["--temperature", "-1"], "-1.0 is not in the range"),
        (None, ["--temperature", "nan"], "temperature is a number from 0 up"),
        (None, ["--temperature", "inf"], "temperature is a number from 0 up"),
        (None, ["--top-k", "0"], "0 is not in the range"),
        (None, ["--top-k", "257"], "top_k is 257, but there are 256 tokens"),
        (None, ["--top-p", "nan"], "top_p is a share"),
        (None, ["--top-p", "0"], "top_p is a share"),
        (None, ["--seed", "-1"], "seed is an integer from 0 up"),
        (None, ["--stop", ""], "a text to stop at is empty"),
    ],
)
def test_bad_input_is_a_line_before_weights_are_read(folder, monkeypatch, change, options, said):
    monkeypatch.setattr(weights, "Decoder", lambda *args, **kwargs: pytest.fail("it reads weights"))
    if change:
        change(folder)
    result = CliRunner().invoke(main, ["generate", str(folder), "--prompt", "a", *options])
    last = result.output.strip().splitlines()[-1]
    begin, _, end = said.partition("(E;")
    assert result.exit_code in (1, 2) and last.startswith("Error: ") and begin in last and end in last


@pytest.mark.parametrize("dtype", ["int8", "uint8", "int8_from_float32", "nothing"])
def test_types_that_are_no_numbers_with_a_point(folder, dtype):
    result = CliRunner().invoke(main, ["generate", str(folder), "--prompt", "a", "--dtype", dtype])
    assert result.exit_code == 1 and "'float32' or 'bfloat16'" in result.output


@pytest.mark.parametrize("name", ["", "nowhere", "nowhere.gguf"])
def test_what_is_not_there(tmp_path, monkeypatch, name):
    monkeypatch.chdir(tmp_path)
    result = CliRunner().invoke(main, ["generate", name, "--prompt", "a"])
    assert result.exit_code == 1 and "a model is a folder with config.json, or a GGUF file" in result.output


def test_who_reads_the_text_may_have_enough(folder):
    process = subprocess.Popen(
        [*COMMAND, str(folder), "--prompt", "a"], stdout=subprocess.PIPE, stderr=subprocess.PIPE, env=ENV
    )
    process.stdout.close()
    told = process.stderr.read().decode()
    process.stderr.close()
    assert process.wait(timeout=120) == 0 and "Error" not in told and "Traceback" not in told


def test_an_encoding_without_the_character(folder):
    env = {**ENV, "PYTHONIOENCODING": "ascii"}
    command = [*COMMAND, str(folder), "--prompt", "a", "--temperature", "9", "--seed", "0"]
    result = subprocess.run(command, capture_output=True, env=env, timeout=120, check=True)
    assert b"?" in result.stdout and b"Error" not in result.stderr


def in_terminal(folder, *options, **env):
    """What a terminal gets, of both streams."""
    import pty

    main_end, end = pty.openpty()
    command = [*COMMAND, str(folder), "--prompt", "a", *options]
    process = subprocess.Popen(command, stdout=end, stderr=end, env={**ENV, **env})
    os.close(end)
    said = b""
    try:
        while part := os.read(main_end, 1 << 16):
            said += part
    except OSError:
        pass  # the other end is closed
    os.close(main_end)
    assert process.wait(timeout=120) == 0
    return said.decode()


@pytest.mark.skipif(os.name != "posix", reason="needs a pseudo-terminal")
@pytest.mark.parametrize("env, escapes", [({"TERM": "xterm"}, True), ({"TERM": "dumb"}, False)])
def test_a_terminal_gets_no_control_characters_of_the_model(folder, env, escapes):
    said = in_terminal(folder, "--temperature", "9", "--seed", "0", "--max-tokens", "190", **env)
    waited, _, said = said.rpartition("\x1b[2K")  # lines that say what is waited for, and are gone
    assert ("Reading the model" in waited) == ("Compiling" in waited) == escapes
    written, _, told = said.rstrip().rpartition("\r\n")
    assert not [c for c in written if ord(c) < 32 and c not in "\r\n\t"] and "\x9b" not in written
    assert "190 tokens" in told and ("\x1b" in told) == escapes


@pytest.mark.skipif(os.name != "posix", reason="needs a pseudo-terminal")
def test_no_color(folder):
    said = in_terminal(folder, "--max-tokens", "3", TERM="xterm", NO_COLOR="1")
    assert "\x1b" not in said.rpartition("\x1b[2K")[2] and "3 tokens" in said


def test_the_standard_input_ends_without_its_line_break(folder):
    options = ["generate", str(folder), "--max-tokens", "5", "--prompt"]
    given = CliRunner().invoke(main, [*options, "-"], input="a word\n")
    assert given.exit_code == 0 and given.stdout == CliRunner().invoke(main, [*options, "a word"]).stdout
    assert given.stdout != CliRunner().invoke(main, [*options, "a word\n"]).stdout


def test_a_model_that_writes_nothing_is_told(folder):
    (folder / "generation_config.json").write_text(json.dumps({"eos_token_id": list(range(256))}))
    result = CliRunner().invoke(main, ["generate", str(folder), "--prompt", "a"])
    assert result.exit_code == 0 and "The model ends the text here, without a token more." in result.stderr
