"""`Model.quantize` by modes that look at data."""

import numpy as np
import pytest

from pronghorn import Input, Model, Sequential, layers, models, quantizers
from pronghorn.models.calibrating import _gathered

IDS = np.random.default_rng(2).integers(0, 9, (40,))
CONFIGS = {"gptq": quantizers.GPTQConfig, "awq": quantizers.AWQConfig}


class Block(layers.Layer):
    def __init__(self, **kwargs):
        super().__init__(**kwargs)
        self.attend = layers.MultiHeadAttention(2, 3, name="attend")
        self.dense = layers.Dense(6, activation="relu", name="dense")
        self.norm = layers.LayerNormalization()

    def call(self, x):
        return x + self.dense(self.norm(x + self.attend(x, x)))


def built():
    ids = Input((5,), dtype="int32")
    table = layers.Embedding(9, 6)
    blocks = [Block(name="one"), Sequential([layers.Dense(7, name="up"), layers.Dense(6, name="down")], name="two")]
    model = Model(ids, layers.Dense(3, name="head")(blocks[1](blocks[0](table(ids)))))
    return model, {"pre_block_layers": [table], "sequential_blocks": blocks}


def config(mode, structure, dataset=(IDS,), **kwargs):
    numbers = {"num_samples": 5, "sequence_length": 5, "group_size": 4}
    return CONFIGS[mode](dataset, None, quantization_layer_structure=structure, **{**numbers, **kwargs})


def modes(model):
    return {layer.name: layer.quantization_mode for layer in model._flatten_layers() if hasattr(layer, "units")}


@pytest.mark.slow
@pytest.mark.parametrize("mode", CONFIGS)
def test_blocks_are_quantized_and_files_keep_them(mode, tmp_path):
    model, structure = built()
    x = IDS[:20].reshape(4, 5)
    before = model.predict(x, verbose=0)
    model.quantize(mode, config=config(mode, structure))
    assert modes(model) == {"dense": mode, "up": mode, "down": mode, "head": None}
    after = model.predict(x, verbose=0)
    assert 0 < np.abs(after - before).max() < 0.5 * np.abs(before).max()
    np.testing.assert_allclose(model(x).numpy(), after, atol=1e-5)
    up = structure["sequential_blocks"][1].layers[0]
    assert up.quantized_kernel.dtype == "uint8" and up.quantized_kernel.shape == (4, 6) and up.kernel.shape == (7, 6)
    assert up.quantization_config.dataset is None and not hasattr(up, "_kernel") and "call" not in vars(up)
    two, given = structure["sequential_blocks"][1], np.ones((2, 5, 6), "float32")
    two.save(tmp_path / "two.keras")
    loaded = models.load_model(tmp_path / "two.keras")
    np.testing.assert_array_equal(loaded.predict(given, verbose=0), two.predict(given, verbose=0))
    model.save_weights(tmp_path / "model.weights.h5")
    model.load_weights(tmp_path / "model.weights.h5")
    np.testing.assert_array_equal(model.predict(x, verbose=0), after)
    report = model.quantize(mode, config=config(mode, structure))
    assert not report.quantized and len(report.skipped_by_reason("already quantized")) == 7
    np.testing.assert_array_equal(model.predict(x, verbose=0), after)


def test_the_second_block_sees_what_the_first_gives_quantized():
    model, structure = built()
    given = config("gptq", structure, weight_bits=2)
    model.quantize(config=given)
    table, (one, two) = structure["pre_block_layers"][0], structure["sequential_blocks"]
    pieces = quantizers.calibration.samples(given)
    values = [one(table(piece)) for piece in pieces]
    fresh, _ = built()
    copy = fresh.layers[3]
    up = copy.layers[0]
    (pair,) = _gathered([up], copy, values, given)
    rows = np.concatenate([value.numpy().reshape(-1, 6) for value in values])
    np.testing.assert_allclose(pair[1].matrix(), 2 * rows.T @ rows / len(rows), rtol=1e-4)
    assert pair[1].count == 25 and two.layers[0].quantization_mode == "gptq"


