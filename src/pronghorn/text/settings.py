"""What tells one decoder from another: sizes, and the few choices in which architectures differ."""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Mapping
from typing import Any

from pronghorn.text.rotations import Rotation, rotation


@dataclasses.dataclass(frozen=True)
class DecoderSettings:
    """The sizes of a decoder, and what is in its blocks. The defaults are those of Llama.

    Args:
        vocabulary: how many tokens there are.
        width: numbers of a token's vector between blocks.
        hidden: numbers in the middle of a block's feed-forward part.
        blocks: how many blocks there are.
        heads: heads of queries in a block.
        groups: heads of keys and values; ``heads`` is a multiple.
        head_size: numbers of a head.
        positions: the largest number of tokens, prompt included.
        norm: ``"rms"`` or ``"layer"``.
        epsilon: of the norms.
        activation: the name of a function of `pronghorn.activations`; ``"gelu_tanh"`` is the approximation of GELU.
        is_gated: whether the feed-forward part multiplies by a gate, as SwiGLU does.
        is_parallel: whether attention and feed-forward look at the same norm, and there is no second one.
        has_post_norms: whether what a part of a block adds is normalized, too.
        has_query_norms: whether each head of queries and keys is normalized.
        has_attention_bias, has_output_bias, has_feed_bias, has_head_bias: of the products.
        is_tied: whether the table of tokens serves for scores, too.
        embedding_scale: a factor of tokens' vectors.
        score_scale: a factor of queries times keys; the root of ``1 / head_size`` if None.
        score_cap, logit_cap: scores of attention, and those of tokens, are kept within this of zero; None for no limit.
        windows: for each block, how many tokens back it looks, itself included; None for all. Empty for all blocks.
        rotary_size: how many numbers of a head are rotated by their position; 0 for a learned table of positions.
        rotary_theta: the base of the rotations' periods.
        rotary_scaling: ``rope_scaling`` of a model's configuration, of the kinds ``linear``, ``dynamic``, ``yarn``,
            ``llama3`` or ``factors``.
        window_theta: the base of the rotations' periods in blocks with a window, where nothing is scaled; that of all
            blocks if None.
        unrotated: the numbers of blocks that do not rotate.

    Raises:
        ValueError: for sizes that do not go together.

    >>> settings = DecoderSettings(vocabulary=100, width=32, hidden=64, blocks=2, heads=4, groups=2, head_size=8,
    ...     positions=128, rotary_size=8)
    >>> settings.parameters()
    21792
    """

    vocabulary: int
    width: int
    hidden: int
    blocks: int
    heads: int
    groups: int
    head_size: int
    positions: int
    norm: str = "rms"
    epsilon: float = 1e-6
    activation: str = "silu"
    is_gated: bool = True
    is_parallel: bool = False
    has_post_norms: bool = False
    has_query_norms: bool = False
    has_attention_bias: bool = False
    has_output_bias: bool = False
    has_feed_bias: bool = False
    has_head_bias: bool = False
    is_tied: bool = True
    embedding_scale: float = 1.0
    score_scale: float | None = None
    score_cap: float | None = None
    logit_cap: float | None = None
    windows: tuple[int | None, ...] = ()
    rotary_size: int = 0
    rotary_theta: float = 10000.0
    rotary_scaling: Mapping[str, Any] | None = None
    window_theta: float | None = None
    unrotated: tuple[int, ...] = ()

    def __post_init__(self) -> None:
        for name in ("vocabulary", "width", "hidden", "blocks", "heads", "groups", "head_size", "positions"):
            value = getattr(self, name)
            bits = 16 if name == "head_size" else 31  # of a head there is a list of frequencies
            if type(value) is not int or not 0 < value < 1 << bits:
                raise ValueError(f"DecoderSettings: {name} is a positive integer below 2**{bits}, not {value!r}.")
        if self.heads % self.groups:
            raise ValueError(
                f"DecoderSettings: {self.heads} heads of queries cannot share {self.groups} heads of keys: the first "
                "number is a multiple of the second."
            )
        if type(self.rotary_size) is not int or self.rotary_size % 2 or not 0 <= self.rotary_size <= self.head_size:
            raise ValueError(
                f"DecoderSettings: rotary_size is an even number up to head_size, {self.head_size}, not "
                f"{self.rotary_size!r}."
            )
        if self.windows and len(self.windows) != self.blocks:
            raise ValueError(f"DecoderSettings: {len(self.windows)} windows were given for {self.blocks} blocks.")
        may_be_none = ("score_scale", "score_cap", "logit_cap", "window_theta")
        for name in ("epsilon", "embedding_scale", "rotary_theta", *may_be_none):
            value = getattr(self, name)
            is_left_out = value is None and name in may_be_none
            if not is_left_out and not (isinstance(value, int | float) and 0 < value < math.inf):
                raise ValueError(f"DecoderSettings: {name} is a positive number, not {value!r}.")
        if not all(window is None or (type(window) is int and window > 0) for window in self.windows):
            raise ValueError(f"DecoderSettings: windows are positive integers, or None for all, not {self.windows}.")
        rotation(self.rotary_size, self.rotary_theta, self.rotary_scaling)  # raises what is wrong with it

    def window(self, block: int) -> int | None:
        """Return how many tokens back a block looks; None for all."""
        return self.windows[block] if self.windows else None

    def rotation(self, block: int) -> Rotation:
        """Return how a block turns queries and keys by their positions.

        Raises:
            ValueError: for a scaling of a kind that is not known.
        """
        if self.window_theta is not None and self.window(block) is not None:
            return rotation(self.rotary_size, self.window_theta)
        return rotation(self.rotary_size, self.rotary_theta, self.rotary_scaling)

    def shapes(self) -> dict[str, tuple[int, ...]]:
        """Return the shape of every weight by its name, such as ``"blocks.0.query.kernel"``."""
        found: dict[str, tuple[int, ...]] = {"embedding.embeddings": (self.vocabulary, self.width)}
        if not self.rotary_size:
            found["positions.embeddings"] = (self.positions, self.width)
        each = self.block_shapes()
        for i in range(self.blocks):
            found |= {f"blocks.{i}.{name}": shape for name, shape in each.items()}
        found |= self._norm_shapes("final_norm", self.width)
        if not self.is_tied:
            found |= _product("head", self.width, self.vocabulary, self.has_head_bias)
        return found

    def parameters(self) -> int:
        """Return how many numbers the weights are."""
        return sum(math.prod(shape) for shape in self.shapes().values())

    def _norm_shapes(self, name: str, size: int) -> dict[str, tuple[int, ...]]:
        kinds = ("scale",) if self.norm == "rms" else ("gamma", "beta")
        return {f"{name}.{kind}": (size,) for kind in kinds}

    def block_shapes(self) -> dict[str, tuple[int, ...]]:
        """Return the shapes of a block's weights by their names in it, such as ``"query.kernel"``."""
        queries, keys = self.heads * self.head_size, self.groups * self.head_size
        found = self._norm_shapes("attention_norm", self.width)
        for name, units in (("query", queries), ("key", keys), ("value", keys)):
            found |= _product(name, self.width, units, self.has_attention_bias)
        found |= _product("output", queries, self.width, self.has_output_bias)
        if self.has_query_norms:
            found |= self._norm_shapes("query_norm", self.head_size) | self._norm_shapes("key_norm", self.head_size)
        if not self.is_parallel:
            found |= self._norm_shapes("feed_norm", self.width)
        if self.has_post_norms:
            found |= self._norm_shapes("attention_post_norm", self.width)
            found |= self._norm_shapes("feed_post_norm", self.width)
        for name in ("gate", "up") if self.is_gated else ("up",):
            found |= _product(name, self.width, self.hidden, self.has_feed_bias)
        return found | _product("down", self.hidden, self.width, self.has_feed_bias)


def _product(name: str, inputs: int, units: int, has_bias: bool) -> dict[str, tuple[int, ...]]:
    found: dict[str, tuple[int, ...]] = {f"{name}.kernel": (inputs, units)}
    return found | ({f"{name}.bias": (units,)} if has_bias else {})
