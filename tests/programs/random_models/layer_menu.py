"""What a random model may do next to a value of a given shape: layers of every family with drawn arguments."""

from __future__ import annotations

import random
from collections.abc import Callable
from math import prod
from typing import Any

from random_models.spec import Node, make

SIZES = (1, 2, 3, 4, 5, 7, 8, 16, 17, 31, 33)
# Not tanh_shrink: for small numbers it is the difference of two equal ones, of which 16 bits leave nothing.
ACTIVATIONS = (
    "relu", "tanh", "sigmoid", "gelu", "elu", "silu", "selu", "softplus", "softsign", "leaky_relu", "relu6", "mish",
    "hard_sigmoid", "hard_silu", "celu", "softmax", "linear", "log_sigmoid", "hard_tanh", "soft_shrink", "squareplus",
)  # fmt: skip
LARGEST = 3000  # elements of a value, without the batch

Shape = tuple[int, ...]
Choice = Callable[["Draw", Shape], dict[str, Any] | None]
# Family -> (weight, ranks without the batch, function); None from the function: not for this shape.
MENU: dict[str, tuple[float, tuple[int, ...], Choice]] = {}


class Draw(random.Random):
    """Random choices in the words that the menus need."""

    policy = "float32"  # of the model that is drawn

    def rarely(self, one_in: int = 5) -> bool:
        return self.randrange(one_in) == 0

    def some(self, **choices: Any) -> dict[str, Any]:
        """Each argument with probability a third, as one of its values."""
        return {k: self.choice(v) for k, v in choices.items() if self.rarely(3)}

    def size(self, largest: int = 33) -> int:
        return self.choice([s for s in SIZES if s <= largest])

    def activation(self) -> dict[str, Any]:
        return {"activation": self.choice(ACTIVATIONS)} if self.rarely(2) else {}

    def weights(self) -> dict[str, Any]:
        """Regularizers and constraints of a kernel, now and then."""
        result: dict[str, Any] = {}
        if self.rarely(8):
            result["kernel_regularizer"] = make("regularizers", *self.choice((("L2",), ("L1",), ("L1L2",))))
        if self.rarely(12):
            result["kernel_constraint"] = make("constraints", self.choice(("MaxNorm", "UnitNorm", "NonNeg")))
        if self.rarely(12):
            result["activity_regularizer"] = make("regularizers", "L2", l2=0.01)
        return result


def offers(name: str, ranks: tuple[int, ...], weight: float = 1.0) -> Callable[[Choice], Choice]:
    """Register ``function(draw, shape)``, which gives a node's ``layer`` and ``kwargs``, for values of these ranks."""

    def register(function: Choice) -> Choice:
        MENU[name] = (weight, ranks, function)
        return function

    return register


def layer(name: str, /, **kwargs: Any) -> Node:
    return {"layer": name, "kwargs": kwargs}


# -- core, activations, normalization ----------------------------------------------------------------------------------
@offers("dense", (1, 2, 3, 4), 3)
def dense(d: Draw, shape: Shape) -> Node:
    return layer("Dense", units=d.size(), **d.activation(), **d.some(use_bias=(False,)), **d.weights())


@offers("einsum dense", (2,), 0.7)
def einsum_dense(d: Draw, shape: Shape) -> Node:
    units = d.size(17)  # where the shape has a None, as it may, Keras no longer knows the extent
    if d.rarely(2):
        return layer(
            "EinsumDense", equation="abc,cd->abd", output_shape=[shape[0], units], bias_axes="d", **d.activation()
        )
    return layer(
        "EinsumDense", equation="abc,cde->abde", output_shape=[shape[0], 2, units], **d.some(bias_axes=("de",))
    )


@offers("activation", (1, 2, 3, 4), 1.5)
def activation(d: Draw, shape: Shape) -> Node:
    kind = d.choice(("Activation", "ReLU", "LeakyReLU", "ELU", "PReLU", "Softmax"))
    if kind == "Activation":
        return layer(kind, activation=d.choice(ACTIVATIONS))
    if kind == "ReLU":
        return layer(kind, **d.some(max_value=(1.0, 6.0), negative_slope=(0.1,), threshold=(0.2,)))
    if kind == "LeakyReLU":
        return layer(kind, negative_slope=0.2)
    if kind == "ELU":
        return layer(kind, alpha=0.7)
    if kind == "PReLU":
        return layer(kind, **d.some(shared_axes=([1],)))
    return layer(kind, axis=d.choice(range(1, len(shape) + 1)))


