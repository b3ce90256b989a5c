"""Outputs that a cross-entropy takes for probabilities, and that are none: the softmax that was forgotten."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from pronghorn import activations, tree
from pronghorn.engine.graph.active import current_trace
from pronghorn.engine.graph.ir import Value
from pronghorn.engine.graph.tensor import Tensor
from pronghorn.engine.graph.user_code import defined_in, warn
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

# Primitives that leave numbers as they are, but for rounding.
_RESHAPING = frozenset(("broadcast_in_dim", "cast", "reshape", "transpose"))


def warn_of_logits(model: Any, loss: Any) -> None:
    """Warn, once for a compiled loss, of outputs of trained weights without an activation, taken for probabilities.

    Such an output, `x @ kernel + bias`, is any number, so that the logarithm of it is cut off for about every second
    one, and nothing is learnt from these. Weights that are not trained or have a constraint may be meant so.

    Args:
        model: a model; the last layers of an output are looked at if it is a graph of layers.
        loss: its `CompileLoss`, built.
    """
    outputs = tree.flatten(getattr(model, "outputs", None) or [])
    if len(outputs) > max((t.start for t in loss.terms), default=0):
        _warn_once(loss, outputs, _last_layer)


def warn_of_traced_logits(model: Any, loss: Any, y_pred: Any) -> None:
    """The same for any model, while its step is traced: what an output was computed by stands in the trace.

    Args:
        model: the model.
        loss: its `CompileLoss`, built.
        y_pred: the outputs that it is given.
    """
    if current_trace() is not None:
        _warn_once(loss, tree.flatten(y_pred), lambda output: _traced_layer(model, output))


def _warn_once(loss: Any, outputs: list[Any], last_layer: Callable[[Any], Any]) -> None:
    if getattr(loss, "told_of_logits", False):
        return
    for term, one in zip(loss.terms, loss.losses):
        function = one.fn if isinstance(one, LossFunctionWrapper) else one
        activation = _LOSSES.get(function)
        if activation is None or not term.is_single or _from_logits(one):
            continue
        layer = last_layer(outputs[term.start])
        if layer is None:
            continue
        loss.told_of_logits = True
        warn(
            f"The loss {function.__name__} takes the output of the layer {layer.name!r} for probabilities, but that "
            "layer has no activation, so it gives any numbers, and the model will hardly learn. Give it "
            f"activation={activation!r}, or the loss from_logits=True."
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
        if getattr(layer, "kernel", None) is not None and _is_ours(layer):
            return layer if _is_free(layer) and hasattr(layer, "activation") else None
        nested = tree.flatten(getattr(layer, "outputs", None) or [])
        if nested:
            tensor = nested[history.tensor_index]
            continue
        if type(layer).__name__ not in _PASSING:
            return None
        tensor = tree.flatten(layer._inbound_nodes[history.node_index].input_tensors)[0]


def _is_ours(layer: Any) -> bool:
    return defined_in(type(layer)).startswith("pronghorn.layers.")


def _is_free(layer: Any) -> bool:
    """Whether the kernel of a layer may become anything."""
    return layer.kernel.trainable and getattr(layer, "kernel_constraint", None) is None


def _traced_layer(model: Any, output: Any) -> Any:
    """The layer whose trained kernel an output is a product with, with at most a bias added; None if there is none."""
    value = output.data if isinstance(output, Tensor) else None
    if not isinstance(value, Value):
        return None
    trace = current_trace()
    variables = {read.data: variable for variable, read in trace.variables.items()} if trace is not None else {}
    product = _behind(value)
    if product.node is not None and product.node.prim.name == "add":
        whole, bias = map(_behind, product.node.inputs)
        if bias not in variables:
            return None
        product = whole
    if product.node is None or product.node.prim.name not in ("dot_general", "conv"):
        return None
    kernel = variables.get(_behind(product.node.inputs[1]))
    if kernel is None:
        return None
    layers = (layer for layer in model._flatten_layers() if getattr(layer, "kernel", None) is kernel)
    return next((layer for layer in layers if _is_ours(layer) and _is_free(layer)), None)


def _behind(value: Value) -> Value:
    """What a value was before it got another shape or type."""
    while value.node is not None and value.node.prim.name in _RESHAPING:
        value = value.node.inputs[0]
    return value
