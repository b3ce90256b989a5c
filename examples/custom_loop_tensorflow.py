"""A loop of TensorFlow's own trains a model: the real `tf.data`, `tf.function` and `tf.GradientTape`.

    KERAS_BACKEND=tensorflow pronghorn run examples/custom_loop_tensorflow.py [--epochs 3] [--images 60000]

With TensorFlow as the engine, `import tensorflow` is TensorFlow itself; the model's weights are its variables, in its
functions and on its tapes. Images are shifted at random by the input pipeline, gradients are clipped, and the weights'
penalties come with the loss. Expect 98.4 % on the test images.
"""

import argparse

import keras
import tensorflow as tf
from keras import layers, regularizers


def shifted(image, label):
    """An image of a digit, moved by up to two pixels."""
    padded = tf.pad(image, [[2, 2], [2, 2], [0, 0]])
    return tf.image.random_crop(padded, (28, 28, 1)), label


def main():
    parser = argparse.ArgumentParser(description="Train a digits model by a loop of TensorFlow's own.")
    parser.add_argument("--epochs", type=int, default=3)
    parser.add_argument("--images", type=int, default=60_000)
    options = parser.parse_args()

    keras.utils.set_random_seed(0)
    tf.random.set_seed(0)
    (x, y), (x_test, y_test) = keras.datasets.mnist.load_data()
    x, y = x[: options.images, ..., None].astype("float32") / 255, y[: options.images].astype("int32")
    x_test, y_test = x_test[..., None].astype("float32") / 255, y_test.astype("int32")
    pairs = tf.data.Dataset.from_tensor_slices((x, y)).shuffle(10_000).map(shifted, num_parallel_calls=2)
    pairs = pairs.batch(64, drop_remainder=True).prefetch(2)
    test_pairs = tf.data.Dataset.from_tensor_slices((x_test, y_test)).batch(500)

    model = keras.Sequential(
        [
            keras.Input((28, 28, 1)),
            layers.Conv2D(16, 3, activation="relu"),
            layers.MaxPooling2D(),
            layers.Conv2D(32, 3, activation="relu"),
            layers.MaxPooling2D(),
            layers.Flatten(),
            layers.Dense(10, kernel_regularizer=regularizers.L2(1e-4)),
        ]
    )
    optimizer = keras.optimizers.Adam(2e-3)
    loss_of = keras.losses.SparseCategoricalCrossentropy(from_logits=True)
    accuracy = keras.metrics.SparseCategoricalAccuracy()

    @tf.function
    def train_step(images, labels):
        with tf.GradientTape() as tape:
            logits = model(images, training=True)
            loss = loss_of(labels, logits) + sum(model.losses)
        gradients, _ = tf.clip_by_global_norm(tape.gradient(loss, model.trainable_weights), 5.0)
        optimizer.apply(gradients, model.trainable_weights)
        accuracy.update_state(labels, logits)
        return loss

    @tf.function
    def test_step(images, labels):
        accuracy.update_state(labels, model(images, training=False))

    for epoch in range(options.epochs):
        accuracy.reset_state()
        for images, labels in pairs:
            loss = train_step(images, labels)
        print(f"epoch {epoch + 1}: loss {float(loss):.4f}, accuracy so far {100 * float(accuracy.result()):.1f}%")

    accuracy.reset_state()
    for images, labels in test_pairs:
        test_step(images, labels)
    print(f"test accuracy {100 * float(accuracy.result()):.2f}%")


if __name__ == "__main__":
    main()
