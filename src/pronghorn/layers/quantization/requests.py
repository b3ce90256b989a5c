"""What every layer has of quantization: `quantize`, with its checks, and the call that takes the place of ``call``."""

from __future__ import annotations

import contextlib
import functools
from collections.abc import Callable, Iterator
from typing import Any

from pronghorn.dtype_policies.policy_map import DTypePolicyMap
from pronghorn.quantizers.configs import BY_DATA, Int4QuantizationConfig, resolved
from pronghorn.quantizers.static import calibrated_by

#: Modes that would lose an update of low rank.
_WITHOUT_UPDATE = (*BY_DATA, "ternary")


def checked(quantize: Callable[..., Any]) -> Callable[..., Any]:
    """A class's ``quantize`` with what belongs around it: the configuration made, the layer checked and opened."""

    @functools.wraps(quantize)
    def wrapped(self: Any, mode: Any = None, type_check: bool = True, config: Any = None, **kwargs: Any) -> Any:
        if not type_check:
            kwargs["type_check"] = False  # a layer's own `quantize` may have no such argument
        if self.__dict__.get("_being_quantized"):  # super().quantize() inside of a quantize()
            return quantize(self, mode=mode, config=config, **kwargs)
        calibration = kwargs.pop("calibration", None)
        config = resolved(mode, config) if calibration is None else calibrated_by(mode, config, calibration)
        check(self, config.mode)
        with opened(self):
            return quantize(self, mode=config.mode, config=config, **kwargs)

    return wrapped


@contextlib.contextmanager
def opened(layer: Any) -> Iterator[None]:
    """While it lasts, a built layer may be given variables, and is known to be quantized just now."""
    object.__setattr__(layer, "_being_quantized", True)
    locked, layer._tracker.locked = layer._tracker.locked, False
    try:
        yield
    finally:
        layer._tracker.locked = locked
        object.__setattr__(layer, "_being_quantized", False)


def check(layer: Any, mode: str) -> None:
    """Raise an error where a layer as it is cannot be quantized.

    Raises:
        ValueError: if it is not built, quantized already, or computes in a type that the mode does not go with.
        NotImplementedError: if it has an update of low rank that the mode would lose.
    """
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
    if mode in ("int8", "static_int8", "fake_int8") and layer.compute_dtype == "float16":
        raise ValueError(
            f"{what}: products of int8 exceed the range of float16, in which it computes. Make the layer with the "
            "dtype policy 'float32' or 'mixed_bfloat16'."
        )
    if mode in _WITHOUT_UPDATE and getattr(layer, "lora_enabled", False):
        raise NotImplementedError(
            f"{what}: a kernel with an update of low rank cannot be quantized by {mode}. Save the model and load "
            "it, by which the update is added to the kernel, before quantize()."
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
    def quantize(self, mode: Any = None, type_check: bool = True, config: Any = None) -> None:
        """Put integers, or eight-bit floats, in the place of the weights.

        Args:
            mode: ``"int8"``, ``"int4"``, ``"float8"``, ``"ternary"``, ``"gptq"`` or ``"awq"``.
            type_check: whether a subclass, which may compute something else, is refused.
            config: a `quantizers.QuantizationConfig` of the mode, in place of the mode's own.

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
            "Of Pronghorn's layers Dense, TernaryDense, EinsumDense, Embedding and ReversibleEmbedding can be, their "
            "subclasses with quantize(..., type_check=False)."
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

    def _refuse_policy(self, policy: Any) -> None:
        """Raise an error for a policy that a built layer cannot be given.

        Raises:
            ValueError: if it is one of a mode that looks at data, of which a policy has none.
        """
        if self._is_quantized_by(policy) and policy.quantization_mode in BY_DATA:
            raise ValueError(
                f"Layer {self.name!r} ({type(self).__name__}): a dtype policy alone, here {policy.name!r}, does not "  # type: ignore[attr-defined]
                f"quantize by {policy.quantization_mode}, which looks at data. Call Model.quantize with its config."
            )

    def _is_quantized_by(self, policy: Any) -> bool:
        """Whether a layer that is given a policy is to be quantized: if it is built, and in floats."""
        if isinstance(policy, DTypePolicyMap) or policy.quantization_mode is None:
            return False
        return self.built and not self._is_quantized  # type: ignore[attr-defined]

    def _quantize_for(self, policy: Any) -> None:
        """Quantize a built layer that is given the policy of a mode."""
        if self._is_quantized_by(policy):
            size = getattr(policy, "block_size", None)
            config = None if size is None else Int4QuantizationConfig(block_size=size)
            self.quantize(policy.quantization_mode, config=config)
