"""Files go both ways: what Keras saves loads here, what is saved here loads in Keras, with the same predictions."""

import os

os.environ.setdefault("KERAS_BACKEND", "jax")

import numpy as np
import pytest

import pronghorn

keras = pytest.importorskip("keras")


def convolutional(k):
    return k.Sequential(
        [
            k.Input((9, 9, 1)),
            k.layers.Conv2D(4, 3, activation="relu"),
            k.layers.MaxPooling2D(),
            k.layers.BatchNormalization(),
            k.layers.Flatten(),
            k.layers.Dropout(0.5),
            k.layers.Dense(3, activation="softmax", kernel_regularizer=k.regularizers.L2(1e-3)),
        ]
    )


def two_inputs(k):
    a, b = k.Input((8,), name="a"), k.Input((3, 2), name="b")
    encoder = k.Sequential([k.layers.Dense(4, activation="gelu"), k.layers.LayerNormalization()], name="enc")
    recurrent = k.layers.Bidirectional(k.layers.LSTM(3))(b)
    joined = k.layers.Concatenate()([encoder(a), recurrent, k.layers.Reshape((8,))(a)])
    return k.Model([a, b], k.layers.Dense(2, name="out")(joined), name="fun")


def attention(k):
    x = k.Input((5, 4))
    y = k.layers.MultiHeadAttention(2, 3)(x, x)
    y = k.layers.LayerNormalization()(k.layers.Add()([x, y]))
    y = k.layers.TimeDistributed(k.layers.Dense(3, activation="tanh"))(y)
    y = k.layers.GRU(2, return_sequences=True)(y)
    return k.Model(x, k.layers.GlobalAveragePooling1D()(k.layers.Conv1D(2, 2, padding="same")(y)))


def embedding(k):
    return k.Sequential(
        [
            k.Input((6,), dtype="int32"),
            k.layers.Embedding(10, 4, mask_zero=True),
            k.layers.SimpleRNN(3),
            k.layers.Dense(1),
        ]
    )


def functions(k):
    x, pictures = k.Input((4, 6)), k.Input((8, 8, 3))
    o = k.ops
    y = (x - o.mean(x, axis=1, keepdims=True)) * 2.0 / (o.std(x, axis=1, keepdims=True) + 1e-3)
    y = o.concatenate([y, x], axis=-1)[:, :, 1:7]
    y = o.where(y > 0, y, 0.1 * y)
    y = 1.0 - o.softmax(o.einsum("bij,bjk->bik", o.transpose(y, (0, 2, 1)), x), axis=-1)
    y = o.clip(o.reshape(o.squeeze(o.expand_dims(y, 1), 1), (-1, 36)), 0.1, 0.9)
    y = o.sum(o.stack([y, o.cast(y, "float32")], axis=1), axis=1)
    y = k.layers.Dense(3)(y) + o.max(o.image.resize(pictures, (4, 4)), axis=(1, 2))
    a, b = o.split(o.concatenate([-abs(y), o.one_hot(o.argmax(y, axis=-1), 3)], -1), 2, axis=-1)
    return k.Model([x, pictures], k.activations.gelu(a) * b + k.activations.relu(a, max_value=6.0))


MODELS = {
    "functions": (functions, [(2, 4, 6), (2, 8, 8, 3)]),
    "convolutional": (convolutional, [(2, 9, 9, 1)]),
    "two_inputs": (two_inputs, [(2, 8), (2, 3, 2)]),
    "attention": (attention, [(2, 5, 4)]),
    "embedding": (embedding, None),
}


def inputs_of(shapes):
    rng = np.random.default_rng(3)
    if shapes is None:
        return rng.integers(0, 10, (2, 6)).astype("int32")
    arrays = [rng.normal(size=shape).astype("float32") for shape in shapes]
    return arrays[0] if len(arrays) == 1 else arrays


def randomize(model):
    rng = np.random.default_rng(5)
    model.set_weights([rng.uniform(0.1, 0.9, w.shape).astype(w.dtype) for w in model.get_weights()])


