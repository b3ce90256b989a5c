"""Tokenizers of GGUF files: the tokens of llama.cpp (tests/programs/gguf_vocabularies.py), and damaged ones."""

import io
import json
import re
import sys
from pathlib import Path

import pytest

from pronghorn import text

sys.path.append(str(Path(__file__).resolve().parents[2] / "programs"))
import gguf_vocabularies

pytest.importorskip("gguf")

FOUND = json.loads(gguf_vocabularies.FILE.read_text("utf-8"))
PAIRS, PIECES = FOUND["byte pairs"], FOUND["sentencepiece"]


@pytest.fixture
def path(tmp_path):
    return tmp_path / "model.gguf"


@pytest.mark.parametrize("name", FOUND["answers"])
def test_the_tokens_of_llama_cpp(path, name):
    if name in gguf_vocabularies.PIECES:
        pytest.importorskip("sentencepiece")
        gguf_vocabularies.write(path, PIECES, "default", **gguf_vocabularies.PIECES[name])
    else:
        pytest.importorskip("tokenizers")
        gguf_vocabularies.write(path, PAIRS, name)
    tokenizer = text.load_tokenizer(path)
    for words, tokens in zip(gguf_vocabularies.TEXTS, FOUND["answers"][name], strict=True):
        assert tokenizer.encode(words) == tokens, words
        if "<" not in words:  # control tokens are no text
            assert tokenizer.decode(tokens) == words


def test_user_defined_pieces_are_those_of_sentencepiece(path):
    sentencepiece = pytest.importorskip("sentencepiece")
    written = io.BytesIO()
    sentencepiece.SentencePieceTrainer.train(
        sentence_iterator=iter(gguf_vocabularies.BOOK.splitlines()),
        model_writer=written,
        vocab_size=400,
        model_type="bpe",
        hard_vocab_limit=False,
        byte_fallback=True,
        normalization_rule_name="identity",
        remove_extra_whitespaces=False,
        user_defined_symbols=["<sep>", "<mask>"],
        minloglevel=2,
    )
    library = sentencepiece.SentencePieceProcessor(model_proto=written.getvalue())
    size = range(library.get_piece_size())
    kinds = {"<unk>": 2, "<s>": 3, "</s>": 3, "<sep>": 4, "<mask>": 4}
    tokens = [library.id_to_piece(i) for i in size]
    vocabulary = {
        "tokens": tokens,
        "kinds": [6 if library.is_byte(i) else kinds.get(token, 1) for i, token in enumerate(tokens)],
        "scores": [library.get_score(i) for i in size],
        "begin": 1,
        "end": 2,
    }
    gguf_vocabularies.write(path, vocabulary, "default", add_bos_token=False)
    found = text.load_tokenizer(path)
    for words in (*gguf_vocabularies.TEXTS, "the<sep>fox <mask> the"):
        if not re.search("<s>", words):
            assert found.encode(words) == library.encode(words)
            assert found.decode(found.encode(words)) == library.decode(library.encode(words))


def changed(vocabulary, **fields):
    return {**vocabulary, **fields}


@pytest.mark.parametrize(
    "vocabulary, cut, said",
    [
        (PAIRS, "gpt2", "cuts texts in the way 'gpt2', which is not known; nearest: gpt-2"),
        (changed(PAIRS, kinds=[1]), "gpt-2", "a damaged tokenizer: 1 kinds of"),
        (changed(PAIRS, merges=["a b c"]), "gpt-2", "a damaged tokenizer"),
        (changed(PAIRS, merges=["nothere there"]), "gpt-2", "a damaged tokenizer"),
        (changed(PIECES, scores=[0.0, 1.0]), None, "a damaged tokenizer: 2 scores of"),
        (changed(PIECES, kinds=[1] * len(PIECES["kinds"])), None, "a damaged tokenizer"),
        (changed(PIECES, tokens=["a"] * len(PIECES["tokens"])), None, "a damaged tokenizer"),
    ],
)
def test_damaged_ones_are_refused(path, vocabulary, cut, said):
    gguf_vocabularies.write(path, vocabulary, cut)
    with pytest.raises(ValueError, match=said) as told:
        text.load_tokenizer(path)
    assert len(str(told.value)) < 600


@pytest.mark.parametrize("vocabulary, library", [(PAIRS, "tokenizers"), (PIECES, "sentencepiece")])
def test_a_missing_library_is_named(path, monkeypatch, vocabulary, library):
    gguf_vocabularies.write(path, vocabulary, "gpt-2")
    monkeypatch.setitem(sys.modules, library, None)
    with pytest.raises(ImportError, match=rf"needs the library {library}; .*pip install .*\[text\]'"):
        text.load_tokenizer(path)
