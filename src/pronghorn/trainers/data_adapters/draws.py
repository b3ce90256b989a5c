"""Whether making a batch draws random numbers, which processes that read different batches would draw differently."""

from __future__ import annotations

import copy
import random as python_random
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np

from pronghorn.engine.graph.user_code import warn
from pronghorn.random.states import Seeds


@dataclass(eq=False)
class Draws:
    """The states of all generators of random numbers that a data set may draw from: global ones, and its own.

    Attributes:
        seeds: of the global ones.
        own: the data set's attributes that are generators, with their states.
    """

    seeds: Seeds
    own: dict[str, Any]

    @classmethod
    def now(cls, dataset: Any) -> Draws:
        """Return the states as they are."""
        return cls(Seeds.now(), {name: copy.deepcopy(_state(value)) for name, value in _generators(dataset).items()})

    def restore(self, dataset: Any) -> None:
        """Set all generators to these states."""
        self.seeds.restore()
        for name, generator in _generators(dataset).items():
            _set(generator, self.own[name])

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Draws) and repr((self.seeds, self.own)) == repr((other.seeds, other.own))


def is_drawn(dataset: Any, make: Callable[[], Any]) -> bool:
    """Whether making a batch draws random numbers.

    Args:
        dataset: the data set.
        make: makes the batch.
    """
    before = Draws.now(dataset)
    make()
    return Draws.now(dataset) != before


def warn_of_draws(kind: str) -> None:
    """Say that all processes make all batches, and what mends it."""
    warn(
        f"Each process makes all batches of the {kind}, since they are drawn at random: a run would else depend on "
        "how many processes there are. Where reading takes long, draw from a generator whose seed is the number of the "
        "batch, numpy.random.default_rng((seed, index)), or augment in the model, or have each process read a share of "
        "its own with DataParallel(auto_shard_dataset=False)."
    )


def _generators(dataset: Any) -> dict[str, Any]:
    kinds = (np.random.Generator, np.random.RandomState, python_random.Random)
    return {name: value for name, value in getattr(dataset, "__dict__", {}).items() if isinstance(value, kinds)}


def _state(generator: Any) -> Any:
    if isinstance(generator, np.random.Generator):
        return generator.bit_generator.state
    return generator.get_state() if isinstance(generator, np.random.RandomState) else generator.getstate()


def _set(generator: Any, state: Any) -> None:
    if isinstance(generator, np.random.Generator):
        generator.bit_generator.state = state
    elif isinstance(generator, np.random.RandomState):
        generator.set_state(state)
    else:
        generator.setstate(state)
