"""A small Llama that writes: its numbers out of a file, and the network that they belong to.

    pronghorn run examples/tiny_llama.py stories260K.bin --tokenizer tok512.bin

It reads a file as A. Karpathy's llama2.c writes it (a header of seven integers, then float32 weights) and writes token
by token, each as soon as it is there. A block keeps the keys and values of what it has seen, so that a new token costs
one row. Without the tokenizer's file (the scores, lengths and bytes of all pieces) the numbers of the tokens are shown.
Both files, 1 MB, are in the tests' data of Pronghorn; larger files of llama2.c have the same layout. There is a copy of
the small one whose matrices were transposed in place five times: `--transposed 5` reads it.
"""

import argparse
import math
import time
from pathlib import Path

import keras
import numpy as np
from keras import layers, ops

# 1. The network for one token: its vector passes blocks of attention and of a gated product.


def rotate(x, place):
    """Rotary embedding: turn each pair of numbers of a head by angles that grow with the token's place."""
    size = x.shape[-1]
    angles = ops.cast(place, "float32")[:, None, None] * 10000.0 ** (-np.arange(0, size, 2, "float32") / size)
    even, odd = x[..., 0::2], x[..., 1::2]
    turned = [even * ops.cos(angles) - odd * ops.sin(angles), even * ops.sin(angles) + odd * ops.cos(angles)]
    return ops.reshape(ops.stack(turned, axis=-1), (-1, *x.shape[1:]))


def norm(x, name):
    return layers.RMSNormalization(epsilon=1e-5, name=name)(x)


def dense(x, units, name):
    return layers.Dense(units, use_bias=False, name=name)(x)


def block(x, place, keys, values, dim, hidden, heads, i):
    """Add what attention finds among the tokens so far, then a SwiGLU; returns the new keys and values as well."""
    length, groups, size = keys.shape[1:]
    normal = norm(x, f"norm_{i}")
    q, k, v = (dense(normal, n * size, f"{name}_{i}") for name, n in (("q", heads), ("k", groups), ("v", groups)))
    here = ops.equal(ops.arange(length), place[:, None])[..., None, None]
    keys = ops.where(here, rotate(ops.reshape(k, (-1, groups, size)), place)[:, None], keys)
    values = ops.where(here, ops.reshape(v, (-1, 1, groups, size)), values)
    q = ops.reshape(rotate(ops.reshape(q, (-1, heads, size)), place), (-1, groups, heads // groups, size))
    seen = ops.less_equal(ops.arange(length), place[:, None])[:, None, None]
    scores = ops.where(seen, ops.einsum("bghs,btgs->bght", q, keys) / size**0.5, -1e9)
    found = ops.einsum("bght,btgs->bghs", ops.softmax(scores), values)
    x = x + dense(ops.reshape(found, (-1, dim)), dim, f"out_{i}")
    normal = norm(x, f"second_{i}")
    gated = ops.silu(dense(normal, hidden, f"gate_{i}")) * dense(normal, hidden, f"up_{i}")
    return x + dense(gated, dim, f"down_{i}"), keys, values


def build(dim, hidden, blocks, heads, groups, vocabulary, length):
    """The model, from a token, its place and the caches to scores of the next token and the new caches."""
    token, place = keras.Input((), dtype="int32"), keras.Input((), dtype="int32")
    caches = [keras.Input((length, groups, dim // heads)) for _ in range(2 * blocks)]
    table, new = layers.ReversibleEmbedding(vocabulary, dim, name="table"), []
    x = table(token)
    for i in range(blocks):
        x, *changed = block(x, place, *caches[2 * i : 2 * i + 2], dim, hidden, heads, i)
        new += changed
    scores = table(norm(x, "last"), reverse=True)
    return keras.Model([token, place, *caches], [scores, *new])


# 2. The file: each kind of weight of all blocks at once, matrices with a row for each output.


def read(path, transposed=0):
    """The seven numbers of the header, and the weights by the layers' names; see `--transposed` for the number."""
    data = Path(path).read_bytes()
    header = [int(n) for n in np.frombuffer(data[:28], "<i4", count=min(len(data), 28) // 4)]
    if len(header) < 7 or min(header) <= 0:
        raise SystemExit(f"{path} does not begin with seven positive integers.")
    dim, hidden, blocks, heads, groups, vocabulary, length = header
    if dim % heads or heads % groups or (size := dim // heads) % 2:
        raise SystemExit(f"{path} has {heads} heads and {groups} of keys for vectors of {dim}, which does not divide.")
    kinds = {"norm": (dim,), "q": (dim, dim), "k": (groups * size, dim), "v": (groups * size, dim), "out": (dim, dim)}
    kinds |= {"second": (dim,), "gate": (hidden, dim), "down": (dim, hidden), "up": (hidden, dim)}
    parts = [("table", (vocabulary, dim)), *((f"{kind}_{i}", kinds[kind]) for kind in kinds for i in range(blocks))]
    parts += [("last", (dim,)), ("angles", (length, size))]  # angles are computed here
    if len(data) != (needed := 28 + 4 * sum(math.prod(shape) for _, shape in parts)):
        raise SystemExit(f"{path} has {len(data):,} bytes; what its header says needs {needed:,}.")
    weights, at = {}, 28
    for name, shape in parts:
        array = np.frombuffer(data, "<f4", count=math.prod(shape), offset=at).reshape(shape)
        at += array.nbytes
        for _ in range(transposed if array.ndim == 2 and name != "table" else 0):
            array = array.T.reshape(shape)
        weights[name] = array if name == "table" else array.T
    return header, weights


def pieces(path):
    """The bytes of each token, as llama2.c's tokenizer files have them; None without a file."""
    data, at, found = Path(path).read_bytes(), 4, []
    while at < len(data):
        end = at + 8 + int.from_bytes(data[at + 4 : at + 8], "little")
        text, at = data[at + 8 : end], end
        found.append(bytes([int(text[3:5], 16)]) if text[:3] == b"<0x" and text[5:] == b">" else text)
    return found


# 3. The writing: 1 begins a story.

if __name__ == "__main__":
    parser = argparse.ArgumentParser()
    parser.add_argument("file")
    parser.add_argument("--tokenizer")
    parser.add_argument("--transposed", type=int, default=0, help="how often matrices were transposed in place")
    parser.add_argument("--tokens", type=int, default=200)
    parser.add_argument("--temperature", type=float, default=0.0)
    parser.add_argument("--seed", type=int, default=0)
    options = parser.parse_args()

    header, weights = read(options.file, options.transposed)
    model = build(*header)
    for layer in model.layers:
        if layer.weights:
            layer.set_weights([weights[layer.name]])
    words = options.tokenizer and pieces(options.tokenizer)
    caches = [np.zeros((1, *cache.shape[1:]), "float32") for cache in model.inputs[2:]]
    rng, token, count, start = np.random.default_rng(options.seed), 1, 0, time.perf_counter()
    for place in range(min(options.tokens, header[-1])):
        scores, *caches = model.predict_on_batch([np.array([n], "int32") for n in (token, place)] + caches)
        scores = scores[0].astype("float64")
        if options.temperature:  # the largest of scores with Gumbel's noise is a draw from the softmax
            scores += options.temperature * rng.gumbel(size=scores.shape)
        token, count = int(scores.argmax()), count + 1
        if token == 1:
            break
        print(words[token].decode("utf-8", "replace") if words else f"{token} ", end="", flush=True)
    print(f"\n{count} tokens, {count / (time.perf_counter() - start):.0f} a second")