@offers("normalization", (1, 2, 3, 4), 2)
def normalization(d: Draw, shape: Shape) -> Node | None:
    kind = d.choice(("BatchNormalization",) * 3 + ("LayerNormalization",) * 2
                    + ("GroupNormalization", "RMSNormalization", "UnitNormalization"))  # fmt: skip
    axis = d.choice((-1, -1, *range(1, len(shape) + 1)))
    width = shape[axis if axis < 0 else axis - 1]
    if kind == "BatchNormalization":
        return layer(kind, axis=axis, **d.some(momentum=(0.5, 0.9), epsilon=(0.01,), center=(False,), scale=(False,)))
    if kind == "GroupNormalization":
        groups = d.choice([g for g in (1, 2, 3, width) if width % g == 0])
        if groups == prod(shape):
            return None  # as of a LayerNormalization of one number
        return layer(kind, axis=axis, groups=groups, **d.some(epsilon=(0.01,), center=(False,), scale=(False,)))
    if kind == "LayerNormalization":
        axes = [1, 2] if len(shape) > 1 and d.rarely(3) else axis
        if width == 1 and axes == axis:
            return None  # of one number, nothing but its rounding error is left
        return layer(kind, axis=axes, **d.some(epsilon=(0.01,), center=(False,), scale=(False,)))
    if kind == "RMSNormalization":
        return layer(kind, axis=-1, **d.some(epsilon=(0.01,)))
    return layer(kind, axis=axis)


@offers("regularization", (1, 2, 3, 4), 0.7)
def regularization(d: Draw, shape: Shape) -> Node:
    """Those that draw at random do so in training with rate 0 alone."""
    kinds = ["Dropout", "AlphaDropout", "GaussianDropout", "GaussianNoise", "ActivityRegularization"]
    kind = d.choice([*kinds, *([f"SpatialDropout{len(shape) - 1}D"] if len(shape) > 1 else [])])
    if kind == "ActivityRegularization":
        return layer(kind, l1=0.01, l2=0.02)
    return layer(kind, **{"stddev" if kind == "GaussianNoise" else "rate": 0.0})


@offers("rescaling", (1, 2, 3, 4), 0.4)
def rescaling(d: Draw, shape: Shape) -> Node:
    if d.rarely(2):
        return layer("Rescaling", scale=0.5, offset=0.25)
    return layer("Normalization", axis=None, mean=0.5, variance=2.0)


# -- convolutions and pooling ------------------------------------------------------------------------------------------
def format_of(d: Draw, kwargs: dict[str, Any]) -> bool:
    """Whether channels come first, in one of five layers."""
    first = d.rarely()
    if first:
        kwargs["data_format"] = "channels_first"
    return first


def window(d: Draw, sizes: Shape, key: str, padding: str) -> dict[str, Any] | None:
    """A window that fits into ``sizes``; nothing where all of them are too small."""
    rank = len(sizes)
    kernel = [d.choice((1, 2, 3, 3, 5)) for _ in range(rank)]
    if padding == "valid":
        kernel = [min(k, n) for k, n in zip(kernel, sizes)]
    return {key: kernel, "padding": padding}


def spatial(shape: Shape, first: bool) -> tuple[Shape, int]:
    return (shape[1:], shape[0]) if first else (shape[:-1], shape[-1])


@offers("convolution", (2, 3, 4), 4)
def convolution(d: Draw, shape: Shape) -> Node:
    rank, kwargs = len(shape) - 1, {}
    sizes, channels = spatial(shape, format_of(d, kwargs))
    paddings = ("valid", "same", "causal") if rank == 1 and not kwargs else ("valid", "same")
    kwargs |= window(d, sizes, "kernel_size", d.choice(paddings))
    if d.rarely(3):
        kwargs["strides"] = [d.choice((1, 2, 3)) for _ in range(rank)]
    elif d.rarely(3):
        kwargs["dilation_rate"] = [
            r if (k - 1) * r < n or kwargs["padding"] != "valid" else 1
            for k, n, r in zip(kwargs["kernel_size"], sizes, [d.choice((1, 2, 3)) for _ in range(rank)])
        ]
    groups = d.choice([g for g in (1, 1, 1, 2, 3, channels) if channels % g == 0])
    filters = d.size(17)
    if groups > 1:
        kwargs["groups"], filters = groups, groups * d.choice((1, 2, 3))
    kwargs |= d.activation() | d.some(use_bias=(False,)) | d.weights()
    return layer(f"Conv{rank}D", filters=filters, **kwargs)


