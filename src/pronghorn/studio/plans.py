"""A model as data that can be edited, and the model made of it."""

from __future__ import annotations

import contextlib
import itertools
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from pronghorn import models, saving
from pronghorn.symbolic.keras_tensor import KerasTensor

TENSOR = "__keras_tensor__"


@dataclass(frozen=True)
class LayerPlan:
    """A layer of a plan.

    Attributes:
        name: unique in the model.
        kind: its class.
        config: what its class makes it of.
        module: where the class is registered.
        registered: the name it is registered by, if it is not one of the library's own.
        calls: how it is called in a functional model, as in its configuration; empty in a sequential one.
    """

    name: str
    kind: str
    config: dict[str, Any]
    module: str | None = "keras.layers"
    registered: str | None = None
    calls: tuple[dict[str, Any], ...] = ()

    @property
    def is_input(self) -> bool:
        return self.kind == "InputLayer"

    def sources(self) -> list[tuple[str, int, int]]:
        """The outputs that its calls take: layer, number of the call, number of the output."""
        return [source for call in self.calls for source in _sources(call)]

    def make(self) -> Any:
        """The layer, with new weights; nothing that is not registered is made.

        Raises:
            ValueError, TypeError: if its settings are wrong.
        """
        described = {"module": self.module, "class_name": self.kind, "config": {**self.config, "name": self.name}}
        try:
            return saving.deserialize_keras_object({**described, "registered_name": self.registered})
        except TypeError as error:
            raise error.__cause__ or error from None  # what the constructor said


@dataclass(frozen=True)
class ModelPlan:
    """A model as data.

    Attributes:
        name: of the model.
        layers: its layers; in a sequential model the Input comes first.
        sequential: whether it is a `Sequential`.
        inputs: of a functional model, as in its configuration.
        outputs: of a functional model, as in its configuration.
    """

    name: str
    layers: tuple[LayerPlan, ...]
    sequential: bool = True
    inputs: Any = None
    outputs: Any = None

    def layer(self, name: str) -> LayerPlan:
        """The layer of a name.

        Raises:
            ValueError: if there is none.
        """
        for layer in self.layers:
            if layer.name == name:
                return layer
        raise ValueError(f"The model has no layer {name!r}.")

    def arrows(self) -> list[tuple[str, str]]:
        """From which layer to which values go."""
        if self.sequential:
            names = [layer.name for layer in self.layers]
            return list(itertools.pairwise(names))
        return list(dict.fromkeys((name, layer.name) for layer in self.layers for name, _, _ in layer.sources()))


@dataclass(frozen=True)
class Problem:
    """What the library said, and of which layer."""

    message: str
    layer: str | None = None


@dataclass
class Built:
    """What became of a plan.

    Attributes:
        plan: the plan.
        model: the model; None if there is a problem.
        shapes: output shapes by layer, as far as it came.
        parameters: numbers in the weights, by layer.
        problem: what was wrong.
        hints: what the library warned of.
    """

    plan: ModelPlan
    model: Any = None
    shapes: dict[str, tuple[Any, ...]] = field(default_factory=dict)
    parameters: dict[str, int] = field(default_factory=dict)
    problem: Problem | None = None
    hints: tuple[str, ...] = ()


def plan_of(model: Any) -> ModelPlan:
    """The plan of a sequential or functional model.

    Raises:
        ValueError: for a model that is not made of layers by its configuration, such as a class of its own.

    >>> import pronghorn as keras
    >>> plan_of(keras.Sequential([keras.Input((2,)), keras.layers.Dense(3, name="end")])).arrows()[0][1]
    'end'
    """
    if not isinstance(model, models.Sequential | models.Functional):
        raise ValueError(
            f"The model {model.name!r} is a {type(model).__name__}, whose layers are called by its own code. The "
            "studio can show and edit Sequential and functional models."
        )
    return plan_of_config(saving.serialize_keras_object(model))


def plan_of_config(described: dict[str, Any]) -> ModelPlan:
    """The plan of a model's configuration, as `saving.serialize_keras_object` gives it."""
    config = described["config"]
    layers = tuple(
        LayerPlan(
            name=str(entry.get("name") or entry["config"]["name"]),
            kind=entry["class_name"],
            config={key: value for key, value in entry["config"].items() if key != "name"},
            module=entry.get("module"),
            registered=entry.get("registered_name"),
            calls=tuple(entry.get("inbound_nodes") or ()),
        )
        for entry in config["layers"]
    )
    if described["class_name"] == "Sequential":
        return ModelPlan(config["name"], layers)
    return ModelPlan(config["name"], layers, False, config["input_layers"], config["output_layers"])


def build(plan: ModelPlan) -> Built:
    """Make the model of a plan, layer by layer; what the library says against it is told with the layer it is about."""
    built = Built(plan)
    if not any(not layer.is_input for layer in plan.layers):
        built.problem = Problem("The model has no layers yet. Add one.", plan.layers[0].name if plan.layers else None)
        return built
    return _sequential(built) if plan.sequential else _functional(built)


