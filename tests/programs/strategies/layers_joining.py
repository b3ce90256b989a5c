"""Merging and reshaping layers, and attention."""

from __future__ import annotations

from typing import Any

import numpy as np
from hypothesis import strategies as st

from strategies.layers_base import Draw, Sample, samples_of


# -- merging ----------------------------------------------------------------------------------------------------------
def alike(d: Draw, count: int, *, broadcast: bool = True) -> list[np.ndarray]:
    """Arrays of one shape, or of shapes that broadcast: extents of one, or axes that some lack."""
    shape = (d.int(1, 3), *d.ints(d.int(1, 3), 1, 4))
    if not broadcast or d.bool():
        return [d.array(*shape) for _ in range(count)]
    return [d.array(shape[0], *(1 if d.rarely() else n for n in shape[1:])) for _ in range(count)]


@samples_of("Add", "Average", "Maximum", "Minimum", "Multiply", masked=True)
def merging(d: Draw, name: str) -> Sample:
    return Sample(name, {}, [alike(d, d.int(2, 4))])


@samples_of("Subtract", masked=True)
def subtract(d: Draw, name: str) -> Sample:
    return Sample(name, {}, [alike(d, 2)])


@samples_of("Concatenate", masked=True)
def concatenate(d: Draw, name: str) -> Sample:
    first = alike(d, 1)[0]
    axis = d.one(-1, *range(1, first.ndim))
    others = []
    for _ in range(d.int(1, 2)):
        shape = list(first.shape)
        shape[axis] = d.int(1, 4)
        others.append(d.array(*shape))
    return Sample(name, {"axis": axis}, [[first, *others]])


@samples_of("Dot", masked=True)
def dot(d: Draw, name: str) -> Sample:
    batch, shared = d.int(1, 3), d.int(2, 4)
    shapes, axes = [], []
    for _ in range(2):
        rank = d.int(2, 3)
        axis = d.int(1, rank - 1)
        shape = [batch, *d.ints(rank - 1, 1, 4)]
        shape[axis] = shared
        shapes.append(shape)
        axes.append(axis)
    kwargs: dict[str, Any] = {"axes": axes[0] if axes[0] == axes[1] and d.bool() else tuple(axes)}
    return Sample(name, kwargs | d.settings(normalize=(True,)), [[d.array(*s) for s in shapes]])


# -- reshaping --------------------------------------------------------------------------------------------------------
def anything(d: Draw, *shape: int) -> np.ndarray:
    """Floats, or now and then integers: what only moves elements leaves their type as it is."""
    return d.integers(*shape, below=9) if d.rarely() else d.array(*shape)


@samples_of("Flatten", masked=True)
def flatten(d: Draw, name: str) -> Sample:
    x = anything(d, d.int(1, 3), *d.ints(d.int(0, 3), 1, 4))
    return Sample(name, d.settings(data_format=("channels_first", "channels_last")), [x])


@samples_of("Reshape", masked=True)
def reshape(d: Draw, name: str) -> Sample:
    target = list(d.ints(d.int(1, 3), 1, 4))
    x = anything(d, d.int(1, 3), *d(st.permutations(target)), *([1] if d.bool() else []))
    if d.bool():
        target[d.int(0, len(target) - 1)] = -1
    return Sample(name, {"target_shape": tuple(target)}, [x])


@samples_of("Permute")
def permute(d: Draw, name: str) -> Sample:
    x = anything(d, d.int(1, 3), *d.ints(d.int(1, 4), 1, 4))
    return Sample(name, {"dims": tuple(d(st.permutations(list(range(1, x.ndim)))))}, [x])


@samples_of("RepeatVector")
def repeat_vector(d: Draw, name: str) -> Sample:
    return Sample(name, {"n": d.int(1, 4)}, [anything(d, d.int(1, 3), d.int(1, 4))])


# -- attention --------------------------------------------------------------------------------------------------------
def sequences(d: Draw, *, one_width: bool = False) -> list[np.ndarray]:
    """A query, a value and perhaps a key, each [batch, steps, width]."""
    batch, steps, width = d.int(1, 3), d.int(1, 5), d.int(1, 5)
    keyed = d.bool()
    value_width = d.int(1, 5) if keyed and not one_width else width
    query, value = d.array(batch, d.int(1, 5), width), d.array(batch, steps, value_width)
    return [query, value, d.array(batch, steps, width)] if keyed else [query, value]


def masks(d: Draw, arrays: list[np.ndarray]) -> list[np.ndarray] | None:
    """Masks of query and value. No query is left without a step: Keras has several answers for that."""
    if not d.bool():
        return None
    result = [d.mask(*a.shape[:2], full=0.7) for a in arrays[:2]]
    result[1][:, 0] = True
    return result


@samples_of("Attention", "AdditiveAttention", masked=True)
def attention(d: Draw, name: str) -> Sample:
    arrays = sequences(d)
    kwargs: dict[str, Any] = d.settings(use_scale=(True, False))
    if name == "Attention":
        kwargs |= d.settings(score_mode=("concat", "dot"))
    named: dict[str, Any] = {}
    if (both := masks(d, arrays)) is not None:
        named["mask"] = both
    if d.bool():
        named["use_causal_mask"] = True
    if d.bool():
        named["return_attention_scores"] = True
    return Sample(name, kwargs, [arrays], named)


def many_headed(d: Draw, arrays: list[np.ndarray], kwargs: dict[str, Any]) -> dict[str, Any]:
    """Arguments of the call that both many-headed layers take; ``kwargs`` may get a window."""
    query, value = arrays[0], arrays[1]
    named: dict[str, Any] = {}
    if d.bool():
        named["use_causal_mask"] = True
    if query.shape[1] == value.shape[1] and d.bool():
        kwargs["sliding_window"] = d.int(1, 3)  # with further masks, a query might be left without a step
    else:
        if (both := masks(d, arrays)) is not None:
            named["value_mask"] = both[1]  # the query's, given like this, is ignored by Keras 3.15.1
        if d.bool():
            allowed = d.mask(query.shape[0], query.shape[1], value.shape[1], full=0.7)
            allowed[:, :, 0] = True
            named["attention_mask"] = allowed
    if d.bool():
        named["return_attention_scores"] = True
    return named


# JAX's attention has no float16 on a CPU.
@samples_of("MultiHeadAttention", low_precision=("mixed_bfloat16", "bfloat16"))
def multi_head_attention(d: Draw, name: str) -> Sample:
    arrays = sequences(d)
    kwargs: dict[str, Any] = {"num_heads": d.int(1, 3), "key_dim": d.int(1, 4)}
    kwargs |= d.settings(use_bias=(False,), output_shape=(3, (2, 2)), use_gate=(True,))
    kwargs |= d.regularizers("kernel_regularizer", "bias_regularizer")
    named = many_headed(d, arrays, kwargs)
    if "return_attention_scores" in named:  # else JAX's own attention runs, which takes heads of one size only
        kwargs |= d.settings(value_dim=(2, 3))
    return Sample(name, kwargs, arrays, named)


@samples_of("GroupQueryAttention", low_precision=("mixed_bfloat16", "bfloat16"))
def grouped_query_attention(d: Draw, name: str) -> Sample:
    arrays = sequences(d, one_width=True)
    groups = d.int(1, 3)
    kwargs: dict[str, Any] = {
        "head_dim": d.int(1, 4),
        "num_key_value_heads": groups,
        "num_query_heads": groups * d.int(1, 2),
    }
    kwargs |= d.settings(use_bias=(False,), use_gate=(True,))
    return Sample(name, kwargs, arrays, many_headed(d, arrays, kwargs))
