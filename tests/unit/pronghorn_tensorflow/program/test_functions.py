"""The functions of the stand-in for TensorFlow mean what TensorFlow's mean, by its names of arguments and defaults."""

import pickle

import numpy as np
import pytest

import pronghorn
from pronghorn import layers, ops
from pronghorn.engine.graph.ir import Aval
from pronghorn.engine.graph.tensor import Tensor
from pronghorn.engine.graph.trace import trace
from pronghorn.scripts import older_names
from pronghorn_tensorflow.alias import TensorFlowAlias, submodule

tf = TensorFlowAlias("tensorflow")
math, nn, linalg = (submodule(f"tensorflow.{name}") for name in ("math", "nn", "linalg"))
A = np.array([[3.0, -1.0, 2.0], [0.5, 4.0, -2.0]], "float32")


def same(found, expected):
    np.testing.assert_allclose(np.asarray(found), expected, rtol=1e-6, atol=1e-6)


@pytest.mark.parametrize(
    ("call", "expected"),
    [
        (lambda: tf.argmax(A), A.argmax(0)),
        (lambda: math.argmin(A), A.argmin(0)),
        (lambda: tf.argmax(input=A, axis=1, output_type="int32"), A.argmax(1)),
        (lambda: tf.cumsum(A), A.cumsum(0)),
        (lambda: tf.cumsum(A, axis=1, exclusive=True), [[0, 3, 2], [0, 0.5, 4.5]]),
        (lambda: tf.cumsum(A, axis=1, reverse=True), [[4, 1, 2], [2.5, 2, -2]]),
        (lambda: math.cumprod(A, axis=-1, exclusive=True, reverse=True), [[-2, 2, 1], [-8, -2, 1]]),
        (lambda: tf.gather(A, [1]), A[[1]]),
        (lambda: tf.gather(params=A, indices=[2, 0], axis=-1), A[:, [2, 0]]),
        (lambda: tf.gather(A, np.array([[2, 0], [1, 1]]), batch_dims=1), [[2, 3], [4, 4]]),
        (lambda: tf.gather_nd(A, [[0, 2], [1, 1]]), [2, 4]),
        (lambda: tf.concat(tf.split(A, [1, -1], axis=1)[::-1], axis=1), A[:, [1, 2, 0]]),
        (lambda: tf.split(value=A, num_or_size_splits=2)[1], A[1:]),
        (lambda: tf.matmul(A, A, transpose_b=True), A @ A.T),
        (lambda: tf.matmul(a=A, b=A, transpose_a=True), A.T @ A),
        (lambda: linalg.matvec(A, [1.0, 2.0, 3.0]), A @ [1, 2, 3]),
        (lambda: tf.transpose(A, perm=[1, 0]), A.T),
        (lambda: math.softmax(logits=[1.0, 1.0]), [0.5, 0.5]),
        (lambda: math.softplus(features=[0.0]), np.log([2.0])),
        (lambda: linalg.matrix_transpose([[1j, 2.0]]), [[1j], [2]]),
        (lambda: linalg.matrix_transpose([[1j, 2.0]], conjugate=True), [[-1j], [2]]),
        (lambda: tf.pad(A, [[0, 0], [1, 1]], "REFLECT"), np.pad(A, [(0, 0), (1, 1)], "reflect")),
        (
            lambda: tf.pad(A, paddings=[[1, 0], [0, 0]], constant_values=7),
            np.pad(A, [(1, 0), (0, 0)], constant_values=7),
        ),
        (lambda: tf.clip_by_value(A, clip_value_min=-1, clip_value_max=1), A.clip(-1, 1)),
        (lambda: tf.clip_by_norm([3.0, 4.0], 1.0), [0.6, 0.8]),
        (lambda: tf.clip_by_global_norm([[3.0], None, [4.0]], 10.0)[1], 5.0),
        (lambda: tf.clip_by_global_norm([[3.0], None, [4.0]], 1.0)[0][2], [0.8]),
        (lambda: tf.sort(A, direction="DESCENDING"), -np.sort(-A)),
        (lambda: tf.argsort([2, 1, 2, 3], direction="DESCENDING"), [3, 0, 2, 1]),
        (lambda: tf.one_hot([0, 2], depth=3, on_value=0.9, off_value=0.1), np.eye(3)[[0, 2]] * 0.8 + 0.1),
        (lambda: tf.where(A > 2), np.argwhere(A > 2)),
        (lambda: tf.boolean_mask(A, A > 2), A[A > 2]),
        (lambda: tf.boolean_mask(A, [True, False, True], axis=1), A[:, [0, 2]]),
        (lambda: tf.range(start=1, limit=10, delta=4), [1, 5, 9]),
        (lambda: tf.scan(lambda a, b: a + b, np.array([1.0, 2.0, 3.0])), [1, 3, 6]),
        (lambda: tf.scan(lambda a, b: a + b, np.array([1.0, 2.0, 3.0]), initializer=1.0, reverse=True), [7, 6, 4]),
        (lambda: tf.foldl(lambda a, b: a * b, np.array([2.0, 3.0, 4.0])), 24),
        (lambda: tf.map_fn(fn=lambda row: ops.sum(row), elems=A), A.sum(1)),
        (lambda: tf.scatter_nd([[0], [2]], [1.0, 2.0], [3]), [1, 0, 2]),
        (lambda: tf.tensor_scatter_nd_update([1.0, 1.0], [[1]], [5.0]), [1, 5]),
        (lambda: tf.sequence_mask([1, 3], dtype="float32"), [[1, 0, 0], [1, 1, 1]]),
        (lambda: tf.unique([5, 2, 5, 1]).idx, [0, 1, 0, 2]),
        (lambda: tf.norm(A), np.linalg.norm(A)),
        (lambda: tf.norm(A, axis=1, keepdims=True), np.linalg.norm(A, axis=1, keepdims=True)),
        (lambda: tf.constant([1, 2, 3, 4], shape=(2, 2)), [[1, 2], [3, 4]]),
        (lambda: math.l2_normalize(A), A / np.linalg.norm(A)),
        (lambda: math.top_k(A, 2).indices, [[0, 2], [1, 0]]),
        (lambda: math.in_top_k([0, 1], [[np.inf, 1.0, 0.0], [1.0, 2.0, np.nan]], 3), [False, False]),
        (lambda: math.in_top_k([0, 1, 3], [[0.1, 1.0, 0.0]] * 3, 2), [True, True, False]),
        (lambda: math.count_nonzero(A > 0, axis=1), [2, 2]),
        (lambda: math.confusion_matrix([0, 1, 1], [0, 1, 0]), [[1, 0], [1, 1]]),
        (lambda: math.multiply_no_nan([np.inf, 2.0], [0.0, 3.0]), [0, 6]),
        (lambda: linalg.band_part(np.ones((3, 3)), -1, 0), np.tril(np.ones((3, 3)))),
        (lambda: linalg.set_diag(np.zeros((2, 2)), [1.0, 2.0]), np.diag([1, 2])),
        (lambda: nn.gelu([1.0]), [0.8413447]),
        (lambda: nn.leaky_relu([-1.0], alpha=0.5), [-0.5]),
        (lambda: nn.batch_normalization(A, 1.0, 4.0, 2.0, 3.0, 0.0), (A - 1) / 2 * 3 + 2),
        (lambda: nn.max_pool2d(A[None, ..., None], 2, 1, "VALID")[0, ..., 0], [[4, 4]]),
        (lambda: nn.avg_pool(A[None, ..., None], [1, 2, 2, 1], [1, 1, 1, 1], "VALID")[0, ..., 0], [[1.625, 0.75]]),
        (lambda: nn.conv2d(A[None, ..., None], np.ones((2, 2, 1, 1)), [1, 1, 1, 1], "VALID")[0, ..., 0], [[6.5, 3]]),
    ],
)
def test_functions_mean_what_tensorflows_mean(call, expected):
    same(call(), expected)


