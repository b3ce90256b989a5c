"""What a model's outputs say of classes."""

from __future__ import annotations

import numpy as np


def class_shares(values: np.ndarray, classes: int) -> np.ndarray | None:
    """Outputs as shares of 1 for each class; None where there is not one for each.

    One output for two classes is that of the second, as a sigmoid gives it. Scores that are no shares become some.

    Args:
        values: outputs, shape `(n, k)`.
        classes: how many classes there are.

    >>> class_shares(np.array([[0.25]]), 2)
    array([[0.75, 0.25]])
    >>> class_shares(np.array([[0.0, 0.0]]), 2)
    array([[0.5, 0.5]])
    >>> class_shares(np.array([[0.25]]), 3)
    """
    if is_one_of_two(values.shape[-1], classes):
        one = values if values.min(initial=0) >= 0 and values.max(initial=0) <= 1 else 1 / (1 + np.exp(-values))
        return np.concatenate([1 - one, one], axis=-1)
    if not classes or values.shape[-1] != classes:
        return None
    if values.min(initial=0) >= 0 and np.all(np.abs(values.sum(axis=-1) - 1) < 1e-3):
        return values
    e = np.exp(values - values.max(axis=-1, keepdims=True))
    return e / e.sum(axis=-1, keepdims=True)


def is_one_of_two(outputs: int, classes: int) -> bool:
    """Whether one output tells two classes apart."""
    return outputs == 1 and classes == 2
