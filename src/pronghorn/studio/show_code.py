"""A plan as the Keras script that makes and trains it."""

from __future__ import annotations

import inspect
import keyword
import re
from typing import Any

from pronghorn import layers, saving
from pronghorn.studio.data_sets import PACKAGED, DataSet
from pronghorn.studio.plans import LayerPlan, ModelPlan, is_tensor, plan_of_config
from pronghorn.studio.settings import Settings
from pronghorn.utils.naming import to_snake_case


def code_of(plan: ModelPlan, settings: Settings, data: DataSet | None) -> str:
    """The script for a model.

    Args:
        plan: the model.
        settings: how it is trained.
        data: what it is trained on.

    Raises:
        ValueError: for a layer of somebody's own, whose code is not known.
    """
    parts = [
        "import keras\nfrom keras import layers",
        _data_code(data),
        f"keras.utils.set_random_seed({settings.seed})",
        *_models(plan, "model"),
        "model.summary()",
        _training(settings, data),
    ]
    return "\n\n".join(part for part in parts if part) + "\n"


def _data_code(data: DataSet | None) -> str:
    module = next((name for name, about in PACKAGED.items() if data is not None and about.title == data.name), None)
    if module is None:
        return "# x_train, y_train, x_test, y_test: your data"
    lines = [f"(x_train, y_train), (x_test, y_test) = keras.datasets.{module}.load_data()"]
    if data is not None and data.kind == "table":
        lines.append("mean, spread = x_train.mean(axis=0), x_train.std(axis=0)")
        lines.append("x_train, x_test = (x_train - mean) / spread, (x_test - mean) / spread")
    elif data is not None and data.shape[-1] == 1:
        lines.append("x_train, x_test = x_train[..., None], x_test[..., None]  # one channel")
    return "\n".join(lines)


def _training(settings: Settings, data: DataSet | None) -> str:
    shown = [f"learning_rate={_literal(settings.schedule or settings.learning_rate)}"]
    shown += [f"{name}={_literal(value)}" for name, value in settings.options.items()]
    lines = [
        "model.compile(",
        f"    optimizer=keras.optimizers.{settings.optimizer}({', '.join(shown)}),",
        f"    loss={_literal(settings.loss)},",
        *([f"    metrics={_literal(settings.metrics_argument())},"] if settings.metrics else []),
        ")",
    ]
    part = f"[:{settings.examples}]" if settings.examples else ""
    fit = [
        f"    x_train{part}, y_train{part},",
        f"    batch_size={settings.batch_size},",
        f"    epochs={settings.epochs},",
    ]
    lines += ["model.fit(", *fit, "    validation_data=(x_test, y_test),", ")"]
    return "\n".join(lines)


def _models(plan: ModelPlan, variable: str, name: str | None = None) -> list[str]:
    """The statements that make a model and put it into a variable; models that are its layers come first."""
    inner = {layer.name: f"{variable}_{i}" for i, layer in enumerate(plan.layers, 1) if layer.kind in _MODELS}
    parts: list[str] = []
    for layer in plan.layers:
        if layer.name in inner:
            described = {"class_name": layer.kind, "config": {"name": layer.name, **layer.config}}
            parts += _models(plan_of_config(described), inner[layer.name], layer.name)
    return [
        *parts,
        _sequential(plan, variable, name, inner) if plan.sequential else _functional(plan, variable, name, inner),
    ]


def _sequential(plan: ModelPlan, variable: str, name: str | None, inner: dict[str, str]) -> str:
    made = [_input(layer) if layer.is_input else inner.get(layer.name) or _layer(layer) for layer in plan.layers]
    called = [f"    name={_literal(name)},"] if name else []
    return "\n".join(
        [f"{variable} = keras.Sequential(", "    [", *(f"        {x}," for x in made), "    ],", *called, ")"]
    )


def _functional(plan: ModelPlan, variable: str, name: str | None, inner: dict[str, str]) -> str:
    names = _variables(plan, {variable, *inner.values()})
    lines: list[str] = []
    for layer in _in_order(plan):
        if layer.is_input:
            lines.append(f"{names[layer.name]} = {_input(layer)}")
            continue
        made = inner.get(layer.name) or _layer(layer)
        if len(layer.calls) > 1 and layer.name not in inner:
            lines.append(f"{names[layer.name]}_layer = {made}")
            made = f"{names[layer.name]}_layer"
        for number, call in enumerate(layer.calls):
            target = names[layer.name] + (f"_{number + 1}" if number else "")
            lines.append(f"{target} = {made}({_arguments(call, names)})")
    called = f", name={_literal(name)}" if name else ""
    lines.append(f"{variable} = keras.Model({_ends(plan.inputs, names)}, {_ends(plan.outputs, names)}{called})")
    return "\n".join(lines)


def _in_order(plan: ModelPlan) -> list[LayerPlan]:
    """The layers so that each comes after those it takes values from."""
    waiting, done, order = list(plan.layers), set(), []
    while waiting:
        ready = next((one for one in waiting if all(source[0] in done for source in one.sources())), None)
        if ready is None:
            raise ValueError("The layers wait for one another, so there is no order to write them in.")
        waiting.remove(ready)
        done.add(ready.name)
        order.append(ready)
    return order


def _variables(plan: ModelPlan, taken: set[str]) -> dict[str, str]:
    """For each layer, a name that Python takes."""
    found: dict[str, str] = {}
    for layer in plan.layers:
        name = base = re.sub(r"\W", "_", layer.name).lstrip("0123456789_") or "x"
        number = 2
        while name in found.values() or keyword.iskeyword(name) or name in {"keras", "layers", *taken}:
            name, number = f"{base}_{number}", number + 1
        found[layer.name] = name
    return found