def test_parts_that_do_not_fill_an_axis_are_refused():
    with pytest.raises(ValueError, match="do not add up"):
        tf.split(A, [1, 1], axis=1)


def test_what_no_gradient_reaches_can_be_asked_to_be_zero():
    v = tf.Variable(2.0)
    with tf.GradientTape() as tape:
        y = tf.constant(3.0) * 2
    same(tape.gradient(y, v, unconnected_gradients=tf.UnconnectedGradients.ZERO), 0.0)


def test_gradients_of_what_a_traced_function_has_computed():
    v, fixed = tf.Variable([1.0, 2.0]), tf.Variable(3.0, trainable=False)

    @tf.function
    def derivatives(x):
        z = x * x
        y = tf.reduce_sum(z * v) * fixed
        first = older_names.module("backend").gradients(y, [x, v, z, fixed, x + 1])
        second = tf.gradients([first[0], z], x, grad_ys=[tf.constant([1.0, 10.0]), None], unconnected_gradients="zero")
        return first, second, tf.gradients(y, x + 1, unconnected_gradients="zero")

    first, second, none = derivatives(tf.constant([3.0, 4.0]))
    for found, expected in zip(first[:4], ([18.0, 48.0], [27.0, 48.0], [3.0, 6.0], 41.0), strict=True):
        same(found, expected)
    assert first[4] is None and len(second) == 1
    same(second[0], [6 + 6, 120 + 8])
    same(none[0], [0, 0])


