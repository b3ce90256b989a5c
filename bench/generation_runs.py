"""One way of writing text with a language model of random weights, for `generation.py`; prints a line of JSON.

    python bench/generation_runs.py pronghorn gpt2_124m --prompt 16 --new 128 --batch 1 --dtype float32

The first argument says what runs the model: `pronghorn` or `keras` (KerasHub on either; `KERAS_BACKEND` chooses the
backend of the latter), `transformers` (on PyTorch) or `llama_cpp`. Each decodes greedily. What a prompt costs is the
time that writes one token. What a token costs is the time that the further ones take, divided by their number.
"""

from __future__ import annotations

import argparse
import json
import os
import resource
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np


class Shape(NamedTuple):
    """The sizes of a language model."""

    family: str
    vocabulary: int
    blocks: int
    width: int
    inner: int
    heads: int
    key_heads: int
    positions: int = 1024


MODELS = {
    "gpt2_124m": Shape("gpt2", 50257, 12, 768, 3072, 12, 12),
    "llama_110m": Shape("llama", 32000, 12, 768, 2048, 12, 12),
    "llama_500m": Shape("llama", 32000, 24, 1280, 3456, 20, 4),
    "gpt2_tiny": Shape("gpt2", 256, 2, 64, 256, 4, 4),
    "llama_tiny": Shape("llama", 256, 2, 128, 256, 4, 2),
}

#: From a number of new tokens to what was written: all tokens, the prompt's before the others.
Write = Callable[[int], Any]


def kerashub(package: str, shape: Shape, prompt: np.ndarray, dtype: str) -> Write:
    """KerasHub's `generate`, on Pronghorn or on Keras.

    `dtype` may also be `int8` or `int4`, in which the model is quantized.
    """
    if package == "pronghorn":
        import pronghorn.as_keras  # noqa: F401
    import keras
    import keras_hub

    keras.utils.set_random_seed(0)
    floats = "float32" if dtype.startswith("int") else dtype
    sizes = {"vocabulary_size": shape.vocabulary, "num_layers": shape.blocks, "hidden_dim": shape.width,
             "intermediate_dim": shape.inner, "dropout": 0.0, "dtype": floats}  # fmt: skip
    if shape.family == "gpt2":
        models = keras_hub.models.GPT2Backbone, keras_hub.models.GPT2CausalLM
        sizes |= {"num_heads": shape.heads, "max_sequence_length": shape.positions}
    else:
        models = keras_hub.models.LlamaBackbone, keras_hub.models.LlamaCausalLM
        sizes |= {"num_query_heads": shape.heads, "num_key_value_heads": shape.key_heads}
    model = models[1](backbone=models[0](**sizes), preprocessor=None)
    model.compile(sampler="greedy")
    if floats != dtype:
        model.quantize(dtype)
    rows, length = prompt.shape

    def write(new: int) -> Any:
        ids = np.zeros((rows, length + new), "int32")
        ids[:, :length] = prompt
        mask = np.zeros_like(ids)
        mask[:, :length] = 1
        inputs = {"token_ids": ids, "padding_mask": mask}
        return np.asarray(model.generate(inputs, max_length=length + new, stop_token_ids=None)["token_ids"])

    return write


def transformers(package: str, shape: Shape, prompt: np.ndarray, dtype: str) -> Write:
    """The `generate` of Hugging Face's transformers on PyTorch."""
    import torch
    from transformers import GPT2Config, GPT2LMHeadModel, LlamaConfig, LlamaForCausalLM

    torch.manual_seed(0)
    if shape.family == "gpt2":
        model = GPT2LMHeadModel(GPT2Config(
            vocab_size=shape.vocabulary, n_layer=shape.blocks, n_embd=shape.width, n_inner=shape.inner,
            n_head=shape.heads, n_positions=shape.positions))  # fmt: skip
    else:
        model = LlamaForCausalLM(LlamaConfig(
            vocab_size=shape.vocabulary, num_hidden_layers=shape.blocks, hidden_size=shape.width,
            intermediate_size=shape.inner, num_attention_heads=shape.heads, num_key_value_heads=shape.key_heads,
            max_position_embeddings=shape.positions))  # fmt: skip
    model = model.to(getattr(torch, dtype)).eval()
    ids = torch.from_numpy(prompt).long()

    def write(new: int) -> Any:
        with torch.inference_mode():
            return model.generate(ids, attention_mask=torch.ones_like(ids), max_new_tokens=new, min_new_tokens=new,
                                  do_sample=False, pad_token_id=0).numpy()  # fmt: skip

    return write


