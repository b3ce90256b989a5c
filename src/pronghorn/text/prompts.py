"""What is asked of a model: one prompt or several, text or tokens, and how to go on. It is checked before any work."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import numpy as np

from pronghorn.text.sampling import Sampler, is_integer
from pronghorn.text.settings import DecoderSettings
from pronghorn.text.tokenizers import Tokenizer


class Prompts(NamedTuple):
    """Prompts of one kind.

    Args:
        rows: texts, or what tokens were given as.
        is_batch: whether several were asked for, though there may be one.
        is_text: whether they are texts.
    """

    rows: list[Any]
    is_batch: bool
    is_text: bool

    def name(self, row: int) -> str:
        """What messages call a prompt."""
        return f"prompt[{row}]" if self.is_batch else "the prompt"


def prompts_of(prompt: Any) -> Prompts:
    """Return one prompt, or several, by what was given.

    Raises:
        TypeError: for what is neither.
        ValueError: where there is none, or texts and tokens are together.
    """
    if isinstance(prompt, str):
        return Prompts([prompt], False, True)
    if isinstance(prompt, bytes | bytearray):
        raise TypeError("generate: a prompt is a text or a list of integers, not bytes; for a text, decode() them.")
    try:
        rows = list(prompt)
    except TypeError:
        raise TypeError(f"generate: a prompt is a text or a list of integers, not {prompt!r}.") from None
    if not rows:
        raise ValueError(_empty("the prompt"))
    texts = [isinstance(row, str) for row in rows]
    if all(texts):
        return Prompts(rows, True, True)
    lists = [not is_text and _is_list(row) for is_text, row in zip(texts, rows, strict=True)]
    if any(texts) or (any(lists) and not all(lists)):
        raise ValueError(
            "generate: several prompts are all texts, or all lists of integers; here some are of another kind."
        )
    return Prompts(rows if all(lists) else [prompt], all(lists), False)


class Request(NamedTuple):
    """What is asked for.

    Args:
        tokens: those of each prompt.
        is_batch: whether several prompts were given.
        most: the largest number of tokens to write for each.
        sampler: what chooses them.
        stops: texts to stop at.
        tokenizer: that of texts; None for tokens.
    """

    tokens: list[list[int]]
    is_batch: bool
    most: int
    sampler: Sampler
    stops: Sequence[str]
    tokenizer: Tokenizer | None


def check_request(
    settings: DecoderSettings,
    prompt: Any,
    tokenizer: Callable[[], Tokenizer],
    max_tokens: int,
    temperature: float,
    top_k: int | None,
    top_p: float | None,
    seed: int | None,
    stop: Any,
) -> Request:
    """Return what is asked for, which a model of these settings can do.

    Args:
        settings: of the model.
        tokenizer: gives that of texts.
        prompt, max_tokens, temperature, top_k, top_p, seed, stop: those of `generate`.

    Raises:
        TypeError: for a prompt that is none.
        ValueError: for what makes no sense.
    """
    sampler = Sampler(temperature, top_k, top_p, seed)
    if top_k is not None and top_k > settings.vocabulary:
        raise ValueError(
            f"generate: top_k is {top_k}, but there are {settings.vocabulary} tokens; leave it out to draw from all."
        )
    if not is_integer(max_tokens) or max_tokens < 1:
        raise ValueError(f"generate: max_tokens is a number of tokens from 1 up, not {max_tokens!r}.")
    prompts = prompts_of(prompt)
    stops = check_stops(stop, prompts)
    rows, used = prompts.rows, None
    for i, row in enumerate(rows):
        if prompts.is_text:
            check_text(row, prompts.name(i))
    if prompts.is_text:
        used = tokenizer()
        rows = [used.encode(text) for text in rows]
    tokens = [check_prompt(settings, row, prompts.name(i)) for i, row in enumerate(rows)]
    return Request(tokens, prompts.is_batch, max_tokens, sampler, stops, used)


def check_text(text: str, name: str) -> None:
    """Raise unless a text has characters, and no halves of them.

    Raises:
        ValueError: with what is wrong.
    """
    if not text:
        raise ValueError(_empty(name))
    try:
        text.encode("utf-8")
    except UnicodeEncodeError as error:
        raise ValueError(
            f"generate: {name} has {text[error.start]!r} in place {error.start}, which is no character: what it was "
            "read from is not in UTF-8; convert it."
        ) from None


def check_prompt(settings: DecoderSettings, tokens: Any, name: str) -> list[int]:
    """Return the tokens of a prompt, which fit the model.

    Args:
        settings: of the model.
        tokens: a sequence of integers.
        name: what messages call it.

    Raises:
        ValueError: for a prompt that is empty, too long, or has tokens that the model does not know.
    """
    try:
        found = np.asarray(tokens)
    except ValueError:  # lists of several lengths
        found = np.asarray(tokens, object)
    if found.size == 0:
        raise ValueError(_empty(name))
    if found.ndim != 1 or found.dtype.kind not in "iu":
        raise ValueError(
            f"generate: {name} is to be a text or a list of integers, not {found.dtype.name} of shape {found.shape}."
        )
    unknown = found[(found < 0) | (found >= settings.vocabulary)]
    if unknown.size:
        raise ValueError(
            f"generate: {name} has the token {unknown[0]}, but the model knows those from 0 to "
            f"{settings.vocabulary - 1}: the tokenizer is that of another model, or the number is wrong."
        )
    if found.size >= settings.positions:
        raise ValueError(
            f"generate: {name} has {found.size} tokens, and the model has {settings.positions} positions, of which "
            f"one at least is to be written; shorten the prompt by {found.size - settings.positions + 1} or more."
        )
    return [int(token) for token in found]


def check_stops(stop: Any, prompts: Prompts) -> Sequence[str]:
    """Return texts to stop at.

    Raises:
        ValueError: for an empty one, or for a prompt of tokens.
    """
    if stop is None:
        return ()
    stops = (stop,) if isinstance(stop, str) else stop
    if not isinstance(stops, list | tuple) or not all(isinstance(one, str) for one in stops):
        raise ValueError(f"generate: stop is a text, or several, not {stop!r}.")
    if stops and not prompts.is_text:
        raise ValueError("generate: stop is a text, so the prompt has to be one, too; it is a list of tokens.")
    if "" in stops:
        raise ValueError("generate: a text to stop at is empty, so nothing would be written; leave it out.")
    return stops


def _empty(name: str) -> str:
    return f"generate: {name} is empty; give at least a word, or the token that begins a text."


def _is_list(row: Any) -> bool:
    return row.ndim > 0 if hasattr(row, "ndim") else hasattr(row, "__len__")
