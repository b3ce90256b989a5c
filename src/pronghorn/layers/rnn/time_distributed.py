"""`TimeDistributed`: a layer on every time step."""

from __future__ import annotations

from typing import Any, Unpack

from pronghorn import ops, tree
from pronghorn.engine.graph.dim import SymbolicDimError, comparable
from pronghorn.layers.arguments import LayerArguments
from pronghorn.layers.call import parameters_of
from pronghorn.layers.core.wrapper import Wrapper
from pronghorn.layers.layer import Layer
from pronghorn.symbolic.keras_tensor import KerasTensor


class TimeDistributed(Wrapper):
    """Applies a layer to every time step of inputs ``[batch, time, ...]``.

    Args:
        layer: the layer.
        kwargs: those of `Layer`.

    Raises:
        ValueError: if ``layer`` is no layer.

    Example:

    >>> from pronghorn import layers
    >>> TimeDistributed(layers.Dense(4))(ops.ones((2, 3, 5))).shape
    (2, 3, 4)
    """

    def __init__(self, layer: Layer, **kwargs: Unpack[LayerArguments]) -> None:
        if not isinstance(layer, Layer):
            raise ValueError(f"TimeDistributed: `layer` must be a layer, got {layer!r}.")
        super().__init__(layer, **kwargs)
        self.supports_masking = True

    def _child_shape(self, input_shape: Any) -> tuple[Any, ...]:
        if not isinstance(input_shape, (list, tuple)) or len(input_shape) < 3:
            raise ValueError(
                f"Layer {self.name!r} (TimeDistributed) needs inputs with a batch, a time and further axes, got "
                f"shape {input_shape}."
            )
        return (input_shape[0], *input_shape[2:])

    def build(self, input_shape: Any) -> None:
        super().build(self._child_shape(input_shape))

    def compute_output_shape(self, input_shape: Any) -> Any:
        shape = self.layer.compute_output_shape(self._child_shape(input_shape))
        return tree.map_shape_structure(lambda s: (s[0], input_shape[1], *s[1:]), shape)

    def compute_output_spec(self, inputs: Any, training: Any = None, mask: Any = None) -> Any:
        child = KerasTensor(self._child_shape(inputs.shape), dtype=inputs.dtype)
        spec = self.layer.compute_output_spec(child)
        return tree.map_structure(lambda x: KerasTensor((x.shape[0], inputs.shape[1], *x.shape[1:]), x.dtype), spec)

    def call(self, inputs: Any, training: Any = None, mask: Any = None) -> Any:
        batch, steps = inputs.shape[:2]
        if mask is not None and len(mask.shape) >= 2 and tuple(mask.shape[:2]) != (batch, steps):
            raise ValueError(
                f"Layer {self.name!r} (TimeDistributed): a `mask` has an entry for every sample and every step; its "
                f"shape, {tuple(mask.shape)}, does not begin like that of the inputs, {tuple(inputs.shape)}."
            )
        names = parameters_of(self.layer.call).names
        keywords = {"training": training} if "training" in names and training is not None else {}
        passes_mask = "mask" in names and mask is not None
        if self._goes_step_by_step(steps, training):
            return self._step_by_step(inputs, mask if passes_mask else None, keywords)
        # Without state, time steps are samples like any others.
        flat = ops.reshape(inputs, (batch * steps, *inputs.shape[2:]))
        if passes_mask:
            keywords["mask"] = ops.reshape(mask, (batch * steps, *mask.shape[2:]))
        outputs = self.layer(flat, **keywords)
        return tree.map_structure(lambda y: ops.reshape(y, (batch, steps, *y.shape[1:])), outputs)

    def _updates_state(self, training: Any) -> bool:
        """Whether the layer changes variables in a call (moving averages), so that steps must come one by one."""
        return bool(training) and any(not v.trainable for v in self.layer.weights) and self.layer.trainable

    def _goes_step_by_step(self, steps: Any, training: Any) -> bool:
        if not self._updates_state(training) or isinstance(steps, int):
            return self._updates_state(training)
        if steps is not None and comparable(steps):
            raise SymbolicDimError("A layer with moving averages goes through the steps one by one: how many they are?")
        return False

    def _step_by_step(self, inputs: Any, mask: Any, keywords: dict[str, Any]) -> Any:
        outputs = []
        for t in range(inputs.shape[1]):
            extra = {} if mask is None else {"mask": mask[:, t]}
            outputs.append(self.layer(inputs[:, t], **keywords, **extra))
        return tree.map_structure(lambda *ys: ops.stack(list(ys), axis=1), *outputs)
