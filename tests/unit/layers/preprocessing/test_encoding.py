"""CategoryEncoding, Discretization, Normalization and Rescaling: numbers to vectors, bins and other numbers."""

import warnings

import numpy as np
import pytest

from pronghorn import layers
from pronghorn.data import Dataset

TABLE = np.array([[-1.5, 1.0, 3.4, 0.5], [0.0, 3.0, 1.3, 0.0], [2.0, -4.0, 8.0, 0.25]], "float32")


# -- CategoryEncoding -------------------------------------------------------------------------------------------------
@pytest.mark.parametrize(
    ("mode", "inputs", "vectors"),
    [
        ("multi_hot", [[0, 2], [1, 1]], [[1, 0, 1], [0, 1, 0]]),
        ("count", [[0, 2], [1, 1]], [[1, 0, 1], [0, 2, 0]]),
        ("one_hot", [[0], [2]], [[1, 0, 0], [0, 0, 1]]),
        ("one_hot", [0, 2], [[1, 0, 0], [0, 0, 1]]),
        ("one_hot", [[0, 1]], [[[1, 0, 0], [0, 1, 0]]]),
        ("multi_hot", [0, 2], [1, 0, 1]),
        ("count", 1, [0, 1, 0]),
    ],
)
def test_vectors(mode, inputs, vectors):
    layer = layers.CategoryEncoding(3, output_mode=mode)
    result = layer(np.array(inputs)).numpy()
    assert result.tolist() == vectors and result.dtype == "float32"
    assert layer.compute_output_shape(np.shape(inputs)) == result.shape or np.ndim(inputs) == 0


def test_weighed_counts():
    layer = layers.CategoryEncoding(3, output_mode="count")
    assert layer([[0, 2, 2]], count_weights=[[0.5, 1.0, 2.0]]).numpy().tolist() == [[0.5, 0, 3]]
    with pytest.raises(ValueError, match="`count_weights` weigh what output_mode='count' counts"):
        layers.CategoryEncoding(3)([[0]], count_weights=[[1.0]])


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: layers.CategoryEncoding(), "num_tokens must be set.*IntegerLookup"),
        (lambda: layers.CategoryEncoding(0), "`num_tokens` must be >= 1, got num_tokens=0"),
        (lambda: layers.CategoryEncoding(3, output_mode="int"), "`output_mode` must be one of"),
        (lambda: layers.CategoryEncoding(3)([[3]]), "0 <= values < num_tokens=3, got values from 3 to 3"),
        (lambda: layers.CategoryEncoding(3)([[-1, 1]]), "got values from -1 to 1"),
    ],
)
def test_mistakes_with_categories(make, message):
    with pytest.raises(ValueError, match=message):
        make()


# -- Discretization ---------------------------------------------------------------------------------------------------
@pytest.mark.parametrize(  # from Keras on TensorFlow
    ("bins", "boundaries", "numbers"),
    [
        (2, [0.5], [[0, 1, 1, 1], [0, 1, 1, 0], [1, 0, 1, 0]]),
        (3, [0.0, 1.3], [[0, 1, 2, 1], [1, 2, 2, 1], [2, 0, 2, 1]]),
        (5, [-0.9, 0.2, 1.06, 2.6], [[0, 2, 4, 2], [1, 4, 3, 1], [3, 0, 4, 2]]),
    ],
)
def test_learned_bins(bins, boundaries, numbers):
    layer = layers.Discretization(num_bins=bins)
    layer.adapt(TABLE)
    np.testing.assert_allclose(layer.bin_boundaries, boundaries, atol=1e-6)
    assert layer(TABLE).numpy().tolist() == numbers


def test_learned_bins_of_much_data():
    layer = layers.Discretization(num_bins=4, epsilon=0.05)
    layer.adapt((np.linspace(0, 1, 1001) ** 2).astype("float32"))
    np.testing.assert_allclose(layer.bin_boundaries, [0.062001, 0.249001, 0.561001], atol=1e-6)
    batches = layers.Discretization(num_bins=4)
    values = np.random.default_rng(0).normal(size=8000).astype("float32")
    batches.adapt(Dataset.from_tensor_slices(values).batch(100))
    np.testing.assert_allclose(batches.bin_boundaries, [-0.55186, 0.11558, 0.86659], atol=1e-4)


def test_given_bins():
    layer = layers.Discretization(bin_boundaries=[0.0, 1.0, 2.5])
    assert layer([-5.0, 0.0, 0.99, 1.0, 2.5, 99.0]).numpy().tolist() == [0, 1, 1, 2, 3, 3]
    one_hot = layers.Discretization(bin_boundaries=[0.0, 1.0, 2.5], output_mode="one_hot")
    assert one_hot([[0.5]]).numpy().tolist() == [[0, 1, 0, 0]]
    count = layers.Discretization(bin_boundaries=[0.0], output_mode="count")
    assert count([[1.0, 2.0, -1.0]]).numpy().tolist() == [[1, 2]]


def test_learned_bins_come_back():
    layer = layers.Discretization(num_bins=3)
    layer.adapt(TABLE)
    again = layers.Discretization.from_config(layer.get_config())
    assert again.bin_boundaries == layer.bin_boundaries and again.num_bins == 3


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: layers.Discretization(), "either `num_bins` or `bin_boundaries`"),
        (lambda: layers.Discretization([0.0], num_bins=2), "Both `num_bins` and `bin_boundaries` are set"),
        (lambda: layers.Discretization(num_bins=-1), "num_bins=-1"),
        (lambda: layers.Discretization([1.0, 0.0]), "ascending order"),
        (lambda: layers.Discretization(num_bins=2).adapt(["a"]), "needs numbers.*use StringLookup"),
        (lambda: layers.Discretization([0.0], output_mode="bins"), "`output_mode` must be one of"),
        (lambda: layers.Discretization([0.0]).adapt(TABLE), "Discretization: .*adapt"),
        (lambda: layers.Discretization(num_bins=3)(TABLE), r"no boundaries yet.*adapt\(data\)"),
    ],
)
def test_mistakes_with_bins(make, message):
    with pytest.raises(ValueError, match=message):
        make()


