"""`tf.function` with a signature: what its calls give was recorded from TensorFlow."""

import functools

import numpy as np
import pytest

from pronghorn_tensorflow.alias import TensorFlowAlias

tf = TensorFlowAlias("tensorflow")
ROW, NUMBER = tf.TensorSpec([None], tf.float32), tf.TensorSpec([], tf.int32)
X = np.array([1.0, 2.0], "float32")


def compiled(function, *signature):
    return tf.function(function, input_signature=signature)


class Scaled:
    """A method with a default that its signature leaves out, one whose signature has it, and one without arguments."""

    scale = 2.0

    @tf.function(input_signature=[ROW])
    def times(self, a, n=2):
        return a * self.scale * n

    @tf.function(input_signature=[ROW, NUMBER])
    def plus(self, a, n=3):
        return a + self.scale + tf.cast(n, tf.float32)

    @staticmethod
    @tf.function(input_signature=[ROW])
    def alone(a, k=1):
        return a * k

    @tf.function(input_signature=[])
    def nothing(self, k=3.0):
        return tf.constant(k)

    def __call__(self, a, k=2):
        return a * k


@pytest.mark.parametrize(
    ("call", "expected"),
    [
        (lambda: compiled(lambda a, n=2: a * n, ROW)(X), [2, 4]),
        (lambda: compiled(lambda a, n=2: a * n, ROW)(X, n=2), [2, 4]),
        (lambda: compiled(lambda a, n=None: a if n is None else a * n, ROW)(X), [1, 2]),
        (lambda: compiled(lambda a, n=X: a * n, ROW)(X, X.copy()), [1, 4]),
        (lambda: compiled(lambda a, n=2: a * tf.cast(n, tf.float32), ROW, NUMBER)(X), [2, 4]),
        (lambda: compiled(lambda a, n=2: a * tf.cast(n, tf.float32), ROW, NUMBER)(X, n=3), [3, 6]),
        (lambda: compiled(lambda a, *, n=2: a * n, ROW)(X), [2, 4]),
        (lambda: compiled(lambda *a: a[0] + a[1], ROW, ROW)(X, X), [2, 4]),
        (lambda: compiled(lambda a, **k: a, ROW)(X), [1, 2]),
        (lambda: compiled(lambda a, b: a - b, ROW, ROW)(b=X, a=2 * X), [1, 2]),
        (lambda: compiled(functools.partial(lambda a, b: a + b, b=1.0), ROW)(X), [2, 3]),
        (lambda: compiled(functools.partial(lambda a, b: a + b, 1.0), ROW)(X), [2, 3]),
        (lambda: compiled(lambda p, k=1: p[0] + p[1] * k, [ROW, ROW])([X, X]), [2, 4]),
        (lambda: compiled(lambda d, k=2: d["a"] * k, {"a": ROW})({"a": [1, 2]}), [2, 4]),
        (lambda: compiled(lambda k=4.0: tf.constant(k))(), 4),
        (lambda: Scaled().times(X), [4, 8]),
        (lambda: Scaled().times(a=X), [4, 8]),
        (lambda: Scaled().plus(X), [6, 7]),
        (lambda: Scaled().plus(X, n=4), [7, 8]),
        (lambda: Scaled.alone(X), [1, 2]),
        (lambda: Scaled().alone(X), [1, 2]),
        (lambda: Scaled().nothing(), 3),
        (lambda: compiled(Scaled().__call__, ROW)(X), [2, 4]),
        (lambda: compiled(Scaled(), ROW)(X), [2, 4]),
        (lambda: compiled(lambda a, k=2: a * k, ROW).get_concrete_function()(tf.constant(X)), [2, 4]),
    ],
)
def test_calls(call, expected):
    assert call().numpy().tolist() == expected


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (
            lambda: compiled(lambda a, n=2: a * n, ROW)(X, 3),
            "has 1 tensor, and none for n, which can only keep a default",
        ),
        (lambda: compiled(lambda a, *, n=2: a * n, ROW)(X, n=3), "none for n"),
        (lambda: compiled(lambda a, **k: a, ROW)(X, n=3), "none for n"),
        (lambda: compiled(lambda *a: a[0], ROW)(X, 5), "none for 5"),
        (lambda: compiled(lambda a, b: a + b, ROW)(X, X), "none for b"),
        (lambda: compiled(lambda a: a, ROW, ROW)(X), "has 2 tensors; the call has 1 argument"),
        (lambda: compiled(lambda a: a, ROW)(), "missing a required argument: 'a'; its input_signature has 1 tensor"),
        (lambda: compiled(lambda a: a, ROW)(X, a=X), "multiple values for argument 'a'"),
        (lambda: compiled(lambda a: a, ROW)(None), "input_signature has .*, and the call gave None"),
        (lambda: compiled(lambda d: d["a"], {"a": ROW})({"b": X}), "input_signature has .*, and the call gave"),
        (lambda: compiled(lambda p: p[0], (ROW, ROW))([X]), "input_signature has .*, and the call gave"),
        (lambda: compiled(lambda a: a, ROW)(tf.ones((2, 2))), r"gave a tensor of shape \(2, 2\), dtype float32"),
    ],
)
def test_mistakes(call, message):
    with pytest.raises(TypeError, match=message):
        call()
