"""The libraries `tokenizers` and `sentencepiece`, where a tokenizer needs them."""

from __future__ import annotations

from typing import Any

from pronghorn.text.extra import importing
from pronghorn.text.tokenizers import Tokenizer


def tokenizers_library(path: Any) -> Any:
    """Return the library `tokenizers`, which a file needs.

    Raises:
        ImportError: if it is not installed.
    """
    with importing("tokenizers", f"{path} needs"):
        import tokenizers
        import tokenizers.decoders
        import tokenizers.models
        import tokenizers.normalizers
        import tokenizers.pre_tokenizers
    return tokenizers


def sentencepiece_library(path: Any) -> Any:
    """Return the library `sentencepiece`, which a file needs.

    Raises:
        ImportError: if it is not installed.
    """
    with importing("sentencepiece", f"{path} needs"):
        import sentencepiece
    return sentencepiece


def wrapped(found: Any, begin: tuple[int, ...] = ()) -> Tokenizer:
    """Return a tokenizer of the library `tokenizers` as ours.

    Args:
        found: the library's.
        begin: tokens before every text, beside those that the library adds.
    """
    found.no_truncation()
    found.no_padding()
    return Tokenizer(found.get_vocab_size(), lambda text: [*begin, *found.encode(text).ids], found.decode)