@pytest.mark.mostly_slow("convolutional")
@pytest.mark.parametrize("ending", [".keras", ".weights.h5"])
@pytest.mark.parametrize("direction", ["from_keras", "to_keras"])
@pytest.mark.parametrize("name", MODELS)
def test_files_go_both_ways(tmp_path, name, direction, ending):
    build, shapes = MODELS[name]
    writer, reader = (keras, pronghorn) if direction == "from_keras" else (pronghorn, keras)
    model = build(writer)
    model.compile("adam", "mse")
    model.optimizer.build(model.trainable_variables)
    randomize(model)
    path = str(tmp_path / f"model{ending}")
    if ending == ".keras":
        model.save(path)
        loaded = reader.saving.load_model(path)
        assert loaded.optimizer is not None
        assert len(loaded.optimizer.variables) == len(model.optimizer.variables)
    else:
        model.save_weights(path)
        loaded = build(reader)
        loaded.load_weights(path)
    x = inputs_of(shapes)
    np.testing.assert_allclose(np.asarray(loaded(x)), np.asarray(model(x)), rtol=2e-5, atol=1e-6)


def test_operators_in_a_model_of_keras(tmp_path):
    x = keras.Input((8,))
    y = keras.ops.mean(1.0 - x * 2.0, axis=-1, keepdims=True)
    z = keras.ops.concatenate([keras.ops.relu(x)[:, 1:3], y], axis=-1)
    model = keras.Model(x, keras.layers.Dense(2)(keras.ops.reshape(z, (-1, 3))))
    model.save(tmp_path / "model.keras")
    loaded = pronghorn.saving.load_model(tmp_path / "model.keras")
    values = np.random.default_rng(0).normal(size=(2, 8)).astype("float32")
    np.testing.assert_allclose(np.asarray(loaded(values)), np.asarray(model(values)), rtol=2e-5, atol=1e-6)


def with_functions_of_the_user(library):
    """A model whose activations and loss are registered functions."""

    @library.saving.register_keras_serializable("both_ways")
    def swish_of_mine(x):
        return x * library.ops.sigmoid(x)

    @library.saving.register_keras_serializable("both_ways")
    def loss_of_mine(y, p):
        return library.ops.mean(library.ops.square(y - p), axis=-1) + 0.25

    hidden = [library.layers.Dense(3, activation=swish_of_mine), library.layers.Activation(swish_of_mine)]
    model = library.Sequential([library.Input((4,)), *hidden, library.layers.Dense(1)])
    model.compile("sgd", loss_of_mine, metrics=[library.metrics.MeanMetricWrapper(loss_of_mine, name="again")])
    return model


@pytest.mark.parametrize("direction", ["from_keras", "to_keras"])
def test_functions_of_the_user(tmp_path, direction):
    writer, reader = (keras, pronghorn) if direction == "from_keras" else (pronghorn, keras)
    with_functions_of_the_user(reader)  # registers them
    model = with_functions_of_the_user(writer)
    model.save(tmp_path / "model.keras")
    loaded = reader.saving.load_model(tmp_path / "model.keras")
    x = np.random.default_rng(0).normal(size=(6, 4)).astype("float32")
    np.testing.assert_allclose(np.asarray(loaded(x)), np.asarray(model(x)), rtol=2e-5, atol=1e-6)
    figures = [m.train_on_batch(x, x[:, :1], return_dict=True) for m in (model, loaded)]
    np.testing.assert_allclose(figures[1]["loss"], figures[0]["loss"], rtol=1e-5)
    np.testing.assert_allclose(figures[1]["again"], figures[0]["again"], rtol=1e-5)


