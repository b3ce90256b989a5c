"""Names of quantized policies, which say what to use instead."""

from __future__ import annotations

from typing import Any


class QuantizedDTypePolicy:
    """Not there: Pronghorn does not quantize."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        raise NotImplementedError(
            f"{type(self).__name__}: quantized layers are not there. Use the policy 'mixed_bfloat16' for smaller and "
            "faster computations."
        )


class QuantizedFloat8DTypePolicy(QuantizedDTypePolicy):
    """Not there: see `QuantizedDTypePolicy`."""


class GPTQDTypePolicy(QuantizedDTypePolicy):
    """Not there: see `QuantizedDTypePolicy`."""


class AWQDTypePolicy(QuantizedDTypePolicy):
    """Not there: see `QuantizedDTypePolicy`."""


class Int4DTypePolicy(QuantizedDTypePolicy):
    """Not there: see `QuantizedDTypePolicy`."""
