"""A GRU learns a text by heart: a loop of one's own with `pronghorn.value_and_grad`, and no TensorFlow in sight.

    python examples/value_and_grad_loop.py [--steps 300]

`value_and_grad` turns a function into one that also returns the gradient of its value with respect to some variables;
an optimizer applies it; `pronghorn.jit` compiles the whole step. The network reads a text letter by letter and guesses
the next one. It ends up reciting the text: expect all of it after 300 steps.
"""

import argparse
import time

import numpy as np

import pronghorn
from pronghorn import layers, ops

parser = argparse.ArgumentParser(description="A GRU learns a text by heart.")
parser.add_argument("--steps", type=int, default=300, help="how many batches to learn from")
options = parser.parse_args()

pronghorn.utils.set_random_seed(0)
rng = np.random.default_rng(0)

TEXT = """\
A pronghorn can outrun every hunter on the plain. It does not leap far or bite hard; it has a large heart, light bones
and long legs, and it keeps what it needs and nothing else. When the wind turns it is gone before the grass has moved.
"""

# 1. The data: letters as numbers.

letters = sorted(set(TEXT))
numbers = np.array([letters.index(letter) for letter in TEXT], "int32")
LENGTH = 32

# 2. The network.

model = pronghorn.Sequential(
    [
        pronghorn.Input((None,), dtype="int32"),
        layers.Embedding(len(letters), 32),
        layers.GRU(96, return_sequences=True),
        layers.Dense(len(letters)),
    ]
)
optimizer = pronghorn.optimizers.Adam(0.01, clipnorm=1.0)


# 3. The loop.


def mean_surprise(inputs, answers):
    """The loss, and how many letters are guessed right."""
    scores = model(inputs, training=True)
    losses = pronghorn.losses.sparse_categorical_crossentropy(answers, scores, from_logits=True)
    right = ops.mean(ops.cast(ops.equal(ops.argmax(scores, axis=-1), answers), "float32"))
    return ops.mean(losses), right


@pronghorn.jit
def learn(inputs, answers):
    """A step of the training, as one compiled function."""
    differentiate = pronghorn.value_and_grad(mean_surprise, model.trainable_variables, has_aux=True)
    (loss, right), gradients = differentiate(inputs, answers)
    optimizer.apply(gradients, model.trainable_variables)
    return loss, right


start = time.perf_counter()
for step in range(1, options.steps + 1):
    places = rng.integers(0, len(numbers) - LENGTH, size=16)
    inputs = np.stack([numbers[place : place + LENGTH] for place in places])
    answers = np.stack([numbers[place + 1 : place + LENGTH + 1] for place in places])
    loss, right = learn(inputs, answers)
    if step % 50 == 0 or step == options.steps:
        print(f"step {step}: loss {float(loss):.3f}, {float(right):.1%} right, {time.perf_counter() - start:.1f} s")

# 4. Reciting: the network's guess becomes its next input.


@pronghorn.jit
def guess(inputs):
    """The most likely next letter."""
    return ops.argmax(model(inputs)[0, -1])


written = list(numbers[:LENGTH])
while len(written) < len(TEXT):
    written.append(int(guess(np.array([written[-LENGTH:]], "int32"))))
print("".join(letters[number] for number in written))
print(f"{np.mean(np.array(written) == numbers):.1%} of the text recited")
