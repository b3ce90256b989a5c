"""What a process with four devices of JAX does: `test_sharding.py` runs these tests in one."""

import contextlib
import functools

import numpy as np
import pytest

import pronghorn as keras
from pronghorn import distribution as D
from pronghorn import layers, ops

jax = pytest.importorskip("jax")

RNG = np.random.default_rng(0)
TEXTS = RNG.integers(0, 20, (48, 6)).astype("int32")
ENDS = TEXTS[:, ::-1].copy()


@pytest.fixture(autouse=True)
def on_jax(monkeypatch):
    keras.config.set_backend("jax")
    yield
    D.set_distribution(None)


def mesh(shape=(2, 2)):
    return D.DeviceMesh(shape, ["batch", "model"])


def transformer_layouts(**more):
    found = D.LayoutMap(mesh())
    found["words/embeddings"] = ("model", None)
    found[".*attention.*(query|key|value).kernel"] = (None, "model", None)
    found[".*(wide|ends)/kernel"] = (None, "model")
    found[".*wide/bias"] = ("model",)
    for key, axes in more.items():
        found[key] = axes
    return D.ModelParallel(layout_map=found, batch_dim_name="batch")


def transformer(seed=1):
    keras.utils.set_random_seed(seed)
    x = keras.Input((6,), dtype="int32")
    h = layers.Embedding(20, 8, name="words")(x)
    h = layers.LayerNormalization(name="norm")(h + layers.MultiHeadAttention(2, 4, name="attention")(h, h))
    h = layers.Dropout(0.1, seed=3)(layers.Dense(16, activation="relu", name="wide")(h))
    model = keras.Model(x, layers.Dense(20, name="ends")(h))
    loss = keras.losses.SparseCategoricalCrossentropy(from_logits=True)
    model.compile(keras.optimizers.Adam(0.01, name="adam"), loss, metrics=["accuracy"])
    return model


def trained(distribution=None, model=None, rows=48):
    with distribution.scope() if distribution is not None else contextlib.nullcontext():
        model = transformer() if model is None else model
        keras.utils.set_random_seed(7)  # the order of the data
        history = model.fit(TEXTS[:rows], ENDS[:rows], batch_size=8, epochs=2, verbose=0)
    return model, history.history


@functools.cache
def on_one_device(rows=48):
    return trained(rows=rows)


def parts_of(variable):
    return {s.data.shape for s in variable.value.addressable_shards}


def test_devices():
    assert D.list_devices() == D.list_devices("CPU") == [f"cpu:{i}" for i in range(4)]
    assert D.get_device_count() == 4 and D.get_device_count("gpu") == 0
    with keras.device("cpu:2"):
        assert jax.numpy.ones(3).devices() == {jax.devices()[2]}
        model, history = trained()
    assert model.variables[0].value.devices() == {jax.devices()[2]}
    np.testing.assert_allclose(history["loss"], on_one_device()[1]["loss"], rtol=1e-6)


@pytest.mark.parametrize("rows", [48, 43], ids=["whole", "last-is-short"])
def test_data_parallel_has_the_losses_of_one_device(rows, recwarn):
    one, expected = on_one_device(rows)
    model, got = trained(D.DataParallel(), rows=rows)
    for name, values in expected.items():
        np.testing.assert_allclose(got[name], values, rtol=1e-5, err_msg=name)
    for a, b in zip(one.get_weights(), model.get_weights()):
        np.testing.assert_allclose(a, b, atol=1e-4)
    assert all(v.value.is_fully_replicated and len(v.value.addressable_shards) == 4 for v in model.variables)
    if rows == 43:
        return
    with D.DataParallel().scope():
        np.testing.assert_allclose(one.predict(TEXTS, verbose=0), model.predict(TEXTS, verbose=0), atol=1e-4)
        np.testing.assert_allclose(
            model.evaluate(TEXTS, ENDS, verbose=0), one.evaluate(TEXTS, ENDS, verbose=0), rtol=1e-4
        )
    assert not [w for w in recwarn if "divide" in str(w.message)]


def test_a_sharded_transformer_has_the_losses_of_one_device():
    _, expected = on_one_device()
    model, got = trained(transformer_layouts())
    np.testing.assert_allclose(got["loss"], expected["loss"], rtol=1e-4)
    np.testing.assert_allclose(got["accuracy"], expected["accuracy"], rtol=1e-4)
    by_path = {v.path: v for v in model.variables}
    assert parts_of(by_path["words/embeddings"]) == {(10, 8)}
    assert parts_of(by_path["attention/query/kernel"]) == {(8, 1, 4)}
    assert parts_of(by_path["wide/kernel"]) == {(8, 8)} and parts_of(by_path["wide/bias"]) == {(8,)}
    assert parts_of(by_path["ends/bias"]) == {(20,)}  # not in the map
    slots = {v.path: v for v in model.optimizer.variables}
    for role in ("momentum", "velocity"):
        assert parts_of(slots[f"adam/words_embeddings_{role}"]) == {(10, 8)}
        assert parts_of(slots[f"adam/wide_kernel_{role}"]) == {(8, 8)}


