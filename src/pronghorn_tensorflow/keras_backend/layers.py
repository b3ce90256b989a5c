"""The functions of `tf.keras.backend` that are layers: convolutions, pools, paddings, recurrence, CTC."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from pronghorn import config, losses, ops, random, tree
from pronghorn.variables import Variable
from pronghorn_tensorflow.arrays import basic as arrays  # modules: what is a function here is one of the backend's
from pronghorn_tensorflow.program import gradients as of_functions
from pronghorn_tensorflow.rows.sparse import SparseTensor


def batch_dot(x: Any, y: Any, axes: Any = None) -> Any:
    """Products of the rows of two batches, summed along an axis of each; `(batch, 1)` where no other is left.

    >>> batch_dot(ops.ones((2, 3, 4)), ops.ones((2, 4, 5))).shape
    (2, 3, 5)
    """
    x, y = ops.convert_to_tensor(x), ops.convert_to_tensor(y)
    if axes is None:
        axes = (x.ndim - 1, y.ndim - 1 if y.ndim == 2 else y.ndim - 2)
    own, other = (axes, axes) if isinstance(axes, int) else axes
    own, other = own % x.ndim, other % y.ndim
    if not own or not other:
        raise ValueError(f"batch_dot: axes={axes}; axis 0 is that of the batch.")
    if x.shape[own] != y.shape[other]:
        raise ValueError(f"batch_dot: axes {axes} of the shapes {x.shape} and {y.shape} have different extents.")
    letters = "abcdefghijklmnopqrstuvwxyz"
    left = letters[: x.ndim]
    right = list(letters[0] + letters[x.ndim : x.ndim + y.ndim - 1])
    right[other] = left[own]
    result = left.replace(left[own], "") + "".join(right[1:]).replace(left[own], "")
    found = ops.einsum(f"{left},{''.join(right)}->{result}", x, y)
    return ops.expand_dims(found, -1) if found.ndim == 1 else found


conv1d = conv2d = conv3d = arrays.renamed(ops.conv, x="inputs")
depthwise_conv2d = arrays.renamed(ops.depthwise_conv, x="inputs", depthwise_kernel="kernel")
separable_conv2d = arrays.renamed(ops.separable_conv, x="inputs")


def conv2d_transpose(
    x: Any,
    kernel: Any,
    output_shape: Any,
    strides: Any = (1, 1),
    padding: str = "valid",
    data_format: Any = None,
    dilation_rate: Any = (1, 1),
) -> Any:
    """A convolution backwards; the output's shape is the one that the strides give."""
    return ops.conv_transpose(
        x, kernel, strides=strides, padding=padding, data_format=data_format, dilation_rate=dilation_rate
    )


def _pool(x: Any, pool_size: Any, strides: Any, padding: str, data_format: Any, pool_mode: str) -> Any:
    if pool_mode not in ("max", "avg"):
        raise ValueError(f"pool_mode={pool_mode!r}; it must be 'max' or 'avg'.")
    op = ops.max_pool if pool_mode == "max" else ops.average_pool
    return op(x, pool_size, strides=strides, padding=padding, data_format=data_format)


def pool2d(
    x: Any,
    pool_size: Any,
    strides: Any = (1, 1),
    padding: str = "valid",
    data_format: Any = None,
    pool_mode: str = "max",
) -> Any:
    """The largest or the mean of windows."""
    return _pool(x, pool_size, strides, padding, data_format, pool_mode)


def pool3d(
    x: Any,
    pool_size: Any,
    strides: Any = (1, 1, 1),
    padding: str = "valid",
    data_format: Any = None,
    pool_mode: str = "max",
) -> Any:
    """The largest or the mean of windows."""
    return _pool(x, pool_size, strides, padding, data_format, pool_mode)


# -- paddings and sizes -----------------------------------------------------------------------------------------------
def _last(data_format: Any) -> bool:
    return config.standardize_data_format(data_format) == "channels_last"


def _padded(x: Any, padding: Any, data_format: Any) -> Any:
    pairs = [tuple(pair) for pair in padding]
    return ops.pad(x, [(0, 0), *pairs, (0, 0)] if _last(data_format) else [(0, 0), (0, 0), *pairs])


def temporal_padding(x: Any, padding: Any = (1, 1)) -> Any:
    """Zeros around the middle axis."""
    return _padded(x, [padding], "channels_last")


def spatial_2d_padding(x: Any, padding: Any = ((1, 1), (1, 1)), data_format: Any = None) -> Any:
    """Zeros around images."""
    return _padded(x, padding, data_format)


def spatial_3d_padding(x: Any, padding: Any = ((1, 1), (1, 1), (1, 1)), data_format: Any = None) -> Any:
    """Zeros around volumes."""
    return _padded(x, padding, data_format)


