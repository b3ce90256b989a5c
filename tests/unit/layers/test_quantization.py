"""Quantized layers by themselves; beside Keras's they are in `tests/programs/test_quantization_vs_keras.py`."""

import numpy as np
import pytest

from pronghorn import GradientTape, Input, Model, Sequential, layers, ops, quantizers, saving

X = np.random.default_rng(0).normal(size=(4, 6)).astype("float32")


def dense(**kwargs):
    layer = layers.Dense(3, **kwargs)
    layer.build((None, 6))
    return layer


def test_products_are_those_of_the_integers():
    layer = dense()
    before = layer(X).numpy()
    layer.quantize("int8")
    assert layer.kernel.dtype == "int8" and not layer.kernel.trainable and layer.count_params() == 6 * 3 + 3 + 3
    values, scale = quantizers.abs_max_quantize(ops.convert_to_tensor(X), -1)
    sums = values.numpy().astype("int64") @ layer.kernel.numpy().astype("int64")
    expected = sums / (scale.numpy() * layer.kernel_scale.numpy()) + layer.bias.numpy()
    np.testing.assert_allclose(layer(X).numpy(), expected, rtol=1e-5, atol=1e-6)
    np.testing.assert_allclose(layer(X).numpy(), before, atol=0.05)


def test_sums_do_not_overflow_eight_bits():
    layer = layers.Dense(1, kernel_initializer="ones", use_bias=False)
    layer.build((None, 2000))
    layer.quantize("int8")
    np.testing.assert_allclose(layer(np.ones((1, 2000), "float32")).numpy(), [[2000.0]], rtol=1e-5)


@pytest.mark.parametrize("mode", ["int8", "int4", "float8", "ternary"])
def test_empty_batches_and_odd_extents(mode):
    for extent in (1, 3):
        layer = layers.Dense(extent)
        layer.build((None, extent))
        layer.quantize(mode)
        assert layer(np.zeros((0, extent), "float32")).shape == (0, extent)
        assert np.isfinite(layer(np.zeros((1, extent), "float32")).numpy()).all()
    assert layers.Dense(2, dtype=f"{mode}_from_float32")(np.zeros((0, 3), "float32")).shape == (0, 2)


@pytest.mark.parametrize("mode", ["int8", "int4", "float8", "ternary"])
def test_once_a_layer(mode):
    layer = dense(name="last")
    layer.quantize(mode)
    with pytest.raises(ValueError, match="'last'.*_from_float32' already and cannot be quantized again"):
        layer.quantize(mode)


def test_refusals():
    with pytest.raises(ValueError, match="'last'.*no weights to quantize before it is built.*Call it once"):
        layers.Dense(3, name="last").quantize("int8")
    with pytest.raises(ValueError, match="no mode 'int7'; nearest: .*int8.*The modes are int8, int4"):
        dense().quantize("int7")
    with pytest.raises(ValueError, match="neither a mode nor a config.*For example"):
        dense().quantize()
    with pytest.raises(ValueError, match="mode='int8', but the config is for 'int4'"):
        dense().quantize("int8", config=quantizers.Int4QuantizationConfig())
    with pytest.raises(ValueError, match="'gptq' looks at data.*GPTQConfig.dataset, tokenizer"):
        dense().quantize("gptq")
    with pytest.raises(ValueError, match="range of float16.*mixed_bfloat16"):
        dense(dtype="mixed_float16").quantize("int8")
    table = layers.Embedding(4, 2)
    table.build()
    with pytest.raises(NotImplementedError, match="cannot be quantized to 'float8', but to int8, int4"):
        table.quantize("float8")
    config = quantizers.Int8QuantizationConfig(weight_quantizer=quantizers.AbsMaxQuantizer(axis=1))
    layer = dense(name="last")
    with pytest.raises(ValueError, match=r"'last'.*shape \(6, 1\).*\(1, 3\) is needed.*axis=0"):
        layer.quantize(config=config)
    assert layer(X).shape == (4, 3) and layer.quantization_mode is None


def test_subclasses_may_compute_something_else():
    class Doubled(layers.Dense):
        pass

    layer = Doubled(3)
    layer.build((None, 6))
    with pytest.raises(
        NotImplementedError, match=".Doubled. cannot be quantized: .* no quantize.. of its own.*type_check=False"
    ):
        layer.quantize("int8")
    layer.quantize("int8", type_check=False)
    assert layer.quantization_mode == "int8"


