"""The loop that writes: a prompt through the model in parts, then token by token, for one text or several together."""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np

from pronghorn.text.decoder import Decoder
from pronghorn.text.sampling import Sampler
from pronghorn.text.tokenizers import TextStream

# A prompt is taken in parts of so many tokens, and the cache grows by the smaller number: few programs are compiled.
# Products of more rows are faster: 512 tokens of GPT-2 in parts of 256 take two thirds of the time of parts of 64.
_LARGE_PART, _PART = 256, 64


class Clock:
    """When tokens were written, in seconds of a clock that does not stand still."""

    def __init__(self) -> None:
        self.count = 0
        self._steps = self._early = 0  # steps, and the tokens of the first two
        self._second = self._last = 0.0

    def tick(self, count: int) -> None:
        """Note that a step has written so many tokens."""
        self._steps, self.count, self._last = self._steps + 1, self.count + count, time.perf_counter()
        if self._steps == 2:
            self._early, self._second = self.count, self._last

    def speed(self) -> float | None:
        """Tokens a second after the second step, as the first two wait for the compiler; None before the third."""
        return None if self._steps < 3 else (self.count - self._early) / (self._last - self._second)


class Writing(Iterator[list[int | None]]):
    """Tokens as they are chosen: in each step one for each text, or None for a text that has ended.

    Texts end together in the cache, where they begin at places of their own, so that a step is one for all.

    Args:
        model: the model.
        prompts: their tokens.
        most: the largest number of tokens to write for each.
        sampler: what chooses.
        clock: what counts.
    """

    def __init__(self, model: Decoder, prompts: Sequence[list[int]], most: int, sampler: Sampler, clock: Clock) -> None:
        self._model, self._prompts, self._sampler, self._clock = model, prompts, sampler, clock
        self._longest = max(map(len, prompts))
        self._left = [min(most, model.settings.positions - len(tokens)) for tokens in prompts]
        self._position = self._longest  # of the tokens that come next
        self._next: np.ndarray | None = None  # what the model has not seen yet, (texts, 1); None before the prompts
        self._cache: Sequence[Any] = ()
        self.has_ended = [False] * len(prompts)

    def end(self, row: int) -> None:
        """Write no more of a text."""
        self.has_ended[row] = True

    def __next__(self) -> list[int | None]:
        if all(self.has_ended):
            raise StopIteration
        is_first = self._next is None
        scores = self._start() if is_first else self._run(self._next, self._position, 0)
        rows = [row for row, has_ended in enumerate(self.has_ended) if not has_ended]
        found: list[int | None] = [None] * len(self._prompts)
        following = np.zeros((len(found), 1), "int32")
        for row, token in zip(rows, self._sampler.choose(scores[rows], rows).tolist(), strict=True):
            if token in self._model.end_tokens:
                self.end(row)
                continue
            found[row] = following[row, 0] = token
            self._left[row] -= 1
            if not self._left[row]:
                self.end(row)
        count = len(found) - found.count(None)
        if not count:
            raise StopIteration
        self._next, self._position = following, self._position if is_first else self._position + 1
        self._clock.tick(count)
        return found

    def _start(self) -> np.ndarray:
        """Take the prompts, and return the scores of what follows them."""
        count, longest = len(self._prompts), self._longest
        length = _up(longest)
        # A part of another length would be another program. What is behind the end is written over later.
        filled = np.zeros((count, length), "int32")
        for row, tokens in enumerate(self._prompts):
            filled[row, longest - len(tokens) : longest] = tokens
        starts = np.array([longest - len(tokens) for tokens in self._prompts], "int32")
        self._cache = self._model.make_cache(count, _up(longest + max(self._left)), starts)
        # Where rotations go by the length of the text, all of a prompt is turned by its whole length.
        growths = [rotation.growth for rotation in self._model.rotations if rotation.growth is not None]
        parts = [length] if any(longest > original for _, original, _ in growths) else _parts(length)
        start = 0
        for part in parts:
            scores = self._run(filled[:, start : start + part], start, min(part, longest - start) - 1)
            start += part
        return scores

    def _run(self, tokens: Any, position: int, last: int) -> np.ndarray:
        scores, *self._cache = self._model.compiled_step(tokens, np.int32(position), np.int32(last), *self._cache)
        return np.asarray(scores)


def _parts(length: int) -> list[int]:
    """How many tokens are taken at a time.

    >>> _parts(640)
    [256, 256, 64, 64]
    """
    large, rest = divmod(length, _LARGE_PART)
    return [_LARGE_PART] * large + [_PART] * (rest // _PART)


def _up(count: int) -> int:
    return -(-count // _PART) * _PART


class TextWriter:
    """The text of tokens as they come, up to a text to stop at. What may be the beginning of one is held back.

    Args:
        stream: the text of tokens.
        stops: texts to stop at.
    """

    def __init__(self, stream: TextStream, stops: Sequence[str]) -> None:
        self._stream, self._stops, self._held = stream, stops, ""
        self.has_ended = False

    def add(self, token: int) -> str:
        """Return what a token adds to the text."""
        return self._checked(self._stream.add(token))

    def rest(self) -> str:
        """Return what was held back, at the end."""
        if self.has_ended:
            return ""
        text = self._checked(self._stream.rest())
        held, self._held, self.has_ended = "" if self.has_ended else self._held, "", True
        return text + held

    def _checked(self, piece: str) -> str:
        if not self._stops:
            return piece
        held = self._held + piece
        ends = [at for stop in self._stops if (at := held.find(stop)) >= 0]
        if ends:
            self.has_ended = True
            return held[: min(ends)]
        keep = max(_overlap(held, stop) for stop in self._stops)
        self._held = held[len(held) - keep :]
        return held[: len(held) - keep]


def _overlap(text: str, stop: str) -> int:
    """How many characters at the end of a text begin another."""
    return next((n for n in range(min(len(text), len(stop) - 1), 0, -1) if text.endswith(stop[:n])), 0)


def texts(writing: Writing, writers: Sequence[TextWriter]) -> Iterator[list[str]]:
    """Yield what each step adds to texts, where it is something."""
    for tokens in writing:
        pieces = [
            "" if token is None or writer.has_ended else writer.add(token)
            for token, writer in zip(tokens, writers, strict=True)
        ]
        for row, writer in enumerate(writers):
            if writer.has_ended:
                writing.end(row)
            elif writing.has_ended[row]:
                pieces[row] += writer.rest()
        if any(pieces):
            yield pieces
    pieces = [writer.rest() for writer in writers]
    if any(pieces):
        yield pieces
