"""Small random language models as GGUF files, and what llama.cpp writes with them, to compare `pronghorn.text` with.

    pip install llama-cpp-python gguf     # in an environment of its own; it is compiled
    python tests/programs/gguf_models.py  # writes tests/data/gguf_models.json; nothing is downloaded

The weights are those of `language_models.py`, and each is called as the library `gguf` says. The file has tokens and
scores alone. `tests/unit/text/test_gguf.py` reads it. Written with llama-cpp-python 0.3.36 (MIT, Andrei Betlen;
llama.cpp is MIT, the ggml authors) and gguf 0.19.0.
"""

import json
from pathlib import Path

import language_models
import numpy as np

FILE = Path(__file__).resolve().parents[1] / "data" / "gguf_models.json"
PROMPT = [3, 1, 4, 1, 5]
COUNT = 50
_KINDS = {"gemma3_text": "gemma3", "phi": "phi2"}
#: Models of `language_models.json` that files of this form have, by the name of their type there.
NAMES = [
    "llama",
    "llama 3",
    "llama yarn",
    "llama linear",
    "qwen2",
    "qwen3",
    "gpt2",
    "gemma",
    "gemma2",
    "gemma3",
    "phi",
    "phi3",
    "smollm3 of five blocks",
]


def write(path, answer, quantize=None, tokenizer=None, change=None, most_arrays=0):
    """Write a model of `language_models.json` as a GGUF file.

    Args:
        path: the file.
        answer: its configuration and shapes.
        quantize: the kind of numbers of its matrices, such as ``gguf.GGMLQuantizationType.Q8_0``; float32 if None.
        tokenizer: what adds a tokenizer to a `gguf.GGUFWriter`; there is none if None.
        change: values of the header to set, or to leave out if None.
        most_arrays: how many arrays a file has, of several; 0 for one file.

    Returns:
        The arrays by their names, as they were before they were quantized.
    """
    import gguf

    config = answer["config"]
    kind = _KINDS.get(config["model_type"], config["model_type"])
    writer = gguf.GGUFWriter(path, kind, split_max_tensors=most_arrays)
    blocks = config.get("num_hidden_layers") or config["n_layer"]
    _describe(writer, config, blocks)
    if tokenizer is None:
        writer.add_tokenizer_model("no_vocab")
    else:
        tokenizer(writer)
    arch = next(arch for arch, name in gguf.MODEL_ARCH_NAMES.items() if name == kind)
    names = gguf.get_tensor_name_map(arch, blocks)
    arrays = {}
    for name, shape in answer["shapes"].items():
        array = language_models.draw(name, tuple(shape))
        if kind == "gpt2" and name.split(".")[-2] in ("c_attn", "c_proj", "c_fc") and array.ndim == 2:
            array = array.T
        if kind in ("llama", "smollm3") and name.split(".")[-2] in ("q_proj", "k_proj"):
            heads = config["num_attention_heads" if "q_proj" in name else "num_key_value_heads"]
            array = array.reshape(heads, 2, -1, *array.shape[1:]).swapaxes(1, 2).reshape(array.shape)
        if kind.startswith("gemma") and name.endswith("norm.weight"):
            array = array + 1
        arrays[names.get_name(name, try_suffixes=(".weight", ".bias"))] = np.ascontiguousarray(array)
    scaling = config.get("rope_parameters") or {}
    if scaling.get("rope_type") == "llama3":
        arrays["rope_freqs.weight"] = _divisors(scaling, config["hidden_size"] // config["num_attention_heads"])
    for name, array in arrays.items():
        if quantize is None or array.ndim == 1:
            writer.add_tensor(name, array)
        else:
            writer.add_tensor(name, gguf.quants.quantize(array, quantize), raw_dtype=quantize)
    for name, value in (change or {}).items():
        _set(writer.kv_data[0], name, value)
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()
    return arrays


def _set(fields, name, value):
    import gguf

    fields.pop(name, None)
    if value is not None:
        inner = gguf.GGUFValueType.get_type(value[0]) if isinstance(value, list) else None
        kind = gguf.GGUFValueType.UINT32 if name.endswith("alignment") else gguf.GGUFValueType.get_type(value)
        fields[name] = gguf.GGUFValue(value, kind, inner)


def _describe(writer, config, blocks):
    """The values of the header that are of the model."""
    heads = config.get("num_attention_heads") or config["n_head"]
    width = config.get("hidden_size") or config["n_embd"]
    size = config.get("head_dim") or width // heads
    writer.add_vocab_size(config["vocab_size"])
    writer.add_context_length(config.get("max_position_embeddings") or config["n_positions"])
    writer.add_embedding_length(width)
    writer.add_block_count(blocks)
    writer.add_feed_forward_length(config.get("intermediate_size") or 4 * width)
    writer.add_head_count(heads)
    writer.add_head_count_kv(config.get("num_key_value_heads") or heads)
    writer.add_key_length(size)
    writer.add_value_length(size)
    if "n_embd" in config:
        writer.add_layer_norm_eps(config["layer_norm_epsilon"])
        return
    if "rms_norm_eps" in config:
        writer.add_layer_norm_rms_eps(config["rms_norm_eps"])
    else:
        writer.add_layer_norm_eps(config["layer_norm_eps"])
    scaling = config["rope_parameters"]
    writer.add_rope_dimension_count(int(size * scaling.get("partial_rotary_factor", 1.0)))
    if "full_attention" in scaling:
        writer.add_float32(f"{writer.arch}.rope.freq_base_swa", scaling["sliding_attention"]["rope_theta"])
        scaling = scaling["full_attention"]
    writer.add_rope_freq_base(scaling["rope_theta"])
    if scaling["rope_type"] in ("yarn", "linear"):
        writer.add_string(f"{writer.arch}.rope.scaling.type", scaling["rope_type"])
        writer.add_rope_scaling_factor(scaling["factor"])
        if scaling["rope_type"] == "yarn":
            writer.add_rope_scaling_orig_ctx_len(scaling["original_max_position_embeddings"])
    if config["model_type"].startswith(("gemma2", "gemma3", "phi3")) and config.get("sliding_window"):
        writer.add_sliding_window(config["sliding_window"])
    if config["model_type"] == "gemma3_text":
        writer.add_sliding_window_pattern(config["layer_types"].index("full_attention") + 1)
    if config.get("attn_logit_softcapping"):
        writer.add_attn_logit_softcapping(config["attn_logit_softcapping"])
    if config.get("final_logit_softcapping"):
        writer.add_final_logit_softcapping(config["final_logit_softcapping"])


def _divisors(scaling, size):
    """Llama 3's scaling, as its files have it."""
    wave = 2 * np.pi * scaling["rope_theta"] ** (np.arange(0, size, 2) / size)
    length, factor = scaling["original_max_position_embeddings"], scaling["factor"]
    low, high = scaling["low_freq_factor"], scaling["high_freq_factor"]
    smooth = np.clip((length / wave - low) / (high - low), 0, 1)
    return (1 / ((1 - smooth) / factor + smooth)).astype("float32")


def _answer(path):
    import llama_cpp

    model = llama_cpp.Llama(str(path), n_ctx=64, n_threads=1, verbose=False, logits_all=True, type_k=0, type_v=0)
    model.eval(PROMPT)
    tokens, scores = [], []
    for _ in range(COUNT):
        row = model.scores[model.n_tokens - 1]
        scores.append([round(float(x), 5) for x in row])
        tokens.append(int(row.argmax()))
        model.eval([tokens[-1]])
    return {"tokens": tokens, "scores": scores}


if __name__ == "__main__":
    import tempfile

    models = json.loads(language_models.FILE.read_text())
    with tempfile.TemporaryDirectory() as folder:
        answers = {}
        for name in NAMES:
            if name in models:
                write(Path(folder) / "model.gguf", models[name])
                answers[name] = _answer(Path(folder) / "model.gguf")
                print(name, answers[name]["tokens"])
    lines = [f"{json.dumps(name)}: {json.dumps(answer)}" for name, answer in answers.items()]
    FILE.write_text("{\n" + ",\n".join(lines) + "\n}\n")
