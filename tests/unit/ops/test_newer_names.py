"""Functions and layers that Keras adds in 3.16."""

import numpy as np
import pytest
from scipy import special

import pronghorn
from pronghorn import GradientTape, layers, ops
from pronghorn.symbolic.keras_tensor import KerasTensor


def test_column_stack():
    rng = np.random.default_rng(0)
    for shapes in (((3,), (3,)), ((3, 2), (3,)), ((3, 1), (3, 2), (3,)), ((2, 3, 4), (2, 1, 4))):
        arrays = [rng.random(shape, np.float32) for shape in shapes]
        np.testing.assert_array_equal(ops.column_stack(arrays), np.column_stack(arrays))
    assert ops.column_stack([KerasTensor((None, 2)), KerasTensor((None, 3))]).shape == (None, 5)


def test_amax_and_amin_of_nothing():
    np.testing.assert_array_equal(ops.amax(np.zeros((2, 0), "float32"), axis=1, initial=-3.0), [-3, -3])
    np.testing.assert_array_equal(ops.amin(np.array([[4, 9], [1, 2]]), axis=1, keepdims=True, initial=2), [[2], [1]])


@pytest.mark.parametrize("n", [-2, -1, 0, 1, 2, 5, 6])
def test_matrix_power(n):
    x = np.random.default_rng(1).random((2, 3, 3), np.float32) + np.eye(3, dtype="float32") * 2
    np.testing.assert_allclose(ops.matrix_power(x, n), np.linalg.matrix_power(x, n), rtol=1e-4, atol=1e-5)
    assert ops.linalg.matrix_power(KerasTensor((None, 3, 3)), n).shape == (None, 3, 3)


def test_matrix_power_has_gradients_and_says_what_it_takes():
    x = ops.convert_to_tensor([[2.0, 0.0], [0.0, 3.0]])
    with GradientTape() as tape:
        tape.watch(x)
        trace = ops.trace(ops.matrix_power(x, 3))
    np.testing.assert_allclose(tape.gradient(trace, x), [[12, 0], [0, 27]])
    with pytest.raises(ValueError, match="square matrices"):
        ops.matrix_power(np.ones((2, 3)), 2)
    with pytest.raises(TypeError, match=r"n=0\.5"):
        ops.matrix_power(np.ones((2, 2)), 0.5)


def test_top_k_is_stable():
    values, indices = ops.top_k(np.array([1, 3, 3, 1, 3]), 4, is_stable=True)
    assert values.tolist() == [3, 3, 3, 1] and indices.tolist() == [1, 2, 4, 0]


def test_gammainc():
    a = np.array([1e-3, 0.1, 1, 2, 3, 10, 100, 1e3, 0, 5, 2, np.inf, -1, np.nan, 0], "float32")
    x = np.array([1e-3, 0.2, 0.5, 1, 20, 9, 120, 990, 1, 0, np.inf, 1, 2, 1, 0], "float32")
    expected = special.gammainc(a.astype("float64"), x.astype("float64"))
    np.testing.assert_allclose(ops.gammainc(a, x), expected, rtol=1e-6)
    np.testing.assert_allclose(pronghorn.jit(ops.gammainc)(a, x), expected, rtol=1e-6)
    assert ops.gammainc(np.ones((0, 3), "float32"), 1.0).shape == (0, 3)
    assert ops.gammainc(KerasTensor((None, 1)), KerasTensor((3,))).shape == (None, 3)


def test_gammainc_has_gradients_to_both():
    a, x = np.array([0.1, 2, 10, 5, 3]), np.array([0.2, 1, 9, 40, 1e-3])
    at = [ops.convert_to_tensor(value, "float32") for value in (a, x)]
    with GradientTape() as tape:
        for tensor in at:
            tape.watch(tensor)
        total = ops.sum(ops.gammainc(*at))
    slope = (special.gammainc(a + 1e-5, x) - special.gammainc(a - 1e-5, x)) / 2e-5
    density = x ** (a - 1) * np.exp(-x) / special.gamma(a)
    for found, expected in zip(tape.gradient(total, at), (slope, density)):
        np.testing.assert_allclose(found, expected, rtol=1e-4, atol=1e-6)


