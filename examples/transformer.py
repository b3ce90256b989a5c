"""A small transformer that learns to sort, from examples alone.

    pronghorn run examples/transformer.py

It sees ten digits and writes them down in order. Nobody tells it what "smaller" means: it learns that from 12,800
lists and their sorted copies. Attention is what the task is made for, since each place of the answer has to look at all
places of the question. The picture attention.png shows where it looks. Expect every digit in its place.
"""

import keras
import matplotlib.pyplot as plt
import numpy as np
from keras import layers, ops

keras.utils.set_random_seed(0)
rng = np.random.default_rng(0)

LENGTH, WIDTH = 10, 64

# 1. The data.

lists = rng.integers(0, 10, size=(13_800, LENGTH)).astype("int32")
in_order = np.sort(lists, axis=1)
x_train, y_train, x_test, y_test = lists[:12_800], in_order[:12_800], lists[12_800:], in_order[12_800:]


# 2. The model: digits and places become vectors, two blocks of attention and dense layers mix them.


class DigitsAndPlaces(layers.Layer):
    """The vector of a digit plus the vector of its place: attention by itself knows no order."""

    def __init__(self, **kwargs):
        super().__init__(**kwargs)
        self.digits = layers.Embedding(10, WIDTH)
        self.places = layers.Embedding(LENGTH, WIDTH)

    def call(self, inputs):
        return self.digits(inputs) + self.places(ops.arange(LENGTH))


def transform(x):
    """A block: every place asks all others, then thinks for itself; both add to what was there."""
    attention = layers.MultiHeadAttention(num_heads=4, key_dim=WIDTH // 4)
    attended, scores = attention(x, x, return_attention_scores=True)
    x = layers.LayerNormalization()(x + attended)
    thought = layers.Dense(2 * WIDTH, activation="gelu")(x)
    x = layers.LayerNormalization()(x + layers.Dense(WIDTH)(thought))
    return x, scores


inputs = keras.Input((LENGTH,), dtype="int32")
x = DigitsAndPlaces()(inputs)
x, _ = transform(x)
x, scores = transform(x)
outputs = layers.Dense(10, activation="softmax")(x)
model = keras.Model(inputs, outputs)
watcher = keras.Model(inputs, scores)  # the same weights; its answer is where the second block looks
print(f"A transformer with {model.count_params():,} weights")

# 3. The training, with a rate that falls to zero at the end.

epochs, batch_size = 4, 64
rate = keras.optimizers.schedules.CosineDecay(0.002, decay_steps=epochs * len(x_train) // batch_size)
model.compile(keras.optimizers.Adam(rate), loss="sparse_categorical_crossentropy", metrics=["accuracy"])
model.fit(x_train, y_train, batch_size=batch_size, epochs=epochs, verbose=2)

# 4. The test.

loss, accuracy = model.evaluate(x_test, y_test, batch_size=250, verbose=0)
answers = model.predict(x_test[:500], batch_size=250, verbose=0).argmax(axis=-1)
print(
    f"{accuracy:.2%} of the digits in place, {np.mean(np.all(answers == y_test[:500], axis=1)):.1%} lists without fault"
)
for question, answer in zip(x_test[:3], answers):
    print(" ", *question, " -> ", *answer)

# 5. The picture: a row for each place of the answer, a column for each digit of the question.

maps = keras.ops.convert_to_numpy(watcher.predict(x_test[:1], verbose=0))[0]
figure, grid = plt.subplots(1, 4, figsize=(12, 3.4), layout="constrained")
for head, (axes, where) in enumerate(zip(grid, maps)):
    image = axes.imshow(where, cmap="magma", vmin=0, vmax=1)
    axes.set(title=f"head {head + 1}", xticks=range(LENGTH), yticks=range(LENGTH))
    axes.set_xticklabels(x_test[0])
    axes.set_yticklabels(answers[0])
figure.colorbar(image, ax=grid, fraction=0.015, label="share of the attention")
figure.suptitle("Where each digit of the answer (rows) looks in the question (columns)")
figure.savefig("attention.png", dpi=120)
