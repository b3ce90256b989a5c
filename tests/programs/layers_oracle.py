"""One layer three times: Keras's on JAX, ours at once on NumPy, ours compiled. Outputs, losses, gradients, state."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import jax
import keras
import ml_dtypes
import numpy as np
from keras.src.backend import get_keras_mask, set_keras_mask
from strategies.layers_base import Sample

import pronghorn
from pronghorn import tree
from pronghorn.engine.autodiff import GradientTape
from pronghorn.engine.backends.llvm import Executable
from pronghorn.engine.graph.dim import Dim, SymbolicDimError
from pronghorn.engine.graph.ir import Aval
from pronghorn.engine.graph.trace import trace
from pronghorn.utils.masking import get_mask, set_mask

BATCH = Dim.symbol("batch")
# An array may be zero but for rounding, as the gradient of a key's bias is: its magnitude is taken to be at least this,
# and at least this share of the largest in the arrays beside it.
SMALLEST = 0.1
# 16-bit floats: some roundings of their last bit, by how many operations lie between; gradients pass twice as many.
ROUNDINGS, ROUNDINGS_BACK = 8, 32


@dataclass
class Results:
    """What one run gave. ``outputs`` and ``weights`` hold float arrays; a gradient belongs to each weight and input."""

    outputs: list[np.ndarray]
    losses: list[np.ndarray]
    state: list[np.ndarray]
    masks: list[np.ndarray]
    gradients: list[np.ndarray]


def is_array(leaf: Any) -> bool:
    return isinstance(leaf, np.ndarray)


class Arguments:
    """A sample's arrays in a flat list, the masks of its inputs last, and back into the arguments of a call."""

    def __init__(self, sample: Sample):
        self.sample = sample
        self.leaves = tree.flatten((sample.args, sample.named))
        self.places = [i for i, leaf in enumerate(self.leaves) if is_array(leaf)]
        self.masked = [i for i, mask in enumerate(sample.masks) if mask is not None]
        self.arrays = [*(self.leaves[i] for i in self.places), *(sample.masks[i] for i in self.masked)]
        self.floats = [i for i, a in enumerate(self.arrays) if a.dtype == np.float32]

    def call(self, layer: Callable[..., Any], arrays: list[Any], put_mask: Callable[[Any, Any], Any] = set_mask) -> Any:
        """``layer`` called on ``arrays`` in place of the sample's; the last of them are the inputs' masks."""
        count = len(self.places)
        args, named = self.packed([_anew(a) for a in arrays[:count]])
        for i, mask in zip(self.masked, arrays[count:], strict=True):
            put_mask(tree.flatten((args, named))[self.places[i]], mask)
        return layer(*args, **named)

    def packed(self, arrays: list[Any]) -> tuple[list[Any], dict[str, Any]]:
        leaves = list(self.leaves)
        for place, array in zip(self.places, arrays, strict=True):
            leaves[place] = array
        return tree.pack_sequence_as((self.sample.args, self.sample.named), leaves)

    def symbolic(self, library: Any) -> list[Any]:
        """Placeholders of the arrays, with which a layer is built and asked for the form of its results."""
        return [library.KerasTensor(a.shape, str(a.dtype)) for a in self.arrays]


