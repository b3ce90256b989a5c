"""Operators and keys of tensors, as TensorFlow's."""

import numpy as np
import pytest

from pronghorn.data import Dataset, RaggedTensor
from pronghorn_tensorflow.alias import TensorFlowAlias, submodule

tf = TensorFlowAlias("tensorflow")
errors = submodule("tensorflow.errors")

LONG = ("int32", "int64", "uint32", "uint64")


@pytest.mark.parametrize("dtype", [*LONG, "int8", "uint8", "int16", "uint16", "float16", "float32", "bfloat16"])
def test_quotients_of_tensors(dtype):
    wanted = "float64" if dtype in LONG else "float32" if "int" in dtype else dtype
    x, y = tf.constant([3, 4], dtype), tf.constant([2, 2], dtype)
    others = [y, 2, tf.Variable(y), np.asarray(y)] if dtype != "bfloat16" else [y, 2]
    for other in others:
        assert (x / other).dtype == wanted and (other / x).dtype == wanted
        np.testing.assert_allclose(np.asarray(x / other, "float64"), [1.5, 2.0])
    assert tf.function(lambda a, b: a / b)(x, y).dtype == wanted


def test_quotients_with_floats_and_of_variables():
    assert (tf.constant(3) / 2.0).dtype == "float32"
    assert (tf.constant(3) / tf.constant(2.0)).dtype == "float32"
    assert (tf.Variable(3) / tf.Variable(2)).dtype == "float64"
    assert (2 / tf.Variable(3)).dtype == "float64" and (tf.Variable(3.0) / 2).dtype == "float32"
    assert (tf.constant([], "int32") / 2).shape == (0,)


def test_quotients_of_elements_of_data_sets():
    for dtype, wanted in [("uint8", "float32"), ("int16", "float32"), ("int32", "float64"), ("float32", "float32")]:
        (image,) = Dataset.from_tensor_slices(np.full((1, 2), 51, dtype)).map(lambda x: x / 255)
        (turned,) = Dataset.from_tensor_slices(np.full((1, 2), 51, dtype)).map(lambda x: 255 / x)
        assert image.dtype == wanted and turned.dtype == wanted
        np.testing.assert_allclose(image, 0.2, rtol=1e-6)
        np.testing.assert_allclose(turned, 5.0)


def test_a_list_is_a_place():
    x = tf.constant([[1, 2, 3], [4, 5, 6]])
    assert int(x[[0, 1]]) == 2 and x[[1]].numpy().tolist() == [4, 5, 6] and x[[]].shape == (2, 3)
    with pytest.raises(errors.InvalidArgumentError):
        x[[0, 1, 1]]


def test_operators_fail_as_ops_do():
    with pytest.raises(errors.OpError) as failed:
        tf.ones((2, 3)) + tf.ones((2, 4))
    assert failed.value.message and failed.value.op is None and failed.value.node_def is None
    assert isinstance(failed.value, errors.InvalidArgumentError)


def test_errors_are_op_errors():
    names = [name for name in dir(errors) if name.endswith("Error")]
    assert [n for n in names if not issubclass(getattr(errors, n), errors.OpError)] == [
        "OperatorNotAllowedInGraphError"
    ]
    assert not issubclass(TypeError, errors.OpError) and not issubclass(ValueError, errors.AbortedError)
    error = errors.OutOfRangeError(None, None, "over")
    assert (error.message, error.node_def, error.op, error.error_code) == ("over", None, None, errors.OUT_OF_RANGE)


def test_the_end_of_a_data_set():
    rounds = iter(Dataset.range(1))
    assert int(rounds.get_next()) == 0
    with pytest.raises(errors.OutOfRangeError) as ended:
        rounds.get_next()
    assert ended.value.message
    with pytest.raises(StopIteration):
        next(rounds)
    assert len(list(Dataset.range(3))) == 3


def test_what_is_a_tensor():
    (element,) = Dataset.range(1)
    seen = []
    list(Dataset.from_tensor_slices(["a"]).map(lambda x: seen.append(isinstance(x, tf.Tensor)) or x))
    assert all(isinstance(x, tf.Tensor) for x in (tf.constant(1), tf.constant("a"), element)) and all(seen) and seen
    variables = [tf.Variable(1.0), tf.Variable("a")]
    assert not any(isinstance(x, tf.Tensor) for x in (*variables, np.ones(2), 1, "a", None))
    assert all(tf.is_tensor(x) for x in (*variables, tf.constant("a"), element, tf.constant(1.0)))
    assert tf.is_tensor(RaggedTensor.of([[1], []])) and not any(map(tf.is_tensor, (np.ones(1), 1.0, [1], "a")))
    assert issubclass(type(tf.constant(1)), tf.Tensor) and not issubclass(np.ndarray, tf.Tensor)


def test_data_sets_by_tensorflows_names():
    numbers = Dataset.range(2).map(map_func=lambda x: x + 1, deterministic=True).concatenate(dataset=Dataset.range(1))
    assert [int(x) for x in numbers] == [1, 2, 0]
    rounds = numbers.as_numpy_iterator()
    assert type(rounds.next()) is np.int64 and list(rounds) == [2, 0]
    assert int(iter(numbers).next()) == 1
    with pytest.raises(StopIteration):
        Dataset.range(0).as_numpy_iterator().next()


def test_an_array_left_of_a_variable_is_seen_by_tapes():
    x, w = np.ones((3, 2), "float32"), tf.Variable([[1.0], [1.0]])
    with tf.GradientTape() as tape:
        loss = tf.reduce_sum((x @ w + np.float32(2) * w[0]) * x[:, :1])
    assert tape.gradient(loss, w).numpy().tolist() == [[9.0], [3.0]]


def test_bits_of_integer_variables_beside_arrays_tensors_and_numbers():
    v, a, t = tf.Variable([2, 2]), np.array([1, 6], "int32"), tf.constant([3, 3])
    answers = [a & v, v & a, v | a, a ^ v, 3 & v, v ^ 3, ~v, v & t, v & v, v << 1]
    wanted = [[0, 2], [0, 2], [3, 6], [3, 4], [2, 2], [1, 1], [-3, -3], [2, 2], [2, 2], [4, 4]]
    assert [answer.numpy().tolist() for answer in answers] == wanted
    flags = tf.Variable([True, False])
    assert [(flags & True).numpy().tolist(), (~flags).numpy().tolist()] == [[True, False], [False, True]]
    for other in np.array([2, 0]), np.array([0.5, 0]):
        assert [(flags & other).numpy().tolist(), (other | flags).numpy().tolist()] == [[True, False], [True, False]]
