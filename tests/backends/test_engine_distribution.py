"""Distributions on each engine: what devices there are, one device, and meshes that only JAX has devices for."""

import numpy as np
import pytest

import pronghorn as keras
from pronghorn import distribution, layers

X = np.linspace(0, 1, 24, dtype="float32").reshape(8, 3)


def trained():
    keras.utils.set_random_seed(0)
    model = keras.Sequential([keras.Input((3,)), layers.Dense(2)])
    model.compile("adam", "mse")
    return model.fit(X, X[:, :2], batch_size=4, epochs=2, verbose=0).history["loss"]


def test_one_device_of_each_engine(engine, free_choice):
    keras.config.set_backend(engine.name)
    names = distribution.list_devices()
    assert names[0].partition(":")[0] in ("cpu", "gpu", "tpu") and distribution.get_device_count() == len(names)
    expected = trained()
    with keras.device(names[0]):
        np.testing.assert_allclose(trained(), expected, rtol=1e-6)
    with distribution.DataParallel(devices=names[:1]).scope():
        np.testing.assert_allclose(trained(), expected, rtol=1e-6)


def test_a_mesh_of_devices_that_are_not_there(engine, free_choice):
    keras.config.set_backend(engine.name)
    devices = [f"cpu:{i}" for i in range(90, 94)]
    words = (
        "names devices that JAX does not have: cpu:90" if engine.name == "jax" else f"engine {engine.name!r} computes"
    )
    with distribution.DataParallel(devices=devices).scope(), pytest.raises((ValueError, RuntimeError), match=words):
        trained()
    layouts = distribution.LayoutMap(distribution.DeviceMesh((1, 4), ["batch", "model"], devices))
    cut = distribution.ModelParallel(layout_map=layouts)
    with cut.scope(), pytest.raises((ValueError, RuntimeError), match="JAX"):
        trained()


@pytest.mark.parametrize("name", ["torch", "tensorflow", "pytensor"])
def test_processes_are_for_ours_and_jax(name, monkeypatch):
    monkeypatch.setenv("PRONGHORN_BACKEND", name)
    with pytest.raises(NotImplementedError, match=f"the engine {name!r} computes in one process"):
        distribution.initialize("127.0.0.1:1234", 2, 0)
