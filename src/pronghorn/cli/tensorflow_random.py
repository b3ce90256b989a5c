"""`tf.random` and `tf.nn.dropout`, for `pronghorn run`.

An integer seed of Keras makes each call give the same numbers; one of TensorFlow starts a sequence, of which each call
gives the next.
"""

from __future__ import annotations

from typing import Any

from pronghorn import ops, random, utils
from pronghorn.graph.active import eager

_generators: dict[int, random.SeedGenerator] = {}


def sequence(seed: Any) -> Any:
    """What `pronghorn.random` takes as a seed to draw the next numbers of the sequence of an integer."""
    if not isinstance(seed, int):
        return seed
    if seed not in _generators:
        with eager():  # it outlives a function that is being compiled
            _generators[seed] = random.SeedGenerator(seed)
    return _generators[seed]


def set_seed(seed: int) -> None:
    """`tf.random.set_seed`: all sequences start anew."""
    utils.set_random_seed(seed)
    for own, generator in _generators.items():
        generator.state.assign(random.SeedGenerator(own).state.value)


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
    if "int" not in str(dtype):
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
    return random.shuffle(value, seed=sequence(seed))


def dropout(x: Any, rate: float, noise_shape: Any = None, seed: Any = None, name: str | None = None) -> Any:
    """`tf.nn.dropout`."""
    return random.dropout(x, rate, noise_shape=noise_shape, seed=sequence(seed))
