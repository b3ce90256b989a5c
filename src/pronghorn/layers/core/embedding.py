"""`Embedding`: vectors for integers; and `ReversibleEmbedding`, which also goes back."""

from __future__ import annotations

from typing import Any, Unpack

import numpy as np

from pronghorn import ops
from pronghorn.data.ragged import RaggedTensor
from pronghorn.engine.graph import dtypes
from pronghorn.engine.graph.tensor import Tensor
from pronghorn.layers import rows, settings
from pronghorn.layers.arguments import EmbeddingArguments
from pronghorn.layers.core.lora import LoraKernel
from pronghorn.layers.layer import Layer
from pronghorn.layers.quantization.quantizable import Quantizable
from pronghorn.layers.quantization.weights import MATRICES, Alignment, QuantizedWeight
from pronghorn.quantizers.abs_max import AbsMaxQuantizer
from pronghorn.symbolic.keras_tensor import KerasTensor
from pronghorn.utils.masking import set_mask


class Embedding(Quantizable, LoraKernel, Layer):
    """The rows of a table that the inputs number.

    An index must be from 0 to ``input_dim - 1``. Others are an error where the numbers are known: in a call on arrays,
    and when `fit`, `evaluate` or `predict` begins with arrays for a model whose input the layer is called on. Inside
    of compiled code they count as the nearest row that there is.

    For a `data.RaggedTensor` of indices it gives such rows of vectors, and no mask: nothing is padded.

    Args:
        input_dim: how many rows the table has: the largest index plus one.
        output_dim: the extent of a row.
        embeddings_initializer: how the table starts.
        embeddings_regularizer: a function of the table that is added to the loss.
        embeddings_constraint: applied to the table after each update.
        mask_zero: whether index 0 stands for padding that later layers skip.
        weights: the table itself, in a list or as it is.
        lora_rank: freeze the table and train an update of this rank.
        lora_alpha: see `enable_lora`.
        quantization_config: a `quantizers.QuantizationConfig`, for a ``dtype`` that is the policy of its mode; see
            `quantize`. The modes are int8 and int4.
        kwargs: those of `Layer`.

    Call arguments:
        inputs: indices of any shape ``[...]``; the result has the shape ``[..., output_dim]``.

    Raises:
        ValueError: if ``input_dim`` or ``output_dim`` is no positive integer, or if an index of an array lies outside.

    Example:

    >>> Embedding(10, 4)(ops.convert_to_tensor([[1, 2, 3]])).shape
    (1, 3, 4)
    """

    _takes_rows = rows.EACH

    _lora_target, _lora_name = "_embeddings", "lora_embeddings"

    _quantization_modes = ("int8", "int4")

    _looks_at_values = True

    setting_names = (
        "input_dim",
        "output_dim",
        "embeddings_initializer",
        "embeddings_regularizer",
        "embeddings_constraint",
        "mask_zero",
        "activity_regularizer",
    )

    def __init__(
        self,
        input_dim: int,
        output_dim: int,
        embeddings_initializer: Any = "uniform",
        embeddings_regularizer: Any = None,
        embeddings_constraint: Any = None,
        mask_zero: bool = False,
        weights: Any = None,
        lora_rank: int | None = None,
        lora_alpha: float | None = None,
        quantization_config: Any = None,
        **kwargs: Unpack[EmbeddingArguments],
    ) -> None:
        length = kwargs.pop("input_length", None)
        if length is not None:
            kwargs.setdefault("input_shape", (length,) if isinstance(length, int) else tuple(length))
        super().__init__(**kwargs)
        settings.take_named(self, locals(), self.setting_names)
        self.supports_masking = mask_zero
        self.autocast = False
        self.quantization_config = quantization_config
        self.lora_rank = lora_rank
        self.lora_alpha = lora_alpha if lora_alpha is not None else lora_rank
        if weights is not None:
            self.build()
            if not isinstance(weights, list) or len(weights) != 1:
                weights = [weights]
            self.set_weights(weights)

    def build(self, input_shape: Any = None) -> None:
        if self.built:
            return
        shape = (self.input_dim, self.output_dim)
        if not self._is_built_quantized(shape):
            self._embeddings = settings.weight(self, "embeddings", shape)
        self.built = True
        if self.lora_rank:
            self.enable_lora(self.lora_rank, lora_alpha=self.lora_alpha)

    @property
    def embeddings(self) -> Any:
        if not self.built:
            raise AttributeError(f"Layer {self.name!r} has no embeddings before it is built.")
        return self._with_lora(self._whole("_embeddings"))

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        if len(args) == 1 and isinstance(args[0], RaggedTensor) and not kwargs:
            return args[0].mapped(super().__call__)
        return super().__call__(*args, **kwargs)

    def _weights_to_quantize(self, shape: Any = None) -> tuple[QuantizedWeight, ...]:
        shape = (self.input_dim, self.output_dim)
        scale = Alignment(dropped=(1,), order=(0,))
        return (QuantizedWeight("_embeddings", "embeddings", shape, (1,), scale, matrix=shape, along=1),)

    def _check_indices(self, indices: np.ndarray) -> None:
        """Raise an error for indices that the table has no row for.

        Args:
            indices: an array of numbers.

        Raises:
            ValueError: if one is negative, or ``input_dim`` or more.
        """
        if indices.size == 0 or indices.dtype.kind not in "iuf":
            return
        lowest, highest = int(indices.min()), int(indices.max())
        if lowest >= 0 and highest < self.input_dim:
            return
        if lowest < 0:
            mend = "Number missing entries too, for example 0 with mask_zero=True, and count the others from 1."
        elif highest == self.input_dim:
            mend = f"input_dim is the largest index plus one, here {highest + 1}."
        else:
            mend = f"Give the layer input_dim={highest + 1}, or map rarer entries to one index."
        bad = lowest if lowest < 0 else highest
        raise ValueError(
            f"Layer {self.name!r} ({type(self).__name__}): the inputs hold the index {bad}, "
            f"but the table has {self.input_dim} rows (input_dim), so indices must be 0 to {self.input_dim - 1}. {mend}"
        )

    def _indices(self, inputs: Any) -> Any:
        if isinstance(inputs, Tensor) and not inputs.is_traced:
            self._check_indices(inputs.numpy())
        return inputs if inputs.dtype in ("int32", "int64") else ops.cast(inputs, "int32")

    def call(self, inputs: Any) -> Any:
        return ops.cast(ops.take(self.embeddings, self._indices(inputs), axis=0), self.compute_dtype)

    def quantized_call(self, inputs: Any) -> Any:
        """The rows under the policy of a mode."""
        indices = self._indices(inputs)
        vectors = self._scheme().take(self, self._quantized_weights[0], indices)
        if not self.lora_enabled:
            return vectors
        a, b = self._lora_factors()
        update = ops.matmul(ops.take(a, indices, axis=0), b)
        return ops.cast(ops.add(vectors, (self.lora_alpha / self.lora_rank) * update), self.compute_dtype)

    def compute_mask(self, inputs: Any, mask: Any = None) -> Any:
        return ops.not_equal(inputs, 0) if self.mask_zero and not getattr(inputs, "ragged", False) else None

    def compute_output_shape(self, input_shape: Any) -> Any:
        return (*input_shape, self.output_dim)

    def get_config(self) -> dict[str, Any]:
        return {
            **super().get_config(),
            **settings.give(self, *self.setting_names),
            **self._quantization_settings(),
            **self._lora_config(),
        }


