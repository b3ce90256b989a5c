"""Policies of quantized layers."""

from __future__ import annotations

import re
from typing import Any

from pronghorn._lazy import nearest_clause
from pronghorn._wording import shown
from pronghorn.dtype_policies.policy import DTypePolicy
from pronghorn.utils.arguments import is_integer

#: The modes that a policy may be of.
MODES = ("int8", "float8", "int4", "ternary", "gptq", "awq", "static_int8", "fake_int8")


class QuantizedDTypePolicy(DTypePolicy):
    """A way of quantizing, and the types of what is not quantized.

    `Dense`, `EinsumDense`, `Embedding` and `ReversibleEmbedding` can be made with it; `quantize` gives it to layers.

    Args:
        mode: ``"int8"``, ``"int4"``, ``"float8"`` or ``"ternary"``; those that look at data have policies of their own.
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
                f"{type(self).__name__}: there is no mode {shown(mode)}{nearest_clause(str(mode), MODES)}. Known are "
                f"{', '.join(MODES)}."
            )
        super().__init__(source_name)
        self._source_name = self._name
        if mode in ("int8", "static_int8", "fake_int8") and self.compute_dtype == "float16":
            raise ValueError(
                f"{type(self).__name__}: the mode {mode} does not go with computations in float16, which the policy "
                f"{self._source_name!r} asks for. Take 'float32' or 'mixed_bfloat16' as source_name."
            )
        self._quantization_mode = mode
        self._name = f"{mode}_from_{self._source_name}"

    @staticmethod
    def of_name(name: str) -> QuantizedDTypePolicy:
        """Return the policy of a name such as ``"int8_from_float32"``.

        Raises:
            ValueError: if it is no such name.

        >>> QuantizedDTypePolicy.of_name("float8_from_bfloat16").compute_dtype
        'bfloat16'
        """
        mode, _, source = name.partition("_from_")
        kind = mode.partition("/")[0]
        if kind not in MODES:
            raise ValueError(
                f"{shown(name)} names no mode of quantization{nearest_clause(mode, MODES)}. Known are "
                f"{', '.join(MODES)}."
            )
        made = QuantizedDTypePolicy if mode == "int4" else _BY_MODE.get(kind, QuantizedDTypePolicy)
        return made(mode, source)

    def get_config(self) -> dict[str, Any]:
        return {"mode": self._quantization_mode, "source_name": self._source_name}

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
                f"QuantizedFloat8DTypePolicy: amax_history_length={shown(amax_history_length)} is no number of steps, "
                "such as 1024."
            )
        self.amax_history_length = int(amax_history_length)

    def get_config(self) -> dict[str, Any]:
        return {**super().get_config(), "amax_history_length": self.amax_history_length}


class _NumberedDTypePolicy(QuantizedDTypePolicy):
    """A policy whose mode has numbers behind slashes, such as ``"int4/128"``; they become attributes."""

    kind = ""
    numbers: tuple[str, ...] = ()

    def __init__(self, mode: Any, source_name: str | None = None) -> None:
        wanted = "/".join((self.kind, *(f"<{name}>" for name in self.numbers)))
        given = str(mode).split("/")
        if given[0] != self.kind or len(given) != 1 + len(self.numbers):
            raise ValueError(
                f"{type(self).__name__}: a mode is {wanted}, for example {self._example()!r}; got {shown(mode)}."
            )
        for name, text in zip(self.numbers, given[1:]):
            if not re.fullmatch(r"-?\d+", text):
                raise ValueError(
                    f"{type(self).__name__}: in the mode {shown(mode)} {text!r} stands for {name}, where an integer "
                    f"belongs. A mode is {wanted}, for example {self._example()!r}."
                )
            number, (allowed, words) = int(text), _NUMBERS[self.kind, name]
            if not allowed(number):
                raise ValueError(
                    f"{type(self).__name__}: the mode {shown(mode)} asks for {name}={number}; there is {words}."
                )
            setattr(self, name, number)
        super().__init__(self.kind, source_name)
        self.mode = self.kind
        self._name = f"{mode}_from_{self._source_name}"

    @classmethod
    def _example(cls) -> str:
        return "/".join((cls.kind, *(("4", "128")[-len(cls.numbers) :])))

    def get_config(self) -> dict[str, Any]:
        return {**super().get_config(), "mode": "/".join((self.kind, *(str(getattr(self, n)) for n in self.numbers)))}


class Int4DTypePolicy(_NumberedDTypePolicy):
    """The policy of weights in four bits.

    Args:
        mode: ``"int4/<block_size>"``: how many inputs share a scale and a zero, -1 for one scale for each output.
        source_name: the name of the policy for all that is not quantized; the default policy if None.

    Raises:
        ValueError: for another mode.

    Example:

    >>> Int4DTypePolicy("int4/64", "float32").block_size
    64
    """

    kind, numbers = "int4", ("block_size",)


class GPTQDTypePolicy(_NumberedDTypePolicy):
    """The policy of weights quantized by GPTQ, see `quantizers.GPTQConfig`; a layer made with it is for a file.

    Args:
        mode: ``"gptq/<weight_bits>/<group_size>"``.
        source_name: the name of the policy for all that is not quantized; the default policy if None.

    Raises:
        ValueError: for another mode.

    Example:

    >>> GPTQDTypePolicy("gptq/4/128", "float32").weight_bits
    4
    """

    kind, numbers = "gptq", ("weight_bits", "group_size")


class AWQDTypePolicy(_NumberedDTypePolicy):
    """The policy of weights quantized by AWQ, see `quantizers.AWQConfig`; a layer made with it is for a file.

    Args:
        mode: ``"awq/4/<group_size>"``.
        source_name: the name of the policy for all that is not quantized; the default policy if None.

    Raises:
        ValueError: for another mode.

    Example:

    >>> AWQDTypePolicy("awq/4/-1", "float32").group_size
    -1
    """

    kind, numbers = "awq", ("weight_bits", "group_size")


def _is_size(number: int) -> bool:
    return number == -1 or number > 0


_SIZE = (_is_size, "1 and above, and -1 for no groups")
#: What a number may be, and in words, by the mode and its name.
_NUMBERS = {
    ("int4", "block_size"): _SIZE,
    ("gptq", "weight_bits"): (lambda n: n in (2, 3, 4, 8), "2, 3, 4 and 8"),
    ("gptq", "group_size"): _SIZE,
    ("awq", "weight_bits"): (lambda n: n == 4, "nothing but 4"),
    ("awq", "group_size"): _SIZE,
}

_BY_MODE: dict[str, type[QuantizedDTypePolicy]] = {
    "float8": QuantizedFloat8DTypePolicy,
    "int4": Int4DTypePolicy,
    "gptq": GPTQDTypePolicy,
    "awq": AWQDTypePolicy,
}
