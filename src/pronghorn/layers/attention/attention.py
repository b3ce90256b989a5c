"""`Attention` and `AdditiveAttention`: without heads and projections."""

from __future__ import annotations

from typing import Any, Unpack

from pronghorn import ops, random
from pronghorn.layers import settings
from pronghorn.layers.arguments import LayerArguments
from pronghorn.layers.attention.masks import band_mask
from pronghorn.layers.layer import Layer
from pronghorn.random.seed_generator import SeedGenerator
from pronghorn.symbolic.keras_tensor import KerasTensor


class Attention(Layer):
    """Sums of values, weighted by how their keys fit the query (Luong et al. 2015).

    Args:
        use_scale: whether a factor of the scores is trained.
        score_mode: ``"dot"``: the product of query and key; ``"concat"``: a trained multiple of ``tanh(query + key)``,
            summed.
        dropout: the share of the weights that is dropped while training.
        seed: for dropout.
        kwargs: those of `Layer`.

    Call arguments:
        inputs: a list of query ``[batch, Tq, dim]``, value ``[batch, Tv, dim]`` and, if it is not the value, key.
        mask: a list of their masks.
        training: whether to drop.
        return_attention_scores: whether to return the weights as well.
        use_causal_mask: whether queries see no later keys.

    Example:

    >>> Attention()([ops.ones((1, 2, 3)), ops.ones((1, 4, 3))]).shape
    (1, 2, 3)
    """

    def __init__(
        self,
        use_scale: bool = False,
        score_mode: str = "dot",
        dropout: float = 0.0,
        seed: int | None = None,
        **kwargs: Unpack[LayerArguments],
    ) -> None:
        super().__init__(**kwargs)
        self.use_scale, self.dropout, self.seed = use_scale, dropout, seed
        self.score_mode = settings.one_of(score_mode, ("dot", "concat"), type(self).__name__, "score_mode")
        if dropout > 0:
            self.seed_generator = SeedGenerator(seed=seed)
        self.supports_masking = True
        self.scale = self.concat_score_weight = None

    def build(self, input_shape: Any) -> None:
        self._check_shapes(input_shape)
        for name, wanted in (("scale", self.use_scale), ("concat_score_weight", self.score_mode == "concat")):
            if wanted:
                setattr(self, name, self.add_weight((), "ones", dtype=self.dtype, name=name))

    def _scores(self, query: Any, key: Any) -> Any:
        """How each key fits each query, ``[batch, Tq, Tv]``."""
        if self.score_mode == "dot":
            scores = ops.matmul(query, ops.swapaxes(key, -1, -2))
            return scores if self.scale is None else scores * self.scale
        total = ops.expand_dims(query, -2) + ops.expand_dims(key, -3)
        if self.scale is not None:
            total = total * self.scale
        return self.concat_score_weight * ops.sum(ops.tanh(total), axis=-1)

    def call(
        self,
        inputs: Any,
        mask: Any = None,
        training: Any = False,
        return_attention_scores: bool = False,
        use_causal_mask: bool = False,
    ) -> Any:
        self._check_inputs(inputs, mask)
        query, value = inputs[0], inputs[1]
        key = inputs[2] if len(inputs) > 2 else value
        query_mask = mask[0] if mask else None
        value_mask = mask[1] if mask and len(mask) > 1 else None
        scores = self._scores(query, key)
        allowed = None if value_mask is None else ops.expand_dims(ops.cast(value_mask, "bool"), -2)
        band = band_mask(scores.shape[-2], scores.shape[-1], use_causal_mask, None)
        if band is not None:
            allowed = band if allowed is None else ops.logical_and(allowed, band)
        if allowed is not None:
            limit = 65504.0 if scores.dtype == "float16" else 1.0e9
            scores = scores - limit * ops.cast(ops.logical_not(allowed), scores.dtype)
        weights = ops.softmax(scores, axis=(-1,))  # of one key, all ones are right
        if training and self.dropout > 0:
            weights = random.dropout(weights, self.dropout, seed=self.seed_generator)
        result = ops.matmul(weights, value)
        if query_mask is not None:
            result = result * ops.expand_dims(ops.cast(query_mask, result.dtype), -1)
        return (result, weights) if return_attention_scores else result

    def _check_inputs(self, inputs: Any, mask: Any = None) -> None:
        name = type(self).__name__
        if not isinstance(inputs, (list, tuple)):
            raise ValueError(
                f"Layer {self.name!r} ({name}) takes a list, [query, value] or [query, value, key]; got {inputs!r}."
            )
        if len(inputs) not in (2, 3):
            raise ValueError(
                f"Layer {self.name!r} ({name}) takes its inputs in a list of length 2 or 3, query, value and perhaps "
                f"key, got {len(inputs)}."
            )
        if mask is not None:
            if not isinstance(mask, (list, tuple)):
                raise ValueError(f"Layer {self.name!r} ({name}): masks come in a list, as the inputs do; got {mask!r}.")
            if not 2 <= len(mask) <= 3:
                raise ValueError(
                    f"Layer {self.name!r} ({name}) takes masks in a list of length 2 or 3, like the inputs, got "
                    f"{len(mask)}."
                )

    def _check_shapes(self, input_shape: Any) -> None:
        is_list = isinstance(input_shape, (list, tuple)) and input_shape and isinstance(input_shape[0], (list, tuple))
        self._check_inputs(list(input_shape) if is_list else input_shape[0])

    def compute_mask(self, inputs: Any, mask: Any = None) -> Any:
        self._check_inputs(inputs, mask)
        return None if mask is None or mask[0] is None else ops.convert_to_tensor(mask[0])

    def compute_output_shape(self, input_shape: Any) -> Any:
        return (*input_shape[0][:-1], input_shape[1][-1])

    def compute_output_spec(
        self,
        inputs: Any,
        mask: Any = None,
        return_attention_scores: bool = False,
        training: Any = None,
        use_causal_mask: bool = False,
    ) -> Any:
        self._check_inputs(inputs, mask)
        query, value = inputs[0].shape, inputs[1].shape
        output = KerasTensor((*query[:-1], value[-1]), dtype=self.compute_dtype)
        if not return_attention_scores:
            return output
        return output, KerasTensor((query[0], query[1], value[1]), dtype=self.compute_dtype)

    def get_config(self) -> dict[str, Any]:
        return {**super().get_config(), **settings.give(self, "use_scale", "score_mode", "dropout", "seed")}