class ReversibleEmbedding(Embedding):
    """An embedding that can also turn vectors into scores for each index.

    Args:
        input_dim: how many rows the table has.
        output_dim: the extent of a row.
        tie_weights: whether the same table serves for going back; else there is a second one.
        embeddings_initializer: how the table starts.
        embeddings_regularizer: a function of the table that is added to the loss.
        embeddings_constraint: applied to the table after each update.
        mask_zero: whether index 0 stands for padding.
        reverse_dtype: the type to compute scores in; the compute type if None.
        logit_soft_cap: scores are kept within this of zero, smoothly.
        kwargs: those of `Layer`.

    Example:

    >>> layer = ReversibleEmbedding(10, 4)
    >>> layer(layer(ops.convert_to_tensor([[1, 2]])), reverse=True).shape
    (1, 2, 10)
    """

    def __init__(
        self,
        input_dim: int,
        output_dim: int,
        tie_weights: bool = True,
        embeddings_initializer: Any = "uniform",
        embeddings_regularizer: Any = None,
        embeddings_constraint: Any = None,
        mask_zero: bool = False,
        reverse_dtype: Any = None,
        logit_soft_cap: float | None = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(
            input_dim,
            output_dim,
            embeddings_initializer=embeddings_initializer,
            embeddings_regularizer=embeddings_regularizer,
            embeddings_constraint=embeddings_constraint,
            mask_zero=mask_zero,
            **kwargs,
        )
        self.tie_weights, self.reverse_dtype, self.logit_soft_cap = tie_weights, reverse_dtype, logit_soft_cap

    def build(self, inputs_shape: Any = None) -> None:
        if self.built:
            return
        super().build(inputs_shape)
        if not self.tie_weights and not self._quantized_weights:
            self.reverse_embeddings = self.add_weight(
                shape=(self.output_dim, self.input_dim),
                initializer=self.embeddings_initializer,
                name="reverse_embeddings",
            )

    def call(self, inputs: Any, reverse: bool = False) -> Any:
        if not reverse:
            return self._masked(super().call(inputs), inputs)
        kernel = ops.transpose(self.embeddings) if self.tie_weights else self.reverse_embeddings.tensor
        dtype = self._dtype_of_scores()
        return self._capped(ops.matmul(ops.cast(inputs, dtype), ops.cast(kernel, dtype)))

    def _dtype_of_scores(self) -> str:
        return dtypes.name_of(self.reverse_dtype) if self.reverse_dtype is not None else self.compute_dtype

    def _capped(self, scores: Any) -> Any:
        cap = self.logit_soft_cap
        return scores if cap is None else ops.tanh(scores / cap) * cap

    def _weights_to_quantize(self, shape: Any = None) -> tuple[QuantizedWeight, ...]:
        (table,) = super()._weights_to_quantize(shape)
        if self.tie_weights:
            return (table,)
        shape = (self.output_dim, self.input_dim)
        scale = Alignment(dropped=(0,), order=(0,))
        name = "reverse_embeddings"
        return table, QuantizedWeight(name, name, shape, (0,), scale, matrix=shape, packed=0)

    def quantized_build(self, input_shape: Any, mode: str, config: Any = None) -> None:
        super().quantized_build(input_shape, mode, config)
        if config is None:
            self.inputs_quantizer = AbsMaxQuantizer()

    def quantized_call(self, inputs: Any, reverse: bool = False) -> Any:
        """The rows, or the scores, under the policy of a mode."""
        if not reverse:
            return self._masked(super().quantized_call(inputs), inputs)
        weight = self._quantized_weights[-1]
        scores = self._scheme().multiply(self, weight, MATRICES, inputs, transposed=self.tie_weights)
        if self.lora_enabled and self.tie_weights:
            a, b = (ops.transpose(factor) for factor in self._lora_factors())
            scores = scores + (self.lora_alpha / self.lora_rank) * ops.matmul(ops.matmul(inputs, b), a)
        return self._capped(ops.cast(scores, self._dtype_of_scores()))

    def compute_mask(self, inputs: Any, mask: Any = None) -> None:
        """None: which way the layer goes is the call's to know, so that it gives the vectors their mask itself."""
        return None

    def _masked(self, vectors: Any, inputs: Any) -> Any:
        """The vectors, with the mask of their indices."""
        set_mask(vectors, super().compute_mask(inputs))
        return vectors

    def compute_output_shape(self, input_shape: Any, reverse: bool = False) -> Any:
        return (*input_shape[:-1], self.input_dim) if reverse else (*input_shape, self.output_dim)

    def compute_output_spec(self, inputs: Any, reverse: bool = False) -> Any:
        dtype = self.reverse_dtype if reverse and self.reverse_dtype else self.compute_dtype
        return KerasTensor(self.compute_output_shape(inputs.shape, reverse=reverse), dtype=dtype)

    def get_config(self) -> dict[str, Any]:
        return {
            **super().get_config(),
            "tie_weights": self.tie_weights,
            "reverse_dtype": self.reverse_dtype,
            "logit_soft_cap": self.logit_soft_cap,
        }