def test_layers_that_cannot_be_quantized_say_so_before_anything_is_built():
    layer = layers.Conv2D(2, 1, dtype="int8_from_float32", name="first")
    with pytest.raises(NotImplementedError, match="'first' .Conv2D. cannot be quantized to 'int8', but to static_int8"):
        layer(np.ones((1, 2, 2, 1), "float32"))
    assert not layer.built
    layer = layers.LayerNormalization(dtype="int8_from_float32", name="second")
    with pytest.raises(NotImplementedError, match="'second' .LayerN.* has a dtype policy of the mode int8.*Dense"):
        layer(np.ones((1, 2), "float32"))
    assert not layer.built


def test_a_layer_of_the_users_with_a_call_for_a_mode():
    class Own(layers.Layer):
        def build(self, shape):
            self.kernel = self.add_weight(shape=(shape[-1], 2), initializer="ones")

        def call(self, x):
            return ops.matmul(x, self.kernel)

        def quantize(self, mode, config=None, **kwargs):
            value, scale = quantizers.abs_max_quantize(self.kernel, axis=0, to_numpy=True)
            del self.kernel
            self.kernel = self.add_weight(shape=value.shape, dtype="int8", trainable=False)
            self.kernel.assign(value)
            self.scale = self.add_weight(shape=scale.shape, trainable=False)
            self.scale.assign(scale)
            self._is_quantized = True
            self.dtype_policy = f"{mode}_from_{self.dtype_policy.name}"

        def _int8_call(self, x):
            return ops.matmul(x, self.kernel) / self.scale

    layer = Own()
    layer(X)
    layer.quantize("int8")
    np.testing.assert_allclose(layer(X).numpy(), X.sum(1, keepdims=True).repeat(2, 1), atol=1e-4)
    assert [w.dtype for w in layer.weights] == ["int8", "float32"]


def test_setting_the_policy_quantizes():
    layer = dense()
    layer.dtype_policy = "int8_from_float32"
    assert layer.kernel.dtype == "int8"
    layer = dense()
    layer.dtype_policy = "int4/2_from_float32"
    assert layer.kernel_scale.shape == (3, 3)
    layer = dense()
    layer.dtype_policy = "ternary_from_float32"
    assert layer.kernel_scale.shape == ()


@pytest.mark.parametrize("mode", ["int8", "int4", "float8"])
@pytest.mark.parametrize(
    ("equation", "plain", "outputs", "shape"),
    [
        ("...x,xy->...y", "abx,xy->aby", (4, 3), (2, 4, 6)),
        ("ax...,yx->ay...", "axbc,yx->aybc", (3, 2, 3), (2, 6, 2, 3)),
    ],
)
def test_an_equation_with_an_ellipsis(equation, plain, outputs, shape, mode):
    x = np.random.default_rng(0).normal(size=shape).astype("float32")
    found = []
    for one, extents in ((equation, (3,)), (plain, outputs)):
        layer = layers.EinsumDense(one, extents, kernel_initializer="ones")
        layer.build(shape)
        layer.quantize(mode)
        found.append(layer(x).numpy())
    np.testing.assert_array_equal(*found)
    with GradientTape() as tape:
        inputs = ops.convert_to_tensor(x)
        tape.watch(inputs)
        total = ops.sum(layer(inputs))
    assert tape.gradient(total, inputs).shape == shape


def test_inputs_that_are_summed_share_their_gradient():
    layer = layers.EinsumDense("abc,cd->ad", (3,))
    layer.build((2, 5, 6))
    layer.quantize("int8")
    inputs = ops.convert_to_tensor(np.random.default_rng(0).normal(size=(2, 5, 6)).astype("float32"))
    with GradientTape() as tape:
        tape.watch(inputs)
        total = ops.sum(layer(inputs))
    gradient = tape.gradient(total, inputs).numpy()
    kernel = layer.kernel.numpy() / layer.kernel_scale.numpy()
    np.testing.assert_allclose(gradient, np.broadcast_to(kernel.sum(1), (2, 5, 6)), rtol=1e-5)


def small_model():
    return Sequential(
        [layers.Input((6,)), layers.Dense(4, name="a"), layers.BatchNormalization(), layers.Dense(3, name="b")]
    )


def test_models():
    model = small_model()
    before = model.predict(X, verbose=0)
    with pytest.warns(UserWarning, match="1 layer cannot be quantized to int8 and stays .*batch_norm.*2 layers were"):
        model.quantize("int8")
    after = model.predict(X, verbose=0)
    assert not np.array_equal(before, after)
    np.testing.assert_allclose(after, model(X).numpy(), atol=1e-6)
    np.testing.assert_allclose(after, before, atol=0.1)
    with pytest.raises(ValueError, match="cannot be quantized again"):
        model.layers[0].quantize("int8")


