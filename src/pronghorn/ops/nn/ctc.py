"""Connectionist temporal classification (Graves et al. 2006, doi 10.1145/1143844.1143891): loss and decoding."""

from __future__ import annotations

from typing import Any

import numpy as np

from pronghorn.engine.graph import primitives as P
from pronghorn.engine.graph.tensor import Tensor, tensor_of
from pronghorn.ops import _broadcast as B
from pronghorn.ops._symbolic import symbolic_aware
from pronghorn.ops.control import scan
from pronghorn.ops.nn.activations import log_softmax
from pronghorn.ops.numpy.indexing import needs_values
from pronghorn.symbolic.describing import is_described

_MINUS_INFINITY = -1e30  # an impossible path; finite, so that gradients stay numbers


@symbolic_aware
def ctc_loss(target: Any, output: Any, target_length: Any, output_length: Any, mask_index: int = 0) -> Tensor:
    """Minus the logarithm of the probability of the labels, over all ways to align them with the outputs.

    Args:
        target: integer labels ``[batch, labels]``.
        output: logits ``[batch, time, classes]``.
        target_length: ``[batch]``: how many labels count.
        output_length: ``[batch]``: how many time steps count.
        mask_index: the class that stands for "no label".

    Returns:
        ``[batch]``.

    Example:

    >>> ctc_loss([[1, 2]], [[[0.0, 1.0, 0.0], [0.0, 0.0, 1.0], [1.0, 0.0, 0.0]]], [2], [3]).shape
    (1,)
    """
    labels, logits = B.cast(target, "int32"), B.to_float(output)
    if labels.ndim != 2 or logits.ndim != 3:
        raise ValueError(
            f"ctc_loss: target must be [batch, labels] and output [batch, time, classes], got {labels.shape} and "
            f"{logits.shape}."
        )
    log_probs = log_softmax(_wide(logits))
    lengths, steps = B.cast(target_length, "int32"), B.cast(output_length, "int32")
    states = _with_blanks(labels, mask_index)
    alphas = _forward(log_probs, states, steps)
    return P.neg(_ends(alphas, lengths))


def _wide(x: Tensor) -> Tensor:
    """Probabilities of long paths are computed in float32 at least."""
    return P.cast(x, dtype="float32") if x.dtype in ("float16", "bfloat16") else x


def _with_blanks(labels: Tensor, mask_index: int) -> Tensor:
    """``[batch, 2 labels + 1]``: a blank before, between and after the labels."""
    batch, count = labels.shape
    blank = B.full((), mask_index, "int32")
    pads = {"low": (0, 1), "high": (0, 1), "interior": (0, 1)}
    return P.pad(labels, blank, **pads) if count else B.full((batch, 1), mask_index, "int32")


def _forward(log_probs: Tensor, states: Tensor, steps: Tensor) -> Tensor:
    """The logarithms of the probabilities of all paths that end in each state at the last step that counts."""
    batch, _, classes = log_probs.shape
    count = states.shape[1]
    wide = P.broadcast_in_dim(states, shape=(batch, count, classes), dims=(0, 1))
    one_hot = P.cast(P.eq(wide, P.iota(shape=wide.shape, dtype="int32", axis=2)), dtype=log_probs.dtype)
    # emission of each state at each time: [time, batch, states]
    emissions = P.dot_general(log_probs, one_hot, contract=((2,), (2,)), batch=((0,), (0,)))
    emissions = P.transpose(emissions, perm=(1, 0, 2))
    place = P.iota(shape=(batch, count), dtype="int32", axis=1)
    # The blanks are told by their places: a label may be of the blank's class, as padding is.
    is_label = P.eq(P.and_(place, B.full_like(place, 1)), B.full_like(place, 1))
    skip = P.and_(is_label, P.ne(states, _shifted(states, 2, -1)))
    never = B.full((batch, count), _MINUS_INFINITY, log_probs.dtype)
    before = P.select(P.eq(place, B.zeros_like(place)), B.zeros_like(never), never)  # as if at a blank before time 0
    first = P.select(P.lt(place, B.full_like(place, 2)), B.zeros_like(never), never)

    def step(carry: Any, emitted: Tensor) -> tuple[Any, None]:
        t, alpha = carry
        stay = P.select(_is_start(t, alpha), first, _log_sum(alpha, skip))
        counted = P.lt(B.broadcast_to(t, steps.shape), steps)
        counted = P.broadcast_in_dim(counted, shape=alpha.shape, dims=(0,))
        return (P.add(t, B.full_like(t, 1)), P.select(counted, P.add(stay, emitted), alpha)), None

    (_, alphas), _ = scan(step, (B.full((), 0, "int32"), before), emissions)
    return alphas


