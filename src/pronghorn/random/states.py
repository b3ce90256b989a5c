"""The states of the generators that a program draws from, so that another process can go on from there."""

from __future__ import annotations

import random as python_random
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from pronghorn.random import seed_generator


@dataclass
class Seeds:
    """The states of the generators that any code may draw from.

    Attributes:
        seed: of the generator behind `seed=None`; empty where nothing has needed it yet.
        numpy: of NumPy's own, which shuffles the samples of arrays.
        python: of Python's, which gives the seeds of layers and initializers that are given none.
    """

    seed: np.ndarray
    numpy: tuple[Any, ...]
    python: tuple[Any, ...]

    @classmethod
    def now(cls) -> Seeds:
        """Return the states as they are."""
        state: Any = np.random.get_state()
        return cls(np.array(seed_generator.global_state(), "uint32"), state, python_random.getstate())

    @classmethod
    def taken_from(cls, data: Mapping[str, Any]) -> Seeds:
        """Return the states that stand in a note, after a look at whether they are some.

        Raises:
            KeyError, TypeError, ValueError: if they are none.
        """
        kind, keys, *rest = data["numpy"]
        version, words, gauss = data["python"]
        seed = np.array(data["seed"], "uint32")
        found = cls(seed, (kind, np.array(keys, "uint32"), *rest), (version, tuple(words), gauss))
        found.set(np.random.RandomState(), python_random.Random())  # generators of nobody
        if seed.shape not in ((2,), (0,)):
            raise ValueError(f"the state of the seed is {data['seed']}")
        return found

    def as_note(self) -> dict[str, list[Any]]:
        """Return the states as data for JSON."""
        kind, keys, *rest = self.numpy
        version, words, gauss = self.python
        return {
            "seed": self.seed.tolist(),
            "numpy": [kind, keys.tolist(), *rest],
            "python": [version, list(words), gauss],
        }

    def set(self, numpy: Any, python: Any) -> None:
        """Set a generator of NumPy's and one of Python's to these states."""
        numpy.set_state(self.numpy)
        python.setstate(self.python)

    def restore(self) -> None:
        """Set all generators to these states."""
        self.set(np.random, python_random)
        seed_generator.set_global_state(self.seed.tolist())
