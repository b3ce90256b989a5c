"""Quantized layers beside Keras's: the same variables to the bit, the same outputs and gradients, files both ways."""

import os

os.environ.setdefault("KERAS_BACKEND", "jax")

from dataclasses import dataclass, field
from typing import Any

import numpy as np
import pytest

keras = pytest.importorskip("keras")

import pronghorn  # noqa: E402

pytestmark = pytest.mark.slow

LIBRARIES = {"keras": keras, "pronghorn": pronghorn}
RNG = np.random.default_rng(3)
IDS = RNG.integers(0, 9, (2, 5)).astype("int32")


@dataclass(frozen=True)
class Case:
    """A layer and its input; what cannot be said by a name is a function of the library."""

    name: str
    layer: str
    kwargs: dict[str, Any]
    inputs: np.ndarray
    modes: tuple[str, ...] = ("int8", "int4", "float8")
    call: dict[str, Any] = field(default_factory=dict)


def floats(*shape):
    return RNG.normal(size=shape).astype("float32")


def einsum(equation, output_shape, bias, *shape):
    kwargs = {"equation": equation, "output_shape": output_shape, "bias_axes": bias, "activation": "relu"}
    return Case(equation, "EinsumDense", kwargs, floats(*shape))


TABLE = {"input_dim": 9, "output_dim": 7}
CASES = [
    Case("dense", "Dense", {"units": 5, "activation": "tanh"}, floats(3, 7)),
    Case("dense_deep", "Dense", {"units": 4, "use_bias": False}, floats(2, 3, 6)),
    einsum("abc,cde->abde", (None, 2, 3), "de", 2, 5, 4),
    einsum("abde,dec->abc", (None, 3), "c", 2, 3, 4, 2),
    einsum("abc,acd->abd", (4, 3), "d", 5, 4, 6),
    einsum("ab,cb->ac", 3, None, 4, 6),
    Case("embedding", "Embedding", TABLE, IDS, ("int8", "int4")),
    Case("tied", "ReversibleEmbedding", TABLE, IDS, ("int8", "int4")),
    Case("tied_back", "ReversibleEmbedding", TABLE, floats(2, 5, 7), ("int8", "int4"), {"reverse": True}),
    Case("untied_back", "ReversibleEmbedding", {**TABLE, "tie_weights": False, "logit_soft_cap": 1.5}, floats(2, 5, 7)),
]
CASES[-1] = Case(
    CASES[-1].name, CASES[-1].layer, CASES[-1].kwargs, CASES[-1].inputs, ("int8", "int4"), {"reverse": True}
)

#: Ways to quantize, by mode: arguments of `quantize`, given the library.
WAYS = {
    "int8": ("int8", lambda k: {"mode": "int8"}),
    "int8_weights": ("int8", lambda k: {"config": k.quantizers.Int8QuantizationConfig(activation_quantizer=None)}),
    "int4": ("int4", lambda k: {"mode": "int4"}),
    "int4_by_3": ("int4", lambda k: {"config": k.quantizers.Int4QuantizationConfig(block_size=3)}),
    "int4_whole": ("int4", lambda k: {"config": k.quantizers.Int4QuantizationConfig(block_size=None)}),
    "float8": ("float8", lambda k: {"mode": "float8"}),
}


def built(library, case, **options):
    layer = getattr(library.layers, case.layer)(**case.kwargs, name="it", **options)
    layer.build(IDS.shape if case.layer == "ReversibleEmbedding" else case.inputs.shape)
    return layer


def random_weights(layer):
    rng = np.random.default_rng(5)
    layer.set_weights([rng.normal(size=w.shape).astype(w.dtype) for w in layer.get_weights()])


def output_of(layer, case):
    return np.asarray(layer(case.inputs, **case.call)).astype("float32")


def agree(mine, theirs, low=False):
    bound = 0.05 if low else 1e-5
    np.testing.assert_allclose(mine, theirs, rtol=0, atol=bound * max(1.0, float(np.abs(theirs).max(initial=0))))


def described(layer):
    return [(w.path, tuple(w.shape), w.dtype, bool(w.trainable)) for w in layer.weights]


PAIRS = [(case, way) for case in CASES for way, (mode, _) in WAYS.items() if mode in case.modes]


@pytest.mark.parametrize("policy", ["float32", "mixed_bfloat16"])
@pytest.mark.parametrize(("case", "way"), PAIRS, ids=[f"{case.name}-{way}" for case, way in PAIRS])
def test_quantize(case, way, policy):
    layers = {}
    for name, library in LIBRARIES.items():
        layers[name] = built(library, case, dtype=policy)
        random_weights(layers[name])
        layers[name].quantize(**WAYS[way][1](library))
    mine, theirs = layers["pronghorn"], layers["keras"]
    assert described(mine) == described(theirs)
    assert mine.dtype_policy.name == theirs.dtype_policy.name and mine.quantization_mode == theirs.quantization_mode
    for a, b in zip(mine.get_weights(), theirs.get_weights(), strict=True):
        np.testing.assert_array_equal(a, b)
    agree(output_of(mine, case), output_of(theirs, case), low=policy != "float32")
    ours, keras_config = mine.get_config(), theirs.get_config()
    assert {k: v for k, v in ours.items() if "initializer" not in k} == {
        k: v for k, v in keras_config.items() if "initializer" not in k
    }


