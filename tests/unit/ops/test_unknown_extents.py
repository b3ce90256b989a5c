"""Ops on symbolic tensors whose results' extents depend on values, or on extents that are not known."""

import numpy as np
import pytest

import pronghorn
from pronghorn import layers, ops
from pronghorn.symbolic.keras_tensor import KerasTensor


def test_numbers_of_elements_that_depend_on_values_are_unknown():
    x = KerasTensor((None, 5))
    assert [place.shape for place in ops.nonzero(x)] == [(None,), (None,)]
    assert [place.shape for place in ops.where(x)] == [(None,), (None,)]
    assert x[KerasTensor((None, 5), dtype="bool")].shape == (None,)
    numbers = KerasTensor((4, 3), dtype="int32")
    assert ops.bincount(numbers).shape == (4, None)
    assert ops.bincount(numbers, weights=KerasTensor((4, 3))).dtype == "float32"
    assert ops.segment_sum(KerasTensor((6, 2)), KerasTensor((6,), "int32")).shape == (None, 2)
    assert ops.segment_max(KerasTensor((6, 2)), KerasTensor((6,), "int32"), num_segments=3).shape == (3, 2)


def test_unique_of_a_symbolic_tensor():
    x = KerasTensor((2, 4))
    values, first, inverse, counts = ops.unique(x, return_index=True, return_inverse=True, return_counts=True)
    assert [t.shape for t in (values, first, inverse, counts)] == [(None,), (None,), (2, 4), (None,)]
    values, inverse = ops.unique(x, return_inverse=True, axis=-1, size=3)
    assert values.shape == (2, 3) and inverse.shape == (4,) and inverse.dtype == "int32"


def test_such_an_op_in_a_model_runs_where_values_are_known():
    inputs = pronghorn.Input((3,))
    model = pronghorn.Model(inputs, ops.nonzero(inputs)[1])
    assert model.output_shape == (None,)
    assert ops.convert_to_numpy(model(np.array([[0.0, 2.0, 0.0], [1.0, 0.0, 3.0]]))).tolist() == [1, 0, 2]


def test_an_extent_that_is_known_only_while_the_axis_is_short_is_unknown():
    x = KerasTensor((None, 3))
    assert x[:5].shape == (None, 3)
    assert ops.diag(x).shape == (None,)
    assert ops.diagonal(KerasTensor((None, 3, 4))).shape == (4, None)


def test_reshape_settles_an_unknown_extent():
    assert ops.reshape(KerasTensor((None, 3)), (3, 2)).shape == (3, 2)
    assert ops.reshape(KerasTensor((None, 4)), (6, 2, 2)).shape == (6, 2, 2)
    with pytest.raises(ValueError, match="reshape"):
        ops.reshape(KerasTensor((None, 4)), (5, 2))


def test_reshape_to_a_symbolic_shape():
    shape = KerasTensor((2,), dtype="int32")
    assert ops.reshape(KerasTensor((None, 20)), shape).shape == (None, None)
    assert ops.reshape(np.zeros(20), shape).shape == (None, None)
    assert ops.reshape(KerasTensor((None, 20)), (None, KerasTensor((), "int32"), 4)).shape == (None, None, 4)


def test_slice_to_the_end_from_a_symbolic_start():
    start = KerasTensor((2,), dtype="int32")
    assert ops.slice(KerasTensor((3, 4)), start, (-1, 2)).shape == (None, 2)


def test_an_unknown_extent_is_split():
    x = KerasTensor((None, 4, None))
    for parts in (ops.split(x, 2), ops.vsplit(x, 2), ops.dsplit(x, 2), ops.array_split(x, 2)):
        assert [t.shape for t in parts] == [(None, 4, None)] * 2
    assert [t.shape for t in ops.split(x, [1, 3])] == [(1, 4, None), (None, 4, None), (None, 4, None)]  # may be short


def test_unstack_of_an_unknown_extent_asks_for_num():
    with pytest.raises(ValueError, match="num"):
        ops.unstack(KerasTensor((2, None)), axis=1)
    assert len(ops.unstack(KerasTensor((2, None)), num=3, axis=1)) == 3


def test_a_layer_with_such_an_op_is_described():
    class Count(layers.Layer):
        def call(self, x):
            return ops.shape(ops.nonzero(x)[0])[0] * ops.ones_like(x)

    assert Count()(KerasTensor((None, 4))).shape == (None, 4)


def test_values_of_a_symbolic_tensor_are_refused():
    with pytest.raises(ValueError, match="has no numbers"):
        ops.convert_to_numpy(KerasTensor((2,)))


def test_derivatives_of_symbolic_tensors():
    x = KerasTensor((None, 7))
    out, slope = ops.jvp(ops.sin, (x,), (x,))
    assert out.shape == slope.shape == (None, 7)


def test_each_nan_is_unique():
    values, counts = ops.unique(np.array([1.0, np.nan, 2.0, np.nan], "float32"), return_counts=True)
    assert counts.tolist() == [1, 1, 1, 1] and np.isnan(values.numpy()[2:]).all()


def test_an_unknown_extent_that_must_be_another_one_is_that_one():
    class Weighted(layers.Layer):
        def call(self, x):
            return ops.cast(ops.nonzero(x)[0], "float32") * ops.ones(5) + ops.cast(ops.nonzero(x)[0], "float32")

    assert Weighted()(KerasTensor((None, 4))).shape == (5,)


def test_a_layer_that_cannot_take_short_axes_is_described():
    class Parts(layers.Layer):
        def call(self, x):
            part = int(x.shape[1]) // 4  # no number while the extent is a symbol, and 0 for a short axis
            return ops.reshape(x[:, : part * 4], (-1, (part * 4) // part, part))

    assert Parts()(KerasTensor((None, None))).shape == (None, 4, None)


@pytest.mark.parametrize(
    ("shape", "target", "described", "shapes"),
    [
        ((None,), (-1, 16), (None, 16), [((4, 24), (6, 16)), ((2, 8), (1, 16))]),
        ((None,), (2, -1, 16), (2, None, 16), [((2, 48), (2, 3, 16))]),
        ((3, 5), (-1, 7), (None, 7), [((7, 3, 5), (15, 7))]),
        ((None,), (5, 2), (5, 2), [((2, 5), (5, 2)), ((1, 10), (5, 2))]),
    ],
)
def test_whether_unknown_extents_divide_shows_when_a_model_runs(shape, target, described, shapes):
    inputs = layers.Input(shape)
    model = pronghorn.Model(inputs, ops.reshape(inputs, target))
    assert model.output_shape == described
    for given, wanted in shapes:
        assert model(np.ones(given, "float32")).shape == wanted
        assert model.predict(np.ones(given, "float32"), verbose=0).shape == wanted
    with pytest.raises(ValueError, match="reshape: "):
        model(np.ones((3, *shapes[0][0][1:]), "float32"))
