"""Learning a vocabulary: how often tokens occur, and in how many documents."""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Iterable
from typing import Any

import numpy as np


class TokenCounts:
    """Counts of tokens in a stream of documents."""

    def __init__(self) -> None:
        self.tokens: Counter[Any] = Counter()
        self.documents: Counter[Any] = Counter()
        self.document_count = 0

    def add(self, documents: Iterable[Iterable[Any]]) -> None:
        """Count the tokens of some documents."""
        for document in documents:
            counts = Counter(document)
            self.tokens.update(counts)
            self.documents.update(counts.keys())
            self.document_count += 1

    def most_common(self, limit: int | None, excluded: set[Any]) -> list[Any]:
        """The most frequent tokens, of equally frequent ones those first that sort last."""
        ordered = sorted(((n, token) for token, n in self.tokens.items() if token not in excluded), reverse=True)
        return [token for _, token in ordered[:limit]]

    def inverse_document_frequencies(self, tokens: list[Any]) -> np.ndarray:
        """``log(1 + documents / (1 + documents with the token))`` of each token, ``float32``."""
        having = np.array([self.documents[token] for token in tokens], "float64")
        return np.log(1.0 + self.document_count / (1.0 + having)).astype("float32")


def read_vocabulary(path: str | os.PathLike[str], encoding: str = "utf-8") -> list[str]:
    """The lines of a vocabulary file.

    Raises:
        ValueError: if there is no such file.
    """
    if not os.path.isfile(path):
        raise ValueError(
            f"Vocabulary file {os.fspath(path)} does not exist. Pass a list of tokens, or the path of a file "
            "with one token a line."
        )
    with open(path, encoding=encoding, newline="\n") as file:
        lines = file.read().split("\n")
    return lines[:-1] if lines[-1] == "" else lines


def write_vocabulary(path: str | os.PathLike[str], tokens: list[Any], layer: str) -> None:
    """Write a vocabulary file, one token a line.

    Raises:
        ValueError: if a token has a line break in it.
    """
    for token in tokens:
        if isinstance(token, str) and "\n" in token:
            raise ValueError(
                f"Layer {layer!r} cannot be saved: its vocabulary is saved with one token a line, but the token "
                f"{token!r} "
                "has a line break in it. Standardize the text so that line breaks are gone."
            )
    text = "\n".join(str(token) for token in tokens)
    if tokens and tokens[-1] == "":
        text += "\n"  # else the empty last line would be taken for the end of the one before it
    with open(path, "w", encoding="utf-8", newline="\n") as file:
        file.write(text)


def refuse_path(config: dict[str, Any], cls: type) -> None:
    """Refuse a configuration whose vocabulary is the name of a file: a saved model must not choose what is read.

    Raises:
        ValueError: if it is.
    """
    if isinstance(config.get("vocabulary"), (str, bytes, os.PathLike)):
        raise ValueError(
            f"{cls.__name__}: the configuration names a vocabulary file, {config['vocabulary']!r}. A saved layer may "
            "not read files of its choice; make the layer yourself with this path, or put the tokens themselves into "
            "the configuration."
        )
