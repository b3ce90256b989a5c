"""Builds a specification in a library, trains the model and notes all that can be seen of it, by name and in order."""

from __future__ import annotations

import contextlib
import os
import tempfile
import warnings
from collections.abc import Callable, Iterator
from typing import Any
from unittest import mock

import jax
import keras
import numpy as np

import pronghorn
from pronghorn.utils.masking import get_mask
from random_models.spec import Spec, apply, build, resolved

Seen = dict[str, np.ndarray]
Change = Callable[[Any, Any], None]


class Failed(Exception):
    """A library raised; ``stage`` says at what."""

    def __init__(self, stage: str, error: BaseException):
        super().__init__(f"{stage}: {type(error).__name__}: {error}")
        self.stage = stage


@contextlib.contextmanager
def at(stage: str) -> Iterator[None]:
    """Names what is being done in the errors that come of it."""
    try:
        yield
    except Failed:
        raise
    except Exception as error:
        raise Failed(stage, error) from error


@contextlib.contextmanager
def precision(spec: Spec) -> Iterator[None]:
    """JAX has float64 only where it is asked for."""
    wide = spec["policy"] == "float64"
    jax.config.update("jax_enable_x64", wide)
    for library in (keras, pronghorn):
        library.config.set_floatx("float64" if wide else "float32")
    try:
        with warnings.catch_warnings(), np.errstate(all="ignore"):
            warnings.simplefilter("ignore")
            yield
    finally:
        jax.config.update("jax_enable_x64", False)
        for library in (keras, pronghorn):
            library.config.set_floatx("float32")


@contextlib.contextmanager
def plain_initializers() -> Iterator[None]:
    """Keras's initializers give NumPy's arrays, since JAX compiles each shape's anew. Weights that Keras would draw are
    zeros: ours are copied over them anyway."""

    def filled(value: float) -> Any:
        def full(self: Any, shape: Any, dtype: Any = None, **kwargs: Any) -> Any:
            dtype = keras.backend.standardize_dtype(dtype or keras.config.floatx())
            return jax.device_put(np.full(shape, value, dtype))

        return full

    random = ("RandomNormal", "TruncatedNormal", "RandomUniform", "VarianceScaling", "Orthogonal")
    with contextlib.ExitStack() as patches:
        for value, names in ((0, (*random, "Zeros")), (1, ("Ones",))):
            for name in names:
                patches.enter_context(mock.patch.object(getattr(keras.initializers, name), "__call__", filled(value)))
        yield


def is_float(array: np.ndarray) -> bool:
    return array.dtype.kind == "f" or array.dtype.name == "bfloat16"


def initial_weights(spec: Spec, model: Any) -> list[np.ndarray]:
    """The weights of a model of ours, those that start as constants moved a little."""
    rng = np.random.default_rng(spec["seed"] + 1)
    result = []
    for variable in model.weights:
        value = variable.numpy()
        if is_float(value):
            if not value.any():
                value = (value + rng.uniform(-0.2, 0.2, value.shape)).astype(value.dtype)
            elif (value == 1).all():
                value = (value + rng.uniform(-0.3, 0.3, value.shape)).astype(value.dtype)
        result.append(value)
    return result


def inputs(spec: Spec, rng: np.random.Generator, rows: int) -> list[np.ndarray]:
    arrays = []
    for given in spec["inputs"]:
        shape = (rows, *given["shape"])
        if given["dtype"] == "int32":
            arrays.append(rng.integers(0, given["below"], shape).astype("int32"))
            continue
        x = rng.normal(size=shape).astype("float64" if spec["policy"] == "float64" else "float32")
        if given.get("padded"):  # masked steps at the end
            x[np.arange(shape[1]) >= rng.integers(1, shape[1] + 1, (rows, 1))] = 0
        arrays.append(x)
    return arrays


def targets(spec: Spec, model: Any, rng: np.random.Generator, rows: int) -> list[np.ndarray]:
    arrays = []
    for head, output in zip(spec["compile"]["heads"], model.outputs):
        shape = (rows, *output.shape[1:])
        classes = rng.integers(0, shape[-1], shape[:-1])
        kinds = {
            "float": rng.uniform(0.05, 1, shape).astype("float32"),
            "binary": rng.integers(0, 2, shape).astype("float32"),
            "classes": classes.astype("int32"),
            "one_hot": np.eye(shape[-1], dtype="float32")[classes],
        }
        arrays.append(kinds[head["target"]])
    return arrays