def in_loop(xs, source):
    return ops.scan(lambda carry, x: (carry, tf.gradients(carry * x, source(x))[0]), xs[0], xs)[1]


def test_gradients_of_a_loop_s_own_arrays():
    same(tf.function(lambda xs: in_loop(xs, lambda x: x))(tf.constant([2.0, 5.0])), [2, 2])


def test_gradients_say_how_a_tape_gives_them():
    backend, v = older_names.module("backend"), tf.Variable(2.0)
    with pytest.raises(RuntimeError, match="GradientTape"):
        backend.gradients(v * v, v)
    with pytest.raises(RuntimeError, match="Make a model that returns them"):
        backend.gradients(pronghorn.Input((3,)), [v])
    for source in (v, tf.constant(3.0)):
        with pytest.raises(RuntimeError, match="body of a loop"):
            trace(lambda xs, source=source: [in_loop(xs, lambda x: source)], [Aval((3,), "float32")])
    with pytest.raises(NotImplementedError, match="tf.stop_gradient"):
        tf.function(lambda x: tf.gradients(x, x, stop_gradients=[x]))(1.0)


def test_labels_of_their_lengths_are_sparse():
    convert = older_names.module("backend").ctc_label_dense_to_sparse
    found = convert(tf.constant([[1, 2, 3], [4, 5, 6], [7, 8, 9]]), [[1], [0], [9]])
    assert found.indices.tolist() == [[0, 0], [2, 0], [2, 1], [2, 2]] and found.shape == (3, 3)
    assert np.asarray(found.values).tolist() == [1, 7, 8, 9] and found.dtype == "int32"
    assert convert(np.zeros((0, 2), "int64"), []).indices.shape == (0, 2)


def test_the_functions_work_on_what_a_functional_model_is_made_of():
    x = pronghorn.Input((4,))
    first, second = tf.split(x, [1, 3], axis=1)
    y = tf.concat([math.l2_normalize(second, axis=1), tf.cumsum(first, axis=1), nn.gelu(tf.gather(x, [0], axis=1))], 1)
    model = pronghorn.Model(x, layers.Dense(1)(y))
    assert model.predict(np.ones((2, 4)), verbose=0).shape == (2, 1)