def resize_images(
    x: Any, height_factor: int, width_factor: int, data_format: Any, interpolation: str = "nearest"
) -> Any:
    """Images, so many times as large."""
    rows, columns = x.shape[1:3] if _last(data_format) else x.shape[2:4]
    return ops.image.resize(
        x, (rows * height_factor, columns * width_factor), interpolation=interpolation, data_format=data_format
    )


def resize_volumes(x: Any, depth_factor: int, height_factor: int, width_factor: int, data_format: Any) -> Any:
    """Volumes, each element so many times."""
    first = 1 if _last(data_format) else 2
    for axis, factor in enumerate((depth_factor, height_factor, width_factor), first):
        x = ops.repeat(x, factor, axis=axis)
    return x


def bias_add(x: Any, bias: Any, data_format: Any = None) -> Any:
    """A bias for each channel."""
    bias = ops.convert_to_tensor(bias)
    if bias.ndim == 1 and not _last(data_format):
        bias = ops.reshape(bias, (-1, *[1] * (len(x.shape) - 2)))
    return ops.add(x, bias)


def batch_normalization(
    x: Any, mean: Any, var: Any, beta: Any, gamma: Any, axis: int = -1, epsilon: float = 1e-3
) -> Any:
    """Less the mean, over the standard deviation, times gamma, plus beta."""
    return ops.batch_normalization(x, mean, var, axis, offset=beta, scale=gamma, epsilon=epsilon)


# -- recurrence -------------------------------------------------------------------------------------------------------
def _by_row(marked: Any, new: Any, old: Any) -> Any:
    """Rows of one array where they are marked, and of another elsewhere."""
    while len(marked.shape) < len(new.shape):
        marked = ops.expand_dims(marked, -1)
    return ops.where(ops.cast(marked, "bool"), new, old)


def rnn(
    step_function: Callable[..., Any],
    inputs: Any,
    initial_states: Any,
    go_backwards: bool = False,
    mask: Any = None,
    constants: Any = None,
    unroll: bool = False,
    input_length: Any = None,
    time_major: bool = False,
    zero_output_for_mask: bool = False,
    return_all_outputs: bool = True,
) -> tuple[Any, Any, list[Any]]:
    """A step after the other along the time: the last output, all of them, and the last states.

    Args:
        step_function: of a step's inputs and the states (and constants, behind them); gives an output and new states.
        inputs: `(batch, time, ...)`.
        initial_states: a list of arrays.
        go_backwards: whether the last step comes first.
        mask: `(batch, time)`; where it is false, states and outputs stay what they were.
        constants: given to each step.
        unroll: without effect.
        input_length: without effect.
        time_major: whether time is the first axis.
        zero_output_for_mask: whether the outputs of steps that are masked are zeros.
        return_all_outputs: whether all outputs are wanted, or the last.
    """
    x = ops.convert_to_tensor(inputs) if time_major else ops.swapaxes(inputs, 0, 1)
    masks = None if mask is None else ops.cast(mask, "bool")
    masks = masks if masks is None or time_major else ops.swapaxes(masks, 0, 1)
    beside = list(constants or [])
    states = [ops.convert_to_tensor(state) for state in initial_states]
    first, _ = step_function(x[0], [*states, *beside])

    def step(carry: Any, element: Any) -> Any:
        before, output = carry
        value, marked = element if masks is not None else (element, None)
        fresh, after = step_function(value, [*before, *beside])
        if marked is not None:
            shown = ops.zeros_like(fresh) if zero_output_for_mask else output
            fresh, output = _by_row(marked, fresh, shown), _by_row(marked, fresh, output)
            after = [_by_row(marked, new, old) for new, old in zip(after, before)]
        else:
            output = fresh
        return (list(after), output), fresh

    carry = (states, ops.zeros_like(first))
    elements = x if masks is None else (x, masks)
    (states, last), outputs = ops.scan(step, carry, elements, reverse=go_backwards)
    if go_backwards:
        outputs = ops.flip(outputs, axis=0)
    if not return_all_outputs:
        outputs = ops.expand_dims(last, 0)
    return last, outputs if time_major else ops.swapaxes(outputs, 0, 1), states


def foldl(fn: Callable[..., Any], elems: Any, initializer: Any = None, **ignored: Any) -> Any:
    """What a function of a state and an element makes of all, from the first on."""
    rows = list(ops.unstack(ops.convert_to_tensor(elems)))
    state = rows.pop(0) if initializer is None else tree.map_structure(ops.convert_to_tensor, initializer)
    for row in rows:
        state = fn(state, row)
    return state


def foldr(fn: Callable[..., Any], elems: Any, initializer: Any = None, **ignored: Any) -> Any:
    """What a function of a state and an element makes of all, from the last on; `tf.foldr` is this too."""
    return foldl(fn, ops.flip(elems, axis=0), initializer)


