"""Layers of units, each of which weighs a whole row: dense and recurrent ones, and embeddings."""

from __future__ import annotations

from typing import Any

import numpy as np

from pronghorn import layers
from pronghorn._wording import counted
from pronghorn.studio.arithmetic.explanation import Explanation, Place, finished, numbers
from pronghorn.studio.json_text import short

_MOST_TERMS = 14


def dense(layer: Any, inputs: np.ndarray, place: Place) -> Explanation:
    """A unit of a dense layer: its inputs times its weights."""
    row = inputs[place[:-1]]
    weights = numbers(layer.kernel)
    bias = numbers(layer.bias) if layer.use_bias else np.zeros(weights.shape[1])
    products = row * weights[:, place[-1]]
    order = np.argsort(-np.abs(products), kind="stable")[:_MOST_TERMS]
    terms = [[int(i), *map(short, (row[i], weights[i, place[-1]], products[i]))] for i in order]
    sums = row @ weights + bias
    text = (
        f"Unit {place[-1]} multiplies each of its {len(row):,} inputs with a weight of its own, adds the products up, "
        "and adds its bias."
    )
    found = Explanation(
        text, terms=terms, left=float(products.sum() - products[order].sum()), others=len(row) - len(order),
        bias=float(bias[place[-1]]), total=float(sums[place[-1]]),
    )  # fmt: skip
    return finished(layer, found, sums, place[-1])


def embedding(layer: Any, inputs: np.ndarray, place: Place) -> Explanation:
    """A number of a word's vector."""
    word = int(inputs[place[:-1]])
    value = numbers(layer.embeddings)[word, place[-1]]
    return Explanation(
        f"Nothing is computed: this is number {place[-1]} in the vector of word {word}.", value=short(value)
    )


def recurrent(layer: Any, inputs: np.ndarray, place: Place) -> Explanation:
    """A unit of a recurrent layer at the last step, or at one of those it gives."""
    unit, length = place[-1], len(inputs)
    step = place[0] if layer.return_sequences else length - 1
    order = range(length - 1, -1, -1) if layer.go_backwards else range(length)
    cell = layer.cell
    states = [np.zeros((1, size), "float32") for size in np.atleast_1d(cell.state_size)]
    for at in list(order)[:step]:
        states = [np.asarray(state) for state in cell(inputs[None, at].astype("float32"), states)[1]]
    x, h = inputs[order[step]], numbers(states[0])[0]
    function = next(function for kind, function in _CELLS if isinstance(layer, kind))
    lines, value = function(cell, x, h, numbers(states[-1])[0], unit)
    steps = [[what, short(number)] for what, number in lines]
    text = (
        f"Unit {unit} at step {step + 1} of {length}: it sees the step's {counted(len(x), 'input')} and what all "
        f"{len(h)} units "
        "gave a step before, each with weights of its own."
    )
    return Explanation(text, steps=steps, value=short(value))


Lines = list[tuple[str, float]]


def _simple(cell: Any, x: np.ndarray, h: np.ndarray, c: np.ndarray, unit: int) -> tuple[Lines, float]:
    parts = [x @ numbers(cell.kernel)[:, unit], h @ numbers(cell.recurrent_kernel)[:, unit]]
    bias = float(numbers(cell.bias)[unit]) if cell.use_bias else 0.0
    value = _of(cell.activation, sum(parts) + bias)
    lines = [("inputs × weights", parts[0]), ("the units before × weights", parts[1]), ("bias", bias)]
    return [*lines, (f"{_name(cell.activation)} of their sum", value)], value


def _lstm(cell: Any, x: np.ndarray, h: np.ndarray, c: np.ndarray, unit: int) -> tuple[Lines, float]:
    sums = x @ numbers(cell.kernel) + h @ numbers(cell.recurrent_kernel)
    sums = sums + numbers(cell.bias) if cell.use_bias else sums
    i, f, new, o = sums.reshape(4, -1)[:, unit]
    gates = [_of(cell.recurrent_activation, gate) for gate in (i, f, o)]
    candidate = _of(cell.activation, new)
    memory = gates[1] * c[unit] + gates[0] * candidate
    value = gates[2] * _of(cell.activation, memory)
    squash = _name(cell.recurrent_activation)
    return [
        (f"input gate, {squash}({i:.4g})", gates[0]),
        (f"forget gate, {squash}({f:.4g})", gates[1]),
        (f"output gate, {squash}({o:.4g})", gates[2]),
        (f"what is new, {_name(cell.activation)}({new:.4g})", candidate),
        ("memory before", float(c[unit])),
        ("memory now: forget gate × memory + input gate × what is new", memory),
        (f"output: output gate × {_name(cell.activation)}(memory)", value),
    ], value


def _gru(cell: Any, x: np.ndarray, h: np.ndarray, c: np.ndarray, unit: int) -> tuple[Lines, float]:
    kernel, recurrent_ = numbers(cell.kernel), numbers(cell.recurrent_kernel)
    bias = numbers(cell.bias) if cell.use_bias else np.zeros((2, kernel.shape[1]))
    bias = bias if bias.ndim == 2 else np.stack([bias, np.zeros_like(bias)])
    size = len(h)
    of_x, of_h = x @ kernel + bias[0], h @ recurrent_ + bias[1]
    update, reset = (_of(cell.recurrent_activation, (of_x + of_h)[k * size : (k + 1) * size]) for k in (0, 1))
    if cell.reset_after:
        past = reset * of_h[2 * size :]
    else:
        past = (reset * h) @ recurrent_[:, 2 * size :]
    candidate = _of(cell.activation, of_x[2 * size :] + past)[unit]
    value = update[unit] * h[unit] + (1 - update[unit]) * candidate
    squash = _name(cell.recurrent_activation)
    return [
        (f"update gate, {squash}({(of_x + of_h)[unit]:.4g})", update[unit]),
        (f"reset gate, {squash}({(of_x + of_h)[size + unit]:.4g})", reset[unit]),
        (f"what is new, {_name(cell.activation)} of inputs and of the units before, as far as the reset gate lets them",
         candidate),
        ("the unit a step before", float(h[unit])),
        ("output: update gate × the unit before + (1 - update gate) × what is new", value),
    ], value  # fmt: skip


_CELLS = ((layers.SimpleRNN, _simple), (layers.LSTM, _lstm), (layers.GRU, _gru))


def _of(activation: Any, values: Any) -> Any:
    found = np.asarray(activation(np.atleast_1d(values).astype("float32")), np.float64)
    return found if np.ndim(values) else float(found[0])


def _name(activation: Any) -> str:
    return str(getattr(activation, "__name__", "activation"))
