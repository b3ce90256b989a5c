"""Random numbers: their distributions, their seeds, and that they do not depend on how they are computed."""

from __future__ import annotations

import random as python_random
import sys
import threading

import numpy as np
import pytest

from pronghorn import jit, random, utils
from pronghorn.engine.backends.numpy import run
from pronghorn.engine.graph import primitives
from pronghorn.engine.graph.tensor import as_tensor
from pronghorn.engine.graph.trace import trace
from pronghorn.random.random import unit_uniform
from pronghorn.random.seed_generator import global_state, set_global_state

N = 40_000


def draw(fn, *args, **kwargs):
    return getattr(random, fn)(*args, seed=7, **kwargs).numpy().astype("float64")


CASES = {
    "uniform": (("uniform", (N,), 2.0, 5.0), 3.5, 3 / 12**0.5),
    "normal": (("normal", (N,), 1.0, 2.0), 1.0, 2.0),
    "truncated_normal": (("truncated_normal", (N,)), 0.0, 0.8796),
    "gamma": (("gamma", (N,), 3.0), 3.0, 3**0.5),
    "small gamma": (("gamma", (N,), 0.5), 0.5, 0.5**0.5),
    "beta": (("beta", (N,), 2.0, 3.0), 0.4, 0.2),
    "binomial": (("binomial", (N,), 10.0, 0.3), 3.0, 2.1**0.5),
    "large binomial": (("binomial", (N,), 1000.0, 0.5), 500.0, 250**0.5),
    "randint": (("randint", (N,), -2, 4), 0.5, (35 / 12) ** 0.5),
}


@pytest.mark.mostly_slow(every=2)
@pytest.mark.parametrize("name", CASES)
def test_mean_and_deviation(name):
    args, mean, deviation = CASES[name]
    x = draw(*args)
    assert abs(x.mean() - mean) < 4 * deviation / N**0.5 + 1e-3
    assert abs(x.std() / deviation - 1.0) < 0.03


@pytest.mark.parametrize("word", [0, 2**32 - 1])
@pytest.mark.parametrize("dtype", ["float16", "bfloat16", "float32", "float64"])
def test_the_outermost_random_bits_give_finite_numbers(monkeypatch, word, dtype):
    # one of 2**24 normal numbers used to be infinite, and made an orthogonal matrix of NaN
    bits = lambda key, shape: as_tensor(np.full(shape, word, "uint32"))  # noqa: E731
    monkeypatch.setattr(primitives, "random_bits", bits)
    u = unit_uniform(None, (2,), dtype, open_at_zero=True).numpy().astype("float64")
    assert np.all((u > 0.0) & (u < 1.0))
    for draw_some in (random.normal, random.truncated_normal):
        x = draw_some((2,), dtype=dtype, seed=1).numpy().astype("float64")
        assert np.all(np.isfinite(x)) and np.all((x > 0) == (word > 0))


def test_ranges():
    assert (np.abs(draw("truncated_normal", (N,))) <= 2.0).all()
    x = draw("uniform", (N,))
    assert x.min() >= 0.0 and x.max() < 1.0
    assert set(np.unique(draw("randint", (N,), -2, 4))) == {-2, -1, 0, 1, 2, 3}


@pytest.mark.parametrize("dtype", ["float16", "bfloat16", "float32", "float64"])
def test_no_type_rounds_up_to_one(dtype):
    x = random.uniform((N,), dtype=dtype, seed=1)
    assert x.dtype == dtype and x.numpy().astype("float64").max() < 1.0


def test_categorical_follows_the_logits():
    logits = np.log(np.array([[0.5, 0.25, 0.25], [0.1, 0.1, 0.8]]))
    x = random.categorical(logits, N, seed=1).numpy()
    assert x.shape == (2, N)
    np.testing.assert_allclose([(x[1] == k).mean() for k in range(3)], [0.1, 0.1, 0.8], atol=0.01)


def test_shuffle_is_a_permutation():
    x = np.arange(24).reshape(4, 6)
    y = random.shuffle(x, axis=1, seed=2).numpy()
    assert (np.sort(y, 1) == x).all() and (y != x).any()
    assert ((y - y[:1]) == (y - y[:1])[:, :1]).all()  # all rows alike


def test_seeds():
    a = random.normal((5,), seed=3).numpy()
    assert (a == random.normal((5,), seed=3).numpy()).all()
    assert (a != random.normal((5,), seed=4).numpy()).any()
    generator = random.SeedGenerator(3)
    first, second = random.normal((5,), seed=generator).numpy(), random.normal((5,), seed=generator).numpy()
    assert (first == a).all() and (first != second).any()
    assert (random.normal((5,)).numpy() != random.normal((5,)).numpy()).any()
    with pytest.raises(ValueError, match="SeedGenerator"):
        random.normal((2,), seed="x")
    with pytest.raises(ValueError, match="0 or more"):
        random.SeedGenerator(-1)


def test_the_process_seed():
    def numbers():
        utils.set_random_seed(11)
        return random.uniform((4,)).numpy()

    assert (numbers() == numbers()).all()


def test_the_process_seed_is_that_of_functions_that_are_compiled_already():
    compiled = jit(lambda x: random.uniform((4,)) + x)
    numbers = []
    for _ in range(3):
        utils.set_random_seed(11)
        numbers.append([compiled(np.zeros(4, "float32")).numpy() for _ in range(2)] + [random.uniform((4,)).numpy()])
    np.testing.assert_array_equal(numbers[1], numbers[0])
    np.testing.assert_array_equal(numbers[2], numbers[0])
    assert len({tuple(x) for x in numbers[0]}) == 3  # none comes twice


def test_what_needs_no_numbers_draws_nothing_from_pythons_generator():
    """As in Keras: the generator behind seed=None asks Python's for its seed when it is first needed."""
    utils.set_random_seed(11)
    seeds = [python_random.randint(1, 10**9) for _ in range(2)]
    utils.set_random_seed(11)
    assert global_state() == []
    random.uniform((2,))
    assert global_state() == [seeds[0], 1]
    assert random.SeedGenerator().seed == seeds[1]
    kept = global_state()
    utils.set_random_seed(11)
    set_global_state(kept)
    assert global_state() == kept and random.SeedGenerator().seed == seeds[0]


def test_traced_functions_draw_anew_at_every_call():
    generator = random.SeedGenerator(3)
    traced = trace(lambda: [random.normal((3,), seed=generator)], [])
    assert traced.updated == [generator.state]
    first, state = run(traced.graph, [generator.state.numpy()])
    second, _ = run(traced.graph, [state])
    assert (first == random.normal((3,), seed=3).numpy()).all() and (first != second).any()


@pytest.mark.parametrize("fn,dtype", [("uniform", "int32"), ("randint", "float32")])
def test_types_that_do_not_fit(fn, dtype):
    args = ((2,),) if fn == "uniform" else ((2,), 0, 3)
    with pytest.raises(ValueError, match="dtype"):
        getattr(random, fn)(*args, dtype=dtype)


def test_threads_draw_different_seeds_from_one_generator():
    generator = random.SeedGenerator(3)
    drawn = [[] for _ in range(4)]
    switching = sys.getswitchinterval()
    sys.setswitchinterval(1e-5)
    try:
        threads = [
            threading.Thread(target=lambda own: own.extend(generator.next() for _ in range(500)), args=(own,))
            for own in drawn
        ]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    finally:
        sys.setswitchinterval(switching)
    seeds = {tuple(seed.numpy().tolist()) for own in drawn for seed in own}
    assert len(seeds) == 2000
    assert generator.next().numpy().tolist() == [3, 2000]