def test_variables_lie_so_from_the_start():
    with transformer_layouts().scope():
        model = transformer()
    kernel = model.get_layer("wide").kernel
    assert kernel.layout.axes == (None, "model") and parts_of(kernel) == {(8, 8)}
    before = kernel.numpy()
    kernel.assign(before + 1.0)
    assert parts_of(kernel) == {(8, 8)}
    np.testing.assert_array_equal(kernel.numpy(), before + 1.0)


def test_a_model_that_was_there_before_is_laid_out_by_its_first_run():
    model, first = trained()
    assert parts_of(model.get_layer("wide").kernel) == {(8, 16)}
    same, second = trained(transformer_layouts(), trained()[0])
    kernel, slot = same.get_layer("wide").kernel, same.optimizer._momentums[-4]
    assert parts_of(kernel) == {(8, 8)}
    assert {v.path: parts_of(v) for v in same.optimizer.variables}["adam/wide_kernel_momentum"] == {(8, 8)}, slot.path
    _, expected = trained(None, model)
    np.testing.assert_allclose(second["loss"], expected["loss"], rtol=1e-4)
    trained(None, same)  # and goes on without it
    assert parts_of(kernel) == {(8, 8)}
    trained(D.DataParallel(devices=["cpu:2", "cpu:3"]), same)  # and on other devices
    assert parts_of(kernel) == {(8, 16)} and kernel.value.devices() == set(jax.devices()[2:])


@pytest.mark.parametrize("kind", [".keras", ".weights.h5"])
def test_files(kind, tmp_path):
    file = tmp_path / f"model{kind}"
    whole = kind == ".keras"
    sharded, _ = trained(transformer_layouts())
    (sharded.save if whole else sharded.save_weights)(file)
    plain = keras.models.load_model(file) if whole else transformer(2)
    if not whole:
        plain.load_weights(file)
    for a, b in zip(sharded.get_weights(), plain.get_weights()):
        np.testing.assert_array_equal(a, b)
    assert parts_of(plain.get_layer("wide").kernel) == {(8, 16)}
    (plain.save if whole else plain.save_weights)(file)
    with transformer_layouts().scope():
        again = keras.models.load_model(file) if whole else transformer(3)
        if not whole:
            again.load_weights(file)
        assert parts_of(again.get_layer("wide").kernel) == {(8, 8)}
        for a, b in zip(sharded.get_weights(), again.get_weights()):
            np.testing.assert_array_equal(a, b)
        if whole:
            slots = {v.path: v for v in again.optimizer.variables}
            assert parts_of(slots["adam/wide_kernel_velocity"]) == {(8, 8)}
            np.testing.assert_array_equal(
                slots["adam/wide_kernel_velocity"].numpy(), sharded.optimizer._velocities[-4].numpy()
            )
            _, one = trained(None, plain)
            _, four = trained(transformer_layouts(), again)
            np.testing.assert_allclose(four["loss"], one["loss"], rtol=1e-4)


def test_outputs_of_layers_lie_as_the_map_says():
    distribution = transformer_layouts(**{"wide/output": ("batch", None, "model")})
    _, got = trained(distribution)
    np.testing.assert_allclose(got["loss"], on_one_device()[1]["loss"], rtol=1e-4)
    with distribution.scope():
        model = transformer()
        layer = model.get_layer("wide")
        x = jax.numpy.ones((4, 6, 8))
        assert layer(x).sharding.spec == jax.sharding.PartitionSpec("batch", None, "model")
        jitted = jax.jit(lambda x: layer(x))
        assert {s.data.shape for s in jitted(x).addressable_shards} == {(2, 6, 8)}


def test_distribute_tensor():
    layout = D.TensorLayout(("batch", "model"), mesh())
    placed = D.distribute_tensor(np.ones((4, 6), "float32"), layout)
    assert {s.data.shape for s in placed.addressable_shards} == {(2, 3)}
    assert {s.data.shape for s in D.distribute_tensor(jax.numpy.ones((4, 6)), layout).addressable_shards} == {(2, 3)}
    symbolic = keras.Input((6,))
    assert D.distribute_tensor(symbolic, layout) is symbolic
    with pytest.raises(ValueError, match="not divisible by 2"):
        D.distribute_tensor(np.ones((3, 6)), layout)

    class Spread(layers.Layer):
        def build(self, shape):
            self.kernel = self.add_weight(shape=(shape[-1], 4), name="kernel")

        def call(self, x):
            return self.spread(ops.matmul(x, self.kernel))

        def spread(self, x):
            return D.distribute_tensor(x, layout)

    class Plain(Spread):
        def spread(self, x):
            return x

    def losses(layer):
        keras.utils.set_random_seed(0)
        model = keras.Sequential([keras.Input((5,)), layer(), layers.Dense(1)])
        model.compile("sgd", "mse")
        x = np.linspace(0, 1, 40, dtype="float32").reshape(8, 5)
        return model, model.fit(x, x[:, :1], epochs=3, batch_size=4, verbose=0).history["loss"]

    with D.DataParallel(mesh((4, 1))).scope():
        model, got = losses(Spread)
    np.testing.assert_allclose(got, losses(Plain)[1], rtol=1e-5)
    model.compile("sgd", "mse", backend="pronghorn")
    with pytest.raises(NotImplementedError, match=r"spread.*jax"):
        model.fit(np.ones((8, 5)), np.ones((8, 1)), verbose=0)


