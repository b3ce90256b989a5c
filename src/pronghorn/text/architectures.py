"""Which decoder a `config.json` describes, and what its weights are called in the files.

The names are those of Hugging Face's `transformers`, whose answers these are checked against.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Mapping
from typing import Any

from pronghorn._lazy import nearest_clause
from pronghorn.text.settings import DecoderSettings

Config = Mapping[str, Any]
_MOST_BLOCKS = 1 << 14


@dataclasses.dataclass(frozen=True)
class Architecture:
    """A family of models: its settings, and its names.

    Args:
        settings: from a configuration to what differs from Llama.
        block: the beginning of the names of a block's weights, with ``{}`` for its number.
        names: the module of each layer, such as ``"self_attn.q_proj"`` for ``"query"``. Layers of the same module
            have its outputs one after another, in this order.
        has_outputs_last: whether matrices are (inputs, outputs).
        norm_offset: what is added to the factors of norms.
        is_interleaved: whether the numbers of a head that are turned together are neighbours, and not in its halves.
    """

    settings: Callable[[Config], dict[str, Any]]
    block: str
    names: dict[str, str]
    has_outputs_last: bool = False
    norm_offset: float = 0.0
    is_interleaved: bool = False


def architecture_of(config: Config, where: str) -> tuple[Architecture, DecoderSettings]:
    """Return the family that a configuration names, and the settings that it gives.

    Args:
        config: what is in `config.json`.
        where: what messages call it.

    Raises:
        ValueError: for a family that is not known, or a field that is missing or makes no sense.
    """
    kind = config.get("model_type")
    family = ARCHITECTURES.get(kind) if isinstance(kind, str) else None
    if family is None:
        raise ValueError(
            f"{where} describes a model of the type {kind!r}, which is not read"
            f"{nearest_clause(str(kind), ARCHITECTURES)}. Known are {', '.join(sorted(ARCHITECTURES))}."
        )
    if "quantization_config" in config:
        raise ValueError(f"{where} describes quantized weights, which are not read: take the model's float files.")
    try:
        return family, DecoderSettings(**family.settings(config))
    except KeyError as error:
        raise ValueError(f"{where} has no {error.args[0]!r}, which a model of the type {kind!r} needs.") from None
    except (TypeError, ZeroDivisionError, OverflowError, AttributeError) as error:
        raise ValueError(f"{where} has a field that makes no sense ({error}).") from None
    except ValueError as error:
        raise ValueError(f"{where}: {error}") from None


def _llama(config: Config) -> dict[str, Any]:
    """The settings of Llama, and of what differs from it in nothing but sizes."""
    heads, width = config["num_attention_heads"], config["hidden_size"]
    size = config.get("head_dim") or width // heads
    rotations = config.get("rope_parameters") or config.get("rope_scaling") or {}
    part = rotations.get("partial_rotary_factor", config.get("partial_rotary_factor", 1.0))
    return {
        "vocabulary": config["vocab_size"],
        "width": width,
        "hidden": config["intermediate_size"],
        "blocks": _blocks(config["num_hidden_layers"]),
        "heads": heads,
        "groups": config.get("num_key_value_heads") or heads,
        "head_size": size,
        "positions": _positions(config, rotations),
        "epsilon": config.get("rms_norm_eps", config.get("layer_norm_eps", 1e-6)),
        "activation": _activation(config.get("hidden_activation") or config.get("hidden_act", "silu")),
        "has_attention_bias": bool(config.get("attention_bias", False)),
        "has_output_bias": bool(config.get("attention_bias", False)),
        "has_feed_bias": bool(config.get("mlp_bias", False)),
        "is_tied": bool(config.get("tie_word_embeddings", False)),
        "rotary_size": int(size * part),
        "rotary_theta": float(rotations.get("rope_theta", config.get("rope_theta", 10000.0))),
        "rotary_scaling": _scaling(config, rotations),
    }


def _blocks(count: Any) -> int:
    """How many blocks there are, before there is a list with one entry for each."""
    if type(count) is not int or not 0 < count <= _MOST_BLOCKS:
        raise ValueError(f"the number of blocks is a positive integer up to {_MOST_BLOCKS:,}, not {count!r}")
    return count


def _positions(config: Config, rotations: Config) -> int:
    """How many tokens there may be; where rotations follow the length of the text, more than in the training."""
    length, factor = config["max_position_embeddings"], rotations.get("factor")
    is_longer = rotations.get("rope_type", rotations.get("type")) == "dynamic" and type(length) is int
    # A factor that makes no sense is told of where rotations are made.
    return int(length * factor) if is_longer and isinstance(factor, int | float) and 0 < factor < 1e6 else length


def _scaling(config: Config, rotations: Config) -> dict[str, Any]:
    """What makes rotations reach further; where the length of the training's texts is not said, it is the model's."""
    length = config.get("original_max_position_embeddings") or config["max_position_embeddings"]
    return {"original_max_position_embeddings": length, **rotations}


def _mistral(config: Config) -> dict[str, Any]:
    window = config.get("sliding_window")
    found = _llama(config)
    return {**found, "windows": (window,) * found["blocks"] if window else ()}


def _qwen(config: Config) -> dict[str, Any]:
    """Qwen's windows are of the blocks that the configuration lists, if it uses them at all."""
    found = _llama(config)
    if not config.get("use_sliding_window", False):
        return found
    kinds = config.get("layer_types")
    first = config.get("max_window_layers", 0)
    sliding = [k == "sliding_attention" for k in kinds] if kinds else [i >= first for i in range(found["blocks"])]
    return {**found, "windows": tuple(config["sliding_window"] if slides else None for slides in sliding)}


