"""GPTQ: integers one input after the other, where the inputs that follow make good what rounding did.

After `GPTQ: Accurate Post-Training Quantization for Generative Pre-trained Transformers
<https://arxiv.org/abs/2210.17323>`_.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from pronghorn._wording import shown
from pronghorn.quantizers.affine import Grid, QuantizedMatrix, nearest
from pronghorn.quantizers.calibrated import CalibratedConfig
from pronghorn.utils.arguments import is_integer, is_number

#: How many inputs are rounded before their errors change the later inputs; the scales of groups are computed before.
BLOCK = 128


class Hessian:
    """The second derivatives of a layer's squared error for its weights: ``2 / n * sum(x x^T)`` over its inputs.

    >>> seen = Hessian()
    >>> seen.update(np.array([[1.0, 0.0], [1.0, 2.0]]))
    >>> seen.matrix().tolist()
    [[2.0, 2.0], [2.0, 4.0]]
    """

    def __init__(self) -> None:
        self.count = 0
        self._sum: Any = 0.0

    def update(self, rows: np.ndarray) -> None:
        """Take account of inputs ``[n, features]``."""
        self.count += len(rows)
        self._sum = self._sum + (rows.T @ rows).astype(np.float64)

    def matrix(self) -> np.ndarray:
        """``[features, features]``, of one input at least."""
        return self._sum * (2 / self.count)


class GPTQConfig(CalibratedConfig):
    """How `quantize` goes by GPTQ: to 2, 3, 4 or 8 bits, so that the outputs for a data set change least.

    `Model.quantize` takes the layers `Dense` and `EinsumDense` in the blocks of the structure, block by block, with the
    inputs that the blocks before, quantized already, give.

    Args:
        dataset: what comes in, to look at: strings, or arrays of token ids. All tokens are put in a row, of which
            ``num_samples`` pieces at even distances are taken; a short row is repeated.
        tokenizer: makes token ids of strings: an object with ``tokenize``, or a function. Needed for strings alone.
        weight_bits: 2, 3, 4 or 8; integers of 4 bits lie two in a byte.
        num_samples: how many pieces.
        per_channel: whether each output has scales of its own.
        sequence_length: how many tokens in a piece.
        hessian_damping: which part of its mean is added to the Hessian's diagonal, from 0 to 1.
        group_size: how many inputs share a scale and a zero; -1 for all.
        symmetric: whether the zero is in the middle of the integers.
        activation_order: whether the inputs that matter most are rounded first.
        quantization_layer_structure: ``{"pre_block_layers": layers that a sample goes through before,
            "sequential_blocks": the blocks}``; what the model's `get_quantization_layer_structure` gives if None.
        calibration_batch_size: how many pieces go through the model at a time, of Keras 3.16; up to rounding the
            weights do not depend on it.

    Raises:
        ValueError: for a number out of its range.

    Example:

    >>> import pronghorn as keras
    >>> table, block = keras.layers.Embedding(9, 4), keras.layers.Dense(4)
    >>> model = keras.Sequential([keras.Input((None,), dtype="int32"), table, block])
    >>> structure = {"pre_block_layers": [table], "sequential_blocks": [block]}
    >>> report = model.quantize(
    ...     config=GPTQConfig([[1, 2, 3, 4]], None, group_size=2, num_samples=2, sequence_length=3,
    ...                       quantization_layer_structure=structure))
    >>> block.dtype_policy.name, block.quantized_kernel.shape
    ('gptq/4/2_from_float32', (2, 4))
    """

    mode = "gptq"
    statistics = Hessian

    def __init__(
        self,
        dataset: Any,
        tokenizer: Any,
        *,
        weight_bits: int = 4,
        num_samples: int = 128,
        per_channel: bool = True,
        sequence_length: int = 512,
        hessian_damping: float = 0.01,
        group_size: int = 128,
        symmetric: bool = False,
        activation_order: bool = False,
        quantization_layer_structure: dict[str, Any] | None = None,
        calibration_batch_size: int = 8,
    ) -> None:
        super().__init__(dataset, tokenizer, num_samples, sequence_length, group_size, quantization_layer_structure)
        if not is_integer(weight_bits) or weight_bits not in (2, 3, 4, 8):
            raise ValueError(f"GPTQConfig: weight_bits is 2, 3, 4 or 8, got weight_bits={shown(weight_bits)}.")
        if isinstance(hessian_damping, bool) or not is_number(hessian_damping) or not 0 <= hessian_damping <= 1:
            raise ValueError(
                "GPTQConfig: hessian_damping is the part of the diagonal's mean that is added to it, from 0 to 1, such "
                f"as 0.01; got hessian_damping={shown(hessian_damping)}."
            )
        self._check_positive("calibration_batch_size", calibration_batch_size)
        self.weight_bits = int(weight_bits)
        self.calibration_batch_size = int(calibration_batch_size)
        self.per_channel = per_channel
        self.hessian_damping = hessian_damping
        self.symmetric = symmetric
        self.activation_order = activation_order

    _settings = ("per_channel", "hessian_damping", "symmetric", "activation_order")

    def quantized(self, weights: np.ndarray, seen: Hessian) -> QuantizedMatrix:
        """A matrix ``[outputs, inputs]`` in few bits, given what was seen of the inputs.

        Raises:
            ValueError: if the damped Hessian has no inverse.
        """
        grid = Grid(self.weight_bits, self.symmetric, self.per_channel)
        if not seen.count:
            return nearest(weights, grid, self.group_size)
        return quantized(
            weights,
            seen.matrix(),
            grid,
            group_size=self.group_size,
            damping=self.hessian_damping,
            activation_order=self.activation_order,
        )


def quantized(
    weights: np.ndarray,
    hessian: np.ndarray,
    grid: Grid,
    group_size: int = -1,
    damping: float = 0.01,
    activation_order: bool = False,
    exact: bool = True,
) -> QuantizedMatrix:
    """A matrix in few bits, whose products with what the Hessian was made of change little.

    With the inverse G of the damped Hessian of the inputs that are not rounded yet, the error e of input i changes the
    weights w_j of those that follow by ``-e * G[i, j] / G[i, i]``.

    Args:
        weights: ``[outputs, inputs]``.
        hessian: ``[inputs, inputs]``.
        grid: which integers there are.
        group_size: how many inputs, in the order in which they are rounded, share a scale and a zero; -1 for all.
        damping: which part of its mean is added to the Hessian's diagonal.
        activation_order: whether inputs come by the diagonal, the largest first.
        exact: whether G is what it should be, which a Cholesky factor has in its rows. Otherwise it is that of all
            inputs, as in Keras 3.15: the error is larger by a fifth where inputs are independent, some times as large
            where they are not.

    Raises:
        ValueError: if the damped Hessian has no inverse.

    Example:

    >>> found = quantized(np.array([[0.0, 0.4, 3.0]], "float32"), np.eye(3), Grid(bits=2))
    >>> found.integers.tolist(), found.scale.tolist(), found.groups.tolist()
    ([[0, 0, 3]], [[1.0]], [0, 0, 0])
    """
    count = weights.shape[1]
    damped = _damped(hessian, damping)
    order = np.argsort(-np.diag(damped), kind="stable") if activation_order else np.arange(count)
    left = weights[:, order].astype(np.float32)
    factor = _inverse(damped[np.ix_(order, order)], exact).astype(np.float32)
    size = count if group_size == -1 else group_size
    integers = np.empty_like(left)
    scales, zeros = [], []
    for start in range(0, count, BLOCK):
        stop = min(start + BLOCK, count)
        block, errors = left[:, start:stop].copy(), np.empty_like(left[:, start:stop])
        for i in range(start, stop):
            if i % size == 0:
                scale, zero = grid.fitted(left[:, i : i + size])
                scales.append(scale)
                zeros.append(zero)
            column = block[:, i - start, None]
            rounded = grid.integers(column, scale, zero)
            integers[:, i, None] = rounded
            error = (column - (rounded - zero) * scale) / factor[i, i]
            errors[:, i - start, None] = error
            block[:, i - start + 1 :] -= error * factor[i, i + 1 : stop]
        left[:, stop:] -= errors @ factor[start:stop, stop:]
    back = np.argsort(order)
    return QuantizedMatrix(
        integers[:, back].astype(np.uint8),
        np.concatenate(scales, axis=1),
        np.concatenate(zeros, axis=1),
        (np.arange(count) // size)[back],
    )


def _damped(hessian: np.ndarray, damping: float) -> np.ndarray:
    """The Hessian with a part of its mean on the diagonal; of inputs that were always zero it is 1 before."""
    damped = hessian.copy()
    diagonal = np.einsum("ii->i", damped)
    diagonal[diagonal == 0] = 1
    diagonal += damping * diagonal.mean()
    return damped


def _inverse(damped: np.ndarray, exact: bool) -> np.ndarray:
    """The inverse of the damped Hessian, or the upper Cholesky factor of it."""
    try:
        np.linalg.cholesky(damped)
        inverse = np.linalg.inv(damped)
        return np.linalg.cholesky(inverse).T if exact else inverse
    except np.linalg.LinAlgError:
        raise ValueError(
            "GPTQ: the Hessian has no inverse, since the samples are too few or too much alike. Take more samples, or "
            "a larger hessian_damping, such as 0.01."
        ) from None
