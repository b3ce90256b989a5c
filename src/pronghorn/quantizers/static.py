"""`StaticInt8QuantizationConfig`: eight bits for weights and for the inputs of layers, by ranges seen beforehand."""

from __future__ import annotations

from typing import Any, Self

from pronghorn._lazy import nearest_clause
from pronghorn._wording import shown
from pronghorn.quantizers.configs import QuantizationConfig
from pronghorn.quantizers.ranges import METHODS
from pronghorn.utils.arguments import is_integer, is_number


def calibrated_by(mode: Any, config: Any, calibration: Any) -> StaticInt8QuantizationConfig:
    """The configuration that `Model.quantize` stands for with ``calibration``.

    Raises:
        ValueError: for a mode that takes no such data, and for a configuration beside it, which has its own.
    """
    if config is not None:
        raise ValueError(
            "quantize: calibration goes with mode='int8' and no config. For other settings pass "
            "config=quantizers.StaticInt8QuantizationConfig(calibration, ...)."
        )
    if mode not in ("int8", "static_int8"):
        raise ValueError(f"quantize: calibration goes with mode='int8', got mode={shown(mode)}.")
    return StaticInt8QuantizationConfig(calibration)


class StaticInt8QuantizationConfig(QuantizationConfig):
    """Weights and inputs of layers in eight bits, with scales that are settled by looking at data once.

    `Dense`, `EinsumDense`, `Conv1D`, `Conv2D` and `Conv3D` then multiply integers, which is faster than floats. An
    input is ``(integer - zero) * step``; the integers of a weight have a step for each output. After `Quantization and
    Training of Neural Networks for Efficient Integer-Arithmetic-Only Inference <https://arxiv.org/abs/1712.05877>`_.

    Args:
        calibration: inputs as the model will get them, some hundred samples: what `predict` takes.
        method: how the range of a layer's inputs follows from those that were seen: `"max"` takes the ends,
            `"percentile"` leaves the outermost out, `"entropy"` loses the least information.
        percentile: the share of inputs inside of the range, for that method.
        max_error: a layer whose outputs change by more than this share of their size (Euclidean norms) stays in floats.
        batch_size: how many samples are looked at at a time.

    Raises:
        ValueError: for numbers outside of what is said, and an unknown method.

    Example:

    >>> import numpy as np
    >>> from pronghorn import layers, models
    >>> model = models.Sequential([layers.Input((64,)), layers.Dense(32, activation="relu"), layers.Dense(16)])
    >>> config = StaticInt8QuantizationConfig(np.random.default_rng(0).normal(size=(100, 64)), method="max")
    >>> model.quantize(config=config)
    QuantizationReport(mode='static_int8', quantized=2, skipped=0)
    """

    def __init__(
        self,
        calibration: Any = None,
        method: str = "percentile",
        percentile: float = 99.99,
        max_error: float = 0.1,
        batch_size: int = 32,
    ) -> None:
        super().__init__()
        who = type(self).__name__
        if method not in METHODS:
            raise ValueError(
                f"{who}: there is no method {shown(method)}{nearest_clause(str(method), METHODS)}. It is one of "
                f"{', '.join(map(repr, METHODS))}."
            )
        if not is_number(percentile) or not 50 < percentile <= 100:
            raise ValueError(f"{who}: percentile is a number above 50, 100 at most; got {shown(percentile)}.")
        if not is_number(max_error) or not max_error > 0:
            raise ValueError(f"{who}: max_error is a positive number, such as 0.1; got {shown(max_error)}.")
        if not is_integer(batch_size) or batch_size < 1:
            raise ValueError(f"{who}: batch_size is an integer of 1 or more, got {shown(batch_size)}.")
        self.calibration = calibration
        self.method = method
        self.percentile = float(percentile)
        self.max_error = float(max_error)
        self.batch_size = int(batch_size)
        #: What layers become, by their identities, while a model is quantized.
        self.found: dict[int, dict[str, Any]] = {}

    @property
    def mode(self) -> str:
        return "static_int8"

    def range_of(self, seen: Any) -> tuple[float, float]:
        """The range of a layer's inputs, given a `ranges.Seen`."""
        return METHODS[self.method](seen, self.percentile)

    def get_config(self) -> dict[str, Any]:
        """The arguments but the data, which is needed once."""
        return {name: getattr(self, name) for name in ("method", "percentile", "max_error", "batch_size")}

    @classmethod
    def from_config(cls, config: dict[str, Any]) -> Self:
        return cls(**config)
