"""The functional API: shared layers, several inputs and outputs, nested models, and residual connections."""

import numpy as np
import tensorflow as tf
from tensorflow import keras
from tensorflow.keras import layers

rng = np.random.default_rng(0)
title_input = keras.Input(shape=(None,), name="title", dtype="int32")
body_input = keras.Input(shape=(None,), name="body", dtype="int32")
tags_input = keras.Input(shape=(5,), name="tags")
embedding = layers.Embedding(50, 8)
title_features = layers.LSTM(8)(embedding(title_input))
body_features = layers.LSTM(4)(embedding(body_input))
x = layers.concatenate([title_features, body_features, tags_input])
priority_pred = layers.Dense(1, name="priority")(x)
department_pred = layers.Dense(3, name="department")(x)
model = keras.Model(
    inputs=[title_input, body_input, tags_input], outputs={"priority": priority_pred, "department": department_pred}
)
model.set_weights([rng.normal(0, 0.2, w.shape) for w in model.get_weights()])
model.compile(
    optimizer=keras.optimizers.RMSprop(1e-3),
    loss={
        "priority": keras.losses.BinaryCrossentropy(from_logits=True),
        "department": keras.losses.CategoricalCrossentropy(from_logits=True),
    },
    loss_weights={"priority": 1.0, "department": 0.2},
)
title, body = rng.integers(0, 50, (32, 6)), rng.integers(0, 50, (32, 9))
tags = rng.integers(0, 2, (32, 5)).astype("float32")
targets = {"priority": rng.integers(0, 2, (32, 1)).astype("float32"), "department": np.eye(3)[rng.integers(0, 3, 32)]}
history = model.fit(
    {"title": title, "body": body, "tags": tags}, targets, epochs=2, batch_size=16, shuffle=False, verbose=0
)
print("loss", [round(v, 3) for v in history.history["loss"]])
predictions = model.predict({"title": title, "body": body, "tags": tags}, verbose=0)
print("outputs", {k: v.shape for k, v in sorted(predictions.items())})
inputs = keras.Input(shape=(8, 8, 3), name="img")
x = layers.Conv2D(8, 3, activation="relu")(inputs)
block_1 = layers.MaxPooling2D(3)(x)
x = layers.Conv2D(8, 3, activation="relu", padding="same")(block_1)
block_2 = layers.add([x, block_1])
resnet = keras.Model(inputs, layers.GlobalAveragePooling2D()(block_2), name="toy_resnet")
print("resnet", resnet.output_shape, len(resnet.layers), resnet.count_params())


def get_model():
    i = keras.Input(shape=(12,))
    return keras.Model(i, layers.Dense(1)(i))


i = keras.Input(shape=(12,))
ensemble = keras.Model(i, layers.average([get_model()(i) for _ in range(3)]))
print("ensemble", ensemble(tf.ones((2, 12))).shape, len(ensemble.layers))
extractor = keras.Model(resnet.inputs, [layer.output for layer in resnet.layers[1:3]])
print("features", [tuple(f.shape) for f in extractor(tf.zeros((1, 8, 8, 3)))])
print("json", keras.models.model_from_json(resnet.to_json()).name)
