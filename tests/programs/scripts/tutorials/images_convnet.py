"""A small convolutional network, trained on pictures of bars."""

import numpy as np
from tensorflow import keras
from tensorflow.keras import layers

rng = np.random.default_rng(0)
y_train = rng.integers(0, 4, 128)
x_train = rng.random((128, 12, 12, 1)).astype("float32") * 0.3
for image, label in zip(x_train, y_train):
    image[label * 3 : label * 3 + 2] += 0.7

model = keras.Sequential(
    [
        keras.Input(shape=(12, 12, 1)),
        layers.Conv2D(8, kernel_size=(3, 3), activation="relu"),
        layers.MaxPooling2D(pool_size=(2, 2)),
        layers.Flatten(),
        layers.Dense(4, activation="softmax"),
    ]
)
model.set_weights([rng.normal(0, 0.2, w.shape) for w in model.get_weights()])
model.compile(loss="sparse_categorical_crossentropy", optimizer="adam", metrics=["accuracy"])
history = model.fit(x_train, y_train, batch_size=32, epochs=3, shuffle=False, verbose=0)
for epoch, loss in enumerate(history.history["loss"]):
    print("epoch", epoch, "loss", round(loss, 3))
score = model.evaluate(x_train, y_train, verbose=0)
print("parameters", model.count_params())
print("evaluated", round(score[0], 3))
print("shape of predictions", model.predict(x_train[:5], verbose=0).shape)
