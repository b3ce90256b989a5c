"""The tokenizer in the header of a GGUF file: byte pairs by `tokenizers`, or SentencePiece by its own library."""

from __future__ import annotations

import re
import struct
from collections.abc import Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from pronghorn._lazy import nearest_clause
from pronghorn.text.gguf_files import read_gguf
from pronghorn.text.tokenizer_libraries import sentencepiece_library, tokenizers_library, wrapped
from pronghorn.text.tokenizers import Tokenizer

# Kinds of tokens, which are SentencePiece's.
_NORMAL, _UNKNOWN, _CONTROL, _USER_DEFINED, _BYTE = 1, 2, 3, 4, 6

# How a text is cut before byte pairs are merged, as regular expressions of the models' own tokenizer files.
_SHORT = r"(?i:'s|'t|'re|'ve|'m|'ll|'d)"
_REST = r" ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+"
_UPPER, _LOWER = r"[\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}]", r"[\p{Ll}\p{Lm}\p{Lo}\p{M}]"
_CASED = rf"[^\r\n\p{{L}}\p{{N}}]?{_UPPER}*{_LOWER}+%s|[^\r\n\p{{L}}\p{{N}}]?{_UPPER}+{_LOWER}*%s|"
_SLASHED = r" ?[^\s\p{L}\p{N}]+[\r\n/]*|\s*[\r\n]+|\s+(?!\S)|\s+"
_GPT2 = r"'s|'t|'re|'ve|'m|'ll|'d| ?\p{L}+| ?\p{N}+| ?[^\s\p{L}\p{N}]+|\s+(?!\S)|\s+"
_LLAMA3 = rf"{_SHORT}|[^\r\n\p{{L}}\p{{N}}]?\p{{L}}+|\p{{N}}{{1,3}}|{_REST}"
_QWEN2 = rf"{_SHORT}|[^\r\n\p{{L}}\p{{N}}]?\p{{L}}+|\p{{N}}|{_REST}"
_GPT4O = _CASED % (f"{_SHORT}?", f"{_SHORT}?") + rf"\p{{N}}{{1,3}}|{_SLASHED}"
_TEKKEN = _CASED % ("", "") + rf"\p{{N}}|{_SLASHED}"


class _Cut(NamedTuple):
    """How a text is cut: by each expression in turn. Some take a whole word as a token before pairs are merged."""

    expressions: tuple[str, ...]
    takes_words: bool = False
    begins: bool = False  # with the token that begins a text, where the file says nothing
    is_composed: bool = False  # Unicode's form C


_CUTS = {
    "gpt-2": _Cut((_GPT2,)),
    "phi-2": _Cut((_GPT2,)),
    "llama-bpe": _Cut((_LLAMA3,), takes_words=True, begins=True),
    "llama3": _Cut((_LLAMA3,), takes_words=True, begins=True),
    "llama-v3": _Cut((_LLAMA3,), takes_words=True, begins=True),
    "dbrx": _Cut((_LLAMA3,)),
    "smaug-bpe": _Cut((_LLAMA3,)),
    "qwen2": _Cut((_QWEN2,), is_composed=True),
    "smollm": _Cut((r"\p{N}", _GPT2)),
    "gpt-4o": _Cut((_GPT4O,)),
    "tekken": _Cut((_TEKKEN,), takes_words=True, begins=True),
}


class _Vocabulary(NamedTuple):
    """What a header says of a tokenizer."""

    path: Path
    fields: dict[str, Any]
    tokens: list[str]
    kinds: list[int]

    def field(self, name: str, default: Any = None) -> Any:
        return self.fields.get(f"tokenizer.ggml.{name}", default)

    def begin(self, by_default: bool) -> tuple[int, ...]:
        """The token that begins a text, if the file wants it."""
        token = self.field("bos_token_id")
        is_there = isinstance(token, int) and 0 <= token < len(self.tokens)
        return (token,) if is_there and self.field("add_bos_token", by_default) else ()


def gguf_tokenizer(path: Path) -> Tokenizer:
    """Return the tokenizer of a GGUF file.

    Raises:
        FileNotFoundError: if the file is not there, or has no tokenizer.
        ImportError: without the library for it.
        ValueError: for a tokenizer of another kind, or a damaged one.
    """
    fields = dict(read_gguf(path).fields)
    kind, tokens = fields.get("tokenizer.ggml.model"), fields.get("tokenizer.ggml.tokens")
    if kind in (None, "none", "no_vocab") or tokens is None:
        raise FileNotFoundError(
            f"{path} has no tokenizer. Without one, pronghorn.text.generate takes tokens as the prompt, or a tokenizer."
        )
    if kind not in ("gpt2", "llama"):
        raise ValueError(
            f"{path} has a tokenizer of the kind {kind!r}, which is not read; known are 'gpt2' (byte pairs) and "
            "'llama' (SentencePiece). Pass tokenizer=, or tokens as the prompt."
        )
    kinds = np.asarray(fields.get("tokenizer.ggml.token_type", [_NORMAL] * len(tokens)))
    if not isinstance(tokens, list) or kinds.shape != (len(tokens),) or not tokens:
        raise ValueError(f"{path} has a damaged tokenizer: {kinds.size} kinds of {len(tokens)} tokens; fetch it again.")
    found = _Vocabulary(path, fields, tokens, kinds.tolist())
    return _byte_pairs(found) if kind == "gpt2" else _sentencepiece(found)


