"""Random small convolutional networks, trained a few steps: the compiler against the interpreter, and any number of
threads against one."""

import functools

import numpy as np
import pytest

from pronghorn.engine.autodiff.backward import backward
from pronghorn.engine.backends.llvm import Executable
from pronghorn.engine.backends.numpy.executable import NumpyExecutable
from pronghorn.engine.graph import primitives as P
from pronghorn.engine.graph.dim import Dim
from pronghorn.engine.graph.ir import Aval
from pronghorn.engine.graph.trace import trace
from pronghorn.engine.runtime import threads
from pronghorn.variables import Variable

BATCH = Dim.symbol("batch")
RATE, MOMENTUM = 0.003, 0.9
CHANNELS = (3, 8, 16, 20, 32)


class Network:
    """A random network; building it makes its weights, each with a momentum."""

    def __init__(self, seed):
        self.rng = np.random.default_rng(seed)
        self.weights, self.moments, self.layers = [], [], []
        height, width = (int(n) for n in self.rng.integers(6, 15, 2))
        self.shape = (height, width, int(self.rng.choice([1, 3, 16])))
        shape = self.shape
        for _ in range(int(self.rng.integers(1, 4))):
            made = self.convolution(shape)
            if made is None:
                break
            shape = made
            if self.rng.random() < 0.7:
                shape = self.pool(shape)
        self.dense(int(np.prod(shape)), 10)

    def weight(self, *shape):
        scale = (2 / max(1, np.prod(shape[:-1]))) ** 0.5
        self.weights.append(Variable((self.rng.normal(size=shape) * scale).astype("float32")))
        self.moments.append(Variable(np.zeros(shape, "float32")))
        return len(self.weights) - 1

    def convolution(self, shape):
        kernel = tuple(int(k) for k in self.rng.integers(1, 4, 2))
        strides = tuple(int(s) for s in self.rng.choice([1, 1, 2], 2))
        padding = tuple((int(a), int(b)) for a, b in self.rng.integers(0, 2, (2, 2)))
        out = [(n + a + b - k) // s + 1 for n, (a, b), k, s in zip(shape, padding, kernel, strides)]
        if min(out) < 2:
            return None
        channels = int(self.rng.choice(CHANNELS))
        groups = 2 if shape[-1] % 2 == 0 and channels % 2 == 0 and self.rng.random() < 0.2 else 1
        w, b = self.weight(*kernel, shape[-1] // groups, channels), self.weight(channels)
        how = {"strides": strides, "padding": padding, "dilation": (1, 1), "groups": groups}
        activation = str(self.rng.choice(["relu", "relu", "tanh", "none"]))
        self.layers.append(lambda x, v: activate(activation, plus_bias(P.conv(x, v[w], **how), v[b])))
        return (*out, channels)

    def pool(self, shape):
        size, kind = int(self.rng.choice([2, 2, 3])), str(self.rng.choice(["max", "max", "sum"]))
        stride = size if self.rng.random() < 0.8 else 1
        if min(shape[:2]) < size:
            return shape
        how = {"window": (1, size, size, 1), "strides": (1, stride, stride, 1), "padding": ((0, 0),) * 4,
               "dilation": (1,) * 4}  # fmt: skip
        self.layers.append(
            lambda x, v: P.window_max(x, **how) if kind == "max" else P.mul(P.window_sum(x, **how), 1 / size**2)
        )
        return (*((n - size) // stride + 1 for n in shape[:2]), shape[2])

    def dense(self, size, units):
        w, b = self.weight(size, units), self.weight(units)

        def layer(x, v):
            flat = P.reshape(x, shape=(x.shape[0], size))
            return plus_bias(P.dot_general(flat, v[w], contract=((1,), (0,)), batch=((), ())), v[b])

        self.layers.append(layer)

    def step(self, x, target):
        values = [v.value for v in self.weights]
        y = x
        for layer in self.layers:
            y = layer(y, values)
        error = P.sub(y, target)
        loss = P.reduce_sum(P.mul(error, error), axes=(0, 1))
        count = P.cast(P.extent(dim=x.shape[0] * 10), dtype="float32")
        gradients = backward([P.div(loss, count)], [np.float32(1)], values)
        for weight, moment, g in zip(self.weights, self.moments, gradients):
            moment.assign(P.sub(P.mul(moment.value, MOMENTUM), P.mul(g, RATE)))
            weight.assign(P.add(weight.value, moment.value))
        return [P.div(loss, count), y]


def plus_bias(x, bias):
    return P.add(x, P.broadcast_in_dim(bias, shape=x.shape, dims=(len(x.shape) - 1,)))


def activate(name, x):
    if name == "relu":
        return P.select(P.gt(x, 0.0), x, 0.0)
    return P.tanh(x) if name == "tanh" else x


def train(seed, make, batches=(5, 16, 3)):
    """Losses, outputs and weights of some steps."""
    network = Network(seed)
    avals = [Aval((BATCH, *network.shape), "float32"), Aval((BATCH, 10), "float32")]
    executable = make(trace(network.step, avals, f"network{seed}"))
    rng = np.random.default_rng(seed)
    seen = []
    for batch in batches:
        x, target = rng.normal(size=(batch, *network.shape)), rng.normal(size=(batch, 10))
        seen += executable(x.astype("float32"), target.astype("float32"))
    return [*seen, *(v.numpy() for v in (*network.weights, *network.moments))]


def largest(a):
    return float(np.abs(a).max(initial=0))


@pytest.mark.mostly_slow(every=8)
@pytest.mark.parametrize("start", range(0, 40, 5))
def test_steps_agree_with_the_interpreter(start):
    for seed in range(start, start + 5):
        compiled, interpreted = train(seed, Executable), train(seed, NumpyExecutable)
        for i, (a, b) in enumerate(zip(compiled, interpreted, strict=True)):
            np.testing.assert_allclose(
                a, b, rtol=1e-3, atol=3e-4 * max(1, largest(b)), err_msg=f"seed {seed}, array {i}"
            )


@functools.cache
def with_threads(seed, count):
    before = threads.get_num_threads()
    threads.set_num_threads(count)
    try:
        return train(seed, Executable, batches=(70, 128, 33))
    finally:
        threads.set_num_threads(before)


@pytest.mark.parametrize("seed", [1, 2, 5, 8, 13, 21])
@pytest.mark.parametrize("count", [2, 4])
def test_the_same_bits_with_any_number_of_threads(seed, count):
    for a, b in zip(with_threads(seed, 1), with_threads(seed, count), strict=True):
        np.testing.assert_array_equal(a, b)