@pytest.mark.parametrize("padding", ["valid", "same"])
@pytest.mark.parametrize("layout", ["channels_last", "channels_first"])
@pytest.mark.parametrize(
    ("shape", "size"),
    [
        ((2, 7, 9, 3), (3, 2)),
        ((7, 9, 3), 3),
        ((1, 5, 7, 6, 2), (2, 3, 2)),
        ((5, 7, 6, 1), (2, 3, 2)),
        ((0, 4, 4, 1), 2),
    ],
)
def test_patches_become_images_again(shape, size, layout, padding):
    rank = 2 if isinstance(size, int) else len(size)
    window = (size,) * rank if isinstance(size, int) else size
    images = np.random.default_rng(2).random(shape, np.float32)
    extents = images.shape[-rank - 1 : -1]
    if padding == "valid":
        extents = tuple(n // k * k for n, k in zip(extents, window))
    kept = images[(..., *map(slice, extents), slice(None))]
    if layout == "channels_first":
        images, kept = (np.moveaxis(x, -1, -rank - 1) for x in (images, kept))
    patches = ops.image.extract_patches(images, size, padding=padding, data_format=layout)
    found = ops.image.reconstruct_patches(patches, size, extents, padding=padding, data_format=layout)
    np.testing.assert_array_equal(found, kept)


def test_patches_that_do_not_fit_say_so():
    patches = np.ones((2, 4, 4, 75), "float32")
    put_together = ops.image.reconstruct_patches
    with pytest.raises(ValueError, match="are 20, and `output_size` says 21 for axis 1"):
        put_together(patches, 5, (20, 21))
    with pytest.raises(ValueError, match="from 16 to 20;"):
        put_together(patches, 5, (15, 20), padding="same")
    with pytest.raises(ValueError, match="whole channels"):
        put_together(patches, 7, (28, 28))
    with pytest.raises(NotImplementedError, match="side by side"):
        put_together(patches, 5, (20, 20), strides=3)
    with pytest.raises(TypeError, match="output_size"):
        put_together(patches, 5, 20)


def test_ternary_dense_counts_signs_and_trains_weights(tmp_path):
    kernel = np.array([[1.0, -0.2], [-3.0, 0.1], [0.5, 0.0]], "float32") + np.float32(0.01)
    x = np.array([[1.0, 2.0, 3.0]], "float32")
    mean = np.abs(kernel).mean()  # about 0.8
    for threshold, counted, scale in ((None, [[1, 0], [-1, 0], [1, 0]], mean), (0.15, [[1, -1], [-1, 0], [1, 0]], 1)):
        layer = layers.TernaryDense(2, threshold=threshold, use_bias=False)
        layer.build((None, 3))
        layer.set_weights([kernel])
        with GradientTape() as tape:
            y = layer(x)
            total = ops.sum(y)
        np.testing.assert_allclose(y, scale * x @ np.array(counted), rtol=1e-6)
        slope = np.repeat(scale * x.T, 2, 1)
        if threshold is None:
            slope += np.sign(kernel) * np.sum(x @ np.array(counted)) / 6  # through the scale
        np.testing.assert_allclose(tape.gradient(total, layer.kernel), slope, rtol=1e-5)
    model = pronghorn.Sequential([pronghorn.Input((3,)), layer])
    model.save(tmp_path / "model.keras")
    again = pronghorn.saving.load_model(tmp_path / "model.keras")
    np.testing.assert_array_equal(again(x), model(x))
    with pytest.raises(ValueError, match="threshold must be a number of 0 or more"):
        layers.TernaryDense(2, threshold=-1)


def test_copysign_float_power_and_lgamma():
    sizes, signs = np.array([1, -2, 0, np.nan, np.inf], "float32"), np.array([-0.0, 3, -1, -1, -2], "float32")
    found = ops.copysign(sizes, signs).numpy()
    np.testing.assert_array_equal(found, np.copysign(sizes, signs))
    assert np.signbit(found[2])
    assert ops.copysign(np.array([1, 2]), -1).dtype == "float32"
    assert ops.copysign(KerasTensor((None, 1)), KerasTensor((3,))).shape == (None, 3)
    np.testing.assert_array_equal(ops.float_power([2, 4, 0], -1).numpy(), np.array([0.5, 0.25, np.inf], "float32"))
    assert np.isnan(ops.float_power(-2.0, 0.5).numpy())
    x = np.array([0.5, 1, 2, 10, -0.5, np.inf], "float32")
    np.testing.assert_allclose(ops.lgamma(x), special.gammaln(x), rtol=1e-6, atol=1e-6)
    assert ops.lgamma([3, 4]).dtype == "float32" and np.isposinf(ops.lgamma(-1.0).numpy())


def test_cov():
    x = np.random.default_rng(3).random((3, 7), np.float32)
    np.testing.assert_allclose(ops.cov(x), np.cov(x), rtol=1e-5)
    np.testing.assert_allclose(ops.cov(x[0]), np.cov(x[0]), rtol=1e-5)
    np.testing.assert_allclose(pronghorn.jit(ops.cov)(x), np.cov(x), rtol=1e-5)
    for samples in (0, 1):
        assert np.isnan(ops.cov(np.ones((2, samples), "float32")).numpy()).all()
    assert ops.cov(np.ones((0, 3), "float32")).shape == (0, 0)
    with pytest.raises(ValueError, match="a vector or a matrix"):
        ops.cov(np.ones((2, 3, 1)))


def test_grad_by_position():
    x, y = np.array([1, 2], "float32"), np.array([3, 4], "float32")
    product = ops.grad(lambda a, b: a * b, argnums=(0, -1))
    np.testing.assert_array_equal(product(x, y), [y, x])
    np.testing.assert_array_equal(ops.grad(lambda a, b: a * b)(pronghorn.Variable(x), b=y), y)
    np.testing.assert_array_equal(ops.grad(lambda a, b: a * 1.0, 1)(x, y), [0, 0])
    np.testing.assert_array_equal(ops.grad(lambda d: d["a"] * 2)({"a": x})["a"], [2, 2])
    np.testing.assert_array_equal(ops.grad(ops.grad(lambda a: a**3))(x), [6, 12])
    np.testing.assert_array_equal(pronghorn.jit(ops.grad(ops.square))(x), [2, 4])
    with pytest.raises(ValueError, match="argnums=5"):
        ops.grad(ops.square, 5)(x)
    with pytest.raises(TypeError, match="one array"):
        ops.grad(lambda a: (a, a))(x)


P = np.array([[0.1, 0.7, 0.2], [0.3, 0.3, 0.4], [0.9, 0.05, 0.05]], "float32")


def test_focal_loss_of_class_numbers():
    focal = pronghorn.losses.sparse_categorical_focal_crossentropy
    labels, rows = np.array([1, 2, 0]), np.eye(3, dtype="float32")[[1, 2, 0]]
    for settings in ({}, {"from_logits": True}, {"alpha": [0.1, 0.2, 0.3], "gamma": 1.0}, {"gamma": 0.0}):
        expected = pronghorn.losses.categorical_focal_crossentropy(rows, P, **settings)
        np.testing.assert_allclose(focal(labels, P, **settings), expected, rtol=1e-6)
        np.testing.assert_allclose(focal(labels[:, None], P, **settings), expected, rtol=1e-6)
        if "alpha" not in settings:
            np.testing.assert_allclose(focal(labels, P.T, axis=0, **settings), expected, rtol=1e-6)
    np.testing.assert_allclose(focal([1, -1, 0], P, ignore_class=-1), [0.00802519, 0, 0.0002634], rtol=1e-4)
    one_each = {"alpha": [0.1, 0.2, 0.3]}
    loss = pronghorn.losses.SparseCategoricalFocalCrossentropy(**one_each)
    expected = pronghorn.losses.CategoricalFocalCrossentropy(**one_each)(rows, P)
    np.testing.assert_allclose(loss(labels, P), expected, rtol=1e-6)
    loss = pronghorn.losses.SparseCategoricalFocalCrossentropy(ignore_class=-1)
    np.testing.assert_allclose(loss([1, -1, 0], P), 0.0041442943, rtol=1e-4)  # what is ignored is no sample
    assert pronghorn.losses.deserialize(pronghorn.losses.serialize(loss)).get_config() == loss.get_config()
    model = pronghorn.Sequential([pronghorn.Input((4,)), layers.Dense(3, activation="softmax")])
    model.compile("sgd", "sparse_categorical_focal_crossentropy")
    assert np.isfinite(model.train_on_batch(np.ones((5, 4)), np.array([0, 1, 2, 0, 1])))


def test_label_smoothing_of_class_numbers():
    loss = pronghorn.losses.SparseCategoricalCrossentropy(label_smoothing=0.1)
    rows = np.eye(3, dtype="float32")[[1, 2, 0]]
    expected = pronghorn.losses.CategoricalCrossentropy(label_smoothing=0.1)(rows, P)
    np.testing.assert_allclose(loss(np.array([1, 2, 0]), P), expected, rtol=1e-6)
    assert loss.get_config()["label_smoothing"] == 0.1
    assert "label_smoothing" not in pronghorn.losses.SparseCategoricalCrossentropy().get_config()


def test_grouped_query_attention_has_both_names():
    assert layers.GroupedQueryAttention is layers.GroupQueryAttention
