"""What a training step works in: less where layers are computed again, and no more where gradients are accumulated."""

import numpy as np
import pytest

import pronghorn as keras
from pronghorn import layers
from pronghorn.engine.backends.llvm import executable

WIDTH, PLACES, BATCH = 32, 64, 8


@pytest.fixture
def measured(monkeypatch):
    """Calls a function; what it returns, and the most bytes that a step in it worked in."""
    make, seen = executable.make_layout, []

    def watched(*args):
        layout = make(*args)
        seen.append(layout.nbytes)
        return layout

    def call(function, *args):
        seen.clear()
        result = function(*args)
        return result, max(seen)

    monkeypatch.setattr(executable, "make_layout", watched)
    return call


class Block(layers.Layer):
    """A transformer's, with a state of its own: dropout's, and moving averages."""

    def __init__(self, **kwargs):
        super().__init__(**kwargs)
        self.attention = layers.MultiHeadAttention(2, WIDTH // 2, dropout=0.1)
        self.norms = [layers.LayerNormalization(), layers.BatchNormalization(momentum=0.9)]
        self.wide, self.drop = layers.Dense(4 * WIDTH, activation="gelu"), layers.Dropout(0.2)
        self.narrow = layers.Dense(WIDTH)

    def build(self, shape):
        self.attention.build(shape, shape)
        for layer in (*self.norms, self.wide, self.narrow):
            layer.build(shape if layer is not self.narrow else (*shape[:-1], 4 * WIDTH))

    def call(self, x, training=None):
        h = self.norms[0](x)
        x = x + self.attention(h, h, training=training)
        h = self.drop(self.wide(self.norms[1](x, training=training)), training=training)
        return x + self.narrow(h)


class Again(layers.Layer):
    """A layer that is a region as a whole, and what is in it, made outside, is not."""

    def __init__(self, inner, **kwargs):
        super().__init__(**kwargs)
        self.inner = inner

    def build(self, shape):
        self.inner.build(shape)

    def call(self, x, training=None):
        return self.inner(x, training=training)


def trained(mode, depth):
    keras.utils.set_random_seed(3)
    blocks = [Block() for _ in range(depth)]
    with keras.RematScope(mode):
        blocks = [Again(block) for block in blocks]
    model = keras.Sequential([keras.Input((PLACES, WIDTH)), *blocks, layers.GlobalAveragePooling1D(), layers.Dense(1)])
    model.compile(keras.optimizers.Adam(1e-3), "mse")
    rng = np.random.default_rng(0)
    x, y = rng.normal(size=(3 * BATCH - 2, PLACES, WIDTH)), rng.normal(size=(3 * BATCH - 2, 1))  # a short last batch
    history = model.fit(x, y, batch_size=BATCH, epochs=2, verbose=0)
    return history.history["loss"], [v.numpy() for v in model.variables]


@pytest.mark.slow
def test_blocks_that_are_computed_again_save_memory_and_change_no_bit(measured):
    (expected, weights), plain = measured(trained, None, 8)
    (losses, got), again = measured(trained, "full", 8)
    assert again < 0.4 * plain
    assert losses == expected
    for mine, other in zip(got, weights, strict=True):
        np.testing.assert_array_equal(mine, other)


def wide_layers(again):
    """Of one array each, larger than a cache, but for what their gradients need."""
    with keras.RematScope("list_of_layers", layer_names=again):
        hidden = [layers.Dense(256, lambda x: keras.ops.sin(keras.ops.gelu(x)), name=f"d{n}") for n in range(5)]
        model = keras.Sequential([keras.Input((256,)), *hidden, layers.Dense(1)])
    model.compile("sgd", "mse")
    model.fit(np.ones((2048, 256)), np.ones((2048, 1)), batch_size=2048, verbose=0)


@pytest.mark.parametrize("again", [["d2"], ["d1", "d3"], ["d2", "d3"]])
def test_each_layer_that_is_computed_again_saves_an_array(measured, again):
    """What is in front of it keeps its derivative all the same, in place of what that is made of."""
    (_, plain), (_, less) = (measured(wide_layers, names) for names in ([], again))
    assert less < plain - (len(again) - 0.1) * 2048 * 256 * 4


def dense_layers(optimizer, steps):
    model = keras.Sequential([keras.Input((256,)), *[layers.Dense(256, activation="relu") for _ in range(4)]])
    model.compile(getattr(keras.optimizers, optimizer)(gradient_accumulation_steps=steps), "mse")
    model.fit(np.ones((16, 256)), np.ones((16, 256)), batch_size=8, verbose=0)


@pytest.mark.parametrize("optimizer", ["SGD", "Adam"])
def test_gradients_are_accumulated_where_they_are_kept(measured, optimizer):
    """Not once more: the products that give them add to the sums."""
    (_, plain), (_, accumulating) = (measured(dense_layers, optimizer, steps) for steps in (None, 3))
    assert accumulating < plain + 256 * 256
