"""`Discretization`: numbers to bins."""

from __future__ import annotations

import itertools
from typing import Any

import numpy as np

from pronghorn import ops
from pronghorn.data.ragged import RaggedTensor
from pronghorn.layers import settings
from pronghorn.layers.preprocessing import encoding
from pronghorn.layers.preprocessing.batches import batches_of, to_array, warn_of_nan
from pronghorn.layers.preprocessing.data_layer import DataLayer
from pronghorn.layers.preprocessing.on_rows import RowsLayer
from pronghorn.symbolic.keras_tensor import KerasTensor


class Discretization(RowsLayer, DataLayer):
    """The number of the bin that each value falls into, for bins that are given or learned with `adapt`.

    Args:
        bin_boundaries: increasing numbers between the bins; the first bin goes down and the last one up without end.
            A boundary belongs to the bin above it.
        num_bins: how many bins to learn, so that each holds about as many values.
        epsilon: how inexactly they may be learned: the data is summarized by about ``1 / epsilon`` of its quantiles.
        output_mode: ``"int"`` (the bin), ``"one_hot"``, ``"multi_hot"`` or ``"count"``, as in `CategoryEncoding`.
        sparse: accepted as in Keras; the result is the same, in a dense array.
        dtype: the type of the vectors.
        name: a name; automatic if None.

    Raises:
        ValueError: unless one of ``bin_boundaries`` and ``num_bins`` is given, and for other arguments that do not fit.

    Example:

    >>> import numpy as np
    >>> Discretization(bin_boundaries=[0.0, 1.0])(np.array([[-3.0, 0.5, 1.0]])).tolist()
    [[0, 1, 2]]
    """

    _convert_input_args = False
    _allow_non_tensor_positional_args = True

    def __init__(
        self,
        bin_boundaries: Any = None,
        num_bins: int | None = None,
        epsilon: float = 0.01,
        output_mode: str = "int",
        sparse: bool = False,
        dtype: Any = None,
        name: str | None = None,
    ) -> None:
        super().__init__(name=name, dtype=dtype)
        settings.one_of(output_mode, encoding.MODES, "Discretization", "output_mode")
        self.sparse = encoding.check_sparse(self, sparse, output_mode)
        if num_bins is not None and num_bins < 0:
            raise ValueError(f"Discretization: there cannot be fewer than no bins, got num_bins={num_bins}.")
        if num_bins is not None and bin_boundaries is not None:
            raise ValueError(
                "Discretization: Both `num_bins` and `bin_boundaries` are set, but only one may be: boundaries that "
                f"are given, here {bin_boundaries}, need not be learned, here for num_bins={num_bins}."
            )
        if num_bins is None and bin_boundaries is None:
            raise ValueError(
                "Discretization: give either `num_bins` or `bin_boundaries`: how many bins to learn, or what is "
                "between them."
            )
        self.input_bin_boundaries = bin_boundaries
        self.bin_boundaries = [] if bin_boundaries is None else [float(b) for b in bin_boundaries]
        if any(a > b for a, b in itertools.pairwise(self.bin_boundaries)):
            raise ValueError(
                f"Discretization: `bin_boundaries` must be in ascending order, got {bin_boundaries}. Give "
                "sorted(bin_boundaries)."
            )
        self.num_bins, self.epsilon, self.output_mode = num_bins, epsilon, output_mode
        self.summary = _EMPTY
        self.built = True

    # -- learning ---------------------------------------------------------------------------------------------------
    def adapt(self, data: Any, steps: int | None = None) -> None:
        """Learn the boundaries; what was learned before is forgotten.

        Args:
            data: an array, a data set or another iterable of batches.
            steps: how many batches to take at most.

        Raises:
            ValueError: if the boundaries were given to the constructor.
        """
        if self.num_bins is None:
            raise ValueError(
                "Discretization: this layer has boundaries already, so there is nothing to adapt. Make it with "
                "num_bins=... to learn them from data."
            )
        self.reset_state()
        gaps = total = 0
        for batch in batches_of(data, steps, "Discretization.adapt"):
            self.update_state(batch)
            values = np.asarray(batch.flat_values if isinstance(batch, RaggedTensor) else batch)
            total += values.size
            gaps += int(np.isnan(values).sum()) if values.dtype.kind == "f" else 0
        self.finalize_state()
        warn_of_nan(self, gaps, total, "They count as the largest numbers, so the bins of others are shifted.")

    def update_state(self, data: Any) -> None:
        """Take more data into account; `finalize_state` then makes the boundaries."""
        values = to_array(data.flat_values if isinstance(data, RaggedTensor) else data)
        if values.dtype.kind not in "fiub" and values.dtype.name != "bfloat16":
            raise ValueError(
                f"Discretization: adapt() needs numbers, got an array of {values.dtype}. For strings, use StringLookup."
            )
        summary = _summarize(values.astype("float32"), self.epsilon)
        self.summary = _merge(self.summary, summary, self.epsilon)

    def finalize_state(self) -> None:
        """Make the boundaries from the data seen so far."""
        if self.num_bins is not None and self.summary.size:
            self.bin_boundaries = [float(b) for b in _compress(self.summary, 1 / self.num_bins)[0, :-1]]

    def reset_state(self) -> None:
        """Forget the data seen so far."""
        if self.num_bins is not None:
            self.summary = _EMPTY

    # -- computation ------------------------------------------------------------------------------------------------
    def call(self, inputs: Any) -> Any:
        indices = self._indices_of(ops.convert_to_tensor(inputs))
        return encoding.encode(indices, self.output_mode, self._depth, self.output_dtype)

    def _indices_of(self, values: Any) -> Any:
        if self.num_bins is not None and self.num_bins > 1 and not self.bin_boundaries:
            raise ValueError(
                "Discretization: there are no boundaries yet. You need to pass `bin_boundaries` to the constructor, or "
                "to call adapt(data) before you use the layer."
            )
        return ops.digitize(values, np.asarray(self.bin_boundaries, "float32"))

    def _vectors(self) -> tuple[int, str, Any]:
        return self._depth, self.output_dtype, None

    @property
    def _depth(self) -> int:
        return len(self.bin_boundaries) + 1 if self.num_bins is None or self.bin_boundaries else self.num_bins

    @property
    def output_dtype(self) -> str:
        """The element type of the results."""
        return "int32" if self.output_mode == "int" else self.compute_dtype

    def compute_output_shape(self, input_shape: Any) -> Any:
        return encoding.encoded_shape(input_shape, self.output_mode, self._depth)

    def compute_output_spec(self, inputs: Any) -> Any:
        return KerasTensor(self.compute_output_shape(inputs.shape), dtype=self.output_dtype)

    @classmethod
    def from_config(cls, config: dict[str, Any]) -> Any:
        # The configuration of a layer that has learned has both: how many bins it was to learn, and what they became.
        if config.get("num_bins") is None or config.get("bin_boundaries") is None:
            return cls(**config)
        layer = cls(**{**config, "bin_boundaries": None})
        layer.bin_boundaries = [float(b) for b in config["bin_boundaries"]]
        return layer

    def load_own_variables(self, store: Any) -> None:
        if len(store.keys()) == 1:
            return  # older files hold the summary, which is not needed any more
        super().load_own_variables(store)

    def get_config(self) -> dict[str, Any]:
        return {
            "bin_boundaries": list(self.bin_boundaries) or self.input_bin_boundaries,
            "num_bins": self.num_bins,
            "epsilon": self.epsilon,
            "output_mode": self.output_mode,
            "sparse": self.sparse,
            "name": self.name,
            "dtype": self.dtype,
        }