def one_or_many(arrays: list[np.ndarray]) -> Any:
    return arrays if len(arrays) > 1 else arrays[0]


class Data:
    """The rows that a model is trained on, and how they are given."""

    def __init__(self, spec: Spec, model: Any):
        data, rng = spec["data"], np.random.default_rng(spec["seed"])
        self.rows, self.batch = data["rows"], data["batch"]
        self.x = one_or_many(inputs(spec, rng, self.rows))
        self.y = one_or_many(targets(spec, model, rng, self.rows))
        named = zip(model.output_names, model.outputs)
        self.masked = [name for name, output in named if get_mask(output) is not None]
        self.weights: dict[str, Any] = {}
        if data.get("sample_weight"):
            self.weights["sample_weight"] = rng.uniform(0.2, 2, self.rows).astype("float32")
        if data.get("class_weight") and spec["compile"]["heads"][0]["target"] == "classes" and self.y.ndim < 3:
            self.weights["class_weight"] = {i: 0.5 + i for i in range(10)}

    def first(self, arrays: Any, count: int) -> Any:
        return [a[:count] for a in arrays] if isinstance(arrays, list) else arrays[:count]


def compile_model(spec: Spec, model: Any, library: Any, change: Change | None = None) -> None:
    heads = spec["compile"]["heads"]
    losses, metrics = ([resolved(h[k], library) for h in heads] for k in ("loss", "metrics"))
    if len(heads) == 1:
        losses, metrics = losses[0], metrics[0]
    extra = {"loss_weights": spec["compile"]["loss_weights"]} if "loss_weights" in spec["compile"] else {}
    optimizer = resolved(spec["compile"]["optimizer"], library)
    if change:
        change(model, optimizer)
    model.compile(optimizer=optimizer, loss=losses, metrics=metrics, **extra)


def arrays_of(results: Any) -> list[np.ndarray]:
    return [np.asarray(r) for r in (results if isinstance(results, list) else [results])]


def note(seen: Seen, what: str, results: Any) -> None:
    for i, result in enumerate(arrays_of(results)):
        seen[f"{what} {i}"] = result


def note_logs(seen: Seen, what: str, logs: dict[str, Any]) -> None:
    for name in sorted(logs):
        seen[f"{what} {name}"] = np.asarray(logs[name], "float64")


def training_logs(logs: dict[str, Any], data: Data) -> dict[str, Any]:
    """The logs of `fit` without the metrics of outputs that have a mask: Keras on JAX loses it between the loss, which
    it weights, and the metrics of the training step. Those of an evaluation have it, and stay."""

    def stays(name: str) -> bool:
        if name.endswith("loss") or name.startswith("val_") or not data.masked:
            return True
        return isinstance(data.y, list) and not name.startswith(tuple(f"{output}_" for output in data.masked))

    return {name: values for name, values in logs.items() if stays(name)}


def note_variables(seen: Seen, what: str, variables: list[Any]) -> None:
    for v in variables:
        if "seed_generator" not in v.path:
            seen[f"{what} {v.path.replace('sequential/', '').replace('sequential_', '')}"] = np.asarray(v.numpy())


def unshare(model: Any) -> None:
    """After a `fit` with averaged weights, Keras's weights and averages are the same arrays: the next step gives one
    away to be overwritten, and the other is gone with it."""
    for v in model.optimizer.variables:
        v.assign(np.array(v.value))