@pytest.mark.parametrize(("layout", "strides"), [("NHWC", [1, 2, 2, 1]), ("NCHW", [1, 1, 2, 2])])
def test_strides_of_a_separable_convolution_are_those_of_the_spatial_axes(layout, strides):
    x = np.arange(50, dtype="float32").reshape(1, 5, 5, 2)
    first = layout == "NCHW"
    kernels = np.full((1, 1, 2, 1), 2, "float32"), np.ones((1, 1, 2, 1), "float32")
    found = nn.separable_conv2d(np.moveaxis(x, -1, 1) if first else x, *kernels, strides, "VALID", data_format=layout)
    same(np.moveaxis(np.asarray(found), 1, -1) if first else found, 2 * x[:, ::2, ::2].sum(-1, keepdims=True))


def test_folds_go_from_either_end_and_kernels_of_the_backend_have_its_names():
    backend = older_names.module("backend")
    for module in (tf, backend):
        assert int(module.foldr(lambda a, b: a * 2 + b, np.array([1, 2, 3]))) == 17
        assert int(module.foldl(lambda a, b: a * 2 + b, np.array([1, 2, 3]), initializer=np.int32(1))) == 19
    x, kernel = np.ones((1, 3, 3, 2), "float32"), np.ones((2, 2, 2, 1), "float32")
    assert backend.depthwise_conv2d(x=x, depthwise_kernel=kernel).shape == (1, 2, 2, 2)
    pointwise = np.ones((1, 1, 2, 3), "float32")
    assert backend.separable_conv2d(x, kernel, pointwise_kernel=pointwise, strides=(1, 1)).shape == (1, 2, 2, 3)
    assert "arrays" not in dir(backend) and "renamed" not in dir(backend)


def test_windows_with_gaps():
    x = np.arange(16.0, dtype="float32").reshape(1, 4, 4, 1)
    same(nn.pool(x, [2, 2], "MAX", dilations=[2, 2]), x[:, 2:, 2:])
    with pytest.raises(ValueError, match=r"tf.nn.pool: dilations=\[2, 2\] go with strides of 1"):
        nn.pool(x, [2, 2], "MAX", strides=2, dilations=[2, 2])
    with pytest.raises(ValueError, match="larger than"):
        nn.pool(x, [3, 3], "MAX", dilations=[2, 2])
    same(nn.pool(x, 2, "MAX", dilations=1), nn.pool(x, [2, 2], "MAX"))


@pytest.mark.parametrize("key", [0, slice(None), slice(1, None), ..., (slice(None), None)], ids=repr)
@pytest.mark.parametrize("shape", [(3,), (2, 3), (0, 2)], ids=repr)
def test_gradients_go_through_parts_of_variables(key, shape):
    if key == 0 and shape[0] == 0:
        return
    start = np.arange(float(np.prod(shape)), dtype="float32").reshape(shape)
    v = tf.Variable(start)
    with pronghorn.GradientTape(persistent=True) as tape:
        loss = ops.sum(v[key] ** 2) + ops.sum(v)
    expected = np.ones(shape, "float32")
    expected[key] += 2 * start[key]
    same(tape.gradient(loss, v), expected)
    v[key].assign_add(ops.ones_like(v[key]))
    start[key] += 1
    same(v, start)
    assert not hasattr(v.value, "assign")


def test_parts_of_variables_in_traced_functions():
    v = tf.Variable([1.0, 2.0, 3.0])

    @tf.function
    def changed(x):
        v[1:].assign(x)
        v[0].assign_add(1.0)
        with tf.GradientTape() as tape:
            loss = ops.sum(v[:] ** 2)
        return tape.gradient(loss, v)

    same(changed(np.float32([5, 6])), [4, 10, 12])
    same(v, [2, 5, 6])


@pytest.mark.parametrize("value", [tf.constant(3), tf.Variable(3), tf.reduce_sum(tf.constant([1, 2]))])
def test_numbers_are_numpys_and_keys_of_dictionaries(value):
    number = value.numpy()
    assert isinstance(number, np.int32) and {3: "three"}[number] == "three"
    assert type(np.asarray(value)) is np.ndarray  # what asks for an array gets one
    assert isinstance(number * tf.constant([1, 2]), Tensor) and tf.constant([3]).numpy().shape == (1,)


