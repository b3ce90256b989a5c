"""AWQ: weights of inputs that are large are multiplied before they are rounded, so that rounding costs them less.

After `AWQ: Activation-aware Weight Quantization for LLM Compression and Acceleration
<https://arxiv.org/abs/2306.00978>`_.
"""

from __future__ import annotations

import functools
from dataclasses import replace
from typing import Any

import numpy as np

from pronghorn._wording import shown
from pronghorn.quantizers.affine import Grid, QuantizedMatrix, nearest
from pronghorn.quantizers.calibrated import CalibratedConfig

#: Inputs that are never larger count as 1; factors are no smaller.
_NOTHING, _SMALLEST_FACTOR = 1e-8, 1e-4
#: With how many inputs a place to cut at is looked for; how many places are tried, down to which part of the largest.
_ROWS, _CUTS, _LEAST = 512, 20, 0.5


class Magnitudes:
    """The largest size of each of a layer's inputs, and the first of them.

    Args:
        kept: how many are kept.

    >>> seen = Magnitudes()
    >>> seen.update(np.array([[1.0, 0.0], [-3.0, 2.0]]))
    >>> seen.largest.tolist()
    [3.0, 2.0]
    """

    def __init__(self, kept: int = 0) -> None:
        self.largest: Any = np.zeros(1, np.float32)
        self.rows: Any = None
        self._kept = kept

    def update(self, rows: np.ndarray) -> None:
        """Take account of inputs ``[n, features]``."""
        self.largest = np.maximum(self.largest, np.abs(rows).max(axis=0, initial=0).astype(np.float32))
        if self._kept:
            rows = rows if self.rows is None else np.concatenate([self.rows, rows[: self._kept - len(self.rows)]])
            self.rows = rows[: self._kept].copy()


class AWQConfig(CalibratedConfig):
    """How `quantize` goes by AWQ: to 4 bits, with factors for inputs that a data set shows to be large.

    `Model.quantize` takes the layers `Dense` and `EinsumDense` in the blocks of the structure, as for `GPTQConfig`.

    Args:
        dataset: what comes in, to look at: strings, or arrays of token ids; see `GPTQConfig`.
        tokenizer: makes token ids of strings: an object with ``tokenize``, or a function. Needed for strings alone.
        weight_bits: 4.
        num_samples: how many pieces of the data set.
        sequence_length: how many tokens in a piece.
        group_size: how many inputs share a scale and a zero; -1 for all.
        num_grid_points: how many powers of the inputs' sizes, from 0 to 1, are tried as factors besides 0.
        quantization_layer_structure: see `GPTQConfig`.
        apply_clip: whether large weights are cut where that changes a layer's outputs less, of Keras 3.16, where it is
            the default.

    Raises:
        ValueError: for a number out of its range.

    Example:

    >>> AWQConfig([[1, 2, 3]], None, group_size=32).dtype_policy_string()
    'awq/4/32'
    """

    mode = "awq"
    statistics = Magnitudes

    def __init__(
        self,
        dataset: Any,
        tokenizer: Any,
        *,
        weight_bits: int = 4,
        num_samples: int = 128,
        sequence_length: int = 512,
        group_size: int = 128,
        num_grid_points: int = 20,
        quantization_layer_structure: dict[str, Any] | None = None,
        apply_clip: bool = False,
    ) -> None:
        super().__init__(dataset, tokenizer, num_samples, sequence_length, group_size, quantization_layer_structure)
        if weight_bits != 4:
            raise ValueError(
                f"AWQConfig: AWQ goes to 4 bits, got weight_bits={shown(weight_bits)}. For 2, 3 and 8 take GPTQConfig."
            )
        self._check_positive("num_grid_points", num_grid_points)
        self.weight_bits = 4
        self.num_grid_points = int(num_grid_points)
        self.apply_clip = bool(apply_clip)
        self.statistics = functools.partial(Magnitudes, kept=_ROWS if self.apply_clip else 0)

    _settings = ("num_grid_points",)

    def quantized(self, weights: np.ndarray, seen: Magnitudes) -> QuantizedMatrix:
        """A matrix ``[outputs, inputs]`` in few bits, given what was seen of the inputs."""
        found = quantized(weights, seen.largest, Grid(4), self.group_size, self.num_grid_points)
        if seen.rows is None:
            return found
        factors = found.inputs_scale
        cut = clipped(weights * factors, seen.rows / factors, Grid(4), self.group_size)
        return replace(nearest(cut, Grid(4), self.group_size), inputs_scale=factors)


