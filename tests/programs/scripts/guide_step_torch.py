"""Steps for PyTorch in models' classes: with the metrics of `compile`, and with a loss and metrics of one's own."""

import keras
import torch
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
        self.zero_grad()
        y_pred = self(x, training=True)
        loss = self.compute_loss(y=y, y_pred=y_pred, sample_weight=sample_weight)
        loss.backward()
        trainable_weights = list(self.trainable_weights)
        gradients = [v.value.grad for v in trainable_weights]
        with torch.no_grad():
            self.optimizer.apply(gradients, trainable_weights)
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

    def improve(self, network, optimizer, loss):
        self.zero_grad()
        loss.backward()
        weights = network.trainable_weights
        with torch.no_grad():
            optimizer.apply([v.value.grad for v in weights], weights)

    def train_step(self, data):
        x = data[0] if isinstance(data, tuple) else data
        count = x.shape[0]
        noise = torch.from_numpy(NOISE)[:count]
        both = torch.concatenate([self.forger(noise), torch.as_tensor(x)], axis=0)
        labels = torch.concatenate([torch.zeros((count, 1)), torch.ones((count, 1))], axis=0)
        labels = labels + 0.05 * keras.ops.cos(keras.ops.reshape(keras.ops.arange(2.0 * count), (2 * count, 1)))
        first = self.loss_of(labels, self.judge(both))
        self.improve(self.judge, self.judges, first)
        second = self.loss_of(torch.ones((count, 1)), self.judge(self.forger(noise)))
        self.improve(self.forger, self.forges, second)
        for metric, loss in zip(self.means, (first, second)):
            metric.update_state(loss)
        return {m.name: m.result() for m in self.means}


show_training(classifier(Classifier))

pair = Pair(*judge_and_forger())
pair.compile(keras.optimizers.Adam(), keras.optimizers.Adam())
show_history(pair.fit(X, epochs=2, batch_size=32, shuffle=False, verbose=0))
