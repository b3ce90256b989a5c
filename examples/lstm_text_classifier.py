"""Is a review good or bad? An LSTM reads sentences whose meaning hangs on the order of their words.

    pronghorn run examples/lstm_text_classifier.py

The reviews are made up of two clauses. "Not" turns a clause around, and what follows "but" is what counts, so that a
count of good and bad words says little: "the plot was not dull but the music was awful" is a bad review. A
TextVectorization layer makes numbers of the words, and an LSTM learns the grammar. Expect 100 % on reviews it has not
seen.
"""

import keras
import numpy as np
from keras import layers

keras.utils.set_random_seed(0)
rng = np.random.default_rng(0)

# 1. The data.

SUBJECTS = ["the plot", "the acting", "the music", "the ending", "the camera work", "the main actor", "every scene"]
GOOD = ["great", "wonderful", "moving", "funny", "clever", "beautiful", "brilliant", "charming"]
BAD = ["dull", "awful", "boring", "silly", "terrible", "ugly", "lifeless", "annoying"]
DEGREES = ["", "", "very", "really", "quite"]


def write_clause(good):
    """A clause with that opinion, half of the time by saying that the opposite is not so."""
    negated = rng.random() < 0.5
    adjective = rng.choice(GOOD if good != negated else BAD)
    return f"{rng.choice(SUBJECTS)} was {'not' if negated else ''} {rng.choice(DEGREES)} {adjective}"


def write_review():
    """A review and whether it is a good one."""
    first, second = rng.random(2) < 0.5
    kind = rng.integers(3)
    if kind == 0:
        return f"{write_clause(first)} but {write_clause(second)}", second
    if kind == 1:
        return f"although {write_clause(first)} {write_clause(second)}", second
    return f"{write_clause(first)} and {write_clause(first)}", first


texts, labels = zip(*(write_review() for _ in range(7_000)))
texts = np.array([" ".join(text.split()) for text in texts])
labels = np.array(labels, dtype="float32")
x_train, y_train, x_test, y_test = texts[:6_000], labels[:6_000], texts[6_000:], labels[6_000:]
print(f"{len(x_train):,} reviews, such as: {x_train[0]}")

# 2. Words to numbers: the layer learns which words there are, and pads the sentences to the same length.

vectorize = layers.TextVectorization(max_tokens=200, output_sequence_length=16)
vectorize.adapt(x_train)
print(f"{vectorize.vocabulary_size()} words")

# 3. The network. `mask_zero` tells the LSTM to pass over the padding.

model = keras.Sequential(
    [
        keras.Input((16,), dtype="int64"),
        layers.Embedding(vectorize.vocabulary_size(), 16, mask_zero=True),
        layers.LSTM(32),
        layers.Dense(1, activation="sigmoid"),
    ]
)
model.compile(optimizer=keras.optimizers.Adam(0.005), loss="binary_crossentropy", metrics=["accuracy"])
model.fit(vectorize(x_train), y_train, batch_size=64, epochs=4, validation_split=0.1, verbose=2)

# 4. The test.

loss, accuracy = model.evaluate(vectorize(x_test), y_test, verbose=0)
print(f"Test accuracy {accuracy:.2%}")

reviews = [
    "the plot was great",
    "the plot was not great",
    "the music was awful but the acting was brilliant",
    "although the music was not awful the acting was quite boring",
]
for text, score in zip(reviews, model.predict(vectorize(np.array(reviews)), verbose=0)[:, 0]):
    print(f"  {score:4.0%} good: {text}")