def _byte_pairs(found: _Vocabulary) -> Tokenizer:
    library = tokenizers_library(found.path)
    name = found.field("pre", "gpt-2")
    cut = _CUTS.get(name) if isinstance(name, str) else None
    if cut is None:
        raise ValueError(
            f"{found.path} has a tokenizer that cuts texts in the way {name!r}, which is not known"
            f"{nearest_clause(str(name), _CUTS)}. Pass tokenizer=, or tokens as the prompt."
        )
    merges = found.field("merges")
    pairs = [tuple(pair.split(" ")) for pair in merges] if isinstance(merges, list) else []
    try:
        vocabulary = {token: number for number, token in enumerate(found.tokens)}
        made = library.Tokenizer(library.models.BPE(vocabulary, pairs, ignore_merges=cut.takes_words))
    except Exception as error:  # the library raises nothing more special
        raise ValueError(f"{found.path} has a damaged tokenizer ({error}); fetch it again.") from None
    splits = [library.pre_tokenizers.Split(library.Regex(one), "isolated") for one in cut.expressions]
    whole = library.pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=False)
    made.pre_tokenizer = library.pre_tokenizers.Sequence([*splits, whole])
    made.decoder = library.decoders.ByteLevel()
    if cut.is_composed:
        made.normalizer = library.normalizers.NFC()
    for kind, is_special in ((_CONTROL, True), (_USER_DEFINED, False)):
        names = [token for token, one in zip(found.tokens, found.kinds, strict=True) if one == kind and token]
        added = [library.AddedToken(token, special=is_special, normalized=False) for token in names]
        (made.add_special_tokens if is_special else made.add_tokens)(added)
    return wrapped(made, found.begin(cut.begins))


def _sentencepiece(found: _Vocabulary) -> Tokenizer:
    """A SentencePiece model of byte pairs. Control tokens stand for themselves in a text, as prompts of chats need."""
    library = sentencepiece_library(found.path)
    scores = np.asarray(found.field("scores", [0.0] * len(found.tokens)), "float32")
    if scores.shape != (len(found.tokens),):
        raise ValueError(
            f"{found.path} has a damaged tokenizer: {scores.size} scores of {len(found.tokens)} tokens; fetch it again."
        )
    try:
        made = library.SentencePieceProcessor(model_proto=_model(found, scores.tolist()))
    except (RuntimeError, OSError) as error:
        raise ValueError(f"{found.path} has a damaged tokenizer ({error}); fetch it again.") from None
    controls = {token: i for i, token in enumerate(found.tokens) if found.kinds[i] == _CONTROL and token}
    longest_first = sorted(map(re.escape, controls), key=len, reverse=True)
    parts = re.compile(f"({'|'.join(longest_first)})") if controls else None
    begin = found.begin(True)

    def encode(text: str) -> list[int]:
        pieces = parts.split(text) if parts else [text]
        return [*begin, *(token for one in pieces if one for token in _encoded(one))]

    def _encoded(text: str) -> Sequence[int]:
        return [controls[text]] if text in controls else made.encode(text)

    return Tokenizer(made.get_piece_size(), encode, made.decode)


def _model(found: _Vocabulary, scores: list[float]) -> bytes:
    """The message of `sentencepiece_model.proto` with these pieces, as protocol buffers are written."""
    pieces = b"".join(
        _bytes(1, _bytes(1, token.encode()) + _float(2, score) + _number(3, kind))
        for token, score, kind in zip(found.tokens, scores, found.kinds, strict=True)
    )
    special = [(40, "unknown_token_id"), (41, "bos_token_id"), (42, "eos_token_id"), (43, "padding_token_id")]
    ids = [(field, found.field(name)) for field, name in special]
    ids = [(field, token if isinstance(token, int) and token < len(scores) else None) for field, token in ids]
    names = b"".join(_bytes(field + 5, found.tokens[token].encode()) for field, token in ids if token is not None)
    numbers = b"".join(_number(field, -1 if token is None else token) for field, token in ids)
    has_bytes = int(_BYTE in found.kinds)
    trainer = _number(3, 2) + _number(4, len(scores)) + _number(35, has_bytes) + numbers + names
    spaces = (3, found.field("add_space_prefix", True)), (4, found.field("remove_extra_whitespaces", False)), (5, True)
    normalizer = _bytes(1, b"identity") + b"".join(_number(field, int(bool(value))) for field, value in spaces)
    return pieces + _bytes(2, trainer) + _bytes(3, normalizer)


def _varint(value: int) -> bytes:
    value &= (1 << 64) - 1
    found = bytearray()
    while value > 127:
        found.append(value & 127 | 128)
        value >>= 7
    return bytes([*found, value])


def _number(field: int, value: int) -> bytes:
    return _varint(field << 3) + _varint(value)


def _float(field: int, value: float) -> bytes:
    return _varint(field << 3 | 5) + struct.pack("<f", value)


def _bytes(field: int, value: bytes) -> bytes:
    return _varint(field << 3 | 2) + _varint(len(value)) + value
