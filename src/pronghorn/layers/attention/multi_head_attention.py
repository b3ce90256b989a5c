"""`MultiHeadAttention`."""

from __future__ import annotations

import math
import string
from typing import Any, Unpack

from pronghorn import dtype_policies, ops
from pronghorn.layers import settings
from pronghorn.layers.activations.layers import Softmax
from pronghorn.layers.arguments import WeightedArguments
from pronghorn.layers.attention.masks import combined_mask
from pronghorn.layers.core.einsum_dense import EinsumDense
from pronghorn.layers.layer import Layer
from pronghorn.layers.regularization.dropout import Dropout
from pronghorn.symbolic.keras_tensor import KerasTensor
from pronghorn.utils.masking import get_mask, set_mask

_WEIGHTS = (
    "kernel_initializer",
    "bias_initializer",
    "kernel_regularizer",
    "bias_regularizer",
    "activity_regularizer",
    "kernel_constraint",
    "bias_constraint",
)


class HeadsLayer(Layer):
    """Base of attention layers with heads: makes their dense layers."""

    def _dense(self, name: str, equation: str, output_shape: Any, bias_axes: str | None) -> EinsumDense:
        """A projection."""
        dense = EinsumDense(
            equation,
            output_shape=output_shape,
            bias_axes=bias_axes if self.use_bias else None,
            name=name,
            **self._get_common_kwargs_for_sublayer(),
        )
        dense.supports_masking = True  # the masks of what it projects are this layer's business
        return dense

    def _get_common_kwargs_for_sublayer(self) -> dict[str, Any]:
        """What projections are made with; subclasses in other libraries know it by Keras's name.

        Initializers are copied, so that projections do not start alike.
        """

        def fresh(initializer: Any) -> Any:
            return (
                type(initializer).from_config(initializer.get_config())
                if hasattr(initializer, "get_config")
                else initializer
            )

        return {
            "kernel_initializer": fresh(self.kernel_initializer),
            "bias_initializer": fresh(self.bias_initializer),
            "kernel_regularizer": self.kernel_regularizer,
            "bias_regularizer": self.bias_regularizer,
            "kernel_constraint": self.kernel_constraint,
            "bias_constraint": self.bias_constraint,
            "activity_regularizer": self.activity_regularizer,
            "dtype": self._dtype_policy,
        }

    def get_config(self) -> dict[str, Any]:
        """The constructor's arguments; as `dtype`, where projections were quantized, policies by path."""
        config = super().get_config()
        own = self._dtype_policy
        if isinstance(own, dtype_policies.DTypePolicyMap):
            return config
        others = {part.path: part._own_policy() for part in self._layers if part._is_quantized}
        if others:
            config["dtype"] = dtype_policies.serialize(dtype_policies.DTypePolicyMap(own, others))
        return config

    def _weights_of_keys(self, scores: Any, mask: Any, asked_for: bool) -> Any:
        """The softmax of scores, 0 where masked.

        A query that may see no key at all, such as one of padding, has no weights where they can be seen, dropped or
        lie on several axes, and else equal weights: so it is in Keras, whose models' files are read.
        """
        if mask is None or asked_for or self.dropout > 0 or len(scores.shape) != 4:
            return self._softmax(scores, mask=mask)
        far_below = -3e4 if scores.dtype == "float16" else -1e9
        return self._softmax(ops.where(ops.cast(mask, "bool"), scores, ops.cast(far_below, scores.dtype)))