def llama_cpp(package: str, shape: Shape, prompt: np.ndarray, dtype: str) -> Write:
    """llama.cpp, on a GGUF file of the model in F32, BF16, Q8_0 or Q4_0; one text at a time."""
    from llama_cpp import Llama

    if shape.family != "llama" or len(prompt) > 1:
        raise SystemExit("llama_cpp runs one text with a Llama here")
    folder = Path(tempfile.mkdtemp())
    path = folder / "model.gguf"
    write_gguf(path, shape, {"float32": "F32", "bfloat16": "BF16", "int8": "Q8_0", "int4": "Q4_0"}[dtype])
    model = Llama(str(path), n_ctx=shape.positions, n_threads=os.cpu_count(), verbose=False, logits_all=False)
    path.unlink()
    folder.rmdir()
    tokens = prompt[0].tolist()

    def write(new: int) -> Any:
        model.reset()
        written = list(tokens)
        for token in model.generate(tokens, temp=0.0):
            written.append(token)
            if len(written) == len(tokens) + new:
                return np.array([written])

    return write


def write_gguf(path: Path, shape: Shape, quantization: str) -> None:
    """Write a Llama with random weights as a file of llama.cpp, without a vocabulary."""
    import gguf

    kind = gguf.GGMLQuantizationType[quantization]
    file = gguf.GGUFWriter(path, "llama")
    file.add_vocab_size(shape.vocabulary)
    file.add_context_length(shape.positions)
    file.add_embedding_length(shape.width)
    file.add_block_count(shape.blocks)
    file.add_feed_forward_length(shape.inner)
    file.add_head_count(shape.heads)
    file.add_head_count_kv(shape.key_heads)
    file.add_layer_norm_rms_eps(1e-6)
    file.add_rope_dimension_count(shape.width // shape.heads)
    file.add_tokenizer_model("no_vocab")
    rng = np.random.default_rng(0)

    def add(name: str, *extents: int) -> None:
        if len(extents) == 1:
            file.add_tensor(f"{name}.weight", np.ones(extents, "float32"))
            return
        array = rng.standard_normal(extents, "float32") * 0.02
        file.add_tensor(f"{name}.weight", gguf.quantize(array, kind), raw_dtype=kind)

    keys = shape.width // shape.heads * shape.key_heads
    add("token_embd", shape.vocabulary, shape.width)
    for i in range(shape.blocks):
        add(f"blk.{i}.attn_norm", shape.width)
        add(f"blk.{i}.attn_q", shape.width, shape.width)
        add(f"blk.{i}.attn_k", keys, shape.width)
        add(f"blk.{i}.attn_v", keys, shape.width)
        add(f"blk.{i}.attn_output", shape.width, shape.width)
        add(f"blk.{i}.ffn_norm", shape.width)
        add(f"blk.{i}.ffn_gate", shape.inner, shape.width)
        add(f"blk.{i}.ffn_up", shape.inner, shape.width)
        add(f"blk.{i}.ffn_down", shape.width, shape.inner)
    add("output_norm", shape.width)
    add("output", shape.vocabulary, shape.width)
    file.write_header_to_file()
    file.write_kv_data_to_file()
    file.write_tensors_to_file()
    file.close()


WAYS = {"pronghorn": kerashub, "keras": kerashub, "transformers": transformers, "llama_cpp": llama_cpp}


def seconds(write: Write, new: int, rounds: int) -> float:
    """The best of some rounds."""
    best = float("inf")
    for _ in range(rounds):
        start = time.perf_counter()
        write(new)
        best = min(best, time.perf_counter() - start)
    return best


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("package", choices=WAYS)
    parser.add_argument("model", choices=MODELS)
    parser.add_argument("--prompt", type=int, default=16, help="tokens of the prompt (16)")
    parser.add_argument("--new", type=int, default=128, help="tokens to write (128)")
    parser.add_argument("--batch", type=int, default=1, help="texts at once (1)")
    parser.add_argument("--dtype", default="float32", choices=["float32", "bfloat16", "int8", "int4"])
    parser.add_argument("--rounds", type=int, default=3)
    given = parser.parse_args()
    shape = MODELS[given.model]
    prompt = np.random.default_rng(1).integers(1, shape.vocabulary, (given.batch, given.prompt)).astype("int32")
    start = time.perf_counter()
    write = WAYS[given.package](given.package, shape, prompt, given.dtype)
    built = time.perf_counter()
    tokens = write(given.new)
    first = time.perf_counter()
    write(1)
    one, all_of_them = seconds(write, 1, given.rounds), seconds(write, given.new, given.rounds)
    figures = {
        "build_s": built - start,
        "first_s": first - built,
        "prompt_ms": 1000 * one,
        "tokens_per_s": given.batch * (given.new - 1) / (all_of_them - one),
        "peak_mb": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024,
        "tokens": np.asarray(tokens)[0, given.prompt :][:8].tolist(),
    }
    print(json.dumps(figures), flush=True)


if __name__ == "__main__":
    main()
