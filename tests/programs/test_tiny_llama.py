"""The example that writes with a Llama out of a file, token by token, against the same network in NumPy."""

import importlib.util
import math
import os
import re
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

import pronghorn

ROOT = Path(__file__).resolve().parents[2]
EXAMPLE = ROOT / "examples" / "tiny_llama.py"
STORIES = ROOT / "tests" / "data" / "stories260K" / "stories260K.bin"
TOKENIZER = STORIES.with_name("tok512.bin")


def root_mean_square(x, scale):
    return x / np.sqrt(np.mean(x * x, axis=-1, keepdims=True) + 1e-5) * scale


class Reference:
    """The whole network in float64 over all tokens at once, with rotations as products of complex numbers."""

    def __init__(self, path):
        self.sizes = tuple(int(n) for n in np.fromfile(path, "<i4", 7))
        self.left = np.fromfile(path, "<f4", offset=28).astype("float64")
        width, hidden, blocks, heads, groups, words, _ = self.sizes
        keys = width // heads * groups
        self.table, self.first = self.take(words, width), self.take(blocks, width)
        self.q, self.k, self.v = (self.take(blocks, rows, width) for rows in (width, keys, keys))
        self.out, self.second = self.take(blocks, width, width), self.take(blocks, width)
        self.gate, self.down = self.take(blocks, hidden, width), self.take(blocks, width, hidden)
        self.up, self.last = self.take(blocks, hidden, width), self.take(width)

    def take(self, *shape):
        size = int(np.prod(shape))
        taken, self.left = self.left[:size], self.left[size:]
        return taken.reshape(shape)

    def scores(self, tokens):
        """Of what follows the last of the tokens."""
        width, _, blocks, heads, groups, _, _ = self.sizes
        count, size = len(tokens), width // heads
        turn = np.exp(1j * np.arange(count)[:, None, None] / 10000 ** (np.arange(0, size, 2) / size))

        def turned(x, many):
            x = np.ascontiguousarray(x).reshape(count, many, size).view(complex) * turn
            return np.repeat(x.view(float), heads // many, axis=1)

        x = self.table[tokens]
        for i in range(blocks):
            normal = root_mean_square(x, self.first[i])
            q, k = turned(normal @ self.q[i].T, heads), turned(normal @ self.k[i].T, groups)
            v = np.repeat((normal @ self.v[i].T).reshape(count, groups, size), heads // groups, axis=1)
            shares = np.exp(np.einsum("qhs,khs->hqk", q, k) / np.sqrt(size)) * np.tri(count)
            shares /= shares.sum(axis=-1, keepdims=True)
            x = x + np.einsum("hqk,khs->qhs", shares, v).reshape(count, width) @ self.out[i].T
            normal = root_mean_square(x, self.second[i])
            gate = normal @ self.gate[i].T
            x = x + (gate / (1 + np.exp(-gate)) * (normal @ self.up[i].T)) @ self.down[i].T
        return root_mean_square(x[-1], self.last) @ self.table.T


def run(*arguments, **env):
    command = [sys.executable, "-m", "pronghorn", "run", str(EXAMPLE), *map(str, arguments)]
    env = {**os.environ, "PYTHONPATH": str(Path(pronghorn.__file__).parents[1]), **env}
    return subprocess.run(command, capture_output=True, text=True, timeout=120, env=env)


def written(result):
    assert result.returncode == 0, result.stderr
    line, closing = result.stdout.splitlines()
    assert re.fullmatch(r"\d+ tokens, \d+ a second", closing)
    return [int(number) for number in line.split()]


def test_it_writes_the_tokens_that_numpy_finds():
    tokens = written(run(STORIES, "--tokens", 60))
    assert len(tokens) == 60
    reference, so_far = Reference(STORIES), [1]
    for token in tokens:
        scores = reference.scores(so_far)
        assert token == scores.argmax()
        best = np.sort(scores)[-2:]
        assert best[1] - best[0] > 1e-4  # no draw, which rounding might decide
        so_far.append(token)


def test_it_writes_sentences():
    """Those that llama2.c writes with the same files, says its page on this model."""
    result = run(STORIES, "--tokenizer", TOKENIZER, "--tokens", 80)
    assert result.returncode == 0, result.stderr
    assert result.stdout.startswith(
        " Once upon a time, there was a little girl named Lily. She loved to play outside in the park. "
        "One day, she saw a big, red ball. She wanted to play with it, but it was too high.\nLily's mom said,"
    )


def test_matrices_that_were_transposed_in_place_are_turned_back(tmp_path):
    width, hidden, blocks, heads, groups, words, _ = (int(n) for n in np.fromfile(STORIES, "<i4", 7))
    keys = width // heads * groups
    parts = [(width, width), (keys, width), (keys, width), (width, width)]
    parts += [(width,), (hidden, width), (width, hidden), (hidden, width)]
    numbers = np.fromfile(STORIES, "<f4", offset=28)
    at = words * width + blocks * width
    for shape in parts:
        for _ in range(blocks):
            part = numbers[at : at + math.prod(shape)]
            for _ in range(5):
                part[:] = part.reshape(shape[::-1]).T.ravel()
            at += part.size
    (tmp_path / "other.bin").write_bytes(STORIES.read_bytes()[:28] + numbers.tobytes())
    result = run(tmp_path / "other.bin", "--tokens", 20, "--transposed", 5)
    assert written(result) == written(run(STORIES, "--tokens", 20))


def test_a_temperature_draws_by_the_seed():
    first, again, other = (written(run(STORIES, "--tokens", 20, "--temperature", 1, "--seed", n)) for n in (1, 1, 2))
    assert first == again != other


def test_pieces_of_a_tokenizer_are_joined_to_text(tmp_path):
    """Made in the layout of llama2.c: the longest piece, then a score, a length and the bytes of each."""
    words = [b"<unk>", b"<s>", b"</s>", *(b"<0x%02X>" % n for n in range(256)), *(b" w%d" % n for n in range(259, 512))]
    entries = [bytes(4) + len(word).to_bytes(4, "little") + word for word in words]
    (tmp_path / "tok.bin").write_bytes((16).to_bytes(4, "little") + b"".join(entries))
    tokens = written(run(STORIES, "--tokens", 25))
    result = run(STORIES, "--tokens", 25, "--tokenizer", tmp_path / "tok.bin")
    expected = "".join(f" w{token}" if token >= 259 else chr(token - 3) for token in tokens)
    assert result.stdout.rpartition("\n25 tokens")[0] == expected


@pytest.mark.parametrize(
    "change, said",
    [
        (lambda data: data[:-4], "has 1,056,536 bytes; what its header says needs 1,056,540"),
        (lambda data: data[:10], "does not begin with seven positive integers"),
        (lambda data: data[:20] + bytes(4) + data[24:], "does not begin with seven positive integers"),
        (lambda data: data[:12] + b"\7" + data[13:], "7 heads and 4 of keys"),
        (lambda data: data[:20] + b"\xff\xff\xff\x7f" + data[24:], "its header says needs"),
    ],
)
def test_another_file_is_refused_in_a_sentence(tmp_path, change, said):
    spec = importlib.util.spec_from_file_location("tiny_llama", EXAMPLE)
    example = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(example)
    (tmp_path / "other.bin").write_bytes(change(STORIES.read_bytes()))
    with pytest.raises(SystemExit, match=said):
        example.read(tmp_path / "other.bin")
