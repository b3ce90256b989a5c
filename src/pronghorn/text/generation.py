"""Writing with a language model, token by token."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

from pronghorn.engine.graph.messages import short_messages
from pronghorn.text.decoder import Decoder
from pronghorn.text.prompts import check_request
from pronghorn.text.tokenizer_files import load_tokenizer
from pronghorn.text.tokenizers import TextStream, Tokenizer
from pronghorn.text.writing import Clock, TextWriter, Writing, texts


@short_messages
def generate(
    model: Decoder,
    prompt: str | Sequence[int] | Sequence[str] | Sequence[Sequence[int]],
    stream: bool = False,
    max_tokens: int = 128,
    temperature: float = 0.0,
    top_k: int | None = None,
    top_p: float | None = None,
    seed: int | None = None,
    stop: str | Sequence[str] | None = None,
    tokenizer: Tokenizer | None = None,
) -> Any:
    """Return what a language model writes after a prompt, or after each of several.

    The model's step is compiled once. Writing ends after ``max_tokens``, with a token by which the model ends a text,
    or before a text of ``stop``. Several prompts, of any lengths, are written together, each as it would be alone, and
    each to its own end.

    Args:
        model: a `Decoder`, such as `load` gives.
        prompt: text; or tokens, a sequence of integers, and then the result is tokens, too; or a list of such prompts.
        stream: whether to return an iterator of pieces as they are written, instead of all at the end.
        max_tokens: the largest number of tokens to write for a prompt. It ends earlier where the model has no more
            positions.
        temperature: 0 takes the likeliest token each time; 1 draws tokens by their shares; more is more even.
        top_k: how many of the likeliest tokens are drawn from; None for all.
        top_p: the share that the tokens drawn from have together; None for all.
        seed: of the draws: the same one gives the same text. None for another text each time. Of several prompts each
            has draws of its own, by its place in the list, and the first those that it has alone.
        stop: a text, or several, that ends the writing and is no part of the result.
        tokenizer: that of the text; the one of the model's folder or file if None.

    Returns:
        A text, or a list of tokens; a list of such for several prompts. With ``stream``, a `Stream` of pieces of text,
        or of tokens. For several prompts a piece is a list of what a step adds to each: ``""``, or None in place of a
        token, where it adds nothing.

    Raises:
        TypeError: for a prompt that is neither.
        ValueError: for a prompt that is empty, too long or has tokens that the model does not know, and for numbers
            that make no sense; before anything is computed.
        FileNotFoundError: for a text where the model has no tokenizer.
        ImportError: if the tokenizer's library is not installed.

    >>> model = Decoder(dict(vocabulary=50, width=16, hidden=32, blocks=1, heads=4, groups=2, head_size=4,
    ...     positions=64, rotary_size=4), initializer="zeros")
    >>> generate(model, [3, 1, 4], max_tokens=2)  # all tokens are alike, and the first of them is taken
    [0, 0]
    >>> generate(model, [[3, 1, 4], [1]], max_tokens=2)
    [[0, 0], [0, 0]]
    """
    asked = check_request(
        model.settings,
        prompt,
        lambda: tokenizer or _own_tokenizer(model),
        max_tokens,
        temperature,
        top_k,
        top_p,
        seed,
        stop,
    )
    clock, used = Clock(), asked.tokenizer
    writing = Writing(model, asked.tokens, asked.most, asked.sampler, clock)
    pieces: Iterator[list[Any]] = writing
    if used is not None:
        pieces = texts(writing, [TextWriter(TextStream(used, row), asked.stops) for row in asked.tokens])
    if stream:
        return Stream(pieces if asked.is_batch else _first(pieces), clock)
    rows = list(zip(*pieces, strict=True)) or [()] * len(asked.tokens)
    found = ["".join(row) if used is not None else [token for token in row if token is not None] for row in rows]
    return found if asked.is_batch else found[0]


class Stream(Iterator[Any]):
    """Pieces of what is written, as they come, and how fast.

    Args:
        pieces: the iterator.
        clock: what counts tokens.

    >>> model = Decoder(dict(vocabulary=50, width=16, hidden=32, blocks=1, heads=4, groups=2, head_size=4,
    ...     positions=64, rotary_size=4), initializer="zeros")
    >>> stream = generate(model, [3, 1, 4], stream=True, max_tokens=2)
    >>> next(stream), stream.count
    (0, 1)
    """

    def __init__(self, pieces: Iterator[Any], clock: Clock) -> None:
        self._pieces, self._clock = pieces, clock

    def __next__(self) -> Any:
        return next(self._pieces)

    @property
    def count(self) -> int:
        """How many tokens were written so far, of all prompts together."""
        return self._clock.count

    @property
    def tokens_per_second(self) -> float | None:
        """How fast tokens come after the second step, as the first two wait for the compiler; None before the third."""
        return self._clock.speed()


def _first(pieces: Iterator[list[Any]]) -> Iterator[Any]:
    """The pieces of one text alone."""
    for (piece,) in pieces:
        if piece is not None:
            yield piece


def _own_tokenizer(model: Decoder) -> Tokenizer:
    if model.tokenizer is None:
        if model.folder is None:
            raise FileNotFoundError(
                "generate: this model was not loaded from a folder, so it has no tokenizer: pass tokenizer=, or tokens "
                "as the prompt."
            )
        model.tokenizer = load_tokenizer(model.folder)
    return model.tokenizer