@offers("depthwise", (2, 3), 1.5)
def depthwise(d: Draw, shape: Shape) -> Node:
    rank, kwargs = len(shape) - 1, {}
    sizes, _ = spatial(shape, format_of(d, kwargs))
    kwargs |= window(d, sizes, "kernel_size", d.choice(("valid", "same")))
    if d.rarely(3):
        kwargs["strides"] = d.choice((2, 3))
    elif d.rarely(3) and kwargs["padding"] == "same":
        kwargs["dilation_rate"] = 2
    kwargs |= d.some(depth_multiplier=(2, 3), use_bias=(False,)) | d.activation()
    if d.rarely(2):
        return layer(f"DepthwiseConv{rank}D", **kwargs)
    return layer(f"SeparableConv{rank}D", filters=d.size(17), **kwargs)


@offers("transposed convolution", (2, 3, 4), 1)
def transposed(d: Draw, shape: Shape) -> Node:
    rank, kwargs = len(shape) - 1, {}
    format_of(d, kwargs)
    kwargs |= {"kernel_size": [d.choice((1, 2, 3)) for _ in range(rank)], "padding": d.choice(("valid", "same"))}
    if d.rarely(2):
        kwargs["strides"] = [d.choice((1, 2, 3)) for _ in range(rank)]
    return layer(f"Conv{rank}DTranspose", filters=d.size(7), **kwargs, **d.activation(), **d.some(use_bias=(False,)))


@offers("pooling", (2, 3, 4), 1.5)
def pooling(d: Draw, shape: Shape) -> Node:
    rank, kwargs = len(shape) - 1, {}
    sizes, _ = spatial(shape, format_of(d, kwargs))
    kwargs |= window(d, sizes, "pool_size", d.choice(("valid", "same")))
    if d.rarely(3):
        kwargs["strides"] = [d.choice((1, 2, 3)) for _ in range(rank)]
    return layer(f"{d.choice(('Max', 'Average'))}Pooling{rank}D", **kwargs)


@offers("global pooling", (2, 3, 4), 0.6)
def global_pooling(d: Draw, shape: Shape) -> Node:
    rank, kwargs = len(shape) - 1, {}
    format_of(d, kwargs)
    if d.rarely(2):
        size = [d.choice((1, 2, 3)) for _ in range(rank)]
        return layer(f"Adaptive{d.choice(('Max', 'Average'))}Pooling{rank}D", output_size=size, **kwargs)
    return layer(f"Global{d.choice(('Max', 'Average'))}Pooling{rank}D", **kwargs, **d.some(keepdims=(True,)))


@offers("edges", (2, 3, 4), 1)
def edges(d: Draw, shape: Shape) -> Node | None:
    """What crops, pads and enlarges."""
    rank, kwargs = len(shape) - 1, {}
    sizes, _ = spatial(shape, rank > 1 and format_of(d, kwargs))
    pairs = [[d.randrange(3), d.randrange(3)] for _ in range(rank)]
    kind = d.choice(("Cropping", "ZeroPadding", "UpSampling"))
    if kind == "UpSampling":
        size = [d.choice((1, 2, 3)) for _ in range(rank)]
        if rank == 2:
            kwargs |= d.some(interpolation=("nearest", "bilinear"))
        return layer(f"UpSampling{rank}D", size=size[0] if rank == 1 else size, **kwargs)
    if kind == "Cropping":
        pairs = [p if sum(p) < n else [0, 0] for p, n in zip(pairs, sizes)]
    amounts = pairs[0] if rank == 1 else pairs
    return layer(f"{kind}{rank}D", **{"cropping" if kind == "Cropping" else "padding": amounts}, **kwargs)