def _arguments(call: dict[str, Any], names: dict[str, str]) -> str:
    shown = [_value(value, names) for value in call["args"]]
    return ", ".join(shown + [f"{k}={_value(v, names)}" for k, v in call["kwargs"].items() if v is not None])


def _value(value: Any, names: dict[str, str]) -> str:
    if is_tensor(value):
        return _output(names, *value["config"]["keras_history"])
    if isinstance(value, list):
        return f"[{', '.join(_value(part, names) for part in value)}]"
    return _literal(value)


def _output(names: dict[str, str], layer: str, call: int, position: int) -> str:
    """The expression for an output of a call of a layer."""
    return names[layer] + (f"_{call + 1}" if call else "") + (f"[{position}]" if position else "")


def _ends(value: Any, names: dict[str, str]) -> str:
    if isinstance(value, dict):
        return "{" + ", ".join(f"{key!r}: {_ends(part, names)}" for key, part in value.items()) + "}"
    if len(value) == 3 and isinstance(value[0], str):
        return _output(names, *value)
    return f"[{', '.join(_ends(part, names) for part in value)}]"


def _input(layer: LayerPlan) -> str:
    shape = tuple(layer.config.get("batch_shape") or (None,))[1:]
    dtype = layer.config.get("dtype") or "float32"
    return f"keras.Input({shape!r}" + (f", dtype={dtype!r})" if dtype != "float32" else ")")


def _layer(layer: LayerPlan) -> str:
    if (layer.module or "").startswith("keras.src.ops") or layer.module == "keras.ops":
        return f"keras.ops.{to_snake_case(layer.kind)}"
    kind = getattr(layers, layer.kind, None)
    if kind is None or layer.registered not in (None, layer.kind):
        raise ValueError(f"The layer {layer.name!r} is a {layer.kind} of somebody's own, whose code is not known here.")
    own = re.fullmatch(rf"{re.escape(to_snake_case(layer.kind))}(_\d+)?", layer.name) is None
    shown = _settings(kind, layer.config) + ([f"name={_literal(layer.name)}"] if own else [])
    return f"layers.{layer.kind}({', '.join(shown)})"


_MODELS = ("Sequential", "Functional")
_STAND_INS: tuple[Any, ...] = (1, (1,), "linear")  # a number, a shape, a function: right for one or another layer
_UNTOLD = ("name", "trainable", "dtype", "build_config")


def _settings(kind: Any, config: dict[str, Any]) -> list[str]:
    """The arguments of a constructor that are not its defaults; those it needs come first, without their names."""
    parameters = list(inspect.signature(kind.__init__).parameters.values())[1:]
    needed = [
        p.name
        for p in parameters
        if p.default is p.empty and p.name in config and p.kind not in (p.VAR_KEYWORD, p.VAR_POSITIONAL)
    ]
    usual = _usual(kind, [config[name] for name in needed], needed) or {p.name: p.default for p in parameters}
    shown = [_literal(_plain(config[name])) for name in needed]
    for name, value in config.items():
        if name in needed or name in _UNTOLD or _listed(value) == _listed(usual.get(name)):
            continue
        shown.append(f"{name}={_literal(_plain(value))}")
    return shown


def _usual(kind: Any, values: list[Any], needed: list[str]) -> dict[str, Any] | None:
    """The configuration of what is told only what it needs; None where it needs one of several settings.

    What it needs may be wrong, as while a model is being built; something else then stands in for it.
    """
    for given in (values, *([one] * len(needed) for one in _STAND_INS)):
        try:
            return kind(**dict(zip(needed, given))).get_config()
        except (ValueError, TypeError):
            continue
    return None


def _listed(value: Any) -> Any:
    """As JSON has it: tuples are lists."""
    if isinstance(value, list | tuple):
        return [_listed(part) for part in value]
    return {k: _listed(v) for k, v in value.items()} if isinstance(value, dict) else value


def _plain(value: Any) -> Any:
    """One number for two that are equal, such as a kernel's sides."""
    if isinstance(value, list | tuple):
        same = len(value) > 1 and len(set(map(repr, value))) == 1 and isinstance(value[0], int)
        return value[0] if same else tuple(value)
    return value


def _literal(value: Any) -> str:
    """A value as Python writes it; a configuration becomes the call that makes such an object."""
    if isinstance(value, dict) and "class_name" in value:
        made = saving.deserialize_keras_object(value)
        if inspect.isfunction(made):
            return repr(made.__name__)
        module = str(value.get("module") or "keras")
        inner: Any = value.get("config") if isinstance(value.get("config"), dict) else {}
        config = {k: v for k, v in inner.items() if k not in ("name", "fn")}
        known = {k: v for k, v in config.items() if k in inspect.signature(type(made).__init__).parameters}
        return f"{module}.{value['class_name']}({', '.join(_settings(type(made), known))})"
    if isinstance(value, list):
        return f"[{', '.join(map(_literal, value))}]"
    if isinstance(value, float) and 0 < value < 0.1 and 1 / round(1 / value) == value and round(1 / value) % 10:
        return f"1 / {round(1 / value)}"
    if isinstance(value, dict):
        return "{" + ", ".join(f"{_literal(k)}: {_literal(v)}" for k, v in value.items()) + "}"
    return f'"{value}"' if isinstance(value, str) and '"' not in value and "\\" not in value else repr(value)