def _is_start(t: Tensor, like: Tensor) -> Tensor:
    return B.broadcast_to(P.eq(t, B.zeros_like(t)), like.shape)


def _shifted(x: Tensor, by: int, fill: Any) -> Tensor:
    """Columns moved to the right; what leaves is lost."""
    return P.pad(x, B.full((), fill, x.dtype), low=(0, by), high=(0, -by), interior=(0, 0))


def _log_sum(alpha: Tensor, skip: Tensor) -> Tensor:
    """``log(exp(stay) + exp(move on) + exp(skip a blank))``."""
    one = _shifted(alpha, 1, _MINUS_INFINITY)
    two = P.select(skip, _shifted(alpha, 2, _MINUS_INFINITY), B.full_like(alpha, _MINUS_INFINITY))
    top = P.stop_gradient(P.max(P.max(alpha, one), two))
    total = P.add(P.add(P.exp(P.sub(alpha, top)), P.exp(P.sub(one, top))), P.exp(P.sub(two, top)))
    return P.add(P.log(total), top)


def _ends(alphas: Tensor, lengths: Tensor) -> Tensor:
    """The probability of ending at the last label or at the blank after it."""
    place = P.iota(shape=alphas.shape, dtype="int32", axis=1)
    last = P.broadcast_in_dim(P.mul(lengths, B.full_like(lengths, 2)), shape=alphas.shape, dims=(0,))
    at_end = P.or_(P.eq(place, last), P.eq(place, P.sub(last, B.full_like(last, 1))))
    kept = P.select(at_end, alphas, B.full_like(alphas, _MINUS_INFINITY))
    top = P.stop_gradient(P.reduce_max(kept, axes=(1,)))
    total = P.reduce_sum(P.exp(P.sub(kept, P.broadcast_in_dim(top, shape=kept.shape, dims=(0,)))), axes=(1,))
    return P.add(P.log(total), top)


# -- decoding ---------------------------------------------------------------------------------------------------------
@symbolic_aware
def ctc_decode(
    inputs: Any,
    sequence_lengths: Any,
    strategy: str = "greedy",
    beam_width: int = 100,
    top_paths: int = 1,
    merge_repeated: bool = True,
    mask_index: int = 0,
) -> tuple[Tensor, Tensor]:
    """The labels that a model's outputs stand for.

    Args:
        inputs: logits ``[batch, time, classes]``.
        sequence_lengths: ``[batch]``: how many time steps count.
        strategy: "greedy" (the best class at each step) or "beam_search" (the most probable label sequences).
        beam_width: how many sequences the beam search keeps.
        top_paths: how many of them are returned.
        merge_repeated: whether equal neighbours count as one label in the greedy strategy.
        mask_index: the class that stands for "no label".

    Returns:
        Labels ``[paths, batch, time]``, filled with -1, and scores ``[batch, paths]``: minus the sum of the best
        logits, or the logarithm of the sequence's probability.

    Example:

    >>> scores = [[[0.1, 0.8, 0.1], [0.8, 0.1, 0.1], [0.1, 0.1, 0.8]]]
    >>> labels, score = ctc_decode(scores, [3], mask_index=0)
    >>> labels.numpy().ravel()
    array([ 1,  2, -1], dtype=int32)
    """
    logits, lengths = _wide(B.to_float(inputs)), B.cast(sequence_lengths, "int32")
    if strategy not in ("greedy", "beam_search"):
        raise ValueError(f"Invalid strategy {strategy!r} for ctc_decode; it must be 'greedy' or 'beam_search'.")
    if logits.ndim != 3:
        raise ValueError(f"ctc_decode: inputs must be [batch, time, classes], got shape {logits.shape}.")
    if strategy == "greedy":
        return _greedy(logits, lengths, merge_repeated, mask_index)
    return _beam_search(logits, lengths, beam_width, top_paths, mask_index)


