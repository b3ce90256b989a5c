"""Writing with a language model, token by token."""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np

from pronghorn.engine.graph.messages import short_messages
from pronghorn.text.decoder import Decoder
from pronghorn.text.sampling import Sampler
from pronghorn.text.tokenizer_files import load_tokenizer
from pronghorn.text.tokenizers import TextStream, Tokenizer

# A prompt is taken in parts of this many tokens, and the cache grows by it, so that few programs are compiled.
_PART = 64


@short_messages
def generate(
    model: Decoder,
    prompt: str | Sequence[int],
    stream: bool = False,
    max_tokens: int = 128,
    temperature: float = 0.0,
    top_k: int | None = None,
    top_p: float | None = None,
    seed: int | None = None,
    stop: str | Sequence[str] | None = None,
    tokenizer: Tokenizer | None = None,
) -> Any:
    """Return what a language model writes after a prompt.

    The model's step is compiled once. Writing ends after ``max_tokens``, with a token by which the model ends a text,
    or before a text of ``stop``.

    Args:
        model: a `Decoder`, such as `load` gives.
        prompt: text; or tokens, a sequence of integers, and then the result is tokens, too.
        stream: whether to return an iterator of pieces as they are written, instead of all at the end.
        max_tokens: the largest number of tokens to write. It ends earlier where the model has no more positions.
        temperature: 0 takes the likeliest token each time; 1 draws tokens by their shares; more is more even.
        top_k: how many of the likeliest tokens are drawn from; None for all.
        top_p: the share that the tokens drawn from have together; None for all.
        seed: of the draws: the same one gives the same text. None for another text each time.
        stop: a text, or several, that ends the writing and is no part of the result.
        tokenizer: that of the text; the one of the model's folder if None.

    Returns:
        A text, or a list of tokens; with ``stream``, a `Stream` of pieces of text, or of tokens.

    Raises:
        ValueError: for a prompt that is empty, too long or has tokens that the model does not know, and for numbers
            that make no sense; before anything is computed.
        FileNotFoundError: for a text where the model has no tokenizer.
        ImportError: if the tokenizer's library is not installed.

    >>> model = Decoder(dict(vocabulary=50, width=16, hidden=32, blocks=1, heads=4, groups=2, head_size=4,
    ...     positions=64, rotary_size=4), initializer="zeros")
    >>> generate(model, [3, 1, 4], max_tokens=2)  # all tokens are alike, and the first of them is taken
    [0, 0]
    """
    sampler = Sampler(temperature, top_k, top_p, seed)
    if max_tokens < 1:
        raise ValueError(f"generate: max_tokens is a number of tokens from 1 up, not {max_tokens!r}.")
    if not isinstance(prompt, str):
        if stop is not None:
            raise ValueError("generate: stop is a text, so the prompt has to be one, too; it is a list of tokens.")
        tokens, clock = _tokens(model, prompt), _Clock()
        written = _written(model, tokens, max_tokens, sampler, clock)
        return Stream(written, clock) if stream else list(written)
    stops = [stop] if isinstance(stop, str) else list(stop or ())
    if "" in stops:
        raise ValueError("generate: a text to stop at is empty, so nothing would be written; leave it out.")
    tokenizer = tokenizer or _own_tokenizer(model)
    tokens, clock = _tokens(model, tokenizer.encode(prompt)), _Clock()
    pieces = _texts(_written(model, tokens, max_tokens, sampler, clock), TextStream(tokenizer, tokens))
    pieces = _until(pieces, stops) if stops else pieces
    return Stream(pieces, clock) if stream else "".join(pieces)


