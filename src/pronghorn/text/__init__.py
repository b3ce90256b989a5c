"""Language models from folders and GGUF files: read, run with a cache, and written with, token by token.

    model = pronghorn.text.load("./SmolLM2-135M")
    for piece in pronghorn.text.generate(model, "Once upon a time", stream=True):
        print(piece, end="", flush=True)

A folder is in Hugging Face's form: `config.json`, weights in `.safetensors` files, and the tokenizer's files. A GGUF
file has all of that in one. Nothing in them is run.
"""

from pronghorn._lazy import attach as _attach

_NAMES = {
    "Decoder": ".decoder",
    "DecoderSettings": ".settings",
    "Stream": ".generation",
    "Tokenizer": ".tokenizers",
    "generate": ".generation",
    "load": ".loading",
    "load_tokenizer": ".tokenizer_files",
}

_attach(__name__, _NAMES)
