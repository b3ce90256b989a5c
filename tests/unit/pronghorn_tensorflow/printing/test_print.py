"""`tf.print` writes what TensorFlow writes, from which these lines were recorded."""

import sys

import ml_dtypes
import numpy as np
import pytest

from pronghorn_tensorflow.alias import TensorFlowAlias, submodule

tf = TensorFlowAlias("tensorflow")
ragged = submodule("tensorflow.ragged").constant
ENDS = "[0, 1, 2, ..., 6, 7, 8]"


@pytest.mark.parametrize(
    ("make", "expected"),
    [
        (lambda: ("loss:", tf.constant(0.5), "acc:", tf.constant(0.98)), "loss: 0.5 acc: 0.98"),
        (lambda: (tf.constant(1 / 3), tf.constant(0.1) + tf.constant(0.2)), "0.333333343 0.3"),
        (lambda: (tf.constant(1 / 3, "float64"),), "0.33333333333333331"),
        (lambda: (tf.constant([123456.789, 16777216.0, 1e-20]),), "[123456.789 16777216 1e-20]"),
        (lambda: (tf.constant([np.nan, np.inf, -0.0]),), "[nan inf -0]"),
        (lambda: (tf.constant(np.array([0.1, 2], ml_dtypes.bfloat16)),), "[0.100097656 2]"),
        (lambda: (tf.constant([True, False]), tf.constant([1, -2], "int8")), "[1 0] [1 -2]"),
        (lambda: (tf.constant(["a", "b"]), tf.constant("x"), "y"), '["a" "b"] "x" y'),
        (lambda: (tf.constant('é "q"'),), 'é "q"'),
        (lambda: ([tf.constant(1.5), tf.constant([1, 2])], {"a": [1, "x"]}, (1,)), "[1.5, [1 2]] {'a': [1, 'x']} (1,)"),
        (lambda: (0.1, True, None, b"b"), "0.1 True None b'b'"),
        (lambda: (tf.range(6), tf.range(7)), "[0 1 2 3 4 5] [0 1 2 ... 4 5 6]"),
        (lambda: (tf.ones((2, 2)),), "[[1 1]\n [1 1]]"),
        (lambda: (tf.ones((2, 1, 2)),), "[[[1 1]]\n\n [[1 1]]]"),
        (lambda: (tf.ones((7, 1)),), "[[1]\n [1]\n [1]\n ...\n [1]\n [1]\n [1]]"),
        (lambda: (tf.zeros((0,)), []), "[] []"),
        (lambda: (), ""),
        (lambda: (tf.Variable([1.0, 2.5]),), "[1 2.5]"),
        (lambda: (ragged([[1.5, 2], []]), ragged([["a"], []])), "[[1.500000, 2.000000], []] [['a'], []]"),
        (lambda: (ragged([[True]]), ragged([list(range(9)), [1]])), f"[[true]] [{ENDS}, [1]]"),
    ],
)
def test_what_is_written(make, expected, capsys):
    tf.print(*make(), output_stream=sys.stdout)
    assert capsys.readouterr().out == f"{expected}\n"


def test_how_much_and_where(capsys, tmp_path):
    tf.print(tf.range(8), "a", summarize=-1, sep="-", end="|")
    tf.print(tf.range(8), summarize=1)
    assert capsys.readouterr().err == "[0 1 2 3 4 5 6 7]-a|[0 ... 7]\n"
    for word in "ab":
        tf.print(word, output_stream=f"file://{tmp_path}/log.txt")
    assert (tmp_path / "log.txt").read_text() == "a\nb\n"
