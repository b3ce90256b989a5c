"""Fine-tuning: a base is frozen, a head trained, then the base with a low rate."""

import numpy as np
from tensorflow import keras

rng = np.random.default_rng(3)
base = keras.Sequential(
    [
        keras.Input((8, 8, 3)),
        keras.layers.Conv2D(6, 3, activation="relu", name="conv"),
        keras.layers.BatchNormalization(name="norm"),
    ],
    name="base",
)
base.trainable = False
inputs = keras.Input(shape=(8, 8, 3))
x = base(inputs, training=False)
x = keras.layers.GlobalAveragePooling2D()(x)
x = keras.layers.Dropout(0.2)(x)
outputs = keras.layers.Dense(1)(x)
model = keras.Model(inputs, outputs)
model.set_weights(
    [rng.normal(0, 0.3, w.shape) if "variance" not in w.name else np.ones(w.shape) for w in model.weights]
)
print("trainable", len(model.trainable_weights), "frozen", len(model.non_trainable_weights))
x_train = rng.random((32, 8, 8, 3)).astype("float32")
y_train = (x_train.mean((1, 2, 3)) > 0.5).astype("float32")
model.compile(
    optimizer=keras.optimizers.Adam(1e-2),
    loss=keras.losses.BinaryCrossentropy(from_logits=True),
    metrics=[keras.metrics.BinaryAccuracy()],
)
before = base.get_weights()[0].copy()
print("head", round(model.evaluate(x_train, y_train, verbose=0)[0], 3))
model.fit(x_train, y_train, epochs=1, verbose=0)
print("unchanged", bool((base.get_weights()[0] == before).all()))
base.trainable = True
model.compile(optimizer=keras.optimizers.SGD(1e-5), loss=keras.losses.BinaryCrossentropy(from_logits=True))
model.fit(x_train, y_train, epochs=1, verbose=0)
print("changed", bool((base.get_weights()[0] != before).any()))
print("trainable", len(model.trainable_weights), "frozen", len(model.non_trainable_weights))
print("layers", [layer.__class__.__name__ for layer in model.layers])