class Ours:
    """A sample's layer, built, to be run at once or compiled; its variables are afterwards what they were."""

    def __init__(self, sample: Sample):
        self.sample, self.arguments = sample, Arguments(sample)
        self.mine = sample.make(pronghorn)
        self.form = form(self.arguments.call(self.mine, self.arguments.symbolic(pronghorn)))

    def cotangents(self, shapes: list[tuple[int, ...]]) -> list[np.ndarray]:
        """What the outputs are weighted with, to be summed to one number that is differentiated."""
        rng = np.random.default_rng(self.sample.seed + 1)
        return [rng.normal(size=shape).astype("float32") for shape in shapes]

    def step(self, *arrays: Any) -> list[Any]:
        """Outputs, losses, masks of outputs and gradients, flat: eager or traced."""
        layer, arguments = self.mine, self.arguments
        with GradientTape(persistent=False) as tape:
            floats = [arrays[i] for i in arguments.floats]
            tape.watch(floats)
            outputs = tree.flatten(arguments.call(layer, list(arrays)))
            losses, masks = list(layer.losses), [mask for y in outputs if (mask := get_mask(y)) is not None]
            cotangents = self.cotangents([shape for shape, _ in self.form])
            total = pronghorn.ops.sum(pronghorn.ops.zeros(()))
            for y, c in zip(outputs, cotangents, strict=True):
                total = total + pronghorn.ops.sum(pronghorn.ops.cast(y, "float32") * c)
            for x in losses:
                total = total + pronghorn.ops.cast(x, "float32")
        sources = [*layer.trainable_variables, *floats]
        gradients = tape.gradient(total, sources, unconnected_gradients="zero")
        groups = (outputs, losses, masks, gradients)
        self._counts = [len(group) for group in groups]
        return [pronghorn.ops.convert_to_tensor(t) for group in groups for t in group]

    def on_numpy(self) -> Results:
        tensors = [pronghorn.ops.convert_to_tensor(a) for a in self.arguments.arrays]
        return self._run(lambda: [t.numpy() for t in self.step(*tensors)])

    def on_llvm(self) -> Results:
        arrays = self.arguments.arrays
        executable = None
        if self.sample.symbolic:
            try:
                executable = self._compiled([Aval((BATCH, *a.shape[1:]), str(a.dtype)) for a in arrays])
            except SymbolicDimError:  # `fit` then traces with numbers, too
                executable = None
        executable = executable or self._compiled([Aval(a.shape, str(a.dtype)) for a in arrays])
        return self._run(lambda: executable(*arrays))

    def _compiled(self, avals: list[Aval]) -> Executable:
        return Executable(trace(self.step, avals, self.sample.layer))

    def _run(self, run: Callable[[], list[np.ndarray]]) -> Results:
        """What ``run`` gives, in its groups, and the state after it."""
        before = [v.numpy().copy() for v in self.mine.variables]
        flat = [np.asarray(a) for a in run()]
        state = [v.numpy().copy() for v in state_of(self.mine)]
        for variable, value in zip(self.mine.variables, before):
            variable.assign(value)
        rest = iter(flat)
        outputs, losses, masks, gradients = ([next(rest) for _ in range(count)] for count in self._counts)
        return Results(outputs, losses, state, masks, gradients)


class Pair(Ours):
    """The same layer of Keras beside ours, with the same weights."""

    def __init__(self, sample: Sample):
        self.theirs = sample.make(keras)
        arguments = Arguments(sample)
        arguments.call(self.theirs, arguments.symbolic(keras), set_keras_mask)
        super().__init__(sample)
        self._give_weights(np.random.default_rng(sample.seed))

    def _give_weights(self, rng: np.random.Generator) -> None:
        names = [[w.path.split("/")[-1] for w in layer.weights] for layer in (self.mine, self.theirs)]
        assert names[0] == names[1], "the weights' names"
        shapes = [[tuple(w.shape) for w in layer.weights] for layer in (self.mine, self.theirs)]
        assert shapes[0] == shapes[1], "the weights' shapes"
        values = [weight_value(name, shape, rng) for name, shape in zip(names[0], shapes[0])]
        self.mine.set_weights(values)
        self.theirs.set_weights([v.numpy() for v in self.mine.weights])

    def on_keras(self) -> Results:
        layer, arguments = self.theirs, self.arguments

        def loss(trained, floats):
            arrays = list(arguments.arrays)
            for i, x in zip(arguments.floats, floats):
                arrays[i] = x
            outputs, losses, after, masks = self._call_keras(trained, arrays)
            weighted = [
                (y.astype("float32") * c).sum() for y, c in zip(outputs, self.cotangents([y.shape for y in outputs]))
            ]
            return sum(weighted) + sum(x.astype("float32") for x in losses), (outputs, losses, after, masks)

        trained = [v.value for v in layer.trainable_variables]
        floats = [arguments.arrays[i] for i in arguments.floats]
        step = jax.value_and_grad(loss, argnums=(0, 1), has_aux=True)
        (_, (outputs, losses, after, masks)), gradients = jax.jit(step)(trained, floats)
        flat = [g for group in gradients for g in group]
        return Results(*([np.asarray(x) for x in xs] for xs in (outputs, losses, after, masks, flat)))

    def _call_keras(self, trained: list[Any], arrays: list[Any]) -> tuple[list[Any], list[Any], list[Any], list[Any]]:
        """Outputs, losses, new state and masks.

        Not by `stateless_call`, which leaves out casts and activity regularizers.
        """
        layer = self.theirs
        with keras.StatelessScope(zip(layer.trainable_variables, trained), collect_losses=True) as scope:
            outputs = self.arguments.call(layer, arrays, set_keras_mask)
            losses = list(layer.losses)
        outputs = jax.tree_util.tree_leaves(outputs)
        masks = [mask for y in outputs if (mask := get_keras_mask(y)) is not None]
        after = [v.value if (now := scope.get_current_value(v)) is None else now for v in state_of(layer)]
        return outputs, losses, after, masks