def test_gaps_in_the_data_for_bins():
    layer = layers.Discretization(num_bins=2, name="bins")
    with pytest.warns(
        UserWarning, match=r"Discretization 'bins': adapt\(\) was given 1 NaN among 4 numbers\. They count"
    ):
        layer.adapt(np.array([[1.0, np.nan], [2.0, 3.0]], "float32"))


# -- Normalization ----------------------------------------------------------------------------------------------------
@pytest.mark.parametrize(("axis", "over"), [(-1, 0), (None, None), (0, 1), ((0, 1), ())])
def test_mean_0_and_variance_1(axis, over):
    layer = layers.Normalization(axis=axis)
    layer.adapt(TABLE)
    deviation = np.maximum(TABLE.std(axis=over, keepdims=True), 1e-7)
    expected = (TABLE - TABLE.mean(axis=over, keepdims=True)) / deviation
    np.testing.assert_allclose(layer(TABLE).numpy(), expected, atol=1e-5)
    back = layers.Normalization(axis=axis, invert=True)
    back.adapt(TABLE)
    if over != ():
        np.testing.assert_allclose(back(layer(TABLE)).numpy(), TABLE, atol=1e-5)


@pytest.mark.parametrize(
    "data",
    [TABLE, TABLE.tolist(), Dataset.from_tensor_slices(TABLE).batch(2), (TABLE[i : i + 1] for i in range(3))],
    ids=["array", "list", "dataset", "generator"],
)
def test_means_of_data_of_every_kind(data):
    layer = layers.Normalization()
    layer.adapt(data)
    np.testing.assert_allclose(layer.mean.numpy()[0], TABLE.mean(0), atol=1e-6)
    np.testing.assert_allclose(layer.variance.numpy()[0], TABLE.var(0), rtol=1e-5)


def test_given_mean_and_variance():
    assert layers.Normalization(mean=1.0, variance=4.0)(np.array([[3.0, 5.0]])).numpy().tolist() == [[1, 2]]
    layer = layers.Normalization(mean=[1.0, 2.0], variance=[4.0, 1.0])
    assert layer(np.array([[3.0, 5.0]])).numpy().tolist() == [[1, 3]]
    assert type(layer).from_config(layer.get_config())(np.array([[3.0, 5.0]])).numpy().tolist() == [[1, 3]]


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: layers.Normalization(mean=1.0), "`mean` and `variance`"),
        (lambda: layers.Normalization(axis=3)(TABLE), r"have none of some numbers in axis=\(3,\)"),
        (lambda: layers.Normalization(mean=1.0, variance=1.0).adapt(TABLE), r"cannot adapt\(\) a layer that was given"),
        (lambda: layers.Normalization().adapt([]), r"no data|must be"),
        (lambda: layers.Normalization().adapt(np.array([["a"]])), "needs numbers"),
        (
            lambda: layers.Normalization(mean=[1.0, 2.0], variance=[1.0, 1.0])(TABLE),
            r"`mean` of shape \(2,\) cannot be",
        ),
    ],
)
def test_mistakes_with_means(make, message):
    with pytest.raises(ValueError, match=message):
        make()


def test_categories_that_are_strings():
    with pytest.raises(TypeError, match="must be integers, got strings.*StringLookup"):
        layers.CategoryEncoding(3)(["a"])


def test_inputs_of_another_width():
    layer = layers.Normalization()
    layer.adapt(TABLE)
    with pytest.raises(ValueError, match=r"of extents \(4,\) along the axes \(1,\).*shape \(2, 3\)"):
        layer(np.ones((2, 3)))


def test_a_second_batch_of_another_width():
    layer = layers.Normalization()
    with pytest.raises(ValueError, match=r"incompatible shape, \(1, 2\)"):
        layer.adapt([np.ones((1, 3)), np.ones((1, 2))])


# -- Rescaling --------------------------------------------------------------------------------------------------------
def test_rescaling():
    pixels = np.array([[[[0, 51, 255]]]], "uint8")
    result = layers.Rescaling(1 / 255)(pixels).numpy()
    assert result.dtype == "float32"
    np.testing.assert_allclose(result, pixels / 255, rtol=1e-6)
    each = layers.Rescaling([1.0, 2.0, 3.0], offset=[0.0, 1.0, -1.0])
    assert each(np.ones((1, 1, 1, 3))).numpy().ravel().tolist() == [1, 3, 2]
    again = layers.Rescaling.from_config(each.get_config())
    assert again(np.ones((1, 1, 1, 3))).numpy().ravel().tolist() == [1, 3, 2]


@pytest.mark.parametrize(("axis", "words"), [(-1, r", in columns 1, 3\."), (None, r"\."), (0, r"\.")])
@pytest.mark.parametrize("batches", [False, True])
def test_gaps_in_the_data_for_means(axis, words, batches):
    table = TABLE.copy()
    table[0, 1] = table[2, 3] = np.nan
    layer = layers.Normalization(axis=axis, name="scaled")
    data = Dataset.from_tensor_slices(table).batch(2) if batches and axis != 0 else table
    with pytest.warns(
        UserWarning, match=rf"Normalization 'scaled': adapt\(\) was given 2 NaN among 12 numbers{words}"
    ) as told:
        layer.adapt(data)
    assert len(told) == 1 and "np.nan_to_num" in str(told[0].message)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        layer.adapt(TABLE)