# -- recurrent ---------------------------------------------------------------------------------------------------------
def gated(d: Draw, kind: str) -> dict[str, Any]:
    kwargs: dict[str, Any] = {"units": d.size(8)} | d.some(use_bias=(False,), activation=("relu", "sigmoid"))
    if kind == "LSTM":
        kwargs |= d.some(unit_forget_bias=(False,), recurrent_activation=("tanh", "hard_sigmoid"))
    if kind == "GRU":
        kwargs |= d.some(reset_after=(False,), recurrent_activation=("tanh", "hard_sigmoid"))
    return without_other_dtypes(d.policy, kind, kwargs)


def without_other_dtypes(policy: str, kind: str, kwargs: dict[str, Any]) -> dict[str, Any]:
    """Without what gives a state another dtype than it had, for which Keras on JAX ends with an error of `lax.scan`:
    its tanh of float64 is float32, and its GRU without a bias multiplies with a float32 kernel where 16 bits are asked.
    """
    if policy == "float64" and kind == "SimpleRNN" and "activation" not in kwargs:
        kwargs["activation"] = "softsign"
    if policy == "float64" and kind == "LSTM" and kwargs.get("recurrent_activation") == "tanh":
        del kwargs["recurrent_activation"]
    if policy.startswith("mixed") and kind == "GRU":
        kwargs.pop("use_bias", None)
    return kwargs


@offers("recurrent", (2,), 2)
def recurrent(d: Draw, shape: Shape) -> Node | None:
    if shape[0] > 9:
        return None
    kind = d.choice(("LSTM", "GRU", "SimpleRNN"))
    loop = {"return_sequences": True} if d.rarely(2) else {}
    loop |= d.some(go_backwards=(True,))
    form = d.choice(("layer", "layer", "cells", "bidirectional", "bidirectional"))
    if form == "layer":
        extra = d.choice(({}, {}, {"unroll": True}, {"zero_output_for_mask": True}))
        kwargs = {**gated(d, kind), **loop, **extra, **d.weights()}
        if kind == "SimpleRNN":
            kwargs.pop("activity_regularizer", None)  # Keras's takes one and forgets it
        return layer(kind, **kwargs)
    if form == "cells":
        kinds = [d.choice(("LSTM", "GRU", "SimpleRNN")) for _ in range(d.choice((1, 2)))]
        cells = [make("layers", f"{k}Cell", **gated(d, k)) for k in kinds]
        return layer("RNN", cell=cells if len(cells) > 1 else cells[0], **loop)
    loop.pop("go_backwards", None)  # Keras refuses that of a layer to be turned around, for which ours goes both ways
    inner = make("layers", kind, **gated(d, kind), **loop)
    return layer("Bidirectional", layer=inner, merge_mode=d.choice(("concat", "sum", "mul", "ave")))


@offers("convolutional recurrent", (3, 4), 0.5)
def conv_lstm(d: Draw, shape: Shape) -> Node | None:
    if shape[0] > 5:
        return None
    rank = len(shape) - 2
    kwargs = {"filters": d.choice((1, 2, 3)), "padding": "same", "kernel_size": [d.choice((1, 2, 3))] * rank}
    return layer(f"ConvLSTM{rank}D", **kwargs, **d.some(return_sequences=(True,), use_bias=(False,)))


@offers("time distributed", (2, 3, 4), 0.8)
def time_distributed(d: Draw, shape: Shape) -> Node | None:
    if len(shape) == 2:
        inner = d.choice((layer("Dense", units=d.size(8)), layer("LayerNormalization"), layer("ELU")))
    elif len(shape) == 3:
        inner = d.choice((layer("Conv1D", filters=3, kernel_size=2, padding="same"), layer("Flatten"),
                          layer("GRU", units=3), layer("GlobalMaxPooling1D")))  # fmt: skip
        if inner["layer"] == "GRU" and shape[1] > 9:
            return None
    else:
        inner = d.choice((layer("Conv2D", filters=3, kernel_size=2, padding="same"), layer("GlobalAveragePooling2D")))
    return layer("TimeDistributed", layer=make("layers", inner["layer"], **inner["kwargs"]))


