"""What KerasHub's language models write: small ones with random weights, token by token.

    pip install keras-hub jax                                              # in an environment of its own
    KERAS_BACKEND=jax python tests/programs/scripts/keras_hub_answers.py   # writes tests/data/keras_hub.json

Under `pronghorn run` the same script, with a file's name, writes there what is found then; `test_keras_hub.py` compares
the two. Weights are drawn by their names, so that no files of weights are needed. The file was written with KerasHub
0.32.0 (Apache-2.0), Keras 3.15.1 and JAX 0.10.2.
"""

import json
import sys
import zlib
from pathlib import Path

import keras_hub
import numpy as np
from tokenizers.pre_tokenizers import ByteLevel

FILE = Path(__file__).resolve().parents[2] / "data" / "keras_hub.json"
WORDS = 96
GREEDY, BEAMS = 200, 24  # how many tokens are written in either way, after the longer one of two prompts
PROMPTS = (5, 9)
TEXTS = ["the cats sat", "Ünïcode,  CAFÉS!", "", "日本 12,5\nthe"]

_SIZES = {"vocabulary_size": WORDS, "num_layers": 2, "hidden_dim": 32, "intermediate_dim": 48}
_ALIKE = {**_SIZES, "num_heads": 4, "dropout": 0.0, "max_sequence_length": 256}
_GROUPED = {**_SIZES, "num_query_heads": 4, "num_key_value_heads": 2}

MODELS = {
    "GPT2CausalLM": ("GPT2Backbone", _ALIKE),
    "Llama3CausalLM": ("Llama3Backbone", _GROUPED),
    "GemmaCausalLM": ("GemmaBackbone", {**_GROUPED, "head_dim": 8, "num_key_value_heads": 1}),
    "MistralCausalLM": ("MistralBackbone", {**_GROUPED, "sliding_window": 24}),
    "QwenCausalLM": ("QwenBackbone", _GROUPED),
    "Phi3CausalLM": ("Phi3Backbone", _GROUPED),
    "BartSeq2SeqLM": ("BartBackbone", _ALIKE),
}


def draw(name, shape, deviation):
    """A weight by its name: matrices of a standard deviation, and the factors of norms around one."""
    values = np.random.RandomState(zlib.crc32(name.encode())).standard_normal(shape)
    if len(shape) > 1:
        return (deviation * values).astype("float32")
    return (0.1 * values + name.endswith(("scale", "gamma"))).astype("float32")


def draw_weights(backbone, deviation):
    for number, weight in enumerate(backbone.weights):
        weight.assign(draw(f"{number}/{weight.path.rpartition('/')[2]}", weight.shape, deviation))


def model(name):
    """A language model of KerasHub with drawn weights and no preprocessor."""
    backbone, sizes = MODELS[name]
    # With larger weights what BART read would outweigh what it has written, and it would repeat one token.
    deviation = 0.2 if name.startswith("Bart") else 0.5
    made = getattr(keras_hub.models, name)(getattr(keras_hub.models, backbone)(**sizes), preprocessor=None)
    draw_weights(made.backbone, deviation)
    return made


def prompts(name, count):
    """Two prompts of other lengths, and room for `count` tokens after the longer one."""
    length = max(PROMPTS) + count
    tokens = np.random.RandomState(1).randint(3, WORDS, (len(PROMPTS), length)).astype("int32")
    mask = (np.arange(length) < np.array(PROMPTS)[:, None]).astype("int32")
    given = {"token_ids": tokens * mask, "padding_mask": mask}
    if not name.endswith("Seq2SeqLM"):
        return given
    read = {f"encoder_{key}": value[:, :12] for key, value in given.items()}
    return read | {f"decoder_{key}": value for key, value in given.items()}


def written(made, name, count, sampler):
    """The tokens that a model writes with a sampler, prompts included."""
    made.compile(sampler=sampler)
    found = made.generate(prompts(name, count), stop_token_ids=None)
    return found[next(key for key in found if key.endswith("token_ids"))].tolist()


def answers(name):
    made = model(name)
    beams = keras_hub.samplers.BeamSampler(num_beams=3)
    return {"greedy": written(made, name, GREEDY, "greedy"), "beams": written(made, name, BEAMS, beams)}


def tokens_of_texts():
    """What tokenizers make of texts, and what a model with a preprocessor writes after one."""
    letters = sorted(ByteLevel.alphabet())
    merges = ["t h", "th e", "Ġ the", "a t", "Ġ c", "Ġc at"]
    words = ["<pad>", "<|endoftext|>", *letters, *(merge.replace(" ", "") for merge in merges)]
    of_pairs = keras_hub.tokenizers.GPT2Tokenizer({word: number for number, word in enumerate(words)}, merges)
    pieces = ["[PAD]", "[UNK]", "the", "cat", "s", "##at", "##s", "12", ",", "##5", "5", "!", "cafe", "日"]
    of_pieces = keras_hub.tokenizers.WordPieceTokenizer(pieces, lowercase=True, strip_accents=True, oov_token="[UNK]")
    found = {}
    for name, tokenizer in (("byte pairs", of_pairs), ("word pieces", of_pieces)):
        rows = tokenizer(TEXTS)
        found[name] = [[int(token) for token in row] for row in rows]
        found[f"{name}, back"] = list(tokenizer.detokenize(rows))
    preprocessor = keras_hub.models.GPT2CausalLMPreprocessor(of_pairs, sequence_length=20)
    backbone = keras_hub.models.GPT2Backbone(**{**_ALIKE, "vocabulary_size": len(words)})
    draw_weights(backbone, 0.5)
    writer = keras_hub.models.GPT2CausalLM(backbone, preprocessor)
    writer.compile(sampler="greedy")
    found["written"] = [int(token) for token in of_pairs(writer.generate("the cat", stop_token_ids=None))]
    return found


if __name__ == "__main__":
    to = Path(sys.argv[1]) if sys.argv[1:] else FILE
    found = [f'"{name}": {json.dumps(answers(name))}' for name in MODELS]
    found.append(f'"texts": {json.dumps(tokens_of_texts())}')
    to.write_text("{\n" + ",\n".join(found) + "\n}\n", encoding="utf-8")