class MultiHeadAttention(HeadsLayer):
    """Attention in several heads (Vaswani et al. 2017).

    Args:
        num_heads: the number of heads.
        key_dim: the extent of a head's queries and keys.
        value_dim: that of its values; ``key_dim`` if None.
        dropout: the share of the attention weights that is dropped while training.
        use_bias: whether the projections have biases.
        output_shape: the extents of the output's features; those of the query if None.
        attention_axes: the axes over which attention goes; all between batch and features if None.
        sliding_window: how far keys may be from a query: less than this many steps.
        flash_attention: accepted for compatibility: the compiler fuses where it can.
        kernel_initializer: how kernels start.
        bias_initializer: how biases start.
        kernel_regularizer: a function of the kernels that is added to the loss.
        bias_regularizer: the same for the biases.
        activity_regularizer: the same for the outputs.
        kernel_constraint: applied to the kernels after each update.
        bias_constraint: the same for the biases.
        use_gate: whether the result is multiplied by a sigmoid of a projection of the query.
        seed: for dropout.
        kwargs: those of `Layer`.

    Call arguments:
        query: ``[batch, T, features]``.
        value: ``[batch, S, features]``.
        key: like ``value``, which it is if None.
        query_mask: ``[batch, T]``; as in Keras, the mask that ``query`` carries counts in its place.
        value_mask: ``[batch, S]``.
        key_mask: ``[batch, S]``.
        attention_mask: ``[batch, T, S]``, False where a query must not see a key.
        return_attention_scores: whether to return the attention weights as well.
        training: whether to drop.
        use_causal_mask: whether queries see no later keys.

    Returns:
        ``[batch, T, features]``, with the features of ``query`` or those of ``output_shape``. With
        ``return_attention_scores`` also the weights ``[batch, num_heads, T, S]``.

    Raises:
        ValueError: if ``num_heads`` or ``key_dim`` is no positive integer.

    Example:

    >>> x = ops.ones((2, 5, 8))
    >>> MultiHeadAttention(num_heads=2, key_dim=4)(x, x).shape
    (2, 5, 8)
    """

    def __init__(
        self,
        num_heads: int,
        key_dim: int,
        value_dim: int | None = None,
        dropout: float = 0.0,
        use_bias: bool = True,
        output_shape: Any = None,
        attention_axes: Any = None,
        sliding_window: int | None = None,
        flash_attention: bool | None = None,
        kernel_initializer: Any = "glorot_uniform",
        bias_initializer: Any = "zeros",
        kernel_regularizer: Any = None,
        bias_regularizer: Any = None,
        activity_regularizer: Any = None,
        kernel_constraint: Any = None,
        bias_constraint: Any = None,
        use_gate: bool = False,
        seed: int | None = None,
        **kwargs: Unpack[WeightedArguments],
    ) -> None:
        super().__init__(activity_regularizer=activity_regularizer, **kwargs)
        self.supports_masking = True
        self._num_heads = settings.positive(num_heads, "MultiHeadAttention", "num_heads")
        self._key_dim = settings.positive(key_dim, "MultiHeadAttention", "key_dim")
        self._value_dim = (
            key_dim if value_dim is None else settings.positive(value_dim, "MultiHeadAttention", "value_dim")
        )
        self.use_bias, self.use_gate = use_bias, use_gate
        self._output_shape = _output_shape(output_shape)
        self.dropout, self.seed = dropout, seed
        self._flash_attention = bool(flash_attention)
        if flash_attention and dropout:
            raise ValueError(
                f"{type(self).__name__}: with flash_attention=True dropout is not supported, got dropout={dropout}."
            )
        if sliding_window is not None:
            settings.positive(sliding_window, "MultiHeadAttention", "sliding_window")
        self.sliding_window = sliding_window
        settings.take_named(self, locals(), _WEIGHTS)
        if isinstance(attention_axes, int):
            attention_axes = (attention_axes,)
        elif attention_axes and not isinstance(attention_axes, (list, tuple)):
            raise ValueError(
                f"MultiHeadAttention: `attention_axes` is one axis or several in a tuple, got {attention_axes!r}."
            )
        self._attention_axes = attention_axes
        self._inverse_sqrt = 1.0 / math.sqrt(float(self._key_dim))

    @property
    def num_heads(self) -> int:
        return self._num_heads

    @property
    def key_dim(self) -> int:
        return self._key_dim

    @property
    def value_dim(self) -> int:
        return self._value_dim

    @property
    def attention_axes(self) -> Any:
        return self._attention_axes

    @property
    def query_dense(self) -> EinsumDense:
        return self._query_dense

    @property
    def key_dense(self) -> EinsumDense:
        return self._key_dense

    @property
    def value_dense(self) -> EinsumDense:
        return self._value_dense

    @property
    def output_dense(self) -> EinsumDense:
        return self._output_dense

    def build(self, query_shape: Any, value_shape: Any, key_shape: Any = None) -> None:
        key_shape = value_shape if key_shape is None else key_shape
        if value_shape[1:-1] != key_shape[1:-1]:
            raise ValueError(
                f"Layer {self.name!r} (MultiHeadAttention): the shapes of `value` and `key` must be equal up to the "
                f"last axis, but they are {value_shape} and {key_shape}."
            )
        rank = len(query_shape)

        def project(name: str, shape: Any, extent: int) -> EinsumDense:
            equation, bias_axes, output_rank = _projection(len(shape) - 1, bound=1, free=2)
            output = _last_axes(output_rank, (self._num_heads, extent))
            layer = self._dense(name, equation, output, bias_axes)
            layer.build(shape)
            return layer

        self._query_dense = project("query", query_shape, self._key_dim)
        self._key_dense = project("key", key_shape, self._key_dim)
        if self.use_gate:
            self._gate_dense = project("gate", query_shape, self._value_dim)
        self._value_dense = project("value", value_shape, self._value_dim)
        if self._attention_axes is not None:
            settings.check_axes(self, self._attention_axes, query_shape, "attention_axes")
        self._build_attention(rank + 1)
        out = self._output_shape or (query_shape[-1],)
        equation, bias_axes, output_rank = _projection(rank - 1, bound=2, free=len(out))
        self._output_dense = self._dense("attention_output", equation, _last_axes(output_rank, out), bias_axes)
        inner = (*query_shape[:-1], self._num_heads, self._value_dim)
        self._output_dense.build(inner)

    def _build_attention(self, rank: int) -> None:
        """Make what attention goes by, for projected queries with ``rank`` axes, those of heads included."""
        axes = self._attention_axes
        self._attention_axes = tuple(range(1, rank - 2)) if axes is None else tuple(a % (rank - 1) for a in axes)
        self._dot_product_equation, self._combine_equation, scores_rank = _attention_equations(
            rank, self._attention_axes
        )
        axes_of_keys = tuple(range(scores_rank - len(self._attention_axes), scores_rank))
        self._softmax = Softmax(axis=axes_of_keys, dtype=self._dtype_policy)
        self._dropout_layer = Dropout(rate=self.dropout, dtype=self._dtype_policy, seed=self.seed)

    def call(
        self,
        query: Any,
        value: Any,
        key: Any = None,
        query_mask: Any = None,
        value_mask: Any = None,
        key_mask: Any = None,
        attention_mask: Any = None,
        return_attention_scores: bool = False,
        training: Any = None,
        use_causal_mask: bool = False,
    ) -> Any:
        key = value if key is None else key
        # As in Keras, the query's mask is the one that it carries, and the three carry none afterwards: the sum in
        # `x + mha(x, x)` has no mask, so that a second such block attends to all places.
        query_mask = get_mask(query)
        for x in (query, value, key):
            set_mask(x, None)
        if return_attention_scores and self._flash_attention:
            raise ValueError(
                f"Layer {self.name!r} ({type(self).__name__}): with flash_attention=True there are no scores to return."
            )
        mask = combined_mask(
            query.shape[1],
            value.shape[1],
            query_mask=query_mask,
            value_mask=value_mask,
            key_mask=key_mask,
            attention_mask=attention_mask,
            causal=use_causal_mask,
            window=self.sliding_window,
        )
        gate = ops.sigmoid(self._gate_dense(query)) if self.use_gate else None
        query, key, value = self._query_dense(query), self._key_dense(key), self._value_dense(value)
        output, scores = self._compute_attention(query, key, value, mask, training, return_attention_scores)
        if gate is not None:
            output = output * gate
        output = self._output_dense(output)
        return (output, scores) if return_attention_scores else output

    def _compute_attention(
        self,
        query: Any,
        key: Any,
        value: Any,
        attention_mask: Any = None,
        training: Any = None,
        return_attention_scores: bool = False,
    ) -> tuple[Any, Any]:
        """Weights of the keys for each query, and the sums of the values with these weights."""
        scores = ops.einsum(self._dot_product_equation, key, query * self._inverse_sqrt)
        mask = self._for_heads(attention_mask, scores)
        scores = self._weights_of_keys(scores, mask, return_attention_scores)
        weights = self._dropout_layer(scores, training=training) if self.dropout > 0 else scores
        return ops.einsum(self._combine_equation, weights, value), scores

    def _for_heads(self, mask: Any, scores: Any) -> Any:
        """A mask with an axis for the heads, and for others that it lacks."""
        if mask is not None:
            for _ in range(len(scores.shape) - len(mask.shape)):
                mask = ops.expand_dims(mask, axis=-len(self._attention_axes) * 2 - 1)
        return mask

    def _masked_softmax(self, attention_scores: Any, attention_mask: Any = None) -> Any:
        """The weights of the keys, for subclasses in other libraries."""
        return self._softmax(attention_scores, mask=self._for_heads(attention_mask, attention_scores))

    def compute_output_shape(self, query_shape: Any, value_shape: Any, key_shape: Any = None) -> Any:
        if value_shape[1:-1] != (value_shape if key_shape is None else key_shape)[1:-1]:
            raise ValueError(
                f"Layer {self.name!r} (MultiHeadAttention): the shapes of `value` and `key` must be equal up to the "
                f"last axis, but they are {value_shape} and {key_shape}."
            )
        return (*query_shape[:-1], *(self._output_shape or (query_shape[-1],)))

    def compute_output_spec(
        self,
        query: Any,
        value: Any,
        key: Any = None,
        query_mask: Any = None,
        value_mask: Any = None,
        key_mask: Any = None,
        attention_mask: Any = None,
        return_attention_scores: bool = False,
        training: Any = None,
        use_causal_mask: bool = False,
    ) -> Any:
        shape = self.compute_output_shape(query.shape, value.shape, None if key is None else key.shape)
        output = KerasTensor(shape, dtype=self.compute_dtype)
        if not return_attention_scores:
            return output
        return output, KerasTensor(
            (query.shape[0], self._num_heads, query.shape[1], (value if key is None else key).shape[1]),
            dtype=self.compute_dtype,
        )

    def compute_mask(self, inputs: Any, mask: Any = None) -> Any:
        return mask

    def get_config(self) -> dict[str, Any]:
        return {
            **super().get_config(),
            "num_heads": self._num_heads,
            "key_dim": self._key_dim,
            "value_dim": self._value_dim,
            "dropout": self.dropout,
            "use_bias": self.use_bias,
            "use_gate": self.use_gate,
            "output_shape": self._output_shape,
            "attention_axes": self._attention_axes,
            "sliding_window": self.sliding_window,
            **settings.give(self, *_WEIGHTS),
            "seed": self.seed,
        }