@pytest.mark.parametrize("writer", [keras, pronghorn], ids=["from_keras", "from_itself"])
def test_a_layer_in_two_models(tmp_path, writer):
    """Keras does not read such a file of its own: in it the layer's first entry lacks the mark of a shared object."""
    shared = writer.layers.Dense(3, activation="tanh")
    x, inner = writer.Input((3,)), writer.Input((3,))
    tower = writer.Model(inner, writer.layers.Dense(3)(shared(shared(inner))), name="tower")
    model = writer.Model(x, writer.layers.Dense(1)(writer.layers.Concatenate()([tower(x), shared(x)])))
    randomize(model)
    model.save(tmp_path / "model.keras")
    loaded = pronghorn.saving.load_model(tmp_path / "model.keras")
    assert len(loaded.weights) == len(model.weights) == 6
    assert loaded.get_layer(shared.name) is loaded.get_layer("tower").get_layer(shared.name)
    values = np.random.default_rng(0).normal(size=(4, 3)).astype("float32")
    np.testing.assert_allclose(np.asarray(loaded(values)), np.asarray(model(values)), rtol=2e-5, atol=1e-6)


@pytest.mark.parametrize("direction", ["from_keras", "to_keras"])
def test_weights_in_several_files(tmp_path, direction):
    writer, reader = (keras, pronghorn) if direction == "from_keras" else (pronghorn, keras)
    model, loaded = two_inputs(writer), two_inputs(reader)
    randomize(model)
    path = str(tmp_path / "w.weights.json")
    model.save_weights(path, max_shard_size=600 / (1 << 30))
    assert len(list(tmp_path.iterdir())) > 2
    loaded.load_weights(path)
    for one, other in zip(model.get_weights(), loaded.get_weights(), strict=True):
        np.testing.assert_array_equal(one, other)


@pytest.mark.parametrize("loss", ["mse", ["mse", "mae"]], ids=["one", "two"])
def test_short_names_of_losses_in_an_hdf5_file(tmp_path, loss):
    """Keras refuses such a file of its own."""
    x = pronghorn.Input((3,))
    outputs = [pronghorn.layers.Dense(1, name=f"d{number}")(x) for number in range(1 if loss == "mse" else 2)]
    model = pronghorn.Model(x, outputs)
    model.compile("sgd", loss)
    model.save(tmp_path / "model.h5")
    assert keras.saving.load_model(tmp_path / "model.h5").compiled
    assert pronghorn.saving.load_model(tmp_path / "model.h5").compiled


@pytest.mark.parametrize("direction", ["from_keras", "to_keras"])
@pytest.mark.parametrize("name", ["Adam", "Adafactor"])
def test_optimizers_of_models_in_float16(tmp_path, name, direction):
    """Under a loss scale; Adafactor keeps nothing in place of a bias's rows and columns then."""
    writer, reader = (keras, pronghorn) if direction == "from_keras" else (pronghorn, keras)
    for library in (keras, pronghorn):
        library.config.set_dtype_policy("mixed_float16")
    writer.utils.set_random_seed(1)
    small = np.full((8, 3), 0.1, "float32")  # so that no step's gradients overflow under the first loss scale
    try:
        model = writer.Sequential([writer.Input((3,)), writer.layers.Dense(2)])
        model.compile(getattr(writer.optimizers, name)(0.01), "mse")
        model.fit(small, small[:, :2], batch_size=4, verbose=0)
        path = str(tmp_path / "model.keras")
        model.save(path)
        loaded = reader.saving.load_model(path)
    finally:
        for library in (keras, pronghorn):
            library.config.set_dtype_policy("float32")
    assert int(loaded.optimizer.iterations) == int(model.optimizer.iterations) == 2
    mine, theirs = ([np.asarray(v) for v in m.optimizer.variables] for m in (loaded, model))
    assert [v.shape for v in mine] == [v.shape for v in theirs]
    for a, b in zip(mine, theirs):
        np.testing.assert_array_equal(a, b)


def test_keras_passes_over_exact_convolutions(tmp_path):
    model = convolutional(pronghorn)
    model.layers[0].exact_convolutions = model.exact_convolutions = True
    model.save(tmp_path / "m.keras")
    x = np.random.default_rng(0).normal(size=(2, 9, 9, 1)).astype("float32")
    loaded = keras.saving.load_model(tmp_path / "m.keras")
    np.testing.assert_allclose(loaded.predict(x, verbose=0), model.predict(x, verbose=0), rtol=1e-4, atol=1e-6)
