"""What the stand-in for TensorFlow gives has TensorFlow's types and values, which were recorded from TensorFlow."""

import numpy as np
import pytest

import pronghorn
from pronghorn_tensorflow.alias import TensorFlowAlias, submodule

tf = TensorFlowAlias("tensorflow")
image, math, nn = (submodule(f"tensorflow.{name}") for name in ("image", "math", "nn"))
U = np.array([[10, 200], [30, 250], [90, 0]], "uint8")[..., None]  # an image of 3 x 2 pixels
C = np.array([[[10, 200, 30], [250, 90, 0]]], "uint8")  # one of colours
I = np.array([[-7, 2], [4, 4]], "int32")
D = np.array([[1.0, 2.0], [3.0, 4.0]])

RESIZED = [
    ("bilinear", False, [15, 113.75, 212.5, 75, 68.75, 62.5]),
    ("bilinear", True, [17.5, 118.125, 218.75, 67.5, 80.625, 93.75]),
    ("bicubic", True, [0.5817, 121.0594, 241.5372, 68.5127, 79.6469, 90.781]),
    ("area", False, [16.6667, 116.6667, 216.6667, 70, 76.6667, 83.3333]),
    ("lanczos3", False, [-16.6844, 117.3794, 251.4433, 83.9371, 64.7723, 45.6075]),
    ("gaussian", False, [28.2472, 114.4129, 200.5787, 73.4329, 70.5494, 67.666]),
    ("gaussian", True, [33.0815, 115.6814, 198.2813, 66.7023, 83.0444, 99.3864]),
    ("mitchellcubic", False, [12.2937, 114.6226, 216.9515, 76.2681, 67.905, 59.5419]),
    ("mitchellcubic", True, [15.8782, 118.9727, 222.0673, 66.6756, 81.8777, 97.0799]),
]


@pytest.mark.parametrize(("method", "antialias", "expected"), RESIZED)
def test_resized_images_are_float32_with_their_range(method, antialias, expected):
    found = image.resize(U, (2, 3), method=method, antialias=antialias)
    assert found.dtype == "float32" and found.shape == (2, 3, 1)
    np.testing.assert_allclose(np.asarray(found).ravel(), expected, rtol=1e-4, atol=1e-3)
    batch = image.resize(np.stack([U, U]).astype("float64"), (2, 3), method, antialias=antialias)
    assert batch.dtype == "float32"
    np.testing.assert_allclose(np.asarray(batch)[1].ravel(), expected, rtol=1e-4, atol=1e-3)


FACTS = [
    (lambda: image.resize(U, (2, 3), image.ResizeMethod.NEAREST_NEIGHBOR), "uint8", [10, 200, 200, 90, 0, 0]),
    (lambda: image.resize(U, (2, 2)), "float32", [15, 212.5, 75, 62.5]),
    (lambda: image.resize(U, (3, 2)), "float32", U.ravel()),
    (lambda: image.resize(U, (6, 2), preserve_aspect_ratio=True), "float32", U.ravel()),
    (lambda: image.resize_with_pad(U, 2, 4), "float32", [0, 113.75, 0, 0, 0, 68.75, 0, 0]),
    (lambda: image.resize_with_pad(U, 5, 2, method="nearest"), "uint8", [0, 0, *U.ravel(), 0, 0]),
    (
        lambda: image.crop_and_resize(
            U[None], [[0.0, 0.0, 1.0, 1.0], [1.0, 0.5, -0.5, 0.5]], [0, 0], [2, 3], extrapolation_value=-1.0
        ),
        "float32",
        [10, 105, 200, 90, 45, 0, 45, 45, 45, -1, -1, -1],
    ),
    (lambda: image.crop_and_resize(U[None], [[0.0, 0.0, 1.0, 0.5]], [0], [1, 3], "nearest"), "float32", [30, 30, 250]),
    (lambda: image.adjust_hue(C, 0.25), "uint8", [10, 85, 200, 35, 250, 0]),
    (lambda: image.adjust_gamma(C, 2.0, 0.5), "uint8", [0, 78, 1, 122, 15, 0]),
    (lambda: image.psnr(C, C[:, ::-1], 255), "float32", [4.414]),
    (lambda: image.transpose(U), "uint8", [10, 30, 90, 200, 250, 0]),
    (lambda: image.rgb_to_hsv((C / 255).astype("float16"))[0, 0], "float32", [0.3509, 0.95, 0.7842]),
    (lambda: image.flip_left_right(D[..., None]), "float64", [2, 1, 4, 3]),
    (lambda: tf.reduce_mean(I), "int32", [0]),
    (lambda: tf.reduce_mean(I, 0), "int32", [-1, 3]),
    (lambda: tf.reduce_mean(I, axis=1, keepdims=True), "int32", [-2, 4]),
    (lambda: tf.reduce_mean(np.array([200, 100], "uint8")), "uint8", [150]),
    (lambda: tf.reduce_sum(np.array([200, 100], "uint8")), "uint8", [44]),
    (lambda: tf.reduce_prod(np.array([20, 100], "uint8")), "uint8", [208]),
    (lambda: tf.reduce_mean(D), "float64", [2.5]),
    (lambda: tf.divide(I, 2), "float64", [-3.5, 1, 2, 2]),
    (lambda: tf.truediv(I.astype("int16"), 2), "float32", [-3.5, 1, 2, 2]),
    (lambda: math.divide_no_nan(I, [[0, 1], [2, 3]]), "float64", [0, 2, 2, 4 / 3]),
    (lambda: nn.relu6(I), "int32", [0, 2, 4, 4]),
    (lambda: tf.one_hot([1], 2, on_value=5, off_value=-1), "int32", [-1, 5]),
    (lambda: tf.one_hot([1], 2), "float32", [0, 1]),
    (lambda: tf.convert_to_tensor(np.zeros(2)), "float64", [0, 0]),
    (lambda: tf.constant([np.float64(1), np.float64(2)]), "float64", [1, 2]),
    (lambda: tf.constant([1.0, 2.0]), "float32", [1, 2]),
    (lambda: tf.constant(np.float64(2)), "float64", [2]),
    (lambda: tf.convert_to_tensor(np.zeros(2), dtype="float32"), "float32", [0, 0]),
    (lambda: tf.Variable(np.ones(2)), "float64", [1, 1]),
    (lambda: tf.Variable([1.0, 2.0]), "float32", [1, 2]),
    (lambda: tf.stack([D, D])[1], "float64", D.ravel()),
    (lambda: tf.matmul(D, D), "float64", [7, 10, 15, 22]),
    (lambda: tf.square(D), "float64", [1, 4, 9, 16]),
    (lambda: tf.cast(D, tf.float32), "float32", D.ravel()),
    (lambda: tf.add(tf.constant([1.0, 2.0]), np.ones(2)), "float32", [2, 3]),
    (lambda: tf.clip_by_value(np.float32([1, 5]), np.float64(2), np.float64(3)), "float32", [2, 3]),
]


