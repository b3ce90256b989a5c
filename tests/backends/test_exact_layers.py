"""Layers whose convolutions are to be plain sums, and kernels with masks, of which programs know without being told.

In the first image of a pair and in the second, what the first column of taps meets is the same, and the rest is not. A
gradient by minimal filtering shows that in the first column, too.
"""

from __future__ import annotations

import threading

import numpy as np
import pytest
from test_exact_convolutions import first_taps_move, images

import pronghorn
from pronghorn import config, layers, ops
from pronghorn.engine.graph.ir import Aval
from pronghorn.engine.graph.trace import trace
from pronghorn.ops.nn.summation import gaps

Y = np.random.default_rng(1).standard_normal((16, 16, 16, 1)).astype("float32")


@pytest.fixture(autouse=True)
def restore():
    yield
    config.set_exact_convolutions(False)


def loss(y, outputs):
    return ops.mean(outputs[..., :1] * y, axis=(1, 2, 3))


def two_convolutions():
    """Side by side, so that the gradients of each show how it was computed."""
    x = pronghorn.Input((16, 16, 32))
    sides = [layers.Conv2D(32, 3, padding="same", use_bias=False, name=name)(x) for name in ("left", "right")]
    model = pronghorn.Model(x, layers.Add()(sides))
    model.compile("sgd", loss=loss)
    return model


def moves(model):
    """For each kernel, whether its first taps move where a step trains it."""
    weights = model.get_weights()

    def trained(number):
        def train(x):
            model.set_weights(weights)
            model.fit(x, Y, batch_size=16, shuffle=False, verbose=0)
            return model.get_weights()[number]

        return train

    return [first_taps_move(trained(number)) for number in range(len(weights))]


def test_one_layer_of_a_model_is_exact():
    model = two_convolutions()
    assert moves(model) == [True, True]
    model.get_layer("left").exact_convolutions = True
    assert moves(model) == [False, True]
    model.get_layer("left").exact_convolutions = False
    model.exact_convolutions = True
    assert moves(model) == [False, False]


def test_predictions_follow_the_layer():
    model = two_convolutions()
    _, x = images()
    x = (x * np.exp(x % 7)).astype("float32")
    before = model.predict(x, verbose=0)
    model.exact_convolutions = True
    exact = model.predict(x, verbose=0)
    np.testing.assert_array_equal(exact, np.asarray(model(x)))
    assert not np.array_equal(exact, before)
    model.exact_convolutions = False
    np.testing.assert_array_equal(model.predict(x, verbose=0), before)


class Own(layers.Layer):
    def build(self, shape):
        self.kernel = self.add_weight(shape=(3, 3, shape[-1], 32), name="kernel")

    def call(self, x):
        return ops.conv(x, self.kernel, padding="same")


@pytest.mark.parametrize("compiled", [False, True])
def test_a_layer_of_ones_own_and_what_it_is_in(compiled):
    class Around(layers.Layer):
        def __init__(self):
            super().__init__()
            self.inner = Own()

        def call(self, x):
            return self.inner(x)

    layer = Around()

    def gradient(x):
        with pronghorn.GradientTape() as tape:
            total = ops.sum(layer(x)[..., :1] * Y)
        return tape.gradient(total, layer.inner.kernel)

    layer(images()[0])
    call = pronghorn.jit(gradient) if compiled else gradient
    assert first_taps_move(call)
    layer.exact_convolutions = True
    assert not first_taps_move(call)
    layer.exact_convolutions = False
    assert first_taps_move(call)


def test_it_is_kept_by_files_and_clones(tmp_path):
    model = two_convolutions()
    model.get_layer("left").exact_convolutions = True
    plain = pronghorn.Sequential([pronghorn.Input((8, 8, 2)), layers.Conv2D(2, 3)])
    plain.exact_convolutions = True
    with pronghorn.saving.custom_object_scope({"loss": loss}):
        model.save(tmp_path / "m.keras")
        copies = [pronghorn.models.load_model(tmp_path / "m.keras"), pronghorn.models.clone_model(model)]
    for copy in copies:
        assert [layer.exact_convolutions for layer in copy.layers] == [False, True, False, False]
        assert not copy.exact_convolutions
    assert pronghorn.models.clone_model(plain).exact_convolutions
    assert "exact" not in str(plain.get_config())


def test_it_is_a_bool():
    with pytest.raises(TypeError, match=r"Conv2D 'c': exact_convolutions is 1.*True or False"):
        layers.Conv2D(2, 3, name="c").exact_convolutions = 1


