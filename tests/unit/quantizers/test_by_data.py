"""GPTQ and AWQ of matrices, and the samples they look at."""

import numpy as np
import pytest

from pronghorn.quantizers import AWQConfig, GPTQConfig, awq, calibration, gptq
from pronghorn.quantizers.affine import Grid, nearest

RNG = np.random.default_rng(0)


def alike(count, features, rank):
    """Inputs that say much the same."""
    return np.maximum(RNG.normal(size=(count, rank)) @ RNG.normal(size=(rank, features)), 0)


def hessian(rows):
    seen = gptq.Hessian()
    for part in np.array_split(rows, 3):
        seen.update(part)
    return seen.matrix()


def error(weights, rows, found):
    return np.mean((rows @ (found.floats() - weights).T) ** 2)


def by_hand(weights, second, grid):
    """Rounds an input, changes the rest by the inverse for the inputs that are left, and goes on with that."""
    left, found = weights.astype("float64"), np.zeros(weights.shape)
    scale, zero = grid.fitted(weights)
    for i in range(weights.shape[1]):
        inverse = np.linalg.inv(second[i:, i:])
        found[:, i, None] = grid.integers(left[:, i, None], scale, zero)
        off = left[:, i, None] - (found[:, i, None] - zero) * scale
        left[:, i:] -= off * inverse[0] / inverse[0, 0]
    return found


def test_is_what_the_papers_say_by_hand():
    weights, rows, grid = RNG.normal(size=(5, 9)).astype("float32"), alike(80, 9, 4), Grid(3)
    second = hessian(rows)
    np.testing.assert_allclose(second, 2 * rows.T @ rows / 80)
    damped = second + 0.01 * np.diag(second).mean() * np.eye(9)
    np.testing.assert_array_equal(gptq.quantized(weights, second, grid).integers, by_hand(weights, damped, grid))


@pytest.mark.parametrize(("bits", "size"), [(2, -1), (3, 7), (4, 32), (8, 1000)])
def test_leaves_less_of_the_error(bits, size):
    weights, rows, grid = RNG.normal(size=(4, 140)).astype("float32"), alike(300, 140, 30), Grid(bits)
    second, plain = hessian(rows), nearest(weights, grid, size)
    least = error(weights, rows, gptq.quantized(weights, second, grid, size))
    assert least < 0.7 * error(weights, rows, plain)
    assert least < error(weights, rows, gptq.quantized(weights, second, grid, size, exact=False))
    ordered = gptq.quantized(weights, second, grid, size, activation_order=True)
    assert ordered.integers.max() <= 2**bits - 1 and ordered.scale.shape == plain.scale.shape
    assert sorted(np.bincount(ordered.groups)) == sorted(np.bincount(plain.groups))
    assert error(weights, rows, ordered) < 0.7 * error(weights, rows, plain)


def test_inputs_that_are_zero_and_one_sample():
    weights = RNG.normal(size=(3, 6)).astype("float32")
    rows = np.zeros((1, 6))
    nothing = gptq.quantized(weights, hessian(np.concatenate([rows] * 3)), Grid(4))
    np.testing.assert_array_equal(nothing.integers, nearest(weights, Grid(4)).integers)
    rows[0, 2] = 3.0
    found = gptq.quantized(weights, hessian(np.concatenate([rows] * 3)), Grid(4), group_size=2)
    assert np.isfinite(found.floats()).all()
    with pytest.raises(ValueError, match="no inverse.*hessian_damping, such as 0.01"):
        gptq.quantized(weights, np.ones((6, 6)), Grid(4), damping=0)
    empty = gptq.Hessian()
    np.testing.assert_array_equal(GPTQConfig(None, None).quantized(weights, empty).integers, nothing.integers)


def test_zero_rows_and_rows_of_one_number():
    weights = np.stack([np.zeros(4), np.full(4, -2.0), [1.0, -1.0, 0.0, 2.0]]).astype("float32")
    for symmetric in (False, True):
        found = nearest(weights, Grid(4, symmetric))
        np.testing.assert_allclose(found.floats()[0], 0, atol=0.1)
        np.testing.assert_allclose(found.floats()[1:], weights[1:], atol=0.2)
        assert not symmetric or (found.zero == 8).all()
    whole = nearest(weights, Grid(4, per_row=False))
    assert np.unique(whole.scale).size == 1 and whole.scale.shape == (3, 1)


