"""Tokenizers out of a model's files, by the libraries that made them."""

from __future__ import annotations

import os
from pathlib import Path

from pronghorn.engine.graph.messages import short_messages
from pronghorn.saving.fetched_files import mend
from pronghorn.text.folders import check_folder, path_of, read_json
from pronghorn.text.gguf_files import is_gguf
from pronghorn.text.gguf_tokenizers import gguf_tokenizer
from pronghorn.text.tokenizer_libraries import sentencepiece_library, tokenizers_library, wrapped
from pronghorn.text.tokenizers import Tokenizer


@short_messages
def load_tokenizer(folder: str | os.PathLike[str]) -> Tokenizer:
    """Return the tokenizer of a model's folder or GGUF file.

    In a folder it is `tokenizer.json`, or the vocabulary and merges of a byte-pair tokenizer (`vocab.json` and
    `merges.txt`), by the library `tokenizers`; or a `tokenizer.model`, by `sentencepiece`. In a GGUF file it is in the
    header: byte pairs or SentencePiece, by the same libraries.

    Raises:
        FileNotFoundError: if there is none of these files, or no tokenizer in the GGUF file.
        ImportError: without the library for it.
        ValueError: for a damaged file.

    >>> import tempfile, tokenizers
    >>> words = tokenizers.Tokenizer(tokenizers.models.WordLevel({"?": 0, "a": 1, "word": 2}, unk_token="?"))
    >>> words.pre_tokenizer = tokenizers.pre_tokenizers.Whitespace()
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     words.save(f"{folder}/tokenizer.json")
    ...     load_tokenizer(folder).encode("a good word")
    [1, 0, 2]
    """
    folder = path_of(folder)
    if is_gguf(folder):
        return gguf_tokenizer(folder)
    check_folder(folder)
    for opened in (_from_json, _from_sentencepiece, _from_merges):
        found = opened(folder)
        if found is not None:
            return found
    raise FileNotFoundError(
        f"{os.fspath(folder)!r} has none of a tokenizer's files: tokenizer.json, tokenizer.model, or vocab.json with "
        "merges.txt. Fetch them, too; without them, pronghorn.text.generate takes tokens as the prompt, or a tokenizer."
    )


def _from_json(folder: Path) -> Tokenizer | None:
    path = folder / "tokenizer.json"
    if not path.is_file():
        return None
    library = tokenizers_library(path)
    try:
        return wrapped(library.Tokenizer.from_file(os.fspath(path)))
    except Exception as error:  # the library raises nothing more special
        raise ValueError(f"{path} is no tokenizer's file, or it is damaged ({error}); {mend(path)}.") from None


def _from_merges(folder: Path) -> Tokenizer | None:
    """A byte-pair tokenizer in the form of GPT-2's first files."""
    paths = folder / "vocab.json", folder / "merges.txt"
    if not all(path.is_file() for path in paths):
        return None
    library = tokenizers_library(paths[0])
    try:
        found = library.Tokenizer(library.models.BPE.from_file(*map(os.fspath, paths)))
    except Exception as error:
        raise ValueError(
            f"{paths[0]} and {paths[1]} are no tokenizer's files, or damaged ({error}); fetch both again."
        ) from None
    found.pre_tokenizer = library.pre_tokenizers.ByteLevel(add_prefix_space=False)
    found.decoder = library.decoders.ByteLevel()
    return wrapped(found)


def _from_sentencepiece(folder: Path) -> Tokenizer | None:
    path = folder / "tokenizer.model"
    if not path.is_file():
        return None
    sentencepiece = sentencepiece_library(path)
    try:
        found = sentencepiece.SentencePieceProcessor(model_file=os.fspath(path))
    except (RuntimeError, OSError) as error:
        raise ValueError(f"{path} is no model of SentencePiece, or it is damaged ({error}); {mend(path)}.") from None
    path = folder / "tokenizer_config.json"
    begins = not path.is_file() or read_json(path).get("add_bos_token", True)
    return Tokenizer(
        found.get_piece_size(),
        lambda text: found.encode(text, add_bos=bool(begins) and found.bos_id() >= 0),
        found.decode,
    )
