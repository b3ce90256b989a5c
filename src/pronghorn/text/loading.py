"""A language model out of its files: a folder, or a GGUF file."""

from __future__ import annotations

import os
from typing import Any

from pronghorn import dtype_policies
from pronghorn.engine.graph.messages import short_messages
from pronghorn.engine.graph.user_code import warn
from pronghorn.quantizers.configs import resolved
from pronghorn.text.decoder import Decoder
from pronghorn.text.folders import open_folder, path_of
from pronghorn.text.gguf_files import is_gguf
from pronghorn.text.gguf_models import open_gguf
from pronghorn.text.weights import FLOATS, Files, make_decoder

_MODES = ("int8", "int4")  # of quantization


@short_messages
def load(folder: str | os.PathLike[str], dtype: Any = None, quantization: Any = None) -> Decoder:
    """Return the language model in a folder or in a GGUF file, with its tokenizer.

    A folder has `config.json`, weights in `model.safetensors` or in shards with `model.safetensors.index.json`, and the
    files of a tokenizer. The types of models are gemma, gemma2, gemma3, gemma3_text, gpt2, llama (SmolLM, too),
    mistral, phi, phi3, qwen2, qwen3 and smollm3. Of a gemma3 that looks at pictures the part for text is read, and a
    warning says so. A GGUF file has all of that in one; it is of the types gemma, gemma2, gemma3, gpt2, llama (Mistral,
    too), phi2, phi3, qwen2, qwen3 or smollm3, and its quantized weights become numbers of the type `dtype`.

    Files are mapped into memory and read weight by weight, so the weights are there once.

    Args:
        folder: the folder; or a GGUF file, of several the first one.
        dtype: the type or policy to keep and compute weights in, such as ``"bfloat16"``; that of Keras's settings if
            None.
        quantization: ``"int8"`` or ``"int4"``, or a configuration of one of these modes, as `Model.quantize` takes it:
            products and tables are quantized, each as soon as it is read. None for weights as ``dtype`` says.

    Raises:
        FileNotFoundError: if the folder or one of its files is not there.
        ValueError: for a model of another type, files that are damaged or do not fit together, or a quantization that
            needs data.
        ImportError: without the library for safetensors or GGUF files.

    A small folder, which is written and read:

    >>> import json, pathlib, tempfile
    >>> import numpy as np, safetensors.numpy
    >>> sizes = {"model_type": "llama", "vocab_size": 9, "hidden_size": 4, "intermediate_size": 8}
    >>> sizes |= {"num_hidden_layers": 1, "num_attention_heads": 2, "max_position_embeddings": 16}
    >>> shapes = {"embed_tokens": (9, 4), "norm": (4,), "layers.0.input_layernorm": (4,)}
    >>> shapes |= {"layers.0.post_attention_layernorm": (4,), "layers.0.mlp.down_proj": (4, 8)}
    >>> shapes |= {f"layers.0.mlp.{name}_proj": (8, 4) for name in ("gate", "up")}
    >>> shapes |= {f"layers.0.self_attn.{name}_proj": (4, 4) for name in "qkvo"}
    >>> arrays = {f"model.{name}.weight": np.ones(shape, "float32") for name, shape in shapes.items()}
    >>> arrays["lm_head.weight"] = np.eye(9, 4, dtype="float32")
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     _ = pathlib.Path(folder, "config.json").write_text(json.dumps(sizes))
    ...     safetensors.numpy.save_file(arrays, pathlib.Path(folder, "model.safetensors"))
    ...     model = load(folder, quantization="int8")
    >>> f"{model.settings.parameters()} weights in {model.settings.blocks} block"
    '244 weights in 1 block'
    """
    config = None if quantization is None else _quantization(quantization)
    files = open_model(folder)
    if files.left_out:
        warn(f"load: {files.left_out}")
    return read_weights(files, dtype, config)


def open_model(folder: str | os.PathLike[str]) -> Files:
    """Return what a folder or a GGUF file says of its model, before weights are read.

    Raises:
        FileNotFoundError, ValueError, ImportError: as `load` does.
    """
    path = path_of(folder)
    return open_gguf(path) if is_gguf(path) else open_folder(path)


def read_weights(files: Files, dtype: Any = None, quantization: Any = None) -> Decoder:
    """Return the decoder of opened files.

    Args:
        files: from `open_model`.
        dtype: as in `load`.
        quantization: as in `load`.

    Raises:
        ValueError: for files that do not fit together, a type of weights that are no numbers with a point, or a
            quantization that needs data.
    """
    config = None if quantization is None else _quantization(quantization)
    policy = None if dtype is None else dtype_policies.get(dtype)
    if policy is not None and (getattr(policy, "quantization_mode", None) or policy.variable_dtype not in FLOATS):
        raise ValueError(
            f"load: dtype is a type of numbers with a point, such as 'float32' or 'bfloat16', not {dtype!r}. "
            "quantization='int8' or 'int4' quantizes the model."
        )
    model = make_decoder(files, policy, config)
    model.folder = files.path
    return model


def _quantization(given: Any) -> Any:
    """The configuration of a mode that needs no data.

    Raises:
        ValueError: for another mode.
    """
    mode = given if isinstance(given, str) else getattr(given, "mode", None)
    if mode not in _MODES:
        raise ValueError(
            f"load: quantization={given!r} is not known; take 'int8', 'int4', or a configuration of one of them. Modes "
            "that look at data are for Model.quantize, once the model is there."
        )
    return resolved(mode, None if isinstance(given, str) else given)