def test_compiled_functions_see_another_shape_of_a_variable():
    v, other = tf.Variable([1.0, 2.0], shape=[None]), tf.Variable([1.0])
    doubled, unchanged = tf.function(lambda: v * 2), tf.function(lambda: other + 1)
    for value in ([1, 2], [3, 4, 5], [6], [], [1, 2]):
        v.assign(value)
        same(doubled(), [2 * x for x in value])
        same(unchanged(), [2])


def test_counts_of_rows_are_of_the_type_that_is_asked_for():
    rows = submodule("tensorflow.ragged").constant([[1, 2], []])
    assert rows.nrows(tf.int32).dtype == "int32" and rows.nrows(out_type=tf.int64).dtype == "int64"


def test_layers_name_their_type_plainly():
    layer = layers.Dense(1, dtype=tf.float16)
    assert type(layer.dtype) is str and type(layer.get_config()["dtype"]["config"]["name"]) is str


ROWS_OF_ROWS = submodule("tensorflow.ragged").constant([[[1.0, 2.0], [3.0]], [[4.0]], []])


@pytest.mark.parametrize(
    ("name", "axis", "expected"),
    [
        ("sum", 0, [[5, 2], [3]]),
        ("sum", 1, [[4, 2], [4], []]),
        ("sum", -1, [[3, 3], [4], []]),
        ("sum", (0, 1), [8, 2]),
        ("sum", [1, 2], [6, 4, 0]),
        ("mean", 0, [[2.5, 2], [3]]),
        ("mean", 1, [[2, 2], [4], []]),
        ("max", 0, [[4, 2], [3]]),
        ("min", 1, [[1, 2], [4], []]),
        ("prod", 0, [[4, 2], [3]]),
        ("prod", 1, [[3, 2], [4], []]),
    ],
)
def test_reductions_of_rows_of_rows_as_tensorflow_has_them(name, axis, expected):
    found = getattr(tf, f"reduce_{name}")(ROWS_OF_ROWS, axis=axis)
    assert (found.to_list() if hasattr(found, "to_list") else found.tolist()) == expected


def test_the_softmax_of_rows_is_along_an_axis_that_is_there():
    rows = submodule("tensorflow.ragged").constant([[1.0, 1.0], [3.0]])
    assert nn.softmax(rows, axis=1).to_list() == nn.softmax(rows, axis=-1).to_list() == [[0.5, 0.5], [1.0]]
    for axis in (0, 2, -3):
        with pytest.raises(ValueError, match="axis="):
            nn.softmax(rows, axis=axis)


def test_errors_of_functions_say_their_cause(tmp_path):
    errors, io = submodule("tensorflow.errors"), submodule("tensorflow.io")
    missing = str(tmp_path / "nonexistent")
    with pytest.raises(errors.OpError, match="nonexistent") as caught:
        io.read_file(missing)
    assert type(caught.value).__name__ == "NotFoundError" and isinstance(caught.value, errors.NotFoundError)
    assert caught.value.error_code == errors.NOT_FOUND and "nonexistent" in caught.value.message
    assert caught.value.errno == 2 and caught.value.filename == missing
    again = pickle.loads(pickle.dumps(caught.value))
    assert type(again) is type(caught.value) and again.message == caught.value.message and again.errno == 2
    with pytest.raises(errors.OpError, match="8") as caught:
        tf.reshape(np.ones(6), (4, 2))
    assert isinstance(caught.value, errors.InvalidArgumentError) and caught.value.error_code == errors.INVALID_ARGUMENT
    assert errors.DataLossError(None, None, "x").error_code == errors.DATA_LOSS


def test_descriptions_have_types_of_tensorflows():
    spec = submodule("tensorflow.data").Dataset.from_tensor_slices([1, 2]).element_spec
    assert spec.dtype.name == "int32" and spec.dtype == tf.int32 and isinstance(spec.dtype, tf.DType)


