"""`tf.nn`: labels out of CTC's scores, and losses that look at some of many classes, for `pronghorn run`."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np

from pronghorn import ops, random
from pronghorn_tensorflow.math.random import sequence
from pronghorn_tensorflow.rows.sparse import SparseTensor


def ctc_greedy_decoder(
    inputs: Any, sequence_length: Any, merge_repeated: bool = True, blank_index: int | None = None
) -> tuple[list[SparseTensor], Any]:
    """`tf.nn.ctc_greedy_decoder`: the best label at each time, and minus the sum of its scores.

    Args:
        inputs: scores, ``[time, batch, classes]``.
        sequence_length: how many times of each row count.
        merge_repeated: whether equal neighbours are one label.
        blank_index: the class that stands for no label; the last by default.

    >>> scores = np.log([[[0.1, 0.7, 0.2]], [[0.1, 0.1, 0.8]], [[0.6, 0.3, 0.1]]])
    >>> labels, _ = ctc_greedy_decoder(scores, [3])
    >>> labels[0].values.tolist()
    [1, 0]
    """
    scores = ops.swapaxes(ops.convert_to_tensor(inputs), 0, 1)
    blank = scores.shape[-1] - 1 if blank_index is None else int(blank_index)
    found, sums = ops.ctc_decode(
        scores, sequence_length, merge_repeated=merge_repeated, mask_index=blank % scores.shape[-1]
    )
    return [_sparse(rows) for rows in np.asarray(found)], sums


def ctc_beam_search_decoder(
    inputs: Any, sequence_length: Any, beam_width: int = 100, top_paths: int = 1
) -> tuple[list[SparseTensor], Any]:
    """`tf.nn.ctc_beam_search_decoder`: the most probable labels, and the logarithms of their probabilities."""
    scores = ops.swapaxes(ops.convert_to_tensor(inputs), 0, 1)
    found, logs = ops.ctc_decode(
        scores, sequence_length, "beam_search", beam_width, top_paths, mask_index=scores.shape[-1] - 1
    )
    return [_sparse(rows) for rows in np.asarray(found)], logs


def _sparse(rows: np.ndarray) -> SparseTensor:
    """Rows of labels that end with -1."""
    places = np.argwhere(rows >= 0)
    width = int(places[:, 1].max(initial=-1)) + 1
    return SparseTensor(places, rows[tuple(places.T)].astype("int64"), [len(rows), width])


class Candidates(NamedTuple):
    """Classes that were drawn, and how often each, and those that are right, is expected among them."""

    sampled_candidates: Any
    true_expected_count: Any
    sampled_expected_count: Any


def log_uniform_candidate_sampler(
    true_classes: Any, num_true: int, num_sampled: int, unique: bool, range_max: int, seed: Any = None, name: Any = None
) -> Candidates:
    """`tf.random.log_uniform_candidate_sampler`: classes that are numbered by how frequent they are."""
    edges = np.log(np.arange(1, int(range_max) + 2))
    return _drawn(true_classes, num_sampled, unique, np.diff(edges) / edges[-1], seed)


def uniform_candidate_sampler(
    true_classes: Any, num_true: int, num_sampled: int, unique: bool, range_max: int, seed: Any = None, name: Any = None
) -> Candidates:
    """`tf.random.uniform_candidate_sampler`: all classes are as probable."""
    return _drawn(true_classes, num_sampled, unique, np.full(int(range_max), 1 / int(range_max)), seed)


def _drawn(true_classes: Any, count: int, unique: bool, chances: np.ndarray, seed: Any) -> Candidates:
    if unique and count > len(chances):
        raise ValueError(f"{count} different classes cannot be drawn of {len(chances)}: take a smaller num_sampled.")
    number = int(np.asarray(random.randint((), 0, 2**31 - 1, seed=sequence(seed))))
    generator = np.random.default_rng(number)
    drawn = generator.choice(len(chances), int(count), replace=not unique, p=chances)
    expected = -np.expm1(count * np.log1p(-chances)) if unique else chances * count
    expected = expected.astype("float32")
    right = np.asarray(true_classes)
    return Candidates(
        ops.convert_to_tensor(drawn.astype("int64"), dtype="int64"),
        ops.convert_to_tensor(expected[right]),
        ops.convert_to_tensor(expected[drawn]),
    )


def nce_loss(
    weights: Any, biases: Any, labels: Any, inputs: Any, num_sampled: int, num_classes: int, num_true: int = 1,
    sampled_values: Any = None, remove_accidental_hits: bool = False, name: Any = None,
) -> Any:  # fmt: skip
    """`tf.nn.nce_loss`: noise-contrastive estimation: is each class right, asked of the right and of drawn ones."""
    logits, right = _sampled_logits(
        weights, biases, labels, inputs, num_sampled, num_classes, num_true, sampled_values, remove_accidental_hits
    )
    losses = ops.relu(logits) - logits * right + ops.softplus(-ops.abs(logits))
    return ops.sum(losses, axis=1)


def sampled_softmax_loss(
    weights: Any, biases: Any, labels: Any, inputs: Any, num_sampled: int, num_classes: int, num_true: int = 1,
    sampled_values: Any = None, remove_accidental_hits: bool = True, seed: Any = None, name: Any = None,
) -> Any:  # fmt: skip
    """`tf.nn.sampled_softmax_loss`: a softmax over the right classes and drawn ones."""
    logits, right = _sampled_logits(
        weights, biases, labels, inputs, num_sampled, num_classes, num_true, sampled_values, remove_accidental_hits,
        seed,
    )  # fmt: skip
    return -ops.sum(ops.stop_gradient(right) * ops.log_softmax(logits, axis=1), axis=1)


def _sampled_logits(
    weights: Any, biases: Any, labels: Any, inputs: Any, num_sampled: int, num_classes: int, num_true: int,
    sampled_values: Any, remove_accidental_hits: bool, seed: Any = None,
) -> tuple[Any, Any]:  # fmt: skip
    """The scores of the right classes and the drawn ones, less the logarithms of how often they are drawn; labels."""
    inputs, weights = ops.convert_to_tensor(inputs), ops.convert_to_tensor(weights)
    labels = ops.cast(ops.reshape(labels, (-1, num_true)), "int32")
    if sampled_values is None:
        sampled_values = log_uniform_candidate_sampler(labels, num_true, num_sampled, True, num_classes, seed)
    drawn, right_counts, drawn_counts = sampled_values
    drawn = ops.cast(drawn, "int32")
    of_right = ops.sum(ops.expand_dims(inputs, 1) * ops.take(weights, labels, axis=0), axis=-1)
    of_right = of_right + ops.take(biases, labels, axis=0) - ops.log(ops.convert_to_tensor(right_counts))
    of_drawn = ops.matmul(inputs, ops.transpose(ops.take(weights, drawn, axis=0)))
    of_drawn = of_drawn + ops.take(biases, drawn, axis=0) - ops.log(ops.convert_to_tensor(drawn_counts))
    if remove_accidental_hits:
        hit = ops.any(ops.equal(ops.expand_dims(labels, 2), ops.reshape(drawn, (1, 1, -1))), axis=1)
        of_drawn = ops.where(hit, ops.cast(np.finfo("float32").min, of_drawn.dtype), of_drawn)
    right = ops.concatenate([ops.ones_like(of_right) / num_true, ops.zeros_like(of_drawn)], axis=1)
    return ops.concatenate([of_right, of_drawn], axis=1), right


def embedding_lookup_sparse(
    params: Any, sp_ids: SparseTensor, sp_weights: Any = None, combiner: str = "mean", **ignored: Any
) -> Any:
    """`tf.nn.embedding_lookup_sparse`: the sum (or mean, or sum by the root of the number) of each row's embeddings.

    Raises:
        ValueError: for another `combiner`.
    """
    if combiner not in ("mean", "sqrtn", "sum"):
        raise ValueError(f"embedding_lookup_sparse: combiner={combiner!r}; it must be 'mean', 'sqrtn' or 'sum'.")
    table = ops.convert_to_tensor(params)
    rows = sp_ids.indices[:, 0].astype("int32")
    count = int(rows.max(initial=-1)) + 1
    found = ops.take(table, ops.cast(sp_ids.values, "int32"), axis=0)
    weights = ops.ones((len(rows),), table.dtype) if sp_weights is None else ops.cast(sp_weights.values, table.dtype)
    summed = ops.segment_sum(found * ops.expand_dims(weights, -1), rows, count)
    if combiner == "sum":
        return summed
    sizes = ops.segment_sum(weights if combiner == "mean" else weights * weights, rows, count)
    sizes = sizes if combiner == "mean" else ops.sqrt(sizes)
    return ops.divide_no_nan(summed, ops.expand_dims(sizes, -1))
