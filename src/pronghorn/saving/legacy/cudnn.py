"""Weights of Keras 2's `CuDNNLSTM` and `CuDNNGRU`, which are in their files as the library cuDNN has them.

For an input x of n numbers and a state h of u numbers, cuDNN computes of each gate, of whose input kernel, recurrent
kernel and two biases it is given W (u, n), R (u, u), b and c::

    LSTM:              W x + b + R h + c
    GRU, z and r:      W x + b + R h + c
    GRU, candidate:    W x + b + r (R h + c)

The layers `LSTM` and `GRU` have the same gates, of which each is x K + h L + b; a GRU with ``reset_after=True`` has
both biases, as rows of one array. So K = Wᵀ and L = Rᵀ, and an LSTM's bias is b + c.

The files have W, row after row, under the shape (n, u): ``W = stored.reshape(u, n)``. R is likewise. The gates are side
by side, in the order of the layers: i, f, c, o and z, r, h. The biases are one vector: all b, then all c. (cuDNN wants
a GRU's gates in the order r, z, h; Keras 2 changed that in each call, not in the file.)

Source: NVIDIA, cuDNN API reference, ``cudnnRNNMode_t`` and ``cudnnGetRNNWeightParams``.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np

from pronghorn import layers

_GATES = {layers.LSTMCell: 4, layers.GRUCell: 3}


def converted(layer: Any, variables: Sequence[Any], arrays: Sequence[np.ndarray]) -> list[np.ndarray]:
    """The arrays of a layer, those of cuDNN's as the cells of LSTM and GRU in it have them.

    Args:
        layer: a layer or a model, such as an LSTM, a Bidirectional or a Sequential.
        variables: its variables.
        arrays: what the file has for each.

    Raises:
        ValueError: a GRU within has ``reset_after=False``, with which cuDNN's biases cannot be.
    """
    result = list(arrays)
    positions = {id(variable): position for position, variable in enumerate(variables)}
    for cell, gates in _cells(layer):
        places = [positions.get(id(v)) for v in (cell.kernel, cell.recurrent_kernel, cell.bias)]
        if None in places:
            continue
        kernel, recurrent, bias = (arrays[place] for place in places)  # type: ignore[index]
        if bias.shape != (2 * gates * cell.units,) or any(
            tuple(v.shape) != array.shape for v, array in ((cell.kernel, kernel), (cell.recurrent_kernel, recurrent))
        ):
            continue
        if gates == 3 and not cell.reset_after:
            raise ValueError(
                f"its array of shape {bias.shape} for {cell.bias.path!r} is of a CuDNNGRU, which has two biases. Make "
                "the layer as GRU(..., reset_after=True), which is the default."
            )
        new = from_cudnn(kernel, gates), from_cudnn(recurrent, gates), _bias(bias, gates)
        for place, array in zip(places, new):
            result[place] = array  # type: ignore[index]
    return result


def _cells(layer: Any) -> Iterator[tuple[Any, int]]:
    """The built cells with biases in a layer, and how many gates each has."""
    for inner in layer._flatten_layers():
        for cls, gates in _GATES.items():
            if isinstance(inner, cls) and inner.built and inner.bias is not None:
                yield inner, gates


def from_cudnn(stored: np.ndarray, gates: int) -> np.ndarray:
    """The kernel of a layer from one of a file: of each gate the transpose of cuDNN's matrix.

    Args:
        stored: of shape (n, gates * units).
        gates: 4 of an LSTM, 3 of a GRU.

    Returns:
        an array of the same shape.

    >>> from_cudnn(np.arange(6).reshape(3, 2), gates=1)  # cuDNN's matrix is [[0, 1, 2], [3, 4, 5]]
    array([[0, 3],
           [1, 4],
           [2, 5]])
    """
    rows = len(stored)
    return np.hstack([gate.reshape(-1, rows).T for gate in np.split(stored, gates, axis=1)])


def to_cudnn(kernel: np.ndarray, gates: int) -> np.ndarray:
    """The kernel that a file has for one of a layer: the inverse of `from_cudnn`.

    >>> to_cudnn(from_cudnn(np.arange(6).reshape(3, 2), 1), 1).tolist()
    [[0, 1], [2, 3], [4, 5]]
    """
    return np.hstack([gate.T.reshape(gate.shape) for gate in np.split(kernel, gates, axis=1)])


def _bias(stored: np.ndarray, gates: int) -> np.ndarray:
    both = stored.reshape(2, -1)
    return both if gates == 3 else both.sum(axis=0)