def quantized(
    weights: np.ndarray, magnitudes: np.ndarray, grid: Grid, group_size: int = -1, grid_points: int = 20
) -> QuantizedMatrix:
    """A matrix in few bits, with the factors for its inputs that leave the smallest error.

    Factors are powers of the inputs' sizes, with the exponents ``0, 1 / grid_points, ..., 1``, divided by the geometric
    mean of the largest and the smallest. An error of a weight counts as the size of its input.

    Args:
        weights: ``[outputs, inputs]``.
        magnitudes: the inputs' sizes.
        grid: which integers there are.
        group_size: how many inputs share a scale and a zero; -1 for all.
        grid_points: how many exponents are tried besides 0.

    Example:

    >>> found = quantized(np.array([[-1.0, 0.26, 1.0]], "float32"), np.array([1.0, 9.0, 1.0], "float32"), Grid(4))
    >>> bool(found.inputs_scale[1] > found.inputs_scale[0]), round(float(found.floats()[0, 1]), 2)
    (True, 0.26)
    """
    weights = weights.astype(np.float32)
    sizes = np.where(magnitudes < _NOTHING, 1, magnitudes).astype(np.float32)
    sizes = np.broadcast_to(sizes, weights.shape[1:])
    best, least = None, np.inf
    for point in range(grid_points + 1):
        factors = np.maximum(sizes ** np.float32(point / grid_points), np.float32(_SMALLEST_FACTOR))
        factors /= np.sqrt(factors.max() * factors.min())
        found = replace(nearest(weights * factors, grid, group_size), inputs_scale=factors)
        loss = np.mean(((found.floats() - weights) * sizes) ** 2)
        if best is None or loss < least:
            best, least = found, loss
    assert best is not None  # there is a first
    return best


def clipped(weights: np.ndarray, rows: np.ndarray, grid: Grid, group_size: int = -1) -> np.ndarray:
    """Weights whose largest are cut, in each output and group where that changes the rounded outputs least.

    Args:
        weights: ``[outputs, inputs]``.
        rows: some inputs, ``[n, inputs]``.
        grid: which integers there are.
        group_size: how many inputs share a scale and a zero; -1 for all.

    Example:

    >>> weights, inputs = np.array([[-0.3, 0.0, 0.3, 1.0]], "float32"), np.array([[3.0, 1.0, 2.0, 0.1]], "float32")
    >>> round(float(clipped(weights, inputs, Grid(2)).max()), 3) < 1
    True
    """
    columns = weights.shape[1]
    size = columns if group_size == -1 else min(group_size, columns)
    filled = ((0, 0), (0, -columns % size))
    full, rows = np.pad(weights, filled), np.pad(rows, filled)
    for start in range(0, columns, size):
        group = full[:, start : start + size].copy()
        given = rows[:, start : start + size].T
        largest, least = np.abs(group).max(axis=1, keepdims=True), np.full(len(group), np.inf)
        for cut in range(_CUTS):
            bound = largest * np.float32(1 - (1 - _LEAST) * cut / _CUTS)
            smaller = np.clip(group, -bound, bound)
            errors = np.mean(((nearest(smaller, grid).floats() - group) @ given) ** 2, axis=1)
            better = errors < least
            full[better, start : start + size] = smaller[better]
            least = np.minimum(errors, least)
    return full[:, :columns]
