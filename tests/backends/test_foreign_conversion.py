"""Arrays of one library where another engine, or our own, is what the user asked for."""

import warnings

import numpy as np
import pytest

import pronghorn as keras
from pronghorn import layers, ops
from pronghorn.engine.backends import engine as engines
from pronghorn.engine.graph.tensor import Tensor

VALUES = np.arange(6, dtype="float32").reshape(2, 3)


def installed(*names):
    for name in names:
        if not engines.is_installed(name):
            pytest.skip(f"{name} is not installed")
    return [engines.engine(name) for name in names]


@pytest.fixture(autouse=True)
def own_engine(free_choice):
    keras.config.set_backend("pronghorn")


def made_by(engine, array):
    with engine.computing():
        return engine.from_numpy(array)


LIBRARIES = ["jax", "tensorflow", "torch"]


@pytest.mark.parametrize("name", LIBRARIES)
@pytest.mark.parametrize("convert", [ops.convert_to_tensor, ops.array])
def test_a_conversion_gives_our_tensor(name, convert):
    (engine,) = installed(name)
    got = convert(made_by(engine, VALUES))
    assert isinstance(got, Tensor)
    np.testing.assert_array_equal(got, VALUES)
    assert convert(made_by(engine, VALUES), dtype="int32").dtype == "int32"
    assert isinstance(convert([made_by(engine, VALUES[0]), made_by(engine, VALUES[1])]), Tensor)


@pytest.mark.parametrize("name", LIBRARIES)
def test_a_conversion_leaves_arrays_of_the_engine_that_is_chosen(name):
    (engine,) = installed(name)
    keras.config.set_backend(name)
    x = made_by(engine, VALUES)
    assert type(ops.convert_to_tensor(x)) is type(x)


def test_a_conversion_does_not_cut_what_a_library_differentiates():
    installed("jax", "torch")
    import jax
    import torch

    square = lambda x: ops.sum(ops.convert_to_tensor(x) ** 2)  # noqa: E731
    assert jax.grad(square)(jax.numpy.ones(3)).tolist() == [2, 2, 2]
    assert jax.jit(square)(jax.numpy.ones(3)) == 3
    x = torch.ones(3, requires_grad=True)
    (ops.convert_to_tensor(x) ** 2).sum().backward()
    assert x.grad.tolist() == [2, 2, 2]
    with torch.no_grad():
        assert isinstance(ops.convert_to_tensor(x), Tensor)


def test_a_conversion_does_not_cut_what_a_tape_of_tensorflow_records():
    installed("tensorflow")
    import tensorflow as tf

    x = tf.ones(3)
    with tf.GradientTape() as tape:
        tape.watch(x)
        y = tf.reduce_sum(ops.convert_to_tensor(x) ** 2)
    assert tape.gradient(y, x).numpy().tolist() == [2, 2, 2]


def compiled_for(backend):
    keras.utils.set_random_seed(0)
    model = keras.Sequential([keras.Input((3,)), layers.Dense(2, name="dense")], name=f"for_{backend}")
    model.compile("sgd", "mse", **({} if backend is None else {"backend": backend}))
    return model


@pytest.mark.parametrize(
    ("backend", "given", "kind"),
    [("torch", "jax", "torch"), ("jax", "torch", "jax"), ("pronghorn", "jax", "pronghorn")],
)
def test_a_model_of_another_engine_converts_with_one_warning(backend, given, kind):
    (source, *_) = installed(given, *({backend} - {"pronghorn"}))
    model = compiled_for(backend)
    expected = model(VALUES).numpy()
    with pytest.warns(
        UserWarning, match=rf"(?s){model.name}.*engine '{backend}'.*array of {given}.*np.asarray"
    ) as told:
        got = model(made_by(source, VALUES))
    assert len(told) == 1
    roots = {"pronghorn": ("pronghorn", "pronghorn_tensorflow"), "jax": ("jaxlib", "jax")}.get(kind, (kind,))
    assert type(got).__module__.partition(".")[0] in roots
    np.testing.assert_allclose(np.asarray(got.detach() if kind == "torch" else got), expected, rtol=1e-5)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        model(made_by(source, VALUES))


def test_the_engine_of_the_process_counts_as_well():
    installed("jax", "torch")
    import jax
    import torch

    keras.config.set_backend("torch")
    model = compiled_for(None)
    with pytest.warns(UserWarning, match="converted"):
        assert isinstance(model(jax.numpy.asarray(VALUES)), torch.Tensor)


def test_models_of_no_other_engine_compute_in_the_library_of_their_inputs():
    installed("jax")
    import jax

    model = compiled_for(None)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert isinstance(model(jax.numpy.asarray(VALUES)), jax.Array)


def test_what_is_traced_or_differentiated_stays_with_its_library():
    installed("jax", "torch")
    import jax
    import torch

    on_torch, on_jax = compiled_for("torch"), compiled_for("jax")
    kernel = on_torch.layers[0].kernel.numpy()
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        slopes = jax.grad(lambda x: on_torch(x).sum())(jax.numpy.asarray(VALUES))
        x = torch.tensor(VALUES, requires_grad=True)
        on_jax(x).sum().backward()
    np.testing.assert_allclose(slopes, np.broadcast_to(kernel.sum(1), (2, 3)), rtol=1e-5)
    np.testing.assert_allclose(x.grad, slopes, rtol=1e-5)
