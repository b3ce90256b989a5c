"""A language model out of its files: a folder, or a GGUF file."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

from pronghorn.engine.graph.messages import short_messages
from pronghorn.text.decoder import Decoder
from pronghorn.text.folders import open_folder
from pronghorn.text.gguf_files import is_gguf
from pronghorn.text.gguf_models import open_gguf
from pronghorn.text.weights import make_decoder


@short_messages
def load(folder: str | os.PathLike[str], dtype: Any = None) -> Decoder:
    """Return the language model in a folder or in a GGUF file, with its tokenizer.

    A folder has `config.json`, weights in `model.safetensors` or in shards with `model.safetensors.index.json`, and the
    files of a tokenizer. The types of models are gemma, gemma2, gpt2, llama (SmolLM, too), mistral, phi, phi3, qwen2,
    qwen3 and smollm3. A GGUF file has all of that in one; it is of the types gemma, gemma2, gpt2, llama (Mistral, too),
    phi3, qwen2 or qwen3, and its quantized weights become numbers of the type `dtype`.

    Files are mapped into memory and read weight by weight, so the weights are there once.

    Args:
        folder: the folder; or a GGUF file, of several the first one.
        dtype: the type or policy to keep and compute weights in, such as ``"bfloat16"``; that of Keras's settings if
            None.

    Raises:
        FileNotFoundError: if the folder or one of its files is not there.
        ValueError: for a model of another type, or files that are damaged or do not fit together.
        ImportError: without the library for safetensors or GGUF files.
    """
    path = Path(folder)
    model = make_decoder(open_gguf(path) if is_gguf(path) else open_folder(path), dtype)
    model.folder = path
    return model
