"""A small language model that learns to write, letter by letter, from a text that is in the package.

    pronghorn run examples/character_model.py
    pronghorn run examples/character_model.py --prompt "Returns:" --temperature 0.8 --seed 3

The text is what the functions of `keras.ops` say of themselves. The model is the decoder that `pronghorn.text` has for
Llama and its kin, with two blocks of 96. It sees 128 letters and names, at each place, the one that follows. Each block
looks 64 letters back, so that a text may become longer than those of the training. Then the model writes, each letter
as soon as it is there; Ctrl-C ends it. Expect words, lists of arguments and calls in the manner of the text, and little
sense.
"""

import argparse

import keras
import numpy as np
from keras import ops

from pronghorn import text

LENGTH = 128

parser = argparse.ArgumentParser()
parser.add_argument("--prompt", default="Return the ")
parser.add_argument("--letters", type=int, default=400, help="how many to write")
parser.add_argument("--temperature", type=float, default=0.5, help="0 takes the likeliest letter each time")
parser.add_argument("--seed", type=int, default=0, help="of the draws")
parser.add_argument("--epochs", type=int, default=12)
options = parser.parse_args()

keras.utils.set_random_seed(0)

# 1. The text, and its letters as numbers.

functions = [getattr(ops, name) for name in sorted(dir(ops)) if not name.startswith("_")]
book = "\n\n".join(function.__doc__ for function in functions if callable(function) and function.__doc__)
letters = sorted(set(book) | set(options.prompt))
number = {letter: i for i, letter in enumerate(letters)}
tokenizer = text.Tokenizer(
    size=len(letters),
    encode=lambda words: [number[letter] for letter in words],
    decode=lambda tokens: "".join(letters[token] for token in tokens),
)
tokens = np.array(tokenizer.encode(book), "int32")
print(f"{len(book):,} letters, of which {len(letters)} differ")

# 2. The model, and windows of the text: a window's letters from the second on are what its letters ask for.

model = text.Decoder(
    text.DecoderSettings(
        vocabulary=len(letters),
        width=96,
        hidden=256,
        blocks=2,
        heads=6,
        groups=2,
        head_size=16,
        rotary_size=16,
        positions=4096,
        windows=(64, 64),
    )
)
count = len(tokens) // LENGTH
starts = np.random.default_rng(0).integers(0, len(tokens) - LENGTH - 1, 2 * count)
windows = np.stack([tokens[start : start + LENGTH + 1] for start in starts])

# 3. The training.

model.compile(
    optimizer=keras.optimizers.AdamW(
        keras.optimizers.schedules.CosineDecay(0.004, options.epochs * len(windows) // 32)
    ),
    loss=keras.losses.SparseCategoricalCrossentropy(from_logits=True),
    metrics=["accuracy"],
)
history = model.fit(windows[:, :-1], windows[:, 1:], batch_size=32, epochs=options.epochs, verbose=2)
print(f"{100 * history.history['accuracy'][-1]:.1f}% of the letters right")

# 4. The writing.

written = text.generate(
    model,
    options.prompt,
    stream=True,
    max_tokens=options.letters,
    temperature=options.temperature,
    seed=options.seed,
    tokenizer=tokenizer,
)
print(options.prompt, end="")
try:
    for piece in written:
        print(piece, end="", flush=True)
except KeyboardInterrupt:
    pass
print(f"\n{written.count} letters, {written.tokens_per_second or 0:.0f} a second")