def _known_as(name: str) -> property:
    """A setting under the name that subclasses in other libraries read and set it by."""

    def get(layer: MultiHeadAttention) -> Any:
        return getattr(layer, name)

    return property(get, lambda layer, value: setattr(layer, name, value))


for _name in ("use_bias", "dropout", *_WEIGHTS):
    setattr(MultiHeadAttention, f"_{_name}", _known_as(_name))
del _name


def _output_shape(output_shape: Any) -> tuple[int, ...] | None:
    if output_shape is None:
        return None
    extents = (output_shape,) if isinstance(output_shape, int) else output_shape
    try:
        extents = tuple(extents)
    except TypeError:
        extents = (None,)
    if not extents or not all(isinstance(d, int) and d > 0 for d in extents):
        raise ValueError(
            f"MultiHeadAttention: Invalid `output_shape`: {output_shape!r}; it takes one or several positive integers."
        )
    return extents


def _projection(free_dims: int, bound: int, free: int) -> tuple[str, str, int]:
    """The equation of a projection of the last ``bound`` axes to ``free`` new ones, and the axes of its bias."""
    letters = iter(string.ascii_lowercase)
    kept = "".join(next(letters) for _ in range(free_dims))
    summed = "".join(next(letters) for _ in range(bound))
    new = "".join(next(letters) for _ in range(free))
    return f"{kept}{summed},{summed}{new}->{kept}{new}", new, len(kept) + len(new)


def _last_axes(rank: int, known: tuple[int, ...]) -> list[int | None]:
    """A shape without the batch of which only the last extents are known."""
    return [None] * (rank - 1 - len(known)) + list(known)


def _attention_equations(rank: int, axes: tuple[int, ...]) -> tuple[str, str, int]:
    """Equations of the scores and of the weighted sums, for queries of ``rank`` axes ``[batch, ..., heads, depth]``.

    Scores are ``[batch and other axes, heads, query's attention axes, key's attention axes]``.
    """
    target = string.ascii_lowercase[:rank]
    batch = [i for i in range(rank) if i not in axes and i != rank - 1]
    letters = iter(string.ascii_lowercase[rank:])
    source = "".join(target[i] if i in batch or i == rank - 1 else next(letters) for i in range(rank))
    product = "".join(target[i] for i in batch) + "".join(target[i] for i in axes) + "".join(source[i] for i in axes)
    return f"{source},{target}->{product}", f"{product},{source}->{target}", len(product)
