"""What configurations of modes that look at data have in common."""

from __future__ import annotations

from typing import Any, ClassVar, Self

from pronghorn._wording import shown
from pronghorn.quantizers.configs import QuantizationConfig
from pronghorn.utils.arguments import is_integer


class CalibratedConfig(QuantizationConfig):
    """The data that is looked at, and the size of groups; the base of `GPTQConfig` and `AWQConfig`."""

    #: Makes what is gathered of a layer's inputs.
    statistics: Any
    #: Arguments of the subclass that go into configurations.
    _settings: ClassVar[tuple[str, ...]] = ()

    weight_bits: int
    #: How many samples go through a model at a time.
    calibration_batch_size = 1

    def __init__(
        self,
        dataset: Any,
        tokenizer: Any,
        num_samples: int,
        sequence_length: int,
        group_size: int,
        quantization_layer_structure: dict[str, Any] | None,
    ) -> None:
        super().__init__()
        for name, value in (("num_samples", num_samples), ("sequence_length", sequence_length)):
            self._check_positive(name, value)
        if not is_integer(group_size) or (group_size <= 0 and group_size != -1):
            raise ValueError(
                f"{type(self).__name__}: group_size says how many inputs share a scale and a zero, 1 or more, or -1 "
                f"for all of them; got group_size={shown(group_size)}."
            )
        self.dataset = dataset
        self.tokenizer = tokenizer
        self.num_samples = int(num_samples)
        self.sequence_length = int(sequence_length)
        self.group_size = int(group_size)
        self.quantization_layer_structure = quantization_layer_structure

    def _check_positive(self, name: str, value: Any) -> None:
        if not is_integer(value) or value <= 0:
            raise ValueError(f"{type(self).__name__}: {name} must be a positive integer, got {name}={shown(value)}.")

    def dtype_policy_string(self) -> str:
        """What a policy's name has in front of ``"_from_"``, such as ``"gptq/4/128"``."""
        return f"{self.mode}/{self.weight_bits}/{self.group_size}"

    def quantized(self, weights: Any, seen: Any) -> Any:
        """A matrix ``[outputs, inputs]`` in few bits, given what was seen of the inputs."""
        raise NotImplementedError

    def get_config(self) -> dict[str, Any]:
        """The arguments but those that are needed once: the data, the tokenizer and the structure, which are None."""
        names = ("weight_bits", "num_samples", "sequence_length", "group_size", *self._settings)
        once = dict.fromkeys(("dataset", "tokenizer", "quantization_layer_structure"))
        return {**once, **{name: getattr(self, name) for name in names}}

    @classmethod
    def from_config(cls, config: dict[str, Any]) -> Self:
        return cls(**config)