@pytest.mark.parametrize(("call", "dtype", "values"), FACTS)
def test_types_and_values_are_tensorflows(call, dtype, values):
    found = call()
    assert found.dtype == dtype
    np.testing.assert_allclose(np.asarray(found, "float64").ravel(), values, rtol=1e-3, atol=1e-3)


def test_a_complex_number_is_complex128():
    assert tf.constant(1 + 2j).dtype == "complex128"


def test_shapes_take_a_type():
    assert tuple(tf.shape(U, out_type=tf.int64)) == (3, 2, 1) and int(tf.size(U, out_type=tf.int64)) == 6


def test_random_changes_keep_type_and_shape():
    for change in (lambda: image.random_hue(C, 0.3, seed=1), lambda: image.random_saturation(C, 0.5, 2.0, seed=1)):
        found = change()
        assert found.dtype == "uint8" and found.shape == C.shape and (np.asarray(found) != np.asarray(change())).any()
    parts = {tuple(np.asarray(image.random_crop(U, (1, 2, 1), seed=3)).ravel()) for _ in range(20)}
    assert parts == {(10, 200), (30, 250), (90, 0)}


def test_resizing_compiles():
    compiled = tf.function(lambda x: image.resize(x, (2, 3), "area"))
    np.testing.assert_allclose(np.asarray(compiled(U)), np.asarray(image.resize(U, (2, 3), "area")), rtol=1e-6)
    model = pronghorn.Sequential(
        [pronghorn.Input((3, 2, 1)), pronghorn.layers.Lambda(lambda x: image.resize(x, (2, 3)))]
    )
    assert model(U[None].astype("float32")).shape == (1, 2, 3, 1)


@pytest.mark.parametrize(
    ("call", "words"),
    [
        (lambda: image.resize(U, (2, 2), "cubic"), "method='cubic'.*bicubic"),
        (lambda: image.crop_and_resize(U[None], [[0, 0, 1, 1]], [0], (2, 2), "area"), "method='area'"),
        (lambda: image.random_crop(U, (4, 1, 1)), r"\(4, 1, 1\).*\(3, 2, 1\)"),
        (lambda: image.random_hue(C, 0.6), "0.6"),
        (lambda: image.adjust_gamma(C, -1), "gamma.*-1"),
    ],
)
def test_mistakes(call, words):
    with pytest.raises(ValueError, match=words):
        call()