def test_state_steps_of_jax():
    class Own(keras.Model):
        def __init__(self):
            super().__init__()
            self.dense = layers.Dense(8, name="wide")

        def call(self, x):
            return self.dense(x)

        def train_step(self, state, data):
            trainable, rest, slots, metrics = state
            x, y = data

            def loss_of(trainable):
                y_pred, _ = self.stateless_call(trainable, rest, x)
                return ((y_pred - y) ** 2).mean()

            loss, gradients = jax.value_and_grad(loss_of)(trainable)
            trainable, slots = self.optimizer.stateless_apply(slots, gradients, trainable)
            return {"loss": loss}, (trainable, rest, slots, metrics)

    def losses(distribution):
        with distribution.scope() if distribution else contextlib.nullcontext():
            keras.utils.set_random_seed(0)
            model = Own()
            model.compile(keras.optimizers.Adam(0.1))
            x = np.linspace(0, 1, 80, dtype="float32").reshape(16, 5)
            return model, model.fit(x, x[:, :1], batch_size=8, epochs=3, verbose=0).history["loss"]

    found = D.LayoutMap(mesh())
    found[".*wide/kernel"] = (None, "model")
    model, got = losses(D.ModelParallel(layout_map=found))
    np.testing.assert_allclose(got, losses(None)[1], rtol=1e-5)
    assert parts_of(model.dense.kernel) == {(5, 4)}


def test_batches_that_do_not_divide():
    with D.DataParallel().scope():
        model = transformer()
        for run in (model.fit, model.evaluate):
            with pytest.raises(ValueError, match=r"batch_size=6 does not divide among the 4 copies.*such as 4 or 8"):
                run(TEXTS, ENDS, batch_size=6, verbose=0)
        with pytest.raises(ValueError, match="batch_size=2"):
            model.predict(TEXTS, batch_size=2, verbose=0)
        with pytest.raises(ValueError, match="batch_size=6"):
            model.fit(TEXTS, ENDS, validation_data=(TEXTS, ENDS), validation_batch_size=6, verbose=0)
        assert model.predict(TEXTS[:3], verbose=0).shape == (3, 6, 20)
        with pytest.warns(UserWarning, match="A batch of 6 rows does not divide"):
            model.fit(((TEXTS[i : i + 6], ENDS[i : i + 6]) for i in range(0, 24, 6)), verbose=0)


def test_other_engines_refuse():
    with transformer_layouts().scope():
        model = transformer()
        model.compile("adam", "mse", backend="pronghorn")
        with pytest.raises(RuntimeError, match=r"ModelParallel.*'pronghorn'.*set_backend\('jax'\)"):
            model.predict(TEXTS, verbose=0)
    with D.DataParallel().scope():
        model.compile("adam", "mse", backend="pronghorn")
        with pytest.raises(RuntimeError, match=r"4 devices.*'pronghorn'"):
            model.predict(TEXTS, verbose=0)


def test_meshes_and_layouts_that_do_not_fit():
    with pytest.raises(ValueError, match=r"\(3,\) has 3 places, but there are 4 devices"):
        D.DeviceMesh((3,), ["batch"])
    strange = D.DeviceMesh((1,), ["batch"], ["tpu:7"])
    with D.DataParallel(strange).scope(), pytest.raises(ValueError, match="tpu:7"):
        transformer().predict(TEXTS, verbose=0)
    many = D.LayoutMap(mesh())
    many["wide/kernel"] = (None, "model", "batch")
    with D.ModelParallel(layout_map=many).scope(), pytest.raises(ValueError, match=r"wide/kernel.*3 axes.*16\) has 2"):
        layers.Dense(16, name="wide").build((None, 8))
    odd = D.LayoutMap(mesh())
    odd[".*kernel"] = (None, "model")
    with D.ModelParallel(layout_map=odd).scope(), pytest.raises(ValueError, match=r"'wide/kernel'.*7 is not divisible"):
        layers.Dense(7, name="wide").build((None, 8))
    with pytest.raises(ValueError, match="no axis"):
        odd["x"] = ("other",)
    with pytest.raises(ValueError, match="twice"):
        odd["x"] = ("model", "model")


def test_jax_values_of_meshes_and_layouts():
    found = D.TensorLayout((None, "model"), mesh())
    assert found.backend_layout.spec == jax.sharding.PartitionSpec(None, "model")
    assert found.device_mesh.backend_mesh.shape == {"batch": 2, "model": 2}
