"""`tf.random` and `tf.nn.dropout`, for `pronghorn run`.

An integer seed of Keras makes each call give the same numbers; one of TensorFlow starts a sequence, of which each call
gives the next.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from pronghorn import ops, random, utils
from pronghorn.data.element import as_text
from pronghorn.data.element_types import dtype_name
from pronghorn.engine.graph.active import eager
from pronghorn.engine.graph.strings import holds_text
from pronghorn.random import seed_generator

_generators: dict[int, random.SeedGenerator] = {}


def sequence(seed: Any) -> Any:
    """What `pronghorn.random` takes as a seed to draw the next numbers of the sequence of an integer."""
    if not isinstance(seed, int):
        return seed
    if seed not in _generators:
        with eager():  # it outlives a function that is being compiled
            _generators[seed] = random.SeedGenerator(seed)
    return _generators[seed]


_seed: int | None = None


def global_seed() -> int | None:
    """`tensorflow.python.eager.context.global_seed`: what `set_seed` was last called with."""
    return _seed


def set_seed(seed: int | None) -> None:
    """`tf.random.set_seed`: all sequences start anew; with None, anywhere."""
    global _seed
    _seed = seed
    if seed is None:  # Python's and NumPy's generators stay as they are
        seed_generator.set_global_state([int(np.random.SeedSequence().generate_state(1)[0]), 0])
    else:
        utils.set_random_seed(seed)
    for own, generator in _generators.items():
        generator.state.assign(random.SeedGenerator(own).state.tensor)


def normal(
    shape: Any, mean: Any = 0.0, stddev: Any = 1.0, dtype: Any = "float32", seed: Any = None, name: str | None = None
) -> Any:
    """`tf.random.normal`."""
    return random.normal(shape, mean, stddev, dtype=dtype, seed=sequence(seed))


def truncated_normal(
    shape: Any, mean: Any = 0.0, stddev: Any = 1.0, dtype: Any = "float32", seed: Any = None, name: str | None = None
) -> Any:
    """`tf.random.truncated_normal`."""
    return random.truncated_normal(shape, mean, stddev, dtype=dtype, seed=sequence(seed))


def uniform(
    shape: Any, minval: Any = 0, maxval: Any = None, dtype: Any = "float32", seed: Any = None, name: str | None = None
) -> Any:
    """`tf.random.uniform`: floats, or integers below `maxval`.

    Raises:
        ValueError: for integers without `maxval`.
    """
    if "int" not in dtype_name(dtype):
        return random.uniform(shape, minval, 1.0 if maxval is None else maxval, dtype=dtype, seed=sequence(seed))
    if maxval is None:
        raise ValueError(f"tf.random.uniform: with dtype={dtype!r} maxval must be given.")
    return random.randint(shape, minval, maxval, dtype=dtype, seed=sequence(seed))


def gamma(
    shape: Any, alpha: Any, beta: Any = None, dtype: Any = "float32", seed: Any = None, name: str | None = None
) -> Any:
    """`tf.random.gamma`: numbers of this shape for each of the parameters, whose axes come last."""
    alpha, beta = ops.cast(alpha, dtype), ops.cast(1.0 if beta is None else beta, dtype)
    shape = (shape,) if isinstance(shape, int) else tuple(shape)
    parameters = tuple((alpha + beta).shape)
    return random.gamma((*shape, *parameters), alpha, dtype=dtype, seed=sequence(seed)) / beta


def categorical(logits: Any, num_samples: int, dtype: Any = "int64", seed: Any = None, name: str | None = None) -> Any:
    """`tf.random.categorical`."""
    return random.categorical(logits, num_samples, dtype=dtype or "int64", seed=sequence(seed))


def shuffle(value: Any, seed: Any = None, name: str | None = None) -> Any:
    """`tf.random.shuffle`: along the first axis."""
    if holds_text(value):
        text = np.asarray(as_text(value))
        return as_text(text[np.asarray(random.shuffle(ops.arange(len(text), dtype="int32"), seed=sequence(seed)))])
    return random.shuffle(value, seed=sequence(seed))


def dropout(x: Any, rate: float, noise_shape: Any = None, seed: Any = None, name: str | None = None) -> Any:
    """`tf.nn.dropout`."""
    return random.dropout(x, rate, noise_shape=noise_shape, seed=sequence(seed))


# -- seeds that are given ---------------------------------------------------------------------------------------------
def stateless(seed: Any, number: int = 0) -> Any:
    """What `pronghorn.random` takes for a seed of two numbers: the same numbers at each call."""
    return ops.cast(ops.add(ops.convert_to_tensor(seed), ops.convert_to_tensor([0, number])), "uint32")


def split(seed: Any, num: int = 2, alg: Any = "auto_select") -> Any:
    """`tf.random.split`: so many seeds out of one, `[num, 2]`.

    >>> split([1, 2], 3).shape, bool((split([1, 2])[0] == split([1, 2])[1]).numpy().all())
    ((3, 2), False)
    """
    return random.randint((num, 2), 0, 2**31 - 1, dtype="int32", seed=stateless(seed))


def fold_in(seed: Any, data: Any, alg: Any = "auto_select") -> Any:
    """`tf.random.fold_in`: another seed for each number, `[2]`."""
    return ops.stack([split(seed, 1)[0, 0], ops.cast(data, "int32")])


def stateless_shuffle(value: Any, seed: Any, alg: Any = "auto_select", name: str | None = None) -> Any:
    """`tf.random.experimental.stateless_shuffle`: along the first axis."""
    return random.shuffle(value, seed=stateless(seed))


def stateless_normal(
    shape: Any, seed: Any, mean: Any = 0.0, stddev: Any = 1.0, dtype: Any = "float32", **ignored: Any
) -> Any:
    """`tf.random.stateless_normal`."""
    return random.normal(shape, mean, stddev, dtype=dtype, seed=stateless(seed))


def stateless_truncated_normal(
    shape: Any, seed: Any, mean: Any = 0.0, stddev: Any = 1.0, dtype: Any = "float32", **ignored: Any
) -> Any:
    """`tf.random.stateless_truncated_normal`."""
    return random.truncated_normal(shape, mean, stddev, dtype=dtype, seed=stateless(seed))


def stateless_uniform(
    shape: Any, seed: Any, minval: Any = 0, maxval: Any = None, dtype: Any = "float32", **ignored: Any
) -> Any:
    """`tf.random.stateless_uniform`."""
    return uniform(shape, minval, maxval, dtype, stateless(seed))


def stateless_categorical(logits: Any, num_samples: int, seed: Any, dtype: Any = "int64", **ignored: Any) -> Any:
    """`tf.random.stateless_categorical`."""
    return random.categorical(logits, num_samples, dtype=dtype, seed=stateless(seed))


def poisson(shape: Any, lam: Any, dtype: Any = "float32", seed: Any = None, name: str | None = None) -> Any:
    """`tf.random.poisson`: numbers of this shape for each of the rates, which are known."""
    with eager():
        own = np.random.default_rng(int(random.randint((), 0, 2**31 - 1, seed=sequence(seed))))
    rates = np.asarray(lam, "float64")
    shape = tuple(int(n) for n in np.atleast_1d(shape))
    return ops.convert_to_tensor(own.poisson(rates, (*shape, *rates.shape)), dtype=dtype)


class Generator:
    """`tf.random.Generator`: a source of random numbers of its own.

    >>> Generator.from_seed(1).normal((2,)).shape
    (2,)
    """

    def __init__(self, seed: Any = None) -> None:
        self._seeds = random.SeedGenerator(seed)

    @classmethod
    def from_seed(cls, seed: Any, alg: Any = None) -> Generator:
        """Return one that starts from a seed."""
        return cls(int(np.asarray(seed).reshape(-1)[0]))

    @classmethod
    def from_non_deterministic_state(cls, alg: Any = None) -> Generator:
        """Return one that starts somewhere."""
        return cls()

    def normal(self, shape: Any, mean: Any = 0.0, stddev: Any = 1.0, dtype: Any = "float32", name: Any = None) -> Any:
        """Return normal numbers."""
        return random.normal(shape, mean, stddev, dtype=dtype, seed=self._seeds)

    def truncated_normal(self, shape: Any, mean: Any = 0.0, stddev: Any = 1.0, dtype: Any = "float32") -> Any:
        """Return normal numbers that are not far from the mean."""
        return random.truncated_normal(shape, mean, stddev, dtype=dtype, seed=self._seeds)

    def uniform(self, shape: Any, minval: Any = 0, maxval: Any = None, dtype: Any = "float32", name: Any = None) -> Any:
        """Return numbers that are as probable everywhere."""
        return uniform(shape, minval, maxval, dtype, self._seeds)

    def make_seeds(self, count: int = 1) -> Any:
        """Return seeds for the functions that are called stateless, `[2, count]`."""
        return random.randint((2, count), 0, 2**31 - 1, dtype="int64", seed=self._seeds)


_global = []


def get_global_generator() -> Generator:
    """`tf.random.get_global_generator`."""
    if not _global:
        _global.append(Generator())
    return _global[0]
