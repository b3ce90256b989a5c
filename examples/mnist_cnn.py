"""Teach a small convolutional network to read handwritten digits.

    pronghorn run examples/mnist_cnn.py

It trains on 54,000 images of MNIST, keeps 6,000 aside to watch its progress, and then reads 10,000 digits that it
has never seen. Two pictures tell what happened: training_curves.png and predictions.png.
"""

import argparse
import time

import keras
import matplotlib.pyplot as plt
import numpy as np
from keras import layers

parser = argparse.ArgumentParser(description="Teach a small convolutional network to read handwritten digits.")
parser.add_argument("--epochs", type=int, default=10, help="how often to go through the training images")
parser.add_argument("--images", type=int, default=60_000, help="train with fewer images, to try things out quickly")
parser.add_argument("--seed", type=int, default=0, help="the same seed gives the same network, to the last bit")
options = parser.parse_args()

keras.utils.set_random_seed(options.seed)

# 1. The data: images of 28 by 28 grey pixels, each with a label from 0 to 9.

(x_train, y_train), (x_test, y_test) = keras.datasets.mnist.load_data()
x_train, y_train = x_train[: options.images], y_train[: options.images]
print(f"{len(x_train):,} images to learn from, {len(x_test):,} to be tested with")

# Networks like numbers around 1, and convolutions want an axis for the colours, of which there is one.
x_train = np.expand_dims(x_train.astype("float32") / 255, axis=-1)
x_test = np.expand_dims(x_test.astype("float32") / 255, axis=-1)

# A label such as 3 becomes ten numbers, 0 0 0 1 0 0 0 0 0 0: what the network should answer.
y_train = keras.utils.to_categorical(y_train, 10)
y_test = keras.utils.to_categorical(y_test, 10)

# 2. The network: two convolutions find strokes and then shapes, each followed by a pooling that keeps the strongest
#    find in every 2 by 2 square; a dense layer weighs the shapes and names a digit.

model = keras.Sequential(
    [
        keras.Input(shape=(28, 28, 1)),
        layers.Conv2D(32, kernel_size=(3, 3), activation="relu"),
        layers.MaxPooling2D(pool_size=(2, 2)),
        layers.Conv2D(64, kernel_size=(3, 3), activation="relu"),
        layers.MaxPooling2D(pool_size=(2, 2)),
        layers.Flatten(),
        layers.Dropout(0.5),  # half of the shapes are hidden at random, so that no single one becomes a crutch
        layers.Dense(10, activation="softmax"),
    ]
)
model.summary()

# 3. The training.

model.compile(optimizer="adam", loss="categorical_crossentropy", metrics=["accuracy"])

start = time.perf_counter()
history = model.fit(x_train, y_train, batch_size=128, epochs=options.epochs, validation_split=0.1)
print(f"Training took {time.perf_counter() - start:.1f} s.")

# 4. The test, with digits the network has not seen.

loss, accuracy = model.evaluate(x_test, y_test, verbose=0)
print(f"Test loss {loss:.4f}, test accuracy {accuracy:.2%}")

probabilities = model.predict(x_test[:20], verbose=0)
predicted = np.argmax(probabilities, axis=1)
actual = np.argmax(y_test[:20], axis=1)
print("predicted:", *predicted)
print("actual:   ", *actual)

# 5. The pictures.

epochs = np.array(history.epoch) + 1
figure, (left, right) = plt.subplots(1, 2, figsize=(10, 4), layout="constrained")
for axes, name in ((left, "loss"), (right, "accuracy")):
    axes.plot(epochs, history.history[name], marker="o", label="training")
    axes.plot(epochs, history.history[f"val_{name}"], marker="o", label="validation")
    axes.set(xlabel="epoch", ylabel=name, xticks=epochs)
    axes.grid(alpha=0.3)
    axes.legend()
figure.suptitle(f"Learning to read digits: {accuracy:.2%} right on the test images")
figure.savefig("training_curves.png", dpi=120)

figure, grid = plt.subplots(2, 10, figsize=(10, 2.8), layout="constrained")
for index, axes in enumerate(grid.flat):
    right_answer = predicted[index] == actual[index]
    axes.imshow(x_test[index, :, :, 0], cmap="gray_r")
    axes.set_title(
        f"{predicted[index]}  {probabilities[index].max():.0%}" + ("" if right_answer else f"\ntrue: {actual[index]}"),
        color="tab:green" if right_answer else "tab:red",
        fontsize=9,
    )
    axes.axis("off")
figure.suptitle("The first 20 test images: what the network reads, and how sure it is")
figure.savefig("predictions.png", dpi=120)

print("The pictures are in training_curves.png and predictions.png.")
