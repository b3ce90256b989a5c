"""The loss of connectionist temporal classification, against a sum over all alignments."""

import itertools

import numpy as np

from pronghorn import ops
from pronghorn.symbolic.keras_tensor import KerasTensor


def by_enumeration(target, logits, blank):
    """Minus the logarithm of the probability of all ways through the blanks and labels, in the order of places."""
    probabilities = np.exp(logits) / np.exp(logits).sum(-1, keepdims=True)
    states = [blank] + [state for label in target for state in (label, blank)]
    count = len(states)
    total = 0.0
    for path in itertools.product(range(count), repeat=len(logits)):
        if path[0] > 1 or path[-1] < count - 2:
            continue
        steps = [(a, b) for a, b in itertools.pairwise(path)]
        skips = [b for a, b in steps if b == a + 2]
        if all(a <= b <= a + 2 for a, b in steps) and all(b % 2 and states[b] != states[b - 2] for b in skips):
            total += np.prod([probabilities[t, states[s]] for t, s in enumerate(path)])
    return -np.log(total)


def test_loss_with_a_label_of_the_class_of_the_blank():
    logits = np.random.default_rng(0).normal(size=(3, 5, 3)).astype("float32")
    target = np.array([[1, 2], [1, 0], [2, 2]])
    loss = ops.ctc_loss(target, logits, [2, 2, 2], [5, 5, 5])
    np.testing.assert_allclose(loss, [by_enumeration(y, x, 0) for y, x in zip(target, logits)], rtol=1e-5)


def test_shapes_of_decoding_a_symbolic_tensor():
    labels, scores = ops.ctc_decode(KerasTensor((None, 7, 3)), KerasTensor((None,), "int32"), "beam_search", 10, 2)
    assert labels.shape == (2, None, 7) and labels.dtype == "int32" and scores.shape == (None, 2)