def _qwen2(config: Config) -> dict[str, Any]:
    return {**_qwen(config), "has_attention_bias": True, "has_output_bias": False}


def _qwen3(config: Config) -> dict[str, Any]:
    return {**_qwen(config), "has_query_norms": True}


def _smollm3(config: Config) -> dict[str, Any]:
    """Some blocks do not rotate, which are listed, or every so many; if there are windows, they are of these."""
    blocks, every = _blocks(config["num_hidden_layers"]), config.get("no_rope_layer_interval", 4)
    rotated = config.get("no_rope_layers") or [(i + 1) % every != 0 for i in range(blocks)]
    kinds = ["full_attention" if turns else "sliding_attention" for turns in rotated]
    return {
        **_qwen({"layer_types": kinds, **config}),
        "unrotated": tuple(i for i, turns in enumerate(rotated) if not turns),
        "is_tied": bool(config.get("tie_word_embeddings", True)),
    }


def _gemma(config: Config) -> dict[str, Any]:
    found = _llama(config)
    return {
        **found,
        "activation": _activation(config.get("hidden_activation") or "gelu_pytorch_tanh"),
        "embedding_scale": float(found["width"]) ** 0.5,
        "is_tied": bool(config.get("tie_word_embeddings", True)),
    }


def _gemma2(config: Config) -> dict[str, Any]:
    found = _gemma(config)
    kinds = config.get("layer_types")
    slides = [k == "sliding_attention" for k in kinds] if kinds else [i % 2 == 0 for i in range(found["blocks"])]
    return {
        **found,
        "has_post_norms": True,
        "score_scale": float(config["query_pre_attn_scalar"]) ** -0.5,
        "score_cap": config.get("attn_logit_softcapping"),
        "logit_cap": config.get("final_logit_softcapping"),
        "windows": tuple(config["sliding_window"] if s else None for s in slides),
    }


def _gemma3(config: Config) -> dict[str, Any]:
    """Blocks with a window have rotations of their own, for which newer configurations have one field."""
    both = config.get("rope_parameters") or {}
    inner, outer = both.get("sliding_attention") or {}, both.get("full_attention") or config.get("rope_scaling") or {}
    if inner.get("rope_type", "default") != "default":
        raise ValueError(f"rotations of the kind {inner['rope_type']!r} are not read in blocks with a window")
    if config.get("use_bidirectional_attention"):
        raise ValueError("attention in both directions is not read, since such a model does not write")
    every, blocks = config.get("sliding_window_pattern", 6), _blocks(config["num_hidden_layers"])
    kinds = config.get("layer_types") or [
        "full_attention" if (i + 1) % every == 0 else "sliding_attention" for i in range(blocks)
    ]
    theta = outer.get("rope_theta") or config.get("rope_theta", 1e6)
    found = _gemma2({**config, "layer_types": kinds, "rope_parameters": {**outer, "rope_theta": theta}})
    window_theta = inner.get("rope_theta") or config.get("rope_local_base_freq", 10000.0)
    return {**found, "has_query_norms": True, "window_theta": float(window_theta)}


# What the published configurations of Gemma 3 with a part for pictures leave out.
_GEMMA3_SIZES = {
    "vocab_size": 262208,
    "hidden_size": 2304,
    "intermediate_size": 9216,
    "num_hidden_layers": 26,
    "num_attention_heads": 8,
    "num_key_value_heads": 4,
    "head_dim": 256,
    "max_position_embeddings": 131072,
    "query_pre_attn_scalar": 256,
    "sliding_window": 4096,
}


def _gemma3_of_both(config: Config) -> dict[str, Any]:
    """The part for text of a model that looks at pictures, too."""
    return _gemma3({**_GEMMA3_SIZES, **config["text_config"]})