# A summary of data: values in ascending order in its first row, what each stands for in the second.
_EMPTY = np.zeros((2, 0), "float32")


def _summarize(values: np.ndarray, epsilon: float) -> np.ndarray:
    """About ``1 / epsilon`` evenly spaced quantiles."""
    ordered = np.sort(values.ravel())
    step = max(ordered.size * epsilon, 1.0)
    picked = ordered[int(step) - 1 :: int(step)]
    return np.stack([picked, np.full_like(picked, step)])


def _merge(a: np.ndarray, b: np.ndarray, epsilon: float) -> np.ndarray:
    both = np.concatenate([a, b], axis=1)
    return _compress(both[:, np.argsort(both[0], kind="stable")], epsilon)


def _compress(summary: np.ndarray, epsilon: float) -> np.ndarray:
    """A summary with no more than about ``1 / epsilon`` values, linear between those of ``summary``."""
    if summary.shape[1] * epsilon < 1:
        return summary
    wanted = epsilon + np.arange(0.0, 1.0, epsilon)
    weights = np.cumsum(summary[1])
    shares = weights / weights[-1]
    values = np.interp(wanted, shares, summary[0])
    new_weights = np.interp(wanted, shares, weights)
    return np.stack([values, np.diff(new_weights, prepend=0.0)]).astype("float32")
