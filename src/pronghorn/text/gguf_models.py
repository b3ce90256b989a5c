"""Which decoder the header of a GGUF file describes, and what its weights are called there."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from pronghorn._lazy import nearest_clause
from pronghorn.text.architectures import Architecture, architecture_of
from pronghorn.text.gguf_files import GGUFFile, read_gguf
from pronghorn.text.weights import Files

# By the name in the file, the type that `config.json` would have. Mistral's files say llama.
_TYPES = {
    "gemma": "gemma",
    "gemma2": "gemma2",
    "gemma3": "gemma3_text",
    "gpt2": "gpt2",
    "llama": "llama",
    "phi2": "phi",
    "phi3": "phi3",
    "qwen2": "qwen2",
    "qwen3": "qwen3",
    "smollm3": "smollm3",
}
_INTERLEAVED = ("llama", "smollm3")
_NAMES = {
    "embedding": "token_embd",
    "positions": "position_embd",
    "final_norm": "output_norm",
    "head": "output",
    "attention_norm": "attn_norm",
    "query": "attn_q",
    "key": "attn_k",
    "value": "attn_v",
    "output": "attn_output",
    "query_norm": "attn_q_norm",
    "key_norm": "attn_k_norm",
    "attention_post_norm": "post_attention_norm",
    "feed_norm": "ffn_norm",
    "feed_post_norm": "post_ffw_norm",
    "gate": "ffn_gate",
    "up": "ffn_up",
    "down": "ffn_down",
}
_BLOCK = "blk.{}."
_OTHER_SCORES = (46, 62)  # blocks of the largest Gemma 2 and 3
_MOST_FACTORS = 1 << 16  # of rotations: more than a head has
_END_TOKENS = ("eos_token_id", "eot_token_id", "eom_token_id")


def open_gguf(path: Path) -> Files:
    """Return a GGUF file as that of a model.

    Raises:
        FileNotFoundError: if it is not there.
        ImportError: without the library gguf.
        ValueError: for a model of another type, or a damaged file.
    """
    file = read_gguf(path)
    config = _config(file)
    family, settings = architecture_of(config, file.path)
    there: dict[str, Any] = {
        "rotary_size": config["rotary_size"] if settings.rotary_size else 0,
        "has_attention_bias": _has(file, "attn_q.bias") or _has(file, "attn_qkv.bias"),
        "has_output_bias": _has(file, "attn_output.bias"),
        "has_feed_bias": _has(file, "ffn_up.bias"),
        "has_head_bias": "output.bias" in file.arrays,
        "is_tied": "output.weight" not in file.arrays,
    }
    try:
        settings = dataclasses.replace(settings, **there)
    except ValueError as error:
        raise ValueError(f"{file.path}: {error}") from None
    ends = [file.fields.get(f"tokenizer.ggml.{name}") for name in _END_TOKENS]
    end_tokens = tuple(dict.fromkeys(token for token in ends if type(token) is int))
    return Files(path, file.path, _family(file, family), settings, file.arrays, end_tokens)


def _family(file: GGUFFile, family: Architecture) -> Architecture:
    """The names of weights, of which some are in one array."""
    names = dict(_NAMES)
    if _has(file, "attn_qkv.weight"):
        names |= dict.fromkeys(("query", "key", "value"), "attn_qkv")
    if not _has(file, "ffn_gate.weight"):
        names["gate"] = "ffn_up"
    return dataclasses.replace(
        family,
        block=_BLOCK,
        names=names,
        has_outputs_last=False,
        norm_offset=0.0,  # it is in the file's numbers
        is_interleaved=file.fields["general.architecture"] in _INTERLEAVED,
    )


def _has(file: GGUFFile, name: str) -> bool:
    """Whether blocks have an array of a name; the first one tells."""
    return _BLOCK.format(0) + name in file.arrays


class _Fields:
    """The values of a header that are of its model."""

    def __init__(self, file: GGUFFile, kind: str) -> None:
        self._file, self._kind = file, kind

    def __call__(self, name: str, default: Any = ...) -> Any:
        """A value; what is one for each block is one for all."""
        name = f"{self._kind}.{name}"
        found = self._file.fields.get(name, default)
        if found is ...:
            raise ValueError(
                f"{self._file.path} has no value {name!r}, which a model of the type {self._kind!r} needs."
            )
        if isinstance(found, np.ndarray):
            if found.size == 0 or (found != found[0]).any():
                raise ValueError(f"{self._file.path}: {name!r} differs from block to block, which is not read.")
            return found[0].item()
        return found


def _config(file: GGUFFile) -> dict[str, Any]:
    """What a `config.json` would say of the model."""
    kind = file.fields.get("general.architecture")
    if not isinstance(kind, str) or kind not in _TYPES:
        raise ValueError(
            f"{file.path} describes a model of the type {kind!r}, which is not read from GGUF files"
            f"{nearest_clause(str(kind), _TYPES)}. Known are {', '.join(_TYPES)}."
        )
    field = _Fields(file, kind)
    if field("expert_count", 0):
        raise ValueError(f"{file.path} describes a mixture of {field('expert_count')} experts, which is not read.")
    table = file.arrays.get("token_embd.weight")
    if table is None:
        raise ValueError(f"{file.path} has no array 'token_embd.weight', so it has no language model's weights.")
    width, heads = field("embedding_length"), field("attention.head_count")
    if not isinstance(heads, int) or not isinstance(width, int) or heads < 1:
        raise ValueError(f"{file.path}: {kind}.attention.head_count and embedding_length are positive integers.")
    size = field("attention.key_length", width // heads)
    if field("attention.value_length", size) != size:
        raise ValueError(f"{file.path} has values of another length than keys, which is not read.")
    hidden, blocks, positions = field("feed_forward_length"), field("block_count"), field("context_length")
    return {
        "model_type": _TYPES[kind],
        "vocab_size": table.shape[0],
        "hidden_size": width,
        "intermediate_size": hidden,
        "num_hidden_layers": blocks,
        "num_attention_heads": heads,
        "num_key_value_heads": field("attention.head_count_kv", heads),
        "head_dim": size,
        "max_position_embeddings": positions,
        "rms_norm_eps": field("attention.layer_norm_rms_epsilon", 1e-5),
        "rope_theta": field("rope.freq_base", 10000.0),
        "rope_scaling": _scaling(file, field),
        "rotary_size": field("rope.dimension_count", size),
        "rope_local_base_freq": field("rope.freq_base_swa", 10000.0),
        "sliding_window": field("attention.sliding_window", 0) or None,
        "sliding_window_pattern": field("attention.sliding_window_pattern", 6),
        "query_pre_attn_scalar": _score_size(field, width, heads, size, blocks),
        "attn_logit_softcapping": field("attn_logit_softcapping", None),
        "final_logit_softcapping": field("final_logit_softcapping", None),
        **{"n_embd": width, "n_head": heads, "n_layer": blocks, "n_positions": positions, "n_inner": hidden},
        **dict.fromkeys(("layer_norm_epsilon", "layer_norm_eps"), field("attention.layer_norm_epsilon", 1e-5)),
        "partial_rotary_factor": 1.0,  # rotary_size says how many
    }


def _scaling(file: GGUFFile, field: _Fields) -> Mapping[str, Any]:
    """``rope_scaling`` as a configuration has it."""
    factors = file.arrays.get("rope_freqs.weight")
    if factors is not None:
        factors.check()
        divisors = factors.values(slice(_MOST_FACTORS)).ravel()[:_MOST_FACTORS]
        return {"rope_type": "factors", "factors": tuple(divisors.tolist())}
    if "rope_factors_long.weight" in file.arrays:
        return {"rope_type": "longrope"}
    kind = field("rope.scaling.type", "none")
    if kind == "none":
        return {}
    scaling = {"rope_type": kind, "factor": field("rope.scaling.factor", 1.0)}
    original = field("rope.scaling.original_context_length", None)
    return scaling if original is None else {**scaling, "original_max_position_embeddings": original}


def _score_size(field: _Fields, width: int, heads: int, size: int, blocks: int) -> float:
    """The number whose root divides scores. Files may lack it: the largest Gemmas have one of their own."""
    scale = field("attention.scale", 0.0)
    if scale:
        return scale**-2
    return width / heads if blocks in _OTHER_SCORES else size
