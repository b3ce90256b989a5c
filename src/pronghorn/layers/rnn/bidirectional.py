"""`Bidirectional`: a recurrent layer in both directions."""

from __future__ import annotations

from typing import Any, Unpack

from pronghorn import ops, tree
from pronghorn.layers.arguments import LayerArguments
from pronghorn.layers.call import parameters_of
from pronghorn.layers.layer import Layer
from pronghorn.layers.registry import clone_layer
from pronghorn.serialization.objects import deserialize_keras_object, serialize_keras_object

_MODES = ("sum", "mul", "ave", "concat", None)


class Bidirectional(Layer):
    """Runs a recurrent layer forwards and a copy of it backwards, and merges their outputs.

    Args:
        layer: an `RNN`, `LSTM`, `GRU` or a layer like them; it is copied, not used itself.
        merge_mode: ``"concat"``, ``"sum"``, ``"mul"``, ``"ave"``, or None for a list of both.
        weights: initial weights, those of the forward layer first.
        backward_layer: the layer for the other direction; made from ``layer`` if None.
        kwargs: those of `Layer`.

    Raises:
        ValueError: if the layers do not fit together or the merge mode is unknown.

    Example:

    >>> from pronghorn import layers
    >>> Bidirectional(layers.GRU(4))(ops.ones((2, 5, 3))).shape
    (2, 8)
    """

    def __init__(
        self,
        layer: Layer,
        merge_mode: str | None = "concat",
        weights: Any = None,
        backward_layer: Layer | None = None,
        **kwargs: Unpack[LayerArguments],
    ) -> None:
        if not isinstance(layer, Layer):
            raise ValueError(f"Bidirectional: `layer` must be a layer, got {layer!r}.")
        if backward_layer is not None and not isinstance(backward_layer, Layer):
            raise ValueError(f"Bidirectional: `backward_layer` must be a Layer, got {backward_layer!r}.")
        for given in (layer, backward_layer):
            missing = [n for n in _NEEDED if given is not None and not hasattr(given, n)]
            if missing:
                raise ValueError(
                    f"Bidirectional: a layer that runs along time is needed, such as LSTM or RNN(cell), but "
                    f"{given.name!r} ({type(given).__name__}) has no {', '.join(missing)}."
                )
        if merge_mode not in _MODES:
            raise ValueError(f"Bidirectional: invalid merge mode {merge_mode!r}; it must be one of {_MODES}.")
        super().__init__(**kwargs)
        self.merge_mode = merge_mode
        self.forward_layer = _copy(
            layer, "forward", {"zero_output_for_mask": True} if _returns_sequences(layer) else {}
        )
        if backward_layer is None:
            changes: dict[str, Any] = {"go_backwards": not layer.go_backwards}
            if _returns_sequences(layer):
                changes["zero_output_for_mask"] = True
            self.backward_layer = _copy(layer, "backward", changes)
        else:
            self.backward_layer = backward_layer
            if _returns_sequences(backward_layer):
                backward_layer.zero_output_for_mask = True
        self._check_alike()
        self.stateful = layer.stateful
        self.return_sequences, self.return_state = layer.return_sequences, layer.return_state
        self.supports_masking = True
        self.input_spec = layer.input_spec
        self._initial_weights = weights

    def _check_alike(self) -> None:
        forward, backward = self.forward_layer, self.backward_layer
        if forward.go_backwards == backward.go_backwards:
            raise ValueError(
                "Bidirectional: one of the layers must go forwards and the other one backwards; both have go_backwards="
                f"{forward.go_backwards}."
            )
        for name in ("stateful", "return_sequences", "return_state"):
            if getattr(forward, name) != getattr(backward, name):
                raise ValueError(
                    f"Bidirectional: the two layers must agree in {name!r}; the forward one has "
                    f"{getattr(forward, name)}, the backward one {getattr(backward, name)}."
                )

    @property
    def layer(self) -> Layer:
        return self.forward_layer

    def build(self, sequences_shape: Any, initial_state_shape: Any = None) -> None:
        for layer in (self.forward_layer, self.backward_layer):
            if not layer.built:
                layer.build(sequences_shape)
                layer.built = True
        if self._initial_weights is not None:
            half = len(self._initial_weights) // 2
            self.forward_layer.set_weights(self._initial_weights[:half])
            self.backward_layer.set_weights(self._initial_weights[half:])

    def call(self, sequences: Any, initial_state: Any = None, mask: Any = None, training: Any = None) -> Any:
        names = parameters_of(self.forward_layer.call).names
        keywords: dict[str, Any] = {}
        if "training" in names and training is not None:
            keywords["training"] = training
        if "mask" in names and mask is not None:
            keywords["mask"] = mask
        if initial_state is not None:
            half = len(initial_state) // 2
            y = self.forward_layer(sequences, initial_state=initial_state[:half], **keywords)
            y_back = self.backward_layer(sequences, initial_state=initial_state[half:], **keywords)
        else:
            y, y_back = self.forward_layer(sequences, **keywords), self.backward_layer(sequences, **keywords)
        states: tuple[Any, ...] = ()
        if self.return_state:
            states = (*y[1:], *y_back[1:])
            y, y_back = y[0], y_back[0]
        if self.return_sequences:
            y_back = ops.flip(y_back, axis=1)
        merged = self._merge(ops.cast(y, self.compute_dtype), ops.cast(y_back, self.compute_dtype))
        if self.return_state:
            return (*merged, *states) if isinstance(merged, tuple) else (merged, *states)
        return merged

    def _merge(self, y: Any, y_back: Any) -> Any:
        if self.merge_mode == "concat":
            return ops.concatenate([y, y_back], axis=-1)
        if self.merge_mode == "sum":
            return y + y_back
        if self.merge_mode == "ave":
            return (y + y_back) / 2
        return y * y_back if self.merge_mode == "mul" else (y, y_back)

    def compute_output_shape(self, sequences_shape: Any, initial_state_shape: Any = None) -> Any:
        shape = self.forward_layer.compute_output_shape(sequences_shape)
        states: list[Any] = []
        if self.return_state:
            shape, states = tuple(shape[0]), [tuple(s) for s in shape[1:]]
        shape = tuple(shape)
        if self.merge_mode == "concat":
            shape = (*shape[:-1], None if shape[-1] is None else 2 * shape[-1])
        merged: Any = [shape, shape] if self.merge_mode is None else shape
        if self.return_state:
            return tuple([*merged, *states, *states] if self.merge_mode is None else [merged, *states, *states])
        return tuple(merged)

    def reset_state(self) -> None:
        """Set the kept states of both layers to zero."""
        self.reset_states()

    def reset_states(self) -> None:
        """Set the kept states of both layers to zero."""
        if not self.stateful:
            raise AttributeError("Bidirectional: the layer must be stateful for its states to be reset.")
        self.forward_layer.reset_state()
        self.backward_layer.reset_state()

    @property
    def states(self) -> Any:
        if self.forward_layer.states is None:
            return None
        return (*self.forward_layer.states, *self.backward_layer.states)

    def compute_mask(self, _: Any, mask: Any = None) -> Any:
        if mask is not None:
            mask = tree.flatten(mask)[0]
        output_mask: Any = mask if self.return_sequences else None
        if self.merge_mode is None:
            output_mask = (output_mask, output_mask)
        if self.return_state and self.states is not None:
            rest = tuple(None for _ in self.states)
            return (*output_mask, *rest) if isinstance(output_mask, tuple) else (output_mask, *rest)
        return output_mask

    def get_config(self) -> dict[str, Any]:
        return {
            **super().get_config(),
            "merge_mode": self.merge_mode,
            "layer": serialize_keras_object(self.forward_layer),
            "backward_layer": serialize_keras_object(self.backward_layer),
        }

    @classmethod
    def from_config(cls, config: dict[str, Any], custom_objects: Any = None) -> Bidirectional:
        config = dict(config)
        config["layer"] = deserialize_keras_object(config["layer"], custom_objects=custom_objects)
        if config.get("backward_layer") is not None:
            config["backward_layer"] = deserialize_keras_object(config["backward_layer"], custom_objects=custom_objects)
        return cls(**config)


_NEEDED = ("go_backwards", "stateful", "return_sequences", "return_state")


def _returns_sequences(layer: Any) -> bool:
    return bool(getattr(layer, "return_sequences", False)) and hasattr(layer, "zero_output_for_mask")


def _copy(layer: Layer, direction: str, changes: dict[str, Any]) -> Layer:
    """A layer with the same settings and a name of its own."""
    name = layer.name
    if not name.startswith(f"{direction}_"):
        name = f"{direction}_{name.removeprefix('forward_')}"
    if hasattr(layer, "use_cudnn"):  # which no configuration holds
        changes = {**changes, "use_cudnn": layer.use_cudnn}
    return clone_layer(layer, name=name, **changes)
