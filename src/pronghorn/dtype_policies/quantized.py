"""Policies of quantized layers. They can be made, kept and compared; no layer is quantized by them."""

from __future__ import annotations

from typing import Any

from pronghorn._absent import absent_class
from pronghorn._lazy import nearest_clause
from pronghorn.dtype_policies.policy import DTypePolicy
from pronghorn.utils.arguments import is_integer, shown

MODES = ("int8", "float8")
_INSTEAD = "layers are not quantized; use the policy 'mixed_bfloat16' for smaller and faster computations"


class QuantizedDTypePolicy(DTypePolicy):
    """A way of quantizing, and the types of what is not quantized.

    A policy that configurations, tables of policies and other libraries may hold. Layers are not quantized: building
    one with this policy is an error.

    Args:
        mode: ``"int8"`` or ``"float8"``.
        source_name: the name of the policy for all that is not quantized; the default policy if None.

    Raises:
        ValueError: for another mode, and for int8 with computations in float16.

    Example:

    >>> policy = QuantizedDTypePolicy("int8", "mixed_bfloat16")
    >>> policy.name, policy.quantization_mode, policy.compute_dtype
    ('int8_from_mixed_bfloat16', 'int8', 'bfloat16')
    """

    def __init__(self, mode: Any, source_name: str | None = None) -> None:
        if mode not in MODES:
            raise ValueError(
                f"{type(self).__name__}: Invalid quantization mode {shown(mode)}{nearest_clause(str(mode), MODES)}. "
                f"Known are {' and '.join(MODES)}."
            )
        super().__init__(source_name)
        self._source_name = self._name
        if mode == "int8" and self.compute_dtype == "float16":
            raise ValueError(
                f"{type(self).__name__}: the mode int8 does not go with computations in float16, which the policy "
                f"{self._source_name!r} asks for. Take 'float32' or 'mixed_bfloat16' as source_name."
            )
        self._mode = mode
        self._name = f"{mode}_from_{self._source_name}"

    @staticmethod
    def of_name(name: str) -> QuantizedDTypePolicy:
        """Return the policy of a name such as ``"int8_from_float32"``.

        Raises:
            NotImplementedError: for the modes int4, gptq and awq.
            ValueError: if it is no such name.

        >>> QuantizedDTypePolicy.of_name("float8_from_bfloat16").compute_dtype
        'bfloat16'
        """
        mode, _, source = name.partition("_from_")
        made = _BY_MODE.get(mode.partition("/")[0])
        if made is None:
            raise ValueError(
                f"{shown(name)} names no mode of quantization{nearest_clause(mode, _BY_MODE)}. Known are "
                f"{', '.join(_BY_MODE)}."
            )
        return made(mode, source)

    @property
    def quantization_mode(self) -> str:
        return self._mode

    def get_config(self) -> dict[str, Any]:
        return {"mode": self._mode, "source_name": self._source_name}

    def __eq__(self, other: object) -> bool:
        return type(self) is type(other) and self.get_config() == other.get_config()  # type: ignore[attr-defined]

    def __hash__(self) -> int:
        return hash(self.name)

    def __repr__(self) -> str:
        return f'<{type(self).__name__} "{self.name}">'


class QuantizedFloat8DTypePolicy(QuantizedDTypePolicy):
    """The policy of products in eight-bit floats, whose scales follow the largest values of recent steps.

    Args:
        mode: ``"float8"``.
        source_name: the name of the policy for all that is not quantized; the default policy if None.
        amax_history_length: of how many steps the largest values are kept.

    Raises:
        ValueError: for another mode.
        TypeError: if the length is no integer.

    Example:

    >>> QuantizedFloat8DTypePolicy("float8", "float32").get_config()
    {'mode': 'float8', 'source_name': 'float32', 'amax_history_length': 1024}
    """

    default_amax_history_length = 1024

    def __init__(self, mode: Any, source_name: str | None = None, amax_history_length: int = 1024) -> None:
        super().__init__(mode, source_name)
        if not is_integer(amax_history_length):
            raise TypeError(
                "QuantizedFloat8DTypePolicy: `amax_history_length` must be an integer, got "
                f"{shown(amax_history_length)}."
            )
        self.amax_history_length = int(amax_history_length)

    def get_config(self) -> dict[str, Any]:
        return {**super().get_config(), "amax_history_length": self.amax_history_length}


AWQDTypePolicy = absent_class("AWQDTypePolicy", _INSTEAD, __name__, QuantizedDTypePolicy)
GPTQDTypePolicy = absent_class("GPTQDTypePolicy", _INSTEAD, __name__, QuantizedDTypePolicy)
Int4DTypePolicy = absent_class("Int4DTypePolicy", _INSTEAD, __name__, QuantizedDTypePolicy)

_BY_MODE = {
    "int8": QuantizedDTypePolicy,
    "float8": QuantizedFloat8DTypePolicy,
    "int4": Int4DTypePolicy,
    "gptq": GPTQDTypePolicy,
    "awq": AWQDTypePolicy,
}
