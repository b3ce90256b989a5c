"""Steps for TensorFlow in models' classes: with the metrics of `compile`, and with a loss and metrics of one's own."""

import keras
import tensorflow as tf
from guide_parts import NOISE, X, classifier, judge_and_forger, show_history, show_training


class Classifier(keras.Model):
    def measured(self, loss, y, y_pred, sample_weight):
        for metric in self.metrics:
            if metric.name == "loss":
                metric.update_state(loss)
            else:
                metric.update_state(y, y_pred, sample_weight=sample_weight)
        return {m.name: m.result() for m in self.metrics}

    def train_step(self, data):
        x, y, sample_weight = keras.utils.unpack_x_y_sample_weight(data)
        with tf.GradientTape() as tape:
            y_pred = self(x, training=True)
            loss = self.compute_loss(y=y, y_pred=y_pred, sample_weight=sample_weight)
        trainable_vars = self.trainable_variables
        self.optimizer.apply(tape.gradient(loss, trainable_vars), trainable_vars)
        return self.measured(loss, y, y_pred, sample_weight)

    def test_step(self, data):
        x, y, sample_weight = keras.utils.unpack_x_y_sample_weight(data)
        y_pred = self(x, training=False)
        loss = self.compute_loss(y=y, y_pred=y_pred, sample_weight=sample_weight)
        return self.measured(loss, y, y_pred, sample_weight)


class Pair(keras.Model):
    """A forger and a judge, each with an optimizer, with a mean of each one's loss."""

    def __init__(self, judge, forger):
        super().__init__()
        self.judge, self.forger = judge, forger
        self.means = [keras.metrics.Mean(name="judge_loss"), keras.metrics.Mean(name="forger_loss")]
        self.loss_of = keras.losses.BinaryCrossentropy(from_logits=True)
        self.built = True

    def compile(self, judges, forges):
        super().compile()
        self.judges, self.forges = judges, forges

    @property
    def metrics(self):
        return self.means

    def train_step(self, data):
        x = data[0] if isinstance(data, tuple) else data
        count = tf.shape(x)[0]
        noise = tf.constant(NOISE)[:count]
        both = tf.concat([self.forger(noise), x], axis=0)
        labels = tf.concat([tf.zeros((count, 1)), tf.ones((count, 1))], axis=0)
        with tf.GradientTape() as tape:
            first = self.loss_of(labels, self.judge(both))
        weights = self.judge.trainable_weights
        self.judges.apply_gradients(zip(tape.gradient(first, weights), weights))
        with tf.GradientTape() as tape:
            second = self.loss_of(tf.ones((count, 1)), self.judge(self.forger(noise)))
        weights = self.forger.trainable_weights
        self.forges.apply_gradients(zip(tape.gradient(second, weights), weights))
        for metric, loss in zip(self.means, (first, second)):
            metric.update_state(loss)
        return {m.name: m.result() for m in self.means}


show_training(classifier(Classifier))

pair = Pair(*judge_and_forger())
pair.compile(keras.optimizers.Adam(), keras.optimizers.Adam())
show_history(pair.fit(X, epochs=2, batch_size=32, shuffle=False, verbose=0))
pairs = tf.data.Dataset.from_tensor_slices(X).batch(20)
show_history(pair.fit(pairs, verbose=0))