def train(
    spec: Spec, model: Any, data: Data, weights: list[np.ndarray], library: Any, change: Change | None = None
) -> Seen:
    """Predicts, takes one step, fits, evaluates, predicts; ``change`` is called with the model and the
    optimizer beforehand."""
    seen: Seen = {}
    with at("setting weights"):
        model.set_weights(weights)
    with at("compile"):
        compile_model(spec, model, library, change)
    with at("predict"):  # not before, since the compiled prediction would be made again
        note(seen, "predict", model.predict(data.x, batch_size=data.batch, verbose=0))
    with at("one step"):
        first = {k: v[: data.batch] if k == "sample_weight" else v for k, v in data.weights.items()}
        step = (data.first(data.x, data.batch), data.first(data.y, data.batch))
        # Not train_on_batch, for which JAX would compile the step once more.
        history = model.fit(*step, batch_size=data.batch, shuffle=False, verbose=0, **first).history
        note_logs(seen, "one step", training_logs(history, data))
        note_variables(seen, "one step weight", model.variables)
        if library is keras:
            unshare(model)
    with at("fit"):
        if spec["data"]["validation"]:
            validation = {"validation_data": (data.x, data.y), "validation_batch_size": data.batch}
        else:
            validation = {}
        arguments = {"epochs": spec["data"]["epochs"], "batch_size": data.batch, "shuffle": False, "verbose": 0}
        history = model.fit(data.x, data.y, **arguments, **data.weights, **validation).history
        note_logs(seen, "fit", training_logs(history, data))
        note_variables(seen, "fitted weight", model.variables)
        for i, v in enumerate(model.optimizer.variables):  # by place: Keras has no names for some
            seen[f"optimizer {i}"] = np.asarray(v.numpy())
        if library is keras:
            unshare(model)
    with at("evaluate"):
        if not validation:
            results = model.evaluate(data.x, data.y, batch_size=data.batch, verbose=0, return_dict=True)
            note_logs(seen, "evaluate", results)
    with at("predict after fit"):
        note(seen, "predict after fit", model.predict(data.x, batch_size=data.batch, verbose=0))
    return seen


def other_batches(seen: Seen, spec: Spec, model: Any, data: Data) -> Seen:
    """Predictions of the trained model in batches of other sizes: each must equal what was predicted before."""
    if "static_batch" in spec["data"]:
        return {}
    result: Seen = {}
    for size in (1, data.rows):
        with at(f"predict in batches of {size}"):
            note(result, f"predict after fit in batches of {size},", model.predict(data.x, batch_size=size, verbose=0))
        for i in range(len(spec["outputs"])):
            seen[f"predict after fit in batches of {size}, {i}"] = seen[f"predict after fit {i}"]
    return result


def saved_and_loaded(model: Any, library: Any, data: Data) -> list[np.ndarray]:
    """What the model predicts once ``library`` has loaded it from a file."""
    with tempfile.TemporaryDirectory() as folder:
        path = os.path.join(folder, "model.keras")
        model.save(path)
        return arrays_of(library.models.load_model(path).predict(data.x, batch_size=data.batch, verbose=0))


class Jitter(pronghorn.layers.Layer):
    """Moves each feature by a rounding error of its own, as its weights say: ``x * factor + offset``."""

    def __init__(self, **kwargs: Any):
        super().__init__(**kwargs)
        self.supports_masking = True

    def build(self, shape: Any) -> None:
        arguments = {"shape": (shape[-1],), "trainable": False}
        self.factor = self.add_weight(initializer="ones", name="factor", **arguments)
        self.offset = self.add_weight(initializer="zeros", name="offset", **arguments)

    def call(self, x: Any) -> Any:
        factor, offset = (pronghorn.ops.cast(v, x.dtype) for v in (self.factor, self.offset))
        return x * factor + offset


def jittered(spec: Spec) -> Any:
    """Our model with a `Jitter` behind each node."""

    def after(value: Any, number: int) -> Any:
        if isinstance(value, list) or number in spec["outputs"] or "float" not in str(value.dtype):
            return value
        node = spec["nodes"][number - len(spec["inputs"])]
        subtracts = node.get("layer") in ("BatchNormalization", "LayerNormalization", "GroupNormalization")
        return Jitter(name=f"{'subtracting' if subtracts else 'jitter'}{number}", dtype=value.dtype)(value)

    return build(spec, pronghorn, after)


def refusals(spec: Spec) -> list[str]:
    """What ours refused when the model was drawn, and Keras takes."""
    wrong = []
    for refusal in spec["refused"]:
        part: Spec = {**spec, "inputs": refusal["inputs"]}
        keras.config.set_dtype_policy(spec["policy"])
        try:
            apply(refusal["node"], 1000, keras, inputs_of_refusal(part), {})
            wrong.append(f"ours refuses {refusal['node']} of {refusal['inputs']}: {refusal['why']}")
        except Exception:
            pass  # as ours
        finally:
            keras.config.set_dtype_policy("float32")
    return wrong


def inputs_of_refusal(part: Spec) -> list[Any]:
    return [keras.Input(tuple(i["shape"]), dtype=i["dtype"]) for i in part["inputs"]]
