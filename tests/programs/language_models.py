"""Answers of `transformers` on PyTorch for small random language models, which `pronghorn.text` is compared with.

    pip install torch transformers            # in an environment of its own
    python tests/programs/language_models.py  # writes tests/data/language_models.json; nothing is downloaded

Each model has a configuration below. Weights are drawn by their names (`draw`), so that the tests make them again; the
file has configurations, shapes, scores, and tokens that were written with the scores of the last one.
`tests/unit/text/test_architectures.py` reads it. Written with transformers 5.24.0 (Apache-2.0, the
Hugging Face team) and torch 2.13.0.
"""

import json
import zlib
from pathlib import Path

import numpy as np

FILE = Path(__file__).resolve().parents[1] / "data" / "language_models.json"
PROMPT, COUNT = [3, 1, 4, 1], 60  # written after it by greedy decoding with a cache, to the last of 64 positions
TOKENS = np.random.RandomState(0).randint(0, 24, (2, 11)).astype("int32")


def draw(name, shape):
    """A weight by its name: matrices around zero, the factors of norms around one."""
    values = np.random.RandomState(zlib.crc32(name.encode())).standard_normal(shape)
    if len(shape) > 1:
        return (0.3 * values).astype("float32")
    is_factor = name.endswith("weight")
    return (0.2 * values + is_factor).astype("float32")


_SIZES = {
    "vocab_size": 24,
    "hidden_size": 16,
    "intermediate_size": 28,
    "num_hidden_layers": 2,
    "num_attention_heads": 4,
    "num_key_value_heads": 2,
    "max_position_embeddings": 64,
}
_ENDS = {"bos_token_id": 1, "eos_token_id": 2, "pad_token_id": 0}
_SCALING = {"rope_type": "llama3", "rope_theta": 500.0, "factor": 8.0, "low_freq_factor": 1.0, "high_freq_factor": 4.0}
_ORIGINAL = {"original_max_position_embeddings": 16}
_FURTHER = {"rope_theta": 500.0, "factor": 8.0}
_SOFT = {"query_pre_attn_scalar": 24, "attn_logit_softcapping": 2.0, "final_logit_softcapping": 1.5}

MODELS = {
    "llama": ("Llama", _SIZES),
    "llama 3": (
        "Llama",
        {
            **_SIZES,
            "tie_word_embeddings": True,
            "attention_bias": True,
            "mlp_bias": True,
            "rope_parameters": {**_SCALING, "original_max_position_embeddings": 32},
        },
    ),
    "llama linear": ("Llama", {**_SIZES, "rope_parameters": {"rope_type": "linear", **_FURTHER}}),
    "llama dynamic": (
        "Llama",
        {**_SIZES, "max_position_embeddings": 8, "rope_parameters": {"rope_type": "dynamic", **_FURTHER}},
    ),
    "llama yarn": (
        "Llama",
        {**_SIZES, "head_dim": 8, "rope_parameters": {"rope_type": "yarn", **_FURTHER, **_ORIGINAL}},
    ),
    "llama yarn with its own numbers": (
        "Llama",
        {
            **_SIZES,
            "head_dim": 12,
            "rope_parameters": {
                "rope_type": "yarn",
                **_FURTHER,
                **_ORIGINAL,
                "beta_fast": 4.0,
                "beta_slow": 0.3,
                "truncate": False,
                "mscale": 0.7,
                "mscale_all_dim": 0.4,
            },
        },
    ),
    "qwen3 yarn": (
        "Qwen3",
        {
            **_SIZES,
            "head_dim": 8,
            "rope_parameters": {"rope_type": "yarn", **_FURTHER, **_ORIGINAL, "attention_factor": 1.3},
        },
    ),
    "qwen2": ("Qwen2", _SIZES),
    "qwen2 with windows": (
        "Qwen2",
        {**_SIZES, "use_sliding_window": True, "sliding_window": 4, "max_window_layers": 1},
    ),
    "qwen3": ("Qwen3", {**_SIZES, "head_dim": 6}),
    "mistral": ("Mistral", {**_SIZES, "sliding_window": 5}),
    "gpt2": ("GPT2", {"vocab_size": 24, "n_embd": 16, "n_layer": 2, "n_head": 4, "n_positions": 64}),
    "gemma": ("Gemma", {**_SIZES, "head_dim": 6}),
    "gemma2": ("Gemma2", {**_SIZES, **_SOFT, "head_dim": 6, "sliding_window": 5}),
    "gemma3": (
        "Gemma3Text",
        {
            **_SIZES,
            "num_hidden_layers": 3,
            "sliding_window_pattern": 3,
            "head_dim": 6,
            "query_pre_attn_scalar": 6,
            "sliding_window": 5,
            "rope_parameters": {
                "full_attention": {"rope_type": "linear", "rope_theta": 5000.0, "factor": 4.0},
                "sliding_attention": {"rope_type": "default", "rope_theta": 100.0},
            },
        },
    ),
    "gemma3 with pictures": (
        "Gemma3",
        {
            "text_config": {**_SIZES, "num_hidden_layers": 6, "head_dim": 6, "sliding_window": 5, **_ENDS},
            "vision_config": {
                "hidden_size": 4,
                "intermediate_size": 4,
                "num_hidden_layers": 1,
                "num_attention_heads": 1,
                "image_size": 4,
                "patch_size": 2,
            },
            "mm_tokens_per_image": 1,
            "image_token_index": 23,
        },
    ),
    "phi": ("Phi", _SIZES),
    "phi3": ("Phi3", _SIZES),
    "smollm3": ("SmolLM3", {**_SIZES, "no_rope_layers": [1, 0]}),
    "smollm3 of five blocks": ("SmolLM3", {**_SIZES, "num_hidden_layers": 5}),
    "smollm3 with windows": (
        "SmolLM3",
        {**_SIZES, "no_rope_layers": [1, 0], "use_sliding_window": True, "sliding_window": 5},
    ),
}


def _answer(name, kind, settings):
    import torch
    import transformers

    config = getattr(transformers, f"{kind}Config")(**settings, **_ENDS)
    config._attn_implementation = "eager"
    names = {"GPT2": "GPT2LMHeadModel", "Gemma3Text": "Gemma3ForCausalLM", "Gemma3": "Gemma3ForConditionalGeneration"}
    model = getattr(transformers, names.get(kind, f"{kind}ForCausalLM"))(config).eval()
    shapes = {}
    with torch.no_grad():
        for weight, parameter in model.named_parameters():
            # Files have this part's name before the others.
            weight = weight.replace("model.language_model.", "language_model.model.")
            shapes[weight] = list(parameter.shape)
            parameter.copy_(torch.from_numpy(draw(weight, parameter.shape)))
        scores = model(torch.from_numpy(TOKENS).long()).logits.numpy()
        model.generation_config.eos_token_id = None
        options = {"do_sample": False, "return_dict_in_generate": True, "output_logits": True}
        written = model.generate(torch.tensor([PROMPT]), max_new_tokens=COUNT, **options)
    return {
        "config": json.loads(config.to_json_string()),
        "shapes": shapes,
        "scores": [[[round(float(x), 6) for x in row] for row in rows] for rows in scores],
        "written": written.sequences[0, len(PROMPT) :].tolist(),
        "last": [round(float(x), 6) for x in written.logits[-1][0]],
    }


if __name__ == "__main__":
    answers = {name: _answer(name, *model) for name, model in MODELS.items()}
    lines = [f"{json.dumps(name)}: {json.dumps(answer, sort_keys=True)}" for name, answer in answers.items()]
    FILE.write_text("{\n" + ",\n".join(lines) + "\n}\n")