@pytest.mark.parametrize(
    "equation, shape, outputs", [("abc,cde->abde", (2, 3, 6), (3, 2, 2)), ("abde,dec->abc", (2, 3, 2, 2), (3, 5))]
)
def test_rows_of_an_equation_are_those_of_a_matrix(equation, shape, outputs):
    layer = layers.EinsumDense(equation, outputs)
    layer.build(shape)
    x = np.random.default_rng(0).normal(size=shape).astype("float32")
    weight = layer._weights_to_quantize()[0]
    product = layer._rows_to_watch()(x).numpy() @ layer.kernel.numpy().reshape(weight.by_data)
    np.testing.assert_allclose(product.reshape(layer(x).shape), layer(x).numpy(), rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize(
    "equation, shape, outputs",
    [("ab,cb->ac", (4, 6), 3), ("abc,acd->abd", (5, 4, 6), (4, 3)), ("ab,bcd->acd", (4, 3), (2, 5))],
)
@pytest.mark.parametrize("mode", CONFIGS)
def test_what_keras_lays_out_by_extents_is_rounded_number_by_number(mode, equation, shape, outputs):
    layer = layers.EinsumDense(equation, outputs)
    layer.build(shape)
    assert layer._rows_to_watch() is None
    x, given = np.random.default_rng(0).normal(size=shape).astype("float32"), config(mode, None)
    before = layer(x).numpy()
    layer.quantize(mode, config=given)
    np.testing.assert_array_equal(layer(x).numpy(), before)
    layer._settle(layer._few_bits(given.statistics(), given))
    np.testing.assert_allclose(layer(x).numpy(), before, atol=0.6)


@pytest.mark.parametrize("filters", ["^up$", lambda layer: layer.name == "up"], ids=["pattern", "function"])
def test_filters(filters):
    model, structure = built()
    model.quantize(config=config("awq", structure), filters=filters)
    assert modes(model) == {"dense": None, "up": "awq", "down": None, "head": None}


def test_a_layer_in_several_blocks_is_quantized_with_the_first():
    table, shared = layers.Embedding(9, 6), layers.Dense(6, name="shared")
    first, second = Sequential([shared, layers.ReLU()]), Sequential([shared, layers.Dense(2, name="last")])
    ids = Input((5,), dtype="int32")
    model = Model(ids, second(first(first(table(ids)))))
    model.quantize(config=config("awq", {"pre_block_layers": [table], "sequential_blocks": [first, first, second]}))
    assert modes(model) == {"shared": "awq", "last": "awq"}


def test_a_model_that_says_its_structure():
    class Own(Sequential):
        def get_quantization_layer_structure(self, mode=None):
            return {"pre_block_layers": self.layers[:1], "sequential_blocks": self.layers[1:2]}

    model = Own([Input((5,), dtype="int32"), layers.Embedding(9, 6), layers.Dense(4), layers.Dense(2)])
    model.quantize("gptq", config=config("gptq", None))
    assert [layer.quantization_mode for layer in model.layers] == [None, "gptq", None]


def test_refusals_leave_the_model_as_it_was():
    model, structure = built()
    plain = Sequential([Input((3,)), layers.Dense(2)])
    nan = layers.Dense(2, name="nan", kernel_initializer=lambda shape, dtype=None: np.full(shape, np.nan, "float32"))
    nan.build((None, 6))
    blocks = structure["sequential_blocks"]
    for given, message in (
        (config("gptq", None), "quantization structure has to say which blocks"),
        (config("gptq", {"sequential_blocks": []}), "there are no sequential_blocks"),
        (config("gptq", {"blocks": blocks}), "dict with the keys pre_block_layers and sequential_blocks, got"),
        (config("gptq", {"sequential_blocks": ["one"]}), "'one' is no layer"),
        (config("gptq", {"sequential_blocks": blocks[0]}), "sequential_blocks.* is a list of layers, got.*into a list"),
        (
            config("awq", {"sequential_blocks": [layers.LayerNormalization(name="norm")]}),
            "none in the sequential_blocks norm",
        ),
        (config("awq", {**structure, "sequential_blocks": [*blocks, nan]}), "'nan'.*NaN or infinite numbers"),
        (config("awq", {**structure, "sequential_blocks": [*blocks, layers.Dense(2)]}), "before it is built"),
        (config("gptq", structure, dataset=[]), "nothing in it"),
        (config("gptq", structure, hessian_damping=0, num_samples=1, sequence_length=2), "the Hessian has no inverse"),
    ):
        with pytest.raises(ValueError, match=message):
            (plain if given.quantization_layer_structure is None else model).quantize(config=given)
    assert set(modes(model).values()) == {None}


@pytest.mark.parametrize("mode", CONFIGS)
def test_a_layer_that_has_seen_nothing(mode):
    layer = layers.Dense(3, name="last")
    layer.build((None, 6))
    layer.quantize(mode, config=config(mode, None))
    assert layer.dtype_policy.name == f"{mode}/4/4_from_float32" and layer(np.ones((0, 6))).shape == (0, 3)
    with pytest.raises(ValueError, match=f"'last'.*prepared for {mode}, but still computes in floats.*Model.quantize"):
        layer.save_own_variables({})
    with pytest.raises(NotImplementedError, match=f"the mode {mode} there is no LoRA"):
        layer.enable_lora(2)
    other = layers.Dense(3, name="other")
    other.build((None, 6))
    with pytest.raises(ValueError, match=f"a dtype policy alone, here '{mode}/4/4_from_float32', does not quantize"):
        other.dtype_policy = f"{mode}/4/4_from_float32"
    other.enable_lora(2)
    with pytest.raises(NotImplementedError, match="update of low rank cannot be quantized by"):
        other.quantize(mode, config=config(mode, None))


@pytest.mark.parametrize("symmetric", [True, False])
def test_files_without_zeros(symmetric):
    layer = layers.Dense(3, name="last")
    layer.build((None, 6))
    given = config("gptq", None, symmetric=symmetric)
    layer.quantize(config=given)
    layer._settle(layer._few_bits(given.statistics(), given))
    store = {}
    layer.save_own_variables(store)
    without = {str(i): store[key] for i, key in enumerate(["0", "1", "2", "4"])}
    copy = layers.Dense.from_config(layer.get_config())
    copy.build((None, 6))
    if not symmetric:
        with pytest.raises(ValueError, match="'last'.*everything but the zeros.*symmetric=True"):
            copy.load_own_variables(without)
        return
    copy.load_own_variables(without)
    np.testing.assert_array_equal(copy.kernel_zero.numpy(), layer.kernel_zero.numpy())


@pytest.mark.parametrize("bits", [2, 4, 8])
@pytest.mark.parametrize("outputs", [5, 6])
def test_files_of_keras_3_16(bits, outputs):
    """In development, it has four integers of two bits in a byte, 3.15 one; since October 2026 inputs come first."""
    rng = np.random.default_rng(0)
    integers = rng.integers(0, 2**bits, (outputs, 6)).astype("uint8")
    scale, zero = rng.uniform(0.1, 1, (outputs, 2)).astype("float32"), np.full((outputs, 2), 2, "uint8")
    groups = np.array([0, 0, 0, 0, 1, 1], "float32")
    pack = {2: quantizers.pack_int2, 4: quantizers.pack_int4, 8: lambda x, dtype: (x,)}[bits]
    expected = (integers - 2.0) * scale[:, groups.astype(int)]
    packed = np.asarray(pack(integers, dtype="uint8")[0])
    own = integers if bits == 2 else packed
    for stored in ((own, scale, zero), (packed, scale, zero), (packed.T, scale.T, zero.T)):
        layer = layers.Dense(outputs, use_bias=False, dtype=f"gptq/{bits}/4_from_float32")
        layer.build((None, 6))
        layer.load_own_variables({str(i): np.asarray(value) for i, value in enumerate((*stored, groups))})
        np.testing.assert_allclose(layer(np.eye(6, dtype="float32")), expected.T, rtol=1e-6)


def test_samples_go_through_several_at_a_time():
    found, sizes = [], []

    class Counting(layers.Layer):
        def call(self, x):
            sizes.append(x.shape[0])
            return x

    for count in (1, 2, 8):
        table, head = layers.Embedding(9, 6), layers.Dense(4)
        model = Sequential([Input((5,), dtype="int32"), table, Counting(), head])
        model.set_weights(
            [np.sin(np.arange(float(weight.size))).reshape(weight.shape) for weight in model.get_weights()]
        )
        sizes.clear()
        structure = {"pre_block_layers": model.layers[:2], "sequential_blocks": [head]}
        model.quantize(config=config("gptq", structure, calibration_batch_size=count))
        found.append((head.quantized_kernel.numpy(), head.kernel_scale.numpy(), list(sizes)))
    assert [sizes for _, _, sizes in found] == [[1] * 5, [2, 2, 1], [5]]
    for integers, scale, _ in found[1:]:
        np.testing.assert_array_equal(integers, found[0][0])
        np.testing.assert_array_equal(scale, found[0][1])
