"""Trains a random model in both libraries and says where they differ by more than rounding explains.

Rounding is measured, not guessed: the same model of ours is trained again and again with every value of every layer,
every weight, input and gradient moved by about a rounding error, and by more where it is nothing but one. What two
libraries give may lie apart by a few times what that moves the result, whatever the model makes of it: a division by
nearly nothing, a maximum of two nearly equal numbers, an optimizer that takes the sign of a gradient that is zero but
for rounding.
"""

from __future__ import annotations

import contextlib
import copy
import functools
import os
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any
from unittest import mock

import keras
import numpy as np

import pronghorn
from pronghorn.engine.graph import primitives
from random_models.run import (
    Data,
    Failed,
    Seen,
    at,
    initial_weights,
    is_float,
    jittered,
    other_batches,
    plain_initializers,
    precision,
    refusals,
    saved_and_loaded,
    train,
)  # fmt: skip
from random_models.spec import Spec, build

# For Keras on JAX, float64 and float32 make float32, as in BatchNormalization: more than that cannot be asked of it.
EPSILON = {"float32": 2.0**-23, "float64": 2.0**-23, "mixed_bfloat16": 2.0**-8, "mixed_float16": 2.0**-11}
# Without a second look: a few roundings, relative to the largest of an array.
ROUNDINGS = {"float32": 32, "float64": 32, "mixed_bfloat16": 2, "mixed_float16": 4}
LARGEST_FACTOR = 32  # a normalization's: one over the root of its epsilon
MOVED_RUNS, TIMES = 5, 8.0
# What XLA says, now and then, of attention in float16.
NO_PRODUCT = "The precision 'F16_F16_F32' is not supported by dot_general on CPU"


def normalizes(spec: Spec) -> bool:
    """Whether a vector is divided by its length: the gradient at a vector of zeros is no number in Keras."""
    if any(head["loss"]["$make"][1] == "CosineSimilarity" for head in spec["compile"]["heads"]):
        return True
    return any(n.get("layer") == "UnitNormalization" or n.get("kwargs", {}).get("normalize") for n in spec["nodes"])


def narrowed(spec: Spec, output: int) -> bool:
    """Whether an output is what a function gives that Keras on JAX computes in float32 of float64."""
    if spec["policy"] != "float64" or spec["outputs"][output] < len(spec["inputs"]):
        return False
    node = spec["nodes"][spec["outputs"][output] - len(spec["inputs"])]
    return "tanh" in (node.get("op"), node.get("kwargs", {}).get("activation")) or node.get("op") in ("sin", "cos")


def lost(ours: Seen, theirs: Seen) -> bool:
    """Whether the loss became NaN in both libraries: the gradients of `relu` and max-pools differ there, so the NaN
    reaches other weights (see docs/compatibility.md). Adafactor divides zero by zero where a row has no gradient."""
    return all(np.isnan(seen.get("fit loss", 0)).any() for seen in (ours, theirs))


def gone(ours: Seen, theirs: Seen) -> bool:
    """Whether Keras's weights became NaN and ours did not: its metrics are of NaN then, and ours of numbers."""
    fitted = [name for name in ours if name.startswith("fitted weight") and is_float(ours[name])]
    return any(np.isnan(theirs[n]).any() and np.isfinite(ours[n]).all() for n in fitted if n in theirs)


@dataclass
class Difference:
    """What differs: ``kind`` is the stage, for counting alike; ``text`` says all."""

    kind: str
    text: str


def distance(a: np.ndarray, b: np.ndarray) -> float:
    """The largest difference of two arrays; infinite where one has a number and the other none."""
    a, b = a.astype("float64"), b.astype("float64")
    same = (a == b) | (np.isnan(a) & np.isnan(b))
    with np.errstate(all="ignore"):
        apart = np.where(same, 0, np.abs(a - b))
    return float(np.max(np.where(np.isnan(apart), np.inf, apart), initial=0))


@contextlib.contextmanager
def early_overflow() -> Iterator[None]:
    """A loss scale takes a gradient for infinite that is more than half of float16's largest number: a sum of numbers
    of both signs may be larger on its way than at its end. And a sigmoid of float16 has its exponential in float16, as
    XLA has it, which is infinite below -11.1: the sigmoid is zero there, and its gradient too."""

    def check_finite(self: Any, grads: list[Any]) -> Any:
        known = [g for g in grads if g is not None]  # a weight may have no gradient
        return pronghorn.ops.all(
            pronghorn.ops.stack([pronghorn.ops.all(pronghorn.ops.abs(g) < 2.0**15) for g in known])
        )

    def in_its_own_type(x: Any) -> Any:
        constant = pronghorn.ops.stop_gradient(x)
        y = 1 / (1 + pronghorn.ops.exp(-constant))
        return y + y * (1 - y) * (x - constant)

    def logistic(x: Any, exact: Callable[[Any], Any] = primitives.logistic) -> Any:
        return in_its_own_type(x) if x.dtype == "float16" else exact(x)

    with (
        mock.patch.object(pronghorn.optimizers.LossScaleOptimizer, "check_finite", check_finite),
        mock.patch.object(primitives, "logistic", logistic),
    ):
        yield