@pytest.mark.parametrize(
    "filters", ["^b$", ["x", "^b$"], lambda layer: layer.name == "b"], ids=["pattern", "patterns", "function"]
)
def test_filters(filters):
    model = small_model()
    model.quantize("int8", filters=filters)
    assert [layer.quantization_mode for layer in model.layers] == [None, None, "int8"]


def test_what_is_no_filter():
    with pytest.raises(ValueError, match="filters tells layers apart.*got 3"):
        small_model().quantize("int8", filters=3)
    with pytest.raises(ValueError, match="no argument layers; it takes mode"):
        small_model().quantize("int8", layers="b")
    for filters in ("(", ["b", "("], ["b", 3]):
        model = small_model()
        with pytest.raises(ValueError, match="in filters is no regular expression"):
            model.quantize("int8", filters=filters)
        assert not any(layer.quantization_mode for layer in model.layers)


@pytest.mark.parametrize("mode", ["int8", "int4"])
def test_an_update_of_low_rank_is_in_the_scores_of_both_ways(mode):
    layer = layers.ReversibleEmbedding(5, 4)
    layer.build()
    layer.quantize(mode)
    layer.enable_lora(2)
    layer.lora_embeddings_b.assign(np.ones((2, 4)))
    store = {}
    layer.save_own_variables(store)
    copy = layers.ReversibleEmbedding.from_config(layer.get_config())
    copy.build()
    copy.load_own_variables(store)
    copy_of_config = copy.get_config()
    assert copy_of_config == layer.get_config()
    vectors = np.random.default_rng(0).normal(size=(3, 4)).astype("float32")
    assert np.abs(layer(vectors, reverse=True).numpy() - copy(vectors, reverse=True).numpy()).max() < 0.5
    assert np.abs(layer(np.arange(5)).numpy() - copy(np.arange(5)).numpy()).max() < 0.5


def test_eight_bit_floats_do_not_go_with_an_update_of_low_rank():
    layer = dense()
    layer.enable_lora(2)
    layer.quantize("float8")
    with pytest.raises(NotImplementedError, match="the mode float8 there is no LoRA"):
        layer(X)


def test_a_file_of_a_layer_that_is_not_quantized():
    layer = dense(dtype="int8_from_float32", name="last")
    with pytest.raises(ValueError, match="'last'.*_kernel, bias, kernel_scale, but in the file there are 2"):
        layer.load_own_variables({"0": np.zeros((6, 3)), "1": np.zeros(3)})


@pytest.mark.parametrize(
    "layer", [layers.Dense(3), layers.Embedding(5, 4), layers.Conv1D(3, 2)], ids=["dense", "embedding", "conv"]
)
def test_an_update_of_low_rank_comes_after_the_weights_that_are_there(layer):
    """`get_weights` and `set_weights` exchange lists with Keras's layers."""
    layer.build((None, 7, 6))
    before = [w.name for w in layer.weights]
    layer.enable_lora(2)
    assert [w.name for w in layer.weights][: len(before)] == before
    assert [w.name for w in layer.non_trainable_weights] == before[:1]


@pytest.mark.parametrize("mode", ["int8", "int4", "float8"])
@pytest.mark.parametrize(
    "attention",
    [
        lambda: layers.MultiHeadAttention(2, 4, use_gate=True, name="heads"),
        lambda: layers.GroupedQueryAttention(4, 2, 1, name="heads"),
    ],
)
def test_attention_that_was_quantized_is_saved_and_read(attention, mode, tmp_path):
    x = np.random.default_rng(0).normal(size=(2, 5, 8)).astype("float32")
    inputs = Input((5, 8))
    model = Model(inputs, attention()(inputs, inputs))
    model.quantize(mode)
    expected = model.predict(x, verbose=0)
    model.save(tmp_path / "model.keras")
    again = saving.load_model(tmp_path / "model.keras")
    np.testing.assert_array_equal(again.predict(x, verbose=0), expected)
    heads = again.get_layer("heads")
    assert heads.dtype_policy["heads/query"].quantization_mode == mode and heads.compute_dtype == "float32"
    again.save(tmp_path / "once_more.keras")
    once_more = saving.load_model(tmp_path / "once_more.keras")
    np.testing.assert_array_equal(once_more.predict(x, verbose=0), expected)
    assert attention().get_config()["dtype"]["class_name"] == "DTypePolicy"