def test_a_number_of_elements_that_is_asserted():
    data, errors = submodule("tensorflow.data"), submodule("tensorflow.errors")
    asserted = submodule("tensorflow.data.experimental").assert_cardinality
    for count, expected in ((3, 3), (0, 0), (3, -1), (3, -2)):
        found = data.Dataset.range(count).apply(asserted(expected))
        assert len(list(found)) == count and int(found.cardinality()) == expected
    for count, expected, message in ((3, 4, "4 .* and there are 3"), (3, 2, "2 .* are more"), (0, 1, "there are 0")):
        with pytest.raises(errors.FailedPreconditionError, match=message):
            list(data.Dataset.range(count).apply(asserted(expected)))


def test_modules_say_what_is_not_trained_and_name_what_their_methods_make():
    class Layer(tf.Module):
        def __init__(self):
            super().__init__(name="mine")
            self.w, self.b = tf.Variable([1.0, 2.0]), tf.Variable(0.0, trainable=False)

        @tf.Module.with_name_scope
        def __call__(self, x, *, twice=False):
            """Compute."""
            return self.w * x * (2 if twice else 1) + self.b

    layer = Layer()
    assert layer(2.0, twice=True).numpy().tolist() == [4.0, 8.0] and Layer.__call__.__doc__ == "Compute."
    assert len(layer.non_trainable_variables) == 1 and layer.non_trainable_variables[0] is layer.b
    layer.w.assign_add(delta=[1.0, 1.0], name="sum", read_value=False)
    assert layer.w.assign_sub([0.0, 3.0]).numpy().tolist() == [2.0, 0.0]


def test_functions_of_keras_backend_mean_what_they_meant():
    backend = older_names.module("backend")
    same(backend.hard_sigmoid(np.array([-3.0, -1.0, 0.0, 1.0, 3.0], "float32")), [0.0, 0.3, 0.5, 0.7, 1.0])
    assert int(backend.mean(np.array([1, 2, 6]))) == 3 and int(backend.mean(np.array([1, 2]))) == 1
    same(backend.mean(np.array([True, False])), 0.5)
    same(backend.clip([1.0, 5.0], min_value=3.0, max_value=2.0), [3.0, 3.0])
    same(backend.switch(np.array([True, False]), np.ones((2, 2)), np.zeros((2, 2))), [[1, 0], [1, 0]])
    same(backend.switch(np.array([[True], [False]]), np.ones((2, 2)), np.zeros((2, 2))), [[1, 1], [0, 0]])
    found = backend.sparse_categorical_crossentropy([1, -1], np.array([[0.2, 0.8], [0.5, 0.5]]), ignore_class=-1)
    same(found, [-np.log(0.8), 0.0])
    assert (backend.shape(np.ones((2, 3))) * 2).numpy().tolist() == [4, 6]


@pytest.mark.parametrize(
    ("name", "arguments", "expected"),
    [
        ("dot", {"x": [[1.0]], "y": [[2.0]]}, [[2.0]]),
        ("map_fn", {"fn": lambda x: x * 2, "elems": np.array([1.0, 2.0]), "name": "twice"}, [2.0, 4.0]),
        ("one_hot", {"indices": [1], "num_classes": 3}, [[0.0, 1.0, 0.0]]),
        ("permute_dimensions", {"x": [[1, 2]], "pattern": (1, 0)}, [[1], [2]]),
        ("pow", {"x": 2.0, "a": 3.0}, 8.0),
        ("repeat_elements", {"x": [[1, 2]], "rep": 2, "axis": 1}, [[1, 1, 2, 2]]),
        ("reshape", {"x": [1, 2], "shape": (2, 1)}, [[1], [2]]),
        ("tile", {"x": [1, 2], "n": 2}, [1, 2, 1, 2]),
    ],
)
def test_functions_of_keras_backend_by_their_names_of_arguments(name, arguments, expected):
    same(getattr(older_names.module("backend"), name)(**arguments), expected)
