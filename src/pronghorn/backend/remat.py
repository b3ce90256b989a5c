"""Recomputing activations in the backward pass instead of keeping them."""

from __future__ import annotations

import functools
from collections.abc import Callable, Sequence
from typing import Any

from pronghorn.engine.graph.dim import product
from pronghorn.engine.graph.ir import Aval
from pronghorn.ops.control import recomputed
from pronghorn.symbolic.remat_scopes import open_scopes

_MODES = ("full", "activations", "larger_than", "list_of_layers")


class RematScope:
    """A context for layers that recompute activations in the backward pass, to save memory.

    It counts for the layers and operations that are made inside, wherever they are called. Their intermediate results
    are not kept for the backward pass but computed again there, from what they are called with, with the same random
    numbers; what they assign (moving statistics, say) they assign once. Results are the same, on our own engine to the
    last bit, but for recurrent layers, whose weights' gradients are then summed step by step. A layer within a layer
    that are both made inside is computed again twice: make the inner ones outside, or name the outer ones. On JAX it is
    `jax.checkpoint`, on PyTorch `torch.utils.checkpoint` and on TensorFlow `tf.recompute_grad`.

    Args:
        mode: `"full"` for everything that a layer computes, `"activations"` for the activation functions of those that
            have one, `"larger_than"` for layers whose outputs have more elements than `output_size_threshold` (extents
            that are not known count as 1), `"list_of_layers"` for those in `layer_names`, None for none.
        output_size_threshold: for `"larger_than"`.
        layer_names: for `"list_of_layers"`.

    Raises:
        ValueError: for an unknown mode.

    Example:

    >>> from pronghorn import layers
    >>> with RematScope("larger_than", output_size_threshold=4096):
    ...     layer = layers.Conv2D(64, 3)
    """

    def __init__(
        self, mode: str | None = "full", output_size_threshold: int = 1024, layer_names: list[str] | None = None
    ) -> None:
        if mode is not None and mode not in _MODES:
            raise ValueError(f"RematScope: mode={mode!r} is not known; it must be None or one of {', '.join(_MODES)}.")
        self.mode = mode
        self.output_size_threshold = output_size_threshold
        self.layer_names = layer_names or []

    def __enter__(self) -> RematScope:
        open_scopes.scopes.append(self)
        return self

    def __exit__(self, *exception: Any) -> None:
        open_scopes.scopes.pop()

    def rematerialized(self, operation: Any, call: Callable[..., Any]) -> Callable[..., Any]:
        """``call``, or a function that computes the same and is computed again in the backward pass.

        Args:
            operation: a layer or operation that was made inside.
            call: its method.
        """
        if self.mode == "full" or (self.mode == "list_of_layers" and operation.name in self.layer_names):
            return recomputed(call)
        if self.mode == "larger_than":
            return recomputed(call, self._is_large)
        if self.mode == "activations" and callable(getattr(operation, "activation", None)):
            if isinstance(getattr(type(operation), "activation", None), property):
                return call  # that of a layer within, which was made inside, too
            return _with_its_activation(operation, call)
        return call

    def _is_large(self, outputs: Sequence[Aval]) -> bool:
        sizes = [product([n if isinstance(n, int) else 1 for n in aval.shape]) for aval in outputs]
        return sum(sizes) > self.output_size_threshold


def _with_its_activation(layer: Any, call: Callable[..., Any]) -> Callable[..., Any]:
    """``call`` with the layer's activation computed again in the backward pass."""

    @functools.wraps(call)
    def rematerialized(*args: Any, **kwargs: Any) -> Any:
        activation = layer.activation
        object.__setattr__(layer, "activation", recomputed(activation))  # for this call: no setting that changes
        try:
            return call(*args, **kwargs)
        finally:
            object.__setattr__(layer, "activation", activation)

    return rematerialized


def remat(f: Callable[..., Any]) -> Callable[..., Any]:
    """Return a function that computes the same, and again in the backward pass instead of keeping what lies between.

    See `RematScope` for where that is so. Arrays of JAX, PyTorch and TensorFlow go to their own function for this, so
    that ``f`` may use that library's functions then.

    Args:
        f: a function of arrays.

    >>> remat(lambda x: x + 1)(1)
    2
    """
    return recomputed(f)