def test_large_inputs_are_spared():
    weights = RNG.normal(size=(16, 24)).astype("float32")
    rows = RNG.normal(size=(200, 24)) * np.where(np.arange(24) == 5, 40, 1)
    seen = awq.Magnitudes()
    seen.update(rows[:50])
    seen.update(rows[50:])
    np.testing.assert_allclose(seen.largest, np.abs(rows).max(axis=0), rtol=1e-6)
    found = AWQConfig(None, None, group_size=-1).quantized(weights, seen)
    assert found.inputs_scale.argmax() == 5
    assert error(weights, rows, found) < 0.7 * error(weights, rows, nearest(weights, Grid(4)))
    ragged = AWQConfig(None, None, group_size=7).quantized(weights, seen)
    assert ragged.scale.shape == (16, 4) and ragged.groups.tolist() == [i // 7 for i in range(24)]


@pytest.mark.parametrize("sizes", [np.zeros(24), np.full(24, 1e-12), np.where(np.arange(24) < 3, 0, 1)])
def test_inputs_that_never_come(sizes):
    weights = RNG.normal(size=(2, 24)).astype("float32")
    found = awq.quantized(weights, sizes.astype("float32"), Grid(4))
    assert np.isfinite(found.floats()).all() and (found.inputs_scale > 0).all()
    untouched = AWQConfig(None, None).quantized(weights, awq.Magnitudes())
    np.testing.assert_array_equal(untouched.inputs_scale, np.ones(24, "float32"))


def config(dataset, tokenizer=None, **kwargs):
    return AWQConfig(dataset, tokenizer, **{"num_samples": 3, "sequence_length": 4, **kwargs})


def test_samples():
    ids = np.arange(100)
    whole = calibration.samples(config([ids]))
    assert whole.shape == (3, 1, 4) and whole.dtype == "int32"
    assert whole[:, 0, 0].tolist() == [0, 32, 64]  # every 97 // 3
    for parts in (ids.reshape(4, 5, 5), (part for part in np.split(ids, 10)), [ids.astype("float32")], [ids.tolist()]):
        np.testing.assert_array_equal(calibration.samples(config(parts)), whole)
    assert calibration.samples(config([[7]])).tolist() == [[[7] * 4]] * 3  # repeated until there are enough
    assert calibration.samples(config([np.arange(5)]))[:, 0].tolist() == [[0, 1, 2, 3], [4, 0, 1, 2], [3, 4, 0, 1]]


class Letters:
    def tokenize(self, text):
        return [[ord(letter) for letter in text]]


@pytest.mark.parametrize("tokenizer", [Letters(), Letters().tokenize], ids=["object", "function"])
def test_strings(tokenizer):
    expected = calibration.samples(config([[ord(letter) for letter in "pronghorn"]]))
    for texts in (
        ["pron", "ghorn"],
        (text for text in ["pronghorn"]),
        np.array(["prong", "horn"]),
        [b"pronghorn"],
        [["pron", "ghorn"]],
    ):
        np.testing.assert_array_equal(calibration.samples(config(texts, tokenizer)), expected)


def test_data_that_are_none():
    for dataset, message in (
        (None, "there is no dataset"),
        ([], "nothing in it, so there is nothing to look at.*make a list of it"),
        ([[], []], "2 entries without a token"),
        ([[0.5, 1.0]], "whole numbers of type int32, but the dataset has .0.5"),
        ([[2**40]], "whole numbers of type int32, but the dataset has .1099511627776"),
        ([[np.inf]], "whole numbers of type int32, but the dataset has .inf"),
        ([[1, [2, 3]]], "whole numbers of type int32, but.*entries of their own"),
        (["a text"], "has strings, such as 'a text', but there is no tokenizer"),
    ):
        with pytest.raises(ValueError, match=message):
            calibration.samples(config(dataset))
    for dataset in ("a text", 3, np.array(3)):
        with pytest.raises(
            TypeError, match="a dataset is a list, a generator or an array.*put a single text into a list"
        ):
            calibration.samples(config(dataset))


@pytest.mark.parametrize(
    ("kind", "arguments", "message"),
    [
        (GPTQConfig, {"weight_bits": 5}, "weight_bits is 2, 3, 4 or 8, got weight_bits=5"),
        (GPTQConfig, {"hessian_damping": None}, "from 0 to 1.*got hessian_damping=None"),
        (GPTQConfig, {"hessian_damping": 1.5}, "from 0 to 1.*got hessian_damping=1.5"),
        (GPTQConfig, {"group_size": 0}, "1 or more, or -1 for all.*got group_size=0"),
        (GPTQConfig, {"num_samples": 0}, "num_samples must be a positive integer, got num_samples=0"),
        (AWQConfig, {"sequence_length": 2.5}, "sequence_length must be a positive integer"),
        (AWQConfig, {"weight_bits": 8}, "4 bits, got weight_bits=8.*GPTQConfig"),
        (AWQConfig, {"num_grid_points": 0}, "num_grid_points must be a positive integer"),
    ],
    ids=lambda value: next(iter(value)) if isinstance(value, dict) else "",
)
def test_configurations_refuse(kind, arguments, message):
    with pytest.raises(ValueError, match=message):
        kind(None, None, **arguments)


@pytest.mark.parametrize(
    "made",
    [GPTQConfig([[1]], Letters(), symmetric=True), AWQConfig([[1]], Letters(), num_grid_points=3)],
    ids=["gptq", "awq"],
)
def test_configurations_go_without_the_data(made):
    told = made.get_config()
    assert told["dataset"] is None and told["tokenizer"] is None
    again = type(made).from_config(told)
    assert again.get_config() == told and again.dtype_policy_string() == f"{made.mode}/4/128"


def test_large_weights_are_cut_where_keras_cuts_them():
    """Keras 3.16, in development."""
    weights = np.array([[-0.35, 0.1, 0.3, 1, 0.5, -0.3], [1.5, -1, 0.25, 0, 2, -0.125]], "float32")
    rows = np.array([[3, 1, 2, 0.1, 1, -1], [-1, 2, 0.5, 0.2, 0, 3], [2, -2, 1, 0, 0.25, 1]], "float32")
    cut = awq.clipped(weights, rows, Grid(4), 3)
    expected = [[-0.35, 0.1, 0.3, 0.8, 0.5, -0.3], [1.4625, -1, 0.25, 0, 2, -0.125]]
    np.testing.assert_allclose(cut, expected, rtol=1e-6)
    cut = awq.clipped(weights, rows, Grid(4))
    np.testing.assert_allclose(cut, np.minimum(weights, [[0.525], [1.9]]), rtol=1e-6)


def test_cutting_makes_errors_smaller():
    rows = alike(700, 10, 4).astype("float32")  # more than are kept
    weights = RNG.normal(size=(7, 10)).astype("float32") ** 3
    found = []
    for cut in (False, True):
        config = AWQConfig([[1]], None, group_size=4, apply_clip=cut)
        seen = config.statistics()
        for part in np.array_split(rows, 3):
            seen.update(part)
        assert (seen.rows is None) if not cut else np.array_equal(seen.rows, rows[:512])
        found.append(error(weights, rows, config.quantized(weights, seen)))
    assert found[1] < found[0]


def test_configurations_of_keras_3_16():
    config = AWQConfig.from_config({**AWQConfig([[1]], None).get_config(), "apply_clip": True})
    assert config.apply_clip and "apply_clip" not in config.get_config()  # which Keras 3.15 does not know
    config = GPTQConfig.from_config({**GPTQConfig([[1]], None).get_config(), "calibration_batch_size": 3})
    assert config.calibration_batch_size == 3 and "calibration_batch_size" not in config.get_config()
    with pytest.raises(ValueError, match="calibration_batch_size must be a positive integer, got"):
        GPTQConfig([[1]], None, calibration_batch_size=0)