class _Clock:
    """When tokens were written, in seconds of a clock that does not stand still."""

    def __init__(self) -> None:
        self.count = 0
        self.second = self.last = 0.0  # when the second token was there, and when the last one

    def tick(self) -> None:
        self.count, self.last = self.count + 1, time.perf_counter()
        if self.count == 2:
            self.second = self.last


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

    def __init__(self, pieces: Iterator[Any], clock: _Clock) -> None:
        self._pieces, self._clock = pieces, clock

    def __next__(self) -> Any:
        return next(self._pieces)

    @property
    def count(self) -> int:
        """How many tokens were written so far."""
        return self._clock.count

    @property
    def tokens_per_second(self) -> float | None:
        """How fast tokens come after the second one, as the first two wait for the compiler; None before the third."""
        clock = self._clock
        return None if clock.count < 3 else (clock.count - 2) / (clock.last - clock.second)


def _own_tokenizer(model: Decoder) -> Tokenizer:
    if model.tokenizer is None:
        if model.folder is None:
            raise FileNotFoundError(
                "generate: this model was not loaded from a folder, so it has no tokenizer: pass tokenizer=, or tokens "
                "as the prompt."
            )
        model.tokenizer = load_tokenizer(model.folder)
    return model.tokenizer


def _tokens(model: Decoder, prompt: Any) -> list[int]:
    """The prompt's tokens, which fit the model."""
    found = np.asarray(prompt)
    if found.size == 0:
        raise ValueError("generate: the prompt is empty; give at least a word, or the token that begins a text.")
    if found.ndim != 1 or found.dtype.kind not in "iu":
        raise ValueError(
            f"generate: a prompt is a text or a list of integers, not {found.dtype.name} of shape {found.shape}."
        )
    settings = model.settings
    unknown = found[(found < 0) | (found >= settings.vocabulary)]
    if unknown.size:
        raise ValueError(
            f"generate: the prompt has the token {unknown[0]}, but the model knows those from 0 to "
            f"{settings.vocabulary - 1}: the tokenizer is that of another model, or the number is wrong."
        )
    if found.size >= settings.positions:
        raise ValueError(
            f"generate: the prompt has {found.size} tokens, and the model has {settings.positions} positions, of which "
            f"one at least is to be written; shorten the prompt by {found.size - settings.positions + 1} or more."
        )
    return [int(token) for token in found]


def _written(model: Decoder, tokens: list[int], max_tokens: int, sampler: Sampler, clock: _Clock) -> Iterator[int]:
    """Tokens as they are chosen."""
    count = min(max_tokens, model.settings.positions - len(tokens))
    length = -(-(len(tokens) + count) // _PART) * _PART
    cache: Sequence[Any] = model.make_cache(1, length)
    step = model.compiled_step
    for start in range(0, len(tokens), _PART):
        part = tokens[start : start + _PART]
        # A part of another length would be another program. What is behind its end is written over later.
        filled = np.array([part + [0] * (_PART - len(part))], "int32")
        scores, *cache = step(filled, np.int32(start), np.int32(len(part) - 1), *cache)
    for position in range(len(tokens), len(tokens) + count):
        token = int(sampler.choose(np.asarray(scores))[0])
        if token in model.end_tokens:
            return
        clock.tick()
        yield token
        if position + 1 < len(tokens) + count:
            scores, *cache = step(np.array([[token]], "int32"), np.int32(position), np.int32(0), *cache)


def _texts(tokens: Iterator[int], stream: TextStream) -> Iterator[str]:
    """What tokens add to the text, where it is something."""
    for token in tokens:
        if text := stream.add(token):
            yield text
    if text := stream.rest():
        yield text


def _until(pieces: Iterator[str], stops: Sequence[str]) -> Iterator[str]:
    """Pieces up to the first of the texts to stop at; what may be the beginning of one is held back."""
    held = ""
    for piece in pieces:
        held += piece
        ends = [at for stop in stops if (at := held.find(stop)) >= 0]
        if ends:
            if held[: min(ends)]:
                yield held[: min(ends)]
            return
        keep = max(_overlap(held, stop) for stop in stops)
        if len(held) > keep:
            yield held[: len(held) - keep]
            held = held[len(held) - keep :]
    if held:
        yield held


def _overlap(text: str, stop: str) -> int:
    """How many characters at the end of a text begin another."""
    return next((n for n in range(min(len(text), len(stop) - 1), 0, -1) if text.endswith(stop[:n])), 0)