def _phi(config: Config) -> dict[str, Any]:
    if config.get("qk_layernorm", False):
        raise ValueError("norms of queries and keys are not read for this type")
    biases = ("has_attention_bias", "has_output_bias", "has_feed_bias", "has_head_bias")
    return {
        **_llama({"partial_rotary_factor": 0.5, "hidden_act": "gelu_new", **config}),
        **dict.fromkeys(biases, True),
        "norm": "layer",
        "epsilon": config.get("layer_norm_eps", 1e-5),
        "is_gated": False,
        "is_parallel": True,
    }


def _gpt2(config: Config) -> dict[str, Any]:
    width, heads = config["n_embd"], config["n_head"]
    return {
        "vocabulary": config["vocab_size"],
        "width": width,
        "hidden": config.get("n_inner") or 4 * width,
        "blocks": _blocks(config["n_layer"]),
        "heads": heads,
        "groups": heads,
        "head_size": width // heads,
        "positions": config["n_positions"],
        "norm": "layer",
        "epsilon": config.get("layer_norm_epsilon", 1e-5),
        "activation": _activation(config.get("activation_function", "gelu_new")),
        "is_gated": False,
        "has_attention_bias": True,
        "has_output_bias": True,
        "has_feed_bias": True,
        "is_tied": bool(config.get("tie_word_embeddings", True)),
    }


_ACTIVATIONS = {
    "silu": "silu",
    "swish": "silu",
    "gelu": "gelu",
    "gelu_new": "gelu_tanh",
    "gelu_fast": "gelu_tanh",
    "gelu_pytorch_tanh": "gelu_tanh",
    "relu": "relu",
}


def _activation(name: Any) -> str:
    if name not in _ACTIVATIONS:
        raise ValueError(f"the activation {name!r} is not known; known are {', '.join(_ACTIVATIONS)}")
    return _ACTIVATIONS[name]


_LLAMA_NAMES = {
    "embedding": "model.embed_tokens",
    "final_norm": "model.norm",
    "head": "lm_head",
    "attention_norm": "input_layernorm",
    "query": "self_attn.q_proj",
    "key": "self_attn.k_proj",
    "value": "self_attn.v_proj",
    "output": "self_attn.o_proj",
    "query_norm": "self_attn.q_norm",
    "key_norm": "self_attn.k_norm",
    "feed_norm": "post_attention_layernorm",
    "gate": "mlp.gate_proj",
    "up": "mlp.up_proj",
    "down": "mlp.down_proj",
}
_GEMMA2_NAMES = {
    **_LLAMA_NAMES,
    "attention_post_norm": "post_attention_layernorm",
    "feed_norm": "pre_feedforward_layernorm",
    "feed_post_norm": "post_feedforward_layernorm",
}
_PHI_NAMES = {
    **_LLAMA_NAMES,
    "final_norm": "model.final_layernorm",
    "output": "self_attn.dense",
    "up": "mlp.fc1",
    "down": "mlp.fc2",
}
_PHI3_NAMES = {
    **_LLAMA_NAMES,
    **dict.fromkeys(("query", "key", "value"), "self_attn.qkv_proj"),
    **dict.fromkeys(("gate", "up"), "mlp.gate_up_proj"),
}
_GPT2_NAMES = {
    "embedding": "transformer.wte",
    "positions": "transformer.wpe",
    "final_norm": "transformer.ln_f",
    "head": "lm_head",
    "attention_norm": "ln_1",
    **dict.fromkeys(("query", "key", "value"), "attn.c_attn"),
    "output": "attn.c_proj",
    "feed_norm": "ln_2",
    "up": "mlp.c_fc",
    "down": "mlp.c_proj",
}
_BLOCK = "model.layers.{}."

ARCHITECTURES = {
    "gemma": Architecture(_gemma, _BLOCK, _LLAMA_NAMES, norm_offset=1.0),
    "gemma2": Architecture(_gemma2, _BLOCK, _GEMMA2_NAMES, norm_offset=1.0),
    "gemma3": Architecture(_gemma3_of_both, _BLOCK, _GEMMA2_NAMES, norm_offset=1.0),
    "gemma3_text": Architecture(_gemma3, _BLOCK, _GEMMA2_NAMES, norm_offset=1.0),
    "gpt2": Architecture(_gpt2, "transformer.h.{}.", _GPT2_NAMES, has_outputs_last=True),
    "llama": Architecture(_llama, _BLOCK, _LLAMA_NAMES),
    "mistral": Architecture(_mistral, _BLOCK, _LLAMA_NAMES),
    "phi": Architecture(_phi, _BLOCK, _PHI_NAMES),
    "phi3": Architecture(_mistral, _BLOCK, _PHI3_NAMES),
    "qwen2": Architecture(_qwen2, _BLOCK, _LLAMA_NAMES),
    "qwen3": Architecture(_qwen3, _BLOCK, _LLAMA_NAMES),
    "smollm3": Architecture(_smollm3, _BLOCK, _LLAMA_NAMES),
}
