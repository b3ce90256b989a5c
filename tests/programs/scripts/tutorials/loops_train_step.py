"""What happens in fit: train_step, test_step, sample weights, class weights and metrics of one's own."""

import numpy as np
import tensorflow as tf
from tensorflow import keras

rng = np.random.default_rng(0)


class BinaryTruePositives(keras.metrics.Metric):
    def __init__(self, name="binary_true_positives", **kwargs):
        super().__init__(name=name, **kwargs)
        self.true_positives = self.add_weight(name="tp", initializer="zeros")

    def update_state(self, y_true, y_pred, sample_weight=None):
        y_true, y_pred = tf.cast(y_true, tf.bool), tf.greater(y_pred, 0.5)
        values = tf.logical_and(tf.equal(y_true, True), tf.equal(y_pred, True))
        self.true_positives.assign_add(tf.reduce_sum(tf.cast(values, self.dtype)))

    def result(self):
        return self.true_positives

    def reset_state(self):
        self.true_positives.assign(0)


class CustomModel(keras.Model):
    def train_step(self, data):
        x, y = data
        with tf.GradientTape() as tape:
            y_pred = self(x, training=True)
            loss = self.compute_loss(y=y, y_pred=y_pred)
        gradients = tape.gradient(loss, self.trainable_variables)
        self.optimizer.apply_gradients(zip(gradients, self.trainable_variables))
        for metric in self.metrics:
            if metric.name == "loss":
                metric.update_state(loss)
            else:
                metric.update_state(y, y_pred)
        return {m.name: m.result() for m in self.metrics}


inputs = keras.Input(shape=(6,))
outputs = keras.layers.Dense(1, activation="sigmoid")(inputs)
model = CustomModel(inputs, outputs)
model.set_weights([rng.normal(0, 0.3, w.shape) for w in model.get_weights()])
x, y = rng.random((64, 6)).astype("float32"), rng.integers(0, 2, (64, 1)).astype("float32")
model.compile(optimizer=keras.optimizers.Adam(0.01), loss="binary_crossentropy", metrics=[BinaryTruePositives(), "mae"])
history = model.fit(x, y, epochs=2, batch_size=16, shuffle=False, verbose=0)
print("keys", sorted(history.history))
print("loss", [round(float(v), 4) for v in history.history["loss"]])
print("mae", [round(float(v), 4) for v in history.history["mae"]])
print("evaluated", len(model.evaluate(x, y, verbose=0)))
plain = keras.Model(inputs, outputs)
plain.compile(optimizer="sgd", loss="binary_crossentropy")
print("weighted", round(plain.evaluate(x, y, sample_weight=np.linspace(0, 1, 64), verbose=0), 3))
plain.fit(x, y, class_weight={0: 1.0, 1: 2.0}, epochs=1, verbose=0, shuffle=False)
print("on batch", round(float(plain.train_on_batch(x[:8], y[:8])), 2))
print("summary", plain.count_params(), plain.layers[-1].output.shape)