@contextlib.contextmanager
def late_overflow() -> Iterator[None]:
    """Keras has `TimeDistributed` call its layer for each step, and sums the gradients of its weights in float32. Ours
    takes the steps for samples, so that their sum is a float16, which is infinite earlier."""
    with mock.patch.object(pronghorn.layers.TimeDistributed, "_updates_state", lambda self, training: bool(training)):
        yield


def size(a: np.ndarray) -> float:
    a = np.abs(a.astype("float64"))
    return float(np.max(a[np.isfinite(a)], initial=0))


class Comparison:
    """One model in both libraries."""

    def __init__(self, spec: Spec):
        self.spec = spec
        self.epsilon = EPSILON[spec["policy"]]
        self.differences: list[Difference] = []
        self.explained: Counter[str] = Counter()

    def differs(self, kind: str, text: str) -> None:
        self.differences.append(Difference(kind, text))

    def run(self) -> list[Difference]:
        """All differences; those that rounding explains are only counted."""
        with precision(self.spec):
            for text in refusals(self.spec):
                self.differs("refused", text)
            keras.backend.clear_session(free_memory=False)
            pronghorn.backend.clear_session(free_memory=False)
            pronghorn.utils.set_random_seed(self.spec["seed"])
            try:
                self.compare()
            finally:
                keras.backend.clear_session()
        return self.differences

    def compare(self) -> None:
        spec = self.spec
        ours, theirs, failures = None, None, {}
        try:
            with at("build"):
                model = build(spec, pronghorn)
            weights, data = initial_weights(spec, model), Data(spec, model)
            ours = train(spec, model, data, weights, pronghorn)
        except Failed as error:
            failures["ours"] = error
        try:
            with plain_initializers():
                with at("build"):
                    reference = build(spec, keras)
                if "ours" not in failures or failures["ours"].stage != "build":
                    self.same_weights(model, reference)
                    theirs = train(spec, reference, data, weights, keras)
        except Failed as error:
            failures["Keras"] = error
        if failures:
            if len(failures) == 1:
                who, error = failures.popitem()
                if who == "Keras" and NO_PRODUCT in str(error):
                    self.explained["XLA has no such product"] += 1
                    return
                self.differs(f"{who} raises at {error.stage}", f"{who} alone raises at {error}")
            return
        self.check(ours, theirs, weights)
        try:
            after = dict(theirs)
            self.check(other_batches(after, spec, model, data), after, weights, only_common=True)
            if spec["data"]["save"]:
                self.files(model, reference, data, ours, weights)
        except Failed as error:
            self.differs(f"ours raises at {error.stage}", str(error))

    def files(self, model: Any, reference: Any, data: Data, ours: Seen, weights: list[np.ndarray]) -> None:
        """Each library reads what the other wrote."""
        with at("reading Keras's file"):
            mine = saved_and_loaded(reference, pronghorn, data)
        with at("Keras reading our file"):
            theirs = saved_and_loaded(model, keras, data)
        names = [f"predict after fit {i}" for i in range(len(mine))]
        if "static_batch" in self.spec["data"]:
            return  # the states of the layers have moved on
        self.check(dict(zip(names, mine)), dict(zip(names, theirs)), weights)

    def same_weights(self, model: Any, reference: Any) -> None:
        mine, theirs = ([(v.path, tuple(v.shape), v.dtype) for v in m.weights] for m in (model, reference))
        if mine != theirs:
            apart = [(a, b) for a, b in zip(mine, theirs) if a != b] or [(len(mine), len(theirs))]
            self.differs("names of weights", f"weights (ours, Keras's): {apart[:4]}")

    # -- judging -------------------------------------------------------------------------------------------------------
    def check(self, ours: Seen, theirs: Seen, weights: list[np.ndarray], only_common: bool = False) -> None:
        if not only_common and list(ours) != list(theirs):
            here, there = [k for k in ours if k not in theirs], [k for k in theirs if k not in ours]
            self.differs("what there is", f"only ours: {here[:5]}, only Keras's: {there[:5]}, or in another order")
        suspects = []
        for name in (n for n in ours if n in theirs):
            a, b = ours[name], theirs[name]
            # Where JAX has float64, its counters are int64.
            if a.shape != b.shape or (
                a.dtype != b.dtype
                and not a.dtype.kind == b.dtype.kind == "i"
                and not (name.startswith("predict") and narrowed(self.spec, int(name.rsplit(" ", 1)[1])))
            ):
                self.differs("shapes", f"{name}: {a.dtype}{a.shape}, Keras: {b.dtype}{b.shape}")
            elif distance(a, b) > self.allowed(b):
                suspects.append(name)
        if suspects:
            self.judge(ours, theirs, suspects, weights)

    def allowed(self, b: np.ndarray) -> float:
        return ROUNDINGS[self.spec["policy"]] * self.epsilon * size(b) if is_float(b) else 0

    def judge(self, ours: Seen, theirs: Seen, suspects: list[str], weights: list[np.ndarray]) -> None:
        """Are the suspects apart by more than rounding moves them?"""
        moved = self.moved(weights)
        for name in suspects:
            if normalizes(self.spec) and np.isfinite(ours[name]).all() and np.isnan(theirs[name]).any():
                self.explained["a vector of zeros brought to unit length"] += 1
                continue
            if normalizes(self.spec) and gone(ours, theirs) and not name.startswith(("one step", "predict 0")):
                self.explained["what follows a vector of zeros brought to unit length"] += 1
                continue
            if lost(ours, theirs) and np.isnan(ours[name]).any() and not name.startswith(("one step", "predict 0")):
                self.explained["gradients at NaN"] += 1
                continue
            spread = self.spread(name, moved, ours)
            apart = distance(ours[name], theirs[name])
            if apart <= TIMES * spread + self.allowed(theirs[name]):
                self.explained[name.split()[0]] += 1
                continue
            self.differs(
                name.rsplit(" ", 1)[0].split(" n")[0],
                f"{name}: {apart:.3g} apart, of size {size(theirs[name]):.3g}, rounding moves it by {spread:.3g}; "
                f"ours {ours[name].ravel()[:4]}, Keras's {theirs[name].ravel()[:4]}",
            )

    def spread(self, name: str, moved: list[Seen], ours: Seen) -> float:
        base = name.split(" in batches")[0] + (" " + name.rsplit(" ", 1)[1] if " in batches" in name else "")
        return max(distance(run[base], moved[0][base]) for run in moved[1:])

    def moved(self, weights: list[np.ndarray]) -> list[Seen]:
        """Our runs: one as it is, others with everything moved by rounding errors.

        They are interpreted: for a few steps of so small a model that takes less time than compiling it.
        """
        if not hasattr(self, "_moved"):
            with mock.patch.dict(os.environ, PRONGHORN_BACKEND="numpy"):
                self._moved = self.moved_runs(weights)
        return self._moved

    def moved_runs(self, weights: list[np.ndarray]) -> list[Seen]:
        spec, runs = self.spec, []
        pronghorn.backend.clear_session(free_memory=False)
        model = jittered(spec)
        rng = np.random.default_rng(0)
        for run in range(MOVED_RUNS):
            pronghorn.backend.clear_session(free_memory=False)  # names are counted anew
            data = Data(spec, model)
            values = self.moved_weights(model, weights, rng if run else None)
            if run:
                data.x = pronghorn.tree.map_structure(lambda x: self.nudged(x, rng), data.x)
            change = functools.partial(self.move_training, rng=rng) if run else None
            with {1: early_overflow, 2: late_overflow}.get(run, contextlib.nullcontext)():
                runs.append(train(self.moved_training(run), model, data, values, pronghorn, change))
        return runs

    def move_training(self, model: Any, optimizer: Any, rng: np.random.Generator) -> None:
        self.move_predictions(model, rng)
        self.move_gradients(optimizer, rng)

    def move_predictions(self, model: Any, rng: np.random.Generator) -> None:
        """Lets the loss and the metrics see predictions that are off by a rounding error, each row's and feature's by
        another: XLA gives them on as float32, before they are rounded to 16 bits as those that `predict` gives."""
        loss, metrics, ops = model.compute_loss, model.compute_metrics, pronghorn.ops

        def off(y: Any) -> Any:
            wide = ops.cast(y, y.dtype if y.dtype == "float64" else "float32")
            row = ops.cumsum(ops.ones_like(wide), axis=0)
            phase = rng.uniform(0, 6, y.shape[1:]).astype("float32")
            return wide * (1 + self.epsilon * ops.sin(2.4 * row + phase))

        def moved(function: Callable[..., Any]) -> Callable[..., Any]:
            def called(x: Any, y: Any, y_pred: Any, **others: Any) -> Any:
                return function(x, y, pronghorn.tree.map_structure(off, y_pred), **others)

            return called

        model.compute_loss, model.compute_metrics = moved(loss), moved(metrics)

    def move_gradients(self, optimizer: Any, rng: np.random.Generator) -> None:
        """Lets an optimizer see gradients that are off by a few rounding errors, others in every other step, since XLA
        sums in 16 bits where those are asked, as for a bias; and noise where a gradient is a rounding error beside the
        model's largest, or zero.

        Such a gradient is a sum of larger numbers that cancel, as that of the bias of an attention's keys. What is left
        of them depends on the order of the additions, and some optimizers make steps of one size of whatever it is.
        """
        apply, ops = optimizer.apply, pronghorn.ops

        def applied(grads: list[Any], variables: list[Any]) -> None:
            pairs = [(g, v) for g, v in zip(grads, variables) if g is not None]  # a weight may have no gradient
            grads, variables = [g for g, _ in pairs], [v for _, v in pairs]
            sizes = [ops.max(ops.abs(ops.cast(g, "float32"))) for g in grads]
            error = functools.reduce(ops.maximum, sizes) * self.epsilon
            noise = [ops.cast(error * rng.uniform(-1, 1, g.shape).astype("float32"), g.dtype) for g in grads]
            odd = optimizer.variables[0].value % 2 == 1  # of the steps
            moved = [ops.where(odd, self.off(g, rng), self.off(g, rng)) for g in grads]
            apply([ops.where(s <= error, n, g) for g, s, n in zip(moved, sizes, noise)], variables)

        optimizer.apply = applied

    def off(self, gradient: Any, rng: np.random.Generator) -> Any:
        factor = 1 + 4 * self.epsilon * rng.choice((-1, 1), gradient.shape).astype("float32")
        return pronghorn.ops.cast(pronghorn.ops.cast(gradient, "float32") * factor, gradient.dtype)

    def moved_weights(self, model: Any, weights: list[np.ndarray], rng: np.random.Generator | None) -> list[np.ndarray]:
        left, result = iter(weights), []
        for v in model.weights:
            if v.path.endswith("/offset") and v.path.startswith(("jitter", "subtracting")):
                value = np.zeros(v.shape, v.numpy().dtype)
                if rng and v.path.startswith("subtracting"):
                    # x / deviation - mean / deviation, as Keras has it, keeps the rounding error of x / deviation.
                    value = value + (self.epsilon * LARGEST_FACTOR * rng.choice((-1, 1), v.shape)).astype(value.dtype)
                result.append(value)
                continue
            ours = v.path.startswith(("jitter", "subtracting"))
            value = np.ones(v.shape, v.numpy().dtype) if ours else next(left)
            result.append(self.nudged(value, rng) if rng else value)
        return result

    def moved_training(self, run: int) -> Spec:
        """The specification with a learning rate that is off by what ``1 - beta**step`` loses in float32; where Keras
        computes ``1 - beta`` in float32 too, with betas that are off by half of float32's epsilon."""
        spec = copy.deepcopy(self.spec)
        name, arguments = spec["compile"]["optimizer"]["$make"][1:]
        way = run and (-1) ** run
        rate = arguments["learning_rate"]
        constant = isinstance(rate, float)
        holder, key = (arguments, "learning_rate") if constant else (rate["$make"][2], "initial_learning_rate")
        usual = {"beta_1": 0.9, "beta_2": 0.99 if name == "Lion" else 0.999}
        betas = {key: arguments.get(key, beta) for key, beta in usual.items()}
        holder[key] *= 1 + way * EPSILON["float32"] / (1 - max(betas.values()))
        if name in ("Lion", "Nadam", "ScheduleFreeAdamW"):
            arguments |= {key: beta + way * EPSILON["float32"] / 2 for key, beta in betas.items()}
        if name == "Ftrl":  # takes the difference of two powers of nearly equal numbers
            start = arguments.get("initial_accumulator_value", 0.1)
            arguments["initial_accumulator_value"] = start * (1 + way * run * EPSILON["float32"])
        return spec

    def nudged(self, value: np.ndarray, rng: np.random.Generator) -> np.ndarray:
        """``value`` with each number moved up or down by a rounding error; zeros stay."""
        if not is_float(value):
            return value
        amount = self.epsilon * (4 if "mixed" not in self.spec["policy"] else 1)
        return (value * (1 + amount * rng.choice((-1, 1), value.shape))).astype(value.dtype)


def differences(spec: Spec) -> list[Difference]:
    """Where the two libraries differ for a model, beyond what rounding explains."""
    return Comparison(spec).run()
