"""Steps for JAX in models' classes: with the metrics of `compile`, and with a loss and metrics of one's own."""

import jax
import keras
from guide_parts import NOISE, X, classifier, judge_and_forger, show_history, show_training


class Classifier(keras.Model):
    def loss_and_updates(self, trainable, others, x, y, sample_weight, training=False):
        y_pred, others = self.stateless_call(trainable, others, x, training=training)
        return self.compute_loss(x, y, y_pred, sample_weight), (y_pred, others)

    def measured(self, counts, loss, y, y_pred, sample_weight):
        logs, updated = {}, []
        for metric in self.metrics:
            held = counts[len(updated) : len(updated) + len(metric.variables)]
            if metric.name == "loss":
                held = metric.stateless_update_state(held, loss)
            else:
                held = metric.stateless_update_state(held, y, y_pred, sample_weight=sample_weight)
            logs[metric.name] = metric.stateless_result(held)
            updated += held
        return logs, updated

    def train_step(self, state, data):
        trainable, others, slots, counts = state
        x, y, sample_weight = keras.utils.unpack_x_y_sample_weight(data)
        differentiated = jax.value_and_grad(self.loss_and_updates, has_aux=True)
        (loss, (y_pred, others)), grads = differentiated(trainable, others, x, y, sample_weight, training=True)
        trainable, slots = self.optimizer.stateless_apply(slots, grads, trainable)
        logs, counts = self.measured(counts, loss, y, y_pred, sample_weight)
        return logs, (trainable, others, slots, counts)

    def test_step(self, state, data):
        trainable, others, counts = state
        x, y, sample_weight = keras.utils.unpack_x_y_sample_weight(data)
        loss, (y_pred, others) = self.loss_and_updates(trainable, others, x, y, sample_weight)
        logs, counts = self.measured(counts, loss, y, y_pred, sample_weight)
        return logs, (trainable, others, counts)


class Pair(keras.Model):
    """A forger and a judge, updated by hand, with a mean of each one's loss."""

    def __init__(self, judge, forger):
        super().__init__()
        self.judge, self.forger = judge, forger
        self.means = [keras.metrics.Mean(name="judge_loss"), keras.metrics.Mean(name="forger_loss")]
        self.loss_of = keras.losses.BinaryCrossentropy(from_logits=True)
        self.built = True

    @property
    def metrics(self):
        return self.means

    def judged(self, weights, x, real):
        scores, _ = self.judge.stateless_call(weights, self.judge.non_trainable_variables, x, training=True)
        return self.loss_of(jax.numpy.full((len(x), 1), real), scores)

    def forged(self, weights):
        fakes, _ = self.forger.stateless_call(weights, self.forger.non_trainable_variables, NOISE, training=True)
        return fakes

    def train_step(self, state, data):
        trainable, others, slots, counts = state
        count = len(self.judge.trainable_variables)
        judge, forger = trainable[:count], trainable[count:]
        x = data[0] if isinstance(data, tuple) else data

        def judge_loss(weights):
            return self.judged(weights, x, 1.0) + self.judged(weights, self.forged(forger), 0.0)

        def forger_loss(weights):
            return self.judged(judge, self.forged(weights), 1.0)

        first, grads = jax.value_and_grad(judge_loss)(judge)
        judge = [w - 0.1 * g for w, g in zip(judge, grads)]
        second, grads = jax.value_and_grad(forger_loss)(forger)
        forger = [w - 0.1 * g for w, g in zip(forger, grads)]
        logs, updated = {}, []
        for metric, loss in zip(self.means, (first, second)):
            held = counts[len(updated) : len(updated) + len(metric.variables)]
            held = metric.stateless_update_state(held, loss)
            logs[metric.name] = metric.stateless_result(held)
            updated += held
        return logs, (judge + forger, others, slots, updated)


show_training(classifier(Classifier))

pair = Pair(*judge_and_forger())
pair.compile()
show_history(pair.fit(X, epochs=2, batch_size=32, shuffle=False, verbose=0))
