"""`ModelParallel` and layouts as checked data, without a library that has devices."""

import warnings

import numpy as np
import pytest

import pronghorn as keras
from pronghorn import layers, optimizers
from pronghorn.distribution import (
    DeviceMesh,
    LayoutMap,
    ModelParallel,
    TensorLayout,
    distribute_tensor,
    set_distribution,
)

EIGHT = [f"cpu:{i}" for i in range(8)]


@pytest.fixture
def layouts():
    yield LayoutMap(DeviceMesh((2, 4), ["batch", "model"], EIGHT))
    set_distribution(None)


def test_it_takes_a_map_of_layouts(layouts):
    layouts[".*kernel"] = (None, "model")
    found = ModelParallel(layout_map=layouts)
    assert found.batch_dim_name == "batch" and found.num_model_replicas == 2 and found.layout_map is layouts
    assert ModelParallel(layout_map=layouts, batch_dim_name="model").num_model_replicas == 4
    for wrong in (None, {}):
        with pytest.raises(ValueError, match=f"layout_map is a LayoutMap, got {wrong}"):
            ModelParallel(layout_map=wrong)
    with pytest.raises(ValueError, match="'rows' is no axis of the mesh, which has 'batch', 'model'"):
        ModelParallel(layout_map=layouts, batch_dim_name="rows")
    with pytest.raises(ValueError, match="no device mesh"):
        ModelParallel(layout_map=LayoutMap(None))
    with pytest.raises(TypeError, match="unknown arguments 'mesh'"):
        ModelParallel(layout_map=layouts, mesh=1)


def test_what_is_not_in_the_map_lies_whole(layouts):
    layouts["wide/kernel"] = (None, "model")
    with ModelParallel(layout_map=layouts).scope():
        layer = layers.Dense(8, name="wide")
        layer.build((None, 3))
    assert layer.kernel.layout.axes == (None, "model") and layer.bias.layout.axes == (None,)
    layout = TensorLayout(("model", None), layouts.device_mesh)
    assert keras.Variable(np.ones((4, 2)), layout=layout).layout is layout


def test_slots_lie_as_their_weights(layouts):
    layouts["wide/kernel"] = (None, "model")
    with ModelParallel(layout_map=layouts).scope():
        layer = layers.Dense(8, name="wide")
        layer.build((None, 3))
        for optimizer in (optimizers.Adam(), optimizers.Adafactor(), optimizers.SGD(momentum=0.9, use_ema=True)):
            optimizer.build(layer.trainable_variables)
            axes = {v.path.partition("/")[2]: v.layout.axes for v in optimizer.variables}
            for name, found in axes.items():
                assert found in ((None, "model"), (None,), (), (None, None)), name
            same = [v for v in optimizer.variables if v.shape == (3, 8)]
            assert all(v.layout.axes == (None, "model") for v in same)


def test_shapes_that_cannot_be_cut_so(layouts):
    layouts["wide/kernel"] = (None, "model")
    words = r"'wide/kernel' cuts axis 1 of its shape \(3, 6\).*not divisible by 4"
    with ModelParallel(layout_map=layouts).scope(), pytest.raises(ValueError, match=words):
        layers.Dense(6, name="wide").build((None, 3))
    layout = TensorLayout((None, None, "model"), layouts.device_mesh)
    with pytest.raises(ValueError, match=r"has 3 axes, but its shape \(3, 6\) has 2"):
        layout.check((3, 6), "kernel")
    assert layout.fits((3, 6, 0)) and layout.fits((3, 6, 8, 1)) and not layout.fits((3, 6, 1))
    with pytest.raises(ValueError, match="no device mesh"):
        TensorLayout(("model",)).parts()
    with pytest.raises(ValueError, match="names an axis of the mesh twice"):
        TensorLayout(("model", "model"))


def test_batches_that_cannot_be_shared(layouts):
    found = ModelParallel(layout_map=layouts, batch_dim_name="model")
    found.check_batch_size(8)
    found.check_batch_size(None)
    with pytest.raises(ValueError, match="batch_size=6 does not divide among the 4 copies .* such as 4 or 8"):
        found.check_batch_size(6)
    with pytest.raises(ValueError, match="such as 4;"):
        found.check_batch_size(1)
    found.check_batch_size(None)
    with pytest.warns(UserWarning, match="A batch of 6 rows does not divide among 4 copies"):
        layout, is_part = found.data_placement((6, 3))
    assert layout.axes == (None, None) and not is_part
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        for shape, cut in (((6, 3), False), ((8, 3), True), ((8,), True), ((0, 3), True), ((), False), ((7, 3), False)):
            assert ("model" in found.data_placement(shape)[0].axes) == cut, shape


def test_our_engine_refuses_before_the_first_step(layouts):
    with ModelParallel(layout_map=layouts).scope():
        model = keras.Sequential([keras.Input((3,)), layers.Dense(2)])
        model.compile("sgd", "mse")
        for run in (model.fit, model.evaluate):
            with pytest.raises(RuntimeError, match=r"the engine 'pronghorn' cannot do; JAX can"):
                run(np.ones((8, 3)), np.ones((8, 2)), verbose=0)
        with pytest.raises(RuntimeError, match=r"KERAS_BACKEND=jax"):
            model.predict(np.ones((8, 3)), verbose=0)


def test_distribute_tensor_leaves_what_is_symbolic(layouts):
    layout = TensorLayout(("batch", None), layouts.device_mesh)
    x = keras.Input((3,))
    assert distribute_tensor(x, layout) is x
    array = np.ones((4, 3))
    assert distribute_tensor(array, layout) is array
    with pytest.raises(ValueError, match="distribute_tensor cuts axis 0"):
        distribute_tensor(np.ones((3, 3)), layout)
