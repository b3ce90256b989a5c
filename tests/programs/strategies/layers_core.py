"""Core, activation, regularization and normalization layers."""

from __future__ import annotations

import string

import numpy as np

from strategies.layers_base import ACTIVATIONS, Draw, Inner, Sample, samples_of

KERNEL = ("kernel_regularizer", "bias_regularizer", "activity_regularizer")


def features(d: Draw, rank_low: int = 2, rank_high: int = 4, low: int = 1, high: int = 5) -> np.ndarray:
    """An array [batch, ..., features]."""
    return d.array(d.int(1, 3), *d.ints(d.int(rank_low, rank_high) - 1, low, high))


@samples_of("Dense", masked=True)
def dense(d: Draw, name: str) -> Sample:
    kwargs = {"units": d.int(1, 6), **d.activation(), **d.settings(use_bias=(False,)), **d.regularizers(*KERNEL)}
    return Sample(name, kwargs, [features(d)])


@samples_of("EinsumDense", masked=True)
def einsum_dense(d: Draw, name: str) -> Sample:
    """Some axes of the input are kept, some summed over, some are new."""
    kept, summed, new = d.int(1, 2), d.int(1, 2), d.int(0, 2)
    letters = string.ascii_lowercase
    batch, free, over = "z", letters[: kept - 1], letters[5 : 5 + summed]
    fresh = letters[10 : 10 + new]
    extents = {letter: d.int(1, 4) for letter in free + over + fresh}
    result = batch + free + fresh
    if d.bool():
        result = batch + fresh + free
    equation = f"{batch}{free}{over},{over}{fresh}->{result}"
    kwargs = {"equation": equation, "output_shape": tuple(extents[c] for c in result[1:]), **d.activation()}
    if fresh and d.bool():
        kwargs["bias_axes"] = fresh if d.bool() else fresh[-1]
    if kwargs.get("activation") == "softmax" and len(result) == 1:
        del kwargs["activation"]  # over the batch alone: nobody means that
    return Sample(name, kwargs, [d.array(d.int(1, 3), *(extents[c] for c in free + over))])


@samples_of("Embedding")
def embedding(d: Draw, name: str) -> Sample:
    size = d.int(1, 7)
    kwargs = {"input_dim": size, "output_dim": d.int(1, 5), **d.settings(mask_zero=(True,))}
    kwargs |= d.regularizers("embeddings_regularizer", "activity_regularizer")
    return Sample(name, kwargs, [d.integers(d.int(1, 3), *d.ints(d.int(0, 2), 1, 5), below=size)])


@samples_of("ReversibleEmbedding")
def reversible_embedding(d: Draw, name: str) -> Sample:
    size, width = d.int(1, 7), d.int(1, 5)
    kwargs = {"input_dim": size, "output_dim": width, **d.settings(tie_weights=(False,), logit_soft_cap=(2.0,))}
    if d.bool():
        return Sample(name, kwargs, [d.array(d.int(1, 3), d.int(1, 4), width)], {"reverse": True})
    return Sample(name, kwargs, [d.integers(d.int(1, 3), d.int(1, 4), below=size)])


@samples_of("Identity", masked=True)
def identity(d: Draw, name: str) -> Sample:
    return Sample(name, {}, [features(d)])


@samples_of("Lambda", masked=True)
def lambda_layer(d: Draw, name: str) -> Sample:
    function = d.one(lambda x: x * 2.0 + x, lambda x: x[:, :1] - x, lambda x: x * x)
    return Sample(name, {"function": function}, [features(d)])


@samples_of("Masking", masked=True)
def masking(d: Draw, name: str) -> Sample:
    x = features(d, 3, 4)
    x[d.mask(*x.shape[:2])] = 0.5
    return Sample(name, {"mask_value": 0.5}, [x])


# -- activations ------------------------------------------------------------------------------------------------------
@samples_of("Activation", masked=True)
def activation(d: Draw, name: str) -> Sample:
    return Sample(name, {"activation": d.one(*ACTIVATIONS[1:], "mish", "celu", "log_softmax")},
                  [d.array(d.int(1, 3), *d.ints(d.int(0, 2), 1, 4), 2 * d.int(1, 3), scale=2.0)])  # fmt: skip


@samples_of("ReLU", masked=True)
def relu(d: Draw, name: str) -> Sample:
    kwargs = d.settings(max_value=(1.0, 0.5), negative_slope=(0.1, 0.3), threshold=(0.2, 0.7))
    return Sample(name, kwargs, [features(d)])


@samples_of("LeakyReLU", "ELU", masked=True)
def leaky(d: Draw, name: str) -> Sample:
    return Sample(name, {"negative_slope" if name == "LeakyReLU" else "alpha": d.float(0.01, 2)}, [features(d)])


@samples_of("PReLU", masked=True)
def prelu(d: Draw, name: str) -> Sample:
    x = features(d)
    axes = [axis for axis in range(1, x.ndim) if d.bool()]
    return Sample(name, {"shared_axes": axes} if axes else {}, [x])


