"""A loop for JAX over a model's pure functions: `stateless_call` with the losses of layers, metrics, the state."""

import jax
import keras
from guide_parts import LABELS, X, penalized, show


def values(variables):
    return [v.value for v in variables]


model = penalized()
loss_of = keras.losses.SparseCategoricalCrossentropy(from_logits=True)
optimizer = keras.optimizers.Adam(1e-2)
optimizer.build(model.trainable_variables)
accuracy = keras.metrics.SparseCategoricalAccuracy()


def loss_and_updates(trainable, others, counts, x, y):
    logits, others, losses = model.stateless_call(trainable, others, x, training=True, return_losses=True)
    loss = loss_of(y, logits)
    if losses:
        loss += jax.numpy.sum(jax.numpy.array(losses))
    return loss, (others, accuracy.stateless_update_state(counts, y, logits))


differentiated = jax.value_and_grad(loss_and_updates, has_aux=True)


@jax.jit
def train_step(state, data):
    trainable, others, slots, counts = state
    (loss, (others, counts)), grads = differentiated(trainable, others, counts, *data)
    trainable, slots = optimizer.stateless_apply(slots, grads, trainable)
    return loss, (trainable, others, slots, counts)


@jax.jit
def test_step(state, data):
    trainable, others, counts = state
    logits, others = model.stateless_call(trainable, others, data[0], training=False)
    return loss_of(data[1], logits), (trainable, others, accuracy.stateless_update_state(counts, data[1], logits))


groups = model.trainable_variables, model.non_trainable_variables, optimizer.variables, accuracy.variables
state = tuple(map(values, groups))
for _ in range(2):
    losses = []
    for i in range(0, 100, 20):
        loss, state = train_step(state, (X[i : i + 20], LABELS[i : i + 20]))
        losses.append(loss)
        show("accuracy so far", [accuracy.stateless_result(state[3])])
    show("losses", losses)
    *state, counts = state
    for variable, value in zip(accuracy.variables, counts):
        variable.assign(value)
    show("accuracy", [accuracy.result()])
    accuracy.reset_state()
    loss, _ = test_step((*state[:2], values(accuracy.variables)), (X, LABELS))
    show("test loss", [loss])
    state = (*state, values(accuracy.variables))
for group, new in zip(groups, state):
    for variable, value in zip(group, new):
        variable.assign(value)
show("predict", model.predict(X[:2], verbose=0))
show("iterations", [int(optimizer.iterations)])
show("norm", [jax.numpy.sqrt(sum(jax.numpy.sum(v**2) for v in values(model.trainable_variables)))])