# -- CTC --------------------------------------------------------------------------------------------------------------
def ctc_batch_cost(y_true: Any, y_pred: Any, input_length: Any, label_length: Any) -> Any:
    """The CTC loss of each row, `(batch, 1)`, of probabilities whose last class is the blank."""
    logits = ops.log(ops.convert_to_tensor(y_pred) + config.epsilon())
    lengths = (ops.cast(ops.reshape(n, (-1,)), "int32") for n in (label_length, input_length))
    cost = ops.ctc_loss(ops.cast(y_true, "int32"), logits, *lengths, mask_index=logits.shape[-1] - 1)
    return ops.expand_dims(cost, 1)


def ctc_label_dense_to_sparse(labels: Any, label_lengths: Any) -> SparseTensor:
    """The first labels of each row, as many as its length says.

    >>> ctc_label_dense_to_sparse([[5, 6], [7, 0]], [2, 1]).indices.tolist()
    [[0, 0], [0, 1], [1, 0]]
    """
    rows = np.asarray(labels)
    places = np.argwhere(np.arange(rows.shape[1]) < np.reshape(label_lengths, (-1, 1)))
    return SparseTensor(places, rows[tuple(places.T)], rows.shape)


def ctc_decode(
    y_pred: Any, input_length: Any, greedy: bool = True, beam_width: int = 100, top_paths: int = 1
) -> tuple[list[Any], Any]:
    """The most probable labels for probabilities whose last class is the blank; -1 behind them."""
    logits = ops.log(ops.convert_to_tensor(y_pred) + config.epsilon())
    options = {} if greedy else {"beam_width": beam_width, "top_paths": top_paths}
    decoded, scores = ops.ctc_decode(
        logits,
        ops.cast(ops.reshape(input_length, (-1,)), "int32"),
        strategy="greedy" if greedy else "beam_search",
        mask_index=logits.shape[-1] - 1,
        **options,
    )
    return [ops.cast(path, "int64") for path in decoded], scores


# -- values -----------------------------------------------------------------------------------------------------------
def batch_get_value(tensors: Any) -> list[Any]:
    """The values as NumPy arrays."""
    return [np.asarray(x)[()] for x in tensors]


def batch_set_value(tuples: Any) -> None:
    """Set variables to values."""
    for variable, value in tuples:
        variable.assign(value)


def gradients(loss: Any, variables: Any) -> list[Any]:
    """Derivatives of a loss, inside of a function that is traced; else an error says how a tape gives them."""
    return of_functions.gradients(loss, variables)


def moving_average_update(x: Variable, value: Any, momentum: float) -> Any:
    """Bring a variable nearer to a value."""
    return x.assign(x * momentum + value * (1.0 - momentum))


def random_normal_variable(
    shape: Any, mean: float, scale: float, dtype: Any = None, name: str | None = None, seed: Any = None
) -> Variable:
    """A variable of normal numbers."""
    return Variable(random.normal(shape, mean, scale, dtype=dtype, seed=seed), name=name)


def random_uniform_variable(
    shape: Any, low: float, high: float, dtype: Any = None, name: str | None = None, seed: Any = None
) -> Variable:
    """A variable of numbers that are as probable everywhere."""
    return Variable(random.uniform(shape, low, high, dtype=dtype, seed=seed), name=name)


def eye(size: Any, dtype: Any = None, name: str | None = None) -> Any:
    """Ones on the diagonal."""
    return ops.eye(*(size if isinstance(size, tuple | list) else (size,)), dtype=dtype or config.floatx())


def is_sparse(tensor: Any) -> bool:
    """Whether an array is a `SparseTensor`."""
    return hasattr(tensor, "dense_shape")


def to_dense(tensor: Any) -> Any:
    """A `SparseTensor` as an array."""
    return ops.scatter(tensor.indices, tensor.values, tensor.shape) if is_sparse(tensor) else tensor


def in_top_k(predictions: Any, targets: Any, k: int) -> Any:
    """Whether the targets are among the best predictions."""
    return ops.in_top_k(targets, predictions, k)


def binary_focal_crossentropy(target: Any, output: Any, **options: Any) -> Any:
    """The focal loss of each element."""
    expanded = (ops.expand_dims(ops.convert_to_tensor(x), -1) for x in (target, output))
    return losses.binary_focal_crossentropy(*expanded, **options)


def categorical_focal_crossentropy(
    target: Any, output: Any, alpha: Any = 0.25, gamma: float = 2.0, from_logits: bool = False, axis: int = -1
) -> Any:
    """The focal loss of each row."""
    return losses.categorical_focal_crossentropy(
        target, output, alpha=alpha, gamma=gamma, from_logits=from_logits, axis=axis
    )
