"""Trains a model as users write them with Pronghorn, and measures each element of what it gives.

The reference is Keras's own program: its training, test and prediction steps, traced by JAX with gradients and
optimizer, run in float64 (`rounding`, which says what is measured).
"""

from __future__ import annotations

from typing import Any

import keras
import numpy as np
from keras.src.trainers.data_adapters.data_adapter_utils import class_weight_to_sample_weights

import pronghorn
from random_models.rounding import SCALES, Errors, Measure, Program
from random_models.run import Failed, at, initial_weights, note_logs, plain_initializers, precision
from random_models.spec import Spec, resolved
from random_models.written_layers import MISSING, build, masked_loss

Arrays = dict[str, np.ndarray]


class Data:
    """Inputs with numbers far out, labels of which some are missing, weights of which some are zero."""

    def __init__(self, spec: Spec, output_shape: tuple[int, ...]):
        self.spec, self.rng = spec, np.random.default_rng(spec["seed"])
        self.rows, self.batch = spec["data"]["rows"], spec["data"]["batch"]
        self.x = self.inputs(spec["input"])
        self.y = self.labels(spec["compile"]["head"]["target"], output_shape[1:])
        self.arguments: dict[str, Any] = {}
        self.sample_weight = self.weights(spec["data"].get("weights"))

    def inputs(self, given: dict[str, Any]) -> np.ndarray:
        shape, rng = (self.rows, *given["shape"]), self.rng
        x = rng.normal(size=shape)
        if given["values"] == "lognormal":
            x = np.exp(2 * x) * rng.choice((-1, 1), shape)
        if given["values"] == "bytes":
            x = rng.integers(0, 256, shape).astype("float64")
        if given["values"] == "sentinel":
            gone = rng.uniform(size=shape[:-1] + (1,)) < 0.1 if len(shape) > 2 else rng.uniform(size=shape) < 0.1
            if given["whole"]:
                gone = np.zeros(shape, bool)
                if len(shape) == 2:
                    gone[:, rng.integers(shape[1])] = True
                else:  # the last steps, or the lower right of an image
                    gone[(slice(None), *(slice(n // 2, None) for n in shape[1:-1]))] = True
            x = np.where(gone, given["missing"], x)
        if given.get("padded"):
            x[np.arange(shape[1]) >= rng.integers(1, shape[1] + 1, (self.rows, 1))] = 0
        return x.astype("float32")

    def labels(self, target: str, shape: tuple[int, ...]) -> np.ndarray:
        shape, rng = (self.rows, *shape), self.rng
        if target == "binary":
            return rng.integers(0, 2, shape).astype("float32")
        if "classes" in target:
            y = rng.integers(0, shape[-1], shape[:-1]).astype("int32")
            return np.where(rng.uniform(size=y.shape) < 0.2, -1, y).astype("int32") if "some" in target else y
        y = rng.normal(size=shape).astype("float32")
        return np.where(rng.uniform(size=shape) < 0.3, np.float32(MISSING), y) if target == "known" else y

    def weights(self, kind: str | None) -> np.ndarray | None:
        """What the steps of the reference are given; `arguments` is what `fit` of ours is."""
        rng, spread = self.rng, self.y.shape[: max(1, self.y.ndim - 1)]
        if kind == "class" and self.spec["compile"]["head"]["target"] == "classes" and self.y.ndim == 1:
            weights = {0: 0.0, 1: 2.0, 2: 0.5, 3: 1.0}
            self.arguments = {"class_weight": weights}
            return np.asarray(class_weight_to_sample_weights(self.y, weights))
        if kind is None or kind == "class":
            return None
        if self.spec["compile"]["head"]["target"] in ("classes", "some classes"):
            spread = self.y.shape
        shape = spread if kind == "step" else (self.rows, *[1] * (len(spread) - 1))
        weights = (rng.uniform(0.2, 2, shape) * (rng.uniform(size=shape) > 0.3)).astype("float32")
        self.arguments = {"sample_weight": weights}
        return weights

    def batches(self, training: bool = True) -> list[tuple[Any, ...]]:
        """What the steps are given; weights of classes are of training alone."""
        weights = self.sample_weight if training or "sample_weight" in self.arguments else None
        arrays = [a for a in (self.x, self.y, weights) if a is not None]
        return [tuple(a[i : i + self.batch] for a in arrays) for i in range(0, self.rows, self.batch)]


def compiled(spec: Spec, library: Any) -> Any:
    model = build(library, spec)
    head = spec["compile"]["head"]
    loss = masked_loss(library) if head["loss"] == "known" else resolved(head["loss"], library)
    metrics = {"weighted_metrics" if head["weighted"] else "metrics": resolved(head["metrics"], library)}
    model.compile(optimizer=resolved(spec["compile"]["optimizer"], library), loss=loss, **metrics)
    return model


def ours(spec: Spec, model: Any, data: Data) -> Arrays:
    """What can be seen of our model: predictions and metrics before and after training, weights, optimizer."""
    seen: Arrays = {}
    with at("predict"):
        seen["predict"] = np.asarray(model.predict(data.x, batch_size=data.batch, verbose=0))
    weighted = {k: v for k, v in data.arguments.items() if k == "sample_weight"}
    with at("evaluate"):
        logs = model.evaluate(data.x, data.y, batch_size=data.batch, verbose=0, return_dict=True, **weighted)
        note_logs(seen, "evaluate", logs)
    with at("fit"):
        given = {"batch_size": data.batch, "shuffle": False, "verbose": 0, "epochs": spec["data"]["epochs"]}
        history = model.fit(data.x, data.y, **given, **data.arguments).history
        note_logs(seen, "fit", {k: v[-1] for k, v in history.items()})
    for kind in ("trainable_variables", "non_trainable_variables"):
        for v in getattr(model, kind):
            seen[f"{kind[:-10]} {v.path}"] = np.asarray(v.numpy())
    for i, v in enumerate(model.optimizer.variables):
        seen[f"optimizer {i}"] = np.asarray(v.numpy())
    with at("predict after fit"):
        seen["predict after fit"] = np.asarray(model.predict(data.x, batch_size=data.batch, verbose=0))
    return seen


class Reference:
    """Keras's programs of one model, to be run in float64 with errors or without."""

    def __init__(self, spec: Spec, data: Data, weights: list[np.ndarray]):
        self.spec, self.data = spec, data
        with plain_initializers():
            self.model = model = compiled(spec, keras)
        model.set_weights(weights)
        model._symbolic_build(data_batch=data.batches()[0])
        self.state = tuple(
            [np.array(v.value) for v in vs]
            for vs in (model.trainable_variables, model.non_trainable_variables, model.optimizer.variables,
                       model.metrics_variables)
        )  # fmt: skip
        self.programs: dict[tuple[str, int], Program] = {}

    def program(self, kind: str, batch: tuple[Any, ...]) -> Program:
        """Of the training step, or of prediction and test step together, for a batch size."""
        key = (kind, len(batch[0]))
        if key not in self.programs:
            trained, others, slots, counted = self.state
            data = (*batch, None)[:3]
            if kind == "train":
                self.programs[key] = Program(self.model.train_step, (trained, others, slots, counted), data)
            else:
                self.programs[key] = Program(self.look, trained, others, counted, data)
        return self.programs[key]

    def look(self, trained: Any, others: Any, counted: Any, data: Any) -> Any:
        y_pred, _ = self.model.stateless_call(trained, others, data[0], training=False)
        logs, state = self.model.test_step((trained, others, counted), data)
        return y_pred, logs, state[-1]

    def looked(self, errors: Errors, state: Any) -> tuple[np.ndarray, dict[str, Any]]:
        trained, others, counted = state[0], state[1], self.state[3]
        predictions, logs = [], {}
        for batch in self.data.batches(training=False):
            y_pred, logs, counted = self.program("look", batch)(errors, trained, others, counted, (*batch, None)[:3])
            predictions.append(y_pred)
        return np.concatenate(predictions), logs

    def run(self, run: int | None) -> Arrays:
        """All that `ours` sees; with the errors of a run."""
        errors = Errors(run)
        seen: Arrays = {}
        seen["predict"], logs = self.looked(errors, self.state)
        note_logs(seen, "evaluate", logs)
        state = self.state
        for _ in range(self.spec["data"]["epochs"]):
            state = (*state[:3], self.state[3])
            for batch in self.data.batches():
                logs, state = self.program("train", batch)(errors, state, (*batch, None)[:3])
        note_logs(seen, "fit", logs)
        self.note_state(seen, state)
        seen["predict after fit"], _ = self.looked(errors, state)
        return seen

    def in_its_types(self) -> Arrays:
        """What Keras itself makes of it."""
        data = self.data
        seen = {"predict": np.asarray(self.model.predict(data.x, batch_size=data.batch, verbose=0))}
        given = {"batch_size": data.batch, "shuffle": False, "verbose": 0, "epochs": self.spec["data"]["epochs"]}
        history = self.model.fit(data.x, data.y, **given, **data.arguments).history
        note_logs(seen, "fit", {k: v[-1] for k, v in history.items()})
        self.note_state(seen, (self.model.trainable_variables, self.model.non_trainable_variables,
                               self.model.optimizer.variables))  # fmt: skip
        seen["predict after fit"] = np.asarray(self.model.predict(data.x, batch_size=data.batch, verbose=0))
        return seen

    def note_state(self, seen: Arrays, state: tuple[Any, ...]) -> None:
        """Weights by name, what the optimizer keeps by place: Keras has no names for some."""
        names = (self.model.trainable_variables, self.model.non_trainable_variables)
        for kind, variables, values in zip(("trainable", "non_trainable"), names, state):
            for v, value in zip(variables, values):
                seen[f"{kind} {v.path}"] = np.asarray(value)
        for i, value in enumerate(state[2]):
            seen[f"optimizer {i}"] = np.asarray(value)


class Findings:
    """What came of one model: differences, and how much the measure could say."""

    def __init__(self) -> None:
        self.differences: list[tuple[str, str]] = []
        self.largest = 0.0  # part of what is allowed, over all elements
        self.keras = 0.0
        self.elements = self.blurred = 0


def compare(spec: Spec, calibrate: bool = False) -> Findings:
    """One model in both libraries; with ``calibrate`` Keras's own float32 is measured as well."""
    found = Findings()
    with precision({"policy": "float32"}):
        for library in (keras, pronghorn):
            library.backend.clear_session(free_memory=False)
        pronghorn.utils.set_random_seed(spec["seed"])
        try:
            with at("build"):
                model = compiled(spec, pronghorn)
            model.set_weights(initial_weights(spec, model))
            for b in model._flatten_layers():
                if hasattr(b, "prune"):
                    b.prune()
            weights = model.get_weights()
            data = Data(spec, tuple(model.compute_output_shape((None, *spec["input"]["shape"]))))
            mine = ours(spec, model, data)
        except Failed as error:
            found.differences.append((f"ours raises at {error.stage}", str(error)))
            return found
        reference = Reference(spec, data, weights)
        exact = reference.run(None)
        runs = [reference.run(run) for run in range(len(SCALES))]
        theirs = reference.in_its_types() if calibrate or spec["policy"] != "float32" else {}
        judge(found, mine, exact, runs, theirs if spec["policy"] != "float32" else {})
        parts = [measure(exact, runs, name, value.dtype).excess(value) for name, value in theirs.items()]
        found.keras = max((float(part.max(initial=0)) for part in parts), default=0.0)
    return found


def measure(exact: Arrays, runs: list[Arrays], name: str, dtype: Any, theirs: Arrays | None = None) -> Measure:
    of_result = str(dtype) if "predict" in name else "float32"
    return Measure(exact[name], [run[name] for run in runs], of_result, (theirs or {}).get(name))


def judge(found: Findings, mine: Arrays, exact: Arrays, runs: list[Arrays], theirs: Arrays) -> None:
    if sorted(mine) != sorted(exact):
        only = sorted(set(mine) - set(exact)), sorted(set(exact) - set(mine))
        found.differences.append(("what there is", f"only ours: {only[0][:4]}, only Keras's: {only[1][:4]}"))
    for name in (n for n in mine if n in exact):
        if mine[name].shape != exact[name].shape:
            found.differences.append(("shapes", f"{name}: {mine[name].shape}, Keras: {exact[name].shape}"))
            continue
        m = measure(exact, runs, name, mine[name].dtype, theirs)
        part = m.excess(mine[name])
        found.elements += part.size
        found.blurred += int(m.blurred.sum())
        worst = float(part.max(initial=0))
        found.largest = max(found.largest, worst)
        if worst > 1:
            at = np.unravel_index(np.argmax(part), part.shape)
            text = (
                f"{name}{[int(i) for i in at]}: {mine[name][at]!r}, exactly {m.reference[at]!r}; {worst:.3g} times "
                f"what is allowed ({m.allowed[at]:.3g}); {int((part > 1).sum())} of {part.size} elements"
            )
            found.differences.append((name.split()[0], text))