def test_a_program_is_all_of_one_kind():
    """Where another thread turns the switch while it is traced."""
    first, second = (pronghorn.Variable(np.ones((3, 3, 32, 32), "float32") / 100) for _ in range(2))

    def turn(exact):
        thread = threading.Thread(target=config.set_exact_convolutions, args=(exact,))
        thread.start()
        thread.join()

    @pronghorn.jit
    def gradient(x):
        with pronghorn.GradientTape() as tape:
            total = ops.sum(ops.conv(x, first, padding="same")[..., :1] * Y)
            turn(True)
            total += ops.sum(ops.conv(x, second, padding="same")[..., :1] * Y)
            turn(False)
        return ops.stack(tape.gradient(total, [first, second]))

    before, after = (np.asarray(gradient(x))[:, :, 0] for x in images())
    assert [np.array_equal(b, a) for b, a in zip(before, after)] == [False, False]


# -- masks -------------------------------------------------------------------------------------------------------------
KERNEL = (3, 3, 32, 32)
FIRST_COLUMN = np.broadcast_to(np.float32([1, 0, 0])[:, None, None], KERNEL)
WAYS = {
    "a product": lambda k: k * FIRST_COLUMN,
    "a mask of taps": lambda k: k * FIRST_COLUMN[..., :1, :1],
    "a choice": lambda k: ops.where(FIRST_COLUMN > 0, k, 0.0),
    "zeros around": lambda k: ops.pad(k[:, :1], [[0, 0], [0, 2], [0, 0], [0, 0]]),
    "zeros beside": lambda k: ops.concatenate([k[:, :1], ops.zeros((3, 2, 32, 32))], axis=1),
    "zeros written": lambda k: ops.slice_update(k, [0, 1, 0, 0], ops.zeros((3, 2, 32, 32))),
    "a product by einsum": lambda k: ops.einsum("hwio,hw->hwio", k, FIRST_COLUMN[:, :, 0, 0]),
    "a product of the flat kernel": lambda k: ops.reshape(
        ops.reshape(k, (9, 32, 32)) * FIRST_COLUMN.reshape(9, 32, 32), KERNEL
    ),
    "a product that is scaled": lambda k: 2.0 * (k * FIRST_COLUMN) / ops.sqrt(ops.sum(k * k)),
}


@pytest.mark.parametrize("compiled", [False, True])
@pytest.mark.parametrize("way", WAYS)
def test_gradients_of_masked_kernels(way, compiled):
    """The second and the third column are masked, and only they meet what changes."""
    w = pronghorn.Variable(np.ones(KERNEL, "float32") / 100)

    def gradient(x):
        with pronghorn.GradientTape() as tape:
            total = ops.sum(ops.conv(x, WAYS[way](w), padding="same")[..., :1] * Y)
        return tape.gradient(total, w)

    assert not first_taps_move(pronghorn.jit(gradient) if compiled else gradient)


def exact_in_a_program(make, shape=(3, 3, 4, 4), convolve=ops.conv):
    """Whether the convolution with a kernel that is made so is a plain sum."""
    avals = [Aval((2, 9, 9, 4), "float32"), Aval(shape, "float32")]
    graph = trace(lambda x, k: [convolve(x, make(k))], avals).graph
    (node,) = (n for g in (graph, *graph.subgraphs()) for n in g.nodes if n.prim.name in ("conv", "conv_input_grad"))
    return node.params.get("exact", False)