def _sequential(built: Built) -> Built:
    plan = built.plan
    model = models.Sequential(name=plan.name)
    for layer in plan.layers:
        try:
            made = layer.make()
            model.add(made)
            built.shapes[layer.name] = tuple(made.output.shape)
            built.parameters[layer.name] = int(made.count_params())
        except Exception as error:  # whatever the library says is for the user
            built.problem = Problem(said(error), layer.name)
            return built
    built.model = model
    return built


def _functional(built: Built) -> Built:
    plan, made, waiting = built.plan, {}, {}
    outputs: dict[tuple[str, int], list[Any]] = {}
    for layer in plan.layers:
        try:
            made[layer.name] = layer.make()
        except Exception as error:
            built.problem = Problem(said(error), layer.name)
            return built
        waiting[layer.name] = list(layer.calls)
        if layer.is_input:
            _note(built, outputs, layer.name, made[layer.name], made[layer.name].output)
    progress = True
    while progress:
        progress = False
        for layer in plan.layers:
            while waiting[layer.name] and all(s[:2] in outputs for s in _sources(waiting[layer.name][0])):
                call, progress = waiting[layer.name].pop(0), True
                try:
                    args, kwargs = _filled(call["args"], outputs), _filled(call["kwargs"], outputs)
                    _note(built, outputs, layer.name, made[layer.name], made[layer.name](*args, **kwargs))
                except Exception as error:
                    built.problem = Problem(said(error), layer.name)
                    return built
    stuck = [name for name, calls in waiting.items() if calls]
    if stuck:
        built.problem = Problem("It waits for the output of a layer that is not there.", stuck[0])
        return built
    try:
        ends = [
            replaced_ends(end, lambda name, call, position: outputs[name, call][position])
            for end in (plan.inputs, plan.outputs)
        ]
        built.model = models.Model(*ends, name=plan.name)
    except Exception as error:
        built.problem = Problem(said(error))
    return built


def _note(built: Built, outputs: dict[tuple[str, int], list[Any]], name: str, layer: Any, result: Any) -> None:
    results = list(result) if isinstance(result, list | tuple) else [result]
    outputs[name, sum(key == name for key, _ in outputs)] = results
    built.shapes[name] = tuple(results[0].shape)
    built.parameters[name] = int(layer.count_params()) if hasattr(layer, "count_params") else 0


def facts_of(model: Any) -> tuple[dict[str, tuple[Any, ...]], dict[str, int]]:
    """Output shapes and numbers of parameters by layer; of what is not built, or gives several values, what there is.

    >>> import pronghorn as keras
    >>> facts_of(keras.Sequential([keras.Input((2,)), keras.layers.Dense(3, name="end")]))
    ({'end': (None, 3)}, {'end': 9})
    """
    shapes, parameters = {}, {}
    for layer in model.layers:
        with contextlib.suppress(AttributeError, ValueError, TypeError):
            parameters[layer.name] = int(layer.count_params())
            shapes[layer.name] = tuple(layer.output.shape)
    return shapes, parameters


def said(error: BaseException) -> str:
    """What an error says, in one paragraph."""
    return " ".join(str(error).split()) or type(error).__name__


# -- configurations of calls ------------------------------------------------------------------------------------------
def is_tensor(value: Any) -> bool:
    """Whether a part of a call's configuration stands for a layer's output."""
    return isinstance(value, dict) and value.get("class_name") == TENSOR


def replaced(value: Any, change: Any) -> Any:
    """A call's configuration with `change` applied to all that stands for outputs."""
    if is_tensor(value):
        return change(value)
    if isinstance(value, dict):
        return {key: replaced(part, change) for key, part in value.items()}
    return [replaced(part, change) for part in value] if isinstance(value, list | tuple) else value


def _sources(call: Any) -> list[tuple[str, int, int]]:
    found: list[tuple[str, int, int]] = []
    replaced(call, lambda tensor: found.append(tuple(tensor["config"]["keras_history"])))
    return found


def _filled(value: Any, outputs: dict[tuple[str, int], list[KerasTensor]]) -> Any:
    def at(tensor: dict[str, Any]) -> KerasTensor:
        name, call, position = tensor["config"]["keras_history"]
        return outputs[name, call][position]

    if isinstance(value, dict) and "class_name" in value and not is_tensor(value):
        return saving.deserialize_keras_object(value)
    if is_tensor(value):
        return at(value)
    if isinstance(value, dict):
        return {key: _filled(part, outputs) for key, part in value.items()}
    return [_filled(part, outputs) for part in value] if isinstance(value, list | tuple) else value


def replaced_ends(value: Any, change: Callable[[str, int, int], Any]) -> Any:
    """A model's inputs or outputs, ``[layer, call, output]`` or a list or dict of such, with `change` applied."""
    if isinstance(value, dict):
        return {key: replaced_ends(part, change) for key, part in value.items()}
    if len(value) == 3 and isinstance(value[0], str):
        return change(*value)
    return [replaced_ends(part, change) for part in value]