class AdditiveAttention(Attention):
    """Attention whose scores are ``sum(scale * tanh(query + key))`` (Bahdanau et al. 2015).

    Args:
        use_scale: whether the factor of each feature is trained.
        dropout: the share of the weights that is dropped while training.
        kwargs: those of `Layer`, and ``seed``.

    Call arguments: those of `Attention`.

    Example:

    >>> AdditiveAttention()([ops.ones((1, 2, 3)), ops.ones((1, 4, 3))]).shape
    (1, 2, 3)
    """

    def __init__(self, use_scale: bool = True, dropout: float = 0.0, **kwargs: Any) -> None:
        super().__init__(use_scale=use_scale, dropout=dropout, **kwargs)

    def build(self, input_shape: Any) -> None:
        self._check_shapes(input_shape)
        if self.use_scale:
            self.scale = self.add_weight(
                name="scale", shape=[input_shape[0][-1]], initializer="glorot_uniform", dtype=self.dtype, trainable=True
            )

    def _scores(self, query: Any, key: Any) -> Any:
        total = ops.tanh(ops.expand_dims(query, -2) + ops.expand_dims(key, -3))
        if self.scale is not None:
            total = total * self.scale
        return ops.sum(total, axis=-1)

    def get_config(self) -> dict[str, Any]:
        config = super().get_config()
        config.pop("score_mode")
        return config
