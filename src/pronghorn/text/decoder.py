"""The decoder behind Llama, GPT-2 and their kin: one Keras model, whose blocks keep keys and values."""

from __future__ import annotations

import dataclasses
import functools
from collections.abc import Mapping
from typing import Any

from pronghorn import activations, initializers, layers, models, ops
from pronghorn.calls.jit import CompiledFunction
from pronghorn.saving import register_keras_serializable
from pronghorn.text.rotations import Rotation
from pronghorn.text.settings import DecoderSettings
from pronghorn.variables import Variable

_FAR = -1e30  # a score that leaves nothing of a share, and whose difference to itself is a number
Cache = list[Any]


class Block(layers.Layer):
    """Attention over the tokens so far, then a feed-forward part; each adds to what came.

    Args:
        settings: those of the whole decoder.
        number: which block it is, from 0.
        initializer: how matrices start.
        kwargs: those of `Layer`.
    """

    def __init__(self, settings: DecoderSettings, number: int, initializer: Any, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.settings, self.number = settings, number
        shapes = settings.block_shapes()
        self.parts = {}
        for name in dict.fromkeys(name.partition(".")[0] for name in shapes):
            self.parts[name] = _layer(settings, shapes, name, initializer, self.dtype_policy)

    def build(self, input_shape: Any) -> None:
        shapes = self.settings.block_shapes()
        for name, layer in self.parts.items():
            inputs = next(shape[0] for weight, shape in shapes.items() if weight.startswith(f"{name}."))
            layer.build((*input_shape[:-1], inputs))
        self.built = True

    def call(self, x: Any, turn: Any, allowed: Any, position: Any, keys: Any, values: Any) -> tuple[Any, Any, Any]:
        """Return the block's vectors, and its keys and values with those of the new tokens.

        Args:
            x: vectors of new tokens, (batch, tokens, width).
            turn: cosines and sines of the new tokens' rotations, each (tokens, rotary_size / 2), or such for each row;
                None for none.
            allowed: which tokens a new one looks at, (tokens, length), or such for each row.
            position: the place of the first new token.
            keys, values: those of the tokens so far, (batch, length, groups, head_size); None where there are none.
        """
        s, parts = self.settings, self.parts
        normal = parts["attention_norm"](x)
        query, key, value = (
            self._heads(parts[name](normal), count)
            for name, count in (("query", s.heads), ("key", s.groups), ("value", s.groups))
        )
        if s.has_query_norms:
            query, key = parts["query_norm"](query), parts["key_norm"](key)
        if turn is not None and self.number not in s.unrotated:
            query, key = _rotated(query, turn), _rotated(key, turn)
        if keys is None:
            keys, values = key, value
        else:
            start = ops.stack([0, position, 0, 0])
            keys, values = ops.slice_update(keys, start, key), ops.slice_update(values, start, value)
        added = parts["output"](self._attend(query, keys, values, allowed))
        if s.has_post_norms:
            added = parts["attention_post_norm"](added)
        if s.is_parallel:
            return x + added + self._feed(normal), keys, values
        x = x + added
        fed = self._feed(parts["feed_norm"](x))
        return x + (parts["feed_post_norm"](fed) if s.has_post_norms else fed), keys, values

    def _heads(self, x: Any, count: int) -> Any:
        return ops.reshape(x, (*ops.shape(x)[:2], count, self.settings.head_size))

    def _attend(self, query: Any, keys: Any, values: Any, allowed: Any) -> Any:
        """What queries find, (batch, tokens, heads * head_size). The queries of a group look at the same keys."""
        s = self.settings
        batch, tokens = ops.shape(query)[:2]
        query = ops.reshape(query, (batch, tokens, s.groups, s.heads // s.groups, s.head_size))
        query = query * (s.head_size**-0.5 if s.score_scale is None else s.score_scale)
        scores = ops.cast(ops.einsum("bqghs,bkgs->bghqk", query, keys), "float32")
        if s.score_cap is not None:
            scores = s.score_cap * ops.tanh(scores / s.score_cap)
        scores = ops.where(allowed if len(allowed.shape) == 2 else allowed[:, None, None], scores, _FAR)
        shares = ops.ones_like(scores) if keys.shape[1] == 1 else ops.softmax(scores)  # which warns of one alone
        found = ops.einsum("bghqk,bkgs->bqghs", ops.cast(shares, values.dtype), values)
        return ops.reshape(found, (batch, tokens, s.heads * s.head_size))

    def _feed(self, x: Any) -> Any:
        parts, activation = self.parts, _activation(self.settings.activation)
        if self.settings.is_gated:
            return parts["down"](activation(parts["gate"](x)) * parts["up"](x))
        return parts["down"](activation(parts["up"](x)))


@register_keras_serializable("pronghorn.text")
class Decoder(models.Model):
    """A language model: scores of the next token for every token.

    Called with tokens, (batch, tokens) of integers, it gives scores, (batch, tokens, vocabulary). To write with it,
    `step` takes new tokens and a cache from `make_cache`; `generate` does that.

    Args:
        settings: a `DecoderSettings`, or its fields as a dict.
        initializer: how matrices and tables start; normal numbers with a deviation of 0.02 if None.
        kwargs: those of `Model`.

    >>> from pronghorn import ops
    >>> model = Decoder(dict(vocabulary=50, width=16, hidden=32, blocks=2, heads=4, groups=2, head_size=4,
    ...     positions=64, rotary_size=4))
    >>> model(ops.convert_to_tensor([[3, 1, 4]])).shape
    (1, 3, 50)
    """

    def __init__(self, settings: DecoderSettings | dict[str, Any], initializer: Any = None, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        start = self.initializer = initializers.get(initializer or initializers.RandomNormal(stddev=0.02))
        s = self.settings = DecoderSettings(**settings) if isinstance(settings, dict) else settings
        policy = self.dtype_policy
        self.folder: Any = None
        self.tokenizer: Any = None
        self.end_tokens: tuple[int, ...] = ()
        table = layers.ReversibleEmbedding if s.is_tied else layers.Embedding
        self.embedding = table(s.vocabulary, s.width, dtype=policy, embeddings_initializer=start)
        self.positions = None
        if not s.rotary_size:
            self.positions = layers.Embedding(s.positions, s.width, dtype=policy, embeddings_initializer=start)
        self.blocks = [Block(s, i, start, dtype=policy, name=f"block_{i}") for i in range(s.blocks)]
        self.final_norm = _layer(s, s.shapes(), "final_norm", start, policy)
        self.head = None if s.is_tied else _layer(s, s.shapes(), "head", start, policy)
        self.rotations = [s.rotation(i) for i in range(s.blocks)] if s.rotary_size else []
        self.build((None, None))

    def build(self, input_shape: Any) -> None:
        """Make the weights: their shapes are all in the settings."""
        s = self.settings
        self.embedding.build(input_shape)
        if self.positions is not None:
            self.positions.build(input_shape)
        for layer in (*self.blocks, self.final_norm, *([] if self.head is None else [self.head])):
            layer.build((*input_shape, s.width))
        self.built = True

    def call(self, inputs: Any) -> Any:
        length = ops.shape(inputs)[1]
        x, _ = self._run(inputs, 0, [None] * (2 * self.settings.blocks), length, None, length)
        return self._scores(x)

    def make_cache(self, batch: int, length: int, starts: Any = None) -> Cache:
        """Return a cache for ``length`` tokens of each row: where texts begin, and zeros for keys and values.

        Args:
            batch: rows.
            length: the largest number of tokens of a row.
            starts: the places at which the rows' texts begin, (batch,) of integers; 0 if None. What lies before is not
                looked at, and a text's positions are counted from there. So texts of several lengths end together.

        Returns:
            The places, (batch,), and two arrays of (batch, length, groups, head_size) a block.
        """
        s = self.settings
        shape = (batch, length, s.groups, s.head_size)
        begins = ops.zeros((batch,), "int32") if starts is None else ops.convert_to_tensor(starts, "int32")
        return [begins, *(ops.zeros(shape, self.compute_dtype) for _ in range(2 * s.blocks))]

    def step(self, tokens: Any, position: Any, last: Any, *cache: Any) -> tuple[Any, ...]:
        """Take new tokens, and return scores of what follows one of them, and the cache with them.

        Args:
            tokens: new tokens, (batch, tokens).
            position: the place of the first of them, a number.
            last: the place among the new tokens of the one whose scores are asked for.
            cache: what `make_cache` or the step before gave; what lies in it behind the new tokens does not matter.

        Returns:
            Scores in float32, (batch, vocabulary), and the arrays of the cache.
        """
        starts, *kept = cache
        reached = position + last + 1 - starts
        x, kept = self._run(tokens, position, kept, kept[0].shape[1], starts, reached)
        return self._scores(ops.take(x, last, axis=1)), starts, *kept

    @functools.cached_property
    def compiled_step(self) -> CompiledFunction:
        """`step` as a compiled function; its programs are kept with the model.

        It changes keys and values where they lie: what it returns are the arrays that it was given.
        """
        first = 4  # behind the tokens, two places and the beginnings of texts
        return CompiledFunction(self.step, donated=range(first, first + 2 * self.settings.blocks))

    def _run(
        self, tokens: Any, position: Any, cache: Cache, length: Any, starts: Any, reached: Any
    ) -> tuple[Any, Cache]:
        """The vectors of new tokens after all blocks, and the keys and values with them.

        ``starts`` are the places at which rows begin; None if all begin at 0. ``reached`` is the length of the texts.
        """
        s = self.settings
        slots = position + ops.arange(ops.shape(tokens)[1], dtype="int32")
        places = slots if starts is None else slots - starts[:, None]
        x = self.embedding(tokens)
        if s.embedding_scale != 1.0:
            x = x * ops.cast(s.embedding_scale, x.dtype)
        if self.positions is not None:
            x = x + self.positions(ops.clip(places, 0, s.positions - 1))
        turns = self._turns(places, reached)
        behind = slots[:, None] - ops.arange(length, dtype="int32")
        is_seen = behind >= 0
        if starts is not None:
            is_seen = ops.logical_and(is_seen, ops.arange(length, dtype="int32") >= starts[:, None, None])
        changed = []
        for i, block in enumerate(self.blocks):
            window = s.window(i)
            allowed = is_seen if window is None else ops.logical_and(is_seen, behind < window)
            keys, values = cache[2 * i : 2 * i + 2]
            x, *new = block(x, turn=turns[i], allowed=allowed, position=position, keys=keys, values=values)
            changed += new
        return self.final_norm(x), changed

    def _turns(self, places: Any, reached: Any) -> list[Any]:
        """For each block, cosines and sines by which its queries and keys are turned at places."""
        found: dict[Any, tuple[Any, Any]] = {}  # by window or not: no more than two differ
        turns: list[Any] = []
        for i, one in enumerate(self.rotations):
            key = self.settings.window(i) is None
            if key not in found:
                angles = ops.cast(places, "float32")[..., None] * _frequencies(one, reached)
                found[key] = ops.cos(angles) * one.magnitude, ops.sin(angles) * one.magnitude
            turns.append(found[key])
        return turns or [None] * self.settings.blocks

    def _scores(self, x: Any) -> Any:
        if self.head is None:
            scores = self.embedding(x, reverse=True)
        else:
            scores = self.head(x)
        scores = ops.cast(scores, "float32")
        cap = self.settings.logit_cap
        return scores if cap is None else cap * ops.tanh(scores / cap)

    def named_layers(self) -> dict[str, Any]:
        """Return the layers that have weights by their names in `DecoderSettings.shapes`."""
        found = {"embedding": self.embedding, "positions": self.positions, "final_norm": self.final_norm}
        found |= {"head": self.head}
        found |= {f"blocks.{i}.{name}": part for i, b in enumerate(self.blocks) for name, part in b.parts.items()}
        return {name: layer for name, layer in found.items() if layer is not None}

    def parameters(self) -> dict[str, Variable]:
        """Return the weights by their names in `DecoderSettings.shapes`."""
        return {
            f"{name}.{kind}": getattr(layer, kind)
            for name, layer in self.named_layers().items()
            for kind in ("embeddings", "scale", "gamma", "beta", "kernel", "bias")
            if isinstance(getattr(layer, kind, None), Variable)
        }

    def get_config(self) -> dict[str, Any]:
        start = {"initializer": initializers.serialize(self.initializer)}
        return {**super().get_config(), "settings": dataclasses.asdict(self.settings), **start}


def _activation(name: str) -> Any:
    """The function of a name; GELU by its approximation has one of its own."""
    if name == "gelu_tanh":
        return lambda x: ops.gelu(x, approximate=True)
    if name == "gelu":
        return lambda x: ops.gelu(x, approximate=False)
    return activations.get(name)


def _layer(settings: DecoderSettings, shapes: Mapping[str, tuple[int, ...]], name: str, start: Any, policy: Any) -> Any:
    """A norm or a product, by its name among the shapes, with matrices that begin as ``start``."""
    if name.endswith("norm"):
        kind = layers.RMSNormalization if settings.norm == "rms" else layers.LayerNormalization
        return kind(epsilon=settings.epsilon, dtype=policy, name=name)
    units, has_bias = shapes[f"{name}.kernel"][1], f"{name}.bias" in shapes
    return layers.Dense(units, use_bias=has_bias, kernel_initializer=start, dtype=policy, name=name)


def _frequencies(rotation: Rotation, reached: Any) -> Any:
    """Radians a position, (pairs,); where they depend on the length of the text, (1, pairs) or (batch, 1, pairs)."""
    if rotation.growth is None:
        return rotation.frequencies
    factor, original, exponents = rotation.growth
    stretch = ops.maximum(factor / original * ops.cast(reached, "float32") - (factor - 1), 1.0)
    return rotation.frequencies * ops.power(stretch[..., None, None], -exponents)


def _rotated(x: Any, turn: tuple[Any, Any]) -> Any:
    """The first numbers of each head turned in pairs, of which one is in the first half and one in the second."""
    cos, sin = (ops.cast(t, x.dtype)[..., None, :] for t in turn)
    half = cos.shape[-1]
    first, second, rest = x[..., :half], x[..., half : 2 * half], x[..., 2 * half :]
    turned = [first * cos - second * sin, second * cos + first * sin]
    return ops.concatenate(turned + ([rest] if x.shape[-1] > 2 * half else []), axis=-1)