def _greedy(logits: Tensor, lengths: Tensor, merge: bool, mask_index: int) -> tuple[Tensor, Tensor]:
    batch, time, classes = logits.shape
    if mask_index < 0:
        mask_index += int(classes)
    best = P.argmax(logits, axis=2)
    score = P.reduce_max(logits, axes=(2,))
    place = P.iota(shape=(batch, time), dtype="int32", axis=1)
    counted = P.lt(place, P.broadcast_in_dim(lengths, shape=(batch, time), dims=(0,)))
    kept = P.and_(counted, P.ne(best, B.full_like(best, mask_index)))
    if merge:
        kept = P.and_(kept, P.ne(best, _shifted(best, 1, -1)))
    # labels that are kept move to the front: a stable sort by "is dropped"
    dropped = P.cast(P.not_(kept), dtype="int32")
    labels = P.select(kept, best, B.full_like(best, -1))
    _, labels = P.sort(dropped, labels, axis=1, num_keys=1)
    total = P.reduce_sum(P.select(counted, score, B.zeros_like(score)), axes=(1,))
    return P.reshape(labels, shape=(1, batch, time)), P.reshape(P.neg(total), shape=(batch, 1))


def _beam_search(logits: Tensor, lengths: Tensor, width: int, paths: int, mask_index: int) -> tuple[Tensor, Tensor]:
    if paths > width:
        raise ValueError(f"ctc_decode: top_paths={paths} must not exceed beam_width={width}.")
    weights = log_softmax(logits)
    if is_described(weights):
        batch, time, _ = weights.shape
        return B.full((paths, batch, time), -1, "int32"), B.full((batch, paths), 0, weights.dtype)
    instead = "Use strategy='greedy', or decode outside of the traced function."
    log_probs = needs_values("ctc_decode", weights, instead).astype(np.float64)
    steps = needs_values("ctc_decode", lengths, instead)
    batch, time, classes = log_probs.shape
    labels = np.full((paths, batch, time), -1, np.int32)
    scores = np.full((batch, paths), -np.inf, np.float32)
    for b in range(batch):
        found = _search(log_probs[b, : steps[b]], width, mask_index % classes)
        for p, (sequence, score) in enumerate(found[:paths]):
            labels[p, b, : len(sequence)] = sequence
            scores[b, p] = score
    return tensor_of(labels), tensor_of(scores)


def _search(log_probs: np.ndarray, width: int, blank: int) -> list[tuple[tuple[int, ...], float]]:
    """The most probable label sequences of one sample, best first.

    For each sequence the beam keeps the logarithms of the probabilities of its alignments that end with a blank and
    of those that end with its last label.
    """
    beam: dict[tuple[int, ...], tuple[float, float]] = {(): (0.0, -np.inf)}
    for frame in log_probs:
        new: dict[tuple[int, ...], list[float]] = {}

        def grow(sequence: tuple[int, ...], kind: int, score: float, into: dict = new) -> None:
            pair = into.setdefault(sequence, [-np.inf, -np.inf])
            pair[kind] = np.logaddexp(pair[kind], score)

        for sequence, (with_blank, with_label) in beam.items():
            either = np.logaddexp(with_blank, with_label)
            grow(sequence, 0, either + frame[blank])
            if sequence:
                grow(sequence, 1, with_label + frame[sequence[-1]])
            for label in range(len(frame)):
                if label != blank:
                    start = with_blank if sequence and sequence[-1] == label else either
                    grow((*sequence, label), 1, start + frame[label])
        ranked = sorted(new.items(), key=lambda item: -np.logaddexp(*item[1]))
        beam = {sequence: (pair[0], pair[1]) for sequence, pair in ranked[:width]}
    return [(sequence, float(np.logaddexp(*pair))) for sequence, pair in beam.items()]