@samples_of("Softmax")
def softmax(d: Draw, name: str) -> Sample:
    x = features(d, low=2)
    axis = d.one(-1, x.ndim - 1, *([1] if x.ndim > 2 else []), *([(1, 2)] if x.ndim == 4 else []))
    named = {}
    if isinstance(axis, int) and d.bool():
        named = {"mask": d.mask(*x.shape)}
    return Sample(name, {"axis": axis}, [x], named)


# -- regularization: outside of training, where nothing is drawn at random --------------------------------------------
@samples_of("Dropout", "AlphaDropout", "GaussianDropout", "GaussianNoise", masked=True)
def dropout(d: Draw, name: str) -> Sample:
    rate = "stddev" if name == "GaussianNoise" else "rate"
    training = d.one(False, True, None)
    return Sample(name, {rate: 0.0 if training else d.float(0, 0.9)}, [features(d)], {"training": training})


@samples_of("SpatialDropout1D", "SpatialDropout2D", "SpatialDropout3D")
def spatial_dropout(d: Draw, name: str) -> Sample:
    return Sample(name, {"rate": d.float(0, 0.9)}, [features(d, rank := int(name[-2]) + 2, rank)], {"training": False})


@samples_of("ActivityRegularization", masked=True)
def activity_regularization(d: Draw, name: str) -> Sample:
    return Sample(name, {"l1": d.float(0, 1), "l2": d.float(0, 1)}, [features(d)])


# -- normalization ----------------------------------------------------------------------------------------------------
# The width of what is normalized is at least three: two numbers may be nearly equal, and then one divides by next to
# nothing, which float32 cannot do to 1e-5.
@samples_of("BatchNormalization")
def batch_normalization(d: Draw, name: str) -> Sample:
    x = d.array(d.int(2, 4), *d.ints(d.int(1, 3) - 1, 2, 4), d.int(1, 5))
    x = np.concatenate([x, d.array(2, *x.shape[1:])])
    axis = d.one(-1, *range(1, x.ndim))
    kwargs = {"axis": axis} | d.settings(
        momentum=(0.7, 0.5), epsilon=(1e-2,), center=(False,), scale=(False,), synchronized=(False,)
    )
    kwargs |= d.regularizers("beta_regularizer", "gamma_regularizer")
    named = {"training": d.one(True, False, None)}
    if x.ndim == 3 and d.bool() and axis in (-1, 2):
        named["mask"] = d.mask(*x.shape[:2], full=0.8)
        named["mask"][:3] = True
    return Sample(name, kwargs, [x], named)


@samples_of("LayerNormalization", masked=True)
def layer_normalization(d: Draw, name: str) -> Sample:
    x = features(d, low=3)
    axis = d.one(-1, x.ndim - 1, *([[1, 2], 1, -2] if x.ndim > 2 else []), *([[-2, -1], (1, 3)] if x.ndim == 4 else []))
    return Sample(name, {"axis": axis} | d.settings(epsilon=(1e-2,), center=(False,), scale=(False,)), [x])


@samples_of("GroupNormalization")
def group_normalization(d: Draw, name: str) -> Sample:
    groups, rank = d.int(1, 3), d.int(2, 4)
    shape = [d.int(1, 3), *d.ints(rank - 1, 2, 4)]
    axis = d.one(-1, *range(1, rank))
    shape[axis] = groups * 3
    kwargs = {"axis": axis, "groups": d.one(groups, groups, -1) if rank > 2 else groups}
    return Sample(name, kwargs | d.settings(epsilon=(1e-2,), center=(False,), scale=(False,)), [d.array(*shape)])


@samples_of("RMSNormalization", masked=True)
def rms_normalization(d: Draw, name: str) -> Sample:
    x = features(d, low=2)
    return Sample(name, {"axis": d.one(-1, x.ndim - 1)} | d.settings(epsilon=(1e-2,)), [x])


@samples_of("UnitNormalization", masked=True)
def unit_normalization(d: Draw, name: str) -> Sample:
    x = features(d, low=2)
    return Sample(name, {"axis": d.one(-1, 1, *([(1, 2), [-1, -2]] if x.ndim > 2 else []))}, [x])


@samples_of("SpectralNormalization", low_precision=())
def spectral_normalization(d: Draw, name: str) -> Sample:
    if d.bool():
        inner, x = Inner("Dense", {"units": d.int(2, 4), **d.activation()}), features(d, 2, 3, low=2)
    else:
        inner, x = Inner("Conv2D", {"filters": d.int(2, 3), "kernel_size": 2}), features(d, 4, 4, low=2)
    kwargs, training = {"layer": inner, "power_iterations": d.int(1, 3)}, d.bool()
    # In training Keras's backends disagree: JAX goes back through the division, TensorFlow, like ours, does not.
    return Sample(name, kwargs, [x], {"training": training}, smooth=not training)