def _anew(array: Any) -> Any:
    """An array that is another object for each call of a layer, as it carries a mask; tracers and tensors are."""
    return array.copy() if is_array(array) else array


def state_of(layer: Any) -> list[Any]:
    """The variables that a call changes, without the seeds."""
    return [v for v in layer.non_trainable_variables if any(v is w for w in layer.weights)]


def weight_value(name: str, shape: tuple[int, ...], rng: np.random.Generator) -> np.ndarray:
    """A value for a weight: any, but a variance is positive."""
    value = rng.normal(size=shape).astype("float32") * 0.5
    return np.abs(value) + 0.1 if "variance" in name else value


def form(results: Any) -> list[tuple[tuple[int, ...], str]]:
    """Shapes and types of arrays, or of placeholders."""
    return [(tuple(t.shape), str(t.dtype)) for t in tree.flatten(results)]


def all_differences(pair: Pair) -> list[str]:
    """Where NumPy differs from Keras, and LLVM from both: lines of text."""
    want, numpy, llvm = pair.on_keras(), pair.on_numpy(), pair.on_llvm()
    lines = []
    if pair.form != form(want.outputs):
        lines.append(f"placeholders of the results: {pair.form} instead of {form(want.outputs)}")
    if not pair.sample.smooth:  # then Keras's gradients are no measure, but ours agree
        want.gradients = numpy.gradients
    lines += [f"NumPy, {line}" for line in differences(pair, numpy, want)]
    return lines + [f"LLVM, {line}" for line in differences(pair, llvm, want)]


def differences(pair: Ours, got: Results, want: Results) -> list[str]:
    """What of ``got`` is not ``want``: a line for each array that differs."""
    names = [w.path for w in pair.mine.trainable_variables]
    names += [f"input {i}" for i in pair.arguments.floats]
    kinds = [("output", got.outputs, want.outputs, ROUNDINGS), ("loss", got.losses, want.losses, ROUNDINGS)]
    kinds += [("state", got.state, want.state, ROUNDINGS), ("mask", got.masks, want.masks, 0)]
    kinds.append(("gradient", got.gradients, want.gradients, ROUNDINGS_BACK))
    lines = []
    precision = _precision(pair, want)
    for kind, ours, theirs, roundings in kinds:
        if len(ours) != len(theirs):
            lines.append(f"{kind}: {len(ours)} arrays instead of {len(theirs)}")
            continue
        tolerance = max(pair.sample.tolerance, roundings * precision)
        least = SMALLEST * max([1.0, *(largest(b) for b in theirs)])
        for i, (a, b) in enumerate(zip(ours, theirs)):
            what = f"{kind} {names[i] if kind == 'gradient' else i}"
            lines += [f"{what}: {line}" for line in difference(a, b, tolerance, least)]
    return lines


def _precision(pair: Ours, want: Results) -> float:
    """The spacing of 16-bit floats at one, if the layer computes in them."""
    dtype = pair.mine.compute_dtype
    return float(ml_dtypes.finfo(dtype).eps) if dtype in ("float16", "bfloat16") else 0.0


def largest(a: np.ndarray) -> float:
    """The largest finite magnitude."""
    a = np.abs(a.astype("float64"))
    return float(np.max(a[np.isfinite(a)], initial=0.0))


def difference(a: np.ndarray, b: np.ndarray, tolerance: float, least: float) -> list[str]:
    """How ``a`` differs from ``b`` by more than ``tolerance`` of the largest magnitude in ``b``, which is ``least``."""
    if a.dtype != b.dtype:
        return [f"dtype {a.dtype} instead of {b.dtype}"]
    if a.shape != b.shape:
        return [f"shape {a.shape} instead of {b.shape}"]
    a, b = a.astype("float64"), b.astype("float64")
    if not np.array_equal(np.isfinite(a), np.isfinite(b)) or not np.array_equal(np.isnan(a), np.isnan(b)):
        return [f"other places are not finite:\n{a}\ninstead of\n{b}"]
    finite = np.isfinite(b)
    scale = max(largest(b), least)
    worst = float(np.max(np.abs(a[finite] - b[finite]), initial=0.0)) / scale
    return [f"{worst:.1e} of {scale:.2g}:\n{a}\ninstead of\n{b}"] if worst > tolerance else []
