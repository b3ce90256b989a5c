"""`GroupQueryAttention`: several heads of queries share keys and values."""

from __future__ import annotations

import math
from typing import Any, Unpack

from pronghorn import ops
from pronghorn.layers import settings
from pronghorn.layers.activations.layers import Softmax
from pronghorn.layers.arguments import WeightedArguments
from pronghorn.layers.attention.masks import combined_mask
from pronghorn.layers.attention.multi_head_attention import _WEIGHTS, HeadsLayer
from pronghorn.layers.regularization.dropout import Dropout
from pronghorn.symbolic.keras_tensor import KerasTensor


class GroupedQueryAttention(HeadsLayer):
    """Attention whose heads of keys and values serve several heads of queries each (Ainslie et al. 2023).

    Args:
        head_dim: the extent of a head.
        num_query_heads: the number of heads of queries.
        num_key_value_heads: the number of heads of keys and values; divides that of queries.
        dropout: the share of the attention weights that is dropped while training.
        use_bias: whether the projections have biases.
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

    Call arguments: those of `MultiHeadAttention`.

    Example:

    >>> x = ops.ones((2, 5, 8))
    >>> GroupedQueryAttention(head_dim=4, num_query_heads=4, num_key_value_heads=2)(x, x).shape
    (2, 5, 8)
    """

    def __init__(
        self,
        head_dim: int,
        num_query_heads: int,
        num_key_value_heads: int,
        dropout: float = 0.0,
        use_bias: bool = True,
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
        name = type(self).__name__
        self.supports_masking = True
        self.head_dim = settings.positive(head_dim, name, "head_dim")
        self.num_query_heads = settings.positive(num_query_heads, name, "num_query_heads")
        self.num_key_value_heads = settings.positive(num_key_value_heads, name, "num_key_value_heads")
        if num_query_heads % num_key_value_heads:
            raise ValueError(
                f"{name}: equally many query heads share each key-value head, but num_query_heads={num_query_heads} is "
                f"no multiple of num_key_value_heads={num_key_value_heads}."
            )
        self.num_repeats = num_query_heads // num_key_value_heads
        self.dropout, self.use_bias, self.use_gate, self.seed = dropout, use_bias, use_gate, seed
        self._flash_attention = bool(flash_attention)
        if flash_attention and dropout:
            raise ValueError(
                f"{type(self).__name__}: with flash_attention=True dropout is not supported, got dropout={dropout}."
            )
        if sliding_window is not None:
            settings.positive(sliding_window, name, "sliding_window")
        self.sliding_window = sliding_window
        settings.take_named(self, locals(), _WEIGHTS)

    def build(self, query_shape: Any, value_shape: Any, key_shape: Any = None) -> None:
        key_shape = value_shape if key_shape is None else key_shape
        self._check(query_shape, value_shape, key_shape)

        def project(name: str, shape: Any, heads: int) -> Any:
            layer = self._dense(name, "bqm,muh->bquh", (None, heads, self.head_dim), "uh")
            layer.build(shape)
            return layer

        self._query_dense = project("query", query_shape, self.num_query_heads)
        self._key_dense = project("key", key_shape, self.num_key_value_heads)
        if self.use_gate:
            self._gate_dense = project("gate", query_shape, self.num_query_heads)
        self._value_dense = project("value", value_shape, self.num_key_value_heads)
        self._softmax = Softmax(axis=(-1,), dtype=self._dtype_policy)  # of one key, all ones are right
        self._dropout_layer = Dropout(rate=self.dropout, dtype=self._dtype_policy, seed=self.seed)
        self._output_dense = self._dense("attention_output", "bquh,uhm->bqm", (None, query_shape[-1]), "m")
        self._output_dense.build((*query_shape[:2], self.num_query_heads, self.head_dim))

    def _check(self, query_shape: Any, value_shape: Any, key_shape: Any) -> None:
        if value_shape[1:-1] != key_shape[1:-1]:
            raise ValueError(
                f"Layer {self.name!r} ({type(self).__name__}): the shapes of `value` and `key` must be equal up to the "
                f"last axis, but they are {value_shape} and {key_shape}."
            )

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
        key, value = self._for_all_queries(key), self._for_all_queries(value)
        # Subclasses may leave the last argument out.
        asked = {"return_attention_scores": True} if return_attention_scores else {}
        output, scores = self._compute_attention(query, key, value, mask, training, **asked)
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
        """The sums of the values, and the weights of the keys for each query; the place to override for subclasses."""
        scores = ops.einsum("bquh,bkuh->buqk", query * (1.0 / math.sqrt(self.head_dim)), key)
        if attention_mask is not None and len(attention_mask.shape) < 4:
            attention_mask = ops.expand_dims(attention_mask, 1)
        scores = self._weights_of_keys(scores, attention_mask, return_attention_scores)
        weights = self._dropout_layer(scores, training=training) if self.dropout > 0 else scores
        return ops.einsum("buqk,bkuh->bquh", weights, value), scores

    def _for_all_queries(self, x: Any) -> Any:
        """Each head as often as heads of queries share it."""
        if self.num_repeats == 1:
            return x
        batch, steps, heads, extent = x.shape
        wide = ops.broadcast_to(ops.expand_dims(x, 3), (batch, steps, heads, self.num_repeats, extent))
        return ops.reshape(wide, (batch, steps, heads * self.num_repeats, extent))

    def compute_output_shape(self, query_shape: Any, value_shape: Any, key_shape: Any = None) -> Any:
        if query_shape[-1] != value_shape[-1]:
            raise ValueError(
                f"Layer {self.name!r} ({type(self).__name__}): the extents of the last axes of `query` and "
                f"`value` must be equal, but their shapes are {query_shape} and {value_shape}. "
                "Project one of them first, with Dense."
            )
        self._check(query_shape, value_shape, value_shape if key_shape is None else key_shape)
        return query_shape

    def compute_output_spec(self, query: Any, value: Any, key: Any = None, **kwargs: Any) -> Any:
        shape = self.compute_output_shape(query.shape, value.shape, None if key is None else key.shape)
        output = KerasTensor(shape, dtype=self.compute_dtype)
        if not kwargs.get("return_attention_scores"):
            return output
        scores = (query.shape[0], self.num_query_heads, query.shape[1], value.shape[1])
        return output, KerasTensor(scores, dtype=self.compute_dtype)

    def get_config(self) -> dict[str, Any]:
        return {
            **super().get_config(),
            **settings.give(
                self,
                "head_dim",
                "num_query_heads",
                "num_key_value_heads",
                "use_bias",
                "use_gate",
                "sliding_window",
                "dropout",
                *_WEIGHTS,
                "seed",
            ),
        }
