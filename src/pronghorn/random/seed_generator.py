"""Seeds: a generator that never gives the same one twice, and the one behind ``seed=None``."""

from __future__ import annotations

import random as python_random
import threading
from typing import Any

import numpy as np

from pronghorn.engine.graph import primitives as P
from pronghorn.engine.graph.tensor import Tensor, as_tensor
from pronghorn.engine.runtime import forks
from pronghorn.utils.arguments import CheckedArguments, is_integer
from pronghorn.utils.naming import NameScope, auto_name, when_cleared
from pronghorn.variables import Variable

_ONE = np.array([0, 1], "uint32")
_drawing = threading.RLock()  # one for all generators, which are copied and pickled; a signal's handler may draw


@forks.in_child
def _draw_anew() -> None:
    global _drawing
    _drawing = threading.RLock()


class SeedGenerator(CheckedArguments):
    """A source of seeds whose state is a variable, so that a compiled function gives new numbers at every call.

    Args:
        seed: where it starts; drawn from Python's generator if None.
        name: a name; automatic if None.

    Raises:
        ValueError: if the seed is no non-negative integer.

    Example:

    >>> from pronghorn import random
    >>> seeds = SeedGenerator(7)
    >>> a, b = random.uniform((2,), seed=seeds), random.uniform((2,), seed=seeds)
    >>> bool((a == b).numpy().any())
    False
    """

    def __init__(self, seed: int | None = None, name: str | None = None, **kwargs: Any) -> None:
        kwargs.pop("backend", None)
        if kwargs:
            raise ValueError(f"SeedGenerator: it takes `seed` and `name`, got also {kwargs}.")
        if seed is None:
            seed = make_default_seed()
        if not is_integer(seed) or seed < 0:
            raise ValueError(f"SeedGenerator: `seed` is an integer of 0 or more; got seed={seed!r}.")
        self.name = name or auto_name(type(self).__name__)
        self._initial_seed = int(seed)
        with NameScope(self.name, caller=self):
            self.state = Variable(
                np.array([seed & 0xFFFFFFFF, seed >> 32 & 0xFFFFFFFF], "uint32"),
                dtype="uint32",
                trainable=False,
                autocast=False,
                name="seed_generator_state",
            )

    @property
    def seed(self) -> int:
        """Where it started."""
        return self._initial_seed

    def next(self, ordered: bool = True) -> Tensor:
        """The next seed, ``uint32[2]``; ``ordered`` is accepted for compatibility."""
        with _drawing:
            key = self.state.tensor
            self.state.assign(P.add(key, _ONE))
        return key

    def get_config(self) -> dict[str, Any]:
        return {"seed": self._initial_seed, "name": self.name}

    @classmethod
    def from_config(cls, config: dict[str, Any]) -> SeedGenerator:
        return cls(**config)


def make_default_seed() -> int:
    """A seed from Python's own generator, so that `random.seed` determines it."""
    return python_random.randint(1, int(1e9))


_NAME = "global_seed_generator"
_global: SeedGenerator | None = None  # one object for good, since compiled functions hold its variable
_begun: list[int] | None = None  # its state since it was reset; None once it was asked for


def global_seed_generator() -> SeedGenerator:
    """The generator behind ``seed=None``, which begins at a number that Python's gives when it is first needed."""
    global _global, _begun
    if _global is None:
        _global = SeedGenerator(name=_NAME)
    elif _begun is not None:
        seed = make_default_seed()
        if _state_of(_global) == _begun:  # otherwise a compiled function has drawn from it, without asking
            _set_state(_global, [seed, 0])
    _begun = None
    return _global


def reset_global_generator() -> None:
    """Have the generator behind ``seed=None`` begin anew, at a number from Python's generator, when it is next needed.

    Compiled functions do not ask for it, so it stands, until then, at the number that Python's would give now.
    """
    global _begun
    if _global is not None:
        before = python_random.getstate()
        _begun = [make_default_seed(), 0]
        python_random.setstate(before)
        _set_state(_global, _begun)


def global_state() -> list[int]:
    """The state of the generator behind ``seed=None``: two numbers, or none where nothing has needed it yet."""
    state = [] if _global is None else _state_of(_global)
    return [] if state == _begun else state


def set_global_state(state: list[int]) -> None:
    """Set the generator behind ``seed=None`` to what `global_state` gave."""
    global _global, _begun
    if not state:
        reset_global_generator()
        return
    if _global is None:
        _global = SeedGenerator(0, name=_NAME)
    _set_state(_global, state)
    _begun = None


# Outside of functions that are being compiled and of scopes, in which assigning has another meaning.


def _state_of(generator: SeedGenerator) -> list[int]:
    return [int(k) for k in generator.state.storage()]


def _set_state(generator: SeedGenerator, state: list[int]) -> None:
    array = generator.state.storage()
    array[:] = state
    generator.state.stored(array)


when_cleared(reset_global_generator)


def draw_seed(seed: Any) -> Tensor:
    """``uint32[2]``: the next of a `SeedGenerator`, the seed that an integer or array is, the next global one for None.

    Raises:
        ValueError: for anything else.
    """
    if isinstance(seed, SeedGenerator):
        return seed.next()
    if seed is None:
        return global_seed_generator().next()
    if isinstance(seed, (int, np.integer)) and not isinstance(seed, bool):
        return as_tensor(np.array([int(seed) & 0xFFFFFFFF, int(seed) >> 32 & 0xFFFFFFFF], "uint32"))
    if hasattr(seed, "shape") and tuple(seed.shape) == (2,):
        tensor = as_tensor(seed)
        return tensor if tensor.dtype == "uint32" else P.cast(tensor, dtype="uint32")
    if hasattr(seed, "state"):
        return draw_seed_like(seed)
    raise ValueError(
        f"A seed must be an integer, a SeedGenerator or None, got seed={seed!r} of type {type(seed).__name__}."
    )


def draw_seed_like(seed: Any) -> Tensor:
    """The next seed of an object that works like a `SeedGenerator`."""
    return seed.next()
