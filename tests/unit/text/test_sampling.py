"""Draws against the shares that they are made of."""

import numpy as np
import pytest

from pronghorn.text.sampling import Sampler

SCORES = np.array([[1.0, 3.0, 2.0, -np.inf, 0.0]], "float32")


def shares(sampler, scores=SCORES, count=4000):
    drawn = [int(sampler.choose(scores)[0]) for _ in range(count)]
    return np.bincount(drawn, minlength=scores.shape[1]) / count


def softmax(scores):
    found = np.exp(scores)
    return found / found.sum()


@pytest.mark.parametrize("temperature", [0.5, 1.0, 3.0])
def test_shares_are_a_softmax(temperature):
    expected = softmax(SCORES[0].astype("float64") / temperature)
    np.testing.assert_allclose(shares(Sampler(temperature, seed=0)), expected, atol=0.03)


def test_the_best_are_drawn_from():
    expected = softmax(np.where([0, 1, 1, 0, 0], SCORES[0], -np.inf))
    np.testing.assert_allclose(shares(Sampler(1.0, top_k=2, seed=0)), expected, atol=0.03)
    # shares: 0.09, 0.64, 0.24, 0, 0.03; two of them have 0.7, three have 0.9
    np.testing.assert_allclose(shares(Sampler(1.0, top_p=0.7, seed=0)), expected, atol=0.03)
    assert np.flatnonzero(shares(Sampler(1.0, top_p=0.9, seed=0))).tolist() == [0, 1, 2]


def test_the_smallest_share_takes_the_best_alone_and_the_largest_takes_all():
    assert np.flatnonzero(shares(Sampler(1.0, top_p=1e-9, seed=0))).tolist() == [1]
    assert np.flatnonzero(shares(Sampler(1.0, top_p=1.0, seed=0))).tolist() == [0, 1, 2, 4]


def test_a_low_temperature_does_not_overflow():
    assert Sampler(1e-30, seed=0).choose(SCORES * 1e30)[0] == 1


def test_rows_are_drawn_each_by_itself():
    assert Sampler().choose(np.array([[0.0, 1.0], [1.0, 0.0]])).tolist() == [1, 0]
    assert Sampler().choose(np.zeros((0, 3))).tolist() == []
