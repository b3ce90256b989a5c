"""Hashing and HashedCrossing: the bins are those of Keras on TensorFlow, from which the numbers below are."""

import numpy as np
import pytest

from pronghorn import layers, ops
from pronghorn.layers.preprocessing import fingerprint, traced_hashing

BINS = 10007
TEXTS = [
    *("", "a", "ab", "abc", "abcd", "abcdefg", "abcdefgh", "0123456789abcdef", "0123456789abcdefg"),
    *("x" * 32, "x" * 33, "y" * 64, "y" * 65, "z" * 128, "z" * 200, "naïve café"),
]
TEXT_BINS = {
    None: [7258, 4269, 9285, 4424, 1017, 1145, 7524, 9835, 8203, 8102, 8362, 171, 8930, 2355, 905, 9650],
    5: [8083, 9828, 8711, 5972, 8205, 4705, 4326, 1392, 485, 9611, 8993, 7498, 2886, 3607, 6122, 1586],
    (7, 2**40): [6895, 554, 2504, 6883, 8161, 3033, 5260, 2759, 8025, 7147, 684, 8337, 5528, 174, 4918, 9336],
}
INTEGERS = [0, 7, -7, 1234, 12345678, -12345678, 10**15, 10**16, -(10**18), 2**62]
INTEGER_BINS = {
    None: [1067, 611, 2200, 6904, 7434, 7656, 6385, 4694, 4139, 6346],
    5: [8130, 1697, 1055, 915, 8831, 2804, 3128, 8064, 5401, 5402],
}


@pytest.mark.parametrize("salt", TEXT_BINS)
def test_strings_of_every_length(salt):
    assert layers.Hashing(BINS, salt=salt)(TEXTS).numpy().tolist() == TEXT_BINS[salt]


@pytest.mark.parametrize("salt", INTEGER_BINS)
def test_integers_are_hashed_as_their_digits(salt):
    layer = layers.Hashing(BINS, salt=salt)
    assert layer(np.array(INTEGERS)).numpy().tolist() == INTEGER_BINS[salt]
    assert layer([str(i) for i in INTEGERS]).numpy().tolist() == INTEGER_BINS[salt]


def test_crosses():
    cross = layers.HashedCrossing(BINS)
    assert cross((["a", "b", "c"], [1, 2, -3])).numpy().tolist() == [7196, 2338, 8928]
    assert cross(([5, 6], [1, 2], [0, -9])).numpy().tolist() == [9693, 5254]
    assert cross((np.array([[5], [6]]), np.array([[1], [2]]), np.array([[0], [-9]]))).shape == (2, 1)


@pytest.mark.parametrize("salt", [None, (3, 4), (2**63 + 5, 7)])
def test_the_hash_in_ops_is_the_hash_of_strings(salt):
    rng = np.random.default_rng(0)
    edges = [0, 9, 10, 99, 100, 999, 10**7, 10**8 - 1, 10**15, 10**16, 10**18, 2**31, 2**63 - 1]
    drawn = [int(rng.integers(10**e)) for e in range(1, 19) for _ in range(4)]
    integers = np.array([*edges, *(-i for i in edges), -(2**63), *drawn, *(-i for i in drawn)], "int64")
    strings = np.array([str(i) for i in integers], object)
    hashed = traced_hashing.hash_integers(ops.convert_to_tensor(integers), 10**9 + 7, salt)
    np.testing.assert_array_equal(hashed.numpy(), fingerprint.hash_strings(strings, 10**9 + 7, salt))


def test_the_cross_in_ops():
    rng = np.random.default_rng(0)
    a, b = rng.integers(-(2**62), 2**62, (2, 30))
    crossed = traced_hashing.cross_integers([ops.convert_to_tensor(a), ops.convert_to_tensor(b)], 1009)
    assert crossed.numpy().tolist() == [fingerprint.cross((int(x), int(y))) % 1009 for x, y in zip(a, b)]


def test_the_masked_value_has_the_first_bin_for_itself():
    bins = layers.Hashing(4, mask_value="")([["", "a", "b", "c"], ["d", "e", "", "f"]]).numpy()
    assert (bins == 0).tolist() == [[True, False, False, False], [False, False, True, False]]
    assert (layers.Hashing(4, mask_value=7)(np.arange(20)).numpy() == 0).nonzero()[0].tolist() == [7]
    assert layers.Hashing(1, mask_value=7)(np.arange(3)).numpy().tolist() == [0, 0, 0]


def test_truth_values_are_hashed_as_0_and_1():
    truth = np.array([True, False])
    np.testing.assert_array_equal(layers.Hashing(99)(truth).numpy(), layers.Hashing(99)(truth.astype(int)).numpy())


def test_vectors():
    words = np.array([["a", "b", "a"], ["c", "c", "c"]])
    bins = layers.Hashing(5)(words).numpy()
    one_hot = layers.Hashing(5, output_mode="one_hot")(words).numpy()
    assert one_hot.shape == (2, 3, 5) and one_hot.dtype == "float32"
    np.testing.assert_array_equal(one_hot.argmax(-1), bins)
    np.testing.assert_array_equal(layers.Hashing(5, output_mode="count")(words).numpy(), one_hot.sum(1))
    np.testing.assert_array_equal(layers.Hashing(5, output_mode="multi_hot")(words).numpy(), one_hot.max(1))


@pytest.mark.parametrize(
    "data", [np.array(["a", "b"]), np.array(["a", "b"], object), np.array([b"a", b"b"]), ["a", "b"], ("a", "b")]
)
def test_strings_of_every_kind(data):
    np.testing.assert_array_equal(layers.Hashing(100)(data).numpy(), layers.Hashing(100)(["a", "b"]).numpy())


def test_configurations_come_back():
    for layer in (layers.Hashing(9, salt=3, mask_value="x", output_mode="count"), layers.HashedCrossing(7, "one_hot")):
        assert type(layer).from_config(layer.get_config()).get_config() == layer.get_config()


@pytest.mark.parametrize(
    ("make", "error", "message"),
    [
        (lambda: layers.Hashing(0), ValueError, "`num_bins` .* got num_bins=0"),
        (lambda: layers.Hashing(3, output_mode="sum"), ValueError, "`output_mode` must be one of .*'count'.*'sum'"),
        (lambda: layers.Hashing(3, salt="x"), ValueError, "`salt` is one integer, or two.*'x'"),
        (lambda: layers.Hashing(3, dtype="float32"), ValueError, "integer type, got dtype='float32'"),
        (lambda: layers.Hashing(3, sparse=True), ValueError, "`sparse=True` is for vectors"),
        (lambda: layers.Hashing(3)(np.ones(3)), TypeError, "strings or integers, got an array of float64"),
        (lambda: layers.Hashing(3)([["a"], ["b", "c"]]), ValueError, "rows have different lengths.*Pad"),
        (lambda: layers.HashedCrossing(0), ValueError, "`num_bins` must be a positive integer"),
        (lambda: layers.HashedCrossing(3)(np.ones(3)), ValueError, "got ndarray"),
        (lambda: layers.HashedCrossing(3)([["a"]]), ValueError, "two features or more, got 1.*use Hashing"),
        (lambda: layers.HashedCrossing(3)((["a"], ["b", "c"])), ValueError, r"shapes differ, got \[\(1,\), \(2,\)\]"),
        (lambda: layers.HashedCrossing(3)((["a"], [1.5])), ValueError, "integers or strings, got float64"),
    ],
)
def test_mistakes(make, error, message):
    with pytest.raises(error, match=message):
        make()
