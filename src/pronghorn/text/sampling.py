"""Which token comes next, by its scores: the best one, or a draw from the likelier ones."""

from __future__ import annotations

import numpy as np


class Sampler:
    """Chooses tokens by scores.

    Args:
        temperature: what scores are divided by before shares are made of them; 0 takes the best one.
        top_k: how many of the best tokens are drawn from; None for all.
        top_p: the share that the tokens drawn from have together, at least; the best ones are taken. None for all.
        seed: of the draws; None for draws that differ each time.

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
        if not (np.isfinite(temperature) and temperature >= 0):
            raise ValueError(f"generate: temperature is a number from 0 up, where 0 is no chance, not {temperature!r}.")
        if top_k is not None and top_k < 1:
            raise ValueError(f"generate: top_k is a number of tokens from 1 up, or None for all, not {top_k!r}.")
        if top_p is not None and not 0 < top_p <= 1:
            raise ValueError(f"generate: top_p is a share above 0 and up to 1, or None for all, not {top_p!r}.")
        self._temperature, self._top_k, self._top_p = temperature, top_k, top_p
        self._rng = np.random.default_rng(seed)

    def choose(self, scores: np.ndarray) -> np.ndarray:
        """Return a token for each row of scores, (rows, vocabulary).

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
        return np.array([self._draw(row) for row in scores])

    def _draw(self, scores: np.ndarray) -> int:
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
        return int(kept[self._rng.choice(kept.size, p=shares)])