POLICIES = ["int8_from_float32", "int8_from_mixed_bfloat16", "int4_from_float32", "int4/2_from_float32"]
POLICIES += ["int4/-1_from_float32", "float8_from_float32", "float8_from_mixed_bfloat16"]
MADE = [
    (case, policy) for case in CASES for policy in POLICIES if policy[: policy.index("_")].split("/")[0] in case.modes
]


@pytest.mark.parametrize(("case", "policy"), MADE, ids=[f"{case.name}-{policy}" for case, policy in MADE])
def test_made_with_a_policy(case, policy):
    mine, theirs = (built(LIBRARIES[name], case, dtype=policy) for name in ("pronghorn", "keras"))
    assert described(mine) == described(theirs)
    rng = np.random.default_rng(6)
    values = [
        rng.integers(-100, 100, w.shape).astype("int8") if w.dtype == "int8" else np.abs(rng.normal(size=w.shape)) + 0.5
        for w in mine.get_weights()
    ]
    if "/2" in policy:
        values = [v if v.dtype == "int8" or "g_idx" not in w.path else w.numpy() for v, w in zip(values, mine.weights)]
    mine.set_weights([v.astype(w.dtype) for v, w in zip(values, mine.get_weights())])
    theirs.set_weights([v.astype(w.dtype) for v, w in zip(values, mine.get_weights())])
    agree(output_of(mine, case), output_of(theirs, case), low="bfloat16" in policy)


FILES = [(case, way) for case, way in PAIRS if "back" not in case.name]


@pytest.mark.parametrize("direction", ["to_keras", "from_keras"])
@pytest.mark.parametrize(("case", "way"), FILES, ids=[f"{case.name}-{way}" for case, way in FILES])
def test_files(tmp_path, case, way, direction):
    writer, reader = (pronghorn, keras) if direction == "to_keras" else (keras, pronghorn)
    inputs = writer.Input(case.inputs.shape[1:], batch_size=case.inputs.shape[0], dtype=case.inputs.dtype.name)
    model = writer.Model(inputs, getattr(writer.layers, case.layer)(**case.kwargs)(inputs))
    random_weights(model)
    model.quantize(**WAYS[way][1](writer))
    model.save(tmp_path / "model.keras")
    model.save_weights(tmp_path / "model.weights.h5")
    loaded = reader.saving.load_model(tmp_path / "model.keras")
    before = [w.numpy() for w in model.weights]
    for _ in range(2):
        for a, b in zip(loaded.get_weights(), model.get_weights(), strict=True):
            if WAYS[way][0] != "float8":  # a layer made under the policy has the scales first
                np.testing.assert_array_equal(a, b)
        agree(np.asarray(loaded(case.inputs)), np.asarray(model(case.inputs)))
        loaded.set_weights([np.zeros_like(w) for w in loaded.get_weights()])
        loaded.load_weights(tmp_path / "model.weights.h5")
    assert len(before) == len(loaded.weights)


def trained(library, mode, steps, lora=False, optimizer="SGD", batch=4):
    rng = np.random.default_rng(7)
    model = library.Sequential(
        [library.Input((6,)), library.layers.Dense(5, activation="tanh"), library.layers.Dense(3)]
    )
    random_weights(model)
    model.quantize(mode)
    if lora:
        for layer in model.layers:
            layer.enable_lora(2)
            for factor in (layer.lora_kernel_a, layer.lora_kernel_b):
                factor.assign(rng.normal(size=factor.shape) * 0.1)
    model.compile(getattr(library.optimizers, optimizer)(0.05), "mse")
    x, y = rng.normal(size=(steps * batch, 6)).astype("float32"), rng.normal(size=(steps * batch, 3)).astype("float32")
    history = model.fit(x, y, batch_size=batch, epochs=2, shuffle=False, verbose=0)
    return model, history.history["loss"], x


@pytest.mark.parametrize("optimizer", ["SGD", "Adam"])
@pytest.mark.parametrize(
    ("mode", "lora"), [("float8", False), ("int8", False), ("int8", True), ("int4", True)], ids=lambda v: str(v)
)
def test_training(mode, lora, optimizer):
    mine, losses, x = trained(pronghorn, mode, 4, lora, optimizer)
    theirs, expected, _ = trained(keras, mode, 4, lora, optimizer)
    np.testing.assert_allclose(losses, expected, rtol=1e-3)
    for a, b in zip(mine.weights, theirs.weights, strict=True):
        assert a.path.split("/")[-1] == b.path.split("/")[-1]
        agree(a.numpy().astype("float32"), np.asarray(b.numpy()).astype("float32"), low=mode == "float8")
    agree(mine.predict(x, verbose=0), theirs.predict(x, verbose=0), low=mode == "float8")


@pytest.mark.parametrize("mode", ["int8", "int4"])
def test_files_of_layers_with_an_update_of_low_rank(tmp_path, mode):
    mine, _, x = trained(pronghorn, mode, 2, lora=True)
    mine.save(tmp_path / "model.keras")
    loaded = keras.saving.load_model(tmp_path / "model.keras")
    again = pronghorn.saving.load_model(tmp_path / "model.keras")
    agree(again.predict(x, verbose=0), loaded.predict(x, verbose=0))
    assert np.abs(again.predict(x, verbose=0) - mine.predict(x, verbose=0)).max() < (0.05 if mode == "int8" else 0.8)
