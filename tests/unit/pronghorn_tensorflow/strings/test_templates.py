"""`tf.strings.format`; what is expected is what TensorFlow gives."""

import numpy as np
import pytest

from pronghorn_tensorflow.alias import TensorFlowAlias, submodule

tf = TensorFlowAlias("tensorflow")
S = submodule("tensorflow.strings")


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        ([["a", "b"], ["c", "d"]], b'[["a" "b"]\n ["c" "d"]]'),
        ("a", b'"a"'),
        ([[1], [2]], b"[[1]\n [2]]"),
        (np.arange(8).reshape(2, 2, 2), b"[[[0 1]\n  [2 3]]\n\n [[4 5]\n  [6 7]]]"),
        (np.arange(4).reshape(2, 2, 1, 1), b"[[[[0]]\n\n  [[1]]]\n\n\n [[[2]]\n\n  [[3]]]]"),
        (True, b"1"),
        ([True, False], b"[1 0]"),
        (np.float32(0.1), b"0.1"),
        (np.float32(1 / 3), b"0.333333343"),
        (np.float64(1 / 3), b"0.33333333333333331"),
        (np.float32(123456789), b"123456792"),
        (np.float16(0.1), b"0.0999755859"),
        ([-0.0, np.nan, -np.inf, 1e10], b"[-0 nan -inf 1e+10]"),
        (['a"b', "c\\n\n", "it's"], b'["a\\"b" "c\\\\n\\n" "it\\\'s"]'),
        ([b"\xff\x00"], b'["\xff\\000"]'),
        (np.zeros((2, 0)), b"[\n ...]"),
        (np.zeros((0, 2)), b"[]"),
    ],
)
def test_values_as_text(value, expected):
    assert S.format("{}", tf.constant(value)).numpy() == expected


@pytest.mark.parametrize(
    ("summarize", "expected"),
    [
        (1, b"[[0 ... 2]\n ...\n [6 ... 8]]"),
        (-1, b"[[0 1 2]\n [3 4 5]\n [6 7 8]]"),
        (0, b"[\n ...]"),
    ],
)
def test_long_ones_are_cut(summarize, expected):
    assert S.format("{}", tf.constant(np.arange(9).reshape(3, 3)), summarize=summarize).numpy() == expected


def test_several_values():
    assert S.format("é {} and {}", [tf.constant(["a"]), tf.constant([True])]).numpy() == 'é ["a"] and [1]'.encode()
    with pytest.raises(ValueError, match="has 2 places for 1 values"):
        S.format("{} {}", tf.constant(1))


@pytest.mark.parametrize(
    ("axis", "expected"),
    [
        ([0, 1], [b"a,e,c,g", b"b,f,d,h"]),
        ([1, 0], [b"a,c,e,g", b"b,d,f,h"]),
        ([-1, -2], [b"a,b,c,d", b"e,f,g,h"]),
        ([0, 1, 2], b"a,e,c,g,b,f,d,h"),
        (None, b"a,b,c,d,e,f,g,h"),
        ([], [[[b"a", b"b"], [b"c", b"d"]], [[b"e", b"f"], [b"g", b"h"]]]),
    ],
)
def test_strings_along_several_axes_as_one(axis, expected):
    cube = np.array(list("abcdefgh")).reshape(2, 2, 2)
    assert np.asarray(S.reduce_join(cube, axis=axis, separator=",")).tolist() == expected


def test_an_axis_twice_is_refused():
    with pytest.raises(ValueError, match=r"axis=\[1, -1\]; each axis may be there once"):
        S.reduce_join([["a"]], axis=[1, -1])