# -- attention ---------------------------------------------------------------------------------------------------------
@offers("attention", (2,), 1.5)
def attention(d: Draw, shape: Shape) -> Node:
    kind = d.choice(("Attention", "AdditiveAttention", "MultiHeadAttention", "GroupQueryAttention"))
    call = {"use_causal_mask": True} if d.rarely(3) else {}
    if kind in ("Attention", "AdditiveAttention"):
        return layer(kind, **d.some(use_scale=(True, False))) | {"call": call, "twice": True}
    if kind == "MultiHeadAttention":
        kwargs = {"num_heads": d.choice((1, 2, 3)), "key_dim": d.choice((1, 3, 4, 8))} | d.some(use_bias=(False,))
    else:
        heads = d.choice((1, 2))
        kwargs = {"head_dim": d.choice((1, 3, 4)), "num_key_value_heads": heads}
        kwargs["num_query_heads"] = heads * d.choice((1, 2))
    return layer(kind, **kwargs) | {"call": call, "twice": True, "spread": True}


# -- shapes ------------------------------------------------------------------------------------------------------------
@offers("flatten", (2, 3, 4), 0.4)
def flatten(d: Draw, shape: Shape) -> Node:
    return layer("Flatten", **d.some(data_format=("channels_first",)))


@offers("reshape", (1, 2, 3, 4), 1)
def reshape(d: Draw, shape: Shape) -> Node | None:
    count, target = 1, []
    for n in shape:
        count *= n
    rest = count
    for _ in range(d.randrange(3)):
        target.append(d.choice([n for n in range(1, 9) if rest % n == 0]))
        rest //= target[-1]
    target.append(rest)
    d.shuffle(target)
    if d.rarely(3):
        target[d.randrange(len(target))] = -1
    return layer("Reshape", target_shape=target)


@offers("permute", (2, 3, 4), 0.5)
def permute(d: Draw, shape: Shape) -> Node:
    return layer("Permute", dims=d.sample(range(1, len(shape) + 1), len(shape)))


@offers("repeat", (1,), 0.7)
def repeat(d: Draw, shape: Shape) -> Node:
    return layer("RepeatVector", n=d.choice((1, 2, 3, 5, 7)))


# -- operations --------------------------------------------------------------------------------------------------------
X = {"$value": "x"}


@offers("operation", (1, 2, 3, 4), 2)
def operation(d: Draw, shape: Shape) -> Node:
    """One of `ops` on the value; ``X`` stands for it."""
    axis = d.choice(range(1, len(shape) + 1))
    unary = ("tanh", "sigmoid", "relu", "abs", "sin", "square", "softplus", "negative", "silu", "erf", "cos", "sign")
    choices = [
        {"op": d.choice(unary), "args": [X]},
        {"op": "multiply", "args": [X, 0.5]},
        {"op": "subtract", "args": [1.0, X]},
        {"op": "add", "args": [X, X]},
        {"op": "maximum", "args": [X, 0.1]},
        {"op": "clip", "args": [X, -0.5, 0.75]},
        {"op": "flip", "args": [X], "kwargs": {"axis": axis}},
        {"op": "roll", "args": [X, d.choice((1, 2, -1))], "kwargs": {"axis": axis}},
        {"op": "repeat", "args": [X, 2], "kwargs": {"axis": axis}},
        {"op": "expand_dims", "args": [X], "kwargs": {"axis": axis}},
        {"op": "cumsum", "args": [X], "kwargs": {"axis": axis}},
        {"op": "arcsinh", "args": [X]},
        {"op": "softmax", "args": [X], "kwargs": {"axis": axis}},
        {"op": "take", "args": [X, [0, shape[axis - 1] - 1, 0]], "kwargs": {"axis": axis}},
        {"op": "sort", "args": [X], "kwargs": {"axis": axis}},
        {"op": "tile", "args": [X, [1, *(d.choice((1, 1, 2)) for _ in shape)]]},
    ]
    if len(shape) > 1:
        reducing = ("mean", "max", "sum", "min", "logsumexp", "amax", "var", "prod")
        choices += [{"op": d.choice(reducing), "args": [X], "kwargs": {"axis": axis, "keepdims": d.rarely(2)}}] * 3
        choices += [{"op": "swapaxes", "args": [X, 1, len(shape)]}]
        if shape[axis - 1] == 1:
            choices += [{"op": "squeeze", "args": [X], "kwargs": {"axis": axis}}] * 3
    return d.choice(choices)
