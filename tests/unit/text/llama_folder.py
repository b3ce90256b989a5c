"""A folder with a small Llama, for tests that change it."""

import json

import numpy as np
import pytest

SIZES = {
    "model_type": "llama",
    "vocab_size": 24,
    "hidden_size": 16,
    "intermediate_size": 20,
    "num_hidden_layers": 2,
    "num_attention_heads": 4,
    "num_key_value_heads": 2,
    "max_position_embeddings": 200,
    "tie_word_embeddings": True,
    "eos_token_id": None,
}


def write_weights(path, arrays):
    safetensors = pytest.importorskip("safetensors.numpy")
    path.write_bytes(safetensors.save(arrays))


def llama_weights(sizes, seed=0):
    rng = np.random.default_rng(seed)
    width, hidden = sizes["hidden_size"], sizes["intermediate_size"]
    keys = width // sizes["num_attention_heads"] * sizes["num_key_value_heads"]
    found = {"model.embed_tokens.weight": (sizes["vocab_size"], width), "model.norm.weight": (width,)}
    for i in range(sizes["num_hidden_layers"]):
        names = {"q_proj": (width, width), "k_proj": (keys, width), "v_proj": (keys, width), "o_proj": (width, width)}
        found |= {f"model.layers.{i}.self_attn.{name}.weight": shape for name, shape in names.items()}
        names = {"gate_proj": (hidden, width), "up_proj": (hidden, width), "down_proj": (width, hidden)}
        found |= {f"model.layers.{i}.mlp.{name}.weight": shape for name, shape in names.items()}
        norms = ("input_layernorm", "post_attention_layernorm")
        found |= {f"model.layers.{i}.{name}.weight": (width,) for name in norms}
    return {name: rng.standard_normal(shape).astype("float32") for name, shape in found.items()}


def make(folder):
    """Write a small Llama into a folder, and return it."""
    (folder / "config.json").write_text(json.dumps(SIZES))
    write_weights(folder / "model.safetensors", llama_weights(SIZES))
    return folder
