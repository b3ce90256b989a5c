"""From text to tokens and back, and the text of tokens that come one by one."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any


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
