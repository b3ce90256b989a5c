"""One way of writing text with a language model of random weights, for `generation.py`; prints a line of JSON.

    python bench/generation_runs.py pronghorn gpt2_124m --prompt 16 --new 128 --batch 1 --dtype float32

The first argument says what runs the model: `pronghorn` or `keras` (KerasHub on either; `KERAS_BACKEND` chooses the
backend of the latter), `pronghorn_text` (our own decoder), `transformers` (on PyTorch), `onnxruntime_genai` or
`llama_cpp`. Each decodes greedily. What a prompt costs is the time that writes one token. What a token costs is the
time that the further ones take, divided by their number. Files of models are kept in `results/models` beside this
script, or where `BENCH_MODELS` says.
"""

from __future__ import annotations

import argparse
import json
import os
import resource
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

HERE = Path(__file__).parent
_MOST_SECONDS = 20.0  # of all rounds together; one is always made


class Shape(NamedTuple):
    """The sizes of a language model."""

    name: str
    family: str
    vocabulary: int
    blocks: int
    width: int
    inner: int
    heads: int
    key_heads: int
    positions: int = 1024


MODELS = {
    "gpt2_124m": Shape("gpt2_124m", "gpt2", 50257, 12, 768, 3072, 12, 12),
    "llama_110m": Shape("llama_110m", "llama", 32000, 12, 768, 2048, 12, 12),
    "llama_500m": Shape("llama_500m", "llama", 32000, 24, 1280, 3456, 20, 4),
    "gpt2_tiny": Shape("gpt2_tiny", "gpt2", 256, 2, 64, 256, 4, 4),
    "llama_tiny": Shape("llama_tiny", "llama", 256, 2, 128, 256, 4, 2),
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


def hugging_face(shape: Shape) -> Any:
    """The model of Hugging Face's transformers."""
    # Which asks whether there is a package `kernels`, and would take the script of that name beside this one for it.
    sys.path[:] = [folder for folder in sys.path if Path(folder).resolve() != HERE.resolve()]
    import torch
    from transformers import GPT2Config, GPT2LMHeadModel, LlamaConfig, LlamaForCausalLM

    torch.manual_seed(0)
    if shape.family == "gpt2":
        return GPT2LMHeadModel(GPT2Config(
            vocab_size=shape.vocabulary, n_layer=shape.blocks, n_embd=shape.width, n_inner=shape.inner,
            n_head=shape.heads, n_positions=shape.positions))  # fmt: skip
    return LlamaForCausalLM(LlamaConfig(
        vocab_size=shape.vocabulary, num_hidden_layers=shape.blocks, hidden_size=shape.width,
        intermediate_size=shape.inner, num_attention_heads=shape.heads, num_key_value_heads=shape.key_heads,
        max_position_embeddings=shape.positions))  # fmt: skip


def save(shape: Shape, folder: Path) -> None:
    """Write the model of Hugging Face's transformers, with a tokenizer whose words are numbers."""
    import tokenizers

    hugging_face(shape).save_pretrained(folder)
    words = {str(number): number for number in range(shape.vocabulary)}
    tokenizers.Tokenizer(tokenizers.models.WordLevel(words, unk_token="0")).save(str(folder / "tokenizer.json"))


def transformers(package: str, shape: Shape, prompt: np.ndarray, dtype: str) -> Write:
    """The `generate` of Hugging Face's transformers on PyTorch."""
    import torch

    if dtype.startswith("int"):
        raise SystemExit("transformers quantizes by libraries that are made for GPUs")
    model = hugging_face(shape).to(getattr(torch, dtype)).eval()
    ids = torch.from_numpy(prompt).long()

    def write(new: int) -> Any:
        with torch.inference_mode():
            return model.generate(ids, attention_mask=torch.ones_like(ids), max_new_tokens=new, min_new_tokens=new,
                                  do_sample=False, pad_token_id=0).numpy()  # fmt: skip

    return write


def llama_cpp(package: str, shape: Shape, prompt: np.ndarray, dtype: str) -> Write:
    """llama.cpp, on a GGUF file of the model in F32, BF16, Q8_0 or Q4_0; texts are decoded together."""
    from llama_cpp import Llama

    path = gguf_file(shape, dtype)
    rows, length = prompt.shape
    positions = rows * shape.positions
    model = Llama(str(path), n_ctx=positions, n_batch=rows * length, n_threads=os.cpu_count(),
                  n_threads_batch=os.cpu_count(), verbose=False) if rows == 1 else None  # fmt: skip
    together = None if model else _Together(path, rows, positions, rows * length)

    def write(new: int) -> Any:
        if together:
            return together.write(prompt, new)
        model.reset()
        written = prompt[0].tolist()
        for token in model.generate(prompt[0].tolist(), temp=0.0):
            written.append(token)
            if len(written) == length + new:
                return np.array([written])

    return write


class _Together:
    """Several texts by llama.cpp, a token of each in a batch."""

    def __init__(self, path: Path, rows: int, positions: int, most: int) -> None:
        import llama_cpp as library

        self._library = library
        library.llama_backend_init()
        self._quiet = library.llama_log_callback(lambda level, text, data: None)  # which has to stay
        library.llama_log_set(self._quiet, None)
        self._model = library.llama_model_load_from_file(str(path).encode(), library.llama_model_default_params())
        options = library.llama_context_default_params()
        options.n_ctx, options.n_batch, options.n_ubatch, options.n_seq_max = positions, most, min(most, 512), rows
        options.n_threads = options.n_threads_batch = os.cpu_count()
        self._context = library.llama_init_from_model(self._model, options)
        self._batch = library.llama_batch_init(most, 0, 1)
        self._words = library.llama_vocab_n_tokens(library.llama_model_get_vocab(self._model))

    def write(self, prompt: np.ndarray, new: int) -> np.ndarray:
        """The prompts, and what is written after them."""
        self._library.llama_memory_clear(self._library.llama_get_memory(self._context), True)
        written, tokens = prompt, prompt
        for _ in range(new):
            tokens = self._next(tokens, written.shape[1] - tokens.shape[1])[:, None]
            written = np.concatenate([written, tokens], axis=1)
        return written

    def _next(self, tokens: np.ndarray, position: int) -> np.ndarray:
        """The best token after each row, whose first one has a position."""
        batch, (rows, count) = self._batch, tokens.shape
        batch.n_tokens = rows * count
        for i, token in enumerate(tokens.ravel().tolist()):
            row, column = divmod(i, count)
            batch.token[i], batch.pos[i] = token, position + column
            batch.n_seq_id[i], batch.seq_id[i][0], batch.logits[i] = 1, row, column == count - 1
        if self._library.llama_decode(self._context, batch):
            raise SystemExit("llama.cpp has no room for these texts")
        scores = [self._library.llama_get_logits_ith(self._context, (row + 1) * count - 1) for row in range(rows)]
        return np.array([np.ctypeslib.as_array(one, (self._words,)).argmax() for one in scores])


def pronghorn_text(package: str, shape: Shape, prompt: np.ndarray, dtype: str) -> Write:
    """`pronghorn.text.generate`, on a GGUF file of the model in F32, as it is or quantized while it is read."""
    from pronghorn import text

    options = {"quantization": dtype} if dtype.startswith("int") else {"dtype": dtype}
    model = text.load(gguf_file(shape, "float32"), **options)
    model.end_tokens = ()

    def write(new: int) -> Any:
        return np.concatenate([prompt, text.generate(model, prompt.tolist(), max_tokens=new)], axis=1)

    return write


def onnxruntime(package: str, shape: Shape, prompt: np.ndarray, dtype: str) -> Write:
    """ONNX Runtime, by its library for language models, onnxruntime-genai, and the model that its builder makes.

    That is what its makers advise: one file with attention, cache and blocks of few bits as operations of their own.
    """
    import onnxruntime_genai as library

    if shape.family == "gpt2" or dtype == "bfloat16":
        raise SystemExit("the builder of onnxruntime-genai makes no GPT-2, and on CPUs no bfloat16")
    model = library.Model(str(made(f"{shape.name}-onnx-{dtype}", lambda folder: export_onnx(folder, shape, dtype))))

    def write(new: int) -> Any:
        options = library.GeneratorParams(model)
        total = prompt.shape[1] + new
        options.set_search_options(max_length=total, min_length=total, batch_size=len(prompt), do_sample=False)
        generator = library.Generator(model, options)
        generator.append_tokens(prompt)
        while not generator.is_done():
            generator.generate_next_token()
        return np.array([generator.get_sequence(row) for row in range(len(prompt))])

    return write


def export_onnx(folder: Path, shape: Shape, dtype: str) -> None:
    """Make the model that onnxruntime-genai runs, in processes of their own, whose memory is not measured."""
    with tempfile.TemporaryDirectory() as place:
        code = "import sys, pathlib, generation_runs as g; g.save(g.MODELS[sys.argv[1]], pathlib.Path(sys.argv[2]))"
        subprocess.run([sys.executable, "-c", code, shape.name, place], check=True, cwd=HERE, capture_output=True)
        kind = {"float32": "fp32"}.get(dtype, dtype)
        command = [sys.executable, "-m", "onnxruntime_genai.models.builder", "-i", place, "-o", str(folder)]
        result = subprocess.run([*command, "-p", kind, "-e", "cpu", "-c", place], capture_output=True, text=True)
        if result.returncode:
            raise SystemExit(result.stderr.strip().splitlines()[-1])


def made(name: str, make: Callable[[Path], None]) -> Path:
    """The folder of a model, which is made on first use; the weights are always the same."""
    folder = Path(os.environ.get("BENCH_MODELS", HERE / "results" / "models")) / name
    if not folder.exists():
        folder.parent.mkdir(parents=True, exist_ok=True)
        place = Path(tempfile.mkdtemp(dir=folder.parent))
        try:
            make(place)
            place.rename(folder)
        finally:
            shutil.rmtree(place, ignore_errors=True)
    return folder


def gguf_file(shape: Shape, dtype: str) -> Path:
    """The model as a file of llama.cpp."""
    kind = {"float32": "F32", "bfloat16": "BF16", "int8": "Q8_0", "int4": "Q4_0"}[dtype]
    code = "import sys, pathlib, generation_runs as g; path, name, kind = sys.argv[1:]"
    code += "; g.write_gguf(pathlib.Path(path), g.MODELS[name], kind)"

    def make(folder: Path) -> None:  # in a process whose memory is not measured
        command = [sys.executable, "-c", code, str(folder / "model.gguf"), shape.name, kind]
        subprocess.run(command, check=True, cwd=HERE)

    return made(f"{shape.name}-{kind}", make) / "model.gguf"


def write_gguf(path: Path, shape: Shape, quantization: str) -> None:
    """Write a model with random weights as a file of llama.cpp, without a vocabulary."""
    import gguf

    kind = gguf.GGMLQuantizationType[quantization]
    is_llama = shape.family == "llama"
    file = gguf.GGUFWriter(path, shape.family)
    file.add_vocab_size(shape.vocabulary)
    file.add_context_length(shape.positions)
    file.add_embedding_length(shape.width)
    file.add_block_count(shape.blocks)
    file.add_feed_forward_length(shape.inner)
    file.add_head_count(shape.heads)
    file.add_head_count_kv(shape.key_heads)
    if is_llama:
        file.add_layer_norm_rms_eps(1e-6)
        file.add_rope_dimension_count(shape.width // shape.heads)
    else:
        file.add_layer_norm_eps(1e-5)
    file.add_tokenizer_model("no_vocab")
    rng = np.random.default_rng(0)

    def norm(name: str) -> None:
        file.add_tensor(f"{name}.weight", np.ones(shape.width, "float32"))
        if not is_llama:
            file.add_tensor(f"{name}.bias", np.zeros(shape.width, "float32"))

    def matrix(name: str, outputs: int, inputs: int, has_bias: bool = not is_llama) -> None:
        array = rng.standard_normal((outputs, inputs), "float32") * 0.02
        file.add_tensor(f"{name}.weight", gguf.quantize(array, kind), raw_dtype=kind)
        if has_bias:
            file.add_tensor(f"{name}.bias", np.zeros(outputs, "float32"))

    keys = shape.width // shape.heads * shape.key_heads
    matrix("token_embd", shape.vocabulary, shape.width, has_bias=False)
    if not is_llama:
        file.add_tensor("position_embd.weight", rng.standard_normal((shape.positions, shape.width), "float32") * 0.02)
    for i in range(shape.blocks):
        norm(f"blk.{i}.attn_norm")
        separate = {"q": shape.width, "k": keys, "v": keys}
        for name, outputs in (separate if is_llama else {"qkv": 3 * shape.width}).items():
            matrix(f"blk.{i}.attn_{name}", outputs, shape.width)
        matrix(f"blk.{i}.attn_output", shape.width, shape.width)
        norm(f"blk.{i}.ffn_norm")
        for name in ("gate", "up") if is_llama else ("up",):
            matrix(f"blk.{i}.ffn_{name}", shape.inner, shape.width)
        matrix(f"blk.{i}.ffn_down", shape.width, shape.inner)
    norm("output_norm")
    if is_llama:
        matrix("output", shape.vocabulary, shape.width)
    file.write_header_to_file()
    file.write_kv_data_to_file()
    file.write_tensors_to_file()
    file.close()


WAYS = {"pronghorn": kerashub, "pronghorn_text": pronghorn_text, "keras": kerashub, "transformers": transformers,
        "onnxruntime_genai": onnxruntime, "llama_cpp": llama_cpp}  # fmt: skip


def seconds(write: Write, new: int, rounds: int) -> float:
    """The best of some rounds, of which there are fewer where they take long."""
    best, begin = float("inf"), time.perf_counter()
    for i in range(rounds):
        if i and time.perf_counter() - begin > _MOST_SECONDS:
            break
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
    if all_of_them <= one:
        raise SystemExit("the further tokens took no measurable time: others use the machine, or --new is too small")
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
