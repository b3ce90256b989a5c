"""Outputs that a cross-entropy takes for probabilities, and that are none: the softmax that was forgotten."""

from __future__ import annotations

from typing import Any

from pronghorn import activations, tree
from pronghorn.graph.user_code import warn
from pronghorn.losses.loss import LossFunctionWrapper
from pronghorn.losses.probabilistic import (
    binary_crossentropy,
    categorical_crossentropy,
    sparse_categorical_crossentropy,
)

# The losses, and what makes probabilities for them.
_LOSSES = {
    binary_crossentropy: "sigmoid",
    categorical_crossentropy: "softmax",
    sparse_categorical_crossentropy: "softmax",
}

# Layers that leave numbers as they are.
_PASSING = frozenset(("Activation", "Dropout", "Flatten", "Identity", "Reshape"))


def warn_of_logits(model: Any, loss: Any) -> None:
    """Warn, once for a compiled loss, of outputs of trained weights without an activation, taken for probabilities.

    Such an output, `x @ kernel + bias`, is any number, so that the logarithm of it is cut off for about every second
    one, and nothing is learnt from these. Weights that are not trained or have a constraint may be meant so.

    Args:
        model: a model; only of those that are graphs of layers is the last layer of an output known.
        loss: its `CompileLoss`, built.
    """
    outputs = tree.flatten(getattr(model, "outputs", None) or [])
    if getattr(loss, "told_of_logits", False) or len(outputs) <= max((t.start for t in loss.terms), default=0):
        return
    for term, one in zip(loss.terms, loss.losses):
        activation = _LOSSES.get(one.fn if isinstance(one, LossFunctionWrapper) else one)
        if activation is None or not term.is_single or _from_logits(one):
            continue
        layer = _last_layer(outputs[term.start])
        if layer is None:
            continue
        loss.told_of_logits = True
        name = one.fn.__name__ if isinstance(one, LossFunctionWrapper) else one.__name__
        warn(
            f"The loss {name} takes the output of the layer {layer.name!r} for probabilities, but that layer has no "
            f"activation, so it gives any numbers, and the model will hardly learn. Give it activation={activation!r}, "
            "or the loss from_logits=True."
        )


def _from_logits(loss: Any) -> bool:
    return bool(getattr(loss, "_fn_kwargs", {}).get("from_logits", False))


def _last_layer(tensor: Any) -> Any:
    """The layer of trained weights that an output comes from as it is; None where there is none, or it is not known."""
    while True:
        history = getattr(tensor, "_keras_history", None)
        layer = getattr(history, "operation", None)
        if layer is None or getattr(layer, "activation", activations.linear) not in (activations.linear, None):
            return None
        kernel = getattr(layer, "kernel", None)
        if kernel is not None and type(layer).__module__.startswith("pronghorn.layers."):
            is_free = kernel.trainable and getattr(layer, "kernel_constraint", None) is None
            return layer if is_free and hasattr(layer, "activation") else None
        nested = tree.flatten(getattr(layer, "outputs", None) or [])
        if nested:
            tensor = nested[history.tensor_index]
            continue
        if type(layer).__name__ not in _PASSING:
            return None
        tensor = tree.flatten(layer._inbound_nodes[history.node_index].input_tensors)[0]
