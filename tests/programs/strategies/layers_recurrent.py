"""Recurrent layers, their cells and wrappers."""

from __future__ import annotations

from typing import Any

import numpy as np

from strategies.layers_base import Draw, Inner, Sample, samples_of

# JAX has no orthogonal matrices of 16 bits, with which these start.
MIXED = ("mixed_bfloat16", "mixed_float16")
GATED = ("LSTM", "GRU", "SimpleRNN")


def states(d: Draw, kind: str, batch: int, units: int) -> list[np.ndarray]:
    return [d.array(batch, units) for _ in range(2 if kind.startswith("LSTM") else 1)]


def cell_settings(d: Draw, kind: str) -> dict[str, Any]:
    """Arguments that a cell and its layer share."""
    kwargs: dict[str, Any] = {"units": d.int(1, 4)}
    kwargs |= d.settings(use_bias=(False,), activation=("relu", "sigmoid", None))
    if kind == "LSTM":
        kwargs |= d.settings(unit_forget_bias=(False,), recurrent_activation=("tanh", "hard_sigmoid"))
    if kind == "GRU":
        kwargs |= d.settings(reset_after=(False,), recurrent_activation=("tanh", "hard_sigmoid"))
    return kwargs


def mask_of(d: Draw, batch: int, steps: int) -> dict[str, Any]:
    if not d.bool():
        return {}
    mask = d.mask(batch, steps)
    if d.bool():  # left or right padded, as sequences are
        mask = np.arange(steps) < d.rng.integers(1, steps + 1, size=(batch, 1))
        mask = mask[:, ::-1].copy() if d.bool() else mask
    return {"mask": mask}


def ends_count(mask: np.ndarray) -> None:
    """The first step that is not left out gives the first output; before it, Keras's backends do not agree."""
    mask[:, [0, -1]] = True


def loop_settings(d: Draw) -> dict[str, Any]:
    kwargs = d.settings(return_sequences=(True,), return_state=(True,), go_backwards=(True,))
    # Not both: unrolled, Keras on JAX forgets `zero_output_for_mask`.
    return kwargs | d.one({}, {}, {"unroll": True}, {"zero_output_for_mask": True})


@samples_of(*GATED, masked=True, low_precision=MIXED)
def gated(d: Draw, name: str) -> Sample:
    x = d.array(d.int(1, 3), d.int(2, 4), d.int(1, 4))
    kwargs = cell_settings(d, name) | loop_settings(d)
    kwargs |= d.regularizers("kernel_regularizer", "recurrent_regularizer", "bias_regularizer")
    if name != "SimpleRNN":  # Keras's forgets it
        kwargs |= d.regularizers("activity_regularizer")
    named = mask_of(d, *x.shape[:2])
    if "mask" in named:
        ends_count(named["mask"])
    if d.bool():
        given = states(d, name, x.shape[0], kwargs["units"])
        named["initial_state"] = given if name != "SimpleRNN" or d.bool() else given[0]
    return Sample(name, kwargs, [x], named)


@samples_of("LSTMCell", "GRUCell", "SimpleRNNCell", low_precision=MIXED)
def cell(d: Draw, name: str) -> Sample:
    kwargs = cell_settings(d, name.removesuffix("Cell"))
    batch = d.int(1, 3)
    return Sample(name, kwargs, [d.array(batch, d.int(1, 4)), states(d, name, batch, kwargs["units"])])


def some_cell(d: Draw) -> Inner:
    kind = d.one(*GATED)
    return Inner(f"{kind}Cell", cell_settings(d, kind))


@samples_of("RNN", masked=True, low_precision=MIXED)
def rnn(d: Draw, name: str) -> Sample:
    x = d.array(d.int(1, 3), d.int(2, 4), d.int(1, 4))
    cells: Any = [some_cell(d) for _ in range(2)]
    form = d.one("cell", "list", "stack")
    made = {"cell": cells[0], "list": cells, "stack": Inner("StackedRNNCells", {"cells": cells})}[form]
    return Sample(name, {"cell": made, **loop_settings(d)}, [x], mask_of(d, *x.shape[:2]))


@samples_of("StackedRNNCells", low_precision=MIXED)
def stacked(d: Draw, name: str) -> Sample:
    cells = [some_cell(d) for _ in range(d.int(1, 3))]
    batch = d.int(1, 3)
    given: list[Any] = [states(d, c.name, batch, c.kwargs["units"]) for c in cells]
    return Sample(name, {"cells": cells}, [d.array(batch, d.int(1, 4)), given])


@samples_of("Bidirectional", masked=True, low_precision=())
def bidirectional(d: Draw, name: str) -> Sample:
    x = d.array(d.int(1, 3), d.int(2, 4), d.int(1, 4))
    kind = d.one(*GATED)
    inner = cell_settings(d, kind) | d.settings(return_sequences=(True,), return_state=(True,))
    kwargs = {"layer": Inner(kind, inner), "merge_mode": d.one("concat", "sum", "mul", "ave", None)}
    if d.rarely():
        kwargs["backward_layer"] = Inner(kind, {**inner, "go_backwards": True})
    named = mask_of(d, *x.shape[:2])
    if "mask" in named:
        ends_count(named["mask"])
    if d.bool():
        named["initial_state"] = [s for _ in range(2) for s in states(d, kind, x.shape[0], inner["units"])]
    return Sample(name, kwargs, [x], named)


@samples_of("TimeDistributed", masked=True, low_precision=MIXED)
def time_distributed(d: Draw, name: str) -> Sample:
    batch, steps = d.int(1, 3), d.int(1, 4)
    kind = d.one("Dense", "Conv1D", "LSTM", "Flatten", "LayerNormalization")
    inner, rank = {
        "Dense": ({"units": 2, **d.activation()}, d.int(1, 2)),
        "Conv1D": ({"filters": 2, "kernel_size": 2}, 2),
        "LSTM": ({"units": 2}, 2),
        "Flatten": ({}, 2),
        "LayerNormalization": ({}, 1),
    }[kind]
    x = d.array(batch, steps, *d.ints(rank, 3, 4))
    named = {} if kind in ("LSTM",) else mask_of(d, batch, steps)
    return Sample(name, {"layer": Inner(kind, inner)}, [x], named)


@samples_of("ConvLSTM1D", "ConvLSTM2D", "ConvLSTM3D", low_precision=MIXED)
def conv_lstm(d: Draw, name: str) -> Sample:
    rank = int(name[-2])
    kernel = d.ints(rank, 1, 2)
    kwargs: dict[str, Any] = {"filters": d.int(1, 2), "kernel_size": kernel, "padding": d.one("valid", "same")}
    strided = d.int(0, 2)
    if strided == 1:
        kwargs["strides"] = 2 if rank == 1 else (2,) * rank
    if strided == 2:
        kwargs["dilation_rate"] = 2
    kwargs |= loop_settings(d) | d.settings(use_bias=(False,), unit_forget_bias=(False,), activation=("relu",))
    kwargs.pop("unroll", None)
    kwargs.pop("zero_output_for_mask", None)
    batch, steps, sizes, channels = d.int(1, 2), d.int(2, 3), d.ints(rank, 3, 5 - (rank > 1)), d.int(1, 2)
    if d.bool():
        kwargs["data_format"] = "channels_first"
        return Sample(name, kwargs, [d.array(batch, steps, channels, *sizes)])
    # No mask: Keras on JAX cannot take one here.
    return Sample(name, kwargs, [d.array(batch, steps, *sizes, channels)])