TAPS = np.float32([1, 1, 1, 1, 1, 0, 0, 0, 0]).reshape(3, 3, 1, 1)
FULL = np.broadcast_to(TAPS, (3, 3, 4, 4))
SOME_PAIRS = np.broadcast_to(np.float32([1, 0, 1, 1]), (3, 3, 4, 4))
MASKS = {
    "of a variable": lambda k: k * pronghorn.Variable(FULL),
    "computed": lambda k: k * ops.reshape(ops.cast(ops.arange(9) < 5, "float32"), (3, 3, 1, 1)),
    "in half precision": lambda k: ops.cast(ops.cast(k, "float16") * FULL.astype("float16"), "float32"),
    "turned": lambda k: ops.transpose(ops.transpose(k, (3, 2, 1, 0)) * FULL.T, (3, 2, 1, 0)),
    "reversed": lambda k: ops.flip(k * FULL, axis=0),
    "by size": lambda k: ops.where(ops.abs(k) > 0.1, k, 0.0),
    "negated": lambda k: -ops.tanh(k * FULL),
    "squared": lambda k: ops.square(k * FULL),
    "flat": lambda k: ops.reshape(ops.reshape(k, (9, 4, 4)) * TAPS.reshape(9, 1, 1), (3, 3, 4, 4)),
    "by einsum": lambda k: ops.einsum("hwio,hw->hwio", k, TAPS[:, :, 0, 0]),
    "zeros beside": lambda k: ops.concatenate([k[:2], ops.zeros((1, 3, 4, 4))]),
    "zeros beside a part": lambda k: ops.concatenate([k[:, :, :2] * TAPS, k[:, :, 2:]], axis=2),
    "stacked": lambda k: ops.stack([k[0], k[1], ops.stack([ops.zeros((4, 4))] * 3)]),
    "zeros written": lambda k: ops.slice_update(k, [2, 0, 0, 0], ops.zeros((1, 3, 4, 4))),
    "written into zeros": lambda k: ops.slice_update(ops.zeros((3, 3, 4, 4)), [0, 0, 0, 0], k[:, :2]),
    "written after zeros": lambda k: ops.slice_update(k * FULL, [0, 0, 0, 0], k[:1]),
    "zeros scattered": lambda k: ops.scatter_update(k, [[2]], np.zeros((1, 3, 4, 4), "float32")),
    "scattered": lambda k: ops.scatter([[0], [2]], k[:2], (3, 3, 4, 4)),
}
NO_MASKS = {
    "plain": lambda k: k,
    "squared": lambda k: k * k,
    "one over it": lambda k: 1.0 / k,
    "quotient": lambda k: (k + 1) / k,
    "ones": lambda k: k * np.ones((3, 3, 4, 4), "float32"),
    "whole pairs": lambda k: k * SOME_PAIRS,
    "chosen pairs": lambda k: ops.where(SOME_PAIRS > 0, k, 0.0),
    "scaled channels": lambda k: k * np.arange(4, dtype="float32"),
    "normalised": lambda k: k / ops.sqrt(ops.sum(k * k, axis=(0, 1, 2), keepdims=True)),
    "another where": lambda k: ops.where(FULL > 0, k, 2 * k),
    "functions": lambda k: -ops.tanh(ops.square(k)),
    "cosine": lambda k: ops.cos(k * FULL),
    "flat": lambda k: ops.reshape(ops.reshape(k, (9, 16)) * np.arange(16, dtype="float32"), (3, 3, 4, 4)),
    "whole pairs, flat": lambda k: ops.reshape(ops.reshape(k, (9, 16)) * (SOME_PAIRS.reshape(9, 16)), (3, 3, 4, 4)),
    "taps and channels in one axis": lambda k: ops.reshape(ops.reshape(k, (144,)), (3, 3, 4, 4)),
    "by einsum": lambda k: ops.einsum("hwio,o->hwio", k, np.arange(4, dtype="float32")),
    "ones by einsum": lambda k: ops.einsum("hwio,hw->hwio", k, np.ones((3, 3), "float32")),
    "channels beside": lambda k: ops.concatenate([k[:, :, :2], ops.zeros((3, 3, 2, 4))], axis=2),
    "taps beside": lambda k: ops.concatenate([k[:2], 2 * k[2:]]),
    "taps written": lambda k: ops.slice_update(k, [2, 0, 0, 0], 2 * k[:1]),
    "channels written": lambda k: ops.slice_update(k, [0, 0, 0, 0], ops.zeros((3, 3, 2, 4))),
    "all written": lambda k: ops.slice_update(ops.zeros((3, 3, 4, 4)), [0, 0, 0, 0], k),
    "all scattered": lambda k: ops.scatter([[0], [1], [2]], k, (3, 3, 4, 4)),
}


@pytest.mark.parametrize("way", MASKS)
def test_masks_are_seen(way):
    assert exact_in_a_program(MASKS[way])
    assert exact_in_a_program(MASKS[way], convolve=ops.conv_transpose)


@pytest.mark.parametrize("way", NO_MASKS)
def test_other_kernels_are_left_to_what_is_faster(way):
    assert not exact_in_a_program(NO_MASKS[way])


def test_masks_of_depthwise_kernels_and_around_loops():
    assert exact_in_a_program(lambda k: k * TAPS, (3, 3, 4, 2), ops.depthwise_conv)
    assert not exact_in_a_program(lambda k: np.ones((3, 3, 4, 2), "float32"), convolve=ops.depthwise_conv)
    loop = lambda x, w: ops.fori_loop(0, 3, lambda i, x: ops.conv(x, w, padding="same"), x)  # noqa: E731
    assert exact_in_a_program(lambda k: k * TAPS, convolve=loop)
    assert not exact_in_a_program(lambda k: k, convolve=loop)


def test_gaps_at_the_edges():
    assert not gaps(np.zeros((0, 2, 2), "float32"), (0,))
    assert not gaps(np.zeros((1, 2, 2), "float32"), (0,))
    assert gaps(np.float32([[[-0.0]], [[np.nan]]]), (0,))
