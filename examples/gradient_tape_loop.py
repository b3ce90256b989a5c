"""A training loop by hand, as TensorFlow's tutorials write it: tf.data, tf.function and tf.GradientTape.

    pronghorn run examples/gradient_tape_loop.py [--epochs 3] [--images 60000]

Every step is spelled out: predictions, loss, gradients, update, metrics. Expect 97 % on the test images.
"""

import argparse
import time

import tensorflow as tf

parser = argparse.ArgumentParser(description="A training loop by hand.")
parser.add_argument("--epochs", type=int, default=3, help="how often to go through the training images")
parser.add_argument("--images", type=int, default=60_000, help="how many images to train with")
options = parser.parse_args()

tf.keras.utils.set_random_seed(0)

# 1. The data, shuffled and in batches.

(x_train, y_train), (x_test, y_test) = tf.keras.datasets.mnist.load_data()
x_train, x_test = x_train.astype("float32") / 255, x_test.astype("float32") / 255
x_train, y_train = x_train[: options.images], y_train[: options.images]

train_data = tf.data.Dataset.from_tensor_slices((x_train, y_train)).shuffle(10_000, seed=0).batch(64)
test_data = tf.data.Dataset.from_tensor_slices((x_test, y_test)).batch(500)


# 2. The model, a subclass with layers of its own.


class Reader(tf.keras.Model):
    """Two dense layers that read a digit."""

    def __init__(self):
        super().__init__()
        self.flatten = tf.keras.layers.Flatten()
        self.hidden = tf.keras.layers.Dense(128, activation="relu")
        self.dropout = tf.keras.layers.Dropout(0.2)
        self.scores = tf.keras.layers.Dense(10)

    def call(self, images, training=False):
        x = self.hidden(self.flatten(images))
        return self.scores(self.dropout(x, training=training))


model = Reader()
loss_object = tf.keras.losses.SparseCategoricalCrossentropy(from_logits=True)
optimizer = tf.keras.optimizers.Adam()
train_loss = tf.keras.metrics.Mean(name="train_loss")
train_accuracy = tf.keras.metrics.SparseCategoricalAccuracy(name="train_accuracy")
test_accuracy = tf.keras.metrics.SparseCategoricalAccuracy(name="test_accuracy")


# 3. The steps.


@tf.function
def train_step(images, labels):
    """Learn from one batch."""
    with tf.GradientTape() as tape:
        predictions = model(images, training=True)
        loss = loss_object(labels, predictions)
    gradients = tape.gradient(loss, model.trainable_variables)
    optimizer.apply_gradients(zip(gradients, model.trainable_variables))
    train_loss(loss)
    train_accuracy(labels, predictions)


@tf.function
def test_step(images, labels):
    """Look how many digits of one batch are read."""
    test_accuracy(labels, model(images, training=False))


# 4. The loop.

for epoch in range(options.epochs):
    start = time.perf_counter()
    for metric in (train_loss, train_accuracy, test_accuracy):
        metric.reset_state()
    for images, labels in train_data:
        train_step(images, labels)
    for images, labels in test_data:
        test_step(images, labels)
    print(
        f"Epoch {epoch + 1}: loss {train_loss.result():.4f}, accuracy {train_accuracy.result():.2%}, "
        f"test accuracy {test_accuracy.result():.2%}, {time.perf_counter() - start:.1f} s"
    )

digits = tf.argmax(model(x_test[:12]), axis=1)
print("predicted:", *digits.numpy())
print("actual:   ", *y_test[:12])
