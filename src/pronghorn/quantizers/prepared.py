"""Training with rounded numbers: a model is prepared, trained on, and converted to integers."""

from __future__ import annotations

from typing import Any

from pronghorn.quantizers.static import StaticInt8QuantizationConfig


class FakeInt8QuantizationConfig(StaticInt8QuantizationConfig):
    """Layers that round their inputs and weights as `StaticInt8QuantizationConfig` would, and stay trainable.

    `prepare` passes it to `Model.quantize`. The arguments are those of `StaticInt8QuantizationConfig`. ``max_error`` is
    1.0 here, as training makes errors smaller.

    >>> FakeInt8QuantizationConfig().mode, FakeInt8QuantizationConfig().max_error
    ('fake_int8', 1.0)
    """

    def __init__(
        self,
        calibration: Any = None,
        method: str = "percentile",
        percentile: float = 99.99,
        max_error: float = 1.0,
        batch_size: int = 32,
    ) -> None:
        super().__init__(calibration, method, percentile, max_error, batch_size)

    @property
    def mode(self) -> str:
        return "fake_int8"


def prepare(model: Any, calibration: Any, filters: Any = None, **settings: Any) -> Any:
    """Let a model's layers round numbers as they will in eight bits, so that training can make up for the loss.

    Weights stay floats, which `fit` trains as before. Their gradient is that of the numbers that are not rounded.
    The ranges of the layers' inputs start with those of the data, and follow the batches of training. `convert` makes
    integers of the model. A learning rate of a tenth of the first training's, for an epoch or a few, is usual. After
    `Quantization and Training of Neural Networks for Efficient Integer-Arithmetic-Only Inference
    <https://arxiv.org/abs/1712.05877>`_.

    Args:
        model: a built model in floats. It is changed.
        calibration: inputs as the model will get them, some hundred samples: what `predict` takes.
        filters: which layers; see `Model.quantize`.
        settings: the other arguments of `FakeInt8QuantizationConfig`.

    Returns:
        A `QuantizationReport`: the layers that round, and why others do not.

    Raises:
        ValueError: for data that is missing, empty, not finite or all zeros. The model stays as it was.

    Example:

    >>> import numpy as np
    >>> from pronghorn import layers, models
    >>> model = models.Sequential([layers.Input((64,)), layers.Dense(32, activation="relu"), layers.Dense(1)])
    >>> model.compile("sgd", "mse")
    >>> x = np.random.default_rng(0).normal(size=(100, 64))
    >>> prepare(model, x)
    QuantizationReport(mode='fake_int8', quantized=1, skipped=1)
    >>> history = model.fit(x, x[:, :1], verbose=0)
    >>> convert(model)
    QuantizationReport(mode='static_int8', quantized=1, skipped=1)
    """
    return model.quantize(config=FakeInt8QuantizationConfig(calibration, **settings), filters=filters)


def convert(model: Any) -> Any:
    """Put integers in the place of the weights of a model that was prepared by `prepare`.

    Args:
        model: the model. It is changed.

    Returns:
        A `QuantizationReport`. Other layers than those that were prepared stay as they are.

    Raises:
        ValueError: if no layer is prepared, or a kernel has NaN or infinite numbers. The model stays as it was.
    """
    mode = FakeInt8QuantizationConfig().mode
    if not any(getattr(layer, "quantization_mode", None) == mode for layer in model._flatten_layers()):
        raise ValueError(
            f"convert: no layer of model {model.name!r} is prepared for integers. Call quantizers.prepare(model, "
            "calibration) and train it before; or quantize a trained model with model.quantize('int8', calibration=x)."
        )
    return model.quantize(config=StaticInt8QuantizationConfig())
