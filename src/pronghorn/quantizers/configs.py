"""How a layer or a model is to be quantized: what `quantize` takes as ``config``."""

from __future__ import annotations

from typing import Any, Self

from pronghorn._lazy import nearest_clause
from pronghorn._wording import shown
from pronghorn.dtype_policies.quantized import MODES
from pronghorn.quantizers.abs_max import AbsMaxQuantizer
from pronghorn.serialization.objects import deserialize_keras_object, serialize_keras_object
from pronghorn.utils.arguments import is_integer


class QuantizationConfig:
    """How weights and inputs become integers; the base of the configurations of each mode.

    Args:
        weight_quantizer: what quantizes weights; by the mode if None.
        activation_quantizer: what quantizes the inputs; they stay floats if None.

    Example:

    >>> class Coarse(QuantizationConfig):
    ...     mode = "int8"
    >>> Coarse(AbsMaxQuantizer(axis=0, value_range=(-7, 7))).activation_quantizer is None
    True
    """

    def __init__(self, weight_quantizer: Any = None, activation_quantizer: Any = None) -> None:
        self.weight_quantizer = weight_quantizer
        self.activation_quantizer = activation_quantizer

    @property
    def mode(self) -> str:
        """The name of the mode.

        Raises:
            NotImplementedError: for a class that is of no mode.
        """
        raise NotImplementedError(
            f"{type(self).__name__} is of no mode. Take the configuration of one, such as Int8QuantizationConfig; a "
            "class of your own says in its attribute `mode` of which it is."
        )

    def get_config(self) -> dict[str, Any]:
        return {
            "weight_quantizer": serialize_keras_object(self.weight_quantizer),
            "activation_quantizer": serialize_keras_object(self.activation_quantizer),
        }

    @classmethod
    def from_config(cls, config: dict[str, Any]) -> Self:
        """Make what `get_config` described."""
        quantizers = {name: deserialize_keras_object(config.get(name)) for name in _QUANTIZERS}
        return cls(**{**config, **quantizers})

    @staticmethod
    def weight_quantizer_or_default(config: Any, default: Any) -> Any:
        """The quantizer of weights that a configuration, or None, has; ``default`` where it has none."""
        return default if config is None or config.weight_quantizer is None else config.weight_quantizer

    @staticmethod
    def activation_quantizer_or_default(config: Any, default: Any) -> Any:
        """The quantizer of inputs that a configuration has, which may be None; ``default`` for no configuration."""
        return default if config is None else config.activation_quantizer


_QUANTIZERS = ("weight_quantizer", "activation_quantizer")


class Int8QuantizationConfig(QuantizationConfig):
    """Weights in eight bits, and inputs, too, so that products are of integers.

    Args:
        weight_quantizer: what quantizes weights; an `AbsMaxQuantizer` with a scale for each output if None.
        activation_quantizer: what quantizes the inputs; an `AbsMaxQuantizer` by default; they stay floats if None.

    Raises:
        ValueError: if the weights would not become int8.

    Example:

    >>> Int8QuantizationConfig(activation_quantizer=None).mode
    'int8'
    """

    def __init__(self, weight_quantizer: Any = None, activation_quantizer: Any = "default") -> None:
        super().__init__(
            weight_quantizer, AbsMaxQuantizer() if activation_quantizer == "default" else activation_quantizer
        )
        _check_type(self)

    @property
    def mode(self) -> str:
        return "int8"


class Int4QuantizationConfig(QuantizationConfig):
    """Weights in four bits, two in a byte.

    Args:
        weight_quantizer: what quantizes weights, to -8 to 7; only with one scale for each output.
        activation_quantizer: what quantizes the inputs; they stay floats by default.
        block_size: how many inputs share a scale and a zero; -1 or None for one scale for each output.

    Raises:
        ValueError: for a quantizer or a size that does not go with the others.

    Example:

    >>> Int4QuantizationConfig(block_size=64).get_config()["block_size"]
    64
    """

    def __init__(
        self, weight_quantizer: Any = None, activation_quantizer: Any = "default", block_size: int | None = 128
    ) -> None:
        super().__init__(weight_quantizer, None if activation_quantizer == "default" else activation_quantizer)
        if block_size is not None and (not is_integer(block_size) or (block_size <= 0 and block_size != -1)):
            raise ValueError(
                "Int4QuantizationConfig: block_size says how many inputs share a scale, 1 or more, or -1 or None for "
                f"all of them; got block_size={shown(block_size)}."
            )
        self.block_size = block_size
        own = [name for name in _QUANTIZERS if getattr(self, name) is not None]
        if own and block_size not in (None, -1):
            raise ValueError(
                f"Int4QuantizationConfig: blocks of inputs, here of block_size={block_size}, have their own way to be "
                f"quantized, so that {own[0]} would not be used. Leave it out, or pass block_size=-1, for one scale "
                "for each output."
            )
        if self.weight_quantizer is not None and tuple(self.weight_quantizer.value_range) != (-8, 7):
            raise ValueError(
                "Int4QuantizationConfig: four bits hold -8 to 7, but the weight_quantizer goes over "
                f"{self.weight_quantizer.value_range}. Make it with value_range=(-8, 7)."
            )
        _check_type(self)

    @property
    def mode(self) -> str:
        return "int4"

    def get_config(self) -> dict[str, Any]:
        return {**super().get_config(), "block_size": self.block_size}

    @classmethod
    def from_config(cls, config: dict[str, Any]) -> Self:
        return super().from_config({"block_size": None, **config})  # files from before there were blocks have none


