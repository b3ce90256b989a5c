"""Ops on KerasTensors describe a model; the ops' classes do what the functions do."""

import numpy as np
import pytest

from pronghorn import KerasTensor, ops


@pytest.mark.parametrize(
    ("fn", "shapes", "expected"),
    [
        (lambda x, y: ops.add(x, y), [(None, 3), (2, None)], (2, 3)),
        (lambda x, y: ops.matmul(x, y), [(None, 3), (None, 4)], (None, 4)),
        (lambda x: ops.reshape(x, (-1, 6)), [(None, 4, 3)], (None, 6)),
        (lambda x: x[:, 1:], [(None, 3)], (None, 2)),
        (lambda x: ops.concatenate([x, x], 0), [(None, 3)], (None, 3)),
        (lambda x: ops.conv(x, np.ones((3, 3, 3, 8)), 2, "same"), [(None, None, None, 3)], (None, None, None, 8)),
        (lambda x: ops.einsum("bi,bj->bij", x, x), [(None, 3)], (None, 3, 3)),
        (lambda x: ops.sum(x, axis=0, keepdims=True), [(None, 3)], (1, 3)),
        (lambda x, y: ops.einsum("ijk,jkl->li", x, y), [(None, 3, 4), (None, 4, 5)], (5, None)),
        (lambda x, y: ops.matmul(x, y), [(None, 3), (None, None)], (None, None)),
        (lambda x, y: ops.tensordot(x, y, ((0, 2), (1, 0))), [(None, 3, 4), (None, 2)], (3,)),
        (lambda x, w: ops.average(x, axis=1, weights=w), [(None, 4), (None,)], (None,)),
        (lambda y, x: ops.trapezoid(y, x=x, axis=1), [(None, 4), (None,)], (None,)),
        (lambda x, y: x[:, 1:] + y, [(None, None), (None, 4)], (None, 4)),
        (lambda x, y, z: x * y + z, [(None, 3), (None, None), (2, 1)], (2, 3)),
    ],
)
def test_shapes(fn, shapes, expected):
    assert fn(*(KerasTensor(s) for s in shapes)).shape == expected


def test_types():
    assert ops.mean(KerasTensor((None, 3), dtype="int32")).dtype == "float32"
    assert ops.argmax(KerasTensor((None, 3))).dtype == "int32"
    assert (KerasTensor((2,), dtype="bfloat16") * 2.0).dtype == "bfloat16"


def test_a_list_and_a_dict_are_looked_into():
    assert ops.stack([KerasTensor((3,)), np.ones(3)]).shape == (2, 3)


@pytest.mark.parametrize(
    ("operation", "call"),
    [
        (lambda: ops.Sum(axis=1), lambda x: ops.sum(x, axis=1)),
        (lambda: ops.Reshape((3, 2)), lambda x: ops.reshape(x, (3, 2))),
        (lambda: ops.Clip(0.2, 0.6), lambda x: ops.clip(x, 0.2, 0.6)),
        (lambda: ops.Softmax(axis=0), lambda x: ops.softmax(x, axis=0)),
        (lambda: ops.ExpandDims(1), lambda x: ops.expand_dims(x, 1)),
        (lambda: ops.Any(axis=0), lambda x: ops.any(x, axis=0)),
    ],
)
def test_classes(operation, call):
    x = np.random.default_rng(0).random((2, 3)).astype("float32")
    np.testing.assert_array_equal(operation()(x), call(x))
    assert operation()(KerasTensor((2, 3))).shape == call(x).shape


def test_class_of_several_arrays():
    x, y = np.ones((2, 3), "float32"), np.ones((3, 4), "float32")
    assert ops.Matmul()(x, y).shape == ops.Einsum("ij,jk->ik")(x, y).shape == (2, 4)
    with pytest.raises(TypeError, match="no argument 'axes'"):
        ops.Sum(axes=1)
