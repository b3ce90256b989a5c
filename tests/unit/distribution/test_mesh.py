"""Meshes and layouts: what is accepted, and what is said about the rest."""

import numpy as np
import pytest

from pronghorn.distribution import DataParallel, DeviceMesh, LayoutMap, TensorLayout

EIGHT = [f"cpu:{i}" for i in range(8)]


def test_a_mesh_is_a_grid_of_devices():
    mesh = DeviceMesh((4, 2), ["batch", "model"], EIGHT)
    assert mesh.shape == (4, 2) and mesh.axis_names == ["batch", "model"]
    assert mesh.devices.shape == (4, 2) and mesh.devices[3, 1] == "cpu:7"
    assert repr(mesh) == "<DeviceMesh shape=(4, 2), axis_names=['batch', 'model']>"


def test_a_mesh_of_a_process_has_its_device():
    assert DeviceMesh((1,), ["batch"]).devices.tolist() == ["cpu:0"]


@pytest.mark.parametrize(
    ("shape", "names", "message"),
    [
        ((), [], "an extent, 1 or more, and a name"),
        ((8,), [], "an extent, 1 or more, and a name"),
        ((4, 2), ["batch"], "an extent, 1 or more, and a name"),
        ((8,), "b", "axis_names='b'"),
        (8, ["batch"], "shape=8"),
        ((-4, -2), ["batch", "model"], r"shape=\(-4, -2\)"),
        ((4, 4), ["batch", "model"], r"\(4, 4\) has 16 places, but there are 8 devices \(cpu:0, .*, \.\.\.\)"),
        ((0,), ["batch"], r"shape=\(0,\)"),
        ((4, 2), ["batch", "batch"], "must differ"),
    ],
)
def test_a_mesh_that_does_not_fit(shape, names, message):
    with pytest.raises(ValueError, match=message):
        DeviceMesh(shape, names, EIGHT)


def test_a_mesh_has_each_device_once():
    with pytest.raises(ValueError, match="each device has one place"):
        DeviceMesh((2,), ["batch"], ["cpu:0", "cpu:0"])


def test_a_layout_gets_its_mesh_once():
    layout = TensorLayout(["batch", None])
    assert layout.axes == ("batch", None) and layout.device_mesh is None
    mesh = DeviceMesh((4, 2), ["batch", "model"], EIGHT)
    layout.device_mesh = mesh
    assert layout.device_mesh is mesh
    with pytest.raises(ValueError, match="is of the mesh .* already"):
        layout.device_mesh = mesh


def test_a_layout_of_unknown_axes():
    mesh = DeviceMesh((4, 2), ["batch", "model"], EIGHT)
    with pytest.raises(ValueError, match="no axis 'rows'; its axes are 'batch', 'model'"):
        TensorLayout(("rows", None, "model"), mesh)
    layout = TensorLayout(("rows",))
    with pytest.raises(ValueError, match="'rows'"):
        layout.device_mesh = mesh


def test_a_map_of_layouts():
    mesh = DeviceMesh((4, 2), ["batch", "model"], EIGHT)
    layouts = LayoutMap(mesh)
    layouts["dense.*kernel"] = (None, "model")
    layouts["dense_1/kernel"] = TensorLayout(("model", None))
    assert len(layouts) == 2 and list(layouts) == ["dense.*kernel", "dense_1/kernel"]
    assert layouts["dense/kernel"].axes == (None, "model") and layouts["dense/kernel"].device_mesh is mesh
    assert layouts["dense_1/kernel"].axes == ("model", None)  # the key itself, though the other matches too
    assert layouts["dense/bias"] is None and layouts["my/dense/kernel"] is None
    assert layouts.get("dense/bias", 3) == 3 and layouts.get("dense/kernel").axes == (None, "model")
    del layouts["dense_1/kernel"]
    assert layouts["dense_1/kernel"].axes == (None, "model")
    with pytest.raises(KeyError):
        del layouts["none"]


def test_a_map_refuses():
    layouts = LayoutMap(DeviceMesh((8,), ["model"], EIGHT))
    layouts["dense.*"] = ("model",)
    layouts[".*bias"] = ("model",)
    with pytest.raises(ValueError, match="several keys match the path 'dense/bias': 'dense.*', '.*bias'"):
        layouts["dense/bias"]
    with pytest.raises(ValueError, match="key 'dense.*' is there"):
        layouts["dense.*"] = (None,)
    with pytest.raises(ValueError, match="is a TensorLayout or a tuple of axes"):
        layouts["other"] = "model"
    with pytest.raises(ValueError, match="no axis"):
        layouts["other"] = ("batch",)
    with pytest.raises(ValueError, match="regular expression"):
        layouts["(other"] = ("model",)


def test_data_parallel_lays_out_batches_and_weights():
    mesh = DeviceMesh((8,), ["data"], EIGHT)
    one = DataParallel(mesh)
    assert (
        one.num_model_replicas == 8 and one.batch_dim_name == "data" and one.num_processes == one.num_data_shards == 1
    )
    assert one.get_data_layout((4, 2, 2)).axes == ("data", None, None)
    weight = np.zeros((3, 2))
    assert one.get_variable_layout(weight).axes == (None, None)
    assert one.get_tensor_layout("any") is None and one.data_shard_id == 0
    assert DataParallel(devices=EIGHT).device_mesh.axis_names == ["batch"]
    with pytest.raises(ValueError, match="devices="):
        DataParallel(EIGHT)
    with pytest.warns(UserWarning, match="2 axes"):
        DataParallel(DeviceMesh((4, 2), ["a", "b"], EIGHT))
