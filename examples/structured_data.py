"""A table with words and numbers: StringLookup, Normalization and CategoryEncoding inside of the model.

    pronghorn run examples/structured_data.py

A table of made-up flats has columns of text, of whole numbers and of measures. Each column gets the preprocessing it
needs as layers of the model, so that the model takes raw rows, by the names of their columns. Is the flat dear or
cheap? Expect about 95 % right; the rules have some noise.
"""

import numpy as np
import pandas as pd
import tensorflow as tf
from tensorflow import keras
from tensorflow.keras import layers

keras.utils.set_random_seed(0)

# 1. The table.

rng = np.random.default_rng(0)
rows = 6_000
frame = pd.DataFrame(
    {
        "district": rng.choice(["harbour", "old town", "hill", "station", "suburb"], rows, p=[0.1, 0.2, 0.2, 0.2, 0.3]),
        "heating": rng.choice(["gas", "oil", "heat pump"], rows),
        "rooms": rng.integers(1, 6, rows),
        "area": rng.normal(75, 25, rows).clip(20, 180).round(1),
        "built": rng.integers(1900, 2025, rows),
    }
)
worth = {"harbour": 40, "old town": 25, "hill": 10, "station": -20, "suburb": -15}
price = frame["area"] + frame["district"].map(worth) + 10 * (frame["heating"] == "heat pump")
price += 0.2 * (frame["built"] - 1960) + 5 * rng.normal(size=rows)
frame["dear"] = (price > price.median()).astype("int64")
print(frame.head(3).to_string())

train, test = frame[:5_000], frame[5_000:]


def to_dataset(part, shuffle=False):
    """A data set of batches: a dict of columns, and the answer."""
    columns = part.copy()
    answers = columns.pop("dear")
    arrays = {name: column.to_numpy().reshape(-1, 1) for name, column in columns.items()}
    arrays = {name: array.astype(str) if array.dtype == object else array for name, array in arrays.items()}
    data = tf.data.Dataset.from_tensor_slices((arrays, answers.to_numpy()))
    if shuffle:
        data = data.shuffle(len(part), seed=0)
    return data.batch(64)


train_data, test_data = to_dataset(train, shuffle=True), to_dataset(test)


# 2. A layer of preprocessing for each column, which learns from the column what there is in it.


def encode_words(name):
    """A column of text: the words become numbers, and those a row of zeros with a one."""
    lookup = layers.StringLookup(output_mode="one_hot")
    lookup.adapt(train_data.map(lambda columns, answer: columns[name]))
    column = keras.Input((1,), name=name, dtype="string")
    return column, lookup(column)


def encode_measure(name):
    """A column of measures: mean zero, deviation one."""
    normalize = layers.Normalization()
    normalize.adapt(train_data.map(lambda columns, answer: columns[name]))
    column = keras.Input((1,), name=name)
    return column, normalize(column)


def encode_count(name, most):
    """A column of small whole numbers: a row of zeros with a one."""
    column = keras.Input((1,), name=name, dtype="int64")
    return column, layers.CategoryEncoding(num_tokens=most + 1, output_mode="one_hot")(column)


encoded = [encode_words("district"), encode_words("heating"), encode_count("rooms", most=5)]
encoded += [encode_measure("area"), encode_measure("built")]

# 3. The model.

x = layers.concatenate([features for _, features in encoded])
x = layers.Dense(32, activation="relu")(x)
x = layers.Dropout(0.1)(x)
outputs = layers.Dense(1, activation="sigmoid")(x)
model = keras.Model({column.name: column for column, _ in encoded}, outputs)
model.compile(
    keras.optimizers.Adam(0.003), loss="binary_crossentropy", metrics=["accuracy", keras.metrics.AUC(name="auc")]
)
model.fit(train_data, epochs=10, verbose=2)

# 4. The test, and two flats that are not in the table.

loss, accuracy, auc = model.evaluate(test_data, verbose=0)
print(f"Test accuracy {accuracy:.2%}, area under the curve {auc:.3f}")

for district, area in (("harbour", 90.0), ("station", 60.0)):
    flat = {"district": district, "heating": "gas", "rooms": 3, "area": area, "built": 1990}
    batch = {name: tf.convert_to_tensor([[value]]) for name, value in flat.items()}
    print(f"  {area:.0f} square metres, {district}: dear with {float(model.predict(batch, verbose=0)[0, 0]):.0%}")
