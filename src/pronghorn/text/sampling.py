"""Which token comes next, by its scores: the best one, or a draw from the likelier ones."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import numpy as np


class Sampler:
    """Chooses tokens by scores.

    Args:
        temperature: what scores are divided by before shares are made of them; 0 takes the best one.
        top_k: how many of the best tokens are drawn from; None for all.
        top_p: the share that the tokens drawn from have together, at least; the best ones are taken. None for all.
        seed: of the draws, an integer from 0 up; None for draws that differ each time.

    Raises:
        ValueError: for numbers that make no sense.

    >>> Sampler().choose(np.array([[0.5, 2.0, 1.0]], "float32"))
    array([1])
    """

    def __init__(
        self,
        temperature: float = 0.0,
        top_k: int | None = None,
        top_p: float | None = None,
        seed: int | None = None,
    ) -> None:
        if not _is_number(temperature) or not 0 <= temperature < math.inf:
            raise ValueError(f"generate: temperature is a number from 0 up, where 0 is no chance, not {temperature!r}.")
        if top_k is not None and not (is_integer(top_k) and top_k >= 1):
            raise ValueError(f"generate: top_k is a number of tokens from 1 up, or None for all, not {top_k!r}.")
        if top_p is not None and not (_is_number(top_p) and 0 < top_p <= 1):
            raise ValueError(f"generate: top_p is a share above 0 and up to 1, or None for all, not {top_p!r}.")
        if seed is not None and not (is_integer(seed) and seed >= 0):
            raise ValueError(
                f"generate: seed is an integer from 0 up, or None for other draws each time, not {seed!r}."
            )
        self._temperature, self._top_k, self._top_p, self._seed = temperature, top_k, top_p, seed
        self._generators: dict[int, np.random.Generator] = {}

    def choose(self, scores: np.ndarray, rows: Sequence[int] | None = None) -> np.ndarray:
        """Return a token for each row of scores, (rows, vocabulary).

        Args:
            scores: the scores.
            rows: which texts they are of: each has draws of its own. The first ones if None.

        Raises:
            FloatingPointError: where scores are no numbers, or one is infinite.
        """
        if np.isnan(scores).any() or np.isposinf(scores).any():
            raise FloatingPointError(
                "generate: the model gives scores that are NaN or infinite, so its weights are damaged, or too large "
                "for their type; load it with dtype='float32'."
            )
        if not self._temperature:
            return scores.argmax(axis=-1)
        rows = range(len(scores)) if rows is None else rows
        return np.array([self._draw(one, self._generator(row)) for one, row in zip(scores, rows, strict=True)], "int64")

    def _generator(self, row: int) -> np.random.Generator:
        """What draws for a text: by the seed and the text's place, whatever else is written beside it."""
        if row not in self._generators:
            seed = self._seed if self._seed is None or row == 0 else [self._seed, row]
            self._generators[row] = np.random.default_rng(seed)
        return self._generators[row]

    def _draw(self, scores: np.ndarray, generator: np.random.Generator) -> int:
        kept = np.arange(scores.size)
        if self._top_k is not None and self._top_k < scores.size:
            kept = np.argpartition(-scores, self._top_k - 1)[: self._top_k]
            kept.sort()
        found = scores[kept].astype("float64")
        shares = np.exp((found - found.max()) / self._temperature)
        shares /= shares.sum()
        if self._top_p is not None:
            order = np.argsort(-shares, kind="stable")
            # the first ones whose sum reaches the share
            few = order[: int(np.searchsorted(np.cumsum(shares[order]), self._top_p)) + 1]
            kept, shares = kept[few], shares[few] / shares[few].sum()
        return int(kept[generator.choice(kept.size, p=shares)])


def is_integer(value: Any) -> bool:
    """Whether a value is an integer, and no truth value."""
    return isinstance(value, int | np.integer) and not isinstance(value, bool)


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float | np.integer | np.floating) and not isinstance(value, bool)