# TensorFlow's gradients at 0.5, 1.5 and 3.0
DERIVATIVES = {
    "bessel_i0": [0.2579, 0.9817, 3.9534],
    "bessel_i0e": [-0.4886, -0.1484, -0.0462],
    "bessel_i1": [0.5477, 0.9923, 3.563],
    "bessel_i1e": [0.1758, 0.0024, -0.0194],
    "bessel_j0": [-0.2423, -0.5579, -0.3391],
    "bessel_j1": [0.4539, 0.1399, -0.3731],
    "bessel_k0": [-1.6564, -0.2774, -0.0402],
    "bessel_k0e": [-1.2069, -0.285, -0.1088],
    "bessel_k1": [-4.2373, -0.3987, -0.0481],
    "bessel_k1e": [-4.2551, -0.5438, -0.1601],
    "bessel_y0": [1.4715, 0.4123, -0.3247],
    "bessel_y1": [2.4984, 0.6573, 0.2686],
    "dawsn": [0.5756, -0.2847, -0.0696],
    "expint": [3.2974, 2.9878, 6.6952],
    "fresnel_cos": [0.9239, -0.9239, -0.0],
    "fresnel_sin": [0.3827, -0.3827, 1.0],
    "spence": [-1.3863, -0.8109, -0.5493],
}


@pytest.mark.parametrize("name", DERIVATIVES)
def test_special_functions_are_differentiated(name):
    x = tf.constant([0.5, 1.5, 3.0])
    with tf.GradientTape() as tape:
        tape.watch(x)
        y = getattr(submodule("tensorflow.math.special"), name)(x)
    np.testing.assert_allclose(np.asarray(tape.gradient(y, x)), DERIVATIVES[name], atol=1e-4)


def test_special_functions_sum_gradients_of_broadcast_arrays_and_refuse_what_they_cannot_take():
    x = tf.constant([[0.3]])
    with tf.GradientTape() as tape:
        tape.watch(x)
        y = math.betainc([1.0, 1.0], 2.0, x)
    np.testing.assert_allclose(np.asarray(tape.gradient(y, x)), [[2 * 2 * 0.7]], rtol=1e-5)
    with pytest.raises(TypeError, match="arrays of floats"):
        math.zeta([2, 3], [1, 1])
    for given in ([x], [x, x, "name", x]):
        with pytest.raises(TypeError, match=r"zeta: its arguments are x, q; got \d"):
            math.zeta(*given)
    with pytest.warns(UserWarning, match="runs eagerly"):
        np.testing.assert_allclose(tf.function(math.bessel_i1)(tf.constant([1.0])), [0.565159], rtol=1e-5)


@pytest.mark.parametrize("other", [tf.constant([["a"]]), tf.constant([[1]], "int64")])
def test_sets_of_two_types_are_refused(other):
    with pytest.raises(TypeError, match="both are of one type; got int32 and"):
        submodule("tensorflow.sets").union(tf.constant([[1]]), other)


def test_graphs_and_raw_operations_name_what_is_there():
    with pytest.raises(AttributeError, match=r"tf\.function"):
        tf.Graph()
    with pytest.raises(AttributeError, match=r"tf\.matmul"):
        tf.raw_ops.MatMul  # noqa: B018


def test_arrays_of_strings_have_the_type_of_strings():
    words = tf.constant(["b", "a", "b"])
    for kind in (words.dtype, np.dtype("S3"), np.dtype("U3"), object, np.object_, np.str_):
        assert kind == tf.string and tf.string == kind and tf.as_dtype(kind) is tf.string
    assert words.dtype != tf.float32 and tf.float32 != words.dtype and tf.string != np.float32
    assert tf.string.as_numpy_dtype is object
    spec = tf.TensorSpec.from_tensor(words)
    assert spec == tf.TensorSpec([3], tf.string) and spec.is_compatible_with(words)
    assert not spec.is_compatible_with(tf.ones(3)) and not tf.TensorSpec([3]).is_compatible_with(words)
    rows = submodule("tensorflow.ragged").constant([["a"], ["b", "c"]])
    for kind in (rows.dtype, submodule("tensorflow.sparse").from_dense([["a", ""]]).dtype):
        assert kind is tf.string  # which prints as TensorFlow's does
    assert submodule("tensorflow.debugging").assert_type(words, tf.string) is None
    with pytest.raises(TypeError, match="assert_type: int32 was expected, got string. of words"):
        submodule("tensorflow.debugging").assert_type(words, tf.int32, "of words")


def test_functions_of_numpys_give_plain_arrays_of_strings():
    words = tf.constant(["b", "a", "b"])
    values, counts = np.unique(words, return_counts=True)
    assert type(values) is np.ndarray and values.tolist() == [b"a", b"b"] and counts.tolist() == [1, 2]
    assert type(np.concatenate([words, words])) is np.ndarray and np.sort(words).tolist() == [b"a", b"b", b"b"]
    rows = submodule("tensorflow.ragged").constant([["a"], ["b", "c"]])
    assert tf.expand_dims(rows, -1)[1].numpy().tolist() == [[b"b"], [b"c"]]
    assert tf.squeeze(tf.expand_dims(rows, -1), -1)[1].numpy().tolist() == [b"b", b"c"]
