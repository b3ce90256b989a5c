"""What every layer has of quantization: `quantize`, with its checks, and the call that takes the place of ``call``."""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any

from pronghorn.dtype_policies.policy_map import DTypePolicyMap
from pronghorn.quantizers.configs import Int4QuantizationConfig, resolved


def checked(quantize: Callable[..., Any]) -> Callable[..., Any]:
    """A class's ``quantize`` with what belongs around it: the configuration made, the layer checked and opened."""

    @functools.wraps(quantize)
    def wrapped(self: Any, mode: Any = None, config: Any = None, **kwargs: Any) -> Any:
        if self.__dict__.get("_being_quantized"):  # super().quantize() inside of a quantize()
            return quantize(self, mode=mode, config=config, **kwargs)
        config = resolved(mode, config)
        _check(self, config.mode)
        object.__setattr__(self, "_being_quantized", True)
        locked, self._tracker.locked = self._tracker.locked, False
        try:
            return quantize(self, mode=config.mode, config=config, **kwargs)
        finally:
            self._tracker.locked = locked
            object.__setattr__(self, "_being_quantized", False)

    return wrapped


def _check(layer: Any, mode: str) -> None:
    what = f"Layer {layer.name!r} ({type(layer).__name__})"
    if not layer.built:
        raise ValueError(
            f"{what}: there are no weights to quantize before it is built. Call it once on data, or build() it, before "
            "quantize()."
        )
    if layer._is_quantized:
        raise ValueError(
            f"{what}: its weights are {layer._own_policy().name!r} already and cannot be quantized again, with "
            f"mode={mode!r}. Quantize a layer in floats."
        )
    if mode == "int8" and layer.compute_dtype == "float16":
        raise ValueError(
            f"{what}: products of int8 exceed the range of float16, in which it computes. Make the layer with the "
            "dtype policy 'float32' or 'mixed_bfloat16'."
        )


class QuantizationRequests:
    """Mixed into `Layer`. The methods are those of a layer that cannot be quantized."""

    #: Whether its weights are those of its mode.
    _is_quantized = False

    def __init_subclass__(cls, **kwargs: Any) -> None:
        super().__init_subclass__(**kwargs)
        if "quantize" in cls.__dict__:
            cls.quantize = checked(cls.__dict__["quantize"])  # type: ignore[method-assign]

    @checked
    def quantize(self, mode: Any = None, config: Any = None, type_check: bool = True) -> None:
        """Put integers, or eight-bit floats, in the place of the weights.

        Args:
            mode: ``"int8"``, ``"int4"`` or ``"float8"``.
            config: a `quantizers.QuantizationConfig` of the mode, in place of the mode's own.
            type_check: whether a subclass, which may compute something else, is refused.

        Raises:
            NotImplementedError: for a layer that cannot be quantized.
            ValueError: for an unknown mode, and for a layer that is not built, or quantized already.
        """
        raise self._not_quantized("quantize")

    def quantized_build(self, input_shape: Any, mode: str, config: Any = None) -> None:
        """Make the weights of a quantized layer."""
        raise self._not_quantized("quantized_build")

    def quantized_call(self, *args: Any, **kwargs: Any) -> Any:
        """What takes the place of ``call`` under a mode's policy; a layer's method ``_<mode>_call``, if it has one."""
        call = getattr(self, f"_{self.quantization_mode}_call", None)  # type: ignore[attr-defined]
        if call is None:
            raise self._not_quantized("quantized_call")
        return call(*args, **kwargs)

    def _not_quantized(self, method: str) -> NotImplementedError:
        return NotImplementedError(
            f"Layer {self.name!r} ({type(self).__name__}) cannot be quantized: its class has no {method}() of its own. "  # type: ignore[attr-defined]
            "Of Pronghorn's layers Dense, EinsumDense, Embedding and ReversibleEmbedding can be, their subclasses with "
            "quantize(..., type_check=False)."
        )

    def _refuse_quantization(self) -> None:
        """Raise an error, before anything is built, for a policy that the layer does not know.

        Raises:
            NotImplementedError: if it is one of quantized layers.
        """
        mode = self.quantization_mode  # type: ignore[attr-defined]
        if mode is None or type(self).quantized_call is not QuantizationRequests.quantized_call:
            return
        if not hasattr(self, f"_{mode}_call"):
            raise NotImplementedError(
                f"Layer {self.name!r} ({type(self).__name__}) has a dtype policy of the mode {mode}, but cannot be "  # type: ignore[attr-defined]
                "quantized. Give that policy to Dense, EinsumDense, Embedding and ReversibleEmbedding alone, for "
                "example by a DTypePolicyMap."
            )

    def _quantize_for(self, policy: Any) -> None:
        """Quantize a built layer that is given the policy of a mode."""
        if isinstance(policy, DTypePolicyMap) or policy.quantization_mode is None:
            return
        if self.built and not self._is_quantized:  # type: ignore[attr-defined]
            size = getattr(policy, "block_size", None)
            config = None if size is None else Int4QuantizationConfig(block_size=size)
            self.quantize(policy.quantization_mode, config=config)