class _NothingToSet(QuantizationConfig):
    """The configuration of a mode that has nothing to be set."""

    def __init__(self) -> None:
        super().__init__()

    def get_config(self) -> dict[str, Any]:
        return {}

    @classmethod
    def from_config(cls, config: dict[str, Any]) -> Self:
        return cls()


class Float8QuantizationConfig(_NothingToSet):
    """Products of eight-bit floats, in training too. Nothing can be set.

    >>> Float8QuantizationConfig().mode
    'float8'
    """

    @property
    def mode(self) -> str:
        return "float8"


class TernaryQuantizationConfig(_NothingToSet):
    """Weights that are -1, 0 and 1, times one number, five weights in a byte; of Keras 3.16. Nothing can be set.

    A weight counts by its sign where its size is above half of the mean size, which is that number; only a layer
    `TernaryDense` may have another threshold. After `BitNet b1.58 <https://arxiv.org/abs/2402.17764>`_, section 2.

    >>> TernaryQuantizationConfig().mode
    'ternary'
    """

    @property
    def mode(self) -> str:
        return "ternary"


def _check_type(config: QuantizationConfig) -> None:
    quantizer = config.weight_quantizer
    if quantizer is not None and quantizer.output_dtype != "int8":
        raise ValueError(
            f"{type(config).__name__}: weights are kept as int8, but the weight_quantizer gives "
            f"{quantizer.output_dtype}. Make it with output_dtype='int8'."
        )


#: Modes that look at data, with their configurations.
BY_DATA = {
    "gptq": "GPTQConfig(dataset, tokenizer)",
    "awq": "AWQConfig(dataset, tokenizer)",
    "static_int8": "StaticInt8QuantizationConfig(calibration)",
    "fake_int8": "FakeInt8QuantizationConfig(calibration)",
}
_DEFAULTS = {
    "int8": Int8QuantizationConfig,
    "int4": Int4QuantizationConfig,
    "float8": Float8QuantizationConfig,
    "ternary": TernaryQuantizationConfig,
}


def resolved(mode: Any, config: Any) -> QuantizationConfig:
    """The configuration that the arguments of `quantize` stand for.

    Args:
        mode: the name of a mode, or None.
        config: a configuration, the name of a mode, or None.

    Raises:
        ValueError: if there is no such mode, the two say different things, or a mode needs a configuration.

    >>> resolved("int8", None).mode
    'int8'
    """
    if isinstance(config, str):
        mode, config = config, None
    if mode is None and config is None:
        raise ValueError(
            "quantize: neither a mode nor a config came. For example quantize('int8'), or "
            "quantize(config=Int8QuantizationConfig())."
        )
    if config is not None and not isinstance(config, QuantizationConfig):
        raise ValueError(
            f"quantize: config={shown(config)}, of type {type(config).__name__}, is no QuantizationConfig, such as "
            "Int8QuantizationConfig()."
        )
    for given in (mode, *([config.mode] if config is not None else [])):
        if given is not None and given not in MODES:
            raise ValueError(
                f"quantize: there is no mode {shown(given)}{nearest_clause(str(given), MODES)}. The modes are "
                f"{', '.join((*_DEFAULTS, *BY_DATA))}."
            )
    if config is None and mode in BY_DATA:
        raise ValueError(
            f"quantize: the mode {mode!r} looks at data, which its config has: pass config=quantizers.{BY_DATA[mode]}."
        )
    if config is None:
        return _DEFAULTS[mode]()  # type: ignore[abstract]
    if mode is not None and config.mode != mode:
        raise ValueError(f"quantize: mode={mode!r}, but the config is for {config.mode!r}. One of them is enough.")
    return config
