"""Changes of a plan: settings of a layer, layers added, removed and moved."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

from pronghorn import layers, saving
from pronghorn._wording import counted
from pronghorn.studio.plans import TENSOR, LayerPlan, ModelPlan, replaced, replaced_ends
from pronghorn.utils.naming import to_snake_case


@dataclass(frozen=True)
class Field:
    """A setting of a layer that the page offers.

    Attributes:
        label: what it is called.
        kind: `whole`, `pair`, `number`, `choice` or `switch`.
        help: a sentence on what it does.
        choices: for `choice`.
    """

    label: str
    kind: str
    help: str
    choices: tuple[str, ...] = ()


ACTIVATIONS = ("linear", "relu", "leaky_relu", "elu", "selu", "gelu", "silu", "tanh", "sigmoid", "softmax", "softplus")

#: By the name in a layer's configuration.
FIELDS: dict[str, Field] = {
    "units": Field("Units", "whole", "How many numbers the layer gives. The last layer needs one for each class."),
    "filters": Field("Filters", "whole", "How many patterns the layer looks for; each gives one feature map."),
    "kernel_size": Field("Kernel size", "pair", "The side of the window that a filter sees at a time."),
    "strides": Field("Stride", "pair", "How far the window moves; 2 halves the size of the maps."),
    "padding": Field("Padding", "choice", "same: maps keep their size; valid: they lose the edge.", ("valid", "same")),
    "pool_size": Field("Pool size", "pair", "The side of the square of which one value is kept."),
    "activation": Field("Activation", "choice", "What is done to each sum.", ACTIVATIONS),
    "rate": Field("Dropout rate", "number", "The share of values that training sets to 0, so that none is relied on."),
    "negative_slope": Field("Negative slope", "number", "What negative values are multiplied with."),
    "stddev": Field("Noise", "number", "How strong the noise is that training adds."),
    "scale": Field("Scale", "number", "What every value is multiplied with."),
    "offset": Field("Offset", "number", "What is added to every value."),
    "input_dim": Field("Words", "whole", "How many different numbers the input may hold."),
    "output_dim": Field("Length of a vector", "whole", "How many numbers stand for a word."),
    "return_sequences": Field("Give every step", "switch", "Whether it gives a vector a step, or the last only."),
    "use_bias": Field("Bias", "switch", "Whether a learned number is added to each sum."),
}  # fmt: skip


@dataclass(frozen=True)
class Kind:
    """A layer that can be added.

    Attributes:
        settings: what it is made with at first.
        help: what it does, in a sentence.
    """

    settings: dict[str, Any]
    help: str


#: By class.
KINDS: dict[str, Kind] = {
    "Conv2D": Kind({"filters": 32, "kernel_size": 3, "activation": "relu"}, "Slides small filters over an image."),
    "MaxPooling2D": Kind({"pool_size": 2}, "Keeps the largest value of each square: smaller maps."),
    "AveragePooling2D": Kind({"pool_size": 2}, "Keeps the mean of each square."),
    "GlobalAveragePooling2D": Kind({}, "One number a feature map: its mean."),
    "Flatten": Kind({}, "Puts all values into one row, for a Dense layer."),
    "Dense": Kind({"units": 64, "activation": "relu"}, "Each unit weighs all inputs and adds them up."),
    "Dropout": Kind({"rate": 0.5}, "Sets some values to 0 while training, against learning by heart."),
    "BatchNormalization": Kind({}, "Keeps values near 0 and of size 1, so that training goes faster."),
    "Activation": Kind({"activation": "relu"}, "A function of each value."),
    "Rescaling": Kind({"scale": 1 / 255}, "Multiplies all values, such as pixels of 0 to 255 to 0 to 1."),
    "SeparableConv2D": Kind({"filters": 32, "kernel_size": 3, "activation": "relu"}, "A cheaper convolution."),
    "GaussianNoise": Kind({"stddev": 0.1}, "Adds noise while training."),
    "Embedding": Kind({"input_dim": 10000, "output_dim": 32}, "A learned vector for each word's number."),
    "LSTM": Kind({"units": 32}, "Reads a sequence and remembers."),
    "Conv1D": Kind({"filters": 32, "kernel_size": 3, "activation": "relu"}, "Slides small filters over a sequence."),
}  # fmt: skip


def fields_of(layer: LayerPlan) -> list[dict[str, Any]]:
    """The settings of a layer that the page offers, with their values."""
    shown = []
    for name, field in FIELDS.items():
        value = layer.config.get(name)
        if value is None or isinstance(value, dict) or (name == "activation" and not isinstance(value, str)):
            continue
        if isinstance(value, bool) != (field.kind == "switch"):
            continue  # another layer's setting of that name
        if isinstance(value, list | tuple):
            if len(set(value)) != 1:
                continue  # the page has one number for a square
            value = value[0]
        choices = list(field.choices)
        if choices and value not in choices:
            choices.append(value)
        entry = {"name": name, "label": field.label, "kind": field.kind, "help": field.help, "value": value}
        shown.append({**entry, "choices": choices} if choices else entry)
    return shown


def set_field(plan: ModelPlan, name: str, field: str, value: Any) -> ModelPlan:
    """A plan with a setting of a layer changed; whether the value is right is the library's to say.

    Raises:
        ValueError: if there is no such layer or setting.
    """
    layer = plan.layer(name)
    if field not in FIELDS or field not in layer.config:
        raise ValueError(f"The layer {name!r} has no setting {field!r}.")
    before = layer.config[field]
    if isinstance(before, list | tuple):
        value = [value] * len(before)
    return _with(plan, replace(layer, config={**layer.config, field: value}))


def add_layer(plan: ModelPlan, after: str, kind: str) -> ModelPlan:
    """A plan with a new layer behind another, between it and all that it went to.

    Raises:
        ValueError: if there is no such layer, or no such kind.
    """
    plan.layer(after)
    if kind not in KINDS:
        raise ValueError(f"There is no layer {kind!r} to add; there are {', '.join(KINDS)}.")
    made = getattr(layers, kind)(**KINDS[kind].settings, name=_free_name(plan, kind))
    described = saving.serialize_keras_object(made)
    config = {key: value for key, value in described["config"].items() if key != "name"}
    new = LayerPlan(made.name, kind, config, described["module"], described["registered_name"])
    place = [layer.name for layer in plan.layers].index(after) + 1
    if plan.sequential:
        return replace(plan, layers=(*plan.layers[:place], new, *plan.layers[place:]))
    tensor = {"class_name": TENSOR, "config": {"keras_history": [after, 0, 0]}}
    new = replace(new, calls=({"args": [tensor], "kwargs": {}},))
    redirected = _redirected(plan, after, [new.name, 0, 0])
    return replace(redirected, layers=(*redirected.layers[:place], new, *redirected.layers[place:]))


def remove_layer(plan: ModelPlan, name: str) -> ModelPlan:
    """A plan without a layer; what it was given goes on to where its output went.

    Raises:
        ValueError: if there is no such layer, or it is an input or joins several values.
    """
    layer = plan.layer(name)
    if layer.is_input:
        raise ValueError("The input stays: it says what the data looks like.")
    if not plan.sequential:
        sources = layer.sources()
        if len(sources) != 1:
            raise ValueError(f"{name!r} joins {counted(len(sources), 'value')}, so nothing could take its place.")
        plan = _redirected(plan, name, list(sources[0]))
    return replace(plan, layers=tuple(other for other in plan.layers if other.name != name))


def move_layer(plan: ModelPlan, name: str, by: int) -> ModelPlan:
    """A sequential plan with a layer some places further on, or back where `by` is negative.

    Raises:
        ValueError: if the model is no sequence, or the layer would pass its ends.
    """
    if not plan.sequential:
        raise ValueError("Layers can be moved in a Sequential model only.")
    layer, order = plan.layer(name), list(plan.layers)
    place = order.index(layer) + by
    first = 1 if order and order[0].is_input else 0
    if layer.is_input or not first <= place < len(order):
        raise ValueError(f"{name!r} cannot be moved there.")
    order.remove(layer)
    order.insert(place, layer)
    return replace(plan, layers=tuple(order))


def kinds_for_page() -> list[dict[str, str]]:
    """The layers that can be added."""
    return [{"kind": kind, "help": about.help} for kind, about in KINDS.items()]


#: What the page may ask for, by name.
EDITS: dict[str, Callable[..., ModelPlan]] = {
    "set": set_field,
    "add": add_layer,
    "remove": remove_layer,
    "move": move_layer,
}


def _with(plan: ModelPlan, changed: LayerPlan) -> ModelPlan:
    return replace(plan, layers=tuple(changed if one.name == changed.name else one for one in plan.layers))


def _free_name(plan: ModelPlan, kind: str) -> str:
    taken, base = {layer.name for layer in plan.layers}, to_snake_case(kind)
    number = 1
    while (name := base if number == 1 else f"{base}_{number}") in taken:
        number += 1
    return name


def _redirected(plan: ModelPlan, old: str, new: list[Any]) -> ModelPlan:
    """A functional plan in which all that took the output of a layer takes another output."""

    def change(tensor: dict[str, Any]) -> dict[str, Any]:
        if tensor["config"]["keras_history"][0] != old:
            return tensor
        return {**tensor, "config": {**tensor["config"], "keras_history": list(new)}}

    def end(*output: Any) -> list[Any]:
        return list(new if output[0] == old else output)

    changed = [replace(one, calls=tuple(replaced(one.calls, change))) for one in plan.layers]
    return replace(plan, layers=tuple(changed), outputs=replaced_ends(plan.outputs, end))
