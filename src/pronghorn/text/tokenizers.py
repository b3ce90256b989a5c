"""Tokenizers of model folders, by the libraries that made them."""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from pronghorn.engine.graph.messages import short_messages
from pronghorn.text.folders import read_json

_INSTALL = "to install it: pip install 'pronghorn[text]'"


class Tokenizer:
    """Turns text into the numbers of tokens, and back.

    Args:
        size: how many tokens there are.
        encode: from text to numbers, with the ones that begin a text.
        decode: from numbers to text, without special tokens.

    >>> letters = Tokenizer(26, lambda text: [ord(c) - 97 for c in text], lambda ts: "".join(chr(t + 97) for t in ts))
    >>> letters.encode("deer"), letters.decode([3, 4, 4, 17])
    ([3, 4, 4, 17], 'deer')
    """

    def __init__(self, size: int, encode: Any, decode: Any) -> None:
        self.size, self._encode, self._decode = size, encode, decode

    def encode(self, text: str) -> list[int]:
        """Return the tokens of a text, with those that begin a text for this model."""
        return [int(token) for token in self._encode(text)]

    def decode(self, tokens: Sequence[int]) -> str:
        """Return the text of tokens; bytes that are no UTF-8 become U+FFFD."""
        return self._decode([int(token) for token in tokens])


@short_messages
def load_tokenizer(folder: str | os.PathLike[str]) -> Tokenizer:
    """Return the tokenizer of a model's folder.

    It is `tokenizer.json`, or the vocabulary and merges of a byte-pair tokenizer (`vocab.json` and `merges.txt`), by
    the library `tokenizers`; or a `tokenizer.model`, by `sentencepiece`.

    Raises:
        FileNotFoundError: if there is none of these files.
        ImportError: without the library for it.
        ValueError: for a damaged file.
    """
    folder = Path(folder)
    for opened in (_from_json, _from_sentencepiece, _from_merges):
        found = opened(folder)
        if found is not None:
            return found
    raise FileNotFoundError(
        f"{os.fspath(folder)!r} has none of a tokenizer's files: tokenizer.json, tokenizer.model, or vocab.json with "
        "merges.txt. Without one, a prompt is a list of tokens."
    )


def _from_json(folder: Path) -> Tokenizer | None:
    path = folder / "tokenizer.json"
    if not path.is_file():
        return None
    library = _tokenizers(path)
    try:
        return _wrapped(library.Tokenizer.from_file(os.fspath(path)))
    except Exception as error:  # the library raises nothing more special
        raise ValueError(f"{path} is no tokenizer's file, or it is damaged ({error}).") from None


def _from_merges(folder: Path) -> Tokenizer | None:
    """A byte-pair tokenizer in the form of GPT-2's first files."""
    paths = folder / "vocab.json", folder / "merges.txt"
    if not all(path.is_file() for path in paths):
        return None
    library = _tokenizers(paths[0])
    try:
        found = library.Tokenizer(library.models.BPE.from_file(*map(os.fspath, paths)))
    except Exception as error:
        raise ValueError(f"{paths[0]} and {paths[1]} are no tokenizer's files, or damaged ({error}).") from None
    found.pre_tokenizer = library.pre_tokenizers.ByteLevel(add_prefix_space=False)
    found.decoder = library.decoders.ByteLevel()
    return _wrapped(found)


def _wrapped(found: Any) -> Tokenizer:
    found.no_truncation()
    found.no_padding()
    return Tokenizer(found.get_vocab_size(), lambda text: found.encode(text).ids, found.decode)


def _from_sentencepiece(folder: Path) -> Tokenizer | None:
    path = folder / "tokenizer.model"
    if not path.is_file():
        return None
    try:
        import sentencepiece
    except ImportError:
        raise ImportError(f"{path} needs the library sentencepiece; {_INSTALL}") from None
    try:
        found = sentencepiece.SentencePieceProcessor(model_file=os.fspath(path))
    except (RuntimeError, OSError) as error:
        raise ValueError(f"{path} is no model of SentencePiece, or it is damaged ({error}).") from None
    path = folder / "tokenizer_config.json"
    begins = not path.is_file() or read_json(path).get("add_bos_token", True)
    return Tokenizer(
        found.get_piece_size(),
        lambda text: found.encode(text, add_bos=bool(begins) and found.bos_id() >= 0),
        found.decode,
    )


def _tokenizers(path: Path) -> Any:
    try:
        import tokenizers
        import tokenizers.decoders
        import tokenizers.models
        import tokenizers.pre_tokenizers
    except ImportError:
        raise ImportError(f"{path} needs the library tokenizers; {_INSTALL}") from None
    return tokenizers


class TextStream:
    """The text of tokens that come one by one: what each adds, held back while its last character is not whole.

    Args:
        tokenizer: a `Tokenizer`.
        tokens: those before, whose text is known; it says whether a space belongs between words.
    """

    def __init__(self, tokenizer: Tokenizer, tokens: Sequence[int] = ()) -> None:
        self._decode = tokenizer.decode
        self._tokens = list(tokens[-8:])  # the text of a token depends on few before it
        self._begin, self._done = 0, len(self._tokens)

    def add(self, token: int) -> str:
        """Return what a token adds to the text."""
        self._tokens.append(token)
        return self._new(is_last=False)

    def rest(self) -> str:
        """Return what is held back at the end."""
        return self._new(is_last=True)

    def _new(self, is_last: bool) -> str:
        old = self._decode(self._tokens[self._begin : self._done])
        text = self._decode(self._tokens[self._begin :])
        if text.endswith("\ufffd") and not is_last:
            return ""
        self._begin, self._done = self._done, len(self._tokens)
        return text[len(old) :]
