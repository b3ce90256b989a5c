"""Layers, models, losses and training steps as users write them, of either library.

`classes(library)` gives the same classes for Pronghorn and for Keras. A block takes numbers and words alone, so that a
specification can hold what it is made from. Steps of training are written as each library has them: for Keras on JAX as
functions of a state, for Pronghorn with a tape; what they compute is written once.
"""

from __future__ import annotations

import functools
import inspect
from types import SimpleNamespace
from typing import Any

import numpy as np

MISSING = -1.0  # of a label


def causal_mask(shape: tuple[int, ...], kind: str, seed: int) -> np.ndarray:
    """Ones and zeros over the taps of a kernel, its channels last: ``"A"`` and ``"B"`` as of PixelCNN, without and with
    the tap in the middle; ``"pruned"`` with half of the taps; ``"numbers"`` with half of all numbers."""
    taps, mask = shape[:-2], np.ones(shape, "float32")
    rng = np.random.default_rng(seed)
    if kind == "numbers":
        return rng.integers(0, 2, shape).astype("float32")
    if kind == "pruned":
        kept = rng.integers(0, 2, taps).astype("float32")
        kept.flat[rng.integers(kept.size)] = 1
        return mask * kept[..., None, None]
    flat = mask.reshape(-1, *shape[-2:])  # a view
    middle = np.ravel_multi_index(tuple(n // 2 for n in taps), taps)
    flat[middle + (kind == "B") :] = 0
    return mask


@functools.cache
def classes(library: Any) -> SimpleNamespace:
    """The blocks of a library, by name, and `Steps`, what models are trained by."""
    return SimpleNamespace(**plain_blocks(library), **masked_blocks(library), **sequence_blocks(library))


def plain_blocks(library: Any) -> dict[str, Any]:
    """Blocks of any rank: lists, dicts and nests of layers, weights of one's own, losses, arguments of calls."""
    layers, ops = library.layers, library.ops

    class Residual(layers.Layer):
        """A list of layers, made before the width is known or where it is."""

        def __init__(self, depth: int, activation: str, **kwargs: Any):
            super().__init__(**kwargs)
            self.depth, self.activation, self.supports_masking = depth, activation, True
            self.inner: list[Any] = []

        def build(self, shape: Any) -> None:
            for _ in range(self.depth):
                inner = layers.Dense(shape[-1], activation=self.activation)
                inner.build(shape)
                self.inner.append(inner)
            super().build(shape)

        def call(self, x: Any) -> Any:
            y = x
            for inner in self.inner:
                y = inner(y)
            return x + y

    class Branches(layers.Layer):
        """Dicts and lists in one another, one layer in two places."""

        def __init__(self, width: int, joined: str, **kwargs: Any):
            super().__init__(**kwargs)
            shared = layers.Dense(width, activation="tanh")
            self.joined = joined
            self.branches = {
                "left": [shared, layers.Dense(width)],
                "right": {"one": layers.Dense(width), "two": shared},
            }
            self.norm = layers.LayerNormalization(epsilon=0.01)

        def call(self, x: Any) -> Any:
            left = x
            for layer in self.branches["left"]:
                left = layer(left)
            right = self.branches["right"]["one"](x) + self.branches["right"]["two"](x)
            if self.joined == "concatenate":
                return self.norm(ops.concatenate([left, right], axis=-1))
            return self.norm(left * right if self.joined == "multiply" else ops.maximum(left, right))

    class Affine(layers.Layer):
        """Weights of its own, a number among them, one that is not trained, and one that is regularized."""

        def __init__(self, width: int, **kwargs: Any):
            super().__init__(**kwargs)
            self.width, self.supports_masking = width, True

        def build(self, shape: Any) -> None:
            self.kernel = self.add_weight(
                shape=(shape[-1], self.width), initializer="glorot_uniform", regularizer=library.regularizers.L2(0.01)
            )
            self.bias = self.add_weight(shape=(self.width,), initializer="zeros", name="bias")
            self.gain = self.add_weight(shape=(), initializer="ones", name="gain")
            self.fixed = self.add_weight(shape=(self.width,), initializer="ones", trainable=False, name="fixed")

        def call(self, x: Any) -> Any:
            return self.gain * (ops.matmul(x, self.kernel) + self.bias) * self.fixed

    class Modulated(layers.Layer):
        """Takes more than one argument, and does another thing in training."""

        takes_context = True

        def __init__(self, strength: float, **kwargs: Any):
            super().__init__(**kwargs)
            self.strength = strength

        def build(self, x_shape: Any, context_shape: Any) -> None:
            self.scale = layers.Dense(x_shape[-1], activation="sigmoid")
            self.scale.build(context_shape)

        def call(self, x: Any, context: Any, offset: float = 0.0, training: bool = False) -> Any:
            if training:
                x = x * (1 - self.strength)
            gate = self.scale(context)
            gate = ops.reshape(gate, (-1, *[1] * (len(x.shape) - 2), x.shape[-1]))
            return x * gate + offset

    class Punished(layers.Layer):
        """Adds to the loss, of its inputs and of a weight, more in training."""

        def __init__(self, rate: float, **kwargs: Any):
            super().__init__(**kwargs)
            self.rate = rate
            self.dense = layers.Dense(8, activity_regularizer=library.regularizers.L1(0.01))

        def call(self, x: Any, training: bool = False) -> Any:
            self.add_loss(self.rate * ops.mean(ops.square(x)))
            y = self.dense(x)
            if training:
                self.add_loss(self.rate * ops.mean(ops.abs(self.dense.kernel)))
            return y

    class Tracked(layers.Layer):
        """Keeps a moving mean and a count, and takes the mean of what it saw from what it sees."""

        def __init__(self, **kwargs: Any):
            super().__init__(**kwargs)
            self.supports_masking = True

        def build(self, shape: Any) -> None:
            self.mean = self.add_weight(shape=(shape[-1],), initializer="zeros", trainable=False, name="mean")
            self.count = self.add_weight(shape=(), initializer="zeros", trainable=False, name="count")

        def call(self, x: Any, training: bool = False) -> Any:
            y = x - ops.cast(self.mean, x.dtype)
            if training:
                axes = list(range(len(x.shape) - 1))
                now = ops.stop_gradient(ops.mean(ops.cast(x, "float32"), axis=axes))
                self.mean.assign(self.mean * 0.9 + now * 0.1)
                self.count.assign_add(1.0)
            return y

    class Nested(layers.Layer):
        """A model in a layer, beside a Sequential that is called twice."""

        def __init__(self, width: int, **kwargs: Any):
            super().__init__(**kwargs)
            self.twice = library.Sequential([layers.Dense(width, activation="relu"), layers.BatchNormalization()])
            self.width = width

        def build(self, shape: Any) -> None:
            x = library.Input(tuple(shape[1:]))
            y = layers.Dense(self.width)(x)
            self.model = library.Model(x, y * ops.sigmoid(y))
            self.twice.build(shape)

        def call(self, x: Any, training: bool | None = None) -> Any:
            return self.model(x) + self.twice(x, training=training) - self.twice(-x, training=training)

    class Filled(layers.Layer):
        """Puts a number where one is missing, and remembers where."""

        def __init__(self, missing: float, **kwargs: Any):
            super().__init__(**kwargs)
            self.missing = missing

        def call(self, x: Any) -> Any:
            gone = ops.equal(x, self.missing)
            return ops.concatenate([ops.where(gone, 0.0, x), ops.cast(gone, x.dtype)], axis=-1)

    class Squashed(layers.Layer):
        """A logarithm of both signs, as of numbers of many magnitudes."""

        def call(self, x: Any) -> Any:
            return ops.sign(x) * ops.log1p(ops.abs(x))

    return {c.__name__: c for c in
            (Residual, Branches, Affine, Modulated, Punished, Tracked, Nested, Filled, Squashed)}  # fmt: skip


def masked_blocks(library: Any) -> dict[str, Any]:
    """Convolutions and products whose weights are masked, in the ways in which users do that."""
    layers, ops = library.layers, library.ops

    class Kept(library.constraints.Constraint):
        """Zeros what a mask does not keep, after each step."""

        def __init__(self, mask: Any):
            self.mask = mask

        def __call__(self, w: Any) -> Any:
            return w * ops.cast(self.mask, w.dtype)

    class MaskedConv(layers.Layer):
        """A convolution over one axis or two with a masked kernel.

        ``way``: ``"product"`` multiplies a weight of its own before each call; ``"assigned"`` writes the product into
        an inner layer's kernel, as PixelCNN's tutorial; ``"constraint"`` has the optimizer do that; ``"weights"`` has
        zeros in the weights that a step then moves.
        """

        def __init__(self, filters: int, size: int, kind: str, way: str, seed: int, strides: int = 1, dilation: int = 1,
                     padding: str = "same", **kwargs: Any):  # fmt: skip
            super().__init__(**kwargs)
            self.filters, self.size, self.kind, self.way, self.seed = filters, size, kind, way, seed
            self.settings = {"strides": strides, "padding": padding, "dilation_rate": dilation}

        def build(self, shape: Any) -> None:
            rank = len(shape) - 2
            kernel = (self.size,) * rank + (shape[-1], self.filters)
            self.mask = causal_mask(kernel, self.kind, self.seed)
            if self.way == "product":
                self.kernel = self.add_weight(shape=kernel, initializer="he_normal", name="kernel")
                return
            kept = {"kernel_constraint": Kept(self.mask)} if self.way == "constraint" else {}
            inner = layers.Conv1D if rank == 1 else layers.Conv2D
            self.conv = inner(self.filters, self.size, kernel_initializer="he_normal", **self.settings, **kept)
            self.conv.build(shape)
            self.conv.trainable = self.way != "assigned"  # JAX alone differentiates an assignment

        def prune(self) -> None:
            """The mask in the weights from the first."""
            if self.way != "product":
                self.conv.kernel.assign(self.conv.kernel.numpy() * self.mask)

        def call(self, x: Any) -> Any:
            if self.way == "product":
                kernel = ops.cast(self.kernel, x.dtype) * ops.cast(self.mask, x.dtype)
                return ops.conv(x, kernel, **self.settings)
            if self.way == "assigned":
                self.conv.kernel.assign(self.conv.kernel * self.mask)
            return self.conv(x)

    class MaskedDense(layers.Dense):
        """A layer of the library whose call multiplies by a mask, as MADE's."""

        def __init__(self, units: int, seed: int, **kwargs: Any):
            super().__init__(units, **kwargs)
            self.seed = seed

        def build(self, shape: Any) -> None:
            super().build(shape)
            self.mask = causal_mask((shape[-1], self.units), "numbers", self.seed)

        def call(self, x: Any) -> Any:
            y = ops.matmul(x, ops.cast(self.kernel, x.dtype) * ops.cast(self.mask, x.dtype))
            return y + ops.cast(self.bias, y.dtype)

    return {"MaskedConv": MaskedConv, "MaskedDense": MaskedDense}


def sequence_blocks(library: Any) -> dict[str, Any]:
    """Blocks that know masks of steps."""
    layers, ops = library.layers, library.ops

    class MaskedMean(layers.Layer):
        """The mean of the steps that count."""

        def __init__(self, **kwargs: Any):
            super().__init__(**kwargs)
            self.supports_masking = True

        def call(self, x: Any, mask: Any = None) -> Any:
            if mask is None:
                return ops.mean(x, axis=1)
            kept = ops.expand_dims(ops.cast(mask, x.dtype), -1)
            return ops.sum(x * kept, axis=1) / ops.maximum(ops.sum(kept, axis=1), 1.0)

        def compute_mask(self, inputs: Any, mask: Any = None) -> Any:
            return None

    class Attending(layers.Layer):
        """Causal attention written with ops."""

        def __init__(self, width: int, **kwargs: Any):
            super().__init__(**kwargs)
            self.query, self.key, self.value = (layers.Dense(width, name=n) for n in ("query", "key", "value"))
            self.width = width

        def call(self, x: Any) -> Any:
            scores = ops.einsum("bqd,bkd->bqk", self.query(x), self.key(x)) / self.width**0.5
            length = x.shape[1]
            future = np.triu(np.ones((length, length), "float32"), 1)
            scores = scores - 1e4 * ops.cast(future, scores.dtype)
            return ops.einsum("bqk,bkd->bqd", ops.softmax(scores, axis=-1), self.value(x))

    class Stepped(layers.Layer):
        """A cell of its own in the library's RNN."""

        def __init__(self, units: int, **kwargs: Any):
            super().__init__(**kwargs)

            class Cell(layers.Layer):
                def __init__(self, units: int, **kwargs: Any):
                    super().__init__(**kwargs)
                    self.units = self.state_size = self.output_size = units

                def build(self, shape: Any) -> None:
                    self.inner = layers.Dense(self.units)
                    self.outer = self.add_weight(shape=(self.units, self.units), initializer="orthogonal", name="outer")
                    self.inner.build(shape)

                def call(self, x: Any, states: Any, training: bool | None = None) -> Any:
                    h = ops.tanh(self.inner(x) + ops.matmul(states[0], ops.cast(self.outer, x.dtype)))
                    return h, [h]

            self.rnn = layers.RNN(Cell(units), return_sequences=True)
            self.supports_masking = True

        def call(self, x: Any, mask: Any = None) -> Any:
            return self.rnn(x, mask=mask)

    return {"MaskedMean": MaskedMean, "Attending": Attending, "Stepped": Stepped}


def masked_loss(library: Any) -> Any:
    """Squares of the errors, but where the label is missing."""
    ops = library.ops

    def squares_of_known(y: Any, y_pred: Any) -> Any:
        y_pred = ops.cast(y_pred, "float32")
        known = ops.not_equal(ops.cast(y, "float32"), MISSING)
        return ops.mean(ops.where(known, ops.square(ops.cast(y, "float32") - y_pred), 0.0), axis=-1)

    return squares_of_known


def steps(library: Any, written: dict[str, Any]) -> type:
    """What is mixed into a model: `compute_loss`, `train_step` and `test_step`, as ``written`` says."""
    ops = library.ops

    class Steps:
        def penalty(self, y_pred: Any) -> Any:
            return 0.1 * ops.mean(ops.square(ops.cast(y_pred, "float32")))

    if written["compute_loss"]:

        def compute_loss(self: Any, x: Any = None, y: Any = None, y_pred: Any = None, sample_weight: Any = None,
                         training: bool = True, **others: Any) -> Any:  # fmt: skip
            loss = super(Steps, self).compute_loss(x, y, y_pred, sample_weight, training=training)
            return loss + self.penalty(y_pred)

        Steps.compute_loss = compute_loss
    if written["train_step"]:
        (tape_step if library.__name__ == "pronghorn" else state_step)(library, Steps, written["train_step"])
    return Steps


def shaped(ops: Any, kind: str, grads: list[Any]) -> list[Any]:
    """What a training step makes of its gradients."""
    if kind == "clipped":
        return [ops.clip(g, -0.02, 0.02) for g in grads]
    if kind == "centred":
        return [g - ops.mean(g, axis=0, keepdims=True) if len(g.shape) > 1 else g for g in grads]
    return [g * 0.5 for g in grads]


def value_of(metric: Any, loss: Any, y: Any, y_pred: Any) -> tuple[Any, ...]:
    """What a metric is updated with in a step of one's own."""
    return (loss,) if metric.name == "loss" else (y, y_pred)


def tape_step(library: Any, steps_class: Any, kind: str) -> None:
    def total(self: Any, x: Any, y: Any, sample_weight: Any, training: bool) -> Any:
        y_pred = self(x, training=training)
        loss = self.compute_loss(x, y, y_pred, sample_weight, training=training)
        if kind == "twice":
            loss = loss + library.ops.mean(library.ops.square(y_pred - self(0.5 * x, training=training)))
        return loss, y_pred

    def logs(self: Any, loss: Any, y: Any, y_pred: Any) -> dict[str, Any]:
        for metric in self.metrics:
            metric.update_state(*value_of(metric, loss, y, y_pred))
        return self.get_metrics_result()

    def train_step(self: Any, data: Any) -> Any:
        x, y, sample_weight = library.utils.unpack_x_y_sample_weight(data)
        with library.GradientTape() as tape:
            loss, y_pred = total(self, x, y, sample_weight, True)
        grads = shaped(library.ops, kind, tape.gradient(loss, self.trainable_variables))
        self.optimizer.apply(grads, self.trainable_variables)
        return logs(self, loss, y, y_pred)

    def test_step(self: Any, data: Any) -> Any:
        x, y, sample_weight = library.utils.unpack_x_y_sample_weight(data)
        return logs(self, *(lambda loss, y_pred: (loss, y, y_pred))(*total(self, x, y, sample_weight, False)))

    steps_class.train_step, steps_class.test_step = train_step, test_step


def state_step(library: Any, steps_class: Any, kind: str) -> None:
    import jax

    def total(self: Any, trained: Any, others: Any, x: Any, y: Any, sample_weight: Any, training: bool) -> Any:
        scope = [*zip(self.trainable_variables, trained), *zip(self.non_trainable_variables, others)]
        with library.StatelessScope(scope, collect_losses=True) as inside:
            y_pred = self(x, training=training)
            loss = self.compute_loss(x, y, y_pred, sample_weight, training=training)
            if kind == "twice":
                loss = loss + library.ops.mean(library.ops.square(y_pred - self(0.5 * x, training=training)))
        left = [v if (new := inside.get_current_value(v)) is None else new for v in self.non_trainable_variables]
        return loss, (y_pred, left)

    def logs(self: Any, counted: Any, loss: Any, y: Any, y_pred: Any) -> Any:
        with library.StatelessScope([*zip(self.metrics_variables, counted)]) as inside:
            for metric in self.metrics:
                metric.update_state(*value_of(metric, loss, y, y_pred))
            result = self.get_metrics_result()
        left = [inside.get_current_value(v) for v in self.metrics_variables]
        return result, [old if new is None else new for old, new in zip(counted, left)]

    def train_step(self: Any, state: Any, data: Any) -> Any:
        trained, others, slots, counted = state
        x, y, sample_weight = library.utils.unpack_x_y_sample_weight(data)
        make = jax.value_and_grad(lambda t: total(self, t, others, x, y, sample_weight, True), has_aux=True)
        (loss, (y_pred, others)), grads = make(trained)
        trained, slots = self.optimizer.stateless_apply(slots, shaped(library.ops, kind, grads), trained)
        result, counted = logs(self, counted, loss, y, y_pred)
        return result, (trained, others, slots, counted)

    def test_step(self: Any, state: Any, data: Any) -> Any:
        trained, others, counted = state
        x, y, sample_weight = library.utils.unpack_x_y_sample_weight(data)
        loss, (y_pred, others) = total(self, trained, others, x, y, sample_weight, False)
        result, counted = logs(self, counted, loss, y, y_pred)
        return result, (trained, others, counted)

    steps_class.train_step, steps_class.test_step = train_step, test_step


def build(library: Any, spec: dict[str, Any]) -> Any:
    """The model of a specification, subclassed or functional, built, not compiled."""
    library.config.set_dtype_policy(spec["policy"])
    try:
        blocks = [block(library, b, i) for i, b in enumerate(spec["blocks"])]
        given = library.Input(tuple(spec["input"]["shape"]), dtype=spec["input"]["dtype"])
        mixed = steps(library, spec["steps"])
        if spec["form"] == "functional":

            class Written(mixed, library.Model):
                pass

            model = Written(given, chained(library, blocks, given, None))
        else:

            class Written(mixed, library.Model):
                def __init__(self, blocks: list[Any], **kwargs: Any):
                    super().__init__(**kwargs)
                    self.blocks = {"first": blocks[0], "others": blocks[1:]}

                def call(self, x: Any, training: bool | None = None) -> Any:
                    return chained(library, [self.blocks["first"], *self.blocks["others"]], x, training)

            model = Written(blocks)
            model(given)
        for b in blocks:
            if hasattr(b, "prune"):
                b.prune()
        return model
    finally:
        library.config.set_dtype_policy("float32")


def chained(library: Any, blocks: list[Any], x: Any, training: bool | None) -> Any:
    """One block after another; those that take it are given the first three features' means as context.

    What a model is told of training is told to its blocks: Keras on JAX calls a model's `call` in its steps, not the
    model, so that its layers cannot know otherwise.
    """
    first = x
    for b in blocks:
        told = (
            {} if training is None or "training" not in inspect.signature(b.call).parameters else {"training": training}
        )
        if getattr(b, "takes_context", False):
            axes = list(range(1, len(first.shape) - 1))
            means = library.ops.mean(library.ops.tanh(first), axis=axes) if axes else library.ops.tanh(first)
            x = b(x, means[:, :3], offset=0.25, **told)
        else:
            x = b(x, **told)
    return x


def block(library: Any, made: dict[str, Any], number: int) -> Any:
    """A block of one's own, or a layer of the library."""
    source = classes(library) if hasattr(classes(library), made["block"]) else library.layers
    return getattr(source, made["block"])(**made["kwargs"], name=f"b{number}")
